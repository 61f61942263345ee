#!/usr/bin/python3
"""Builds compared from run files: worse, equivalent, cannot tell, and the exit code of each; the figures once more from the reports;
what does not fit."""
import json
import math
import subprocess
import tempfile
import xml.dom.minidom
from pathlib import Path

import rig

PLAN = {"kind": "penrig/plan/1", "name": "short", "limits": [{"measurand": "depth_error_mm", "unit": "mm", "lower": -0.3, "upper": 0.3}],
        "steps": [{"depth_mm": [0.5, 1.0], "rate_hz": 120, "measure_s": 1}]}


def made(folder, jobs):
    plan = folder / "plan.json"
    plan.write_text(json.dumps(PLAN))

    def run(name, dut, seed, day):
        return lambda: rig.run_plan(plan, dut=dut, seed=seed, folder=folder / name, world_extra=["--clock", 86400 * day],
                                    extra=["--state", folder / "state", "--name", name])
    return dict(zip([j[0] for j in jobs], rig.in_parallel([run(*job) for job in jobs])))


def depth_error(run, depth):
    return [r["value"] for p in run.report["points"] if p["setpoint"]["depth_mm"] == depth for r in p["results"] if r["measurand"] == "depth_error_mm" and r["method"] == "force_equivalent"][0]


def compared(*args):
    return rig.penrig_a("compare", *args)


def row(done, depth):
    return [r for r in json.loads(done.stdout)["comparisons"] if r["depth_mm"] == depth][0]


def resumed(check, folder, base, new):
    """A run that lost its pen at the second setpoint, and the one that went on with it, are one run: nothing counts twice."""
    plan = folder / "plan.json"
    place = folder / "parts"
    rig.run_plan(plan, faults=["unplug:pen@3.9"], folder=place, extra=["--state", folder / "state", "--name", "one"])
    argv = [rig.PENRIG_A, "--bench", place / "virtual-usb.json", "--seed", 1, "--virtual-dut", "PEN-GOOD-01", "--clock", 3600, "--",
            "resume", place / "one.penrig", "--name", "two", "--no-input", "-q", "--state", folder / "state"]
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    points = json.loads((place / "two.report.json").read_text())["points"]
    check(done.returncode == 0 and [p["session"] for p in points if p["counts"]] == [1, 2], f"the second part holds a copy: {done.returncode} {done.stdout} {done.stderr}")
    one, two = place / "one.penrig", place / "two.penrig"
    for parts in ([one, two], [two, one]):
        done = compared("--json", base, *parts, "--", new)
        check([row(done, d)["base_runs"] for d in (0.5, 1.0)] == [2, 2], f"one value of each setpoint: {done.stdout} {done.stderr}")
        done = rig.penrig_a("grr", "--json", "--appraiser", "bench", base, *parts, new)
        study = json.loads(done.stdout)
        check(study["runs"] == 3 and all("3 trials" in s["why_not"] for s in study["studies"]), f"one trial of a gauge study: {done.stdout} {done.stderr}")
    done = compared(one, "--", two)
    check(done.returncode == 2 and "of the other build" in done.stderr, f"and of one build: {done.returncode} {done.stderr}")


def drawn(check, folder, base, new):
    """A lane for each comparison: what is worse with a square of its own colour, beyond the band of the margin."""
    path = folder / "builds.svg"
    done = compared("--svg", path, "--margin", "stroke_rate_hz=5", *base, "--", *new)
    page = xml.dom.minidom.parse(str(path))
    words = [t.firstChild.data for t in page.getElementsByTagName("text") if t.firstChild]
    worse, same = [w for w in words if w.startswith("worse: ")], [w for w in words if w.startswith("equivalent: ")]
    red = [path for path in page.getElementsByTagName("path") if path.getAttribute("stroke") == "#b91c1c"]
    check(done.returncode == 1 and len(worse) == 2 and len(same) == 4 and all("margin 0.06" in w for w in worse), f"drawn: {done.returncode} {words} {done.stderr}")
    check(len(red) >= 3 * len(worse) and "difference, in margins" in words and any("REGRESSION" in w for w in words), f"and seen: {len(red)} {words}")
    lanes = page.getElementsByTagName("clipPath")[0].getElementsByTagName("rect")[0]
    check(abs(float(lanes.getAttribute("height")) / 6 - 36) < 1, f"a lane for each: {lanes.toxml()}")
    done = compared("--svg", folder / "nowhere/x.svg", *base, "--", *new)
    check(done.returncode == 6 and "cannot be written" in done.stderr and not done.stdout, f"which cannot be written: {done.returncode} {done.stderr}")


def main():
    check = rig.Checks()
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    runs = made(folder, [(f"good-{n}", f"PEN-GOOD-0{n}", 10 + n, n) for n in (1, 2, 3)] + [(f"deep-{n}", f"PEN-DEEP-0{n}", 20 + n, n) for n in (1, 2, 3)]
                + [(f"again-{n}", "PEN-GOOD-01", 30 + n, 10 + n) for n in (1, 2, 3)])
    file = {name: run.run_file for name, run in runs.items()}
    good, deep, again = [[file[f"{kind}-{n}"] for n in (1, 2, 3)] for kind in ("good", "deep", "again")]

    done = compared("--json", *good, "--", *deep)
    r = row(done, 1.0)
    base, new = [[depth_error(runs[f"{kind}-{n}"], 1.0) for n in (1, 2, 3)] for kind in ("good", "deep")]
    mean = lambda x: sum(x) / len(x)
    se = math.sqrt(sum(sum((v - mean(x)) ** 2 for v in x) / 2 / 3 for x in (base, new)))
    check(done.returncode == 1 and r["outcome"] == "worse" and r["model"] == "groups", f"deeper pens are a regression: {done.returncode} {r}")
    check(abs(r["difference"] - (mean(new) - mean(base))) < 2e-5 and abs(r["standard_error"] - se) < 2e-5, f"by the reports {mean(new) - mean(base)} +- {se}: {r}")
    check(abs(r["margin"] - 0.06) < 1e-12 and r["lower"] < r["difference"] < r["upper"] and r["lower"] > r["margin"], f"10 % of 0.6 mm, and beyond it: {r}")
    done = compared("--json", *deep, "--", *good)
    check(done.returncode == 0 and row(done, 1.0)["outcome"] == "better", f"the other way round it is none: {done.returncode} {done.stdout}")
    done = compared(*good, "--", *deep)
    check(done.returncode == 1 and "REGRESSION" in done.stdout and "worse " in done.stdout, f"for people: {done.stdout}")

    drawn(check, folder, good, deep)
    done = compared("--json", "--margin", "depth_error_mm=0.15", good[0], again[0], "--", *again[1:])
    check(done.returncode == 0 and row(done, 0.5)["model"] == "one pen" and row(done, 0.5)["outcome"] == "equivalent", f"one pen, both builds the same: {done.stdout}")
    stated = folder / "stated.json"
    stated.write_text(json.dumps({**PLAN, "limits": [{**PLAN["limits"][0], "equivalence_margin": 0.015625}]}))
    check("builds are equivalent within 0.015625" in rig.penrig_a("check", stated, "--bench", rig.own_bench("virtual-usb.json", folder)).stdout, "penrig check tells a plan's margin")
    states = [rig.run_plan(stated, seed=8 + n, folder=folder / f"stated-{n}", world_extra=["--clock", 86400 * (30 + n)], extra=["--state", folder / "state"]).run_file for n in range(2)]
    for args, margin in ((["--json"], 0.015625), (["--json", "--margin-percent", "20"], 0.12), (["--json", "--margin", "depth_error_mm=0.5"], 0.5)):
        told = row(compared(*args, states[0], "--", states[1]), 0.5)
        check(abs(told["margin"] - margin) < 1e-12, f"the plan states the margin, what is written on the command line goes before it: {args} {told}")
    check(row(compared("--json", states[0], good[0], "--", *again[1:]), 0.5)["margin"] == 0.015625, "one plan of several states it")
    done = compared("--json", "--margin", "depth_error_mm=0.0001", good[0], again[0], "--", *again[1:])
    check(done.returncode == 3 and row(done, 0.5)["more"] > 0, f"too few runs for that margin: {done.returncode} {done.stdout}")
    done = compared("--margin", "depth_error_mm=0.0001", "--margin", "stroke_rate_hz=1e-5", good[0], again[0], "--", *again[1:])
    check(done.returncode == 3 and "more" in done.stdout and "stroke_rate_hz (realised)" in done.stdout and "the data cannot tell" in done.stdout, f"and how many more: {done.stdout}")
    done = compared(good[0], "--", deep[0])
    check(done.returncode == 3 and "told apart" in done.stdout, f"one pen of each build: {done.returncode} {done.stdout}")

    # pens that reach no value: two of three runs of the new build are stopped before the second point
    cut = [rig.run_plan(folder / "plan.json", dut="PEN-GOOD-01", seed=50 + n, folder=folder / f"cut-{n}", faults=["unplug:pen@2"] if n < 3 else [],
                        world_extra=["--clock", 86400 * (30 + n)], extra=["--state", folder / "state", "--name", f"cut-{n}"]) for n in (1, 2, 3, 4)]
    done = compared("--json", "--margin", "depth_error_mm=0.15", *again, "--", *[c.run_file for c in cut])
    r = row(done, 1.0)
    check(done.returncode == 3 and r["outcome"] == "cannot tell" and (r["base_missing"], r["new_missing"]) == (0, 2) and "2 of 4 runs" in r["reason"],
          f"a build that gives no value is no pass: {done.returncode} {done.stdout}")
    plan = {**PLAN, "limits": [{**PLAN["limits"][0], "upper": 0.5}]}
    (folder / "other.json").write_text(json.dumps(plan))
    loose = rig.run_plan(folder / "other.json", dut="PEN-GOOD-01", seed=61, folder=folder / "loose", world_extra=["--clock", 86400 * 50],
                         extra=["--state", folder / "state", "--name", "loose"])
    done = compared("--json", "--margin", "depth_error_mm=0.15", good[0], again[0], "--", again[1], loose.run_file)
    check(done.returncode == 3 and "different limits" in row(done, 1.0)["reason"], f"limits that differ are told: {done.returncode} {done.stdout}")

    resumed(check, folder, good[0], again[0])
    (folder / "text.penrig").write_text("no run file")
    for args, code, word in [([good[0]], 2, "-- between them"), (["--", good[0]], 2, "-- between them"), ([good[0], "--", good[0]], 2, "named before"),
                             (["--margin", "depth=1", good[0], "--", deep[0]], 2, "MEASURAND=VALUE"), (["--margin", "depth_error_mm=-1", good[0], "--", deep[0]], 2, "0 or more"),
                             (["--margin-percent", "x", good[0], "--", deep[0]], 2, "--margin-percent"), ([good[0], "--", folder / "none.penrig"], 2, "none.penrig"),
                             ([good[0], "--", folder / "text.penrig"], 6, "text.penrig")]:
        done = compared(*args)
        check(done.returncode == code and word in done.stderr, f"compare {args}: {done.returncode} {done.stderr}")
    check.end()


main()
