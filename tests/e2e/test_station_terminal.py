"""The station on a terminal of 80 x 24, by keyboard and scanner alone, through a pseudo-terminal: the same states and rules as the page."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

import powered
import rig
import test_station_people as people
from station import LIMIT_S, Station


class Terminal:
    """What stands on the screen, from the station's own control sequences: go to a row, colours, text."""

    def __init__(self, station, rows=24, columns=80, more=()):
        station.kill()
        self.station, self.rows, self.bells = station, [""] * rows, 0
        station.config["listen"] = "127.0.0.1:0"
        station.path.write_text(__import__("json").dumps(station.config))
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execv(rig.PENRIG, [str(rig.PENRIG), "station", str(station.path), "--terminal", *more])
        self.before = b""

    def read(self):
        try:
            data = self.before + os.read(self.fd, 65536)
        except OSError:
            return False
        whole = data.endswith(b"\x1b[0m")  # each drawing ends so
        cut = max((m.start() for m in re.finditer(rb"\x1b\[\d+;1H", data)), default=0) if not whole else len(data)
        self.before = data[cut:]
        for row, text in re.findall(r"\x1b\[(\d+);1H([^\x1b]*(?:\x1b\[[\d;]*m[^\x1b]*)*)", data[:cut].decode(errors="replace")):
            self.rows[int(row) - 1] = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", text)
            self.bells += text.count("\a")
        return True

    def text(self):
        return "\n".join(self.rows)

    def until(self, what):
        end = time.monotonic() + LIMIT_S
        while what not in self.text():
            if not select.select([self.fd], [], [], max(0, end - time.monotonic()))[0] or not self.read():
                raise RuntimeError(f"{what!r} never came:\n{self.text()}")
        return self.text()

    def until_bells(self, count):
        while self.bells < count and select.select([self.fd], [], [], LIMIT_S)[0] and self.read():
            pass

    def keys(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        os.kill(self.pid, signal.SIGTERM)
        while self.read():
            pass
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def letters(text):
    return sum(line.count("█") for line in text.split("\n"))


def verdicts(check):
    t = Terminal(Station())
    t.until("Scan a pen")
    t.keys("HELLO\r")
    t.until("No product of this station")
    t.keys("PEN-GOOD-01\r")
    t.until("Enter: START")
    t.keys("\r")
    seen = t.until("On to the next station")
    t.until_bells(1)
    check("PEN-GOOD-01" in seen and letters(seen) > 40 and t.bells == 1, f"PASS in big letters, one bell ({t.bells}):\n{seen}")
    t.keys("]d20104012345678901" "21PEN-DEEP-01\x1d10L42\t")
    t.until("Enter: START")
    t.keys("%START\r")
    seen = t.until("Red bin")
    t.until_bells(3)
    check("Depth off by" in seen and "0.15" in seen and "PEN-DEEP-01" in seen and t.bells == 3, f"FAIL, what decided, two bells more ({t.bells}):\n{seen}")
    check(all(len(r.rstrip("\a")) == 80 for r in t.rows), f"24 rows of 80 characters: {[len(r) for r in t.rows]}")
    t.keys("\x1b[19~")  # F8: no STOP, no text
    t.keys("PEN-GOOD-01\r")
    t.until("has passed already")
    check(t.end() == 0, "SIGTERM ends it")


def stop(check):
    t = Terminal(Station(plan=people.SLOWER, fast=False, start="at_once"))
    t.until("Scan a pen")
    t.keys("PEN-GOOD-01\r")
    t.until("Measuring")
    t.keys(" ")
    t.until("PEN-GOOD-01")
    seen = t.until("█")
    end = t.station.events()[-1][-1]
    wanted = "Do not touch the needles" if end["stop_unverified"] else "stopped before its end"
    check(end["exit_code"] == 143 and wanted in seen + t.until(wanted), f"Space stops: {end}")
    t.end()


def hands(check):
    s = Station(plan=powered.PROVEN, bench="bought-supply.json", world=("--dial", "{folder}/dial"), start="at_once")
    t = Terminal(s)
    t.until("Scan a pen")
    t.keys("PEN-GOOD-01\r")
    t.until("Scan the pen in the clamp")
    t.keys("\r")
    t.until("Scan or type what stands on the pen")
    t.keys("PEN-GOOD-01\r")
    for depth in ("0.7", "1"):
        t.until(f"dial to {depth} mm")
        (s.folder / "dial").write_text(depth + "\n")
        t.keys("\r")
    t.until("Scan the pen in the clamp")
    t.keys("PEN-GOOD-01\r")
    check("PEN-GOOD-01" in t.until("On to the next station"), "a pen of parts passes by keyboard alone")
    t.end()


def persons(check):
    people.make_accounts(check)
    s = Station(accounts=str(people.trail), plan=people.SLOWER, start="at_once")
    t = Terminal(s)
    t.until("Scan your badge")
    t.keys("EN-02\r")
    t.until("PIN of E. Setter")
    t.keys("0000\r")
    t.until("Not this name and PIN")
    t.keys("1618\r")
    t.until("Scan a pen")
    check("1618" not in t.text() and "E. Setter" in t.rows[0], "signed in, and no PIN on the screen")
    t.keys("PEN-GOOD-01\r")
    t.until("Red bin")
    t.keys("%SUPERVISOR\r")
    t.until("Supervisor's badge")
    for text, then in (("SV-01", "PIN>"), ("271828", "Why>"), ("phantom was torn", "1 test again")):
        t.keys(text + "\r")
        t.until(then)
    t.keys("1\r")
    t.until("\n > ")
    end = time.monotonic() + LIMIT_S
    while [u["verdict"] for u in s.units()][:2] != ["fail", "retest"] and time.monotonic() < end and t.read():
        pass
    check([u["verdict"] for u in s.units()][:2] == ["fail", "retest"], f"decided by keyboard alone: {s.units()}")
    t.keys("%SIGNOUT\r")
    while "E. Setter" in t.rows[0] and t.read():
        pass
    check("E. Setter" not in t.rows[0], "signed out")
    t.end()


def too_small(check):
    t = Terminal(Station(), rows=20)
    said = b""
    while True:
        try:
            said += os.read(t.fd, 4096)
        except OSError:
            break
    check(os.waitstatus_to_exitcode(os.waitpid(t.pid, 0)[1]) == 2 and b"80 x 24" in said, f"a terminal that is too small: {said}")
    done = subprocess.run([str(rig.PENRIG), "station", str(t.station.path), "--terminal"], capture_output=True, text=True, timeout=LIMIT_S, stdin=subprocess.DEVNULL)
    check(done.returncode == 2 and "no terminal" in done.stderr, f"none at all: {done.returncode} {done.stderr}")


def main():
    check = rig.Checks()
    for test in (verdicts, stop, hands, persons, too_small):
        try:
            test(check)
        except Exception as e:
            check(False, f"{test.__name__}: {type(e).__name__}: {e}")
        finally:
            Station.end_all()
    check.end()


if __name__ == "__main__":
    sys.exit(main())
