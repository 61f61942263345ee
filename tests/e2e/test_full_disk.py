#!/usr/bin/python3
"""A disk that fills up at any moment of a run: exit 6, and no PASS stays anywhere, not in the run file, not in a report and not
in what is derived again. Disks of many sizes, each a tmpfs; where none may be mounted, the test is skipped."""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import rig

SIZES_KB = [*range(2600, 8000, 200), 16000]
SHELL = 'mount -t tmpfs -o size=$1k none "$2" && shift 2 && exec "$@"'  # gone with the namespace


def in_namespace(size_kb, place, *argv):
    way = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-r", "-m"]
    return subprocess.run([*way, "sh", "-c", SHELL, "sh", str(size_kb), str(place), *map(str, argv)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=200)


def examine(size_kb):
    """One run on a disk of that size; run in the namespace, because the disk ends with it."""
    check = rig.Checks()
    run = rig.run_plan("ci-smoke.json", folder=Path(os.environ["DISK"]) / "out", extra=["--report", "junit"])
    label = f"a disk of {size_kb} kB"
    if run.status == 0:
        check(run.outcome() == ("pass", "complete", 0), f"{label}: {run.outcome()}")
    else:
        check(run.status == 6, f"{label}: exit {run.status}: {run.err[-200:]}")
        check(not run.report or run.report["dut_verdict"] == "inconclusive", f"{label}: report {run.outcome()}")
        check("penrig" in run.err and "make room" in run.err, f"{label}: it is said, with the remedy: {run.err[-200:]}")
        for command in (["show"], ["show", "--json"], ["analyze"]):
            again = rig.penrig_a(*command, run.run_file) if run.run_file else None
            check(not again or ("PASS" not in again.stdout and '"dut_verdict": "pass"' not in again.stdout),
                  f"{label}: {command} says PASS: {again and again.stdout[-200:]}")
            check(not again or command[0] == "show" or again.returncode != 0, f"{label}: analyze ends with 0")
    print("full" if run.status else "fits")
    check.end()


def main():
    if len(sys.argv) > 1:
        examine(int(sys.argv[1]))
    place = Path(tempfile.mkdtemp(prefix="pr"))
    if in_namespace(100, place, "true").returncode != 0:
        print("no file system may be mounted here")
        sys.exit(77)
    check, seen = rig.Checks(), set()
    os.environ["DISK"] = str(place)
    for size_kb in SIZES_KB:
        done = in_namespace(size_kb, place, sys.executable, __file__, size_kb)
        check(done.returncode == 0, done.stdout[-600:] + done.stderr[-600:])
        seen |= set(done.stdout.split()) & {"full", "fits"}
    check(seen == {"full", "fits"}, f"disks too small and large enough: {seen}")
    check.end()


if __name__ == "__main__":
    main()
