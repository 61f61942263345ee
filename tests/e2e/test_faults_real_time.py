#!/usr/bin/python3
# runs alone: real time is part of what it tests
"""Each named fault once in real time, through the real libusb and libserialport in front of the simulator, and the named bad
pens. The many-seed version on the virtual clock is test_faults.py."""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import report_form
import rig
import test_faults

STRIKE = {"unplug:pen": "@4", "unplug:sensor": "@4", "silent:pen": "@4", "silent:sensor": "@4", "stall": "@4",
          "reboot": "@4", "over-temperature": "@4", "stuck": "@4", "saturated": "@4"}
HELD_UP_S = 4  # a process that is stopped: not a wait for something, but what is tested
WITHIN_S = 10  # the two seconds are held on the virtual clock; here stands what no busy computer explains
BAD_PENS = ["PEN-SHALLOW-01", "PEN-DEEP-01", "PEN-SLOW-01", "PEN-JITTERY-01"]


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def while_measuring(act, *options):
    """A run in whose first measuring window act(its process id, its folder) happens, with the needles in the phantom."""
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    bench = rig.own_bench("virtual-usb.json", folder)
    read_end, write_end = os.pipe()
    argv = [rig.VIRTUAL, "--bench", bench, "--truth", folder / "truth.jsonl", "--", rig.PENRIG, "run",
            rig.FIXTURES / "plans/ci-smoke.json", "--bench", bench, "--dut", "PEN-GOOD-01", "--output-dir", folder, "--no-input",
            "--progress-fd", write_end, *options]
    child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             pass_fds=[write_end])
    os.close(write_end)
    with os.fdopen(read_end) as events:
        for line in events:
            if json.loads(line).get("stage") == "measuring":
                break
        else:
            raise rig.Missed(rig.Run(child.wait(), "", "", folder), "it measured")
        act(children(child.pid)[0], folder)
        for line in events:
            pass
    return rig.Run(child.wait(), "", "", folder)


def signalled_while_measuring(*numbers):
    return while_measuring(lambda pid, folder: [os.kill(pid, number) for number in numbers])


def examine_unsaved_report(check):
    """A report that cannot be saved: no PASS stays anywhere, not on the disk and not in the run file."""
    run = rig.undisturbed(lambda: while_measuring(lambda pid, folder: (folder / "X.junit.xml").mkdir(), "--report", "junit", "--name", "X"))
    check(run.outcome() == ("inconclusive", "storage_failed", 6), f"a report that cannot be saved: {run.outcome()}")
    shown = rig.penrig_a("show", run.run_file)
    check("run: storage_failed" in shown.stdout and "PASS" not in shown.stdout, f"its run file says: {shown.stdout[-300:]}")
    stored = report_form.read(rig.penrig_a("show", "--json", run.run_file).stdout)
    check(stored["dut_verdict"] == "inconclusive", f"the report in its run file says {stored['dut_verdict']}")
    analyzed = rig.penrig_a("analyze", run.run_file)
    check("is the same, bit for bit" in analyzed.stdout and analyzed.returncode == 6, f"derived again: {analyzed.returncode} {analyzed.stdout[-300:]}")


def stands_still(run):
    return run.truth[-1]["motor_on"] is False and run.truth[-1]["moving"] is False


def examine_kill(check, run):
    """kill -9: the stopper stops the pen before its own dead-man does, and the run file says how far it got."""
    check(run.status == 137, f"kill -9: penrig-virtual ends with {run.status}")
    off = [t for t in run.truth if t.get("event") == "motor" and not t["on"]]
    check(off and off[-1]["condition"] == 0, f"kill -9: not the order to stop switched the motor off: {off[-1:]}")
    check(stands_still(run), f"kill -9: the needles stand still in the end: {run.truth[-1]}")
    shown = rig.penrig_a("show", run.run_file)
    check(shown.returncode == 0 and "point 1 of 2" in shown.stdout, f"kill -9: the run file says where: {shown.stdout[-400:]}")


def examine_signal(check, number, run):
    name = signal.Signals(number).name
    check(run.status == 128 + number, f"{name}: exit {run.status}")
    check(run.report and run.report["run_status"] == "interrupted" and run.report["dut_verdict"] == "inconclusive",
          f"{name}: {run.outcome()}")
    check(run.report and run.report["stop"]["verified"], f"{name}: the stop is verified")
    check(stands_still(run), f"{name}: the needles stand still: {run.truth[-1]}")


def examine_two_signals(check, run):
    check(run.status in (130, 143), f"two signals: exit {run.status}")
    check(stands_still(run), f"two signals: saving is skipped, stopping is not: {run.truth[-1]}")


def examine_bad_pen(check, pen, run):
    check(run.outcome() in ({test_faults.FAIL} | test_faults.CONDITIONAL), f"{pen}: {run.outcome()}")
    check(run.report["verdict_reason"] != "", f"{pen}: the report names what failed")


def held_up(pid, folder):
    os.kill(pid, signal.SIGSTOP)
    time.sleep(HELD_UP_S)
    os.kill(pid, signal.SIGCONT)


def examine_held_up(check, run):
    check(run.outcome() == test_faults.PASS, f"held up for {HELD_UP_S} s: {run.outcome()} {run.report['verdict_reason']}")
    check(run.report["stop"]["verified"], f"held up: {run.report['stop']}")
    why = test_faults.truth_contradicts(run)
    check(why is None, f"held up: FALSE PASS: {why}")


def examine_signals(check):
    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT]
    jobs = [lambda n=n: signalled_while_measuring(n) for n in [signal.SIGKILL, *numbers]]
    jobs.append(lambda: signalled_while_measuring(signal.SIGINT, signal.SIGTERM))
    examines = [examine_kill, *(lambda c, run, n=n: examine_signal(c, n, run) for n in numbers), examine_two_signals]
    rig.all_examined(check, rig.some(jobs), rig.some(examines))
    rig.all_examined(check, [lambda: while_measuring(held_up)], [examine_held_up], keeps_up=rig.bench_kept_up)


def main():
    check = rig.Checks()
    examine_signals(check)
    examine_unsaved_report(check)
    names = rig.some(list(test_faults.FAULTS), of=4)
    benches = ["virtual-usb.json", "virtual-serial.json"]
    jobs = []
    for i, name in enumerate(names):
        spec = test_faults.spec(name, STRIKE.get(name, "@3"))
        bench = "virtual-usb.json" if name.startswith("usb") else benches[i % 2]
        jobs.append(lambda name=name, spec=spec, bench=bench:
                    rig.run_plan(test_faults.PLAN.get(name, "ci-smoke.json"), bench=bench, faults=[spec], depth="B"))
    pens = rig.some(BAD_PENS)
    for pen in pens:
        jobs.append(lambda pen=pen: rig.run_plan("demo.json", dut=pen, depth="B"))
    examines = [lambda c, run, n=n: test_faults.examine(c, n, "real time", run, within_s=WITHIN_S) for n in names]
    examines += [lambda c, run, p=p: examine_bad_pen(c, p, run) for p in pens]
    rig.all_examined(check, jobs, examines)
    check.end()


if __name__ == "__main__":
    sys.exit(main())
