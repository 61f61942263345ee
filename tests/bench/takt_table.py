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


def row(build, plan):
    bench = Path("fixtures/benches") / (BENCHES.get(plan.stem, "virtual-usb") + ".json")
    done = subprocess.run([build / "penrig", "check", plan, "--bench", bench], capture_output=True, text=True, check=True)
    points = re.search(r"^points +(\d+)", done.stdout, re.M)[1]
    expected = re.search(r"^duration +about ([^,]+),", done.stdout, re.M)[1]
    units = re.search(r"^units +(.+?) an hour", done.stdout, re.M)[1]
    takt = taken(build, plan, bench)
    parts = [f"{sum(takt.values()):.1f}", f"{3600 / sum(takt.values()):.1f}"] + [f"{takt[p]:.1f}" for p in PARTS] if takt else ["-"] * 8
    return f"| {plan.stem} | {points} | {expected} | {units} | " + " | ".join(parts) + " |\n"


def section(build):
    rows = "".join(row(build, plan) for plan in sorted(Path("fixtures/plans").glob("*.json")))
    return ("## Units per hour\n\n`penrig check` reckons, and a good pen on the virtual clock takes (s); the time to exchange pens is not in "
            "it. A plan whose windows are open lies between its bounds, as the pen and the bench have it.\n\n"
            "| plan | points | expected | units per hour | taken | units per hour | windows | settling | coast-down | proof of standstill | "
            "rest | pen tests |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n" + rows)


if __name__ == "__main__":
    print(section(Path(sys.argv[1])), end="")
