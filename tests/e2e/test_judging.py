#!/usr/bin/python3
"""What a judgement must not lean on: a check that could not be made, an attempt that is forgotten, needles that were not seen to move, a
certificate that does not hold. On the virtual clock, against the truth file."""
import json
import os
import sys
import tempfile
from pathlib import Path

import rig

SEEDS = int(os.environ.get("SEEDS", "30"))
UNSURE = ("inconclusive", "complete", 3)
PASS = ("pass", "complete", 0)


def limit(measurand, unit, **bounds):
    return {"measurand": measurand, "unit": unit, **bounds}


def run(limits, faults=(), step=(), dut="PEN-GOOD-01", seed=1, phantom=None, bench="virtual-usb.json", edit=None):
    """One point of 1 mm at 120 Hz unless the step says otherwise; `phantom` is what is really in the clamp."""
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    plan = {"kind": "penrig/plan/1", "name": "judging", "limits": limits,
            "steps": [{"name": "one", "depth_mm": 1.0, "rate_hz": 120, "measure_s": 1.0, **dict(step)}]}
    (folder / "plan.json").write_text(json.dumps(plan))
    extra = []
    if phantom:
        (folder / "clamp").write_text(phantom)
        extra = ["--clamp", folder / "clamp"]
    path = rig.own_bench(bench, folder)
    if edit:
        path.write_text(edit(path.read_text(), folder))
    return rig.run_plan(folder / "plan.json", bench=str(path), dut=dut, faults=faults, seed=seed, folder=folder, world_extra=extra)


def true_depth_mm(ran, point):
    window = [t["depth_mm"] for t in rig.true_window(ran, point) if t["depth_mm"] is not None]
    return sum(window) / len(window)


# ---- a check that could not be made

DEPTH = [limit("depth_error_mm", "mm", lower=-0.15, upper=0.15)]


def phantom_not_checked(check):
    """A soft phantom where the bench names the standard one: 1.0 mm by force is another depth in truth. The bar would tell; it stands."""
    for faults, phantom, outcome, reason in [
            ((), None, PASS, "nearest"),
            ((), "SIL-BONE-01", UNSURE, "another phantom in the clamp"),
            (("stuck@0.1,channel=1",), "SIL-BONE-01", UNSURE, "whether this is the phantom could not be checked: the displacement channel stood still"),
            (("stuck@0.1,channel=1",), None, UNSURE, "whether this is the phantom could not be checked")]:
        dut = "PEN-SHALLOW-01" if phantom else "PEN-GOOD-01"
        ran = run(DEPTH, faults=faults, phantom=phantom, dut=dut)
        label = f"phantom {phantom}, {faults}"
        check(ran.outcome() == outcome and reason in ran.report["verdict_reason"], f"{label}: {ran.outcome()} {ran.report['verdict_reason']}")
        shown = rig.result(ran.report["points"][0], "depth_mm", "force_equivalent")
        if phantom:
            truth = true_depth_mm(ran, ran.report["points"][0])
            check(abs(shown["value"] - truth) > 0.1 and abs(truth - 1.0) > 0.15, f"{label}: {shown['value']} mm shown, {truth} mm in truth: no case of it")
        check(rig.result(ran.report["points"][0], "peak_force_n")["trusted"], f"{label}: what needs no curve stays")


def no_means_is_no_failed_check(check):
    """A bench that declares no calibrated displacement has not got the check; with one in the file it has, and the sensor must give it."""
    def force_alone(text, _):
        return text.replace("LC-2001", "LC-1001").replace('"displacement_u_mm": 0.002', '"displacement_u_mm": 0')

    def promised(text, _):
        return text.replace("LC-2001", "LC-1001")
    ran = run(DEPTH, edit=force_alone)
    check(ran.outcome() == PASS, f"no displacement on the bench: {ran.outcome()} {ran.report['verdict_reason']}")
    ran = run(DEPTH, edit=promised)
    check(ran.outcome() == UNSURE and "could not be checked: no displacement channel" in ran.report["verdict_reason"],
          f"a displacement that the bench declares and the sensor has not: {ran.outcome()} {ran.report['verdict_reason']}")


def main():
    check = rig.Checks()
    phantom_not_checked(check)
    no_means_is_no_failed_check(check)
    check.end()


if __name__ == "__main__":
    sys.exit(main())
