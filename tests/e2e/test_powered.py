#!/usr/bin/python3
"""A pen without a plug on a bought power supply, on the virtual clock: results against the truth, each fault of the supply with a few
seeds, and what the operator does: no pass that the truth contradicts, and the pen off in truth wherever its stop is said to be seen.
SEEDS in the environment sets how many (default 1)."""
import json
import os
import subprocess
import tempfile
from copy import deepcopy
from pathlib import Path

import powered
import rig
import true_values

SEEDS = int(os.environ.get("SEEDS", "1"))
PASS, FAIL = ("pass", "complete", 0), ("fail", "complete", 1)
FAIL_LOST = ("fail", "device_lost", 1)
UNSURE, LOST = ("inconclusive", "complete", 3), ("inconclusive", "device_lost", 4)
TIMED, ATTENDED = "bought-supply.json", "bought-attended.json"
RELAY, MUTE, RIDEN, KORAD, HID = "bought-relay.json", "bought-lcus.json", "bought-riden.json", "bought-korad.json", "bought-2.json"
TESTED = {TIMED, RELAY}  # have a timer

# fault, bench: endings that are right
FAULTS = {
    ("welded@3", TIMED): {UNSURE},
    ("welded@3", ATTENDED): {UNSURE},
    ("off-volts@0,by=-0.8", TIMED): {UNSURE},
    ("off-volts@3.2,by=1", ATTENDED): {UNSURE},
    ("current-limit@0,at=0.02", TIMED): {UNSURE},
    ("timer-off@3.2", TIMED): {UNSURE},
    ("timer-off@8.2", TIMED): {UNSURE},  # in the last second before the last stop
    ("slow@1,ms=150", TIMED): {PASS, UNSURE, LOST},
    ("silent:pen@5.2", TIMED): {LOST},
    ("silent:pen@5.2", ATTENDED): {LOST},
    ("stall@5.1+silent:pen@5.2", TIMED): {LOST, FAIL_LOST},
    ("stall@5.1+silent:pen@5.2", ATTENDED): {LOST, FAIL_LOST},
    ("unplug:pen@3", TIMED): {LOST},
    ("unplug:pen@3", ATTENDED): {LOST},
    ("garbage:pen", TIMED): {PASS, UNSURE, LOST},
    ("bit-flips:pen,rate=0.002", ATTENDED): {PASS, UNSURE, LOST},
    ("stall@3", TIMED): {FAIL, UNSURE},
    ("stuck@3", ATTENDED): {UNSURE},
    ("welded@8", RELAY): {UNSURE},
    ("dead-man-dead@0", RELAY): {UNSURE},
    ("unfed@0", RELAY): {UNSURE},  # the relay opens in the middle, fed or not
    ("goes-off@6", RELAY): {UNSURE},  # and is not switched on again behind whoever opened it
    ("goes-off@3.2", TIMED): {UNSURE},
    ("goes-off@4.2", RIDEN): {UNSURE},
    ("slow@6,ms=150", RELAY): {LOST},  # an answer that is overdue is never the next one's
    ("unplug:pen@8", RELAY): {LOST},
    ("bit-flips:pen,rate=0.002", RELAY): {PASS, UNSURE, LOST},
    ("welded@3", MUTE): {UNSURE},
    ("silent:pen@5.2", MUTE): {UNSURE},  # it does not close: nobody knows that, and the pen is not blamed
    ("silent:pen@6.9", MUTE): {UNSURE},  # it does not open
    ("stall@3", MUTE): {UNSURE},
    ("unplug:pen@3", MUTE): {LOST},
    ("welded@3", RIDEN): {UNSURE},
    ("off-volts@0,by=-0.8", RIDEN): {UNSURE},
    ("welded@3", KORAD): {UNSURE},
    ("bit-flips:pen,rate=0.002", KORAD): {PASS, UNSURE, LOST},
    ("slow@1,ms=250", KORAD): {LOST},
    ("welded@3", HID): {UNSURE},
    ("cut@3", HID): {LOST},  # half a report says nothing of the relay, and the order to switch off still arrives
    ("silent:pen@3", HID): {LOST},
    ("slow@3,ms=250", HID): {LOST},
    ("goes-off@3", HID): {UNSURE},
    ("unplug:pen@3", HID): {LOST},
}
NAMED = {"PEN-GOOD-01": {PASS}, "PEN-SLOW-01": {FAIL}, "PEN-SHALLOW-01": {FAIL}}
check = rig.Checks()


def ordered_off(run, what):
    """Behind the last order to switch on stands one to switch off, however the run ended: of an answer that never came the supply knows nothing."""
    lines = [t["line"] for t in run.truth if "line" in t]
    ons = [i for i, line in enumerate(lines) if "OUTP ON" in line]
    check(not ons or any("OUTP OFF" in line for line in lines[ons[-1]:]), f"{what}: ordered off behind the last on: {lines[-6:]}")


def honest(run, what):
    """Nothing is said that the truth contradicts."""
    deaf = "silent" in what and MUTE in what
    if "unplug" not in what and "cable" not in what and not deaf:  # no cable or ear, no order
        ordered_off(run, what)
    if run.report is None:
        check(False, f"{what}: no report: {run.out[-400:]}")
        return
    verified = run.report["stop"]["verified"]
    check(not (verified and true_values.pen_left_running(run.run)), f"{what}: said to stand still, and it runs")
    if run.report["stop"]["moved"] and not verified:
        check("UNVERIFIED" in run.out, f"{what}: a stop that is not proven is shouted")
    causes = {p["rig_cause"] for p in run.report["points"] if "rig_cause" in p}
    check(not causes or not any(fault in what for fault in ("stall", "current-limit", "off-volts")), f"{what}: a pen may have done that: {causes}")
    check("device" in causes or "timer-off" not in what, f"{what}: and no pen that: {causes}")
    if run.report["dut_verdict"] != "pass":
        return
    check(verified, f"{what}: a pass with a stop that nobody saw")
    for point, truth in true_values.points_of(run.run):
        for result in point["results"]:
            if result.get("limits") and result.get("outcome") == "pass":
                check(true_values.beyond(truth, result) <= result["expanded_uncertainty"], f"{what}: {result['measurand']} passed")


def inside(run, what):
    """Rate and depth lie within the uncertainty that stands beside them."""
    for point in run.report["points"]:
        window = rig.true_window(run.run, point)
        rate, depth = rig.result(point, "stroke_rate_hz", "realised"), rig.result(point, "depth_mm", "force_equivalent")
        mean = sum(s["depth_mm"] for s in window) / len(window)
        check(abs(rate["value"] - rig.true_rate_hz(window)) <= 2 * rate["expanded_uncertainty"], f"{what}: the rate")
        check(abs(depth["value"] - mean) <= 2 * depth["expanded_uncertainty"], f"{what}: the depth")


def good(bench):
    def job():
        run = powered.Run(bench, plan=powered.PROVEN if bench == TIMED else powered.PLAN)
        check(run.run.outcome() == PASS, f"{bench}: {run.run.outcome()} {run.out[-600:]}")
        honest(run, bench)
        check(len(run.report["points"]) == 2, f"{bench}: no attempt was in vain: {run.out}")
        inside(run, bench)
        stated = run.report["bench"]
        check(stated["depth_by"] == "asked" and stated["rate_by"] == "volts", f"{bench}: asked, not set: {stated}")
        check(stated["dead_man"] == ("device" if bench == TIMED else "host"), f"{bench}: its dead-man's class: {stated}")
        check("class " + stated["dead_man"] in run.out and "class " + stated["dead_man"] in (run.folder / "r.report.html").read_text(),
              f"{bench}: the class stands on the terminal and in the page")
        check("not tested" not in run.out and stated["dead_man_tested"] is (bench == TIMED), f"{bench}: whether it was tested: {stated}")
        asked = [p["question"] for p in run.operator.asked]
        check(asked == ["scan_pen", "set_dial", "set_dial", "scan_pen"], f"{bench}: what was asked: {asked}")
        check(all(("A. Meier" in p["text"]) == (bench == ATTENDED) for p in run.operator.asked if p["question"] == "set_dial"),
              f"{bench}: who attends is named before each step: {run.operator.asked}")
        ons = [t for t in run.truth if t.get("event") == "motor" and t.get("on")]
        lines = [t["line"] for t in run.truth if ":TIM" in t.get("line", "")]
        check(not lines or ":TIM OFF" in lines[-1], f"{bench}: the supply's timer is as it was found: {lines}")
        check(bool(lines) == (bench == TIMED), f"{bench}: where it has one: {lines}")
        check(len(ons) == 2 + (bench == TIMED), f"{bench}: the power went on once for each point and for the test: {ons}")
    return job


def other(bench):
    """What only switches, and what is spoken to in registers: results as on any bench, and what is known of the power is said."""
    def job():
        run = powered.Run(bench, plan=powered.PROVEN if bench in TESTED else powered.PLAN)
        check(run.run.outcome() == PASS, f"{bench}: {run.run.outcome()} {run.out[-600:]}")
        honest(run, bench)
        inside(run, bench)
        stated, stop = run.report["bench"], run.report["stop"]["text"]
        check(stated["rate_by"] == ("volts" if bench in (RIDEN, KORAD) else "own"), f"{bench}: what makes its rate: {stated}")
        check(("was told, and cannot say" in stop) == (bench == MUTE), f"{bench}: whether its power was read back: {stop}")
        check(stated["dead_man_tested"] is (bench in TESTED), f"{bench}: whether its timer was tested: {stated}")
    return job


def no_board():
    """A relay board that is not there, or says half a sentence while it is opened: no stroke, and no verdict."""
    for fault, says in (("unplug:pen@0", "is not there"), ("cut@0", "makes no sense")):
        run = powered.Run(HID, faults=[fault])
        check(run.run.outcome() == LOST and says in run.out, f"{fault}: {run.run.outcome()} {run.out[-300:]}")
        check(not any("stroke" in t for t in run.truth), f"{fault}: the pen never ran")


def named(dut, right):
    def job():
        run = powered.Run(TIMED, dut=dut, proven=True)
        check(run.run.outcome() in right, f"{dut}: {run.run.outcome()} {run.report and run.report['verdict_reason']}")
        honest(run, dut)
    return job


def quick_heartbeats():
    """Silent with a reading under way at any moment: ordered off by penrig itself, and no stop is said to be seen that nothing confirms."""
    plan = deepcopy(powered.PLAN)
    plan["steps"][0].update(depth_mm=[0.7], measure_s=12.0)  # on whenever the operator is through with the dial
    for at_s in (8.0, 8.33):
        folder = Path(tempfile.mkdtemp(prefix="pow"))
        bench = folder / "bench.json"
        text = (rig.FIXTURES / "benches" / ATTENDED).read_text().replace("../phantoms", str(rig.FIXTURES / "phantoms"))
        bench.write_text(text.replace('"heartbeat_ms": 200', '"heartbeat_ms": 100'))
        run = powered.Run(bench, plan=plan, faults=[f"silent:pen@{at_s}", f"stall@{at_s - 0.05}"])
        what = f"silent at {at_s} s under a jam"
        check(run.code == 4, f"{what}: {run.code} {run.out[-300:]}")
        honest(run, what)
        motor = [t["on"] for t in run.truth if t.get("event") == "motor"]
        check(motor[-1:] == [False], f"{what}: its power is off: {motor}")
        check(run.report["stop"]["verified"] is False, f"{what}: nothing has confirmed that: {run.report['stop']}")


def asked_of(run):
    return [p["question"] for p in run.operator.asked]


def by_hand():
    """What no order reaches is asked of a hand, at once where nothing else stops it, and what came of it is seen."""
    plan = {**deepcopy(powered.PLAN), "steps": [{**powered.PLAN["steps"][0], "depth_mm": 0.7, "measure_s": 4.0}]}
    endings = {None: "no stroke is seen since", "deaf": "IT RUNS ON", "quit": "gave up"}
    for how, ending in endings.items():
        operator = powered.Operator("PEN-GOOD-01", **({how: "switch_off"} if how else {}))
        run = powered.Run(ATTENDED, plan=plan, faults=["unplug:pen@4"], operator=operator)
        what = f"a pulled cable, {how or 'obeyed'}"
        check(run.run.outcome() == LOST and ending in run.report["stop"]["text"], f"{what}: {run.run.outcome()} {run.report['stop']}")
        check(run.report["stop"]["verified"] is False and "THE PEN RUNS ON" in run.out and "A. Meier: SWITCH" in run.out, f"{what}: {run.out}")
        check(asked_of(run).count("switch_off") == (3 if how == "deaf" else 1), f"{what}: asked {asked_of(run)}")
        last = max(t["t_ns"] for t in run.truth if "stroke" in t)
        check(how or last < 5e9, f"{what}: asked at once, the last stroke at {last / 1e9} s")
        check(true_values.pen_left_running(run.run) == bool(how), f"{what}: in truth")
        honest(run, what)
    late = powered.Run(ATTENDED, plan=plan, faults=["unplug:pen@4"], before=["--hands", "3.9,58"],
                       operator=powered.Operator("PEN-GOOD-01", deaf="switch_off", late=True))
    check(late.run.outcome() == LOST and endings[None] in late.report["stop"]["text"] and asked_of(late).count("switch_off") == 2,
          f"asked again, it is waited for as long again: {late.run.outcome()} {late.report['stop']} {asked_of(late)}")
    honest(late, "a pulled cable, a late hand")


def off_before_it_was_lost():
    """A supply that has said off, and whose needles were seen to stand, needs nobody's hand: its cable is pulled while the dial is set."""
    run = powered.Run(ATTENDED, faults=["unplug:pen@5.8"])
    check(asked_of(run) == ["scan_pen", "set_dial", "set_dial"], f"lost while the dial is being set: asked {asked_of(run)}")
    check(run.run.outcome() == LOST and run.report["stop"]["verified"], f"and the stop before it holds: {run.run.outcome()} {run.report['stop']}")
    check("RUN ON" not in run.out and "BY HAND" not in run.out, f"nothing is shouted: {run.out}")
    honest(run, "unplugged while it is off")


def interrupted():
    """An interrupt ends the waiting for a hand, and no more: the run that an interrupt ended is saved."""
    plan = {**deepcopy(powered.PLAN), "steps": [{**powered.PLAN["steps"][0], "depth_mm": 0.7, "measure_s": 300.0}]}
    run = powered.Run(ATTENDED, plan=plan, faults=["welded@3"], operator=powered.Operator("PEN-GOOD-01", quit="by a signal", interrupts=True))
    check(run.code == 130 and run.report and "an interrupt came before" in run.report["stop"]["text"], f"interrupted twice: {run.code} {run.out[-600:]}")
    honest(run, "interrupted twice")


def faulty(fault, bench, seed, right):
    def job():
        run = powered.Run(bench, plan=powered.PROVEN if bench == RELAY else powered.PLAN, faults=fault.split("+"), seed=seed,
                          proven=bench == TIMED)
        what = f"{fault} on {bench}, seed {seed}"
        check(run.run.outcome() in right, f"{what}: {run.run.outcome()} {run.report and run.report['verdict_reason']}")
        check("nothing shows" not in run.out, f"{what}: ends so for another reason than a timer that was not tested")
        honest(run, what)
        check("switch_off" not in asked_of(run) or "by hand" in run.report["stop"]["text"], f"{what}: what came of it is said: {run.report['stop']}")
        check(not true_values.pen_left_running(run.run), f"{what}: the pen is off in the end")
    return job


def deadman():
    """A pass stands on a timer that was seen to trip: in this run, or, where the bench allows it, in one before; the newest test counts."""
    folder = Path(tempfile.mkdtemp(prefix="pow"))
    bench = rig.own_bench(TIMED, folder)
    one = {**deepcopy(powered.PLAN), "steps": [{**powered.PLAN["steps"][0], "depth_mm": 0.7, "attempts": 1}]}
    test, kept = {**one, "tests": {"dead_man": True}}, ["--state", folder / "state"]
    (folder / "plan.json").write_text(json.dumps(one))

    def said():
        child = subprocess.run([rig.PENRIG, "check", folder / "plan.json", "--bench", bench, *kept], capture_output=True, text=True)
        return child.returncode, child.stdout

    def run_of(name, plan, **rest):
        return powered.Run(bench, plan=plan, more=[*kept, "--name", name], **rest)

    never = run_of("first", one)
    check(never.run.outcome() == UNSURE and "never tested" in never.report["verdict_reason"] and "cannot pass" in never.out
          and "not tested in this run" in never.out, f"nothing shows that the timer trips: {never.run.outcome()} {never.out}")
    honest(never, "a timer that was never tested")
    check(said()[0] == 0 and "cannot pass" in said()[1], f"as check says beforehand: {said()}")
    run = run_of("proof", test)
    tests = run.report["tests"]
    check(run.run.outcome() == PASS and [t["outcome"] for t in tests] == ["pass"], f"the supply's timer is tested: {tests} {run.run.outcome()}")
    check(run.report["bench"]["dead_man_tested"] is True, "and is said to be tested")
    check([p["question"] for p in run.operator.asked][:2] == ["scan_pen", "set_dial"], "the dial is set before the test runs the pen")
    honest(run, "dead-man test")
    later = run_of("second", one)
    check(later.run.outcome() == PASS and later.report["bench"]["dead_man_tested_before"]["run"] == "proof" and "tested in run proof" in later.out,
          f"that holds for a later run: {later.run.outcome()} {later.out}")
    dead = run_of("third", test, faults=["dead-man-dead@0"])
    check(dead.run.outcome() == UNSURE and "power supply's timer" in dead.report["verdict_reason"],
          f"a timer that never trips is the bench's fault: {dead.run.outcome()} {dead.report['verdict_reason']}")
    honest(dead, "dead timer")
    after = run_of("fourth", one)
    check(after.run.outcome() == UNSURE and "did not pass" in after.report["verdict_reason"], f"and takes the proof away: {after.report['verdict_reason']}")
    for what, bad in {"27.0 h old": {"hours": 30}, "was of 1400 ms": {"set_ms": 1400}}.items():
        powered.prove(bench, folder / what, **bad)
        run = powered.Run(bench, plan=one, more=["--state", folder / what])
        check(run.run.outcome() == UNSURE and what in run.report["verdict_reason"], f"a proof that does not hold: {what}: {run.report['verdict_reason']}")
    refused = powered.Run(ATTENDED, plan=powered.PROVEN)
    check(refused.code == 2 and "class \"host\"" in refused.out, f"a dead-man that is none is not tested: {refused.code} {refused.out}")


def hands():
    other = powered.Run(ATTENDED, operator=powered.Operator("PEN-GOOD-01", read=["SN-2", "SN-2"]))
    check(other.code == 8 and "SN-2" in other.out and "PEN-GOOD-01" in other.out, f"another pen is refused: {other.code} {other.out[-300:]}")
    check(not any("stroke" in t for t in other.truth), "and never ran")
    swapped = powered.Run(TIMED, proven=True, operator=powered.Operator("PEN-GOOD-01", read=["PEN-GOOD-01", "SN-2"]))
    check(swapped.run.outcome() == UNSURE and "SN-2" in swapped.report["verdict_reason"], f"a pen that was changed: {swapped.run.outcome()}")
    deaf = powered.Run(TIMED, proven=True, operator=powered.Operator("PEN-GOOD-01", deaf="set_dial"))
    check(deaf.run.outcome() == FAIL, f"what was asked and not done is measured: {deaf.run.outcome()}")
    gone = powered.Run(ATTENDED, operator=powered.Operator("PEN-GOOD-01", quit="set_dial"))
    check(gone.code == 130 and not any("stroke" in t for t in gone.truth), f"nobody attends: {gone.code}")
    alone = powered.Run(TIMED, supervised=False)
    check(alone.code == 8 and "operator" in alone.out, f"nobody there: {alone.code} {alone.out}")
    folder = Path(tempfile.mkdtemp(prefix="pow"))
    bench = rig.own_bench(TIMED, folder)
    bench.write_text(bench.read_text().replace('"output": 1,', '"output": 2,'))
    missing = powered.Run(bench)
    check(missing.code == 8 and "2200-20-5 has 1 output" in missing.out, f"an output that the model has not: {missing.code} {missing.out}")
    nameless = powered.Run(ATTENDED, name=None)
    check(nameless.code == 8 and "--operator" in nameless.out, f"attended by whom: {nameless.code} {nameless.out}")


if __name__ == "__main__":
    jobs = [good(TIMED), good(ATTENDED), deadman, hands, by_hand, off_before_it_was_lost, interrupted, quick_heartbeats]
    jobs += [other(bench) for bench in (RELAY, MUTE, RIDEN, KORAD, HID)] + [no_board]
    jobs += [named(dut, right) for dut, right in NAMED.items()]
    jobs += [faulty(fault, bench, seed, right) for (fault, bench), right in FAULTS.items() for seed in range(1, SEEDS + 1)]
    rig.in_parallel(jobs)
    check.end()
