#!/usr/bin/python3
"""A sensor or a phantom was found wrong: the runs that rest on it by the corrected calibration, nothing written."""
import csv
import hashlib
import io
import json
import re
import shutil
import sqlite3
import tempfile
from pathlib import Path

import jsonschema

import rig

PLAN = {"kind": "penrig/plan/1", "name": "short", "limits": [{"measurand": "depth_mm", "unit": "mm", "lower": 0.85, "upper": 1.15}],
        "steps": [{"depth_mm": [1.0], "rate_hz": 120, "measure_s": 0.5, "settle_s": 0.3, "tare_s": 0.25}]}
WRONG = {"force": {"gain": 1.4, "u_rel": 0.001}, "displacement": {"gain": 1.2805, "u_mm": 0.002}}  # both, or they contradict each other
CALIBRATION = {"certificate": "VB-LC-2001-B", "laboratory": "penrig virtual bench", "date": "2026-01-15", "due": "2099-12-31"}


class Place:
    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="pr"))
        self.bench = rig.own_bench("virtual-usb.json", self.folder)
        self.days = 0

    def run(self, name, dut="PEN-GOOD-01", bench=None, extra=()):
        plan = self.folder / "short.json"
        plan.write_text(json.dumps(PLAN))
        self.days += 1
        return rig.run_plan(plan, bench=str(bench or self.bench), dut=dut, folder=self.folder / "out", world_extra=["--clock", 86400 * self.days],
                            extra=["--state", self.folder / "state", "--name", name, *extra])

    def write(self, **keys):
        path = self.folder / "new.json"
        path.write_text(json.dumps({k: v for k, v in {"kind": "penrig/certificate/1", "serial": "LC-2001", "calibration": CALIBRATION, **keys}.items() if v is not None}))
        return path

    def impact(self, path, *args):
        return rig.penrig_a("history", "--state", self.folder / "state", "--impact", path, *args)

    def json(self, path, *args):
        done = self.impact(path, "--json", *args)
        return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def digests(folder):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(Path(folder).iterdir())}


def forget(place, name):
    with sqlite3.connect(place.folder / "state/history") as db:
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("DELETE FROM run WHERE name = ?", (name,))


def limits(place, lower, upper):
    path = place.folder / "wide.json"
    path.write_text(json.dumps({"kind": "penrig/limits/1", "name": "wide", "limits": [{"measurand": "depth_mm", "unit": "mm", "lower": lower, "upper": upper}]}))
    return path


def scaled(place, gain, **keys):
    """the phantom's file with its forces multiplied"""
    text = re.sub(r"//[^\n]*", "", (rig.ROOT / "fixtures/phantoms/SIL-STD-01.json").read_text())
    phantom = {**json.loads(text), **keys}
    for curve in phantom["curves"]:
        curve["force_n"] = [f * gain for f in curve["force_n"]]
    path = place.folder / "phantom.json"
    path.write_text(json.dumps(phantom))
    return path


def test_sensor(check, place):
    place.run("good")
    place.run("deep", dut="PEN-DEEP-01")
    place.run("again")
    before = digests(place.folder / "out")
    code, report = place.json(place.write(force={"gain": 1, "u_rel": 0.001}))
    check(code == 0 and report["same"] == 3 and [r["verdicts"][0]["was"] == r["verdicts"][0]["is"] for r in report["runs"]] == [True] * 3 and all(r["largest_share_of_u"] == 0 for r in report["runs"]),
          f"the same calibration changes nothing: {code} {report}")
    wrong = place.write(**WRONG)
    code, report = place.json(wrong)
    runs = {r["run"]: r for r in report["runs"]}
    turned = runs["good"]["turned"][0]
    check(code == 9 and runs["good"]["verdicts"][0]["was"] == "pass" and runs["good"]["verdicts"][0]["is"] == "fail" and runs["deep"]["state"] == "same" and report["changes"] == 2,
          f"a gain: {code} {report}")
    check(turned["measurand"] == "depth_mm" and turned["was"]["outcome"] == "pass" and turned["is"]["outcome"] == "fail" and turned["is"]["value"] > 1.15 > turned["was"]["value"], f"both values: {turned}")
    done = place.impact(wrong)
    check(done.returncode == 9 and re.search(r"pass +-> fail +PEN-GOOD-01  good\n", done.stdout) and "2 with another verdict, 1 as before" in done.stdout and "(pass) -> " in done.stdout, f"for people: {done.stdout}")
    rows = list(csv.DictReader(io.StringIO(place.impact(wrong, "--csv").stdout)))
    check([(r["run"], r["was"], r["is"]) for r in rows] == [("good", "pass", "fail"), ("deep", "fail", "fail"), ("again", "pass", "fail")], f"as CSV: {rows}")
    code, report = place.json(place.write(force={"gain": 1.4, "u_rel": 0.001}))
    check(all(r["verdicts"][0]["is"] == "inconclusive" and "against the needle bar" in r["verdicts"][0]["is_reason"] for r in report["runs"]), f"by one sensor alone they contradict each other: {report}")
    code, report = place.json(wrong, "--since", "2026-06-03")
    check(code == 9 and [r["run"] for r in report["runs"]] == ["deep", "again"], f"of some: {report}")
    check(digests(place.folder / "out") == before, "nothing is written")
    for keys in ({"replaces": "ANOTHER"}, {"replaces": "VB-LC-2001-a"}, {"serial": "LC2001"}):
        done = place.impact(place.write(**{**WRONG, **keys}), "--json")
        check(done.returncode == 3 and json.loads(done.stdout)["runs"] == [] and "LC-2001, certificate VB-LC-2001-A" in done.stderr, f"that nothing rests on it is no answer: {keys} {done.returncode} {done.stderr}")
    code, report = place.json(place.write(**WRONG, replaces="VB-LC-2001-A"))
    check(code == 9 and len(report["runs"]) == 3, f"this one was: {code}")
    code, report = place.json(place.write(force={"gain": 1, "u_rel": 0.19}))
    good = next(r for r in report["runs"] if r["run"] == "good")
    check(code == 9 and good["verdicts"][0]["is"] in ("conditional_pass", "inconclusive") and good["largest_share_of_u"] == 0, f"the same value, less well known: {good}")
    return turned["is"]["value"]


def test_phantom(check, place, by_sensor):
    """A force that is 1.4 times as large, or a curve whose forces are 1.4 times as small: the same depth."""
    code, report = place.json(scaled(place, 1 / 1.4))
    turned = next(r for r in report["runs"] if r["run"] == "good")["turned"][0]
    check(code == 9 and abs(turned["is"]["value"] / by_sensor - 1) < 1e-6, f"as by the sensor: {turned} {by_sensor}")
    code, report = place.json(scaled(place, 1, serial="SIL-SOFT-01"))
    check(code == 3 and report["runs"] == [], f"a phantom that lay beside: {report}")
    # one that this very sensor calibrated while it was wrong: the error cancels
    own = scaled(place, 1, conditions={"bench": "b", "sensor_certificate": "VB-LC-2001-A", "pen": "P", "run": "r", "software": "penrig", "u_stage_mm": 0.002, "repeats": 2})
    bench = place.folder / "own.json"
    bench.write_text(re.sub(r'"file": "[^"]*SIL-STD-01.json"', f'"file": "{own}"', Path(place.bench).read_text(), count=1))
    place.run("cancels", bench=bench)
    code, report = place.json(place.write(force={"gain": 1.4, "u_rel": 0.001}))
    run = next(r for r in report["runs"] if r["run"] == "cancels")
    check(run["state"] == "same" and not run["turned"], f"it cancels: {run}")
    other = place.folder / "other.json"
    text = bench.read_text()
    other.write_text(text.replace("LC-2001", "LC-2002"))
    place.run("through", bench=other)
    for keys in ({}, {"replaces": "VB-LC-2001-A"}):
        code, report = place.json(place.write(force={"gain": 1.4, "u_rel": 0.001}, **keys))
        run = next((r for r in report["runs"] if r["run"] == "through"), {"state": "not looked at"})
        check(code == 6 and run["state"] == "not_judged" and "SIL-STD-01 was calibrated with LC-2001" in run["reason"], f"another sensor, the phantom by the wrong one: {code} {run}")
    code, report = place.json(place.write(force={"gain": 1.4, "u_rel": 0.001}, replaces="VB-LC-2001-0"))
    check(code == 3, f"a certificate that the phantom does not name: {code} {report}")
    forget(place, "through")
    short = json.loads(own.read_text())
    for curve in short["curves"]:
        keep = sum(d <= 0.9 for d in curve["depth_mm"])
        curve["depth_mm"], curve["force_n"] = curve["depth_mm"][:keep], curve["force_n"][:keep]
    own.write_text(json.dumps(short))
    code, report = place.json(own)
    check(code == 6 and report["not_judged"] == 4 and all("depth" in r["reason"] for r in report["runs"]), f"a curve that does not reach so deep: {code} {report}")


def test_later_and_missing(check, place):
    run = place.folder / "out/good.penrig"
    done = rig.penrig_a("analyze", run, "--limits", limits(place, 0.2, 3), "--state", place.folder / "state", "-q")
    check(done.returncode == 0, f"a later verdict: {done.stderr}")
    code, report = place.json(place.write(**WRONG))
    verdicts = next(r for r in report["runs"] if r["run"] == "good")["verdicts"]
    check([(v["number"], v["limits"], v["was"], v["is"]) for v in verdicts] == [(0, None, "pass", "fail"), (1, "wide", "pass", "pass")], f"by each of its limits: {verdicts}")
    shutil.move(run, place.folder / "elsewhere.penrig")
    done = place.impact(place.write(**WRONG))
    check(done.returncode == 6 and re.search(r"NOT JUDGED +good: .*good.penrig", done.stdout) and "1 NOT JUDGED AGAIN" in done.stdout, f"a file that is gone is told: {done.returncode} {done.stdout}")
    schema = jsonschema.Draft202012Validator(json.loads((rig.ROOT / "reports/schema/certificate.schema.json").read_text()))
    check(schema.is_valid(json.loads(place.write(**WRONG, replaces="A", temperature={"offset_k": -0.5, "u_k": 0.1}).read_text())), "the schema knows it")
    for keys, word in (({}, "corrects nothing"), ({"force": {"gain": 0.1, "u_rel": 0.001}}, "gain"), ({"force": {"gain": 1}}, "u_rel"), ({"serial": None, "force": {"gain": 1, "u_rel": 0.1}}, "serial"),
                       ({"kind": "penrig/plan/1"}, "this is a plan file")):
        done = place.impact(place.write(**keys))
        check(not schema.is_valid(json.loads((place.folder / "new.json").read_text())), f"nor by the schema: {keys}")
        check(done.returncode == 2 and word in done.stderr and "new.json:" in done.stderr, f"{keys}: {done.returncode} {done.stderr}")
    done = place.impact(place.write(force={"gain": 1, "u_rel": 0.1}), "--units")
    check(done.returncode == 2 and "choose one" in done.stderr, f"one at a time: {done.stderr}")


def test_date(check, place):
    """A certificate of the day after as far away as one of the day before."""
    bench = place.folder / "drifts.json"
    bench.write_text(Path(place.bench).read_text().replace('"cell_drift_rel_per_year": 0', '"cell_drift_rel_per_year": 0.2'))
    place.run("drifts", bench=bench)
    found = []
    for date in ("2025-06-06", "2026-06-06", "2027-06-06"):
        code, report = place.json(place.write(force={"gain": 1, "u_rel": 0.001}, calibration={**CALIBRATION, "date": date}), "--plan", "short", "--since", "2026-06-06")
        found.append((code, report["runs"][0]["verdicts"][0]["is"]))
    check(found == [(9, "conditional_pass"), (0, "pass"), (9, "conditional_pass")], f"the drift counts either way: {found}")


def main():
    check = rig.Checks()
    place = Place()
    value = test_sensor(check, place)
    test_phantom(check, place, value)
    test_later_and_missing(check, place)
    test_date(check, place)
    check.end()


main()
