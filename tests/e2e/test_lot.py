#!/usr/bin/python3
"""Sampling plans: what one accepts, told in every form; a lot judged by its pens."""
import json
import re
import sqlite3
import tempfile
import xml.dom.minidom
from pathlib import Path

import jsonschema

import rig

PLAN = {"kind": "penrig/plan/1", "name": "short", "limits": [{"measurand": "depth_error_mm", "unit": "mm", "lower": -0.15, "upper": 0.15}],
        "steps": [{"depth_mm": [1.0], "rate_hz": 120, "measure_s": 0.5, "settle_s": 0.3, "tare_s": 0.25}]}
LOT = {"kind": "penrig/lot/1", "standard": "ISO 2859-1, level II, normal, AQL 1.0", "n": 80, "c": 2, "aql_percent": 1, "lq_percent": 6.5}


def lot(folder, *args, **keys):
    path = folder / "lot.json"
    path.write_text(json.dumps({k: v for k, v in {**LOT, **keys}.items() if v is not None}))
    return rig.penrig_a("lot", path, "--state", folder / "state", *args)


def test_curve(check, folder):
    done = lot(folder)
    check(done.returncode == 0 and "ISO 2859-1, level II" in done.stdout and "AQL 1 %: accepted 95.3 %; the producer's risk is 4.7 %" in done.stdout
          and "LQ  6.5 %: accepted 10.1 %; the consumer's risk is 10.1 %" in done.stdout, f"the published figures: {done.stdout}")
    for share, percent in (("95", "1.03"), ("50", "3.33"), ("10", "6.52")):
        check(f"  {share:<22} {percent:>14}\n" in done.stdout, f"accepted with {share} %: {done.stdout}")
    done = lot(folder, "--json", "--svg", folder / "oc.svg", measurement={"u_random": 0.3, "u_common": 0.2, "guard": 0.25})
    curve = json.loads(done.stdout)["curve"]
    check(curve[0]["accepted_percent"] == 100 and curve[-1]["accepted_percent"] < 1 and any(p["accepted_as_measured_percent"] < p["accepted_percent"] - 20 for p in curve), f"and as it is measured: {curve[:3]}")
    text = xml.dom.minidom.parse(str(folder / "oc.svg")).toxml()
    dashes = re.findall(r'stroke-dasharray="([^"]*)"', text)
    check(dashes == ["none", "9 4", "none", "3 3"] * 2, f"both curves, AQL and LQ are told apart without colour, in the picture as in its legend: {dashes}")
    check("as it is measured" in text and "AQL 1 %" in text, "drawn")
    done = lot(folder, c=None, k=1.69, n=20, sigma="unknown")
    check(done.returncode == 0 and "by variables, one limit: n 20, k 1.69, sigma unknown" in done.stdout, f"by variables: {done.stdout}")
    check("of a lot of 500" in lot(folder, lot_size=500).stdout, "of a counted lot")


def first_values(folder, name):
    """Of each pen of the lot, from the history."""
    db = sqlite3.connect(folder / "state/history")
    return [value for value, in db.execute("SELECT value FROM result JOIN quantity ON quantity.id = quantity JOIN run ON run.id = run WHERE lot = ? AND measurand = 'depth_error_mm' "
                                           "AND quantity.method = 'force_equivalent' ORDER BY dut", (name,))]


def test_a_lot(check, folder):
    bench = rig.own_bench("virtual-usb.json", folder)
    (folder / "short.json").write_text(json.dumps(PLAN))
    for dut, name in (("PEN-GOOD-01", "L7"), ("PEN-GOOD-02", "L7"), ("PEN-DEEP-01", "L8"), ("PEN-GOOD-03", "L8")):
        rig.run_plan(folder / "short.json", bench=bench, dut=dut, folder=folder / "out", extra=["--state", folder / "state", "--name", dut, "--lot", name])
    done = lot(folder, "--lot", "L7", n=2, c=0)
    check(done.returncode == 0 and "lot L7: accepted: 2 units, 2 pass, 0 do not conform, 0 neither" in done.stdout, f"accepted: {done.returncode} {done.stdout[-200:]} {done.stderr}")
    done = lot(folder, "--lot", "L8", n=2, c=0)
    check(done.returncode == 1 and "lot L8: rejected: 2 units, 1 pass, 1 do not conform" in done.stdout, f"rejected: {done.returncode} {done.stdout[-200:]}")
    check(lot(folder, "--lot", "L8", n=2, c=1).returncode == 0, "one may be")
    done = lot(folder, "--lot", "L7", n=3, c=0)
    check(done.returncode == 3 and "undecided" in done.stdout and "the plan draws 3" in done.stdout, f"too few: {done.returncode} {done.stdout[-200:]}")
    check(lot(folder, "--lot", "none", n=2, c=0).returncode == 3, "of no pen nothing is known")
    dispose = rig.penrig_a("dispose", folder / "out/PEN-DEEP-01.penrig", "--decision", "accept", "--by", "Q", "--reason", "r", "--state", folder / "state")
    done = lot(folder, "--lot", "L8", "--json", n=2, c=0)
    check(dispose.returncode == 0 and done.returncode == 1 and json.loads(done.stdout)["lot"] == {"name": "L8", "outcome": "rejected", "units": 2, "pass": 1, "nonconforming": 1, "neither": 0},
          f"a concession makes no pen conform: {done.returncode} {done.stdout[-300:]}")
    values = {"c": None, "n": 2, "k": 1.5, "measurand": "depth_error_mm"}
    done = lot(folder, "--lot", "L7", "--json", **values)
    told = json.loads(done.stdout)["lot"]
    group, = told["values"]
    x = first_values(folder, "L7")
    mean, sd = sum(x) / 2, abs(x[0] - x[1]) / 2 ** 0.5
    check(done.returncode == 0 and told["outcome"] == "accepted" and abs(group["mean"] - mean) < 1e-9 and abs(group["sd"] - sd) < 1e-9, f"by its values: {told} {x}")
    check(abs(group["quality_upper"] - (0.15 - mean) / sd) < 1e-6 and abs(group["quality_lower"] - (mean + 0.15) / sd) < 1e-6, f"{group}")
    done = lot(folder, "--lot", "L8", **values)
    check(done.returncode == 1 and "lot L8: rejected" in done.stdout and "estimated nonconforming: rejected" in done.stdout, f"{done.returncode} {done.stdout[-400:]}")
    done = lot(folder, "--lot", "L7", **{**values, "n": 3})
    check(done.returncode == 3 and "the plan draws 3" in done.stdout, f"{done.returncode} {done.stdout[-300:]}")
    done = lot(folder, "--lot", "L7", **{**values, "sigma": "known", "sigma_value": (0.15 - abs(mean)) / 1.5 - 1e-6})
    check(done.returncode == 3 and "not by more than the measurement's U" in done.stdout, f"within its uncertainty: {done.returncode} {done.stdout[-300:]}")
    check(lot(folder, "--lot", "L7", **{**values, "sigma": "known", "sigma_value": (0.15 - abs(mean)) / 1.5 + 1e-4}).returncode == 1, "and beyond")
    check(lot(folder, "--lot", "L7", **{**values, "most_percent": 1}).returncode == 0 and lot(folder, "--lot", "none", **values).returncode == 3, "by the share of both sides; of no pen nothing is known")
    check("none of this name" in lot(folder, **{**values, "measurand": "depth"}).stderr, "a measurand that there is")
    check(lot(folder, "--lot", "L*", n=2, c=0).returncode == 2 and lot(folder, "--lot", "L7", c=None, k=1.5).returncode == 2, "wrong usage")


def test_more_than_its_values(check, folder):
    """The values of one measurand accept no lot with a pen that fails by another limit; a value that a supervisor set aside is none."""
    bench = rig.own_bench("virtual-usb.json", folder)
    rate = {"measurand": "stroke_rate_error_pct", "unit": "%", "lower": 50, "upper": 60}
    (folder / "both.json").write_text(json.dumps({**PLAN, "limits": [*PLAN["limits"], rate]}))
    worn = ["wear@0,depth=50,rate=0,made=6000"]
    for dut, name, plan, n, faults in (("PEN-GOOD-04", "L10", "both", 1, ()), ("PEN-GOOD-05", "L10", "short", 1, ()), ("PEN-GOOD-06", "L11", "short", 1, worn),
                                       ("PEN-GOOD-07", "L11", "short", 1, ()), ("PEN-GOOD-06", "L11", "short", 2, ())):
        rig.run_plan(folder / f"{plan}.json", bench=bench, dut=dut, folder=folder / "out", faults=faults, world_extra=["--clock", 90000 * n],
                     extra=["--state", folder / "state", "--name", f"{dut}-{n}", "--lot", name])
    values = {"c": None, "n": 2, "k": 1.5, "measurand": "depth_error_mm"}
    done = lot(folder, "--lot", "L10", **values)
    check(done.returncode == 3 and "estimated nonconforming: accepted" in done.stdout and "1 of its 2 units do not conform" in done.stdout, f"a unit fails by another limit: {done.returncode} {done.stdout[-500:]}")
    told = json.loads(lot(folder, "--lot", "L10", "--json", **values).stdout)["lot"]
    check((told["units"], told["pass"], told["nonconforming"], told["outcome"]) == (2, 1, 1, "undecided"), f"{told}")
    before = lot(folder, "--lot", "L11", **values)
    check(before.returncode == 1 and "rejected" in before.stdout, f"worn when it was tested first: {before.returncode} {before.stdout[-400:]}")
    dispose = rig.penrig_a("dispose", folder / "out/PEN-GOOD-06-1.penrig", "--decision", "retest", "--by", "Q", "--reason", "phantom torn", "--state", folder / "state")
    done = lot(folder, "--lot", "L11", **values)
    check(dispose.returncode == 0 and done.returncode == 0 and "1 run set aside for a retest" in done.stdout, f"set aside: {done.returncode} {done.stdout[-500:]} {dispose.stderr}")
    group, = json.loads(lot(folder, "--lot", "L11", "--json", **values).stdout)["lot"]["values"]
    x = first_values(folder, "L11")
    check(len(x) == 3 and group["units"] == 2 and abs(group["mean"]) < 0.05, f"the value behind it counts: {group} {x}")


def test_files(check, folder):
    schema = jsonschema.Draft202012Validator(json.loads((rig.ROOT / "reports/schema/lot.schema.json").read_text()))
    check(lot(folder, lot_size=100, measurement={"u_common": 0.1}).returncode == 0 and schema.is_valid(json.loads((folder / "lot.json").read_text())), "the schema knows it")
    for keys, word, only_c in (({"c": None}, "write one of them", False), ({"k": 1}, "write one of them", False), ({"n": 0}, "n", False), ({"c": 80}, "accepts whatever", True), ({"standard": None}, "standard", False),
                               ({"lot_size": 79}, "cannot be drawn", True), ({"sigma": "known"}, "belongs to", False), ({"lq_percent": 0.5}, "lies above", True), ({"measurement": {"u": 1}}, "unknown key", False),
                               ({"c": None, "k": 1, "measurement": {"guard": 1}}, "leave \"guard\" out", True), ({"c": None, "k": 1, "n": 1}, "2 at least", True),
                               ({"measurand": "depth_mm"}, "belongs to", False), ({"c": None, "k": 1, "sigma_value": 1}, "goes with", False),
                               ({"c": None, "k": 1, "sigma": "known", "measurand": "depth_mm"}, "write it as", True)):
        done = lot(folder, **keys)
        check(done.returncode == 2 and word in done.stderr and "lot.json:" in done.stderr, f"{keys}: {done.returncode} {done.stderr}")
        check(schema.is_valid(json.loads((folder / "lot.json").read_text())) == only_c, f"the schema as well: {keys}")


def main():
    check = rig.Checks()
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    test_curve(check, folder)
    test_a_lot(check, folder)
    test_more_than_its_values(check, folder)
    test_files(check, folder)
    check.end()


main()
