#!/usr/bin/python3
"""Every named fault on the virtual clock, many seeds each: verdict, run status and exit code as documented, the pen stopped in
truth, the run file readable, the end at most 2 s after the fault, and no PASS that the truth contradicts.
SEEDS in the environment sets how many (default 20)."""
import os
import sys

import rig

SEEDS = int(os.environ.get("SEEDS", "20"))
PLAN = {"dead-man-dead": "demo.json"}  # only a plan that tests the dead-man can find it dead; else ci-smoke.json
LAST_STRIKE_S = 4.6  # ci-smoke ends a little later: the seeds spread the fault over everything from opening to the last stop
ENDS_WITHIN_S = 2.0
PASS = ("pass", "complete", 0)
FAIL = ("fail", "complete", 1)
CONDITIONAL = {("conditional_pass", "complete", 3), ("conditional_fail", "complete", 1)}
UNSURE = ("inconclusive", "complete", 3)
LOST = ("inconclusive", "device_lost", 4)

# fault spec: (outcomes that are right once it has struck, does it end the run?)
FAULTS = {
    "unplug:pen": ({LOST}, True),
    "unplug:sensor": ({LOST}, True),
    "silent:pen": ({LOST}, True),
    "silent:sensor": ({LOST}, True),
    "garbage:pen": ({PASS, UNSURE, LOST}, False),
    "garbage:sensor": ({PASS, UNSURE, LOST}, False),
    "bit-flips:pen": ({PASS, UNSURE, LOST}, False),
    "bit-flips:sensor": ({PASS, UNSURE, LOST}, False),
    "usb-stall:pen": ({PASS, UNSURE, LOST}, False),
    "usb-stall:sensor": ({PASS, UNSURE, LOST}, False),
    "stall": ({FAIL}, True),
    "reboot": ({FAIL}, True),
    "over-temperature": ({FAIL}, True),
    "weak-battery": ({FAIL, PASS}, False),
    "stuck": ({UNSURE}, True),
    "saturated": ({UNSURE}, True),
    "dropped-frames": ({UNSURE, PASS}, False),
    "slow-clock": ({UNSURE}, False),
    "missed-strokes": ({FAIL, PASS}, False),
    "dead-man-dead": ({FAIL}, False),
    # harder ones: what the plain fault is too kind to show
    "missed-strokes,p=1": ({FAIL, PASS}, False),  # from one stroke on there is none: no interval shows it
    "slow-clock,error=-0.05": ({UNSURE, PASS}, False),  # the clock changes in the middle of a run
    "bit-flips:pen,rate=0.002": ({PASS, UNSURE, LOST}, False),  # text without a checksum: never the pen's fault
    "garbage:pen,every=0.01": ({PASS, UNSURE, LOST}, False),
}
OF_THE_MOTOR = {"stall", "missed-strokes", "missed-strokes,p=1"}
SHOWS_AFTER_S = 0.3  # of running, until the firmware notices
ALWAYS = {"dead-man-dead": "@0", "slow-clock": "@0"}  # they are a state, not a moment


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


def end_time_s(run):
    """When the pen was last heard of in truth: the end of the world is the end of the process."""
    return run.truth[-1]["t_ns"] * 1e-9


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


def examine(check, name, seed, run):
    label = f"{name} seed {seed}"
    if not check(run.report is not None, f"{label}: a report stands (exit {run.status}: {run.err.strip()[-300:]})"):
        return
    struck = fault_time_s(run)
    expected, ends = FAULTS[name]
    if struck is None:
        expected = {PASS}
    elif struck > end_time_s(run) - 0.5 and not name in ALWAYS:
        expected = expected | {PASS}
    elif name in OF_THE_MOTOR and not runs_after(run, struck + SHOWS_AFTER_S):
        expected = {PASS, FAIL}
    check(run.outcome() in expected, f"{label}: {run.outcome()}, struck at {struck}: {run.report['status_reason']} | "
          f"{run.report['verdict_reason']}")
    final = run.truth[-1]
    check(final.get("motor_on") is False and final.get("moving") is False, f"{label}: the pen stands still at the end: {final}")
    shown = rig.penrig_a("show", "--verify", run.run_file)
    check(shown.returncode == 0, f"{label}: the run file reads and verifies: {shown.stderr.strip()}")
    if run.report["dut_verdict"] in ("pass", "conditional_pass"):
        why = truth_contradicts(run)
        check(why is None, f"{label}: FALSE PASS: {why}")
    if ends and struck is not None and run.outcome() != PASS:
        late = end_time_s(run) - max(struck, 0.5)
        check(late <= ENDS_WITHIN_S, f"{label}: ended {late:.2f} s after the fault")


def main():
    check = rig.Checks()
    jobs = [(name, seed) for name in FAULTS for seed in range(1, SEEDS + 1)]
    runs = rig.in_parallel([lambda n=n, s=s: rig.run_plan(PLAN.get(n, "ci-smoke.json"), faults=[spec(n, when(s))], seed=s) for n, s in jobs])
    for (name, seed), run in zip(jobs, runs):
        examine(check, name, seed, run)
    check.end()


if __name__ == "__main__":
    sys.exit(main())
