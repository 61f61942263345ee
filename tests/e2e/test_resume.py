#!/usr/bin/python3
"""An interrupted run that another one goes on with: same results as of one piece, each check in both parts, and refused wherever
anything is not as it was. Nothing that the first part showed gets lost, and no first part is used twice or after it was changed."""
import fcntl
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dossier
import foreign_reports
import powered
import rig
import sealing

STEP = {"name": "steps", "depth_mm": [0.5, 1.0, 1.5], "rate_hz": [120], "tare_s": 0.25, "settle_s": 0.5, "measure_s": 0.5}
LIMITS = [{"measurand": "depth_error_mm", "unit": "mm", "lower": -0.15, "upper": 0.15}]
PLAN = {"kind": "penrig/plan/1", "name": "three", "limits": LIMITS, "steps": [STEP], "tests": {"dead_man": True, "refusal": False}}
DURING = {1: 2.9, 2: 4.6, 3: 6.3}  # seconds in which the Nth point strikes


class Bench:
    """A folder with a bench and a plan of its own, and the runs in it."""

    def __init__(self, plan=PLAN, dut="PEN-GOOD-01", bench="virtual-usb.json"):
        self.folder = Path(tempfile.mkdtemp(prefix="pr"))
        self.path, self.dut, self.hour = rig.own_bench(bench, self.folder), dut, 0
        self.plan = self.folder / "plan.json"
        self.plan.write_text(json.dumps(plan))
        self.out = self.folder / "out"

    def argv(self, command, faults, seed, dut):
        """Each an hour behind the last one."""
        world = ["--bench", self.path, "--seed", seed, "--virtual-dut", dut or self.dut, "--clock", 3600 * self.hour, "--truth", self.folder / f"truth-{self.hour}.jsonl"]
        self.hour += 1
        return [rig.PENRIG_A, *world, *[w for f in faults for w in ("--fault", f)], "--", *command]

    def env(self, **more):
        return {**os.environ, "XDG_STATE_HOME": str(self.folder / "state"), **more}

    def call(self, *command, faults=(), seed=7, dut=None, **env):
        argv = self.argv(command, faults, seed, dut)
        done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, cwd=self.folder, env=self.env(**env))
        return done.returncode, done.stdout + done.stderr

    def attended(self, *command, faults=()):
        """With an operator at hand, who turns the dial: (exit code, what was said, the depths that were asked for)."""
        operator, dial = powered.Operator(self.dut), self.folder / f"dial-{self.hour}"
        argv = self.argv(["--operator", "A. Meier"], faults, 1, None)
        at = argv.index("--")
        argv = [*argv[:at], "--dial", dial, "--", *command, "-q", *argv[at + 1:]]
        code, said, _ = powered.attended(argv, operator, dial, cwd=self.folder, env=self.env())
        return code, said, [p["depth_mm"] for p in operator.asked if p["question"] == "set_dial"]

    def first(self, at=None, name="one", faults=(), **kw):
        faults = [*faults, *([f"unplug:pen@{at}"] if at else [])]
        return self.call("run", self.plan, "--bench", self.path, "--dut", self.dut, "-o", self.out, "--name", name, "--no-input", "-q", faults=faults, **kw)

    def resume(self, name="one", to="two", *options, at=None, **kw):
        return self.call("resume", self.file(name), "--name", to, "--no-input", "-q", *options, faults=[f"unplug:pen@{at}"] if at else [], **kw)

    def file(self, name):
        return self.out / f"{name}.penrig"

    def report(self, name):
        return rig.report_form.read((self.out / f"{name}.report.json").read_text())

    def moved(self):
        """In truth, in the newest run."""
        return '"on":true' in (self.folder / f"truth-{self.hour - 1}.jsonl").read_text().replace(" ", "")


def goes_on(check):
    b = Bench()
    code, said = b.first(at=DURING[2])
    check(code == 4, f"interrupted: {code} {said}")
    before = b.file("one").read_bytes()
    code, said = b.resume()
    check(code == 0 and "PASS" in said and "lost on the way: 1" in said, f"it goes on and passes: {code} {said}")
    r = b.report("two")
    rows = [(p["number"], p["attempt"], p["session"], p["counts"], p["measured"]) for p in r["points"]]
    check(rows == [(1, 1, 1, True, True), (2, 1, 1, False, False), (2, 2, 2, True, True), (3, 1, 2, True, True)], f"each attempt with its session: {rows}")
    check([(s["name"], s["run_status"], s["stop_verified"]) for s in r["sessions"]] == [("one", "device_lost", True)], f"sessions: {r['sessions']}")
    check([(t["name"], t["session"], t["outcome"]) for t in r["tests"]] == [("dead_man", 1, "pass"), ("dead_man", 2, "pass")], f"both tested: {r['tests']}")
    check(len(r["sweeps"]) == 1, "one sweep over both")
    forms = [word for form in foreign_reports.FORMATS for word in ("-f", form)]
    code, said = b.call("report", b.file("two"), *forms)
    check(code == 0, f"forms of other programs: {code} {said}")
    foreign_reports.check_all(check, "resumed", b.out, "two", r)
    for command in (["analyze"], ["verify"], ["requalify"]):
        code, said = b.call(*command, b.file("two"))
        check(code == 0, f"{command} of it: {code} {said}")
    for command in (["analyze"], ["verify"]):
        code, said = b.call(*command, b.file("one"))
        check(code == (4 if command == ["analyze"] else 0), f"{command} of the first part, which has a note more: {code} {said}")
    again = [b.resume(to="three")[0], b.moved()]
    check(again == [8, False] and not b.file("three").exists(), f"no run is resumed twice: {again}")
    check("two has gone on" in b.resume(to="three")[1], "and it is said with which it went on")
    check(b.resume("two", "three")[0] == 8, "nor is one that came to its end")
    (b.folder / "copy").mkdir()
    alone = shutil.copy(b.file("two"), b.folder / "copy")
    check([b.call(c, alone)[0] for c in ("analyze", "verify")] == [2, 3], "without the first part there is no derivation")
    (b.folder / "copy/one.penrig").write_bytes(before)
    check([b.call(c, alone)[0] for c in ("analyze", "verify")] == [0, 0], "as it was when it was read it serves as well")
    code, said = b.call("history", "--json")
    check(code == 0 and said.count('"one"') == 1 and said.count('"two"') == 1, f"both stand in the history: {said[:300]}")
    db = sqlite3.connect(next((b.folder / "state").rglob("history")))
    depths = db.execute("SELECT method, count(*) FROM result JOIN quantity ON quantity=quantity.id WHERE measurand='depth_error_mm' AND value NOT NULL GROUP BY method").fetchall()
    check(depths and all(n == 3 for _, n in depths), f"each figure once: {depths}")


def three_parts(check):
    b = Bench()
    b.first(at=DURING[2])
    code, said = b.resume(at=DURING[2])
    check(code == 4, f"the second part ends as well: {code} {said}")
    code, said = b.resume("two", "three")
    r = b.report("three")
    check(code == 3 and [s["name"] for s in r["sessions"]] == ["one", "two"], f"{code} {said}")
    check("a device was lost 2 times" in r["verdict_reason"] and "lost on the way: 2" in said, f"the pen that goes again and again may do that itself: {r['verdict_reason']} {said}")
    check([t["session"] for t in r["tests"]] == [1, 2, 3], "the pen is tested in each")
    check(b.call("analyze", b.file("three"))[0] == 3 and b.call("verify", b.file("three"))[0] == 0, "it is derived through all three")
    dossier.test_chain(check, b, b.file("three"))
    os.rename(b.file("one"), b.folder / "one.penrig")
    check(b.call("analyze", b.file("three"))[0] == 2, "and not without the first")
    code, said = b.call("verify", b.file("three"))
    check(code == 3 and "from two, which is" in said and "NOT CHECKED" in said and "goes on with one," in said, f"nor verified: {code} {said}")
    data = bytearray((b.folder / "one.penrig").read_bytes())
    data[data.index(b'"stage"') + 2] ^= 1
    b.file("one").write_bytes(data)
    check(b.call("verify", b.file("three"))[0] == 6, "nor with one that was altered")


def cut_behind_point(path, row):
    """What a run leaves that is killed when the attempt of this row has ended: rows are only ever appended."""
    db = sqlite3.connect(path)
    item = db.execute("SELECT max(seq) FROM item WHERE kind='point' AND state='end' AND key=?", (row,)).fetchone()[0]
    entry = next(s for s, text in db.execute("SELECT seq, json FROM journal WHERE kind='item'") if int(json.loads(text)["item"]) == item)
    block = max(int(json.loads(text)["last"]) for text, in db.execute("SELECT json FROM journal WHERE kind='blocks' AND seq<=?", (entry,)))
    for table, last in (("journal", entry), ("item", item), ("block", block)):
        db.execute(f"DELETE FROM {table} WHERE seq>?", (last,))
    db.commit()
    db.execute("VACUUM")
    db.close()


def failures_stay(check):
    limits = [{"measurand": "depth_error_mm", "unit": "mm", "lower": -0.15, "upper": 0.15}]
    fails = {**PLAN, "limits": [], "steps": [{**STEP, "depth_mm": [0.5], "limits": [{**limits[0], "lower": 0.1}]}, {**STEP, "depth_mm": [1.0, 1.5], "limits": limits}]}
    b = Bench(plan=fails)
    b.first(at=DURING[3])
    code, said = b.resume()
    check(code == 1 and b.report("two")["dut_verdict"] == "fail", f"a failure of the first part stays: {code} {said}")
    b = Bench(plan={**PLAN, "tests": {"dead_man": False, "refusal": True}})
    b.first(at=DURING[2] - 1)
    code, said = b.call("resume", b.file("one"), "--name", "two", "--no-input", "-q", faults=["accepts@0", "unplug:pen@0.3"])
    outcomes = [t["outcome"] for t in b.report("two")["tests"]]
    check(code == 1 and "seen to stand" not in said and outcomes == ["pass", "fail"], f"a test that failed before the pen ran: {code} {outcomes} {said}")
    code, said = b.resume(to="three")
    check(code == 8 and "two has gone on" in said, f"it is not left behind: {code} {said}")
    check(b.resume("two", "three")[0] == 1, "nor measured away")
    b = Bench()
    b.first(at=DURING[3])
    cut_behind_point(b.file("one"), 1)
    code, said = b.call("show", b.file("one"))
    check(code == 0 and "interrupted" in said, f"as a killed run leaves it: {code} {said[-300:]}")
    code, said = b.resume()
    check(code == 3 and "no pass" in said, f"nobody saw the pen stop in the first part: {code} {said}")
    check("STOP UNVERIFIED at the end of session 1" in b.report("two")["verdict_reason"], b.report("two")["verdict_reason"])
    check(b.call("analyze", b.file("two"))[0] == 3 and b.call("verify", b.file("two"))[0] == 0, "and it is derived from the killed run's file")


def refused(check):
    b = Bench()
    b.first(at=DURING[2])
    plan, bench = b.plan.read_text(), b.path.read_text()
    b.plan.write_text(plan.replace("0.15", "0.16"))
    code, said = b.resume()
    check(code == 8 and "plan" in said and "not as it was" in said, f"other limits: {code} {said}")
    b.plan.write_text(plan)
    b.path.write_text(bench + "\n")
    code, said = b.resume()
    check(code == 8 and "bench" in said, f"another bench: {code} {said}")
    digest = hashlib.sha256(os.path.realpath(b.path).encode()).hexdigest()[:24]
    where = next(f for f in (Path("/run/lock"), Path("/tmp")) if os.access(f, os.W_OK))
    lock = where / f"penrig-{digest}.lock"
    lock.write_text("penrig (pid 1)\nthe recipe of a pen that was left running\n")
    b.plan.write_text(plan)
    for command in (["resume", b.file("one")], ["run", b.plan, "--bench", b.path, "--dut", b.dut, "-o", b.out, "--wait", "1s", "--production"]):
        code = b.call(*command, "--no-input")[0]
        check(code == 8 and "recipe of a pen" in lock.read_text(), f"{command[0]} that is refused forgets no pen that an earlier run left: {code} {lock.read_text()}")
    lock.write_text("")
    b.plan.write_text(plan)
    b.path.write_text(bench)
    code, said = b.resume(seed=8)
    check(code == 8 and "cartridge" in said and not b.moved(), f"another cartridge: {code} {said}")
    code, said = b.resume(to="x", dut="PEN-GOOD-02")
    check(code in (4, 8) and not b.moved(), f"another pen: {code} {said}")
    with open(lock, "a") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        code, said = b.resume(to="y")
        check(code == 5 and not b.file("y").exists(), f"a run that is still under way has the bench: {code} {said}")
    os.rename(b.file("one"), b.out / "other.penrig")
    check(b.resume("other", "y")[0] == 8, "under another name the second could not lead to it")
    os.rename(b.out / "other.penrig", b.file("one"))
    code, said = b.resume(to="z")
    check(code == 0, f"what was refused took nothing: it can be gone on with: {code} {said}")


def changed(check):
    """A first part in which a depth was made better, as it lies there, and with digests and chain made anew."""
    b = Bench()
    b.first(at=DURING[2])
    original = b.file("one").read_bytes()
    db = sqlite3.connect(b.file("one"))
    seq, data = db.execute("SELECT seq, data FROM item WHERE kind='point' AND key=0 AND state='end' ORDER BY seq DESC LIMIT 1").fetchone()
    text = json.loads(data)
    found = next(r for r in text["result"] if r["result"]["name"] == "depth_error_mm")
    found["result"]["value"] += 1e-9
    db.execute("UPDATE item SET data=? WHERE seq=?", (json.dumps(text, separators=(",", ":")).encode(), seq))
    db.commit()
    db.close()
    code, said = b.resume()
    check(code == 6 and not b.moved(), f"changed as it lies there: {code} {said}")
    sealing.seal(b.file("one"))
    code, said = b.resume()
    check(code == 8 and "samples say" in said and not b.moved(), f"changed and made anew: {code} {said}")
    b.file("one").write_bytes(original)
    check(b.resume()[0] == 0, "as it was it is gone on with")
    b.file("one").write_bytes(original[:-4096])
    check([b.call(c, b.file("two"))[0] for c in ("analyze", "verify")] == [6, 6], "a first part that was cut later is found")


POWERED = {**powered.PLAN, "steps": [{**powered.PLAN["steps"][0], "attempts": 1}]}


def supply(check):
    """What shows that the supply's timer stops the pen is each session's own, and the bench's by the run that tested it."""
    b = Bench(plan=POWERED, bench="bought-supply.json")
    tested = b.folder / "tested.json"
    tested.write_text(json.dumps({**POWERED, "tests": {"dead_man": True}}))

    def run(plan, name, faults=()):
        return b.attended("run", plan, "--bench", b.path, "--dut", b.dut, "-o", b.out, "--name", name, faults=faults)

    def resume(name, to, faults=()):
        return b.attended("resume", b.file(name), "--name", to, faults=faults)

    untested = run(b.plan, "one", ["unplug:pen@5"])
    check(untested[0] == 4, f"the first part, while the timer had never been tested: {untested}")
    whole = run(tested, "proof")
    check(whole[0] == 0, f"another run tests it: {whole}")
    code, said, _ = resume("one", "two")
    check(code == 3 and "in session 1, as it was never tested" in b.report("two")["verdict_reason"], f"that says nothing of the first part: {code} {said}")
    check(b.call("analyze", b.file("two"))[0] == 3 and b.call("verify", b.file("two"))[0] == 0, "and it is derived again so")
    first = run(tested, "three", ["unplug:pen@9"])
    check(first[0] == 4, f"a first part with its test: {first}")
    code, said, dials = resume("three", "four", ["dead-man-dead@0"])
    read = [b.report("four")["sessions"][0]["dut_read_by_operator"], b.report("four")["bench"]["dut_read_by_operator"]]
    check(read == [{"before": b.dut, "after": None}, {"before": b.dut, "after": b.dut}], f"which pen, in each part: {read}")
    outcomes = [t["outcome"] for t in b.report("four")["tests"]]
    check(code == 3 and outcomes == ["pass", "inconclusive"], f"the second part's timer is dead: {code} {outcomes} {said}")
    check(dials[0] == b.report("four")["points"][-1]["setpoint"]["depth_mm"], f"tested where the run goes on: {dials}")
    code, said, _ = run(b.plan, "five")
    check(code == 3 and "in run four, did not pass" in b.report("five")["verdict_reason"], f"the bench knows: {code} {b.report('five')['verdict_reason']}")


def rejected(check):
    b = Bench()
    b.first(at=DURING[2])
    for who in ("meier", "boss"):
        check(b.call("key", "new", f"{who}.key", "--owner", who, "--no-password")[0] == 0, "a key")
    trusted = b.folder / "trusted"
    trusted.mkdir()
    shutil.copy(b.folder / "boss.pub", trusted)

    def sign(key, meaning):
        code, said = b.call("sign", b.file("one"), "--key", f"{key}.key", "--meaning", meaning)
        check(code == 0, f"signed: {code} {said}")

    sign("meier", "rejected")
    sign("meier", "approved")
    code, said = b.resume(PENRIG_KEYS=str(trusted))
    check(code == 8 and "rejected, by meier" in said and not b.moved(), f"nobody who is trusted took it back: {code} {said}")
    sign("boss", "approved")
    code, said = b.resume(to="x", seed=8, PENRIG_KEYS=str(trusted))
    check(code == 8 and "cartridge" in said and "resume that one" in b.resume("x", "y")[1], f"what was refused took nothing, and is no way around: {code} {said}")
    code, said = b.resume(PENRIG_KEYS=str(trusted))
    check(code == 0, f"accepted: {code} {said}")
    sign("boss", "rejected")
    shutil.copy(b.folder / "meier.pub", trusted)
    b.call("sign", b.file("two"), "--key", "boss.key")
    code, said = b.call("verify", b.file("two"), "--keys", trusted)
    check(code == 1 and "one is rejected by boss" in said, f"the second is worth what the first is: {code} {said}")


def main():
    check = rig.Checks()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda part: part(check), [goes_on, three_parts, failures_stay, refused, changed, supply, rejected]))
    check.end()


if __name__ == "__main__":
    main()
