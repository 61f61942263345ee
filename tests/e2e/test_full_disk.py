#!/usr/bin/python3
"""A disk that fills up at any moment of a run: exit 6, and no PASS stays anywhere, not in the run file, not in a report and not
in what is derived again; nor, of an import, a report that says complete. Disks of many sizes, each a tmpfs; where none may be mounted, the test is skipped."""
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import rig

SIZES_KB = {"run": [*range(2600, 8000, 200), 16000], "import": [*range(40, 640, 40), *range(2600, 3600, 100), 16000]}
# What stands in a report of each format that tells of a pass.
PASSES = {".report.json": '"dut_verdict": "pass"', ".junit.xml": r'name="verdict on the pen"[^>]*>(?!\s*<(failure|error))', ".report.txt": "^verdict: PASS", ".results.csv": ",pass,complete,",
          ".tap": r"^ok \d+ - verdict on the pen", ".prom": r"^penrig_run_exit_code\{.*\} 0$", ".jsonl": '"result":"PASS"', ".wsjf.json": '^"result": "P"',
          ".openhtf.json": r'\A(?:.*\n){5}"outcome": "PASS"', ".atml.xml": r'<tr:ResultSet.*\n.*\n<tr:Outcome value="Passed"', ".dcc.xml": "<dcc:conformity>pass</dcc:conformity></dcc:statement>",
          ".dfq": r"K0001/(\d+) 0\nK0002/\1 0\nK0004/\1 .*\nK0014/\1 .*\n\Z"}
FORMATS = ("junit", "text", "csv", "tap", "prom", "jsonl", "wsjf", "openhtf", "atml", "dcc", "dfq")
SHELL = 'mount -t tmpfs -o size=$1k none "$2" && shift 2 && exec "$@"'  # gone with the namespace


def in_namespace(size_kb, place, *argv):
    way = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-r", "-m"]
    return subprocess.run([*way, "sh", "-c", SHELL, "sh", str(size_kb), str(place), *map(str, argv)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=200)


def examine(size_kb):
    """One run on a disk of that size; run in the namespace, because the disk ends with it."""
    check = rig.Checks()
    run = rig.run_plan("ci-smoke.json", folder=Path(os.environ["DISK"]) / "out", extra=[word for form in FORMATS for word in ("--report", form)])
    label = f"a disk of {size_kb} kB"
    told = {end: [re.search(pattern, p.read_text(), re.M) is not None for p in run.folder.glob(f"PEN*{end}")] for end, pattern in PASSES.items()}
    if run.status == 0:
        check(run.outcome() == ("pass", "complete", 0), f"{label}: {run.outcome()}")
        check(set(map(tuple, told.values())) == {(True,)}, f"{label}: each report says so: {told}")
    else:
        check(run.status == 6, f"{label}: exit {run.status}: {run.err[-200:]}")
        check(not run.report or run.report["dut_verdict"] == "inconclusive", f"{label}: report {run.outcome()}")
        check(not any(map(any, told.values())), f"{label}: a report that says pass: {told}")
        check("penrig" in run.err and "make room" in run.err, f"{label}: it is said, with the remedy: {run.err[-200:]}")
        for command in (["show"], ["show", "--json"], ["analyze"]):
            again = rig.penrig_a(*command, run.run_file) if run.run_file else None
            check(not again or ("PASS" not in again.stdout and '"dut_verdict": "pass"' not in again.stdout),
                  f"{label}: {command} says PASS: {again and again.stdout[-200:]}")
            check(not again or command[0] == "show" or again.returncode != 0, f"{label}: analyze ends with 0")
    print("full" if run.status else "fits")
    check.end()


PLAN = {"kind": "penrig/plan/1", "name": "one", "limits": [{"measurand": "depth_error_mm", "unit": "mm", "lower": -0.15, "upper": 0.15}],
        "steps": [{"name": "one", "depth_mm": [1], "rate_hz": [120], "tare_s": 0.25, "settle_s": 0.5, "measure_s": 1}]}


def examine_import(size_kb):
    """A recording of nothing at all: what is known of the pen is the same, whether it is saved or not."""
    check, out, elsewhere = rig.Checks(), Path(os.environ["DISK"]) / "out", Path(tempfile.mkdtemp(prefix="pr"))
    (elsewhere / "force.i16").write_bytes(bytes(2 * 100000))
    (elsewhere / "plan.json").write_text(json.dumps(PLAN))
    bench = rig.own_bench("virtual-usb.json", elsewhere)
    done = rig.penrig_a("import", elsewhere / "force.i16", "--format", "i16", "--rate", 50000, "--scale", 0.0003, "--tare-until", 0.4, "--start", 0.4, "--measure-from",
                        0.9, "--measure-to", 1.9, "--bench", bench, "--plan", elsewhere / "plan.json", "--dut", "X", "--name", "i", "-o", out)
    report, label = out / "i.report.json", f"an import on a disk of {size_kb} kB"
    said = json.loads(report.read_text())["run_status"] if report.exists() else None
    if done.returncode == 3:
        check(said == "complete" and rig.penrig_a("show", "--verify", out / "i.penrig").returncode == 0, f"{label}: saved, and the report says {said}")
    else:
        check(done.returncode == 6, f"{label}: exit {done.returncode}: {done.stderr[-300:]}")
        check(said in (None, "storage_failed"), f"{label}: exit 6, and the report says {said}")
    check(not list(out.glob("*.tmp")), f"{label}: no half file is left")
    print("full" if done.returncode == 6 else "fits")
    check.end()


def main():
    if len(sys.argv) > 1:
        {"run": examine, "import": examine_import}[sys.argv[1]](int(sys.argv[2]))
    place = Path(tempfile.mkdtemp(prefix="pr"))
    if in_namespace(100, place, "true").returncode != 0:
        print("no file system may be mounted here")
        sys.exit(77)
    check = rig.Checks()
    os.environ["DISK"] = str(place)
    for kind, sizes_kb in SIZES_KB.items():
        seen = set()
        for size_kb in sizes_kb:
            done = in_namespace(size_kb, place, sys.executable, __file__, kind, size_kb)
            check(done.returncode == 0, done.stdout[-600:] + done.stderr[-600:])
            seen |= set(done.stdout.split()) & {"full", "fits"}
        check(seen == {"full", "fits"}, f"{kind}: disks too small and large enough: {seen}")
    check.end()


if __name__ == "__main__":
    main()
