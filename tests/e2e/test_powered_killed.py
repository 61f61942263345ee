#!/usr/bin/python3
# runs alone: real time is part of what it tests
"""penrig is killed (SIGKILL) while a pen without a plug strikes, on a supply that nothing else would switch off: the stopper switches it
off and reads that back, the needles come to rest, and the next start knows. Real processes over the real libserialport."""
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


def drive(folder, bench):
    """Answers what is asked, and kills penrig once the needles strike."""
    event_in, event_out = os.pipe()
    answer_in, answer_out = os.pipe()
    plan, dial = folder / "plan.json", folder / "dial"
    plan.write_text(json.dumps(powered.PLAN))
    argv = [rig.VIRTUAL, "--bench", bench, "--truth", folder / "truth.jsonl", "--dial", dial, "--", rig.PENRIG, "run", plan, "--bench", bench,
            "--dut", "PEN-GOOD-01", "--output-dir", folder, "--name", "R", "--operator", "A. Meier", "--progress-fd", event_out, "--answer-fd",
            answer_in]
    child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                             pass_fds=(event_out, answer_in), start_new_session=True)
    os.close(event_out)
    os.close(answer_in)
    operator, pid = powered.Operator("PEN-GOOD-01"), None
    with os.fdopen(event_in) as events:
        for line in events:
            event = json.loads(line)
            pid = event.get("pid", pid)
            if event["event"] == "prompt":
                os.write(answer_out, f"answer {event['id']} {operator.answer(event, dial)}\n".encode())
            elif event.get("stage") == "measuring" and pid:
                os.kill(pid, signal.SIGKILL)
                pid = None
    said = child.communicate(timeout=WAIT_S)[1].decode()
    os.close(answer_out)
    return rig.Run(child.returncode, "", said, folder)


def main():
    folder = Path(tempfile.mkdtemp(prefix="pk"))
    bench = rig.own_bench("bought-attended.json", folder)
    run = drive(folder, bench)
    note_path = folder / "R.stopper.json"
    limit = time.monotonic() + WAIT_S
    while not note_path.exists() and time.monotonic() < limit:
        time.sleep(0.02)
    note = json.loads(note_path.read_text()) if note_path.exists() else {}
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
    check.end()


def drive_refused(folder, bench):
    """The next start finds the recipe, has that supply switched off first, says so, and is refused for want of an operator."""
    argv = [rig.VIRTUAL, "--bench", bench, "--", rig.PENRIG, "run", folder / "plan.json", "--bench", bench, "--dut", "PEN-GOOD-01",
            "--output-dir", folder, "--name", "R2", "--no-input"]
    return subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=WAIT_S)


if __name__ == "__main__":
    main()
