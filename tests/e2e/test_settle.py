#!/usr/bin/python3
"""Windows that begin when the pen has settled, on the virtual clock: at the samples at which they may, behind the truth's own
settling, and replayed bit for bit; a depth that travels is waited for, and where it never comes to rest no window passes."""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import rig

FS_HZ, LATE_S = 20000, 0.02  # of the bench; until the window begins
UNTIL = {"depth_mm": 0.01, "stroke_rate_hz": 0.5}
LIMITS = [{"measurand": "depth_error_mm", "unit": "mm", "lower": -0.15, "upper": 0.15},
          {"measurand": "stroke_rate_error_pct", "unit": "%", "lower": -10, "upper": 10}]


def run(seed, most, faults=(), bench="virtual-usb.json", least=0.15, until=UNTIL):
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    plan = {"kind": "penrig/plan/1", "name": "settle", "limits": LIMITS,
            "steps": [{"depth_mm": [1.0, 1.5], "rate_hz": 120, "measure_s": 1.2, "settle_s": {"min": least, "max": most, "until": until}}]}
    (folder / "settle.json").write_text(json.dumps(plan))
    return rig.run_plan(folder / "settle.json", folder=folder, seed=seed, bench=bench, faults=faults)


def settled_s(point):
    return (int(point["window"]["first_index"]) - int(point["window"]["spin_up_index"])) / FS_HZ


def replays(check, label, r):
    done = subprocess.run([rig.PENRIG, "analyze", str(r.run_file)], capture_output=True, text=True)
    check(done.returncode == r.status and "every result is the same, bit for bit" in done.stdout,
          f"{label}: replay: exit {done.returncode}: {done.stdout[:300]}{done.stderr[-300:]}")


def begins_when_settled(check):
    for seed in (1, 2):
        r = run(seed, 1.0)
        check(r.outcome() == ("pass", "complete", 0), f"seed {seed}: {r.outcome()}")
        for point in r.report["points"]:
            s = settled_s(point)
            late = (round(s * FS_HZ) - 3000) % 1000 / FS_HZ  # min, and from look to look
            check(0.15 <= s < 0.6 and late <= LATE_S, f"seed {seed}: settled after {s} s")
            spin_up = rig.result(point, "spin_up_s")["value"]
            check(s > spin_up, f"seed {seed}: the window begins {s} s behind the start, at speed after {spin_up} s")
            truth = rig.true_window(r, point)
            depth = rig.result(point, "depth_mm", "force_equivalent")
            true = sum(t["depth_mm"] for t in truth) / len(truth)
            check(abs(depth["value"] - true) <= 1.3 * depth["expanded_uncertainty"], f"seed {seed}: {depth['value']}, in truth {true}")
        replays(check, f"seed {seed}", r)


def a_travel_is_waited_for(check):
    quick = run(3, 2.0)
    slow = run(3, 2.0, ["travel@0,by=-0.1,tau=0.2"])
    for a, b in zip(quick.report["points"], slow.report["points"]):
        check(settled_s(b) >= settled_s(a) + 0.3, f"a travel of 0.1 mm: {settled_s(b)} s, without {settled_s(a)} s")
    replays(check, "a travel", slow)


def none_that_travels_passes(check):
    r = run(4, 0.3, ["travel@0,by=-0.2,tau=0.5"])
    for point in r.report["points"]:
        check(0.3 <= settled_s(point) <= 0.3 + LATE_S, f"the longest time: {settled_s(point)} s")
        check(point["outcome"] == "inconclusive", f"a window that travels: {point['outcome']}")
    journal = subprocess.run([rig.PENRIG, "show", str(r.run_file), "--journal"], capture_output=True, text=True).stdout
    check(journal.count("not shown to have settled within 0.3 s") == 2, f"it is said: {journal[-1500:]}")
    check(r.outcome()[0] != "pass", f"{r.outcome()}")


def another_device(check):
    """Force and displacement of two devices, put on one axis; and a serial bench without a bar."""
    for bench in ("virtual-boxes.json", "virtual-serial.json"):
        r = run(5, 1.5, bench=bench, until={"stroke_rate_hz": 2})
        for point in r.report["points"]:
            fs = next(c for d in r.report["devices"] if d["role"] == "load_sensor" for c in d["channels"] if c["name"] == "force")
            s = (int(point["window"]["first_index"]) - int(point["window"]["spin_up_index"])) / fs["rate_hz"]
            check(0.15 <= s < 1, f"{bench}: after {s} s")
        replays(check, bench, r)


def main():
    check = rig.Checks()
    begins_when_settled(check)
    a_travel_is_waited_for(check)
    none_that_travels_passes(check)
    another_device(check)
    check.end()


if __name__ == "__main__":
    sys.exit(main())
