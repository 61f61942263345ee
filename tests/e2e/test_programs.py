#!/usr/bin/python3
# runs alone: real time is part of what it tests
"""A load cell behind a program of the user's, in real time: what penrig makes of its samples is held against the truth file, and
of a program that ends, or delivers another rate than the bench file says, no verdict comes. Everything else of programs is in
tests/unit/link/test_source.c and tests/unit/drivers/test_command.c."""
import statistics
import subprocess
import tempfile
from pathlib import Path

import rig

BENCH = "virtual-program.json"
TOOL = rig.FIXTURES / "programs/load-cell-csv.py"
SETTLE_NS, MEASURE_NS = 500_000_000, 1_000_000_000  # of ci-smoke

check = rig.Checks()


def run(*changes):
    """ci-smoke with the virtual load cell read by the program; each change: (a text of the bench file, what stands there)."""
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    devices, bench = rig.own_bench("virtual-serial.json", folder), rig.own_bench(BENCH, folder)
    text = bench.read_text().replace("../programs", str(rig.FIXTURES / "programs"))
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    bench.write_text(text)
    argv = [rig.VIRTUAL, "--bench", devices, "--truth", folder / "truth.jsonl", "--", rig.PENRIG, "run", rig.FIXTURES / "plans/ci-smoke.json",
            "--bench", bench, "--dut", "PEN-GOOD-01", "--output-dir", folder, "--no-input", "--report", "html"]
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100, cwd=folder)
    return rig.Run(done.returncode, done.stdout, done.stderr, folder)


def windows(run):
    """True strokes of each measuring window, by the moments at which the motor was switched on."""
    started = [t["t_ns"] for t in run.truth if t.get("event") == "motor" and t["on"]]
    return [[t for t in rig.strokes(run) if SETTLE_NS <= t["t_ns"] - on < SETTLE_NS + MEASURE_NS] for on in started]


def examine_good(run):
    check(run.outcome() == ("pass", "complete", 0), f"good: {run.outcome()} {run.err[-300:]}")
    points = (run.report or {"points": []})["points"]
    check(len(points) == 2, f"good: {len(points)} points")
    for point, window in zip(points, windows(run)):
        rate, depth = rig.result(point, "stroke_rate_hz"), rig.result(point, "depth_mm", "force_equivalent")
        true_rate_hz = rig.true_rate_hz(window)
        true_depth_mm = statistics.mean(t["depth_mm"] for t in window)
        check(abs(rate["value"] - true_rate_hz) <= rate["expanded_uncertainty"], f"good: rate {rate}, truly {true_rate_hz}")
        check(abs(depth["value"] - true_depth_mm) <= depth["expanded_uncertainty"], f"good: depth {depth}, truly {true_depth_mm}")
    cell = next(d for d in run.report["devices"] if d["driver"] == "command")
    check(cell["loss_not_proven_absent"] == "its samples carry no number", f"good: {cell.get('loss_not_proven_absent')}")
    check(cell["model"] == TOOL.name and cell["firmware"].startswith("sha256:"), f"good: {cell['model']} {cell['firmware']}")
    page = next(run.folder.glob("*.html")).read_text()
    check("that no sample was lost cannot be proven" in page, "good: the page says nothing of losses")
    shown = rig.penrig_a("show", run.run_file).stdout
    check("that no sample was lost cannot be proven" in shown, "good: the run file says nothing of losses")
    check('load cell, 2 channels' in "".join(rig.journal(run)), "good: its standard error is not in the journal")
    analyzed = rig.penrig_a("analyze", run.run_file)
    check("is the same, bit for bit" in analyzed.stdout, f"good: derived again: {analyzed.stdout[-300:]}")


def examine_ended(run):
    check(run.outcome() == ("inconclusive", "device_lost", 4) and "exit status 3" in run.report["status_reason"],
          f"ended: {run.outcome()} {(run.report or {}).get('status_reason')}")


def examine_rate(run):
    """1 % off, and 0.01 % is stated."""
    check(run.outcome()[0] == "inconclusive" and run.outcome()[1] == "complete", f"rate: {run.outcome()}")
    check("clock is" in str(run.report["points"]), "rate: no point says why")


def none_left():
    found = subprocess.run(["pgrep", "-f", str(TOOL)], capture_output=True, text=True).stdout
    check(not found, f"programs are left: {found}")


def main():
    # It ends with its last line, and not once Python has seen that nobody reads: that takes longer than a sensor may be silent.
    ends = f"trap 'exit 3' USR1; {TOOL} --rate 5000 | (head -n 9000; kill -USR1 $$) & wait"
    through = '"link": "exec:/bin/sh"', f'"arguments": ["-c", "{ends}"]'
    jobs = [
        (run, examine_good),
        (lambda: run(('"link": "exec:' + str(TOOL) + '"', through[0]), ('"arguments": ["--rate", "5000"]', through[1])), examine_ended),
        (lambda: run(('"sample_rate_hz": 5000', '"sample_rate_hz": 5050'), ('"format": "csv"', '"format": "s32le"'),
                     ('"columns": 3', '"columns": 2'), ('"column": 2', '"column": 1'), ('"column": 3', '"column": 2'),
                     (', "resolution": 1e-6', ', "scale": 1e-6'), ('"5000"]', '"5000", "--format", "s32le"]')), examine_rate),
    ]
    for job, examine in jobs:
        examine(rig.undisturbed(job))
    none_left()
    check.end()


if __name__ == "__main__":
    main()
