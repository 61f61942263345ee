#!/usr/bin/python3
"""Run files that earlier versions made (tests/data/runs-*/) open, verify, and show what they showed then, every figure of the report.
Those of this method are derived again bit for bit and judged as they were: same verdict, same reasons. Those of an earlier method
are derived again by this one, which says so and never calls them damaged. Another class of processor, or another C library, than
a set was made on may round differently; penrig then says that nothing differs by more than 1e-7, and that alone is let pass."""
import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import old_runs
import report_form
import rig



def check_report(check, label, then, now):
    lost = old_runs.changed(old_runs.said(then), old_runs.said(now))
    check(not lost, f"{label}: {len(lost)} changes: " + "; ".join(lost[:5]))
    report_form.validate(now)


def check_derived(check, label, then, path, expected, strict):
    """True where it was derived bit for bit, so that a report could be written anew."""
    look = old_runs.Look(path)
    if look.rounded and not strict:
        check(True, f"{label}: rounded differently")
        return False
    check(look.code == expected["analyze"], f"{label}: analyze exits {look.code}, then {expected['analyze']}: {look.text[-800:]}")
    check(look.derived == expected["derived"], f"{label}: derived {look.derived}, then {expected['derived']}")
    if check(look.anew is not None, f"{label}: no report anew: {look.text[-800:]}"):
        check_report(check, f"{label}, report anew", then, look.anew)
        new = old_runs.measurands(look.anew) - old_runs.measurands(then)
        named = re.search(r"^new in this version of penrig, so not in the file and not compared: (.*)$", look.text, re.M)
        check(set(named[1].split(", ") if named else []) == new, f"{label}: {new} are named as new: {look.text[-800:]}")
    return True


def check_new_measurands(check, label, path):
    """A run can be judged by what its version did not know, for better and for worse."""
    results = [r for point in old_runs.Look(path).anew["points"] for r in point["results"] if r["measurand"] in ("crest_factor", "impulse_n_s")]
    for factor, code in ((1.2, 0), (0.8, 1)):
        where = Path(tempfile.mkdtemp(prefix="pr"))
        largest = {r["measurand"]: {"measurand": r["measurand"], "unit": r["unit"], "upper": r["value"] * factor}
                   for r in sorted(results, key=lambda r: r["value"])}
        check(len(largest) == 2, f"{label}: crest factor and impulse are measured")
        (where / "limits.json").write_text(json.dumps({"kind": "penrig/limits/1", "name": "new", "limits": list(largest.values())}))
        look = old_runs.Look(shutil.copy(path, where), "--limits", where / "limits.json")
        check(look.code == code, f"{label}, judged by new measurands: exit {look.code}, not {code}: {look.text[-800:]}")


def check_other_method(check, label, then, path, expected):
    """What another method makes of the samples is told beside what the file says, and is no damage."""
    look = old_runs.Look(path)
    if not expected["derived"]:
        check(look.code == expected["analyze"], f"{label}: analyze exits {look.code}, then {expected['analyze']}: {look.text[-800:]}")
        return
    check(look.derived or "other method (file: " in look.text, f"{label}: the method is named: {look.text[-800:]}")
    check("NOT REPRODUCED" not in look.text and look.code in (9, expected["analyze"]), f"{label}: no damage: exit {look.code}: {look.text[-800:]}")
    if check(look.anew is not None, f"{label}: no report anew: {look.text[-800:]}"):
        report_form.validate(look.anew)
        check(then["dut_verdict"] != "fail" or look.anew["dut_verdict"] != "pass", f"{label}: a pen that failed passes by another method")


def check_judged(check, label, path, folder):
    """Limits that the run was judged by afterwards: their report is the same when they are applied to the file again."""
    for number, text in old_runs.limits_of(path):
        limits = json.loads(text)
        then = report_form.read((folder / f"{path.stem}.limits-{limits['name']}.report.json").read_text())
        where = Path(tempfile.mkdtemp(prefix="pr"))
        (where / "limits.json").write_text(text)
        copy = Path(shutil.copy(path, where))
        look = old_runs.Look(copy, "--limits", where / "limits.json")
        check(look.code == then["exit_code"], f"{label}, judged by {limits['name']}: exit {look.code}, then {then['exit_code']}: {look.text[-500:]}")
        if check(look.anew is not None, f"{label}, judged by {limits['name']}: no report"):
            check_report(check, f"{label}, judged by {limits['name']}", then, look.anew)
        check(old_runs.penrig("show", "--verify", copy).returncode == 0, f"{label}: the chain holds behind a verdict of today")
        shown = old_runs.penrig("show", path).stdout
        check(f"by {limits['name']}: {then['dut_verdict']}: {then['verdict_reason']}" in shown, f"{label}: show tells verdict {number}: {shown[-900:]}")


def check_run(check, kept, name, expected, strict, same_method):
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    path, label = old_runs.unpack(kept, name, folder), f"{kept.name}/{name}"
    for file, digest in expected["sha256"].items():
        check(hashlib.sha256((folder / file).read_bytes()).hexdigest() == digest, f"{label}: {file} is as it was made")
    then = report_form.read((folder / f"{name}.report.json").read_text())
    for what, options in (("show", []), ("verify", ["--verify"])):
        done = old_runs.penrig("show", *options, path)
        check(done.returncode == expected[what], f"{label}: {what} exits {done.returncode}, then {expected[what]}: {done.stderr}")
        if what == "show" and then["verdict_reason"]:
            check(then["verdict_reason"] in done.stdout, f"{label}: show gives the reason: {done.stdout[-900:]}")
    shown = report_form.read(old_runs.penrig("show", "--json", path).stdout)
    check_report(check, f"{label}, report in the file", then, shown)
    check({key: shown[key] for key in ("dut_verdict", "run_status", "exit_code", "verdict_reason")} ==
          {key: expected[key] for key in ("dut_verdict", "run_status", "exit_code", "verdict_reason")}, f"{label}: what became of it")
    if not same_method:
        check_other_method(check, label, then, path, expected)
        return False
    exact = check_derived(check, label, then, path, expected, strict)
    if exact:
        check_judged(check, label, path, folder)
    if exact and name == "pass":
        check_new_measurands(check, label, path)
    return exact


def main():
    check, here, this = rig.Checks(), old_runs.processor(), old_runs.method()
    sets = sorted(path.parent for path in old_runs.DATA.glob("runs-*/expected.json"))
    check(sets, "there are kept runs")
    if os.environ.get("NEWEST"):  # where a penrig takes minutes for them all
        sets = sets[-1:]
    for kept in sets:
        expected = json.loads((kept / "expected.json").read_text())
        strict, same_method = expected["made_on"] == here, expected.get("method", 2) == this
        names = sorted(path.name[:-len(".penrig.xz")] for path in kept.glob("*.penrig.xz"))
        check(names == sorted(expected["runs"]), f"{kept.name}: a row for each file: {set(names) ^ set(expected['runs'])}")
        exact = [check_run(check, kept, name, expected["runs"][name], strict, same_method) for name in rig.some(names)]
        print(f"{kept.name}: {len(exact)} run files, {sum(exact)} derived again bit for bit" +
              ("; of another method" if not same_method else "" if strict else f"; made on {expected['made_on']}, this is {here}: where that rounds differently, nothing differs by more than 1e-7"))
    check.end()


if __name__ == "__main__":
    sys.exit(main())
