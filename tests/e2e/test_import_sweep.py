"""A whole sweep that other equipment recorded: what a virtual run sampled, written as another program writes it, is judged point
by point by one import, and every figure lies within its uncertainty of the run's own."""
import json
import sys
import tempfile
from pathlib import Path

import jsonschema
import numpy as np

import report_form
import rig

SAME = "every result is the same, bit for bit"
POINTS_SCHEMA = json.loads((rig.ROOT / "reports/schema/points.schema.json").read_text())
LIMITS = [("stroke_rate_error_pct", "%", -10, 10), ("missed_strokes", "1", None, 0), ("depth_error_mm", "mm", -0.15, 0.15),
          ("depth_sd_mm", "mm", None, 0.03), ("handle_temperature_c", "degC", None, 48), ("depth_linearity_mm", "mm", None, 0.08),
          ("depth_hysteresis_mm", "mm", None, 0.06)]
PLAN = {"kind": "penrig/plan/1", "name": "sweep", "thermal": {"rated_ambient_c": 35, "basis": "example"},
        "limits": [{k: v for k, v in zip(("measurand", "unit", "lower", "upper"), row) if v is not None} for row in LIMITS],
        "steps": [{"name": "scale", "depth_mm": [0.5, 1.0, 1.5], "rate_hz": 120, "order": "up_down", "tare_s": 0.25, "settle_s": 0.4,
                   "measure_s": 1.0}]}
# The realised rate is that of its own window: of another by some strokes it is the nominal one that must agree.
FIGURES = [("stroke_rate_hz", "nominal"), ("depth_mm", "force_equivalent"), ("depth_mm", "displacement"), ("handle_temperature_c", None)]


def record_elsewhere(folder, run):
    """The run's samples as one array: force, displacement, and the temperature that a slow channel held, in each row."""
    done = rig.penrig_a("export", run.run_file, "--format", "npy", "--output", folder / "out")
    assert done.returncode == 0, done.stderr
    fast, slow = np.load(folder / "out.stream0.npy"), np.load(folder / "out.stream1.npy")
    held = np.searchsorted(slow["time_s"], fast["time_s"], side="right").clip(1) - 1
    rows = np.column_stack((fast["force"] * 1000, fast["displacement"] * 1000, slow["handle"][held], slow["ambient"][held] + 273.15))
    np.save(folder / "daq.npy", rows)
    return folder / "daq.npy", rows


def penrig_import(folder, path, files, name, *options):
    done = rig.penrig_a("import", path, *files, "--dut", "PEN-GOOD-01", "-o", folder, "--name", name, *options)
    report = folder / f"{name}.report.json"
    report = report_form.read(report.read_text()) if report.exists() else None
    if report:
        report_form.validate(report)
    return done, report


def near(check, label, ours, theirs, more=0.0):
    both = ours and theirs and ours["value"] is not None and theirs["value"] is not None
    if not check(both, f"{label}: {ours and ours['value']} against {theirs and theirs['value']}"):
        return
    apart, u = abs(ours["value"] - theirs["value"]), (theirs["expanded_uncertainty"] or 0) + more
    check(apart <= u and ours["trusted"] == theirs["trusted"], f"{label}: {ours['value']} against {theirs['value']}, U {u}: {ours['reason']}")


def compare(check, name, report, run, more=()):
    points = [p for p in run.report["points"] if p["counts"]]
    if not check(len(report["points"]) == len(points), f"{name}: {len(report['points'])} points against {len(points)}"):
        return
    for ours, theirs in zip(report["points"], points):
        check(ours["setpoint"] == theirs["setpoint"], f"{name}: {ours['setpoint']} is not {theirs['setpoint']}")
        check(ours["outcome"] == theirs["outcome"] == "pass", f"{name}: {ours['outcome']}: {ours['reason']}")
        for measurand, method in [*FIGURES, *more]:
            near(check, f"{name}, {ours['setpoint']['depth_mm']} mm, {measurand}", rig.result(ours, measurand, method), rig.result(theirs, measurand, method))
    check(len(report["sweeps"]) == len(run.report["sweeps"]) == 1, f"{name}: sweeps")
    for measurand in ("depth_linearity_mm", "depth_hysteresis_mm"):
        near(check, f"{name}: {measurand}", rig.result(report["sweeps"][0], measurand), rig.result(run.report["sweeps"][0], measurand))


def points_file(path, run, rate_hz, **more):
    points = []
    for p in [p for p in run.report["points"] if p["counts"]]:
        at = lambda key: int(p["window"][key]) / rate_hz
        points.append({"tare_s": [at("tare_index"), at("spin_up_index")], "start_s": at("spin_up_index"), "measure_s": [at("first_index"), at("coast_index")],
                       "depth_mm": p["setpoint"]["depth_mm"], "rate_hz": p["setpoint"]["rate_hz"], **more})
    data = {"kind": "penrig/points/1", "points": points}
    jsonschema.validate(data, POINTS_SCHEMA)
    path.write_text(json.dumps(data))
    return data


def test_sweep(check, folder, path, files, run, channels):
    done, found = penrig_import(folder, path, files, "found", *channels)
    if check(done.returncode == 3 and found, f"found by its strokes: exit {done.returncode}: {done.stderr}"):
        compare(check, "found by its strokes", found, run)
        check(found["imported"]["times_found"] and found["imported"]["times_from"].startswith("6 stretches of strokes"), f"{found['imported']}")
        check(found["dut_verdict"] == "inconclusive" and "imported recording, every required figure within its limits" in found["verdict_reason"],
              f"{found['verdict_reason']}")
        for name in ("spin_up_s", "coast_down_s"):
            event = rig.result(found["points"][0], name)
            check(event["value"] is None and "no st" in event["reason"], f"nobody said when the pen was told: {event}")
    points_file(folder / "points.json", run, 20000)
    done, stated = penrig_import(folder, path, files, "stated", *channels, "--points", folder / "points.json")
    if check(done.returncode == 3 and stated, f"times stated: exit {done.returncode}: {done.stderr}"):
        compare(check, "times stated", stated, run, [("stroke_rate_hz", "realised")])
        check(not stated["imported"]["times_found"] and stated["imported"]["points_file"]["path"].endswith("points.json"), f"{stated['imported']}")
        check(rig.result(stated["points"][0], "spin_up_s")["value"] is not None, "the start was stated")
    for name in ("found", "stated"):
        done = rig.penrig_a("analyze", folder / f"{name}.penrig")
        check(done.returncode == 3 and SAME in done.stdout, f"{name}, derived again: {done.returncode} {done.stdout[-400:]}{done.stderr}")


def test_what_does_not_fit(check, folder, path, files, plan, channels):
    other = json.loads(json.dumps(PLAN))
    other["steps"][0]["order"], other["limits"] = "as_written", other["limits"][:3]
    (folder / "three.json").write_text(json.dumps(other))
    three = [folder / "three.json" if f == plan else f for f in files]
    done, _ = penrig_import(folder, path, three, "three", *channels)
    check(done.returncode == 2 and "the plan has 3 points, the recording 6 stretches of strokes" in done.stderr and " at 11" in done.stderr,
          f"another number of points: {done.returncode} {done.stderr}")
    done, _ = penrig_import(folder, path, three, "three", *channels, "--points", folder / "points.json")
    check(done.returncode == 2 and "points.json:1:" in done.stderr and "lists 6; the plan has 3" in done.stderr, f"{done.returncode} {done.stderr}")
    done, _ = penrig_import(folder, path, files, "one", *channels, "--tare-until", 1)
    check(done.returncode == 2 and "are the times of one" in done.stderr, f"times of one point: {done.returncode} {done.stderr}")
    check(not list(folder.glob("three*.penrig")) and not list(folder.glob("one*.penrig")), "nothing is left behind")


def test_channels(check, folder, path, files, channels):
    wrong = [(["--displacement", 9], "--displacement 9"), (["--displacement", "1:0.001"], "column 1 is the force already"),
             (["--displacement", 2], "write COLUMN:SCALE, in mm per number"), (["--displacement", "2:0"], "every number is the same"),
             (["--temperature", "tip"], "must be NAME=COLUMN"), (["--temperature", "nose=3:1"], "handle, tip or ambient"),
             (["--displacement", "2:0.001", "--temperature", "tip=2:1"], "column 2 is displacement already"),
             (["--temperature", "tip=3:1", "--temperature", "tip=4:1"], '"tip" is named twice')]
    for i, (options, why) in enumerate(wrong):
        done, _ = penrig_import(folder, path, files, f"wrong{i}", *channels[:6], *options)
        check(done.returncode == 2 and why in done.stderr, f"{options}: {done.returncode} {done.stderr}")
    boxes = rig.own_bench("virtual-boxes.json", folder)
    done, _ = penrig_import(folder, path, ["--bench", boxes, *files[2:]], "boxes", *channels[:6], "--displacement", "2:0.001")
    check(done.returncode == 2 and 'it is device "' in done.stderr and "by a clock of its own" in done.stderr, f"a bar of another box: {done.returncode} {done.stderr}")
    text = Path(files[1]).read_text()
    for key, option, why in (("displacement_u_mm", ["--displacement", "2:0.001"], "displacement_u_mm"), ("temperature_u_k", ["--temperature", "tip=3:1"], "temperature_u_k")):
        bare = folder / f"no-{key}.json"
        bare.write_text("\n".join(line for line in text.splitlines() if key not in line).replace('"temperature_u_k": 0.06,\n  }', '"temperature_u_k": 0.06\n  }'))
        done, _ = penrig_import(folder, path, ["--bench", bare, *files[2:]], f"no-{key}", *channels[:6], *option)
        check(done.returncode == 2 and why in done.stderr, f"a bench without {key}: {done.returncode} {done.stderr}")


def main():
    check = rig.Checks()
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    plan = folder / "plan.json"
    plan.write_text(json.dumps(PLAN))
    run = rig.run_plan(str(plan), seed=5, folder=folder / "run")
    check(run.status == 0, f"the run itself: {run.outcome()} {run.err}")
    path, _ = record_elsewhere(folder, run)
    files = ["--bench", rig.own_bench("virtual-usb.json", folder), "--plan", plan]
    scales = ["--rate", 20000, "--column", 1, "--scale", 0.001]
    channels = [*scales, "--displacement", "2:0.001", "--temperature", "handle=3:1", "--temperature", "ambient=4:1:-273.15"]
    test_sweep(check, folder, path, files, run, channels)
    test_what_does_not_fit(check, folder, path, files, plan, channels)
    test_channels(check, folder, path, files, channels)
    check.end()


if __name__ == "__main__":
    sys.exit(main())
