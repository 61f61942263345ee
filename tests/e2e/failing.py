"""Commands of which one allocation or one write fails: what must be true behind it. test_failing.py tries some, reliability.py all."""
import json
import os
import subprocess
import tempfile
from pathlib import Path

import rig
import test_full_disk
import transfers

LIBRARY = rig.B / "libfailing-calls.so"
DOCUMENTED = {0, 1, 2, 3, 4, 6, 7, 8}
UNFINISHED = 130  # a run file that does not say how its run ended
WAYS = ("KILL", "ENOSPC", "EIO", "EDQUOT", "EROFS", "SHORT")
PASSES = ("PASS", '"dut_verdict": "pass"')


class Place:
    """A folder with what the commands work on: a plan, a bench, a recording, and a run that nothing made fail."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="pr"))
        self.plan, self.record_plan = self.folder / "tiny.json", self.folder / "one.json"
        self.plan.write_text(json.dumps(transfers.PLAN))
        self.record_plan.write_text(json.dumps(test_full_disk.PLAN))
        self.bench = rig.own_bench("virtual-usb.json", self.folder)
        (self.folder / "force.i16").write_bytes(bytes(2 * 100000))
        code, said = self.call("run", self.folder / "good", "", tag="good")
        assert code == 0, said
        self.good = self.folder / "good/n.penrig"

    def argv(self, command, out):
        if command == "run":
            return ["--seed", "7", "--bench", self.bench, "--truth", out.with_suffix(".truth"), "--", "run", self.plan, "--bench", self.bench, "--dut",
                    "PEN-GOOD-01", "-o", out, "--name", "n", "--no-input", "-q"]
        if command == "import":
            return ["--", "import", self.folder / "force.i16", "--format", "i16", "--rate", 50000, "--scale", 0.0003, "--tare-until", 0.4, "--start", 0.4,
                    "--measure-from", 0.9, "--measure-to", 1.9, "--bench", self.bench, "--plan", self.record_plan, "--dut", "X", "--name", "n", "-o", out]
        if command == "report":
            return ["--", "report", self.good, "--format", "html", "-o", out.with_suffix(".html")]
        return ["--", command, self.good]

    def call(self, command, out, fail, tag="x", count=None):
        env = {**os.environ, "XDG_STATE_HOME": str(self.folder / f"state-{tag}")}
        if fail or count:
            env |= {"LD_PRELOAD": str(LIBRARY), **({"FAIL": fail} if fail else {}), **({"FAIL_COUNT": str(count)} if count else {})}
        done = subprocess.run([str(a) for a in [rig.PENRIG_A, *self.argv(command, out)]], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120, env=env, errors="replace")
        return done.returncode, done.stdout + done.stderr

    def counts(self, command):
        """How many allocations and writes the command makes."""
        with tempfile.TemporaryDirectory(prefix="pr") as folder:
            self.call(command, Path(folder) / "out", "", tag="count", count=Path(folder) / "count")
            return {k: int(n) for k, n in (line.split() for line in (Path(folder) / "count").read_text().splitlines())}


def left_running(out):
    truth = out.with_suffix(".truth")
    lines = truth.read_text().splitlines() if truth.exists() else []
    last = json.loads(lines[-1]) if lines and lines[-1].endswith("}") else {}
    return last.get("event") == "end" and last.get("motor_on") is not False


def shows_a_pass(out):
    """What of a run that did not end with 0 says so: its report never; its run file only where all of it stands there, and what
    failed came behind its last word (the log that could not be taken away, the folder that could not be made durable)."""
    report, run = out / "n.report.json", out / "n.penrig"
    if report.exists() and any(p in report.read_text() for p in PASSES):
        return f"{report.name} says pass"
    if not run.exists():
        return None
    again = rig.penrig_a("analyze", run)
    if again.returncode not in DOCUMENTED | {UNFINISHED}:
        return f"analyze of the run file exits {again.returncode}: {again.stderr[-200:]}"
    if again.returncode != 0 and any(p in again.stdout for p in PASSES):
        return "the run file says pass, and is not sound"
    return None


def memory(place, command, fail):
    """(exit code, what is wrong)."""
    with tempfile.TemporaryDirectory(prefix="pr") as folder:
        out = Path(folder) / "out"
        try:
            code, said = place.call(command, out, f"malloc:{fail}", tag=Path(folder).name)
        except subprocess.TimeoutExpired:
            return None, "it hangs"
        wrong = None
        if code not in DOCUMENTED:
            wrong = f"exit {code}: {said[-200:]}"
        elif command == "run" and left_running(out):
            wrong = f"the pen was left running, exit {code}"
        elif code not in (0, 3, 4) and "penrig" not in said:
            wrong = f"exit {code}, and nothing is said: {said[-200:]}"
        elif command == "run" and code == 0 and rig.penrig_a("analyze", out / "n.penrig").returncode != 0:
            wrong = "exit 0, and the run file does not show it"
        elif command == "run" and code not in (0, 9):
            wrong = shows_a_pass(out)
        return code, wrong


def disk(place, n, way):
    """(exit code, what is wrong) of a run whose Nth write fails so."""
    with tempfile.TemporaryDirectory(prefix="pr") as folder:
        out = Path(folder) / "out"
        try:
            code, said = place.call("run", out, f"write:{n}:{way}", tag=Path(folder).name)
        except subprocess.TimeoutExpired:
            return None, "it hangs"
        wrong = None
        if way == "KILL":
            if code == 0:  # how many there are hangs on how fast the computer is: this one was not reached
                wrong = None if rig.penrig_a("analyze", out / "n.penrig").returncode == 0 else "exit 0, and the run file does not show it"
            elif code != -9:
                wrong = f"exit {code} of a program that was killed"
            elif (out / "n.report.json").exists() and rig.penrig_a("analyze", out / "n.penrig").returncode != 0:
                wrong = "a report stands, and the run file does not show it"
            elif (out / "n.penrig").exists() and rig.penrig_a("analyze", out / "n.penrig").returncode not in (0, 6, UNFINISHED):
                wrong = "the run file does not open"
        elif code == 0:
            wrong = None if rig.penrig_a("analyze", out / "n.penrig").returncode == 0 else "exit 0, and the run file does not show it"
        elif code not in DOCUMENTED:
            wrong = f"exit {code}: {said[-200:]}"
        else:
            wrong = shows_a_pass(out) or ("the pen was left running" if left_running(out) else None)
        return code, wrong
