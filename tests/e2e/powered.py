"""A run of a pen made of parts on the virtual clock, with an operator who answers: reads the pen's serial number, turns the dial,
attends. For test_powered.py."""
import json
import os
import signal
import sqlite3
import subprocess
import tempfile
import threading
from pathlib import Path

import rig

PLAN = {
    "kind": "penrig/plan/1",
    "name": "powered",
    "limits": [
        {"measurand": "stroke_rate_error_pct", "unit": "%", "lower": -10, "upper": 10},
        {"measurand": "missed_strokes", "unit": "1", "upper": 0},
        {"measurand": "depth_error_mm", "unit": "mm", "lower": -0.15, "upper": 0.15},
    ],
    "steps": [{"name": "one", "depth_mm": [0.7, 1.0], "rate_hz": 120, "tare_s": 0.25, "settle_s": 0.5, "measure_s": 1.0, "attempts": 2}],
}


# A timer that nothing has shown to stop the pen passes none.
PROVEN = {**PLAN, "tests": {"dead_man": True}}


NOON_NS = 1780315200 * 10**9  # the virtual clock begins three hours before, on 2026-06-01


def prove(bench, folder, hours=4, set_ms=1500):
    """The bench's state as a run so many hours before noon would have left it, in which the supply's timer tripped (docs/state.md)."""
    told = subprocess.run([rig.PENRIG, "state", "--json", "--bench", bench, "--state", folder], capture_output=True, check=True)
    with sqlite3.connect(json.loads(told.stdout)["path"]) as db:
        db.execute("INSERT INTO run VALUES(1, 'earlier', ?1, ?1, 'here', 'PEN')", (NOON_NS - hours * 3600 * 10**9,))
        db.execute("INSERT INTO deadman VALUES(1, '9200001', 1, ?, 1)", (set_ms,))
    db.close()


class Operator:
    """Does what is asked. read: what they read from the pen, before and after; deaf: says that this is done, and does not do it; quit: gives up
    at this question; late: is deaf the first time only;
    interrupts: ends the run by SIGINT once it measures; quit "by a signal": and the waiting for the switch."""

    def __init__(self, dut, read=None, deaf=None, quit=None, late=False, interrupts=False):
        self.read, self.deaf, self.quit, self.late, self.interrupts = list(read or (dut, dut)), deaf, quit, late, interrupts
        self.asked, self.child = [], None

    def watch(self, event):
        if self.interrupts and event["event"] == "progress" and event["stage"] == "measuring":
            self.child.send_signal(signal.SIGINT)
            self.interrupts = False

    def answer(self, prompt, dial):
        self.asked.append(prompt)
        if prompt["question"] == self.quit:
            return "give_up"
        if prompt["question"] == "scan_pen":
            return "is " + self.read.pop(0)
        if prompt["question"] == self.deaf:
            self.deaf = None if self.late else self.deaf
            return "done"
        if prompt["question"] == "set_dial":
            dial.write_text(f"{prompt['depth_mm']}\n")
        if prompt["question"] == "switch_off" and self.quit == "by a signal":
            self.child.send_signal(signal.SIGINT)
            return None
        if prompt["question"] == "switch_off":
            dial.write_text("off\n")
        return "done"


def attended(argv, operator, dial, supervised=True, **rest):
    """Runs it with the operator at hand: (exit code, what it printed, its events)."""
    event_in, event_out = os.pipe()
    answer_in, answer_out = os.pipe()
    found = []

    def work():
        with os.fdopen(event_in) as events:
            for line in events:
                event = json.loads(line)
                found.append(event)
                operator.watch(event)
                if event["event"] == "prompt":
                    said = operator.answer(event, dial)
                    if said:
                        os.write(answer_out, f"answer {event['id']} {said}\n".encode())
        os.close(answer_out)

    argv = [*argv, *(["--progress-fd", event_out, "--answer-fd", answer_in] if supervised else ["--no-input"])]
    child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             pass_fds=(event_out, answer_in), **rest)
    os.close(event_out)
    os.close(answer_in)
    operator.child = child
    hands = threading.Thread(target=work)
    hands.start()
    out = child.communicate()[0].decode()
    hands.join()
    return child.returncode, out, found


class Run:
    def __init__(self, bench="bought-supply.json", dut="PEN-GOOD-01", plan=PLAN, faults=(), seed=1, operator=None, name="A. Meier", more=(),
                 before=(), supervised=True, proven=False):
        self.folder = Path(tempfile.mkdtemp(prefix="pow"))
        self.operator = operator or Operator(dut)
        (self.folder / "plan.json").write_text(json.dumps(plan))
        bench = bench if isinstance(bench, Path) else rig.own_bench(bench, self.folder)
        if proven:
            prove(bench, self.folder / "state")
            more = [*more, "--state", self.folder / "state"]
        dial, self.truth_path = self.folder / "dial", self.folder / "truth.jsonl"
        argv = [rig.PENRIG_A, "--seed", seed, "--bench", bench, "--virtual-dut", dut, "--truth", self.truth_path, "--dial", dial, *before]
        for fault in faults:
            argv += ["--fault", fault]
        argv += ["--", "run", self.folder / "plan.json", "--bench", bench, "--dut", dut, "--output-dir", self.folder, "--name", "r",
                 "--report", "json", "--report", "html"]
        argv += ["--operator", name] if name else []
        code, self.out, self.events = attended([*argv, *more], self.operator, dial, supervised)
        self.run = rig.Run(code, self.out, self.out, self.folder)
        self.code, self.report, self.truth = self.run.status, self.run.report, self.run.truth
