#!/usr/bin/python3
"""Windows whose length the plan leaves open, on the virtual clock: they end at the samples at which they may, with what was
wanted known, the truth inside, and the replay the same; and where it stays unknown, the longest time is taken and it is said."""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import report_form
import rig

FS_HZ, EVERY_S, LATE_S = 20000, 0.25, 0.02  # of the bench; between looks; until the stop leaves
METHODS = {"stroke_rate_hz": "realised", "depth_mm": "force_equivalent"}
LIMITS = [{"measurand": "depth_error_mm", "unit": "mm", "lower": -0.15, "upper": 0.15},
          {"measurand": "stroke_rate_error_pct", "unit": "%", "lower": -10, "upper": 10}]


def measured(until, seed, lo=0.5, hi=4, judge=None, bench="virtual-usb.json", depths=(0.5, 1.5)):
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    plan = {"kind": "penrig/plan/1", "name": "until", "limits": LIMITS, **({"judge": judge} if judge else {}),
            "steps": [{"depth_mm": list(depths), "rate_hz": 120, "measure_s": {"min": lo, "max": hi, "until": until}}]}
    (folder / "until.json").write_text(json.dumps(plan))
    return rig.run_plan(folder / "until.json", folder=folder, seed=seed, bench=bench)


def window_s(point):
    return (int(point["window"]["coast_index"]) - int(point["window"]["first_index"])) / FS_HZ


def replays(check, label, run):
    done = subprocess.run([rig.PENRIG, "analyze", str(run.run_file)], capture_output=True, text=True)
    check(done.returncode == run.status and "every result is the same, bit for bit" in done.stdout,
          f"{label}: replay: exit {done.returncode}: {done.stdout[:300]}{done.stderr[-300:]}")


def near_the_truth(check, name, run, point):
    truth = rig.true_window(run, point)
    rate, depth = rig.result(point, "stroke_rate_hz", "realised"), rig.result(point, "depth_mm", "force_equivalent")
    for what, r, true in (("rate", rate, rig.true_rate_hz(truth)), ("depth", depth, sum(t["depth_mm"] for t in truth) / len(truth))):
        check(abs(r["value"] - true) <= 1.3 * r["expanded_uncertainty"],
              f"{name}: {what} {r['value']}, in truth {true}, U {r['expanded_uncertainty']}")
    check(rig.result(point, "strokes")["value"] == len(truth), f"{name}: {len(truth)} strokes were made")


def ends_when_known(check):
    """Between 0.5 and 4 s, at a look; the stop follows within a few blocks."""
    until = {"stroke_rate_hz": 0.00156, "depth_mm": 0.02}
    seen, short = set(), []
    for seed in (1, 2, 3, 4):
        run = measured(until, seed)
        check(run.outcome() == ("pass", "complete", 0), f"seed {seed}: {run.outcome()}")
        report_form.validate(run.report)
        for point in run.report["points"]:
            name, s = f"seed {seed}: {point['setpoint']['depth_mm']} mm", window_s(point)
            late = (s - 0.5) % EVERY_S
            check(0.5 <= s < 4 and late <= LATE_S, f"{name}: ended after {s} s")
            seen.add(round(s - late, 2))
            check({t["measurand"]: t["wanted_uncertainty"] for t in point["until"]} == until, f"{name}: {point['until']}")
            for t in point["until"]:
                r = rig.result(point, t["measurand"], METHODS[t["measurand"]])
                check(t["reached"] == (t["expanded_uncertainty"] <= t["wanted_uncertainty"]), f"{name}: {t}")
                short += [] if t["reached"] else [f"{name}: {t}"]
                check(abs(t["expanded_uncertainty"] / r["expanded_uncertainty"] - 1) < 0.01, f"{name}: {t} is not that of {r}")
            near_the_truth(check, name, run, point)
        replays(check, f"seed {seed}", run)
    # The whole window may show a line between the strokes that no look before its end did: it is told, and rare.
    check(len(short) <= 1, f"targets that were reached and then were not: {short}")
    check(len(seen) >= 3, f"the windows ended after {sorted(seen)} s: the target decides nothing")


def at_once(check):
    run = measured({"depth_mm": 0.1, "stroke_rate_hz": 1}, 5)
    for point in run.report["points"]:
        check(0.5 <= window_s(point) <= 0.5 + LATE_S, f"what is known at once ends after min: {window_s(point)} s")
    replays(check, "at once", run)


def by_the_judged_method(check):
    """The bar is exact where the force has its certificates: the same target, met by one and not by the other."""
    for judge, reached in (("displacement", True), ("force_equivalent", False)):
        run = measured({"depth_mm": 0.0045}, 6, hi=1, judge={"depth": judge})
        for point in run.report["points"]:
            check(point["until"][0]["reached"] == reached, f"by {judge}: {point['until']}")


def stays_unknown(check):
    run = measured({"depth_mm": 0.02, "stroke_rate_hz": 1e-6}, 7, hi=1.2)
    check(run.outcome() == ("pass", "complete", 0), f"stays unknown: {run.outcome()}")
    for point in run.report["points"]:
        check(1.2 <= window_s(point) <= 1.2 + LATE_S, f"it takes the longest time: {window_s(point)} s")
        reached = {t["measurand"]: t["reached"] for t in point["until"]}
        check(reached == {"depth_mm": True, "stroke_rate_hz": False}, f"it is said: {point['until']}")
    check(run.out.count("target not reached: stroke_rate_hz is known to") == 2, f"people are told: {run.out[-1500:]}")
    replays(check, "stays unknown", run)


def another_device(check):
    """Force and displacement of two devices, put on one axis: the looks are on that of the force."""
    run = measured({"stroke_rate_hz": 0.02}, 8, bench="virtual-boxes.json", depths=(1.0,))
    for point in run.report["points"]:
        fs = next(c for d in run.report["devices"] if d["role"] == "load_sensor" for c in d["channels"] if c["name"] == "force")
        s = (int(point["window"]["coast_index"]) - int(point["window"]["first_index"])) / fs["rate_hz"]
        check(0.5 <= s < 4 and all(t["reached"] for t in point["until"]), f"two devices: after {s} s: {point['until']}")
    replays(check, "two devices", run)


def main():
    check = rig.Checks()
    ends_when_known(check)
    at_once(check)
    by_the_judged_method(check)
    stays_unknown(check)
    another_device(check)
    check.end()


if __name__ == "__main__":
    sys.exit(main())
