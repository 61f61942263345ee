#!/usr/bin/python3
"""How quick the station is: scan to the run's begin beside a run without it, verdict on a page after the run's end, its share of a core
when nothing happens, its memory over many units. Runs on the virtual clock; prints a table. Wants the computer to itself.
    B=build/dev ROOT=$PWD tests/bench/station.py [UNITS]"""
import fcntl
import os
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import rig  # noqa: E402
from station import Page, Station  # noqa: E402

IDLE_S = 10


def ticks(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_kb(pid):
    return next(int(line.split()[1]) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))


def begun(path, since):
    while True:
        try:
            if '"begin"' in path().read_text():
                return time.monotonic() - since
        except (StopIteration, OSError):
            pass
        time.sleep(0.0005)


def alone(station, number):
    """The same run, started by nobody's station: until its begin."""
    folder = station.folder / f"alone{number}"
    folder.mkdir()
    with open(folder / "events", "w", encoding="utf-8") as events:
        argv = [w.replace("{dut}", "PEN-GOOD-77") for w in station.config["command"]]
        argv += ["run", station.config["products"][0]["plan"], "--bench", station.config["benches"][0]["file"], "--dut", "PEN-GOOD-77", "--output-dir", str(folder),
                 "--history", str(folder / "history"), "--report", "html", "--progress-fd", str(events.fileno())]
        since = time.monotonic()
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=(events.fileno(),))
        took = begun(lambda: folder / "events", since)
        child.wait()
    return took


def freed(path, ret):
    """When the run let go of its events: its end, and that of its process."""
    with open(path, encoding="utf-8") as f:
        while True:
            try:
                fcntl.flock(f, fcntl.LOCK_SH | fcntl.LOCK_NB)
                ret.append(time.monotonic())
                return
            except BlockingIOError:
                time.sleep(0.0005)


def unit(station, page, number):
    serial = f"PEN-GOOD-{number:05d}"
    files = (station.folder / "state")
    since = time.monotonic()
    station.order("scan", code=serial)
    start = begun(lambda: next(files.glob(f"{serial}-*.events.jsonl")), since)
    ended = []
    watch = threading.Thread(target=freed, args=(next(files.glob(f"{serial}-*.events.jsonl")), ended))
    watch.start()
    page.until(lambda b: b["view"] == "verdict" and b["serial"] == serial)
    seen = time.monotonic()
    watch.join()
    return start, max(0.0, seen - ended[0])


def percentile(values, p):
    return sorted(values)[min(len(values) - 1, int(p * len(values)))]


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    s = Station(start="at_once")
    page = Page(s)
    page.until(lambda b: True)
    pid = s.process.pid
    before = ticks(pid)
    end = time.monotonic() + IDLE_S
    while time.monotonic() < end:
        page.next()
    idle = 100 * (ticks(pid) - before) / IDLE_S
    plain = [alone(s, i) for i in range(min(count, 20))]
    unit(s, page, 0)
    memory = resident_kb(pid)
    rows = [unit(s, page, i + 1) for i in range(count)]
    grown = resident_kb(pid) - memory
    starts, verdicts = [r[0] for r in rows], [r[1] for r in rows]
    print(f"{count} units on the virtual clock, one page")
    print(f"scan to the run's begin   median {1e3 * statistics.median(starts):.1f} ms; without the station {1e3 * statistics.median(plain):.1f} ms")
    print(f"end and exit to verdict   median {1e3 * statistics.median(verdicts):.1f} ms, p99 {1e3 * percentile(verdicts, 0.99):.1f} ms")
    print(f"idle, one page            {idle:.2f} % of a core")
    print(f"memory                    {memory} kB after the first unit, {grown:+d} kB after {count} more")
    s.end()


if __name__ == "__main__":
    main()
