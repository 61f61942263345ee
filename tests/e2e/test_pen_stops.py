#!/usr/bin/python3
"""Does the pen stand still, and is that seen? Pens that run on after they confirmed the stop and motors that creep, on the virtual
clock, many seeds each. SEEDS in the environment sets how many (default 20)."""
import os
import sys

import rig

SEEDS = int(os.environ.get("SEEDS", "20"))
PASS = ("pass", "complete", 0)
FAIL = ("fail", "complete", 1)
UNSURE = ("inconclusive", "complete", 3)
DEAD_MAN_S = 0.5
COAST_S = 0.3  # of any virtual pen, and more


def spread(seed, lo=0.05, hi=4.6):
    return f"@{lo + (hi - lo) * (seed - 1) / max(SEEDS - 1, 1):.3f}"


def runs_of(specs, plan="ci-smoke.json", **kw):
    jobs = [(name, seed, spec(seed)) for name, spec in specs for seed in range(1, SEEDS + 1)]
    runs = rig.in_parallel([lambda n=n, s=s, f=f: rig.run_plan(plan, faults=f, seed=s, **kw) for n, s, f in jobs])
    return [(f"{name} seed {seed}", run) for (name, seed, _), run in zip(jobs, runs)]


def struck(run):
    return any(t.get("event") == "fault" for t in run.truth)


def strikes_after_stop_s(run):
    """How long the needles went on after each order to stop that followed a run; the longest."""
    longest, stop_ns, running = 0.0, None, False
    for t in run.truth:
        line = t.get("line", "") if t.get("event") == "command" else ""
        if "OUTP ON" in line:
            running, stop_ns = True, None
        elif "OUTP OFF" in line and running and stop_ns is None:
            stop_ns = t["t_ns"]
        elif "stroke" in t and stop_ns is not None:
            longest = max(longest, (t["t_ns"] - stop_ns) * 1e-9)
    return longest


def runs_on(check):
    """A pen that itself confirmed the stop and runs on fails; its dead-man, which nothing feeds any more, stops it."""
    specs = [("runs-on", lambda s: [f"runs-on{spread(s)}"]), ("runs-on,dead-man=0", lambda s: [f"runs-on{spread(s)},dead-man=0"])]
    for label, run in runs_of(specs):
        if not struck(run):
            check(run.outcome() == PASS, f"{label}: it did not strike: {run.outcome()}")
            continue
        ran_on = strikes_after_stop_s(run) > COAST_S
        expected = FAIL if ran_on else PASS
        check(run.outcome() == expected, f"{label}: {run.outcome()} {run.report['verdict_reason']}")
        check(not ran_on or "ran_on" in str(run.report["pen_conditions"]), f"{label}: {run.report['pen_conditions']}")
        if "dead-man=0" not in label:
            check(strikes_after_stop_s(run) < DEAD_MAN_S + COAST_S, f"{label}: struck for {strikes_after_stop_s(run):.2f} s after the stop")
            check(run.report["stop"]["verified"], f"{label}: {run.report['stop']}")
        else:
            check(not (ran_on and run.report["stop"]["verified"]), f"{label}: {run.report['stop']}")


def creeps(check):
    """A bar that moves too slowly to swing moves all the same: nothing that still creeps is seen to stand still."""
    specs = [(f"creep,rate={rate}", lambda s, rate=rate: [f"creep{spread(s)},rate={rate}"]) for rate in (0.1, 0.15, 0.2)]
    for label, run in runs_of(specs):
        crept = run.truth[-1]["moving"]
        check(not (crept and run.report["stop"]["verified"]), f"{label}: seen to stand still: {run.report['stop']['text']}")
        check(run.outcome() in (PASS, UNSURE) and not (crept and run.outcome() == PASS), f"{label}: {run.outcome()}")


def good_pens(check):
    for label, run in runs_of([("good", lambda s: [])]):
        check(run.outcome() == PASS and run.report["stop"]["verified"], f"{label}: {run.outcome()} {run.report['verdict_reason']}")


def the_order_waits_for_no_tick(check):
    """A sensor that says that it is overloaded under a running pen: the order to stop leaves in the loop's next turn. What the sensor says ends a
    transfer within 5 ms; a tick of 5 ms more would be seen."""
    waits = []
    for label, run in runs_of([("sensor-alarm", lambda s: [f"sensor-alarm@{1.2 + 0.7013 * s / SEEDS:.5f},code=1"])]):
        struck_ns = [t["t_ns"] for t in run.truth if t.get("event") == "fault"]
        orders = [t["t_ns"] for t in run.truth if struck_ns and "OUTP OFF" in t.get("line", "") and t["t_ns"] >= struck_ns[0]]
        running = [t["on"] for t in run.truth if t.get("event") == "motor" and struck_ns and t["t_ns"] < struck_ns[0]]
        check(running and running[-1] and orders, f"{label}: the pen ran, and was ordered off: {running} {orders}")
        waits += [(orders[0] - struck_ns[0]) * 1e-6 if orders else 1e9]
    check(max(waits) <= 6.5, f"ms from the alarm to the order: {max(waits)}, {sum(waits) / len(waits):.2f} in the mean")


def main():
    check = rig.Checks()
    runs_on(check)
    creeps(check)
    good_pens(check)
    the_order_waits_for_no_tick(check)
    check.end()


if __name__ == "__main__":
    sys.exit(main())
