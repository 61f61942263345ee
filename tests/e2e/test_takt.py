#!/usr/bin/python3
"""What a run spends its time on, on the virtual clock: what `penrig check` expects and what the run says afterwards agree within
a tenth; and a tare that is another point's rest holds no motion of the needles, by the truth file."""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import rig

FS_HZ = 20000
WITHIN = 0.1
PLANS = [("demo.json", "virtual-usb.json"), ("demo.json", "virtual-serial.json"), ("ci-smoke.json", "virtual-mixed.json"),
         ("conformance.json", "virtual-usb.json"), ("conformance-quick.json", "virtual-usb.json"), ("scars.json", "virtual-usb.json"), ("near-bone.json", "virtual-bone.json")]
UNITS = {"s": 1, "min": 60, "h": 3600}


def seconds(text):
    return sum(float(n) * UNITS[u] for n, u in re.findall(r"([0-9.]+) (s|min|h)\b", text))


def expected(plan, bench, folder):
    """Shortest and longest, and units an hour, as `penrig check` prints them."""
    done = subprocess.run([rig.PENRIG, "check", str(rig.FIXTURES / "plans" / plan), "--bench", str(rig.own_bench(bench, folder))],
                          capture_output=True, text=True)
    duration = re.search(r"^duration   about ([^,]+),", done.stdout, re.M).group(1).split(" to ")
    units = re.search(r"^units      ([0-9.]+)(?: to ([0-9.]+))? an hour", done.stdout, re.M)
    return seconds(duration[0]), seconds(duration[-1]), float(units.group(2) or units.group(1)), float(units.group(1))


def tares(check, label, run):
    """Each begins behind the last true stroke before it, by what a phantom needs to come back, and holds none."""
    strokes = [t["index"] for t in rig.strokes(run) if "index" in t]
    shared = 0
    for before, point in zip(run.report["points"], run.report["points"][1:]):
        first, start = int(point["window"]["tare_index"]), int(point["window"]["spin_up_index"])
        shared += first < int(before["window"]["end_index"])
        last = max(i for i in strokes if i < start)
        check(first - last >= 0.19 * FS_HZ, f"{label}: point {point['number']}: tare {(first - last) / FS_HZ:.3f} s behind a stroke")
        check(start - first >= 0.2 * FS_HZ, f"{label}: point {point['number']}: tare of {(start - first) / FS_HZ:.3f} s")
    return shared


def examine(check, plan, bench):
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    label = f"{plan} on {bench}"
    least, most, units_most, units_least = expected(plan, bench, folder)
    run = rig.run_plan(plan, bench=bench, folder=folder)
    check(run.report["run_status"] == "complete" and all(p["attempt"] == 1 for p in run.report["points"]), f"{label}: {run.outcome()}")
    takt = run.report["takt"]
    took = sum(takt.values())
    windows = sum(int(p["window"]["coast_index"]) - int(p["window"]["first_index"]) for p in run.report["points"]) / FS_HZ
    check(abs(takt["window_s"] - windows) < 0.01 * len(run.report["points"]), f"{label}: windows of {windows} s, said: {takt}")
    check(least * (1 - WITHIN) <= took <= most * (1 + WITHIN), f"{label}: took {took:.2f} s, expected {least} to {most} s: {takt}")
    check(most > least or abs(took / most - 1) <= WITHIN, f"{label}: took {took:.2f} s, expected {most} s")
    for units, s in ((units_most, least), (units_least, most)):
        check(abs(units * s / 3600 - 1) < 0.08, f"{label}: {units} units an hour at {s} s each")
    shared = tares(check, label, run)
    check(shared == len(run.report["points"]) - 1, f"{label}: {shared} of {len(run.report['points'])} tares are rests")
    print(f"{label}: {took:.1f} s, {3600 / took:.1f} units an hour; outside windows {took - takt['window_s']:.1f} s, of it tests "
          f"{takt['tests_s']:.2f} s, coast-down and proof {takt['coast_s'] + takt['proof_s']:.1f} s")


def main():
    check = rig.Checks()
    for plan, bench in rig.some(PLANS):
        examine(check, plan, bench)
    check.end()


if __name__ == "__main__":
    sys.exit(main())
