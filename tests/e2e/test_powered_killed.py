#!/usr/bin/python3
# runs alone: real time is part of what it tests
"""penrig is killed (SIGKILL) while a pen without a plug strikes, on a supply that nothing else would switch off: the stopper switches it
off and reads that back, the needles come to rest, and the next start knows. The same where penrig lives and hands the pen over, or stands still
and goes on. Real processes over the real libserialport."""
import json
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import powered
import rig
import true_values

WAIT_S = 60
check = rig.Checks()


def start(folder, bench, name, faults=(), **plan):
    """penrig in front of the simulator, and the two ends of its questions."""
    event_in, event_out = os.pipe()
    answer_in, answer_out = os.pipe()
    path, dial = folder / "plan.json", folder / "dial"
    path.write_text(json.dumps({**powered.PLAN, "steps": [{**powered.PLAN["steps"][0], **plan}]}))
    argv = [rig.VIRTUAL, "--bench", bench, "--truth", folder / "truth.jsonl", "--dial", dial]
    for fault in faults:
        argv += ["--fault", fault]
    argv += ["--", rig.PENRIG, "run", path, "--bench", bench, "--dut", "PEN-GOOD-01", "--output-dir", folder, "--name", name, "--operator",
             "A. Meier", "--progress-fd", event_out, "--answer-fd", answer_in]
    child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                             pass_fds=(event_out, answer_in), start_new_session=True)
    os.close(event_out)
    os.close(answer_in)
    return child, os.fdopen(event_in), answer_out


def drive(folder, bench, name, kill=False, freeze=False, mute=None, **more):
    """Answers what is asked, but for one question; kills penrig once the needles strike, has it stand still until the stopper has acted, or
    lets it come to its end."""
    child, events, answer_out = start(folder, bench, name, **more)
    operator, pid = powered.Operator("PEN-GOOD-01"), None
    with events:
        for line in events:
            event = json.loads(line)
            pid = event.get("pid", pid)
            if event["event"] == "prompt" and event["question"] != mute:
                os.write(answer_out, f"answer {event['id']} {operator.answer(event, folder / 'dial')}\n".encode())
            elif event.get("stage") == "measuring" and pid and kill:
                os.kill(pid, signal.SIGKILL)
                pid = None
            elif event.get("stage") == "measuring" and pid and freeze:
                os.kill(pid, signal.SIGSTOP)
                note_of(folder, name)
                os.kill(pid, signal.SIGCONT)
                pid = None
    said = child.communicate(timeout=WAIT_S)[1].decode()
    os.close(answer_out)
    return rig.Run(child.returncode, "", said, folder)


def note_of(folder, name, number=""):
    path, limit = folder / f"{name}.stopper{number}.json", time.monotonic() + WAIT_S
    while not path.exists() and time.monotonic() < limit:
        time.sleep(0.02)
    return json.loads(path.read_text()) if path.exists() else {}


def handed_over():
    """The cable is pulled under a striking pen, nobody comes, and penrig cannot prove that it stands: the stopper has the pen, and stops it
    once the cable is back, though its first 10 s were over by then."""
    folder = Path(tempfile.mkdtemp(prefix="pk"))
    bench = rig.own_bench("bought-attended.json", folder)
    run = drive(folder, bench, "H", mute="switch_off", faults=["unplug:pen@3.5,back=13"], depth_mm=0.7, measure_s=8)
    first, note, stop = note_of(folder, "H"), note_of(folder, "H", "-2"), run.report["stop"]
    check(run.outcome() == ("inconclusive", "device_lost", 4), f"a pulled cable: {run.outcome()} {run.err[-300:]}")
    check(first["stopped"] is False and note.get("stopped") is True and "left with a pen that may run" in note["cause"], f"the stopper got the pen: {note}")
    check(stop["verified"] is False and "the stopper has switched its power off since" in stop["text"], f"and penrig says so: {stop}")
    motor = [t["on"] for t in run.truth if t.get("event") == "motor"]
    check(motor == [True, False] and not true_values.pen_left_running(run), f"in truth: {motor}")


def frozen():
    """penrig stands still for longer than the stopper waits and shorter than the relay's timer: behind the stopper's stop nothing is fed,
    which would switch the pen on again, and what was being measured is worth nothing."""
    folder = Path(tempfile.mkdtemp(prefix="pk"))
    bench = rig.own_bench("bought-relay.json", folder)
    text = bench.read_text().replace('"dead_man_ms": 1500', '"dead_man_ms": 5000')
    bench.write_text(text.replace('"name":', '"stopper": {"standstill_s": 1},\n  "name":', 1))
    run = drive(folder, bench, "F", freeze=True, depth_mm=0.7, attempts=1)
    note = note_of(folder, "F")
    check(note.get("stopped") is True and "stood still" in note["cause"], f"the stopper stopped it: {note} {run.err[-300:]}")
    motor = [t["on"] for t in run.truth if t.get("event") == "motor"]
    check(motor == [True, False], f"on, off, and not on again: {motor}")
    point = run.report["points"][0]
    check(len(run.report["points"]) == 1 and point["outcome"] is None, f"nothing was measured: {point.get('outcome')} {point.get('reason')}")
    check(not true_values.pen_left_running(run), f"the needles are at rest: {run.truth[-1:]}")


def relay():
    """The same of a relay board on USB, whose orders are control requests: the stopper opens it anew, and reads back that it is off."""
    folder = Path(tempfile.mkdtemp(prefix="pk"))
    run = drive(folder, rig.own_bench("bought-2.json", folder), "U", kill=True, depth_mm=0.7)
    note = note_of(folder, "U")
    check(note.get("stopped") is True, f"the stopper switched the relay off and read that back: {note} {run.err[-400:]}")
    check([t["on"] for t in run.truth if t.get("event") == "motor"] == [True, False], f"on, then off: {run.truth[-1:]}")


def killed():
    folder = Path(tempfile.mkdtemp(prefix="pk"))
    bench = rig.own_bench("bought-attended.json", folder)
    run = drive(folder, bench, "R", kill=True)
    note = note_of(folder, "R")
    check(note.get("stopped") is True, f"the stopper switched the supply off and read that back: {note} {run.err[-400:]}")
    motor = [t for t in run.truth if t.get("event") == "motor"]
    check([m["on"] for m in motor] == [True, False], f"power on, then off: {motor}")
    check(not true_values.pen_left_running(run), f"the needles are at rest: {run.truth[-1:]}")
    off = [t for t in run.truth if "OUTP OFF" in str(t.get("line", t.get("command", "")))]
    check(len(off) >= 3, f"the order came from the stopper, too: {off}")
    blind = [t for t in off if "?" not in str(t.get("line", t.get("command", "")))]
    check(blind, f"ordered off before the supply is asked what it is, as its answers may not arrive: {off}")
    again = drive_refused(folder, bench)
    check(again.returncode == 8 and "R" in again.stderr, f"the next start: {again.returncode} {again.stderr[-400:]}")


def told():
    """The same behind a relay that says nothing: it is told until the stopper's time is over, and nobody claims that it opened."""
    folder = Path(tempfile.mkdtemp(prefix="pk"))
    run = drive(folder, rig.own_bench("bought-lcus.json", folder), "T", kill=True, depth_mm=0.7)
    note = note_of(folder, "T")
    check(note.get("stopped") is False and "cannot say" in note["text"], f"told, and not claimed to be off: {note} {run.err[-400:]}")
    check([t["on"] for t in run.truth if t.get("event") == "motor"] == [True, False], f"though it is, in truth: {run.truth[-1:]}")


def drive_refused(folder, bench):
    """The next start finds the recipe, has that supply switched off first, says so, and is refused for want of an operator."""
    argv = [rig.VIRTUAL, "--bench", bench, "--", rig.PENRIG, "run", folder / "plan.json", "--bench", bench, "--dut", "PEN-GOOD-01",
            "--output-dir", folder, "--name", "R2", "--no-input"]
    return subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=WAIT_S)


if __name__ == "__main__":
    rig.in_parallel([handed_over, told, killed, frozen, relay])
    check.end()
