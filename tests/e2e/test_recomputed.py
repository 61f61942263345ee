#!/usr/bin/python3
"""The verdict from the figures of each format alone: kept runs, judged anew by drawn limits that lie a drawn number of U beside what
was measured, often next to where the outcome changes. N in the environment sets how many limits of each run are drawn, SEED which."""
import csv
import json
import os
import random
import re
import subprocess
import xml.etree.ElementTree as ET
from collections import Counter

import junitparser

import foreign_reports
import old_runs
import report_form
import rig
import test_report

N = int(os.environ.get("N", "5"))
SEED = int(os.environ.get("SEED", "1"))
RUNS = ("pass", "phantoms", "displacement-thermal", "serial-random")  # in which nothing but figures decides
KEPT = rig.ROOT / f"tests/data/runs-method-{old_runs.method()}"
WORDS = ("pass", "conditional_pass", "inconclusive", "conditional_fail", "fail")
FIGURES = ("value", "expanded_uncertainty", "lower", "upper", "guard_r")
BESIDE_U = (-3, -1.5, -1 - 1e-12, -1 + 1e-12, -1e-9, 1e-9, 0.5, 1 - 1e-12, 1 + 1e-12, 3)


def outcome(told, trusted=None):
    figures = [None if told.get(key) in (None, "") else float(told[key]) for key in FIGURES]
    return test_report.outcome_again(*figures, told["trusted"] in (True, "true", 1) if trusted is None else trusted)


def verdict(outcomes):
    """Of required ones."""
    return max(outcomes, key=WORDS.index, default="none")


# ---- of each format: the outcomes of what is required, from its own figures

def of_json(text):
    said = report_form.read(text)
    required = [r for part in said["points"] + said["sweeps"] if part.get("counts", True) for r in part["results"] if r["limits"] and r["required"]]
    return [outcome({**r, **r["limits"]}) for r in required]


def of_csv(text):
    rows = [r for r in csv.DictReader(text.splitlines(), strict=True) if r["outcome"] and r["required"] == "true" and r["counts"] != "false"]
    return [outcome({**r, "expanded_uncertainty": r["guard_band"] or "0", "guard_r": 1}) for r in rows]


def of_junit(text):
    told = [{p.get("name"): p.get("value") for p in case._elem.iter("property")} for suite in junitparser.JUnitXml.fromstring(text.encode()) for case in suite]
    return [outcome(t) for t in told if t.get("required") == "true"]


def of_tap(text):
    told = [dict(line.strip().split(": ", 1) for line in block.split("\n  ...")[0].splitlines()) for block in text.split("\n  ---\n")[1:]]
    return [outcome(t) for t in told if "trusted" in t]


def of_prom(text):
    results = {}
    for name, labels, value in re.findall(r"^penrig_result_(\w+)\{(.*)\} (\S+)$", text, re.M):
        results.setdefault(labels, {})[{"limit_lower": "lower", "limit_upper": "upper"}.get(name, name)] = float(value)
    return [outcome(r) for labels, r in results.items() if 'required="true"' in labels]


def of_told(told):
    return [outcome(t) for t in told if t["outcome"] != "informative" and t["required"]]


def of_jsonl(text):
    steps = [json.loads(line).get("testStepArtifact", {}) for line in text.splitlines()]
    return of_told([s["measurement"]["metadata"] for s in steps if "measurement" in s]) + ["inconclusive" for s in steps if "error" in s]


def of_dfq(text):
    _, found = foreign_reports.read_dfq(text)
    pairs = [(found[n], found[n + 1]) for n in range(1, len(found) - 2, 2) if "(informative)" not in found[n]["K2002"]]
    return [outcome({"value": value.get("K0001"), "expanded_uncertainty": u.get("K0001"), "lower": value.get("K2110"), "upper": value.get("K2111"),
                     "guard_r": re.search(r"guard band (\S+) U", u["K2002"])[1]}, "not trusted" not in u["K2002"]) for value, u in pairs]


def of_wsjf(text):
    return of_told([json.loads(step["reportText"]) for group in json.loads(text)["root"]["steps"] for step in group.get("steps", ())])


def of_atml(text):
    tr = foreign_reports.TR
    return of_told([json.loads(t.find(f"{tr}Description").text) for g in ET.fromstring(text).iter(f"{tr}TestGroup") for t in g.findall(f"{tr}Test")])


def of_openhtf(text):
    return of_told([m["penrig"] for phase in json.loads(text)["phases"] for m in phase["measurements"].values()])


def of_dcc(text):
    dcc = "{https://ptb.de/dcc}"
    return of_told([json.loads(q.find(f".//{dcc}declaration/{dcc}content").text) for q in ET.fromstring(text).iter(f"{dcc}quantity")])


READERS = {"json": of_json, "csv": of_csv, "junit": of_junit, "tap": of_tap, "prom": of_prom, "jsonl": of_jsonl, "dfq": of_dfq, "wsjf": of_wsjf, "atml": of_atml,
           "openhtf": of_openhtf, "dcc": of_dcc}


# ---- limits

def drawn_limit(draw, results):
    """About one result of a measurand, as a rule the outermost one, so that the others do not decide."""
    sides = draw.choice((("upper",), ("lower",), ("upper", "lower"), ("lower", "upper")))
    outermost = (max if sides[0] == "upper" else min)(results, key=lambda r: r["value"])
    r = outermost if draw.random() < 0.7 else draw.choice(results)
    guard_r, u = draw.choice((0, 0.5, 1, draw.uniform(0.1, 2))), r["expanded_uncertainty"]
    bound = r["value"] + draw.choice(BESIDE_U) * (guard_r or 1) * u
    wide = draw.choice((0.7, 3, 50)) * (u or 1)
    limit = {"measurand": r["measurand"], "unit": r["unit"], "required": draw.random() < 0.8, sides[0]: bound,
             "rule": {"guard_band": guard_r, "accept_conditional": draw.random() < 0.5}}
    if len(sides) > 1:
        limit[sides[1]] = bound - wide if sides[1] == "lower" else bound + wide
    return limit


def drawn_limits(draw, said):
    results = [r for part in said["points"] + said["sweeps"] for r in part["results"] if r["value"] is not None]
    kinds = draw.sample(sorted({r["measurand"] for r in results}), k=draw.choice((1, 1, 2, 3)))
    limits = [drawn_limit(draw, [r for r in results if r["measurand"] == kind]) for kind in kinds]
    limits[0]["required"] = True
    return limits


def judge(path, draw, number, said):
    """By limits that penrig takes. The path of the report of the new verdict."""
    for _ in range(20):
        name = f"drawn-{number}"
        limits = path.parent / f"{name}.json"
        limits.write_text(json.dumps({"kind": "penrig/limits/1", "name": name, "limits": drawn_limits(draw, said)}))
        done = subprocess.run([str(rig.PENRIG), "analyze", str(path), "--limits", str(limits)], capture_output=True, text=True)
        if done.returncode != 2:
            return done, limits
    raise AssertionError(f"twenty times limits that are refused: {done.stderr}")


def of_run(check, name, seen):
    where = test_report.folder()
    path = old_runs.unpack(KEPT, name, where)
    said = report_form.read((where / f"{name}.report.json").read_text())
    for number in range(1, N + 1):
        draw = random.Random(f"{SEED} {name} {number}")
        done, limits = judge(path, draw, number, said)
        out = test_report.folder()
        check(test_report.report(path, *test_report.ALL, "--judged", "latest", "--output-dir", out).returncode == 0, f"{name} by {limits}: reports")
        stem = f"{name}.limits-{limits.stem}"
        again = report_form.read((out / f"{stem}.report.json").read_text())
        label = f"{name}, SEED={SEED}, limits {number}: {limits.read_text()}"
        check(again["exit_code"] == done.returncode, f"{label}: exit {done.returncode}, in the report {again['exit_code']}")
        seen[again["dut_verdict"]] += 1
        count = len(of_json((out / f"{stem}.report.json").read_text()))
        for form, reader in READERS.items():
            outcomes = reader((out / f"{stem}{test_report.FORMS[form]}").read_bytes().decode())
            check(len(outcomes) == count and verdict(outcomes) == again["dut_verdict"],
                  f"{label}: {form}: {verdict(outcomes)} of {len(outcomes)} figures, not {again['dut_verdict']} of {count}")


def main():
    check, seen = rig.Checks(), Counter()
    for name in RUNS:
        of_run(check, name, seen)
    check(set(seen) >= {"pass", "conditional_pass", "fail", "conditional_fail"}, f"each outcome was drawn: {seen}")
    print(dict(seen))
    check.end()


if __name__ == "__main__":
    main()
