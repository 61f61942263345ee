"""A pen without a plug on a bought power supply, on the virtual clock: results against the truth, each fault of the supply with a few
seeds, the operator's hands, and that nothing passes which the truth contradicts."""
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy

import powered
import rig

SEEDS = int(os.environ.get("SEEDS", "3"))
failures = []


def check(ok, what):
    if not ok:
        failures.append(what)
        print("FAILED:", what)


def outcome(run):
    return (run.report or {}).get("verdict", {}).get("outcome") or (run.report or {}).get("verdict")


def strokes(run):
    return [t for t in run.truth() if t.get("kind") == "stroke" or t.get("event") == "stroke" or "depth_mm" in t and "rate_hz" in t]


def made_to_stop(run, what):
    """By the truth file: the motor is off at the end, and the program says so."""
    end = run.truth()[-1]
    check(end.get("motor_on") is False or end.get("on") is False, f"{what}: the pen is off at the end: {end}")


if __name__ == "__main__":
    r = powered.Run()
    print(r.truth()[0], r.truth()[-3:], strokes(r)[:1])
    print(r.report.keys(), r.report["verdict"], r.report["bench"], r.report["points"][0])
