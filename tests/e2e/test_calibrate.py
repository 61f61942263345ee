#!/usr/bin/python3
"""penrig calibrate: a stage's readings and the forces that the session measures become a phantom's file that the next run can
use; what is no calibration leaves no file. On the virtual bench the pen's own depth plays the stage, and the truth file says
what a perfect micrometer would have read."""
import json
import math
import os
import pty
import re
import subprocess
import tempfile
from pathlib import Path

import jsonschema

import rig

SCHEMA = json.loads((rig.ROOT / "reports/schema/phantom.schema.json").read_text())
DEPTHS = [round(0.2 * (i + 1), 1) for i in range(15)]
RATES = (90, 120, 150)
STAGE_U_MM, FORCE_U_REL = 0.002, json.loads(
    "\n".join(line.split("//")[0] for line in (rig.FIXTURES / "benches/virtual-usb.json").read_text().splitlines()))["sensor"]["force"]["u_rel"]
NEEDED = ["--rates", "90,120,150", "--depths", "0.2:3.0:0.2", "--certificate", "C-17/2", "--laboratory", "Example Ltd", "--due", "2099-06-30"]
# 0.5 to 2.7 mm: neither where the calibration stops nor only where it has its settings; 105 Hz lies between two of its rates
PLAN = {"kind": "penrig/plan/1", "name": "compare",
        "limits": [{"measurand": "depth_error_mm", "unit": "mm", "lower": -0.15, "upper": 0.15}],
        "steps": [{"depth_mm": [0.5, 1.0, 1.3, 2.0, 2.7], "rate_hz": [90, 105, 150], "order": "up_down", "measure_s": 2}]}


def calibrate(stdin, args=NEEDED, phantom="SIL-STD-01", bench=None, folder=None, faults=(), extra=(), seed=1):
    folder = Path(folder or tempfile.mkdtemp(prefix="pr"))
    bench = bench or rig.own_bench("virtual-usb.json", folder)
    world = ["--bench", bench, "--seed", seed, "--truth", folder / "truth.jsonl", "--virtual-dut", "PEN-GOOD-01"]
    for fault in faults:
        world += ["--fault", fault]
    argv = [rig.PENRIG_A, *world, "--", "calibrate", phantom, "--bench", bench, "--dut", "PEN-GOOD-01", "--output-dir", folder,
            *args, *extra]
    text = {"input": stdin} if isinstance(stdin, str) else {"stdin": stdin}
    done = subprocess.run([str(a) for a in argv], **text, capture_output=True, text=True, timeout=120, cwd=folder)
    run = rig.Run(done.returncode, done.stdout, done.stderr, folder)
    file = folder / "SIL-STD-01-C-17-2.json"
    run.phantom = json.loads(file.read_text()) if file.exists() else None
    run.phantom_path = file
    return run


def enters(n):
    return "\n" * n


def true_depths(run):
    """Mean depth that the needles reached at each setting of the stage, in order."""
    sums = {}
    for point in run.report["points"]:
        window = rig.true_window(run, point)
        key = (point["setpoint"]["repeat"], point["setpoint"]["depth_mm"])
        sums.setdefault(key, []).extend(t["depth_mm"] for t in window)
    return [sum(v) / len(v) for _, v in sorted(sums.items())]


def bench_with(phantom_path, folder):
    text = (rig.FIXTURES / "benches/virtual-usb.json").read_text()
    path = Path(folder) / "calibrated.json"
    path.write_text(text.replace("../phantoms/SIL-STD-01.json", str(phantom_path)).replace("../phantoms", str(rig.FIXTURES / "phantoms")))
    return path


def runs_with(phantom_path):
    """The same pen, seed and plan with the shipped phantom's file and with this one: pairs of points, and the second run."""
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    plan = folder / "plan.json"
    plan.write_text(json.dumps(PLAN))
    shipped = rig.run_plan(plan, folder=folder / "shipped")
    (folder / "own").mkdir()
    own = rig.run_plan(plan, bench=str(bench_with(phantom_path, folder)), folder=folder / "own")
    return shipped, own


def depth(point):
    return rig.result(point, "depth_mm", "force_equivalent")


# ---- a calibration that stands

def check_file(check, label, run, repeats):
    p = run.phantom
    if not check(p is not None and run.status == 0, f"{label}: exit {run.status}, {run.err[-400:]}"):
        return False
    jsonschema.validate(p, SCHEMA)
    check(p["calibration"] == {"certificate": "C-17/2", "laboratory": "Example Ltd", "date": run.report["started"][:10],
                               "due": "2099-06-30"}, f"{label}: its certificate: {p['calibration']}")
    truth = run.truth[0]
    check(abs(p["temperature_c"] - truth["ambient_c"]) < 0.5, f"{label}: {p['temperature_c']} degC, truly {truth['ambient_c']}")
    check(p["conditions"]["repeats"] == repeats and p["conditions"]["pen"] == "PEN-GOOD-01" and
          p["conditions"]["run"] == run.run_file.stem and p["conditions"]["sensor_certificate"] == "VB-LC-2001-A" and
          p["conditions"]["u_stage_mm"] == STAGE_U_MM, f"{label}: its conditions: {p['conditions']}")
    check([c["rate_hz"] for c in p["curves"]] == list(RATES), f"{label}: a curve for each rate")
    check(p["u_depth_mm"] >= STAGE_U_MM and p["u_force_rel"] >= FORCE_U_REL, f"{label}: no uncertainty below that of its sources")
    done = rig.penrig_a("check", rig.FIXTURES / "plans/demo.json", "--bench", bench_with(run.phantom_path, run.folder))
    check(done.returncode == 0, f"{label}: penrig check takes it: {done.stdout[-200:]}{done.stderr[-300:]}")
    for change in ({"repeats": 0}, {"repeats": 1.5}, {"u_stage_mm": 0}, {"bench": ""}, {"weather": "fine"}, {"pen": 7},
                   {"lack_of_fit_p": 1.1}, {"contact_mm": "0"}, {"u_contact_mm": -1}, {"lack_of_fit_mm": -1e-9}):
        check_spoiled(check, f"{label}: conditions with {change}", run, dict(p, conditions=dict(p["conditions"], **change)))
    return True


def check_spoiled(check, label, run, phantom):
    path = run.folder / "spoiled.json"
    path.write_text(json.dumps(phantom))
    check(not jsonschema.Draft202012Validator(SCHEMA).is_valid(phantom), f"{label}: against the schema")
    done = rig.penrig_a("check", rig.FIXTURES / "plans/demo.json", "--bench", bench_with(path, run.folder))
    check(done.returncode == 2 and "spoiled.json:" in done.stderr, f"{label}: {done.returncode} {done.stderr[-300:]}")


def worst_against_truth(run):
    """Largest difference, in mm, between the written curves and what the phantom truly is, from 0.2 mm on."""
    phantom, gain, worst = run.truth[0]["phantom"], run.truth[0]["sensor"]["gain"], 0
    for curve in run.phantom["curves"]:
        rate = 1 + phantom["rate_coefficient"] * math.log(curve["rate_hz"] * run.truth[0]["pen"]["rate_gain"] / 100)
        a, b = (gain * rate * phantom[k] for k in ("a_n_per_mm", "b_n_per_mm2"))
        for d, f in zip(curve["depth_mm"], curve["force_n"]):
            if d >= 0.2:
                worst = max(worst, abs(f - a * d - b * d * d) / (a + 2 * b * d))
    return worst


def test_perfect_stage(check):
    first = calibrate(enters(15))
    if not check(first.report is not None and len(first.report["points"]) == 45, f"45 points: {first.err[-300:]}"):
        return
    readings = true_depths(first)
    check(max(abs(r - d) for r, d in zip(readings, DEPTHS)) > 0.002, "the pen's own depth is no reference")
    run = calibrate("".join(f"{r:.4f}\n" for r in readings))
    if not check_file(check, "true readings", run, 1):
        return
    check(max(abs(a - b) for a, b in zip(true_depths(run), readings)) < 1e-6, "the second run's needles went where the first's did")
    check(run.phantom["u_fit_mm"] < 0.0010, f"residuals of a perfect stage: {run.phantom['u_fit_mm']} mm")
    check(first.phantom["u_fit_mm"] > 1.5 * run.phantom["u_fit_mm"], "a stage's errors show in the residuals")
    worst = worst_against_truth(run)
    check(worst < 0.0030, f"the curves are the phantom's within {worst * 1000:.2f} um")
    check(all(abs(c["depth_mm"][-1] - readings[-1]) < 1e-4 and c["force_n"][0] == 0 for c in run.phantom["curves"]),
          "from the contact to the deepest reading, and not beyond")
    check(run.out.count("rms residual") == 3 and f"{readings[7]:.4f}" in run.out, "the residuals are printed")
    shifts = [float(s) for s in re.findall(r"it read ([-+][0-9.]+) um from the stage in the mean", run.out)]
    check(len(shifts) == 3 and max(map(abs, shifts)) < 3.0 and "MOVED" not in run.out and "--impact" in run.out, f"the shipped calibration is as good: {run.out[-900:]}")
    compare(check, run)
    replays(check, run, readings)


def compare(check, run):
    shipped, own = runs_with(run.phantom_path)
    if not check(shipped.status == 0 and own.status == 0, f"both runs pass: {shipped.outcome()}, {own.outcome()} {own.err[-300:]}"):
        return
    pairs = list(zip(shipped.report["points"], own.report["points"]))
    check(len(pairs) == 30, f"{len(pairs)} points compared")
    for a, b in pairs:
        label = f"{a['setpoint']['depth_mm']} mm, {a['setpoint']['rate_hz']} Hz"
        difference = depth(b)["value"] - depth(a)["value"]
        check(abs(difference) < 0.003, f"{label}: {difference * 1000:.2f} um from the shipped phantom's depth")
        window = rig.true_window(own, b)
        error = depth(b)["value"] - sum(t["depth_mm"] for t in window) / len(window)
        check(abs(error) <= depth(b)["expanded_uncertainty"], f"{label}: {error * 1000:.2f} um from the truth, U {depth(b)['expanded_uncertainty'] * 1000:.2f}")


def replays(check, run, readings):
    done = subprocess.run([rig.PENRIG, "analyze", run.run_file], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120)
    check("every result is the same, bit for bit" in done.stdout, f"its run file is derived again: {done.stdout[:300]}{done.stderr}")
    done = subprocess.run([rig.PENRIG, "show", "--journal", run.run_file], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120)
    check(all(f"the stage reads {r:.4f} mm" in done.stdout for r in readings), "the journal holds every reading")


def test_repeats(check):
    run = calibrate(enters(30), extra=["--repeats", "2"])
    if not check_file(check, "as stated, twice", run, 2):
        return
    check("settings come back within" in run.out, "how well a setting comes back is said")
    # the readings were the stated depths, so the curve is off by what the pen's depth is off
    worst, pen = worst_against_truth(run), max(abs(r - d) for r, d in zip(true_depths(run), DEPTHS * 2))
    check(worst < pen + 0.002, f"nominal readings: {worst * 1000:.2f} um off, the pen's depth {pen * 1000:.2f} um")
    before = run.phantom_path.read_bytes()
    again = calibrate(enters(30), folder=run.folder)
    check(again.status == 2 and "--output" in again.err, f"a file that stands is refused: {again.status} {again.err}")
    check(run.phantom_path.read_bytes() == before, "and stays as it was")


def test_both_ways(check):
    """A stage that reads 12 um more on its way down: the curve lies midway, and half of it is a line of the uncertainty."""
    depths, back = [0.4, 0.8, 1.2, 1.6, 2.0, 2.4], 0.012
    args = ["--rates", "120", "--depths", "0.4:2.4:0.4", "--unload", *NEEDED[4:]]
    first = calibrate(enters(12), args=args)
    if not check(first.status == 0 and len(first.report["points"]) == 12, f"both ways: exit {first.status} {first.err[-300:]}"):
        return
    asked = re.findall(r"Set the stage to ([0-9.]+) mm, from (below|above)", first.err)
    check(asked == [(f"{d:.3f}", "below") for d in depths] + [(f"{d:.3f}", "above") for d in depths[::-1]], f"what was asked: {asked}")
    p = first.report["points"]
    check([x["setpoint"]["depth_mm"] for x in p] == depths + depths[::-1], "the pen went both ways")
    check(first.report["stop"]["verified"], "and was seen to stop")
    true = [sum(t["depth_mm"] for t in w) / len(w) for w in (rig.true_window(first, x) for x in p)]
    typed = [d + (back / 2 if i >= 6 else -back / 2) for i, d in enumerate(true)]
    run = calibrate("".join(f"{d:.4f}\n" for d in typed), args=args)
    if not check(run.status == 0 and run.phantom is not None, f"with hysteresis: exit {run.status} {run.err[-300:]}"):
        return
    jsonschema.validate(run.phantom, SCHEMA)
    said = run.phantom["conditions"]
    check(abs(said["hysteresis_mm"] - back) < 0.002 and said["hysteresis_p"] < 1e-3, f"its figure: {said}")
    check("HYSTERESIS" in run.out and re.search(r"from above the forces read -1[12][.]", run.out) and "from above\n" in run.out, f"is told: {run.out[:1500]}")
    check(abs(said["u_hysteresis_mm"] - 0.94 * said["hysteresis_mm"] / 2) < 5e-5, f"a line of the budget: {said}")
    check(run.phantom["u_depth_mm"] >= math.hypot(STAGE_U_MM, said["u_hysteresis_mm"]) * 0.999, f"and in the sum: {run.phantom['u_depth_mm']}")
    check(worst_against_truth(run) < 0.004, f"the curve lies midway: {worst_against_truth(run) * 1000:.2f} um")
    clean = calibrate("".join(f"{d:.4f}\n" for d in true), args=args)
    check("HYSTERESIS" not in clean.out and clean.phantom["conditions"]["u_hysteresis_mm"] < 0.001, f"of none, none: {clean.out[:900]}")
    one_way = calibrate(enters(6), args=[a for a in args if a != "--unload"])
    check("hysteresis not known (--unload)" in one_way.out and "hysteresis_mm" not in one_way.phantom["conditions"], f"one way it is not known: {one_way.out[-500:]}")
    spoiled = dict(run.phantom, conditions=dict(said, hysteresis_mm=-1))
    check_spoiled(check, "a negative hysteresis", run, spoiled)


# ---- an indicator

INDICATED = ["--rates", "120", "--depths", "0.4:2.0:0.4", *NEEDED[4:]]


def bench_with_indicator(folder, change=lambda device: None):
    text = rig.own_bench("virtual-text.json", folder).read_text()
    bench = json.loads("\n".join(re.sub(r"\s*// .*", "", line) for line in text.split("\n")))
    bench["devices"] = [d for d in bench["devices"] if d["name"] != "balance"]
    device = {"name": "dial", "roles": ["reference"], "driver": "profile", "profile": "sylvac", "unit": "mm",
              "link": "serial:1209:000e:DI-1", "calibration": {"certificate": "DI-1-A", "laboratory": "Example Ltd",
                                                               "date": "2026-01-15", "due": "2099-12-31"}}
    change(device)
    bench["devices"].append(device)
    path = Path(folder) / "indicated.json"
    path.write_text(json.dumps(bench))
    return path


def indicated(shown, change=lambda device: None, faults=(), extra=(), terminal=False):
    """Hands set the stage to what `shown` says of each question, in order; then Enter. The last of them stays."""
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    bench, stage = bench_with_indicator(folder, change), folder / "stage"
    stage.write_text("0\n")
    argv = [rig.PENRIG_A, "--bench", bench, "--seed", 1, "--truth", folder / "truth.jsonl", "--stage", stage, "--virtual-dut", "PEN-GOOD-01"]
    for fault in faults:
        argv += ["--fault", fault]
    argv += ["--", "calibrate", "SIL-STD-01", "--bench", bench, "--dut", "PEN-GOOD-01", "--output-dir", folder, "--indicator", "dial", *INDICATED, *extra]
    master, slave = pty.openpty() if terminal else (None, subprocess.PIPE)
    child = subprocess.Popen([str(a) for a in argv], stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder)
    err, answers = b"", list(shown)
    while chunk := os.read(child.stderr.fileno(), 65536):
        asked = len(re.findall(rb"Set the stage to|the stage was to stand", err + chunk)) - len(re.findall(rb"Set the stage to|the stage was to stand", err))
        err += chunk
        for _ in range(asked):
            if not answers:
                break
            scratch = folder / "stage.new"
            scratch.write_text(answers.pop(0) + "\n")
            scratch.rename(stage)
            os.write(master if terminal else child.stdin.fileno(), b"\n")
    out = child.communicate(timeout=120)[0]
    if terminal:
        os.close(master)
        os.close(slave)
    run = rig.Run(child.returncode, out.decode(), err.decode(), folder)
    file = folder / "SIL-STD-01-C-17-2.json"
    run.phantom = json.loads(file.read_text()) if file.exists() else None
    run.phantom_path = file
    return run


def test_indicator(check):
    stated = [0.4, 0.8, 1.2, 1.6, 2.0]
    set_to = [d + 0.003 * (-1) ** i for i, d in enumerate(stated)]
    run = indicated([f"{d:.4f}" for d in set_to])
    if not check(run.status == 0 and run.phantom is not None, f"read by an indicator: exit {run.status} {run.err[-500:]}"):
        return
    jsonschema.validate(run.phantom, SCHEMA)
    readings = [float(r) for r in re.findall(r"^ +([0-9.]+) +[0-9.]+ +[0-9.]+ +[0-9.]+ +[-0-9.]+$", run.out, re.M)]
    check(len(readings) == 5 and all(abs(a - b) < 0.0003 for a, b in zip(readings, set_to)), f"its readings: {readings}")
    check(run.phantom["conditions"]["indicator"] == "dial, DI-1-A" and "depth: dial, DI-1-A 2.00 um" in run.out, f"is named: {run.phantom['conditions']}")
    check("or type its reading" not in run.err, "nothing is typed")
    dial = [d for d in run.report["devices"] if d["name"] == "dial"]
    check(dial and dial[0]["profile"] == "sylvac", "every reading is in the run file")
    again = indicated(["0.4000 0.02", "0.4", "0.8", "1.2", "1.6", "2.0"], terminal=True)
    check(again.status == 0 and "not settled" in again.err, f"on a terminal it is asked again: {again.status} {again.err[-400:]}")


def test_indicator_refused(check):
    for label, shown, faults, said in (
            ("it swings", ["0.4 0.02"], (), "not settled"),
            ("another setting's", ["0.8"], (), "more than 0.200 mm away"),
            ("in inches", ["0.4"], ("other-unit:box2@0",), "as inches it would be right")):
        run = indicated(shown, faults=faults)
        no_file(check, label, run, (130,), said)
        check(not rig.strokes(run), f"{label}: the pen did not begin")
    for fault in ("silent:box2@6", "beyond:box2@0", "unplug:box2@6"):
        run = indicated(["0.4", "0.8", "1.2", "1.6", "2.0"], faults=[fault])
        no_file(check, fault, run, (4, 8, 130), "no calibration")
        check(fault.startswith("beyond") or "gave fewer than 5" in run.err and run.report["stop"]["verified"], f"{fault}: {run.err[-300:]}")

    def no_certificate(device):
        del device["calibration"]

    def no_unit(device):
        del device["unit"]

    for label, change, extra, said in (("no certificate", no_certificate, (), "needs its certificate"),
                                       ("no unit", no_unit, (), "unit"),
                                       ("another name", lambda d: None, ["--indicator", "laser"], "no device of this name"),
                                       ("no reference", lambda d: None, ["--indicator", "pen"], "must name \"reference\"")):
        run = indicated([], change=change, extra=extra)
        no_file(check, label, run, (2,), said)
        check(run.report is None, f"{label}: nothing was run")


# ---- the terminal

def test_terminal(check):
    master, slave = pty.openpty()
    os.write(master, b"abc\n2\n0.2010\n" + b"\n" * 14)
    run = calibrate(slave)
    check(run.status == 0 and run.phantom is not None, f"answers on a terminal: exit {run.status} {run.err[-300:]}")
    check(run.err.count("is no reading in mm near 0.200") == 2, f"a slip is asked again: {run.err[:600]}")
    check("0.2010" in run.out and "Set the stage to 3.000 mm" in run.err, "readings and questions are shown")
    refused = calibrate(slave, extra=["--no-input"])
    check(refused.status == 2 and "standard input" in refused.err, f"--no-input on a terminal: {refused.status}")
    check(refused.report is None and refused.phantom is None, "nothing moved")
    os.write(master, b"\n\nq\n")
    gave_up = calibrate(slave)
    check(gave_up.status == 130 and gave_up.phantom is None, f"q gives up: {gave_up.status} {gave_up.err[-200:]}")
    check(gave_up.report["run_status"] == "interrupted" and gave_up.report["stop"]["verified"], "and the pen was seen to stop")
    os.close(master)
    os.close(slave)


# ---- what is no calibration

def no_file(check, label, run, status, said):
    check(run.status in status, f"{label}: exit {run.status}, not {status}: {run.err[-300:]}")
    check(run.phantom is None and not list(run.folder.glob("*C-17*")), f"{label}: no file")
    check(said in run.err, f"{label}: says \"{said}\": {run.err[-300:]}")


def test_zero_and_bend(check):
    """A stage whose zero is not the contact, and one whose scale is bent: what neither the readings nor their scatter tell."""
    readings = true_depths(calibrate(enters(15)))
    off = calibrate("".join(f"{r + 0.09:.4f}\n" for r in readings))
    no_file(check, "a zero 0.09 mm beside the contact", off, (3,), "not at its zero")
    near = calibrate("".join(f"{r + 0.02:.4f}\n" for r in readings))
    good = calibrate("".join(f"{r:.4f}\n" for r in readings))
    check(abs(good.phantom["conditions"]["contact_mm"]) <= 3 * good.phantom["conditions"]["u_contact_mm"] and
          "ITS ZERO IS NOT" not in good.out, f"a zero at the contact: {good.phantom['conditions']}")
    check(near.status == 0 and abs(near.phantom["conditions"]["contact_mm"] - 0.02) < 0.006 and
          near.out.count("ITS ZERO IS NOT THE CONTACT") == 3, f"one 20 um beside it is said: {near.out[-600:]}")
    check(near.phantom["u_depth_mm"] > 0.94 * 0.014, f"and is an uncertainty of every depth: {near.phantom['u_depth_mm']}")
    bent = calibrate("".join(f"{r + 0.02 * math.sin(9.42 * r):.4f}\n" for r in readings * 2), extra=["--repeats", "2"])
    if check(bent.status == 0 and bent.phantom is not None, f"a bent scale: {bent.status} {bent.err[-300:]}"):
        said = bent.phantom["conditions"]
        check(said["lack_of_fit_p"] < 1e-3 and 0.01 < said["lack_of_fit_mm"] < 0.025, f"the lack of fit stands in the file: {said}")
        check(bent.out.count("MORE THAN CHANCE") == 3, "and is said for each rate")
        check(bent.phantom["u_fit_mm"] > 0.94 * 0.017, f"no scatter averages it out: {bent.phantom['u_fit_mm']}")


def test_refused(check):
    no_file(check, "seven readings", calibrate(enters(7)), (130,), "no reading for 1.600 mm")
    no_file(check, "a word", calibrate("\nabc\n"), (130,), "\"abc\" is no reading")
    no_file(check, "a slip of the point", calibrate("\n4.0\n"), (130,), "\"4.0\" is no reading")
    no_file(check, "the stage was not moved", calibrate("0.2999\n0.2999\n"), (130,), "no reading in mm near 0.400")
    no_file(check, "stall", calibrate(enters(15), faults=["stall@20"]), (1, 3), "calibrat")
    no_file(check, "sensor gone", calibrate(enters(15), faults=["unplug:sensor@20"]), (4,), "no calibration")
    no_file(check, "needles that stay back", calibrate(enters(15), faults=["stuck@20"]), (1, 3), "calibrat")


def without(option):
    i = NEEDED.index(option)
    return NEEDED[:i] + NEEDED[i + 2:]


def test_usage(check):
    for option in NEEDED[::2]:
        run = calibrate(enters(15), args=without(option))
        no_file(check, f"without {option}", run, (2,), f"{option} is missing")
    for option, value, said in (("--rates", "120,90", "rising"), ("--rates", "90:", "rising"), ("--depths", "0.2:0.8:0.2", "5 to 63"),
                                ("--depths", "0.2:9:0.2", "range"), ("--depths", "0.2:1:0", "rising"), ("--due", "2020-01-01", "after today"),
                                ("--due", "2027-02-30", "date"), ("--stage-u", "0", "--stage-u"), ("--repeats", "1.5", "whole"),
                                ("--repeats", "17", "--repeats"), ("--measure", "x", "--measure"), ("--temperature", "99", "--temperature"),
                                ("--rates", "30", "range"), ("--certificate", "", "--certificate")):
        run = calibrate(enters(15), extra=[option, value])
        no_file(check, f"{option} {value}", run, (2,), said)
        check(run.report is None, f"{option} {value}: nothing was run")
    long_digits = calibrate(enters(6), extra=["--depths", "0.31234567890123,0.6,0.9123456789012345,1.2,1.5,1.8000000000001"])
    check(long_digits.status == 0, f"more digits than a plan carries: {long_digits.status} {long_digits.err[-300:]}")
    no_file(check, "another phantom", calibrate(enters(15), phantom="SIL-OTHER"), (2,), "SIL-OTHER is not on bench")


def test_overdue(check):
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    old = folder / "old.json"
    old.write_text((rig.FIXTURES / "phantoms/SIL-STD-01.json").read_text().replace('"due": "2099-12-31"', '"due": "2026-01-16"'))
    bench = bench_with(old, folder)
    run = rig.run_plan("demo.json", bench=str(bench))
    check(run.status == 8, f"with an overdue phantom a run is refused: {run.status}")
    run = calibrate(enters(15), bench=bench, folder=folder)
    check(run.status == 0 and run.phantom is not None, f"and the phantom can be calibrated: {run.status} {run.err[-300:]}")
    text = bench.read_text()
    bench.write_text(text.replace('"due": "2099-12-31"', '"due": "2026-01-16"', 1))
    check(bench.read_text() != text, "the sensor's certificate was made to end")
    run.phantom_path.unlink()
    late = calibrate(enters(15), bench=bench, folder=folder)
    check(late.status == 8 and late.phantom is None and "load sensor was due" in late.err, f"not with an overdue sensor: {late.status} {late.err[-300:]}")


def main():
    check = rig.Checks()
    test_perfect_stage(check)
    test_terminal(check)
    test_both_ways(check)
    test_indicator(check)
    test_indicator_refused(check)
    if not rig.CHECKED:  # figures alone, of the same code
        test_repeats(check)
        test_zero_and_bend(check)
    test_refused(check)
    test_usage(check)
    test_overdue(check)
    check.end()


main()
