#!/usr/bin/python3
"""The same pens on several benches: one that is off is flagged, the others agree."""
import json
import sqlite3
import tempfile
import xml.dom.minidom
from pathlib import Path

import rig

PLAN = {"kind": "penrig/plan/1", "name": "round", "limits": [{"measurand": "depth_mm", "unit": "mm", "lower": 0.5, "upper": 1.5}],
        "steps": [{"depth_mm": [1.0], "rate_hz": 120, "measure_s": 0.5, "settle_s": 0.3, "tare_s": 0.25}]}


def main():
    check = rig.Checks()
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    good = Path(rig.own_bench("virtual-usb.json", folder))
    (folder / "round.json").write_text(json.dumps(PLAN))

    def bench(name):
        path = folder / f"{name}.json"
        path.write_text(good.read_text().replace('"name": "virtual-usb"', f'"name": "{name}"'))
        for pen in ("PEN-GOOD-01", "PEN-GOOD-02"):
            rig.run_plan(folder / "round.json", bench=str(path), dut=pen, folder=folder / "out", extra=["--state", folder / "state", "--name", f"{name}-{pen}"])

    def asked(*args):
        return rig.penrig_a("equivalence", "depth_mm", "--history", folder / "state/history", *args)

    bench("one")
    done = asked()
    check(done.returncode == 3 and "no pen in common" in done.stdout, f"one bench alone: {done.returncode} {done.stdout}")
    bench("two")
    done = asked()
    check(done.returncode == 0 and "8 agree, 0 differ" in done.stdout, f"two that are alike: {done.returncode} {done.stdout} {done.stderr}")
    bench("three")
    db = sqlite3.connect(folder / "state/history")  # its phantom is not what its file says
    db.execute("UPDATE result SET value = value + 0.02 WHERE quantity IN (SELECT id FROM quantity WHERE method = 'force_equivalent') AND run IN (SELECT id FROM run WHERE bench = 'three')")
    db.commit()
    db.close()
    done = asked("--reference", "one", "--json")
    rows = {r["bench"]: r for r in json.loads(done.stdout) if r["method"] == "force_equivalent"}
    three = rows["three"]
    check(done.returncode == 1 and rows["one"]["state"] == "reference" and rows["two"]["state"] == "agrees" and three["state"] == "differs", f"the one that is 20 um off: {rows}")
    check(abs(three["difference"] - 0.020) < 0.001 and three["pens"] == 2 and abs(three["en"] - three["difference"] / (three["expanded_u"]**2 + three["reference_expanded_u"]**2)**0.5) < 1e-9, f"by that: {three}")
    check(0.005 < three["offset_found_with_80_percent"] < 0.020, f"and would be found: {three}")
    done = asked("--reference", "one")
    check("DIFFERS" in done.stdout and "the reference" in done.stdout and "7 agree, 1 differ" in done.stdout, f"for people: {done.stdout}")
    picture = folder / "benches.svg"
    done = asked("--reference", "one", "--svg", picture)
    page = xml.dom.minidom.parse(str(picture))
    words = [t.firstChild.data for t in page.getElementsByTagName("text") if t.firstChild]
    check(done.returncode == 1 and words.count("the reference") == 4 and sum(w.startswith("agrees: E_n 0.00, 2 pens") for w in words) == 7 and sum(w.startswith("DIFFERS: E_n ") for w in words) == 1,
          f"drawn, a panel for each setpoint and method: {words}")
    check(len({c.getAttribute("id") for c in page.getElementsByTagName("clipPath")}) == 4, "each with a clip of its own")
    done = asked("--svg", folder / "nowhere/x.svg")
    check(done.returncode == 6 and "cannot be written" in done.stderr, f"which cannot be written: {done.returncode} {done.stderr}")
    db = sqlite3.connect(folder / "state/history")  # no bench is off, but one pen of each bench is another than it says
    for pen, by in (("PEN-GOOD-01", 0.28), ("PEN-GOOD-02", -0.32)):
        db.execute("UPDATE result SET value = value + ? WHERE quantity IN (SELECT id FROM quantity WHERE method = 'force_equivalent') AND run IN (SELECT id FROM run WHERE bench = 'three' AND dut = ?)", (by, pen))
    db.commit()
    db.close()
    done = asked("--reference", "one", "--json")
    three = next(r for r in json.loads(done.stdout) if r["method"] == "force_equivalent" and r["bench"] == "three")
    check(done.returncode == 1 and three["state"] == "differs_by_pen" and abs(three["en"]) < 1, f"differences of both signs have no mean, and are seen: {three}")
    check("DIFFERS BY PEN" in asked("--reference", "one").stdout, "for people, too")
    done = asked("--reference", "none")
    check(done.returncode == 2 and "no run that was chosen is of that bench" in done.stderr, f"unknown: {done.stderr}")
    check(rig.penrig_a("equivalence", "depth", "--history", folder / "state/history").returncode == 2, "no measurand")
    check.end()


main()
