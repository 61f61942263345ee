"""A run under a program that watches it: events to a file that stays locked while the run lives, questions answered and the run
stopped through a FIFO whose writer comes and goes. On the virtual clock."""
import fcntl
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import foreign_reports
import report_form
import rig

PLAN = {
    "kind": "penrig/plan/1",
    "name": "two-phantoms",
    "limits": [{"measurand": "stroke_rate_error_pct", "unit": "%", "lower": -10, "upper": 10}],
    "steps": [{"name": "both", "depth_mm": [1.0], "rate_hz": [120], "phantom": ["SIL-STD-01", "SIL-SOFT-01"], "tare_s": 0.25,
               "settle_s": 0.4, "measure_s": 1.5}],
}
LIMIT_S = 120  # of any wait: a test that reaches it has failed


class Supervised:
    """A run that outlives whoever started it: this class holds no descriptor of its events or answers but while it uses them."""

    def __init__(self, plan=PLAN, dut="PEN-GOOD-01", before="", more=(), stdout=subprocess.DEVNULL,
                 stderr=subprocess.DEVNULL, fds=()):
        self.folder = Path(tempfile.mkdtemp(prefix="sup"))
        (self.folder / "plan.json").write_text(json.dumps(plan))
        bench = rig.own_bench("virtual-usb.json", self.folder)
        self.events_path, self.fifo = self.folder / "events.jsonl", self.folder / "answers"
        os.mkfifo(self.fifo)
        events = os.open(self.events_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL)
        answers = os.open(self.fifo, os.O_RDWR | os.O_NONBLOCK)
        if before:
            os.write(answers, before.encode())
        argv = [rig.PENRIG_A, "--bench", bench, "--virtual-dut", dut, "--", "run", self.folder / "plan.json", "--bench", bench, "--dut", dut,
                "--output-dir", self.folder, "--progress-fd", events, "--answer-fd", answers, *more]
        self.child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=stdout,
                                      stderr=stderr, pass_fds=(events, answers, *fds))
        os.close(events)
        os.close(answers)

    def events(self):
        return [json.loads(line) for line in self.events_path.read_text().split("\n")[:-1]]

    def until(self, kind):
        """The first event of this kind; None where the run ended without."""
        limit = time.monotonic() + LIMIT_S
        while time.monotonic() < limit:
            over = self.child.poll() is not None
            for event in self.events():
                if event["event"] == kind:
                    return event
            if over:
                return None
            time.sleep(0.01)
        return None

    def say(self, text):
        fd = os.open(self.fifo, os.O_WRONLY | os.O_NONBLOCK)  # ENXIO: no run there
        os.write(fd, text.encode())
        os.close(fd)

    def lives(self):
        with open(self.events_path) as f:
            try:
                fcntl.flock(f, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def end(self):
        code = self.child.wait(timeout=LIMIT_S)
        return code, self.events()


def answered(check):
    run = Supervised()
    prompt = run.until("prompt")
    check(prompt and (prompt["id"], prompt["question"], prompt["phantom"], prompt["position"]) == (1, "put_phantom", "SIL-SOFT-01", "A1"),
          f"the question has fields: {prompt}")
    check(run.lives(), "the event file is locked while the run lives")
    run.say("answer 7 done\n")
    run.say("answer 1 done\n")
    code, events = run.end()
    check(code == 0 and not run.lives(), f"a pass, and the lock is gone: {code}")
    check(events[0]["event"] == "begin" and events[0]["dut"] == "PEN-GOOD-01" and events[0]["points"] == 2 and events[0]["pid"] == run.child.pid,
          f"it begins with who and what: {events[0]}")
    check([e["line"] for e in events if e["event"] == "refused"] == ["answer 7 done"], "an answer to no question is told as refused")
    points = [e["limits"] for e in events if e["event"] == "setpoint"]
    check(points == [{"rate_hz": {"lower": 108, "upper": 132}}] * 2, f"each point's limits as live figures: {points}")
    end = events[-1]
    waited = sum(e.get("stage") == "prompt" for e in events)
    check(waited < 50, f"the virtual clock stands still while a program is asked: {waited} events meanwhile")
    check(end["event"] == "end" and end["exit_code"] == 0 and end["moved"] and not end["stop_unverified"], f"the end is last: {end}")
    check(end["decided"]["measurand"] == "stroke_rate_error_pct" and end["decided"]["upper"] == 10 and end["decided"]["outcome"] == "pass",
          f"and says which limit decided: {end.get('decided')}")


def time_left(check):
    """It goes down as time goes by, also within a point, and stands still while somebody is asked."""
    run = Supervised()
    run.until("prompt")
    run.say("answer 1 done\n")
    _, events = run.end()
    told = [e for e in events if "remaining_s" in e and e["stage"] not in ("prompt", "saving", "done")]
    for point in 1, 2:
        of = [e for e in told if e["point"] == point]
        steps = [(b["elapsed_s"] - a["elapsed_s"], a["remaining_s"] - b["remaining_s"]) for a, b in zip(of, of[1:])]
        check(len(steps) > 5 and all(abs(gone - less) < 0.01 or (less >= 0 and b["remaining_s"] == of[-1]["remaining_s"]) for (gone, less), b in zip(steps, of[1:])), f"point {point}: {steps}")
        check(sum(less > 0 for _, less in steps) > len(steps) / 2, f"point {point}: it moves: {steps}")
    check(told[-1]["remaining_s"] < 10 and all(0 <= e["remaining_s"] for e in told), f"it ends near nothing, the minute for the question apart: {told[-1]}")


def ocp_lines_come_while_it_runs(check):
    """A reader that knows OCP's form alone sees how the first point came out while the second one waits for its phantom. The whole is
    the stream that a report of the run holds."""
    ours, theirs = os.pipe()
    run = Supervised(more=("--ocp-fd", theirs), fds=(theirs,))
    os.close(theirs)
    with os.fdopen(ours) as stream:
        lines = []
        while not lines or "testStepEnd" not in lines[-1].get("testStepArtifact", ()):
            lines.append(json.loads(stream.readline()))
        check(run.until("prompt") is not None and run.child.poll() is None, "the run is not over: it waits for an answer")
        measured = [line["testStepArtifact"]["measurement"] for line in lines if "measurement" in line.get("testStepArtifact", ())]
        check(lines[0]["schemaVersion"]["major"] == 2 and "hardwareInfos" in lines[1]["testRunArtifact"]["testRunStart"]["dutInfo"], f"it begins: {lines[:2]}")
        check(any(m["name"].startswith("stroke_rate_error_pct") and m["metadata"]["outcome"] == "pass" for m in measured), f"the point's figures: {measured}")
        run.say("answer 1 done\n")
        lines += [json.loads(line) for line in stream]
    code, events = run.end()
    name = next(run.folder.glob("*.penrig"))
    whole = rig.penrig_a("report", name, "--format", "jsonl", "--output", "-").stdout
    check(code == 0 and lines == [json.loads(line) for line in whole.splitlines()], f"{len(lines)} lines, in the report {len(whole.splitlines())}")
    said = report_form.read(next(run.folder.glob("*.report.json")).read_text())
    foreign_reports.check_jsonl(check, "live", "\n".join(map(json.dumps, lines)), said)


def ocp_reader_goes_away(check):
    """Nor does the run end, or end otherwise, for a reader that is gone."""
    ours, theirs = os.pipe()
    os.close(ours)
    run = Supervised(more=("--ocp-fd", theirs), fds=(theirs,), stderr=subprocess.PIPE)
    os.close(theirs)
    run.until("prompt")
    run.say("answer 1 done\n")
    said = run.child.stderr.read().decode()
    code, events = run.end()
    check(code == 0 and events[-1]["exit_code"] == 0 and "--ocp-fd" in said and "not whole" in said, f"{code}: {said[-300:]}")


def ocp_tells_no_pass_that_is_not_kept(check):
    """A pass that could not be sealed, though that was asked for, ends with 6: who reads along must not take it for one."""
    keys = Path(tempfile.mkdtemp(prefix="sup"))
    subprocess.run([str(rig.PENRIG), "key", "new", str(keys / "b.key"), "--owner", "b", "--bench", "--no-password"], check=True, stdout=subprocess.DEVNULL)
    ours, theirs = os.pipe()
    run = Supervised(more=("--ocp-fd", theirs, "--name", "x", "--sign", keys / "b.key"), fds=(theirs,))
    os.close(theirs)
    (run.folder / "x.seal-1.json/taken").mkdir(parents=True)
    run.until("prompt")
    run.say("answer 1 done\n")
    with os.fdopen(ours) as stream:
        lines = [json.loads(line) for line in stream]
    code, events = run.end()
    end, why = lines[-1]["testRunArtifact"]["testRunEnd"], lines[-3]["testStepArtifact"]["diagnosis"]
    check(code == 6 and events[-1]["exit_code"] == 6, f"not sealed: {code}")
    check(end == {"status": "ERROR", "result": "NOT_APPLICABLE"} and why["type"] == "UNKNOWN" and "exit code 6" in why["message"], f"no pass is told: {end}, {why}")


def ocp_on_a_full_disk(check):
    """Output that could not be written ends a pass with 6, as any does; there is no reader who went away."""
    full = os.open("/dev/full", os.O_WRONLY)
    run = Supervised(more=("--ocp-fd", full), fds=(full,), stderr=subprocess.PIPE)
    os.close(full)
    run.until("prompt")
    run.say("answer 1 done\n")
    said = run.child.stderr.read().decode()
    code, events = run.end()
    check(code == 6 and events[-1]["exit_code"] == 6 and events[-1]["dut_verdict"] == "pass" and "not whole: No space left" in said, f"{code}: {events[-1]} {said[-300:]}")


def full_terminal():
    """One that nobody reads, full but for some bytes: it polls writable, and holds up whoever writes more."""
    ours, theirs = os.openpty()
    os.set_blocking(theirs, False)
    try:
        while True:
            os.write(theirs, b"x" * 1000)
    except BlockingIOError:
        os.set_blocking(theirs, True)
    os.read(ours, 3000)
    return ours, theirs


def a_terminal_that_hangs(check):
    """The line behind a terminal hangs: run and events go on. What waited for it is whole once it is read again."""
    ours, theirs = full_terminal()
    run = Supervised(more=("--ocp-fd", theirs), fds=(theirs,), stderr=theirs)
    check(run.until("prompt") is not None, "the first point was measured")
    check(os.get_blocking(theirs), "the terminal is to its other users as it was")
    os.close(theirs)
    run.say("answer 1 done\n")
    text = b""
    try:
        while run.child.poll() is None or text:
            piece = os.read(ours, 65536)
            text += piece
            if b"testRunEnd" in text and text.endswith(b"\n"):
                break
    except OSError:  # its last user has closed it
        pass
    code, events = run.end()
    check(code == 0 and events[-1]["exit_code"] == 0, f"it ends as ever: {code}")
    end = re.findall(rb'"testRunEnd":\{"status":"COMPLETE","result":"PASS"\}', text)
    check(len(end) == 1, f"the stream reaches its end: {text[-300:]}")
    os.close(ours)


def streams_apart(check):
    for label, more, word in (("one descriptor for two", ("--progress-fd", 2, "--ocp-fd", 2), "a descriptor of its own"), ("two on standard output", ("--ocp-fd", 1, "--json"), "with --json"),
                              ("events there, too", ("--progress-fd", 1, "--json"), "--progress-fd 1: with --json")):
        run = rig.run_plan("ci-smoke.json", extra=more)
        check(run.status == 2 and word in run.err and not run.run_file, f"{label}: {run.status} {run.err[-200:]}")


def given_up(check):
    run = Supervised()
    run.until("prompt")
    run.say("answer 1 give_up\n")
    code, events = run.end()
    check(events[-1]["run_status"] == "interrupted" and code == events[-1]["exit_code"] == 130, f"giving up interrupts: {code}, {events[-1]}")


def stopped(check):
    """An order that came before the run could read, one while it moves, one said twice."""
    for before, when in (("stop\n", None), ("", "point"), ("", "prompt")):
        run = Supervised(before=before)
        if when:
            run.until(when)
            run.say("stop\nstop\n")
        code, events = run.end()
        end = events[-1]
        check(code == 143 and end["event"] == "end" and end["run_status"] == "interrupted", f"stop {when or 'at once'}: {code}, {end}")
        check(not end["stop_unverified"], f"stop {when or 'at once'}: the pen was seen to stand still: {end}")
        check(list(run.folder.glob("*.report.json")), f"stop {when or 'at once'}: the report is saved, though it was said twice")


def nobody_left(check):
    """A pipe whose writer is gone: the question cannot be answered."""
    folder = Path(tempfile.mkdtemp(prefix="sup"))
    (folder / "plan.json").write_text(json.dumps(PLAN))
    bench = rig.own_bench("virtual-usb.json", folder)
    reader, writer = os.pipe()
    argv = [rig.PENRIG_A, "--bench", bench, "--", "run", folder / "plan.json", "--bench", bench, "--dut", "PEN-GOOD-01", "--output-dir", folder,
            "--answer-fd", reader]
    child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                             pass_fds=(reader,))
    os.close(reader)
    os.close(writer)
    _, err = child.communicate(timeout=LIMIT_S)
    check(child.returncode == 130, f"it gives up: {child.returncode}: {err[-300:]}")


def the_end_knows_the_exit(check):
    """What goes wrong behind the verdict stands in the last event as well: its reader may not be able to wait for the exit."""
    one = {**PLAN, "steps": [{**PLAN["steps"][0], "phantom": ["SIL-STD-01"]}]}
    for more in ((), ("--json",), ("--quiet",)):
        with open("/dev/full", "w") as full:
            code, events = Supervised(one, more=more, stdout=full).end()
        end = events[-1]
        check(end["event"] == "end" and end["dut_verdict"] == "pass", f"a pass: {end}")
        check(code == 6 and end["exit_code"] == code, f"printed nowhere {more}: exit {code}, the event says {end['exit_code']}")


def main():
    check = rig.Checks()
    the_end_knows_the_exit(check)
    answered(check)
    time_left(check)
    ocp_lines_come_while_it_runs(check)
    ocp_reader_goes_away(check)
    ocp_tells_no_pass_that_is_not_kept(check)
    ocp_on_a_full_disk(check)
    a_terminal_that_hangs(check)
    streams_apart(check)
    given_up(check)
    stopped(check)
    nobody_left(check)
    check.end()


if __name__ == "__main__":
    sys.exit(main())
