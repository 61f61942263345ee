#!/usr/bin/python3
"""The conformance plan whose windows end when depth and rate are known, beside the one of fixed windows, on the virtual clock:
every named pen has the same verdict, a good one clears every limit by the same outcome, and it takes about half of the time."""
import sys

import rig

PENS = rig.some(("GOOD", "SHALLOW", "DEEP", "SLOW", "JITTERY", "HOT", "WEAK"), of=7)
FIXED, QUICK = "conformance.json", "conformance-quick.json"


def worst(run):
    """Outcomes of each limit over points and sweeps."""
    seen = {}
    for place in run.report["points"] + run.report["sweeps"]:
        for r in place["results"]:
            if r["limits"]:
                seen.setdefault(r["measurand"], set()).add(r["outcome"])
    return seen


def main():
    check = rig.Checks()
    jobs = [lambda pen=pen, plan=plan: rig.run_plan(plan, dut=f"PEN-{pen}-01") for pen in PENS for plan in (FIXED, QUICK)]
    runs = rig.in_parallel(jobs)
    for pen, fixed, quick in zip(PENS, runs[::2], runs[1::2]):
        check(fixed.outcome() == quick.outcome(), f"PEN-{pen}: {fixed.outcome()} in fixed windows, {quick.outcome()} in open ones")
    fixed, quick = runs[:2]
    check(fixed.outcome() == ("pass", "complete", 0) and worst(fixed) == worst(quick), f"{worst(fixed)} {worst(quick)}")
    targets = [t for p in quick.report["points"] for t in p["until"]]
    check(len(targets) == 2 * 90 and all(t["reached"] for t in targets), f"not reached: {[t for t in targets if not t['reached']]}")
    took = [sum(run.report["takt"].values()) for run in (fixed, quick)]
    print(f"a good pen: {took[0]:.1f} s in fixed windows, {took[1]:.1f} s in open ones")
    check(took[1] < 0.50 * took[0], f"{took[0]:.1f} s and {took[1]:.1f} s")
    check.end()


if __name__ == "__main__":
    sys.exit(main())
