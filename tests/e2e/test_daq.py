"""A load cell on a DAQ (a virtual LabJack T7, a virtual USB-1608FS-Plus, a virtual IIO converter): pens judged right, rate and depth inside their U of the truth, the run derived again
bit for bit, every fault of the device on seeds of its own, and the benches with a bought supply, an operator or a stage at the dial. SEEDS sets how many."""
import json
import os
import re
import tempfile
from pathlib import Path

import powered
import rig
import true_values

SEEDS = int(os.environ.get("SEEDS", "1"))  # a long trial says SEEDS=20
UNSURE, LOST, PASS = ("inconclusive", "complete"), ("inconclusive", "device_lost"), ("pass", "complete")
FAULTS = {
    "overflow": {LOST},
    "garbage:sensor": {LOST},
    "silent:sensor": {LOST},
    "unplug:sensor": {LOST},
    "dropped-frames,p=0.05": {UNSURE, PASS},
    "saturated": {UNSURE},
    "stuck": {UNSURE},
    "slow-clock": {UNSURE},
    "wrong-range": {UNSURE},
}
USB_FAULTS = {**FAULTS, "dropped-frames,p=0.05": {LOST}, "usb-stall:sensor": {LOST}}  # a packet that the bus fails to carry is no gap of a known size
# its buffer that runs over stops nothing: its time stamps show what is missing, and that its clock is off as well. A short answer is one of its own
IIO_FAULTS = {**FAULTS, "overflow": {UNSURE, PASS}, "short-answer": {LOST}, "slow-clock": {LOST}}
ALWAYS = {"slow-clock", "wrong-range"}  # they are a state, not a moment
check = rig.Checks()


def own(change=None, shipped="bought-daq.json"):
    """A bench with a pen that speaks, and a shipped bench's DAQ."""
    folder = Path(tempfile.mkdtemp(prefix="daq"))

    def read(name):
        return json.loads(re.sub(r"(?m)(^|\s)// .*$", "", rig.own_bench(name, folder).read_text()))

    bench = read("virtual-usb.json")
    bench["sensor"] = read(shipped)["sensor"]
    if change:
        change(bench)
    path = folder / "daq.json"
    path.write_text(json.dumps(bench))
    return path


def inside_u(run, what):
    """Rate and depth of each point that is trusted, against the strokes that fell into its window."""
    for point, truth in true_values.points_of(run):
        for result in point["results"]:
            if result["measurand"] in ("stroke_rate_hz", "depth_mm") and result["trusted"]:
                ratio = true_values.off(result, [true_values.value(truth, result, side) for side in ("upper", "lower")])
                check(abs(ratio) <= 1, f"{what}: {result['measurand']} of point {point['number']} is {ratio:.2f} U off: {result['value']}")


def pens(bench):
    for dut, verdict in (("PEN-GOOD-01", "pass"), ("PEN-DEEP-01", "fail"), ("PEN-JITTERY-01", "fail")):
        run = rig.run_plan("demo.json", bench=bench, dut=dut, seed=3)
        check(run.report["dut_verdict"] == verdict, f"{dut}: {run.report['dut_verdict']}, {run.out[-300:]}")
        inside_u(run, dut)
        if verdict == "pass":
            again = rig.penrig_a("analyze", run.run_file)
            check("bit for bit" in again.stdout, f"derived again: {again.stdout[:300]} {again.stderr[:300]}")


def faults(bench, table):
    for fault, right in table.items():
        struck = 0
        for seed in range(1, SEEDS + 1):
            head, comma, options = fault.partition(",")
            when = "@0" if head in ALWAYS else f"@{0.3 + 4.2 * (seed - 0.5) / SEEDS:.3f}"
            run = rig.run_plan("ci-smoke.json", bench=bench, faults=[head + when + comma + options], seed=seed)
            found = (run.report["dut_verdict"], run.report["run_status"])
            struck += found in right and (found != PASS or "are missing before" in rig.journal(run))
            check(found in right or found == PASS and when != "@0", f"{fault} seed {seed}: {found}: {run.out[-200:]}")
            motor = [t["on"] for t in run.truth if t.get("event") == "motor"]
            check(not motor or not motor[-1], f"{fault} seed {seed}: the pen runs on")
            if found == PASS:
                inside_u(run, f"{fault} seed {seed}")
            if table is USB_FAULTS and head == "dropped-frames" and found == LOST:
                counted = [device["counters"]["failed_in"] for device in run.report["devices"] if device["driver"] == "mcc-fs-plus"]
                check(counted and counted[0] != "0", f"{fault} seed {seed}: what the bus failed to carry is counted: {counted}")
        check(struck >= SEEDS / 2, f"{fault} strikes in {struck} of {SEEDS}")


def refused():
    def at(key, value):
        return lambda bench: bench["sensor"]["daq"]["inputs"][0].update({key: value})

    for change, says in ((at("input", 14), "AIN0 to AIN13"), (at("range_v", 12), "0.1 and 0.01 V"),
                         (lambda b: b["sensor"].update(sample_rate_hz=25000), "20000"),
                         (lambda b: b["sensor"].update(serial="470010002"), "470010002"),
                         (lambda b: b["sensor"].update(link="tcp:192.0.2.7:503"), "refuses the connection")):
        run = rig.run_plan("ci-smoke.json", bench=own(change)) if "470010002" not in says else None
        if run:
            check(run.report["dut_verdict"] == "inconclusive" and says in run.out + run.err, f"{says}: {(run.out + run.err)[-300:]}")


def refused_on_usb():
    for change, says in ((lambda b: b["sensor"]["daq"]["inputs"][0].update(input=8), "input 0 to input 7"),
                         (lambda b: b["sensor"]["daq"]["inputs"][0].update(range_v=12), "+-10, 5, 2 and 1 V"),
                         (lambda b: b["sensor"].update(sample_rate_hz=90000), "80000"),
                         (lambda b: b["sensor"].update(link="usb:1209:0001:PEN-GOOD-01"), "another driver is meant for it")):
        run = rig.run_plan("ci-smoke.json", bench=own(change, "bought-1.json"))
        check((run.report or {}).get("dut_verdict") in (None, "none", "inconclusive") and says in run.out + run.err, f"{says}: {(run.out + run.err)[-300:]}")


def refused_iio():
    def daq(**members):
        return lambda bench: bench["sensor"]["daq"].update(members)

    for change, says in ((lambda b: b["sensor"]["daq"]["inputs"][0].update(input=8), "no one input \"voltage8\""),
                         (lambda b: b["sensor"]["daq"]["inputs"][0].update(range_v=10), "this input shows +-12 V"),
                         (lambda b: b["sensor"].update(sample_rate_hz=90000), "Invalid argument (-22)"),
                         (lambda b: b["sensor"].update(sample_rate_hz=30000), "it samples at 30476.19"),
                         (daq(device="ads1256"), "0 of its devices are named ads1256")):
        run = rig.run_plan("ci-smoke.json", bench=own(change, "bought-iio.json"))
        check(run.report["dut_verdict"] == "inconclusive" and says in run.out + run.err, f"{says}: {(run.out + run.err)[-300:]}")
    run = rig.run_plan("ci-smoke.json", bench=own(daq(device="T7")))
    check("leave it out" in run.out + run.err, f"a device's name is IIO's alone: {(run.out + run.err)[-300:]}")


def untimed():
    """Without time stamps a loss is not seen, and each report says so."""
    run = rig.run_plan("ci-smoke.json", bench=own(lambda b: b["sensor"].update(serial="IIO-NOTIME"), "bought-iio.json"))
    check(run.report["dut_verdict"] == "pass", f"without time stamps: {run.report['dut_verdict']} {run.out[-300:]}")
    shown = rig.penrig_a("show", run.run_file).stdout
    check("that no sample was lost cannot be proven" in shown, f"the run file says what is not known: {shown[:500]}")
    inside_u(run, "without time stamps")


def bought():
    """The whole bench, with an operator at the dial, with a stage there, and with a relay, which has no timer, in the supply's place."""
    for bench, by in (("bought-daq.json", "asked"), ("bought-1.json", "set"), ("bought-2.json", "asked"), ("bought-iio.json", "asked")):
        for dut, verdict in (("PEN-GOOD-01", "pass"), ("PEN-SHALLOW-01", "fail")):
            run = powered.Run(bench=bench, dut=dut, plan=powered.PROVEN if bench in ("bought-daq.json", "bought-iio.json") else powered.PLAN)
            check(run.report["dut_verdict"] == verdict, f"{bench}, {dut}: {run.report['dut_verdict']}: {run.out[-300:]}")
            stated = run.report["bench"]
            check(stated["depth_by"] == by, f"{bench}: the depth is {stated}")
            dials = sum(e["event"] == "prompt" and e["question"] == "set_dial" for e in run.events)
            check((dials > 0) == (by == "asked"), f"{bench}: a hand was asked {dials} times")
            inside_u(run.run, f"{bench}, {dut}")


def dial_faults():
    """What fails at the dial is never the pen's fault, nor its pass; steps lost unseen show in the measured depth."""
    for fault, right in (("dial-jammed", {UNSURE}), ("dial-runs", {UNSURE}), ("dial-silent", {UNSURE}),
                         ("dial-slips,share=0.2", {UNSURE, ("fail", "complete"), ("pass", "complete")})):
        for seed in range(1, SEEDS + 1):
            name, comma, options = fault.partition(",")
            run = powered.Run(bench="bought-1.json", faults=[f"{name}@{1 + 2.5 * (seed - 0.5) / SEEDS:.3f}{comma}{options}"], seed=seed)
            found = (run.report["dut_verdict"], run.report["run_status"])
            check(found in right, f"{fault} seed {seed}: {found}: {run.out[-300:]}")
            check(not true_values.pen_left_running(run.run), f"{fault} seed {seed}: the pen runs on")
            inside_u(run.run, f"{fault} seed {seed}")


def dial_lets_go():
    """What happens to the stage while the pen runs makes the attempt worth nothing, said by itself or not, also at the last point."""
    for fault, says in (("dial-restarts@10", "restarted by itself"), ("dial-restarts@14,by=0.4,mute=1", "behind the stop"), ("dial-silent@14", "behind the stop")):
        run = powered.Run(bench="bought-1.json", faults=[fault])
        point = 2 if "@14" in fault else 1
        check(run.report["dut_verdict"] in ("inconclusive", "conditional_pass") and run.report["run_status"] == "complete", f"{fault}: {run.report['dut_verdict']} {run.out[-300:]}")
        check(run.report["stop"]["verified"] and not true_values.pen_left_running(run.run), f"{fault}: the stop holds: {run.report['stop']}")
        void = [line for line in run.out.splitlines() if line.startswith(f"point {point} of 2") and "not measured" in line and says in line]
        check(void and "the stage" in void[0], f"{fault}: which attempt is worth nothing, and why: {run.out[-1500:]}")


if __name__ == "__main__":
    for BENCH, TABLE in ((own(), FAULTS), (own(shipped="bought-1.json"), USB_FAULTS), (own(shipped="bought-iio.json"), IIO_FAULTS)):
        pens(BENCH)
        faults(BENCH, TABLE)
    refused()
    refused_on_usb()
    refused_iio()
    untimed()
    bought()
    dial_faults()
    dial_lets_go()
    check.end()
