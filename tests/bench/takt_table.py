#!/usr/bin/python3
"""Units per hour for each shipped plan, as a section of docs/performance.md: what `penrig check` reckons and, where penrig-a is
built, what a run of a good pen takes on the virtual clock. usage: takt_table.py BUILD_FOLDER prints it."""
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

BENCHES = {"near-bone": "virtual-bone", "stretch-marks": "virtual-soft"}  # others: virtual-usb
LEAST_STROKES = 8  # of a half, as rig/measure/travel.c asks for
PARTS = ("window_s", "settle_s", "coast_s", "proof_s", "rest_s", "tests_s")


def taken(build, plan, bench):
    """Seconds and parts of a run on the virtual clock, or None."""
    if not (build / "tests/penrig-a").exists():
        return None
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([build / "tests/penrig-a", "--seed", "1", "--bench", bench, "--virtual-dut", "PEN-GOOD-01", "--", "run", plan,
                        "--bench", bench, "--dut", "PEN-GOOD-01", "--output-dir", folder, "--no-input"],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        return json.loads(next(Path(folder).glob("*.report.json")).read_text())["takt"]


def constant(name):
    """Of rig/config/takt.h, s."""
    return float(re.search(rf"#define {name} +([0-9.]+)", Path("rig/config/takt.h").read_text())[1])


def bounds(takt, points, rate_hz):
    """What the demo spends outside its windows and pen tests, stage by stage, and what binds each: (stage, spent, least, by what). The
    least of a stage is what would be left were the rest of it overlapped with others or given up."""
    after, end = constant("TARE_AFTER_S"), constant("PROOF_END_S")
    between = takt["proof_s"] + takt["rest_s"] - end
    seen = 2 * 2 * LEAST_STROKES / rate_hz
    others = sum(takt[p] for p in ("opening_s", "interlock_s", "setting_s"))
    return [("coast-down", takt["coast_s"], takt["coast_s"], "the pen: its needles strike and draw out for so long behind the order"),
            ("last stop", end, end, "the proof of standstill: needles that creep keep still about their dead centre"),
            ("stillness behind the other points", between, between, f"{after:g} s in which the phantom comes back, and the next tare"),
            ("first tare", takt["tare_s"], takt["tare_s"], "the plan"),
            ("settling", takt["settle_s"], points * seen, f"{2 * LEAST_STROKES} strokes in the newer half of the time since the start"),
            ("opening, interlock, setting", others, others, "the devices' answers, 0.1 s of stillness before a run")]


def demo_section(takt, points, rate_hz):
    rows = bounds(takt, points, rate_hz)
    spent, least = (sum(r[i] for r in rows) for i in (1, 2))
    text = "".join(f"| {stage} | {s:.2f} | {b:.2f} | {why} |\n" for stage, s, b, why in rows)
    return (f"### What the demo spends outside its windows and pen tests\n\n| stage | spent, s | at least, s | bound by |\n|---|---|---|---|\n{text}"
            f"| all of them | {spent:.2f} | {least:.2f} | |\n")


def row(build, plan):
    bench = Path("fixtures/benches") / (BENCHES.get(plan.stem, "virtual-usb") + ".json")
    done = subprocess.run([build / "penrig", "check", plan, "--bench", bench], capture_output=True, text=True, check=True)
    points = re.search(r"^points +(\d+)", done.stdout, re.M)[1]
    expected = re.search(r"^duration +about ([^,]+),", done.stdout, re.M)[1]
    units = re.search(r"^units +(.+?) an hour", done.stdout, re.M)[1]
    takt = taken(build, plan, bench)
    parts = [f"{sum(takt.values()):.1f}", f"{3600 / sum(takt.values()):.1f}"] + [f"{takt[p]:.1f}" for p in PARTS] if takt else ["-"] * 8
    return f"| {plan.stem} | {points} | {expected} | {units} | " + " | ".join(parts) + " |\n"


def demo(build):
    plan = Path("fixtures/plans/demo.json")
    takt = taken(build, plan, Path("fixtures/benches/virtual-usb.json"))
    return "\n" + demo_section(takt, points=6, rate_hz=120) if takt else ""


def section(build):
    rows = "".join(row(build, plan) for plan in sorted(Path("fixtures/plans").glob("*.json")))
    return ("## Units per hour\n\n`penrig check` reckons, and a good pen on the virtual clock takes (s); the time to exchange pens is not in "
            "it. A plan whose windows are open lies between its bounds, as the pen and the bench have it.\n\n"
            "| plan | points | expected | units per hour | taken | units per hour | windows | settling | coast-down | proof of standstill | "
            "rest | pen tests |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n" + rows + demo(build))


if __name__ == "__main__":
    print(section(Path(sys.argv[1])), end="")
