#!/usr/bin/python3
"""A plan with free runs on a terminal: the operator takes the phantom away and puts it back, and rate_droop_pct is held against
the truth file. What the operator forgets, and what breaks meanwhile, is never a pass."""
import json
import subprocess
import sys

import jsonschema

import report_form
import rig
import test_terminal as tty

PLAN = {"kind": "penrig/plan/1", "name": "droop",
        "limits": [{"measurand": "rate_droop_pct", "unit": "%", "lower": -1, "upper": 5}],
        "steps": [{"depth_mm": [1.0, 2.0], "rate_hz": [90, 120], "free_run": True, "measure_s": 1.5,
                   "settle_s": {"min": 0.3, "max": 1, "until": {"stroke_rate_hz": 1}}}]}
SHORT = dict(PLAN, steps=[dict(PLAN["steps"][0], depth_mm=1.0, rate_hz=120)])
TAKE, PUT = "Take the phantom away", "Put phantom SIL-STD-01"


def run(plan=SHORT, take="FREE", put="SIL-STD-01", faults=()):
    t = tty.Terminal(tty.folder(), plan, faults=faults)
    for asked, phantom in ((TAKE, take), (PUT, put)):
        if t.until(asked):
            t.put(phantom) if phantom else t.write("\n")
    t.code = t.end()
    return t


def points(t, free):
    return [p for p in t.report()["points"] if (p["setpoint"]["phantom"] is None) == free]


def true_rate(t, point):
    window = [e for e in t.truth() if e.get("index") is not None and "stroke" in e and
              int(point["window"]["first_index"]) <= e["index"] < int(point["window"]["coast_index"])]
    return rig.true_rate_hz(window)


def against_truth(check, t, label):
    report_form.validate(t.report())
    free = {}
    for p in points(t, True):
        rate = rig.result(p, "free_rate_hz", "displacement")
        free[p["setpoint"]["rate_hz"]] = true = true_rate(t, p)
        # the deepest moments of the truth and passages half-way cut another stroke off at the window's edges
        check(abs(rate["value"] / true - 1) < 6e-5, f"{label}: free rate {rate['value']} Hz, truly {true:.5f}")
        check(rig.result(p, "depth_mm") is None and rig.result(p, "rate_droop_pct") is None, f"{label}: a free run has no depth")
    for p in points(t, False):
        droop, true = rig.result(p, "rate_droop_pct", "displacement"), 100 * (1 - true_rate(t, p) / free[p["setpoint"]["rate_hz"]])
        check(droop["trusted"] and abs(droop["value"] - true) < 0.008, f"{label}: droop {droop['value']} %, truly {true:.4f}")
        check(0 < droop["expanded_uncertainty"] < 0.2, f"{label}: U {droop['expanded_uncertainty']}")


def good_and_bad(check):
    t = run(PLAN)
    check(t.code == 0, f"exit {t.code}: {t.text[-500:]}")
    settled = {free: [(int(p["window"]["first_index"]) - int(p["window"]["spin_up_index"])) / 20000 for p in points(t, free)] for free in (True, False)}
    check(all(1 <= s < 1.05 for s in settled[True]) and all(0.3 <= s < 0.9 for s in settled[False]), f"a free run waits for the longest time: {settled}")
    check(len(points(t, True)) == 2 and len(points(t, False)) == 4, "a free run for each rate, before the points")
    against_truth(check, t, "good")
    check(t.report()["stop"]["verified"], "the last stop is verified")
    shown = rig.penrig_a("show", "--verify", "--journal", next(t.folder.glob("*.penrig"))).stdout
    check(shown.count("with a live displacement signal") == 2, "after a free run the displacement shows the stop")
    again = subprocess.run([rig.PENRIG, "analyze", next(t.folder.glob("*.penrig"))], capture_output=True, text=True, timeout=120)
    check("is the same, bit for bit" in again.stdout, f"derived again: {again.stdout[:300]}{again.stderr}")
    sweeps = t.report()["sweeps"]
    check(len(sweeps) == 2 and all(s["phantom"] == "SIL-STD-01" for s in sweeps), "free runs make no sweep")
    tight = dict(SHORT, limits=[{"measurand": "rate_droop_pct", "unit": "%", "lower": 1}])
    check(run(tight).code == 1, "a droop beyond its limit fails")


def forgotten(check):
    t = run(take=None)
    check(t.code == 3, f"the phantom was left in: exit {t.code}")
    check("touched something" in points(t, True)[0]["reason"], f"and is noticed: {points(t, True)[0]['reason']}")
    droop = rig.result(points(t, False)[0], "rate_droop_pct")
    check(droop["outcome"] == "inconclusive" and not droop["trusted"], f"no droop can be judged: {droop}")
    check(t.report()["stop"]["verified"], "the stop is verified all the same")
    t = run(put=None)
    check(t.code == 3, f"the phantom was not put back: exit {t.code}")
    check(rig.result(points(t, False)[0], "rate_droop_pct")["outcome"] == "inconclusive", "no rate under load, no droop")
    plain = dict(SHORT, steps=[{k: v for k, v in SHORT["steps"][0].items() if k != "free_run"}])
    folder = rig.Path(tty.folder())
    (folder / "plan.json").write_text(json.dumps(plain))
    ran = rig.run_plan(folder / "plan.json")
    droop = rig.result(ran.report["points"][0], "rate_droop_pct")
    check(ran.status == 3 and droop["value"] is None and "free_run" in droop["reason"], f"without a free run: {ran.status} {droop['reason']}")


def struck(t):
    """Where the fault struck: how often the motor had been switched on by then, and whether it was on."""
    before = []
    for e in t.truth():
        if e.get("event") == "fault":
            break
        before += [e["on"]] if e.get("event") == "motor" else []
    return sum(before), bool(before and before[-1])


BEFORE, DURING, AFTER, UNDER_LOAD = (0, False), (1, True), (1, False), (2, True)


def broken(check):
    stuck = [("stuck@0.5,channel=1", BEFORE), ("stuck@1.5,channel=1", DURING), ("stuck@2.5,channel=1", DURING)]
    for fault, where in stuck + [("unplug:sensor@2", DURING), ("silent:pen@2", DURING), ("stall@2", DURING), ("stall@7", UNDER_LOAD),
                                 ("missed-strokes@0.5,p=0.1", BEFORE)]:
        t = run(faults=[fault])
        report, last = t.report(), t.truth()[-1]
        check(struck(t) == where, f"{fault} strikes where it is meant to: {struck(t)}")
        check(t.code != 0 and report["dut_verdict"] not in ("pass", "conditional_pass"), f"{fault}: exit {t.code}, {report['dut_verdict']}")
        check(not last["moving"] and not last["motor_on"], f"{fault}: the pen stands still")
    t = run(faults=["stuck@0.5,channel=1"])
    check(not any(p["measured"] for p in points(t, True)), "without a live displacement channel no free run begins")
    check("stuck" in points(t, True)[0]["reason"], f"and the report says why: {points(t, True)[0]['reason']}")
    t = run(faults=["stuck@2.5,channel=1"])
    check("STOP UNVERIFIED" in t.report()["stop"]["text"] and t.report()["stop"]["verified"] is False,
          f"a stop that nothing shows is not verified, though the force stands still: {t.report()['stop']}")
    t = run(faults=["stuck@4.7,channel=1"])  # the free run is measured, and from here on the force shows strokes and stop
    check(struck(t) == AFTER and t.code == 0 and "live load signal" in t.report()["stop"]["text"], f"under load the force is enough: {t.code} {t.report()['stop']}")
    against_truth(check, t, "the displacement stuck behind the free run")


def refused(check):
    folder = rig.Path(tty.folder())
    (folder / "plan.json").write_text(json.dumps(SHORT))
    ran = rig.run_plan(folder / "plan.json")
    check(ran.status == 2 and "operator" in ran.err and not ran.run_file, f"nobody to ask: {ran.status} {ran.err}")
    bench = rig.own_bench("virtual-usb.json", folder)
    text = bench.read_text()
    bench.write_text(text.replace('"displacement_u_mm": 0.002', '"displacement_u_mm": 0'))
    ran = rig.penrig_a("check", folder / "plan.json", "--bench", bench)
    check(ran.returncode == 2 and "displacement_u_mm" in ran.stderr and "plan.json:1:" in ran.stderr, f"no channel on the bench: {ran.stderr}")
    bench.write_text(text)
    ran = rig.penrig_a("check", folder / "plan.json", "--bench", bench)
    check(ran.returncode == 0 and "takes the phantom away" in ran.stdout, f"check shows the sequence: {ran.stdout}")
    schema = json.loads((rig.ROOT / "reports/schema/plan.schema.json").read_text())
    jsonschema.validate(SHORT, schema)


def main():
    check = rig.Checks()
    good_and_bad(check)
    forgotten(check)
    broken(check)
    refused(check)
    check.end()


if __name__ == "__main__":
    sys.exit(main())
