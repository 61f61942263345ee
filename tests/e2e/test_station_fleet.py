"""A unit that failed at a bench of the fleet shows no green here; a server that is away, or frozen, delays a verdict by seconds and is said."""
import os
import signal
import subprocess
import sys

import fleet
import rig
from fleet import Fleet
from station import Page, Station
from test_fleet_many import Person
from test_station import view


def verdict_of(s, page, dut):
    s.order("scan", code=dut)
    b = page.until(lambda b: b["serial"] == dut and b["view"] == "verdict")
    return b["verdict"]["word"], b["fleet_gone"]


def stands(s, dut):
    done = subprocess.run([str(rig.PENRIG), "station", str(s.path), f"--stands={dut}"], capture_output=True, text=True)
    return done.returncode, done.stdout.strip() or done.stderr


def asked(check, f):
    other = Person(f, f.agents[0])
    failed = {dut: other.run(f"fails-{dut}", dut, plan="ci-smoke", faults=("offset@0,by=0.5",))[1] for dut in ("PEN-GOOD-01", "PEN-GOOD-04", "PEN-GOOD-05")}
    other.push()
    s = Station(start="at_once", fleet=f.server.db("reader"))
    page = Page(s)
    check(verdict_of(s, page, "PEN-GOOD-02") == ("pass", False), f"one that nobody knows: {page.bench}")
    check(verdict_of(s, page, "PEN-GOOD-01") == ("held", False), f"one that failed at another bench: {page.bench}")
    check((stands(s, "PEN-GOOD-01"), stands(s, "PEN-GOOD-02")) == ((0, "failed"), (0, "open")), f"{stands(s, 'PEN-GOOD-01')}")
    rig.penrig_a("dispose", failed["PEN-GOOD-01"], "--decision", "accept", "--by", "R. Chief", "--reason", "scratch only", "--history", other.history)
    other.push()
    check(stands(s, "PEN-GOOD-01") == (0, "accepted"), f"decided there: {stands(s, 'PEN-GOOD-01')}")
    while page.bench["refused"] != "passed_already":  # what it said a moment ago counts for that moment
        before = page.bench["refusals"]
        s.order("scan", code="PEN-GOOD-01")
        page.until(lambda b, before=before: b["refusals"] > before)
        check(page.bench["refused"] in ("held", "passed_already"), f"no other refusal, and no new test: {page.bench['refused']}")
        while page.next() != "beat":
            pass
    check([(u["serial"], u["verdict"]) for u in s.units()][-1] == ("PEN-GOOD-01", "pass"), f"what was held is a pass: {s.units()}")
    away(check, f, s, page)
    s.end()


def away(check, f, s, page):
    f.server.stop()
    check(verdict_of(s, page, "PEN-GOOD-03") == ("pass", True), f"the server is away, and the page says so: {page.bench}")
    code, said = stands(s, "PEN-GOOD-03")
    check(code not in (0, 1) and "server" in said, f"so does the question: {code} {said}")
    check(verdict_of(s, page, "PEN-DEEP-01") == ("fail", True), "a failure is one without any server")
    f.server.start()
    check(verdict_of(s, page, "PEN-GOOD-06") == ("pass", False), f"it is back: {page.bench}")
    os.kill(f.server.process.pid, signal.SIGSTOP)
    for pid in children(f.server.process.pid):
        os.kill(pid, signal.SIGSTOP)
    try:
        s.order("scan", code="PEN-GOOD-07")
        page.until(view("running"))
        while not any(e["event"] == "end" for e in s.events()[-1]):
            page.next()
        before = page.bench["refusals"]
        s.order("stop")
        b = page.until(view("verdict"))
        check((b["verdict"]["word"], b["fleet_gone"]) == ("pass", True) and b["refusals"] == before, f"a frozen one: the verdict waits for seconds, and STOP is no alarm behind the end: {b}")
        s.order("scan", code="PEN-GOOD-05")
        page.until(lambda b: b["serial"] == "PEN-GOOD-05" and b["view"] == "running")
        path = sorted((s.folder / "state").glob("PEN-GOOD-05*.events.jsonl"))[0]
        subprocess.run(["flock", "-s", "-w", "60", path, "true"], check=True)
        s.kill()
    finally:
        for pid in (f.server.process.pid, *children(f.server.process.pid)):
            os.kill(pid, signal.SIGCONT)
    check("PEN-GOOD-05" not in [u["serial"] for u in s.units()], "killed before the answer came")
    s.start()
    page = Page(s)
    b = page.until(view("verdict"))
    check((b["serial"], b["verdict"]["word"]) == ("PEN-GOOD-05", "held"), f"what ended unseen is asked of the server first: {b}")


def children(pid):
    return [int(p) for p in subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()]


def refused(check):
    s = Station()
    s.end()
    code, said = stands(s, "PEN-GOOD-01")
    check(code == 2 and "names no" in said, f"a station without a fleet: {code} {said}")


def main():
    fleet.skip_without_postgres()
    check = rig.Checks()
    f = Fleet()
    try:
        refused(check)
        asked(check, f)
    except Exception as e:
        check(False, f"{type(e).__name__}: {e}")
    finally:
        Station.end_all()
        f.end()
    check.end()


if __name__ == "__main__":
    sys.exit(main())
