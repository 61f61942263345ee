"""penrig on a terminal (a pty): the status line, the question at a change of phantom and its answers, Ctrl-C, Ctrl-Z, the verdict in
block letters. On the virtual clock, which stands still until a person's answer is there."""
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import report_form
import rig

LIMIT_S = 60  # of any wait: a test that reaches it has failed
PLAN = {
    "kind": "penrig/plan/1",
    "name": "two-phantoms",
    # nobody's hands change the phantom in most of these runs, so depth is not judged
    "limits": [{"measurand": "stroke_rate_error_pct", "unit": "%", "lower": -10, "upper": 10}],
    "steps": [{"name": "both", "depth_mm": [1.0], "rate_hz": [120], "phantom": ["SIL-STD-01", "SIL-SOFT-01"], "tare_s": 0.25,
               "settle_s": 0.4, "measure_s": 1.5}],
}


JUDGED = dict(PLAN, limits=PLAN["limits"] + [{"measurand": "depth_error_mm", "unit": "mm", "lower": -0.15, "upper": 0.15}])


def copy_of_bench(folder):
    """A bench is locked while a run is on it, and other tests use the shipped one."""
    path = Path(folder) / "bench.json"
    text = (rig.FIXTURES / "benches/virtual-usb.json").read_text()
    path.write_text(text.replace("../phantoms", str(rig.FIXTURES / "phantoms")))
    return path


def be_a_shell(argv, folder):
    """Runs argv as a foreground job of this terminal, as a shell would: a job without one cannot be suspended. A job that is
    suspended is continued at once, after a line that tells how many reports were there."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    job = os.fork()
    if job == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.execv(str(argv[0]), [str(a) for a in argv])
    while True:
        _, status = os.waitpid(job, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            os._exit(os.waitstatus_to_exitcode(status))
        os.write(1, f"<suspended, {len(list(Path(folder).glob('*.report.json')))} report>\n".encode())
        os.kill(job, signal.SIGCONT)


class Terminal:
    """penrig-a as the foreground job of a pty of its own."""

    def __init__(self, folder, plan, *extra, env=None, faults=(), bench=None, dut="PEN-GOOD-01", seed=1):
        self.folder = Path(folder)
        path = self.folder / "plan.json"
        path.write_text(json.dumps(plan))
        bench = bench or copy_of_bench(folder)
        world = ["--bench", bench, "--seed", seed, "--virtual-dut", dut, "--truth", self.folder / "truth.jsonl", "--clamp", self.folder / "clamp"]
        for fault in faults:
            world += ["--fault", fault]
        argv = [rig.PENRIG_A, *world, "--", "run", path, "--bench", bench, "--dut", dut, "--output-dir", folder,
                *extra]
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update({"TERM": "xterm", "LC_ALL": "C.UTF-8"})
            os.environ.pop("NO_COLOR", None)
            os.environ.update(env or {})
            be_a_shell(argv, folder)
        self.text = ""

    def read(self):
        ready, _, _ = select.select([self.fd], [], [], LIMIT_S)
        try:
            data = os.read(self.fd, 65536) if ready else b""
        except OSError:
            data = b""
        self.text += data.decode(errors="replace")
        return bool(data)

    def until(self, what):
        while what not in self.text:
            if not self.read():
                return False
        return True

    def put(self, phantom):
        """An operator's hands, and Enter."""
        (self.folder / "clamp.new").write_text(phantom)
        (self.folder / "clamp.new").rename(self.folder / "clamp")
        self.write("\n")

    def truth(self):
        return [json.loads(line) for line in (self.folder / "truth.jsonl").read_text().splitlines()]

    def write(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        while self.read():
            pass
        os.close(self.fd)  # hangs up a job that is still there
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)

    def report(self):
        found = sorted(self.folder.glob("*.report.json"))
        return report_form.read(found[-1].read_text()) if found else None


def folder():
    return tempfile.mkdtemp(prefix="tty")


def answers(check):
    t = Terminal(folder(), PLAN)
    check(t.until("SIL-SOFT-01"), f"the change of phantom is asked for: {t.text[-500:]}")
    t.write("\n")
    code = t.end()
    check(code == 0, f"Enter goes on to a pass: {code}: {t.text[-800:]}")
    check("\x1b[1;32m" in t.text and "\u2588\u2588" in t.text, "the verdict stands in block letters, in colour")
    check("\r[1/2]" in t.text, "the status line is redrawn")
    check(t.report()["dut_verdict"] == "pass", "the report says pass")
    t = Terminal(folder(), PLAN, env={"NO_COLOR": "1"})
    t.until("SIL-SOFT-01")
    t.write("q\n")
    code = t.end()
    check(code not in (0, 1), f"giving up is no pass and no fail: {code}")
    check(re.search(r"\x1b\[[0-9;]*m", t.text) is None, "NO_COLOR is heeded")
    check(t.report()["run_status"] == "interrupted", f"giving up interrupts: {t.report()['run_status']}")


def phantom_changed(check):
    """The whole of a plan with two phantoms, depth judged on both; then the same with an operator who only says that it is done."""
    t = Terminal(folder(), JUDGED)
    t.until("SIL-SOFT-01")
    t.put("SIL-SOFT-01")
    code = t.end()
    check(code == 0, f"two phantoms: exit {code}: {t.text[-600:]}")
    changes = [e for e in t.truth() if e.get("event") == "phantom"]
    check([e["serial"] for e in changes] == ["SIL-SOFT-01"], f"the truth file tells the change: {changes}")
    points = t.report()["points"]
    check([p["setpoint"]["phantom"] for p in points] == ["SIL-STD-01", "SIL-SOFT-01"], "one point on each")
    strokes = [e for e in t.truth() if "stroke" in e]
    for p in points:
        window = [e["depth_mm"] for e in strokes if int(p["window"]["first_index"]) <= e["index"] < int(p["window"]["coast_index"])]
        depth, true = rig.result(p, "depth_mm", "force_equivalent"), sum(window) / len(window)
        check(abs(depth["value"] - true) <= max(depth["expanded_uncertainty"], 0.01), f"{p['setpoint']['phantom']}: {depth['value']} mm, truly {true:.4f}")
    forces = [rig.result(p, "peak_force_n")["value"] for p in points]
    check(forces[1] < 0.8 * forces[0], f"the soft one is softer: {forces} N")
    t = Terminal(folder(), JUDGED)
    t.until("SIL-SOFT-01")
    t.write("\n")
    code = t.end()
    check(code == 3, f"a change that was not made: exit {code}: {t.text[-600:]}")
    check("another phantom in the clamp" in t.report()["points"][1]["reason"], f"and is noticed: {t.report()['points'][1]['reason']}")


def patience(check):
    """How long a person takes, or a busy host lets them wait, shows nowhere in the run: the truth is the same, byte for byte."""
    runs = []
    for seconds in (0, 0.5):
        t = Terminal(folder(), JUDGED)
        check(t.until("SIL-SOFT-01"), f"the change of phantom is asked for: {t.text[-500:]}")
        time.sleep(seconds)
        t.put("SIL-SOFT-01")
        runs.append((t.end(), (t.folder / "truth.jsonl").read_bytes(), t.report()["points"]))
    check(runs[0][0] == 0 and runs[0] == runs[1], f"answered at once, and later: exits {runs[0][0]}, {runs[1][0]}; {len(runs[0][1])}, {len(runs[1][1])} bytes of truth")


def nobody_to_ask(check):
    for extra, stdin in (((), subprocess.DEVNULL), (("--no-input",), subprocess.DEVNULL)):
        where = Path(folder())
        (where / "plan.json").write_text(json.dumps(PLAN))
        bench = copy_of_bench(where)
        done = subprocess.run([rig.PENRIG_A, "--bench", bench, "--", "run", where / "plan.json", "--bench", bench, "--dut",
                               "PEN-GOOD-01", "--output-dir", where, *extra], stdin=stdin, capture_output=True, text=True,
                              timeout=LIMIT_S)
        check(done.returncode == 2, f"without a terminal the plan is refused: {done.returncode}")
        check("operator" in done.stderr, f"and says why: {done.stderr}")
        check(not list(where.glob("*.penrig")), "and no run file was begun")


def signals(check):
    for key, code in (("\x03", 128 + signal.SIGINT), ("\x1c", 128 + signal.SIGQUIT)):
        t = Terminal(folder(), PLAN)
        check(t.until("SIL-SOFT-01"), "the run waits at the question")
        t.write(key)
        got = t.end()
        check(got == code, f"key {key!r}: exit {got} instead of {code}")
        report = t.report()
        check(report is not None and report["run_status"] == "interrupted", f"key {key!r}: the report is saved and says interrupted")
        check("seen to stand still" in t.text, f"key {key!r}: the pen was seen to stand still")
    t = Terminal(folder(), PLAN)
    t.until("SIL-SOFT-01")
    t.write("\x1a")
    got = t.end()
    check("<suspended, 1 report>" in t.text, f"Ctrl-Z suspends, after the run was ended and saved: {t.text[-300:]}")
    check(got == 128 + signal.SIGTSTP, f"and says so once it is continued: {got}")
    check(t.report()["run_status"] == "interrupted", "and the report says interrupted")


def main():
    check = rig.Checks()
    answers(check)
    phantom_changed(check)
    patience(check)
    nobody_to_ask(check)
    signals(check)
    check.end()


if __name__ == "__main__":
    sys.exit(main())
