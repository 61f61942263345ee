#!/usr/bin/python3
"""Every named fault on the virtual clock, many seeds each: verdict, run status and exit code as documented, the pen stopped in
truth, the run file readable, no PASS that the truth contradicts, and whatever ends a run before its plan does ends it at most
2 s after it struck. SEEDS in the environment sets how many (default 20)."""
import json
import os
import re
import sys
import tempfile
from pathlib import Path

import rig

SEEDS = int(os.environ.get("SEEDS", "20"))
PLAN = {"dead-man-dead": "demo.json"}  # only a plan that tests the dead-man can find it dead; else ci-smoke.json
LAST_STRIKE_S = 4.6  # ci-smoke is over a little later: the seeds spread the fault over everything from opening to behind its last stop
ENDS_WITHIN_S = 2.0
LAST_STOP_S = 2.5  # the last stop of a run that is complete has its own time, whatever is lost meanwhile
UNANSWERED_S = 0.6  # a request to the pen is given up after three lines of 0.2 s
PASS = ("pass", "complete", 0)
FAIL = ("fail", "complete", 1)
CONDITIONAL = {("conditional_pass", "complete", 3), ("conditional_fail", "complete", 1)}
UNSURE = ("inconclusive", "complete", 3)
LOST = ("inconclusive", "device_lost", 4)
SWITCHED_ON = ("inconclusive", "interrupted", 130)

# fault spec: outcomes that are right once it has struck
FAULTS = {
    "unplug:pen": {LOST},
    "unplug:sensor": {LOST},
    "silent:pen": {LOST},
    "silent:sensor": {LOST},
    "garbage:pen": {PASS, UNSURE, LOST},
    "garbage:sensor": {PASS, UNSURE, LOST},
    "bit-flips:pen": {PASS, UNSURE, LOST},
    "bit-flips:sensor": {PASS, UNSURE, LOST},
    "usb-stall:pen": {PASS, UNSURE, LOST},
    "usb-stall:sensor": {PASS, UNSURE, LOST},
    "stall": {FAIL},
    "reboot": {FAIL},
    "pressed": {FAIL, UNSURE, PASS, SWITCHED_ON} | CONDITIONAL,  # one that runs goes on; one that stands is not what was asked for
    "over-temperature": {FAIL},
    "weak-battery": {FAIL, PASS},
    "stuck": {UNSURE},
    "saturated": {UNSURE},
    "dropped-frames": {UNSURE, PASS},
    "slow-clock": {UNSURE},
    "sensor-alarm": {UNSURE},
    "sensor-alarm,code=1": {UNSURE},
    "sensor-alarm,code=3": {UNSURE},
    "missed-strokes": {FAIL, PASS},
    "dead-man-dead": {FAIL},
    "creep": {UNSURE},
    # harder ones: what the plain fault is too kind to show
    "missed-strokes,p=1": {FAIL, PASS},  # from one stroke on there is none: no interval shows it
    "slow-clock,error=-0.05": {UNSURE, PASS},  # the clock changes in the middle of a run
    "bit-flips:pen,rate=0.002": {PASS, UNSURE, LOST},  # text without a checksum: never the pen's fault
    "garbage:pen,every=0.01": {PASS, UNSURE, LOST},
    "uptime-grain,ms=50": {PASS},  # no restart, though it stands still meanwhile
    "uptime-grain,ms=1000": {PASS},
}
ON_SERIAL_LINES_TOO = ["garbage:pen,every=0.01", "bit-flips:pen,rate=0.002", "silent:pen"]  # a line carries noise that a packet does not
CREEPS_ON_FORCE_ALONE = ["creep", "creep,rate=0.3", "creep,rate=0.1"]  # nothing but a stroke now and then shows it
ONLY_TOLD = {"reboot"}  # nothing but an answer shows it
OF_THE_MOTOR = {"stall", "missed-strokes", "missed-strokes,p=1"}
SHOWS_AFTER_S = 0.3  # of running, until the firmware notices
ALWAYS = {"dead-man-dead": "@0", "slow-clock": "@0", "uptime-grain,ms=50": "@0", "uptime-grain,ms=1000": "@0"}  # they are a state, not a moment


def spec(name, when):
    head, comma, options = name.partition(",")
    return head + ALWAYS.get(name, when) + comma + options


def when(seed):
    return f"@{0.05 + (LAST_STRIKE_S - 0.05) * (seed - 1) / max(SEEDS - 1, 1):.3f}"


def fault_time_s(run):
    return next((t["t_ns"] * 1e-9 for t in run.truth if t.get("event") == "fault"), None)


def runs_after(run, t_s):
    """Did the motor run at that moment or later? A fault of the motor cannot show before."""
    on = False
    for t in run.truth:
        if t.get("event") == "motor":
            if t["t_ns"] * 1e-9 >= t_s and on:
                return True
            on = t["on"]
            if t["t_ns"] * 1e-9 >= t_s and on:
                return True
    return on


def stopped_at_last_s(run):
    """When the pen heard of the stop of its last point: from then on it is watched, and not asked how it is."""
    said = [(t["t_ns"] * 1e-9, t["line"]) for t in run.truth if t.get("event") == "command"]
    ran = max((at for at, line in said if "OUTP ON" in line), default=float("inf"))
    return min((at for at, line in said if line.startswith("OUTP OFF") and at > ran), default=float("inf"))


def end_time_s(run):
    """When the pen was last heard of in truth: the end of the world is the end of the process, but for a pen that still creeps,
    to which the simulator gives its time to come to rest."""
    still = not run.truth[-1]["moving"]
    return [t for t in run.truth if still or t.get("event") == "stream"][-1]["t_ns"] * 1e-9


def took_to_end_s(run):
    """From the decision to end the run before its plan did to the end, by the run's own journal."""
    shown = rig.penrig_a("show", "--journal", run.run_file).stdout
    lines = re.findall(r"^ +([0-9.]+) +(\w+) +(\{.*\})$", shown, re.M)
    stops = [float(at) for at, kind, text in lines if kind == "command" and json.loads(text)["text"] == f"stop: {run.report['status_reason']}"]
    return float(lines[-1][0]) - stops[-1] if stops else 0.0


def struck_at_last_s(run, first_s):
    """When that struck which ended the run. A fault that strikes again and again ends it with the first hit on the request, or
    on the stretch of signal, that the run gave up: hits before were got over."""
    decided_s = end_time_s(run) - took_to_end_s(run)
    hits = [t["t_ns"] * 1e-9 for t in run.truth if t.get("event") == "hit"]
    return min([t for t in hits if decided_s - UNANSWERED_S <= t <= decided_s], default=first_s)


def truth_contradicts(run):
    """Why a PASS is false; None if the truth agrees with it."""
    for point in run.report["points"]:
        if not point["counts"]:
            continue
        window = [t for t in rig.true_window(run, point) if t["depth_mm"] is not None]
        if len(window) < 3:
            return f"point {point['number']}: the needles made {len(window)} strokes"
        periods = [b["t_ns"] - a["t_ns"] for a, b in zip(window, window[1:])]
        mean = sum(periods) / len(periods)
        if max(periods) > 1.5 * mean:
            return f"point {point['number']}: a stroke is missing in truth"
        edges = point["window"]["first_index"], point["window"]["coast_index"]
        period = (window[-1]["index"] - window[0]["index"]) / (len(window) - 1)
        if max(window[0]["index"] - int(edges[0]), int(edges[1]) - window[-1]["index"]) > 2.5 * period:
            return f"point {point['number']}: strokes are missing in truth at an edge of the window"
        depth = sum(t["depth_mm"] for t in window) / len(window)
        if abs(depth - point["setpoint"]["depth_mm"]) > 0.15:
            return f"point {point['number']}: true depth {depth:.3f} mm"
        rate = rig.true_rate_hz(window)
        if abs(rate / point["setpoint"]["rate_hz"] - 1) > 0.10:
            return f"point {point['number']}: true rate {rate:.2f} Hz"
        shown = rig.result(point, "stroke_rate_hz", "realised")["value"]
        if abs(shown / rate - 1) > 5e-4:
            return f"point {point['number']}: {shown} Hz shown, {rate:.3f} Hz in truth"
    return None


def examine(check, name, seed, run, within_s=ENDS_WITHIN_S):
    """Holds one run against the truth; within_s is the time from strike to end that it may take, None where none is promised."""
    label = f"{name} seed {seed}"
    if not check(run.report is not None, f"{label}: a report stands (exit {run.status}: {run.err.strip()[-300:]})"):
        return
    struck = fault_time_s(run)
    expected = FAULTS.get(name, {UNSURE})
    if struck is None:
        expected = {PASS}
    elif struck > end_time_s(run) - 0.5 and name not in ALWAYS and not name.startswith("creep"):
        expected = expected | {PASS}
    elif name in ONLY_TOLD and struck > stopped_at_last_s(run):
        expected = {PASS, FAIL}
    elif name in OF_THE_MOTOR and not runs_after(run, struck + SHOWS_AFTER_S):
        expected = {PASS, FAIL}
    check(run.outcome() in expected, f"{label}: {run.outcome()}, struck at {struck}: {run.report['status_reason']} | "
          f"{run.report['verdict_reason']}")
    final = run.truth[-1]
    check(final.get("motor_on") is False, f"{label}: the motor is off at the end: {final}")
    check(final.get("moving") is False or (name.startswith(("creep", "pressed")) and run.report["stop"]["verified"] is False),
          f"{label}: the pen stands still at the end, or the report says that it is not known to: {final} {run.report['stop']}")
    shown = rig.penrig_a("show", "--verify", run.run_file)
    check(shown.returncode == 0, f"{label}: the run file reads and verifies: {shown.stderr.strip()}")
    if run.report["dut_verdict"] in ("pass", "conditional_pass"):
        why = truth_contradicts(run)
        check(why is None, f"{label}: FALSE PASS: {why}")
    if run.report["status_reason"] and struck is not None and within_s is not None:
        late = end_time_s(run) - struck_at_last_s(run, struck)
        within_s = max(within_s, LAST_STOP_S + UNANSWERED_S) if "no stroke for 2.20 s" in run.report["stop"]["text"] else within_s
        check(late <= within_s, f"{label}: ended {late:.2f} s after the fault: {run.report['status_reason']}")


def force_alone(folder):
    """The USB bench with a sensor that has no displacement channel."""
    path = rig.own_bench("virtual-usb.json", folder)
    text = path.read_text().replace("LC-2001", "LC-1001").replace('"displacement_u_mm": 0.002', '"displacement_u_mm": 0')
    path.write_text(text)
    return str(path)


def on_force_alone(check):
    """A look between two points may miss a stroke of one or ten seconds; the last one does not, whenever it comes."""
    def run(name, seed, faults):
        folder = tempfile.mkdtemp(prefix="pr")
        return rig.run_plan("ci-smoke.json", bench=force_alone(folder), faults=faults, seed=seed, folder=folder)
    good = run("good", 1, [])
    check(good.outcome() == PASS and "no stroke for 11.00 s" in good.report["stop"]["text"], f"a good pen: {good.outcome()} {good.report['stop']}")
    jobs = [(name, seed) for name in CREEPS_ON_FORCE_ALONE for seed in range(1, SEEDS // 2 + 2)]
    runs = rig.in_parallel([lambda n=n, s=s: run(n, s, [spec(n, when(s))]) for n, s in jobs])
    for (name, seed), ran in zip(jobs, runs):
        examine(check, name, f"{seed} on force alone", ran, within_s=None)


def switched_on_behind_the_last_stop(check):
    """At any moment of the watch: ordered off long before its dead-man, seen to stand for a whole watch more, and no pass."""
    def run(bench, at_s):
        folder = tempfile.mkdtemp(prefix="pr")
        return rig.run_plan("ci-smoke.json", bench=bench or force_alone(folder), faults=[f"pressed@{at_s:.3f}"] if at_s else [], folder=folder)
    benches = ["virtual-usb.json", "virtual-serial.json", None]
    good = rig.in_parallel([lambda b=b: run(b, None) for b in benches])
    watch = [(max(t["t_ns"] for t in g.truth if t.get("event") == "command" and t["line"].startswith("OUTP OFF")) * 1e-9, end_time_s(g)) for g in good]
    length = [11.0 if b is None else 2.2 for b in benches]
    jobs = [(b, begin + (end - begin) * (0.05 + 0.9 * n / max(SEEDS - 1, 1)), long_s) for b, (begin, end), long_s in zip(benches, watch, length) for n in range(SEEDS)]
    runs = rig.in_parallel([lambda b=b, t=t: run(b, t) for b, t, _ in jobs])
    for (bench, at_s, long_s), ran in zip(jobs, runs):
        label = f"{bench or 'force alone'}, switched on at {at_s:.3f} s"
        check(ran.outcome() == SWITCHED_ON and "was switched on" in ran.report["verdict_reason"], f"{label}: {ran.outcome()} {ran.report['verdict_reason']}")
        motor = [(t["t_ns"] * 1e-9, t["on"]) for t in ran.truth if t.get("event") == "motor"]
        check([on for _, on in motor[-2:]] == [True, False] and motor[-1][0] - motor[-2][0] < 0.2, f"{label}: ordered off: {motor[-2:]}")
        check(ran.report["stop"]["verified"] and not ran.truth[-1]["moving"] and end_time_s(ran) - motor[-1][0] > long_s, f"{label}: and watched: {ran.report['stop']} {ran.truth[-1]}")


def switched_on_at_rest(check):
    """Between two runs of the motor, and before the last order to stop, which would end it and hide that it ran: asked, ordered off, and no pass."""
    def run(bench, at_s):
        return rig.run_plan("ci-smoke.json", bench=bench, faults=[f"pressed@{at_s:.3f}"] if at_s else [])
    jobs = []
    for bench in ("virtual-usb.json", "virtual-serial.json"):
        good = run(bench, None).truth
        off = [t["t_ns"] * 1e-9 for t in good if t.get("event") == "command" and t["line"].startswith("OUTP OFF")]
        on = [t["t_ns"] * 1e-9 for t in good if t.get("event") == "motor" and t["on"]]
        for begin, end in ((off[1] + 0.35, on[1]), (off[2] + 0.35, off[3])):
            jobs += [(bench, begin + (end - begin) * (0.03 + 0.9 * n / max(SEEDS - 1, 1))) for n in range(SEEDS)]
    for (bench, at_s), ran in zip(jobs, rig.in_parallel([lambda b=b, t=t: run(b, t) for b, t in jobs])):
        label = f"{bench}, switched on at rest at {at_s:.3f} s"
        check(ran.outcome() == SWITCHED_ON and "was switched on" in ran.report["verdict_reason"], f"{label}: {ran.outcome()} {ran.report['verdict_reason']}")
        motor = [(t["t_ns"] * 1e-9, t["on"]) for t in ran.truth if t.get("event") == "motor"]
        check([on for _, on in motor[-2:]] == [True, False] and motor[-1][0] - motor[-2][0] < 0.2, f"{label}: ordered off: {motor[-2:]}")
        check(ran.report["stop"]["verified"] and not ran.truth[-1]["moving"], f"{label}: and seen to stand: {ran.report['stop']} {ran.truth[-1]}")


def nothing_under_the_needles(check):
    # No needle bar is seen and the load signal shows no stroke: of a pen that runs, stops, or lies there unplugged it shows the same, and proves nothing.
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    text = (rig.FIXTURES / "phantoms/SIL-STD-01.json").read_text()
    (folder / "free.json").write_text(text.replace('"SIL-STD-01"', '"FREE"'))
    bench = Path(force_alone(folder))
    bench.write_text(bench.read_text().replace(str(rig.FIXTURES / "phantoms/SIL-STD-01.json"), "free.json"))
    limits = [{"measurand": "missed_strokes", "unit": "1", "upper": 0}, {"measurand": "coast_down_s", "unit": "s", "upper": 0.5}]
    step = {"depth_mm": 1.0, "rate_hz": 120, "measure_s": 1.0}
    plan = folder / "plan.json"
    plan.write_text(json.dumps({"kind": "penrig/plan/1", "name": "free", "limits": limits, "steps": [step]}))
    for faults in [(), ("unplug:pen@1.5", "dead-man-dead@0")]:
        run = rig.run_plan(plan, bench=bench, faults=faults)
        label = f"nothing under the needles {' '.join(faults)}"
        check(run.outcome() == (LOST if faults else UNSURE), f"{label}: {run.outcome()}")
        check(run.report["stop"]["verified"] is False, f"{label}: {run.report['stop']}")
        check("did not show the pen run" in run.err, f"{label}: it is shouted: {run.err[-300:]}")
    slow_enough = [{"measurand": "stroke_rate_hz", "unit": "Hz", "upper": 150}]
    plan.write_text(json.dumps({"kind": "penrig/plan/1", "name": "free", "limits": slow_enough, "steps": [step]}))
    run = rig.run_plan(plan, bench=bench)
    rate = rig.result(run.report["points"][0], "stroke_rate_hz", "realised")
    check(run.outcome() == UNSURE and "does not strike" in json.dumps(rate), f"no strokes are slow enough for an upper limit: {run.outcome()} {rate}")


def loop_that_fails(check):
    """Once it recovers, the stop is shown as ever; else the pen was ordered to stop, and it is shouted that nobody saw it do so."""
    for fails, verified in [("3.0,1", True), ("3.0", False)]:
        run = rig.run_plan("ci-smoke.json", world_extra=["--wait-fails", fails])
        label = f"a loop that fails from {fails}"
        check(run.outcome() == ("inconclusive", "internal_error", 7), f"{label}: {run.outcome()} {run.err[-300:]}")
        stop = (run.report or {}).get("stop", {})
        check(stop.get("verified") is verified, f"{label}: {stop}")
        check(("STOP UNVERIFIED" in run.err) is not verified, f"{label}: shouted or not: {run.err[-300:]}")
        orders = [t["line"] for t in run.truth if t.get("event") == "command"]
        check(run.truth[-1].get("motor_on") is False or not verified, f"{label}: {orders[-3:]} {run.truth[-1]}")
        shown = rig.penrig_a("show", "--verify", run.run_file)
        check(shown.returncode == 0, f"{label}: the run file reads and verifies: {shown.stderr.strip()}")


STOPS_OTHERWISE = ["weak-battery", "stall", "over-temperature"]
DEAD_MAN_STEP = {"depth_mm": 1.0, "rate_hz": 120, "measure_s": 0.5}


def dead_man_runs(folder, faults, **kw):
    """SEEDS runs of a plan that is little more than the dead-man test; faults and the rest of run_plan's by seed."""
    plan = Path(folder) / "dead-man.json"
    limits = [{"measurand": "stroke_rate_error_pct", "unit": "%", "lower": -10, "upper": 10}]
    plan.write_text(json.dumps({"kind": "penrig/plan/1", "name": "dead-man", "tests": {"dead_man": True}, "limits": limits, "steps": [DEAD_MAN_STEP]}))
    seeds = range(1, SEEDS + 1)
    runs = rig.in_parallel([lambda s=s: rig.run_plan(plan, faults=faults(s), seed=s, **{k: v(s) for k, v in kw.items()}) for s in seeds])
    return [(run, run.report["tests"][0]) for run in runs]


def dead_man(check):
    """The dead-man has two bounds, and a pen that stops for another reason says nothing of it: one that is dead never passes."""
    folder = tempfile.mkdtemp(prefix="pr")
    moment = lambda seed, lo=0.7, hi=1.9: f"{lo + (hi - lo) * (seed - 1) / max(SEEDS - 1, 1):.3f}"
    for run, test in dead_man_runs(folder, lambda s: []):
        check(test["outcome"] == "pass" and run.outcome() == PASS, f"a good dead-man: {run.outcome()} {test}")
    for name in STOPS_OTHERWISE:
        for run, test in dead_man_runs(folder, lambda s: ["dead-man-dead@0", f"{name}@{moment(s)}"]):
            check(test["outcome"] != "pass", f"a dead dead-man, and {name}: {test}")
            check(run.outcome()[0] in ("fail", "inconclusive"), f"a dead dead-man, and {name}: {run.outcome()}")
    for late_ms in (40, 300):
        for run, test in dead_man_runs(folder, lambda s: [f"dead-man-late@0,ms={late_ms}"]):
            check(test["outcome"] == "fail" and run.outcome() == FAIL, f"{late_ms} ms late: {run.outcome()} {test}")
    held = lambda s: ["--held-up", f"{moment(s, 0.1, 2.0)},4"]
    for run, test in dead_man_runs(folder, lambda s: [], world_extra=held):
        check(test["outcome"] == "pass" and run.outcome() == PASS, f"held up: {run.outcome()} {test}")
    for run, test in dead_man_runs(folder, lambda s: ["dead-man-dead@0"], world_extra=held):
        check(test["outcome"] == "fail" and run.outcome() == FAIL, f"held up, and dead: {run.outcome()} {test}")


MIDST = [(3, 0.476), (17, 3.461), (17, 0.476)]  # seed, seconds
HELD_UP_S = [4.0, 0.35]  # longer than the pen's dead-man waits, and not


def held_up(check):
    """This program does not run for a while, whenever: nothing that it missed is the pen's doing, and nothing that waited
    proves anything. What was missed is measured again; a bad pen fails as ever."""
    jobs = [(bench, dut, long_s, seed) for bench in ("virtual-usb.json", "virtual-serial.json") for long_s in HELD_UP_S
            for dut in ("PEN-GOOD-01", "PEN-SHALLOW-01") for seed in range(1, SEEDS + 1)]
    jobs = [(*job, when(job[-1])[1:]) for job in jobs]
    # in the middle of a heartbeat, whose answer is read in the turn that ends it
    jobs += [("virtual-serial.json", "PEN-GOOD-01", long_s, seed, at_s) for long_s in HELD_UP_S for seed, at_s in MIDST]
    runs = rig.in_parallel([lambda b=b, d=d, h=h, s=s, t=t: rig.run_plan("ci-smoke.json", bench=b, dut=d, seed=s,
                                                                         world_extra=["--held-up", f"{t},{h}"]) for b, d, h, s, t in jobs])
    missed = 0
    for (bench, dut, long_s, seed, at_s), run in zip(jobs, runs):
        label = f"{dut} held up at {at_s} s for {long_s} s, seed {seed} on {bench}"
        expected = {PASS} if dut == "PEN-GOOD-01" else {FAIL, ("conditional_fail", "complete", 1)}
        if not check(run.outcome() in expected, f"{label}: {run.outcome()} {run.report and run.report['verdict_reason']}"):
            continue
        check(run.report["stop"]["verified"], f"{label}: {run.report['stop']}")
        why = truth_contradicts(run) if run.outcome() == PASS else None
        check(why is None, f"{label}: FALSE PASS: {why}")
        again = [p for p in run.report["points"] if not p["counts"]]
        missed += len(again)
        check(len(again) <= (long_s > 0.5), f"{label}: {len(again)} attempts were repeated")
        for p in again:
            check(p["results"] == [] and "no heartbeat left" in p["reason"], f"{label}: nothing is judged that was missed: {p['reason']} {p['results'][:1]}")
    check(missed > 0 or SEEDS < 5, "some were held up while the pen ran")


def main():
    check = rig.Checks()
    on_force_alone(check)
    jobs = [(name, seed, "virtual-usb.json") for name in FAULTS for seed in range(1, SEEDS + 1)]
    jobs += [(name, seed, "virtual-serial.json") for name in ON_SERIAL_LINES_TOO for seed in range(1, SEEDS + 1, 2)]
    runs = rig.in_parallel([lambda n=n, s=s, b=b: rig.run_plan(PLAN.get(n, "ci-smoke.json"), bench=b, faults=[spec(n, when(s))], seed=s)
                            for n, s, b in jobs])
    for (name, seed, bench), run in zip(jobs, runs):
        examine(check, name, f"{seed} on {bench}", run)
    switched_on_behind_the_last_stop(check)
    switched_on_at_rest(check)
    nothing_under_the_needles(check)
    loop_that_fails(check)
    held_up(check)
    dead_man(check)
    check.end()


if __name__ == "__main__":
    sys.exit(main())
