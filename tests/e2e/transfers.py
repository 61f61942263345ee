"""Runs of which one transfer is spoilt: which transfers there are, one such run, and what it must come to. test_transfers.py tries some of
them, reliability.py all."""
import collections
import json
import subprocess
import tempfile
from pathlib import Path

import rig
import test_faults

BENCHES = ("virtual-usb.json", "virtual-serial.json", "virtual-boxes.json", "virtual-text.json")
FAULTS = ("unplug", "stall", "timeout", "short", "error", "garbage", "delayed", "duplicated")
LIMITS = [{"measurand": "depth_error_mm", "unit": "mm", "lower": -0.15, "upper": 0.15},
          {"measurand": "stroke_rate_error_pct", "unit": "%", "lower": -10, "upper": 10}]
PLAN = {"kind": "penrig/plan/1", "name": "tiny", "limits": LIMITS,
        "steps": [{"name": "one", "depth_mm": [1.0], "rate_hz": [120], "tare_s": 0.25, "settle_s": 0.3, "measure_s": 0.3}]}
STREAM = 100  # transfers into this computer, and more: a device that streams
REFUSED = ("", "refused", 8)
LONGEST_S = 20.0  # from the start to the end of any such run, of its own time


def run(bench, folder, world=(), seed=7):
    plan = Path(folder) / "tiny.json"
    plan.write_text(json.dumps(PLAN))
    return rig.run_plan(plan, bench=bench, seed=seed, folder=folder, world_extra=world, extra=["-q"])


def golden(bench):
    """Of a run that nothing spoils: its outcome, and number, link, way and bytes of each transfer."""
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    good = run(bench, folder, ["--transfers", folder / "transfers"])
    lines = [line.split() for line in (folder / "transfers").read_text().splitlines()]
    return good, [(int(n), link, way, int(size)) for n, link, way, size, _ in lines]


def chosen(transfers, every):
    """All of the dialogues; of a stream the first sixteen, in which a device is asked who it is, and every so many behind them."""
    seen, taken = collections.Counter(), []
    for n, link, way, _ in transfers:
        seen[link, way] += 1
        taken.append((n, link, way, seen[link, way]))
    streams = {key for key, count in seen.items() if key[1] == "in" and count > STREAM}
    return [n for n, link, way, k in taken if (link, way) not in streams or k <= 16 or k % every == 0]


def ended_s(done):
    return max((t["t_ns"] for t in done.truth if "t_ns" in t), default=0) * 1e-9


def examine(done, fault, derive=True):
    """What is wrong with a run of which a transfer was spoilt; None: nothing. No fault of the wire is the pen's."""
    if done.report is None:
        return f"no report stands: exit {done.status}: {done.err[-200:]}"
    verdict, status, code = done.outcome()
    outcome = (verdict or "", status, code)
    if outcome not in {test_faults.PASS, test_faults.UNSURE, test_faults.LOST, REFUSED}:
        return f"{outcome}: {done.report['status_reason']} | {done.report['verdict_reason']}"
    if fault == "unplug" and outcome not in {test_faults.LOST, test_faults.PASS}:
        return f"{outcome} of a device that is gone: {done.report['status_reason']}"
    last = done.truth[-1]
    if last.get("motor_on") is not False or last.get("moving") is not False:
        return f"the pen was left running: {last}"
    if ended_s(done) > LONGEST_S:
        return f"it took {ended_s(done):.1f} s"
    if outcome == test_faults.PASS:
        false = test_faults.truth_contradicts(done)
        if false:
            return f"FALSE PASS: {false}"
    if not derive:
        return None
    again = rig.penrig_a("analyze", done.run_file)
    expected = {"refused": {0, 2, 3, 4, 8}, "device_lost": {4}, "complete": {code}}[status]
    if again.returncode not in expected:
        return f"derived again: exit {again.returncode}: {(again.stdout + again.stderr)[-300:]}"
    return None


def spoilt(bench, transfer, fault, seed=7):
    """(outcome, what is wrong) of the run whose Nth transfer is spoilt so."""
    with tempfile.TemporaryDirectory(prefix="pr") as folder:
        try:
            done = run(bench, folder, ["--transfer", f"{transfer},{fault}"], seed)
        except subprocess.TimeoutExpired:
            return None, "it hangs"
        return done.outcome(), examine(done, fault)


def label(bench, transfer, fault):
    return f"{bench}, transfer {transfer}, {fault}"


def bits_of_setting(bench):
    """(transfer, way, bit) of everything that passes between penrig and the pen from the first setpoint until its motor is on."""
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    good = run(bench, folder, ["--transfers", folder / "transfers"])
    said = {t["line"]: t["host_ns"] for t in good.truth if t.get("event") == "command"}
    first, last = (next(ns for line, ns in said.items() if word in line) for word in ("SOUR:FREQ 1", "OUTP ON"))
    bits = []
    for line in (folder / "transfers").read_text().splitlines():
        n, link, way, size, ns = line.split()
        if "PEN" in link and first - 5e6 <= int(ns) <= last + 5e6:
            bits += [(int(n), way, bit) for bit in range(8 * int(size))]
    return bits


def turned(bench, transfer, way, bit):
    """The same of a run in which one bit of a line is turned over: (outcome, what is wrong)."""
    with tempfile.TemporaryDirectory(prefix="pr") as folder:
        done = run(bench, folder, ["--transfer", f"{transfer},bit={bit}"])
        wrong = examine(done, "bit", derive=False)
        for t in done.truth:
            if t.get("event") == "motor" and t["on"] and (t["rate_set_hz"], t["depth_set_mm"]) != (120, 1):
                wrong = f"the motor was switched on at {t['rate_set_hz']} Hz, {t['depth_set_mm']} mm"
        if way == "in" and not wrong and done.outcome() != test_faults.PASS:
            wrong = f"a single odd answer decided: {done.outcome()}: {done.report['status_reason'] or done.report['verdict_reason']}"
        return done.outcome(), wrong
