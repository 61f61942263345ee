#!/usr/bin/python3
"""How quick the station is, with a page of it in a real browser: scan to the run's begin beside a run without it, the verdict on the page
after the run's end, what both take when nothing happens, their memory over many units. Runs on the virtual clock; prints a table, and
ends with 1 where a bound is missed. Wants the computer to itself.
    B=build/dev ROOT=$PWD tests/bench/station.py [UNITS]"""
import contextlib
import fcntl
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

for folder in "e2e", "browser":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / folder))
from station import Station  # noqa: E402
from window import Window, descendants  # noqa: E402

SETTLE_S = 15  # a browser that has just begun is busy with itself
IDLE_S = 20
WARM = 20   # units before memory is first read: the ring of events is full then, and the page's code compiled
ALONE = 10  # every so many units one is run without the station, so that both meet the same computer
# When a unit's verdict was painted: the turn after the next frame, on the computer's clock.
WATCH = """
window.painted = {};
new MutationObserver(() => {
  const d = document.body.dataset, serial = d.serial;
  if (d.view !== 'verdict' || serial in painted) return;
  painted[serial] = 0;
  requestAnimationFrame(() => setTimeout(() => { painted[serial] = Date.now(); }));
}).observe(document.body, { attributes: true });
"""
TAKE = """
const [serial, done] = arguments;
const look = () => { if (!painted[serial]) { setTimeout(look, 20); return; } done(painted[serial]); delete painted[serial]; };
look();
"""


def cpu_s(pids):
    def of(pid):
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return sum(of(pid) for pid in pids)


def ran_s(pids):
    """Of the threads that are there."""
    def of(path):
        with contextlib.suppress(OSError):
            return int(path.read_text().split()[0])
        return 0
    return sum(of(path) for pid in pids for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def resident_kb(pid):
    return next(int(line.split()[1]) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))


def page_holds(window):
    """What the page's script holds, kB, and how many nodes and listeners, after the collector has been. Not the browser's own heap beside it:
    that has what was not swept yet, and notes of its own of each frame that was late."""
    for _ in range(2):
        window.driver.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
    heap = window.driver.execute_cdp_cmd("Runtime.getHeapUsage", {})
    there = window.driver.execute_cdp_cmd("Memory.getDOMCounters", {})
    return sum(heap.get(key, 0) for key in ("usedSize", "backingStorageSize")) / 1024, there["nodes"] + there["jsEventListeners"]


def begun(path, since):
    while True:
        try:
            if '"begin"' in path().read_text():
                return time.monotonic() - since
        except (StopIteration, OSError):
            pass
        time.sleep(0.001)


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


def freed(path):
    """When the run let go of its events: the end of its process, which comes after its last event."""
    with open(path, encoding="utf-8") as f:
        fcntl.flock(f, fcntl.LOCK_SH)
        return time.time()


def unit(station, window, number):
    """Scan to begin; end and exit to the verdict in the browser. Seconds."""
    serial = f"PEN-GOOD-{number:05d}"
    files = station.folder / "state"
    since = time.monotonic()
    station.order("scan", code=serial)
    start = begun(lambda: next(files.glob(f"{serial}-*.events.jsonl")), since)
    ended = freed(next(files.glob(f"{serial}-*.events.jsonl")))
    seen = window.driver.execute_async_script(TAKE, serial)
    word = window.data("word")
    if word != "pass":
        raise RuntimeError(f"{serial}: {word}")
    return start, max(0.0, seen / 1000 - ended)


def percentile(values, p):
    return sorted(values)[min(len(values) - 1, int(p * len(values)))]


def idle(station, window):
    """Shares of a core, in per cent: station, all processes of the browser. Of the browser also what the kernel says of each thread, by the
    nanosecond: what is counted by ticks is coarse for who wakes for microseconds."""
    time.sleep(SETTLE_S)
    browser = descendants(window.driver.service.process.pid)[1:]
    who = ([station.process.pid], browser)
    before, ran = [cpu_s(pids) for pids in who], ran_s(browser)
    time.sleep(IDLE_S)
    return [100 * (cpu_s(pids) - b) / IDLE_S for pids, b in zip(who, before)] + [100 * (ran_s(browser) - ran) / IDLE_S]


def measure(station, window, count):
    for i in range(WARM):
        unit(station, window, i)
    memory = resident_kb(station.process.pid), *page_holds(window)
    rows, plain = [], []
    with contextlib.suppress(KeyboardInterrupt):  # what was measured until then is shown
        for i in range(count):
            if i % ALONE == 0:
                plain.append(alone(station, i))
            rows.append(unit(station, window, WARM + i))
    return [r[0] for r in rows], [r[1] for r in rows], plain, memory, (resident_kb(station.process.pid), *page_holds(window))


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    s = Station(start="at_once")
    w = Window()
    w.driver.get("about:blank")
    empty = idle(s, w)
    w.open(s)
    share = idle(s, w)
    w.js(WATCH)
    starts, verdicts, plain, before, after = measure(s, w, count)
    count, own = len(starts), statistics.median(plain)
    rows = [("scan to the run's begin, beyond the run's own, median, ms", 1e3 * (statistics.median(starts) - own), 50, f"{1e3 * own:.1f} ms are its own"),
            ("the same, 99 of 100, ms", 1e3 * (percentile(starts, 0.99) - percentile(plain, 0.99)), 50, f"{1e3 * percentile(plain, 0.99):.1f} ms are its own"),
            ("end and exit to the verdict in the browser, 99 of 100, ms", 1e3 * percentile(verdicts, 0.99), 100, f"median {1e3 * statistics.median(verdicts):.1f} ms"),
            ("nothing happens, station, % of a core", share[0], 0.5, "one page listens"),
            ("nothing happens, browser, % of a core", share[1], 1, f"all its processes; {share[2]:.2f} by its threads; with an empty page {empty[1]:.2f}, {empty[2]:.2f}"),
            (f"memory of the station, growth over {count} units, kB", after[0] - before[0], 1024, f"{before[0]} kB before"),
            (f"memory of the page, growth over {count} units, kB", after[1] - before[1], 1024, f"{before[1]:.0f} kB before"),
            (f"nodes and listeners of the page, growth over {count} units", after[2] - before[2], 100, f"{before[2]} before")]
    for what, value, bound, more in rows:
        print(f"{what:66} {value:8.2f}  <= {bound:4}  {'yes' if value <= bound else 'NO'}  {more}")
    w.driver.quit()
    s.end()
    return any(value > bound for _, value, bound, _ in rows)


if __name__ == "__main__":
    sys.exit(main())
