#!/usr/bin/python3
"""A device that is pulled out and plugged in again, at any moment: with --replug-timeout the pen stops, the point is made again with the
same device and nothing that the first part showed is lost; with another device, or too late, the run ends. EACH in the environment
sets how many moments of each device are drawn, SEED which."""
import json
import os
import random
import signal
import time

import powered
import rig
import test_daq
from test_resume import LIMITS, PLAN, POWERED, Bench

EACH = int(os.environ.get("EACH", "1"))
SEED = int(os.environ.get("SEED", "1"))
BENCHES = {"virtual-usb.json": ("pen", "sensor"), "virtual-serial.json": ("pen", "sensor"), "virtual-boxes.json": ("box",)}
LAST_S = 8.2  # a little longer than the run takes


def run(bench, fault, *options, timeout="10s", by_port=False, text=None, plan=PLAN, **kw):
    b = Bench(bench=bench, plan=plan)
    if text:
        b.path.write_text(text)
    if by_port:
        b.path.write_text(b.path.read_text().replace("usb:1209:0002:LC-2001", "usb:port=1-2").replace('"serial": "LC-2001",', ""))
    faults = [fault] if isinstance(fault, str) else fault
    code, said = b.call("run", b.plan, "--bench", b.path, "--dut", b.dut, "-o", b.out, "--name", "one", "--no-input", "--replug-timeout", timeout, *options,
                        faults=faults, **kw)
    b.newest = max(b.out.glob("one*.penrig"), key=lambda f: len(f.stem) * 100 + ord(f.stem[-1])).stem if b.out.exists() else None
    truth = [json.loads(line) for line in (b.folder / "truth-0.jsonl").read_text().splitlines()]
    return b, code, said, truth


def wrong_with(b, code, said, truth):
    """None: nothing. Whatever it came to, the pen stands, and a pass is one in which every point was measured, by the truth too."""
    if not b.newest:
        return f"no run: exit {code}: {said[-300:]}"
    r = b.report(b.newest)
    on = [t["on"] for t in truth if t.get("event") == "motor"]
    if truth[-1].get("motor_on") is not False or (on and on[-1]):
        return f"the pen was left running: {truth[-1]}"
    if code not in (0, 3, 4):
        return f"exit {code}: {said[-300:]}"
    if code == 4:
        ended = {p["number"] for p in r["points"] if p["measured"]} == {1, 2, 3}
        return None if ended else f"not waited for: {said[-300:]}"
    sessions = r.get("sessions", [])
    if any(s["run_status"] != "device_lost" for s in sessions):
        return f"sessions: {sessions}"
    if (code == 3) != ("STOP UNVERIFIED at the end of session" in r["verdict_reason"]):
        return f"exit {code}: {r['verdict_reason']}"
    if {p["number"] for p in r["points"] if p["counts"] and p["measured"]} != {1, 2, 3}:
        return f"points: {[(p['number'], p['counts'], p['measured']) for p in r['points']]}"
    lost = [p for p in r["points"] if not p["measured"]]
    if any(p["counts"] or "lost" not in p["reason"] and "silent" not in p["reason"] for p in lost):
        return f"an interrupted attempt: {lost}"
    again = b.call("analyze", b.file(b.newest))
    return None if again[0] == code else f"derived again: exit {again[0]}: {again[1][-300:]}"


def drawn(each, seed):
    """(bench, device, fault) of moments of a run."""
    rng, jobs = random.Random(seed), []
    for bench, targets in BENCHES.items():
        for target in targets:
            jobs += [(bench, target, f"unplug:{target}@{rng.uniform(0.1, LAST_S):.3f},back={rng.choice([0.05, 0.4, 2]):g}") for _ in range(each)]
    return jobs


def tried(bench, _, fault):
    """(exit code, what is wrong)."""
    b, code, said, truth = run(bench, fault)
    moved = any(t["on"] for t in truth if t.get("event") == "motor")
    before_known = code == 4 and "waiting" not in said and not moved  # no device had said yet who it is
    return code, None if before_known else wrong_with(b, code, said, truth)


def any_moment(check):
    """Where the stop was seen it passes; where the load sensor was what went, nobody saw the pen stop."""
    jobs, seen = rig.some(drawn(EACH, SEED)), set()
    for job, (code, wrong) in zip(jobs, rig.in_parallel([lambda job=job: tried(*job) for job in jobs])):
        check(not wrong, f"{job}: {wrong}")
        seen.add(code)
    check(0 in seen or rig.CHECKED, f"some of them pass: {seen}")


def kept(check):
    b, code, said, _ = run("virtual-usb.json", "unplug:pen@4.6,back=2")
    r = b.report("one-2")
    rows = [(p["number"], p["attempt"], p["session"], p["counts"], p["measured"]) for p in r["points"]]
    check(code == 0 and rows == [(1, 1, 1, True, True), (2, 1, 1, False, False), (2, 2, 2, True, True), (3, 1, 2, True, True)], f"{code} {rows} {said[-200:]}")
    check("waiting 10 s for it to be plugged in again, then the pen starts anew" in said and "pen is lost" in r["points"][1]["reason"], f"it is said: {said[:300]}")
    check([t["session"] for t in r["tests"]] == [1, 2], f"the dead-man is tested anew: {r['tests']}")
    check(b.call("verify", b.file("one-2"))[0] == 0 and b.resume()[0] == 8, "it stands like any run that goes on with another")
    b, code, said, _ = run("virtual-usb.json", "unplug:pen@1.2,back=1")
    check(code == 0 and [t["session"] for t in b.report("one-2")["tests"]] == [1, 2], f"lost in the dead-man test: made again: {code} {said[-300:]}")


def not_tried_away(check):
    for bench in ("virtual-usb.json", "virtual-serial.json"):
        b, code, said, truth = run(bench, "unplug:pen@4.6,back=2,starts=1")
        r = b.report("one-2")
        check(code == 1 and r["pen_conditions"][0]["conditions"] == ["ran_by_itself"], f"{bench}, it starts by itself: {code} {r['pen_conditions']} {said[-200:]}")
        check(truth[-1]["motor_on"] is False and b.resume()[0] == 8, "stopped, and the first part cannot be gone on with past it")
        check(b.call("analyze", b.file("one-2"))[0] == 1 and b.call("verify", b.file("one-2"))[0] == 0, "derived again")
    fails = {**PLAN, "limits": [], "steps": [{**PLAN["steps"][0], "limits": [{**LIMITS[0], "lower": 0.1}]}]}
    b = Bench(plan=fails)
    code, said = b.call("run", b.plan, "--bench", b.path, "--dut", b.dut, "-o", b.out, "--name", "one", "--no-input", "--replug-timeout", "5s", faults=["unplug:pen@4.6,back=1"])
    check(code == 1, f"a failure of the first part stays: {code} {said[-200:]}")


def a_failed_test(check):
    """Of a part that never started the pen: it is not left behind."""
    plan = {**PLAN, "tests": {"dead_man": False, "refusal": True}}
    b, code, said, truth = run("virtual-usb.json", ["unplug:pen@3.6,back=1", "accepts@3.8,for=1.8", "unplug:pen@4.95,back=1"], plan=plan)
    r = b.report(b.newest)
    check(code == 1 and r["dut_verdict"] == "fail" and b.newest == "one-2", f"the second part's refusal test: {code} {b.newest} {said[-300:]}")
    check([(t["outcome"], t["session"]) for t in r["tests"]] == [("pass", 1), ("fail", 2)] and not any(t["t_ns"] > 4.6e9 and t["on"] for t in truth if t.get("event") == "motor"), f"before the pen ran: {r['tests']}")
    check("resume that one" in b.resume()[1] and [b.call(c, b.file("one-2"))[0] for c in ("analyze", "verify")] == [1, 0], "nobody goes on past it")
    b, code, said, _ = run("virtual-usb.json", "unplug:pen@3.6,back=1", plan=plan)
    check(code == 0 and [t["session"] for t in b.report("one-2")["tests"]] == [1, 2], f"a pen that refuses: {code} {said[-300:]}")


def sealed(check):
    """Each part; a program that was to seal them all and could not does not end as if it had."""
    for hinder, expected in ((None, 0), ("one", 6), ("one-2", 6)):
        b = Bench()
        check(b.call("key", "new", "bench.key", "--bench", "--owner", "bench 3", "--no-password")[0] == 0, "a key")
        if hinder:
            (b.out / f"{hinder}.seal-1.json").mkdir(parents=True)
        code, said = b.call("run", b.plan, "--bench", b.path, "--dut", b.dut, "-o", b.out, "--name", "one", "--no-input", "--replug-timeout", "10s", "--sign", "bench.key",
                            faults=["unplug:pen@4.6,back=1"])
        check(code == expected and b.report("one-2")["dut_verdict"] == "pass" and said.count("NOT sealed") == bool(hinder), f"{hinder}: {code} {said[-400:]}")


def ends(check):
    b, code, said, truth = run("virtual-usb.json", "unplug:pen@4.6,back=9", timeout="3s")
    check(code == 4 and "not plugged in again within 3 s" in said and not b.file("one-2").exists(), f"too late: {code} {said[-300:]}")
    check(truth[-1]["t_ns"] > 7.6e9, "all of its time was waited")
    by_s = time.clock_gettime(time.CLOCK_BOOTTIME) + 60
    b, code, said, truth = run("virtual-usb.json", "unplug:pen@4.6,back=900", "--end-by", by_s, timeout="600s")
    check(code == 4 and "by --end-by" in said and truth[-1]["t_ns"] < 70e9, f"no longer than --end-by lets it: {code} {truth[-1]} {said[-300:]}")
    b, code, said, _ = run("virtual-usb.json", "unplug:pen@4.6,back=1", timeout="0")
    check(code == 4 and "waiting" not in said, f"0 does not wait: {code}")
    b, code, said, truth = run("virtual-usb.json", "silent:pen@4.6")
    check(code == 4 and len(list(b.out.glob("one*.penrig"))) == 4, f"there, and mute: tried three times: {code} {said[-300:]}")
    b, code, said, _ = run("virtual-usb.json", "unplug:pen@4.6", timeout="2 weeks")
    check(code == 2 and "--replug-timeout" in said, f"no time: {code} {said}")
    b, code, said, truth = run("virtual-usb.json", ["unplug:sensor@4.6,back=1", "unplug:pen@4.6,back=1.5"])
    check(code == 3 and truth[-1]["motor_on"] is False and "nobody saw the pen stop" in said, f"both at once: {code} {said[-300:]}")


def another(check):
    b, code, said, truth = run("virtual-usb.json", "unplug:sensor@4.6,back=1,other=1", timeout="2s")
    check(code == 4, f"another in the place of one that is named by its number is not there: {code} {said[-300:]}")
    b, code, said, truth = run("virtual-usb.json", "unplug:sensor@4.6,back=1", by_port=True)
    check(code == 3, f"named by its port, the same: {code} {said[-300:]}")
    b, code, said, truth = run("virtual-usb.json", "unplug:sensor@4.6,back=1,other=1", by_port=True)
    check(code == 8 and "LC-2000" in said and "LC-2001" in said, f"named by its port, another: {code} {said[-300:]}")
    check(b.report("one-2")["run_status"] == "refused" and not any(t["t_ns"] > 6e9 and t["on"] for t in truth if t.get("event") == "motor"), "nothing moved any more")


class AtTheWait(powered.Operator):
    """Ends the program while it waits."""

    def watch(self, event):
        if "waiting" in str(event.get("text")):
            self.child.send_signal(signal.SIGTERM)


def parts(operator_of, bench, plan, fault, *options):
    b = Bench(plan=plan, bench=bench)
    operator, dial = operator_of(b), b.folder / "dial"
    argv = b.argv(["run", b.plan, "--bench", b.path, "--dut", b.dut, "-o", b.out, "--name", "one", "--operator", "A. Meier", *options], [fault], 1, None)
    at = argv.index("--")
    code, said, events = powered.attended([*argv[:at], "--dial", dial, *argv[at:]], operator, dial, cwd=b.folder, env=b.env())
    return b, code, said, events


def first_part_concludes(check):
    b, code, said, events = parts(lambda b: AtTheWait(b.dut), "virtual-usb.json", PLAN, "unplug:pen@4.6", "--replug-timeout", "1h")
    check(code == 143 and "interrupted while" in said and events[-1]["exit_code"] == 143, f"a signal ends the wait: {code} {said[-300:]}")
    status, again = b.report("one")["run_status"], b.resume(seed=1)
    check(status == "device_lost" and again[0] == 0, f"its file is that of a lost device, and can be gone on with: {status} {again}")


def on_a_network(check):
    """No list says that such a sensor is there: it is tried."""
    text = test_daq.own().read_text()
    b, code, said, _ = run("virtual-usb.json", "unplug:pen@4.6,back=1", text=text)
    check(code == 0 and b.newest == "one-2", f"the pen was what was lost: {code} {said[-300:]}")
    b, code, said, truth = run("virtual-usb.json", "unplug:sensor@4.6,back=8", text=text, timeout="20s")
    check(code == 3 and "STOP UNVERIFIED" in b.report(b.newest)["verdict_reason"] and truth[-1]["motor_on"] is False, f"it itself, for longer than three tries: {code} {said[-300:]}")
    b, code, said, truth = run("virtual-usb.json", "unplug:sensor@4.6", text=text, timeout="6s")
    check(code == 4 and "not plugged in again within 6 s" in said and truth[-1]["t_ns"] > 10.5e9, f"all of its time is waited: {code} {said[-300:]}")


def made_of_parts(check):
    """What switches such a pen is ordered off when it is opened, and not asked before: nobody would see that it had run."""
    for bench in ("bought-supply.json", "bought-attended.json"):
        b = Bench(plan=POWERED, bench=bench)
        code, said = b.call("run", b.plan, "--bench", b.path, "--dut", b.dut, "-o", b.out, "--operator", "A. Meier", "--replug-timeout", "5s")
        check(code == 2 and "nothing tells whether the pen ran" in said and '"powered"' in said and not b.out.exists(), f"{bench}: {code} {said[-300:]}")


def main():
    check = rig.Checks()
    for part in (kept, not_tried_away, a_failed_test, sealed, ends, another, first_part_concludes, on_a_network, made_of_parts, any_moment):
        part(check)
    check.end()


if __name__ == "__main__":
    main()
