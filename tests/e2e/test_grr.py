#!/usr/bin/python3
"""A gauge study from run files: the figures once more from the reports, by the sums of squares; what cannot be evaluated is named;
crossed and nested, by ranges; runs of a plan from the history; JSON, CSV and the picture."""
import csv
import io
import json
import math
import tempfile
import xml.dom.minidom
from pathlib import Path

import rig

PLAN = {"kind": "penrig/plan/1", "name": "gauge", "limits": [{"measurand": "depth_error_mm", "unit": "mm", "lower": -0.3, "upper": 0.3}],
        "steps": [{"depth_mm": [1.0], "rate_hz": 120, "measure_s": 0.5, "settle_s": 0.3, "tare_s": 0.25}]}
PENS, OPERATORS, TRIALS = ["PEN-GOOD-01", "PEN-GOOD-02", "PEN-DEEP-01"], ["A. Meier", "B. Maier"], 2


def made(folder):
    plan = folder / "gauge.json"
    plan.write_text(json.dumps(PLAN))
    runs, day = {}, 0
    for p in PENS:
        for o in OPERATORS:
            for t in range(TRIALS):
                day += 1
                runs[p, o, t] = rig.run_plan(plan, dut=p, seed=day, folder=folder / f"r{day}", world_extra=["--clock", 3600 * day],
                                             extra=["--operator", o, "--attr", f"own={o if p != PENS[2] else 'C'}", "--state", folder / "state", "--name", f"r{day}"])
    return plan, runs


def grr(*args):
    return rig.penrig_a("grr", *args)


def value(run):
    return [r["value"] for r in run.report["points"][0]["results"] if r["measurand"] == "depth_error_mm" and r["method"] == "force_equivalent"][0]


def mean(x):
    x = list(x)
    return sum(x) / len(x)


def test_figures(check, runs, files):
    x = {k: value(r) for k, r in runs.items()}
    done = grr("--json", *files)
    check(done.returncode == 0, f"evaluated: {done.returncode} {done.stderr}")
    s, = json.loads(done.stdout)["studies"]
    P, A, R = len(PENS), len(OPERATORS), TRIALS
    all_mean, of_p, of_a = mean(x.values()), {p: mean(v for k, v in x.items() if k[0] == p) for p in PENS}, {o: mean(v for k, v in x.items() if k[1] == o) for o in OPERATORS}
    cell = {(p, o): mean(x[p, o, t] for t in range(R)) for p in PENS for o in OPERATORS}
    ms_p = A * R * sum((of_p[p] - all_mean) ** 2 for p in PENS) / (P - 1)
    ms_a = P * R * sum((of_a[o] - all_mean) ** 2 for o in OPERATORS) / (A - 1)
    ss_i = R * sum((cell[p, o] - of_p[p] - of_a[o] + all_mean) ** 2 for p in PENS for o in OPERATORS)
    ss_e = sum((x[p, o, t] - cell[p, o]) ** 2 for p, o, t in x)
    if s["pooled"]:
        ms_i = ms_e = (ss_i + ss_e) / ((P - 1) * (A - 1) + P * A * (R - 1))
    else:
        ms_i, ms_e = ss_i / (P - 1) / (A - 1), ss_e / P / A / (R - 1)
    var_i = 0 if s["pooled"] else max(0, (ms_i - ms_e) / R)
    ev, av = math.sqrt(ms_e), math.sqrt(max(0, (ms_a - ms_i) / P / R) + var_i)
    pv = math.sqrt(max(0, (ms_p - ms_i) / A / R))
    tv = math.sqrt(ev ** 2 + av ** 2 + pv ** 2)
    for key, sd in [("ev", ev), ("av", av), ("grr", math.hypot(ev, av)), ("pv", pv), ("tv", tv)]:
        got = s[key]
        check(abs(got["sd"] - sd) < 3e-5, f"{key}: {got}, by the reports {sd}")
        check(got["lower"] <= got["sd"] <= got["upper"] and abs(got["percent_study"] - 100 * got["sd"] / s["tv"]["sd"]) < 1e-9, f"{key}: {got}")
        check(abs(got["percent_tolerance"] - 1000 * got["sd"]) < 1e-9, f"{key}: 6 sd of 0.6 mm: {got}")
    check(s["ndc"] == int(1.41 * s["pv"]["sd"] / s["grr"]["sd"]), f"categories: {s['ndc']}")
    by_range = json.loads(grr("--json", "--method", "range", *files).stdout)["studies"][0]
    ranges = mean(abs(x[p, o, 0] - x[p, o, 1]) for p in PENS for o in OPERATORS)
    check(abs(by_range["ev"]["sd"] - 0.8862 * ranges) < 3e-5 and by_range["ev"]["lower"] is None, f"by ranges, K1 of two 0.8862: {by_range['ev']}")
    return s


def test_nested(check, runs, files):
    """Two set-ups with two pens each: own=..., of runs made so."""
    own = [r.run_file for (p, o, t), r in runs.items() if (p == PENS[0] and o == OPERATORS[0]) or (p == PENS[1] and o == OPERATORS[1])]
    done = grr("--nested", *own)
    check(done.returncode == 3 and "1 pens of each" in done.stdout and "two of each at least" in done.stdout, f"a pen for each is too few: {done.returncode} {done.stdout}")
    done = grr("--nested", *files)
    check(done.returncode == 3 and "by 2 appraisers: nested, each pen has one" in done.stdout, f"a pen with two: {done.stdout}")
    done = grr("--nested", "--method", "range", *files)
    check(done.returncode == 2 and "--method range" in done.stderr, f"{done.stderr}")


def test_missing(check, files):
    done = grr("--json", *files[1:])
    s, = json.loads(done.stdout)["studies"]
    check(done.returncode == 3 and "PEN-GOOD-01 by B. Maier has 2 trials" not in (s["why_not"] or "x ") or "as many are wanted of each" in s["why_not"], f"a trial is missing: {s}")
    check(done.returncode == 3 and s["why_not"] and "grr" not in s, f"and no figure is given: {s}")
    done = grr(files[0], *files)
    check(done.returncode == 2 and "was named before" in done.stderr, f"one twice: {done.stderr}")
    done = grr("--appraiser", "table", *files)
    check(done.returncode == 2 and "does not say its table" in done.stderr, f"who appraised: {done.stderr}")
    done = grr("--measurand", "depth", *files)
    check(done.returncode == 2 and "penrig help measurands" in done.stderr, f"{done.stderr}")
    done = grr(*files, "--svg", "/nowhere/x.svg")
    check(done.returncode == 6 and "/nowhere" in done.stderr, f"{done.returncode} {done.stderr}")


def test_missing_alike(check, folder, plan, runs):
    """As many trials in each cell, and one in each that gave no value."""
    files, lost = [r.run_file for (p, o, t), r in runs.items() if p != PENS[2]], []
    for n, (p, o) in enumerate([(p, o) for p in PENS[:2] for o in OPERATORS]):
        lost.append(rig.run_plan(plan, dut=p, seed=90 + n, folder=folder / f"l{n}", faults=["unplug:pen@0.5"], world_extra=["--clock", 360000 + 3600 * n],
                                 extra=["--operator", o, "--state", folder / "none", "--name", f"l{n}"]))
    done = grr("--json", *files)
    check(done.returncode == 0, f"without them: {done.returncode} {done.stdout}")
    done = grr("--json", *files, *[r.run_file for r in lost])
    s, = json.loads(done.stdout)["studies"]
    check(done.returncode == 3 and "4 of 12 runs gave no value" in s["why_not"] and "first l0 (PEN-GOOD-01 by A. Meier)" in s["why_not"], f"named: {done.returncode} {s}")


def test_forms(check, folder, plan, files, s):
    picture = folder / "g.svg"
    done = grr(plan, "--state", folder / "state", "--svg", picture)
    check(done.returncode == 0 and "12 runs: 3 pens, 2 appraisers (operator: A. Meier, B. Maier), crossed, by analysis of variance" in done.stdout, f"of a plan, from the history: {done.stdout} {done.stderr}")
    check(f"{s['grr']['percent_study']:8.2f}" in done.stdout and ("pooled into repeatability" if s["pooled"] else "kept apart") in done.stdout, f"the same figures: {done.stdout}")
    check(all(len(line) <= 100 for line in done.stdout.splitlines()), "at 100 columns")
    texts = [t.firstChild.data for t in xml.dom.minidom.parse(str(picture)).getElementsByTagName("text") if t.firstChild]
    check({"EV", "AV", "GRR", "PV", "A. Meier", "PEN-DEEP-01"} <= set(texts), f"a picture: {texts}")
    rows = list(csv.DictReader(io.StringIO(grr("--csv", *files).stdout)))
    check([r["component"] for r in rows] == ["ev", "av", "grr", "pv", "tv"] and abs(float(rows[2]["sd"]) - s["grr"]["sd"]) < 1e-15, f"CSV: {rows}")
    other = folder / "other.json"
    other.write_text(json.dumps({**PLAN, "description": "edited"}))
    done = grr(other, "--state", folder / "state")
    check(done.returncode == 2 and "no run by" in done.stderr, f"an edited plan is another: {done.returncode} {done.stderr}")


def main():
    check = rig.Checks()
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    plan, runs = made(folder)
    files = [r.run_file for r in runs.values()]
    s = test_figures(check, runs, files)
    test_nested(check, runs, files)
    test_missing(check, files)
    test_missing_alike(check, folder, plan, runs)
    test_forms(check, folder, plan, files, s)
    check.end()


main()
