#!/usr/bin/python3
# runs alone: real time is part of what it tests
"""Each named fault once in real time, through the real libusb and libserialport in front of the simulator, and the named bad
pens. The many-seed version on the virtual clock is test_faults.py."""
import sys

import rig
import test_faults

STRIKE = {"unplug:pen": "@4", "unplug:sensor": "@4", "silent:pen": "@4", "silent:sensor": "@4", "stall": "@4",
          "reboot": "@4", "over-temperature": "@4", "stuck": "@4", "saturated": "@4"}
BAD_PENS = ["PEN-SHALLOW-01", "PEN-DEEP-01", "PEN-SLOW-01", "PEN-JITTERY-01"]


def main():
    check = rig.Checks()
    names = list(test_faults.FAULTS)
    benches = ["virtual-usb.json", "virtual-serial.json"]
    jobs = []
    for i, name in enumerate(names):
        spec = name + (test_faults.ALWAYS.get(name) or STRIKE.get(name, "@3"))
        bench = "virtual-usb.json" if name.startswith("usb") else benches[i % 2]
        jobs.append(lambda name=name, spec=spec, bench=bench: 
                    rig.run_plan(test_faults.PLAN.get(name, "ci-smoke.json"), bench=bench, faults=[spec], depth="B"))
    for pen in BAD_PENS:
        jobs.append(lambda pen=pen: rig.run_plan("demo.json", dut=pen, depth="B"))
    runs = rig.in_parallel(jobs, workers=6)
    for name, run in zip(names, runs):
        test_faults.examine(check, name, "real time", run)
    for pen, run in zip(BAD_PENS, runs[len(names):]):
        check(run.outcome() in ({test_faults.FAIL} | test_faults.CONDITIONAL), f"{pen}: {run.outcome()}")
        check(pen == "" or run.report["verdict_reason"] != "", f"{pen}: the report names what failed")
    check.end()


if __name__ == "__main__":
    sys.exit(main())
