"""A unit that failed at a bench of the fleet shows no green here; a server that is away, or frozen, delays a verdict by seconds and is said."""
import os
import shutil
import signal
import subprocess
import sys

import fleet
import rig
import test_station_people
from fleet import Fleet
from station import Page, Station
from test_fleet_many import Person
from test_station import view


def verdict_of(s, page, dut):
    s.order("scan", code=dut)
    b = page.until(lambda b: b["serial"] == dut and b["view"] == "verdict")
    return b["verdict"]["word"], b["fleet_gone"]


def stands(s, dut):
    """The exit code, and what the server says or why it does not."""
    done = subprocess.run([str(rig.PENRIG), "station", str(s.path), f"--stands={dut}"], capture_output=True, text=True)
    says = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    return done.returncode, says.get("server", "") if done.returncode == 0 else done.stderr


def refusal(s, page, dut):
    before = page.bench["refusals"]
    s.order("scan", code=dut)
    b = page.until(lambda b: b["refusals"] > before or (b["view"] == "running" and b["serial"] == dut))
    return (b["refused"], b["fleet_gone"]) if b["refusals"] > before else "it runs"


def decide(other, run, decision):
    rig.penrig_a("dispose", run, "--decision", decision, "--by", "R. Chief", "--reason", "scratch only", "--history", other.history, check=True)
    other.push()


def restarted(s):
    """Somebody signs in at what comes after this station was killed."""
    s.kill()
    s.start()
    page = Page(s)
    s.order("sign_in", who="EN-02", pin="1618")
    page.until(lambda b: b["operator"])
    return page


def held_until_asked(check, f, other):
    """Each failed here once and was accepted; what another bench found since counts at each scan, however late, and while the server is away."""
    test_station_people.make_accounts(check)
    duts = failed_there, rejected_there, accepted_here, asked_late = "PEN-GOOD-11", "PEN-GOOD-14", "PEN-GOOD-12", "PEN-GOOD-13"
    failed = {dut: other.run(f"before-{dut}", dut, plan="ci-smoke", faults=("offset@0,by=0.5",))[1] for dut in duts}
    decide(other, failed[rejected_there], "reject")
    s = Station(start="at_once", fleet=f.server.db("reader"), accounts=str(test_station_people.trail))
    s.kill()
    for dut in duts:
        test_station_people.fails_elsewhere(s.folder / "history", dut, "accept")
    s.config["hooks"] = {"after": [{"name": "label", "command": ["sh", "-c", f"echo {{dut}} >> {s.folder / 'labels'}"]}]}
    s.start()
    page = Page(s)
    s.order("sign_in", who="EN-02", pin="1618")
    page.until(lambda b: b["operator"])
    check(refusal(s, page, rejected_there) == ("rejected", False), f"what was rejected elsewhere never starts: {page.bench}")
    for dut in failed_there, accepted_here:
        check(verdict_of(s, page, dut) == ("held", False), f"{dut} failed elsewhere: {page.bench}")
    for _ in range(5):  # seconds
        while page.next() != "beat":
            pass
    for dut, why in ((failed_there, "held"), (accepted_here, "held"), (rejected_there, "rejected")):
        check(refusal(s, page, dut) == (why, False), f"{dut}, later: {page.bench}")
    good = dict(decision="accept", who="SV-01", pin="271828", reason="scratch only")
    before = page.bench["refusals"]
    s.order("decide", serial=accepted_here, **good)
    check(page.until(lambda b: b["refusals"] > before)["refused"] == "held_elsewhere", f"accepted at this page alone: {page.bench}")
    check(refusal(s, page, accepted_here) == ("held", False), f"and scanned: {page.bench}")
    decide(other, failed[failed_there], "accept")
    check(refusal(s, page, failed_there) == ("passed_already", False), f"decided there, the next scan sees it: {page.bench}")
    check(refusal(s, page, "PEN-GOOD-15") == "it runs", f"nobody knows this one: {page.bench}")
    page.until(view("verdict"))
    f.server.stop()
    for dut, why in ((accepted_here, "held"), (rejected_there, "rejected")):
        check(refusal(s, page, dut) == (why, True), f"{dut}, and the server is away: {page.bench}")
    page = restarted(s)
    for dut, why in ((accepted_here, "held"), (rejected_there, "rejected")):
        check(refusal(s, page, dut) == (why, True), f"{dut}, and so after a restart: {page.bench}")
    check(refusal(s, page, failed_there) == ("passed_already", True), f"what the server took back stands against nothing: {page.bench}")
    check(verdict_of(s, page, asked_late) == ("pass", True), f"what nobody could ask about counts as this computer knows it: {page.bench}")
    page.until(lambda b: (s.folder / "runs" / f"{b['name']}.hooks.jsonl").exists())
    before = page.bench["refusals"]
    s.order("decide", serial=accepted_here, **good)
    check(page.until(lambda b: b["refusals"] > before)["refused"] == "held_unasked", f"accepted while nobody can be asked: {page.bench}")
    f.server.start()
    decide(other, failed[accepted_here], "accept")
    check(refusal(s, page, accepted_here) == ("passed_already", False), f"accepted there, too: {page.bench}")
    words = [(u["serial"], u["verdict"]) for u in s.units() if u["verdict"] in ("pass", "held")]
    check(words == [(failed_there, "held"), (accepted_here, "held"), (failed_there, "pass"), ("PEN-GOOD-15", "pass"), (asked_late, "pass"), (accepted_here, "pass")], f"{words}")
    s.end()


def two_copies(check, f, other):
    """Of one run's copies the worse decision counts, and one that was not pushed yet counts here."""
    _, run = other.run("copied", "PEN-GOOD-21", plan="ci-smoke", faults=("offset@0,by=0.5",))
    s = Station(fleet=f.server.db("reader"), history=str(other.history))
    s.kill()
    copy, quality = s.folder / "copied.penrig", s.folder / "quality"
    shutil.copy(run, copy)
    other.push()
    check(stands(s, "PEN-GOOD-21") == (0, "open"), f"this bench's own history says it first: {stands(s, 'PEN-GOOD-21')}")
    rig.penrig_a("dispose", run, "--decision", "accept", "--by", "R. Chief", "--reason", "scratch only", "--history", other.history, check=True)
    check(stands(s, "PEN-GOOD-21") == (0, "open"), f"accepted here, and the server has not heard of it: {stands(s, 'PEN-GOOD-21')}")
    rig.penrig_a("dispose", copy, "--decision", "reject", "--by", "Q. Lab", "--reason", "bent", "--history", quality, check=True)
    other.push(copy, history=quality)
    check(stands(s, "PEN-GOOD-21") == (0, "rejected"), f"and rejected elsewhere: {stands(s, 'PEN-GOOD-21')}")
    s.end()


def answers_that_wait(check, f):
    """While a frozen server is asked: what is shown, what is ordered meanwhile, and that nothing of another unit starts."""
    s = Station(fleet=f.server.db("reader"))
    page = Page(s)
    s.order("scan", code="PEN-GOOD-06")
    page.until(view("armed"))
    signal_server(f, signal.SIGSTOP)
    try:
        s.order("scan", code="PEN-GOOD-07")
        b = page.until(lambda b: b["asking"] == "PEN-GOOD-07")
        check((b["view"], b["serial"]) == ("ready", ""), f"the unit before is not ready any more: {b}")
        s.order("scan", code="HELLO")
        check(page.until(lambda b: b["refused"])["asking"] == "", f"another code takes its place: {page.bench}")
        s.order("scan", code="PEN-GOOD-07")
        page.until(lambda b: b["asking"])
        s.order("stop")
        check(page.until(lambda b: not b["asking"])["view"] == "ready", f"so does STOP: {page.bench}")
        s.order("scan", code="PEN-GOOD-07")
        s.order("scan", code="%START")
        b = page.until(lambda b: b["view"] == "running")
        check((b["serial"], b["fleet_gone"]) == ("PEN-GOOD-07", True), f"it was asked for in vain, and what was ordered is done: {b}")
    finally:
        signal_server(f, signal.SIGCONT)
    page.until(view("verdict"))
    s.end()


def asked(check, f, other):
    failed = {dut: other.run(f"fails-{dut}", dut, plan="ci-smoke", faults=("offset@0,by=0.5",))[1] for dut in ("PEN-GOOD-01", "PEN-GOOD-04", "PEN-GOOD-05")}
    other.push()
    s = Station(start="at_once", fleet=f.server.db("reader"))
    page = Page(s)
    check(verdict_of(s, page, "PEN-GOOD-02") == ("pass", False), f"one that nobody knows: {page.bench}")
    check(verdict_of(s, page, "PEN-GOOD-01") == ("held", False), f"one that failed at another bench: {page.bench}")
    check((stands(s, "PEN-GOOD-01"), stands(s, "PEN-GOOD-02")) == ((0, "failed"), (0, "open")), f"{stands(s, 'PEN-GOOD-01')}")
    decide(other, failed["PEN-GOOD-01"], "accept")
    check(stands(s, "PEN-GOOD-01") == (0, "accepted"), f"decided there: {stands(s, 'PEN-GOOD-01')}")
    check(refusal(s, page, "PEN-GOOD-01") == ("passed_already", False), f"the next scan sees it: {page.bench}")
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
    signal_server(f, signal.SIGSTOP)
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
        signal_server(f, signal.SIGCONT)
    check("PEN-GOOD-05" not in [u["serial"] for u in s.units()], "killed before the answer came")
    s.start()
    page = Page(s)
    b = page.until(view("verdict"))
    check((b["serial"], b["verdict"]["word"]) == ("PEN-GOOD-05", "held"), f"what ended unseen is asked of the server first: {b}")


def signal_server(f, number):
    children = subprocess.run(["pgrep", "-P", str(f.server.process.pid)], capture_output=True, text=True).stdout.split()
    for pid in (f.server.process.pid, *map(int, children)):
        os.kill(pid, number)


def main():
    fleet.skip_without_postgres()
    check = rig.Checks()
    f = Fleet()
    try:
        other = Person(f, f.agents[0])
        asked(check, f, other)
        answers_that_wait(check, f)
        held_until_asked(check, f, other)
        two_copies(check, f, other)
    except Exception as e:
        check(False, f"{type(e).__name__}: {e}")
    finally:
        Station.end_all()
        f.end()
    check.end()


if __name__ == "__main__":
    sys.exit(main())
