#!/usr/bin/python3
# runs alone: two of its runs are in real time
"""penrig's figures against what really happened: mean rate, mean depth and stroke count of every point, on the demo plan in real
time through the real USB and serial libraries, and on the whole conformance plan on the virtual clock."""
import json
import sys
import tempfile
from pathlib import Path

import rig

RATE_REL = 5e-5   # mean rate within 0.005 %
DEPTH_MM = 0.010  # mean depth within 10 um


def examine(check, label, run):
    if not check(run.report is not None, f"{label}: a report stands (exit {run.status}): {run.err[-500:]}"):
        return
    worst_rate = worst_depth = 0.0
    strokes = missing = 0
    for point in run.report["points"]:
        name = f"{label}: point {point['number']} ({point['setpoint']['depth_mm']} mm, {point['setpoint']['rate_hz']} Hz)"
        truth = rig.true_window(run, point)
        if not check(len(truth) >= 3, f"{name}: strokes in truth"):
            continue
        rate = rig.result(point, "stroke_rate_hz", "realised")["value"]
        depth = rig.result(point, "depth_mm", "force_equivalent")["value"]
        if not check(rate is not None and depth is not None, f"{name}: rate and depth have values"):
            continue
        rate_error = rate / rig.true_rate_hz(truth) - 1
        depth_error = depth - sum(t["depth_mm"] for t in truth) / len(truth)
        found = rig.result(point, "depth_mm", "force_equivalent")["n"]
        worst_rate, worst_depth = max(worst_rate, abs(rate_error)), max(worst_depth, abs(depth_error))
        strokes += len(truth)
        missing += abs(found - len(truth))
        check(abs(rate_error) <= RATE_REL, f"{name}: rate off by {rate_error * 1e6:+.1f} ppm")
        check(abs(depth_error) <= DEPTH_MM, f"{name}: depth off by {depth_error * 1e3:+.2f} um")
        check(found == len(truth), f"{name}: {found:.0f} strokes found, {len(truth)} made")
        stated = rig.result(point, "strokes")["value"]
        check(stated == len(truth), f"{name}: {stated:.0f} strokes stated, {len(truth)} made")
    print(f"{label}: {len(run.report['points'])} points, {strokes} strokes, {missing:.0f} missed or invented; worst rate error "
          f"{worst_rate * 1e6:.1f} ppm, worst depth error {worst_depth * 1e3:.2f} um")


def jump(settle_s):
    """From deep to shallow at once: the pen's depth still travels when it starts."""
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    limit = {"measurand": "depth_error_mm", "unit": "mm", "lower": -0.15, "upper": 0.15, "required": True}
    plan = {"kind": "penrig/plan/1", "name": f"jump-{settle_s:g}", "limits": [limit],
            "steps": [{"name": "jump", "depth_mm": [2.7, 0.5], "rate_hz": [105, 150], "order": "as_written", "tare_s": 0.3,
                       "settle_s": settle_s, "measure_s": 1.5}]}
    (folder / "jump.json").write_text(json.dumps(plan))
    return rig.run_plan(folder / "jump.json", folder=folder)


def examine_jumps(check):
    settled = jump(1.5)
    check(settled.outcome() == ("pass", "complete", 0), f"jump, settled: {settled.outcome()}")
    examine(check, "jump, settled", settled)
    for point in jump(0.5).report["points"]:
        depth = rig.result(point, "depth_error_mm", "force_equivalent")
        error = depth["value"] or 0
        bar, counts = rig.result(point, "depth_mm", "displacement"), rig.result(point, "missed_strokes")
        check(counts["trusted"] or not bar["trusted"], f"jump, not settled: strokes that are not counted are in no mean: {bar['reason']}")
        check(abs(error) < 0.02 or depth["outcome"] == "inconclusive", f"jump, not settled: {error} mm is {depth['outcome']}")


def examine_methods(check):
    """Every measurand that a plan may judge by the nominal rate and the displacement stands there by that method."""
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    limits = [("depth_mm", "mm", 0.85, 1.15), ("depth_error_mm", "mm", -0.15, 0.15), ("depth_sd_mm", "mm", None, 0.1),
              ("depth_max_mm", "mm", None, 1.3), ("depth_tolerance_hi_mm", "mm", None, 1.3), ("stroke_rate_hz", "Hz", 100, 140),
              ("stroke_rate_error_pct", "%", -10, 10)]
    plan = {"kind": "penrig/plan/1", "name": "methods", "judge": {"rate": "nominal", "depth": "displacement"},
            "limits": [{"measurand": m, "unit": u, "upper": hi, "required": True, **({} if lo is None else {"lower": lo})}
                       for m, u, lo, hi in limits],
            "steps": [{"name": "one", "depth_mm": [1.0], "rate_hz": [120], "measure_s": 1.5}]}
    (folder / "methods.json").write_text(json.dumps(plan))
    run = rig.run_plan(folder / "methods.json", folder=folder)
    check(run.outcome() == ("pass", "complete", 0), f"other methods: {run.outcome()}: {run.report['verdict_reason']}")


def every_sample_read(run):
    return rig.kept_up(run) and rig.unread(run) == 0


def in_real_time(*arguments, **options):
    """The strokes of a sample that nobody read are in no window: such a run says nothing of the others."""
    return rig.undisturbed(lambda: rig.run_plan(*arguments, depth="B", **options), keeps_up=every_sample_read)


def main():
    check = rig.Checks()
    examine_jumps(check)
    examine_methods(check)
    jobs = [lambda: in_real_time("demo.json"),
            lambda: in_real_time("demo.json", bench="virtual-serial.json"),
            lambda: rig.run_plan("conformance.json", depth="A")]
    usb, serial, conformance = rig.in_parallel(jobs, workers=3)
    for label, job, run in (("demo over USB", jobs[0], usb), ("demo over serial", jobs[1], serial)):
        if run.outcome() != ("pass", "complete", 0):
            print(f"again, alone: {label}: {run.outcome()}", flush=True)
            run = job()
        check(run.outcome() == ("pass", "complete", 0), f"{label}: {run.outcome()}: {(run.report or {}).get('verdict_reason')}")
        examine(check, label, run)
    examine(check, "conformance", conformance)
    check.end()


if __name__ == "__main__":
    sys.exit(main())
