#!/usr/bin/python3
"""How honest are trusted results where the signal is not what the method assumes? Every fault of the physics of
docs/virtual-bench.md, harmless to gross, on pens that are good, too deep, far too deep and too shallow: what penrig says against
the truth file. Prints a table; judges nothing.

    tests/e2e/misfit_survey.py [--seeds N] [--sensor force|bar|both] [--case TEXT] [--json FILE]

A row is a fault at one severity. `trusted`: share of windows whose depth is stated without reservation. `e, um`: distance of
the stated mean depth from the true one, of the trusted ones: median, largest; `U, um`: median. `|e|/U`: the same distance in
expanded uncertainties: median, largest, share above 1; `own`: share above a U without the certificates of force curve and
depth, which are exact on the virtual bench; `rate` the same. `pass/fail/?`: runs by verdict. `false pass`: passed, and in some
window the truth is beyond a limit (in brackets: by more than the U stated there); `false fail`: failed, and in every window
the truth is within all limits."""
import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

import rig

LIMIT_MM = 0.05
LIMIT_RATE_PCT = 10
PLAN = {
    "kind": "penrig/plan/1", "name": "misfit-survey",
    "limits": [{"measurand": "depth_error_mm", "unit": "mm", "lower": -LIMIT_MM, "upper": LIMIT_MM},
               {"measurand": "stroke_rate_error_pct", "unit": "%", "lower": -LIMIT_RATE_PCT, "upper": LIMIT_RATE_PCT},
               {"measurand": "missed_strokes", "unit": "1", "upper": 0},
               {"measurand": "double_strokes", "unit": "1", "upper": 0}],
    "steps": [{"name": "one", "depth_mm": 1.0, "rate_hz": 120, "repeats": 3, "tare_s": 0.3, "settle_s": 0.5, "measure_s": 1.5}],
}
# name, serial number, faults of its own, how much deeper than set (for severities that are meant against its depth)
PENS = [("good", "PEN-GOOD-01", [], 0.0), ("deep", "PEN-GOOD-01", ["offset@0,by=0.07"], 0.07),
        ("far too deep", "PEN-DEEP-01", [], 0.2), ("shallow", "PEN-GOOD-01", ["offset@0,by=-0.07"], -0.07)]
CERTIFICATES = ("curve", "curve fit", "depth reference")
IN_TARE = "@0.25"    # of the first point, by the plan's own times
IN_WINDOW = "@2"


def top(cut_mm):
    return f"{cut_mm:g}", lambda deeper: f"{1 + deeper - cut_mm:.4f}"


def share_of_force(cut):
    """Where an amplifier clips that takes this share off the pulse; the cell carries 0.3 N without."""
    def at(deeper):
        p = 1 + deeper
        return f"{0.3 + (1 - cut) * 1.0146 * p * (0.4 + 0.2 * p):.4f}"
    return f"{cut:g}", at


def cases():
    """(name, [severity or (its name, its value for a pen that much deeper), ...], spec with {} for the value, what else is
    other)"""
    undeclared, at_once = {"undeclared": True}, {"settle_s": 0.1}
    return [
        ("none", [""], ""),
        ("adhesion share", [0.005, 0.02, 0.05, 0.2], "adhesion@0,share={}"),
        ("bounce share", [0.01, 0.05, 0.1, 0.2], "bounce@0,share={}"),
        ("inertia N", [0.001, 0.003, 0.01, 0.03], "inertia@0,force={}"),
        ("inertia 90 deg N", [0.003, 0.01, 0.03], "inertia@0,phase=90,force={}"),
        ("relaxation 2 ms share", [0.02, 0.1, 0.3], "relaxation@0,tau=2,share={}"),
        ("relaxation 20 ms share", [0.02, 0.1, 0.3], "relaxation@0,tau=20,share={}"),
        ("relaxation unknown 2 ms share", [0.02, 0.1, 0.3], "relaxation@0,tau=2,known=0,share={}"),
        ("bottoming by mm", [top(0.02), top(0.1), top(0.3)], "bottoming@0,depth={}"),
        ("asymmetry rad", [0.05, 0.2, 0.5], "asymmetry@0,skew={}"),
        ("double bump share", [0.3, 0.8, 1], "double-bump@0,share={}"),
        ("never leaves mm", [0.01, 0.05, 0.2], "never-leaves@0,depth={}"),
        ("never leaves, tare free mm", [0.01, 0.05, 0.2], "never-leaves@0,tare=0,depth={}"),
        ("dwell mm", [0.01, 0.05, 0.2], "never-leaves@0,dwell=1,depth={}"),
        ("dwell, tare free mm", [0.01, 0.05, 0.2], "never-leaves@0,dwell=1,tare=0,depth={}"),
        ("tare in contact mm", [0.01, 0.05, 0.2], "tare-contact@0,depth={}"),
        ("travel 0.3 s mm", [-0.02, -0.1, -0.3], "travel@0,tau=0.3,by={}"),
        ("travel 1.5 s mm", [-0.02, -0.1, -0.3], "travel@0,tau=1.5,by={}"),
        ("travel 0.3 s, at once mm", [-0.02, -0.1, -0.3], "travel@0,tau=0.3,by={}", at_once),
        ("tremor N", [0.005, 0.02, 0.1], "tremor@0,force={}"),
        ("tremor of the needles mm", [0.01, 0.03, 0.1], "tremor@0,force=0,depth={}"),
        ("knock in the tare N", [0.002, 0.02, 0.1], "knock" + IN_TARE + ",ms=50,force={}"),
        ("knock in the window N", [0.002, 0.02, 0.1], "knock" + IN_WINDOW + ",ms=50,force={}"),
        ("cell, 5 kHz declared, is Hz", [4500, 2000, 1000], "cell@0,damping=0.05,frequency={}"),
        ("cell undeclared Hz", [4000, 2000, 1000], "cell@0,damping=0.03,frequency={}", undeclared),
        ("cell undeclared, z 0.3, Hz", [4000, 2000, 1000], "cell@0,damping=0.3,frequency={}", undeclared),
        ("cell undeclared, z 1, Hz", [4000, 2000, 1000], "cell@0,damping=1,frequency={}", undeclared),
        ("cell creep share", [0.001, 0.005, 0.02], "cell-creep@0,share={}"),
        ("clip share", [share_of_force(0.03), share_of_force(0.1), share_of_force(0.3)], "clip@0,at={}"),
        ("clip, noise behind, share", [share_of_force(0.03), share_of_force(0.1), share_of_force(0.3)], "clip@0,behind=1,at={}"),
        ("clip, soft, share", [share_of_force(0.03), share_of_force(0.1), share_of_force(0.3)], "clip@0,soft=0.05,at={}"),
        ("one bad sample N", [0.02, 0.2, 2], "glitch" + IN_WINDOW + ",size={}"),
        ("burst samples", [5, 20, 200], "glitch" + IN_WINDOW + ",size=0.5,samples={}"),
        ("impulses per s", [1, 10, 100], "glitch@0,size=0.5,rate={}"),
        ("frozen ms", [1, 5, 30, 200], "frozen" + IN_WINDOW + ",ms={}"),
        ("1/f noise N", [0.001, 0.003, 0.01], "coloured@0,rms={}"),
        ("noise below 800 Hz alone N", [0.0015, 0.005, 0.02], "coloured@0,white=0,corner=800,rms={}"),
        ("noise below 30 Hz N", [0.0015, 0.005, 0.02], "coloured@0,corner=30,rms={}"),
        ("mains 60 Hz N", [0.001, 0.005, 0.02], "mains@0,force={}"),
        ("line 41 Hz N", [0.001, 0.005, 0.02], "mains@0,frequency=41,force={}"),
        ("line 240 Hz N", [0.001, 0.005, 0.02], "mains@0,frequency=240,force={}"),
        ("uptime grain ms", [50, 200, 1000], "uptime-grain@0,ms={}"),
        ("runs on", [1, 0], "runs-on@0,dead-man={}"),
        ("creep strokes/s", [0.1, 0.15, 0.2], "creep@0,rate={}"),
        ("bar stuck", [""], "stuck@0.1,channel=1"),
        ("other phantom", ["SIL-SOFT-01", "SIL-BONE-01"], "clamp"),
        ("other phantom, bar stuck", ["SIL-SOFT-01", "SIL-BONE-01"], "clamp+stuck@0.1,channel=1"),
    ]


CELL = '"cell": { "natural_frequency_hz": 5000, "damping": 0.05 },'


def bench_text(sensor, undeclared):
    text = (rig.FIXTURES / "benches/virtual-usb.json").read_text().replace("../phantoms", str(rig.FIXTURES / "phantoms"))
    if sensor == "force":
        text = text.replace("LC-2001", "LC-1001").replace(',\n    "displacement_u_mm": 0.002', "")
    return text.replace(CELL, "") if undeclared else text


def text_of(severity, deeper):
    return severity[1](deeper) if isinstance(severity, tuple) else str(severity)


def run_one(sensor, case, severity, pen, seed):
    pattern, other = case[2], case[3] if len(case) > 3 else {}
    _, serial, faults, deeper = pen
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    value, extra = text_of(severity, deeper), []
    step = {**PLAN["steps"][0], "settle_s": other.get("settle_s", PLAN["steps"][0]["settle_s"])}
    (folder / "bench.json").write_text(bench_text(sensor, other.get("undeclared")))
    (folder / "plan.json").write_text(json.dumps({**PLAN, "steps": [step]}))
    parts = [p for p in pattern.format(value).split("+") if p]
    if "clamp" in parts:
        parts.remove("clamp")
        (folder / "clamp").write_text(value)
        extra = ["--clamp", folder / "clamp"]
    run = rig.run_plan(folder / "plan.json", bench=folder / "bench.json", dut=serial, faults=[*faults, *parts], seed=seed,
                       folder=folder, world_extra=extra)
    shutil.rmtree(folder)
    return run


def true_window(run, point):
    """Strokes of the window; none where the point never had a whole one."""
    window = point.get("window") or {}
    lo, hi = window.get("first_index"), window.get("coast_index")
    if lo is None or hi is None:
        return []
    return [t for t in rig.strokes(run) if t["index"] is not None and int(lo) <= t["index"] < int(hi)]


def own_u_mm(result):
    lines = [b["standard_uncertainty"] for b in result["budget"] if b["name"] not in CERTIFICATES]
    return max(1.96 * sum(u * u for u in lines) ** 0.5, 1e-9)


def examine_point(run, point):
    depth, rate = rig.result(point, "depth_mm", "force_equivalent"), rig.result(point, "stroke_rate_hz", "realised")
    made = true_window(run, point)
    truth = [t for t in made if t["depth_mm"] is not None]
    if len(truth) < 3 or depth is None or rate is None:
        return None
    found = {"trusted": depth["trusted"] and depth["value"] is not None,
             "true_error_mm": sum(t["depth_mm"] for t in truth) / len(truth) - point["setpoint"]["depth_mm"],
             "true_rate_error_pct": 100 * (rig.true_rate_hz(truth) / point["setpoint"]["rate_hz"] - 1),
             "missed": len(made) - len(truth),
             "u_mm": depth["expanded_uncertainty"] or 0.0}
    if found["trusted"]:
        found["e_mm"] = abs(depth["value"] - found["true_error_mm"] - point["setpoint"]["depth_mm"])
        found["depth"] = found["e_mm"] / max(found["u_mm"], 1e-9)
        found["own"] = found["e_mm"] / own_u_mm(depth)
    if rate["trusted"] and rate["value"] is not None:
        found["rate"] = abs(rate["value"] - rig.true_rate_hz(truth)) / max(rate["expanded_uncertainty"] or 0.0, 1e-9)
    return found


def examine(run):
    points = [examine_point(run, p) for p in (run.report or {}).get("points", [])]
    points = [p for p in points if p]
    beyond = [abs(p["true_error_mm"]) - LIMIT_MM for p in points]
    wrong = any(b > 0 or abs(p["true_rate_error_pct"]) > LIMIT_RATE_PCT or p["missed"] for b, p in zip(beyond, points))
    verdict = run.outcome()[0]
    # what should have stood still and did not: a pass says that it did
    runs_away = bool(run.truth) and (run.truth[-1].get("moving") or False)
    return {"verdict": verdict, "status": run.status, "points": points,
            "false_pass": verdict == "pass" and (wrong or runs_away),
            "gross_pass": verdict == "pass" and (runs_away or any(b > p["u_mm"] for b, p in zip(beyond, points))),
            "false_fail": verdict == "fail" and bool(points) and not wrong and not runs_away,
            "reason": (run.report or {}).get("verdict_reason") or run.err[-200:]}


def quantile(values, q):
    return sorted(values)[min(int(q * len(values)), len(values) - 1)] if values else None


def spread(values):
    if not values:
        return "    -     -    -"
    return f"{quantile(values, 0.5):5.2f} {max(values):5.1f} {sum(v > 1 for v in values) / len(values):4.2f}"


def micrometres(values):
    return f"{1e3 * quantile(values, 0.5):6.1f} {1e3 * max(values):7.1f}" if values else "     -       -"


def severity_name(severity):
    return severity[0] if isinstance(severity, tuple) else str(severity)


def summary(sensor, case, severity, outcomes):
    points = [p for o in outcomes for p in o["points"]]
    verdicts = [o["verdict"] for o in outcomes]
    return {"sensor": sensor, "fault": case[0], "severity": severity_name(severity), "runs": len(outcomes), "windows": len(points),
            "trusted": sum(p["trusted"] for p in points) / max(len(points), 1),
            "e_mm": [p["e_mm"] for p in points if "e_mm" in p], "u_mm": [p["u_mm"] for p in points if "e_mm" in p],
            "own": [p["own"] for p in points if "own" in p],
            "depth": [p["depth"] for p in points if "depth" in p], "rate": [p["rate"] for p in points if "rate" in p],
            "pass": verdicts.count("pass"), "fail": verdicts.count("fail"),
            "other": len(verdicts) - verdicts.count("pass") - verdicts.count("fail"),
            "false_pass": sum(o["false_pass"] for o in outcomes), "gross_pass": sum(o["gross_pass"] for o in outcomes),
            "false_fail": sum(o["false_fail"] for o in outcomes),
            "reasons": sorted({o["reason"] for o in outcomes if o["verdict"] != "pass"})[:3]}


HEAD = (f"{'fault':29} {'severity':>11} {'trusted':>7} | {'e, um':^14} {'U, um':>6} | {'depth |e|/U':^16} {'own':>4} | "
        f"{'rate |e|/U':^16} | {'pass/fail/?':>11} | false pass | false fail\n"
        f"{'':49} | {'med     max':>14} {'med':>6} | {'med   max   >1':>16} {'>1':>4} | {'med   max   >1':>16} |")


def line(row):
    verdicts = f"{row['pass']}/{row['fail']}/{row['other']}"
    own, u_mm = row["own"], quantile(row["u_mm"], 0.5)
    return (f"{row['fault']:29} {row['severity']:>11} {row['trusted']:7.2f} | {micrometres(row['e_mm'])} "
            f"{'     -' if u_mm is None else f'{1e3 * u_mm:6.1f}'} | {spread(row['depth'])} "
            f"{sum(o > 1 for o in own) / len(own) if own else float('nan'):4.2f} | {spread(row['rate'])} | "
            f"{verdicts:>11} | {row['false_pass']:4} ({row['gross_pass']:2})  | {row['false_fail']:4}")


def survey(sensor, wanted, seeds):
    print(f"\n{'force and bar displacement' if sensor == 'bar' else 'force alone'}: {len(PENS)} pens x {seeds} seeds, "
          f"3 windows of 1.5 s each, depth within {LIMIT_MM} mm\n{HEAD}", flush=True)
    rows = []
    for case in cases():
        if wanted not in case[0] or (sensor == "force" and "bar stuck" in case[0]):
            continue
        for severity in case[1]:
            jobs = [(pen, seed) for pen in PENS for seed in range(1, seeds + 1)]
            outcomes = rig.in_parallel([lambda j=j: examine(run_one(sensor, case, severity, *j)) for j in jobs])
            rows.append(summary(sensor, case, severity, outcomes))
            print(line(rows[-1]), flush=True)
    return rows


def totals(rows):
    depth = [d for r in rows for d in r["depth"]]
    print(f"\n{sum(r['runs'] for r in rows)} runs, {sum(r['windows'] for r in rows)} windows, {len(depth)} trusted, of which "
          f"{sum(d > 1 for d in depth)} ({100 * sum(d > 1 for d in depth) / max(len(depth), 1):.1f} %) are outside U; false passes "
          f"{sum(r['false_pass'] for r in rows)} ({sum(r['gross_pass'] for r in rows)} by more than U), false fails "
          f"{sum(r['false_fail'] for r in rows)}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--sensor", choices=["force", "bar", "both"], default="both")
    parser.add_argument("--case", default="")
    parser.add_argument("--json")
    args = parser.parse_args()
    rows = []
    for sensor in ["force", "bar"] if args.sensor == "both" else [args.sensor]:
        rows += survey(sensor, args.case, args.seeds)
    totals(rows)
    if args.json:
        Path(args.json).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    sys.exit(main())
