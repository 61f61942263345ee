#!/usr/bin/python3
"""The product's runs against the kernel's own drivers: usbfs, usbtmc, cdc_acm and ftdi_sio, hotplug and udev. Runs inside the guest
of guest.sh, as root; the devices are the virtual bench's, plugged into vhci_hcd, at the other end of QEMU's FTDI adapter (a model that
nobody here wrote), or behind the kernel's own ACM gadget. Arguments: runs or cables, or names of their parts."""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import rig  # noqa: E402
import test_faults  # noqa: E402

SMOKE, DEMO = "ci-smoke.json", "demo.json"
USB, SERIAL, MIXED = "virtual-usb.json", "virtual-serial.json", "virtual-mixed.json"
VHCI = ("--vhci",)
GADGET = Path("/sys/kernel/config/usb_gadget/pen")


def own_bench(name, changes):
    path = rig.own_bench(name, tempfile.mkdtemp(prefix="pr"))
    text = path.read_text()
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text)
    return path


def stopped(run):
    end = run.truth[-1] if run.truth else {}
    return end.get("motor_on") is False and end.get("moving") is False


def passes(check, label, run):
    said = run.report["verdict_reason"] if run.report else run.err[-600:]
    good = run.outcome() == test_faults.PASS
    check(good, f"{label}: {run.outcome()} {said}")
    check(good and test_faults.truth_contradicts(run) is None, f"{label}: the truth agrees")
    check(stopped(run), f"{label}: the needles stand")


def lost(check, label, run):
    check(run.outcome() == test_faults.LOST, f"{label}: {run.outcome()} {run.err[-600:]}")
    check(stopped(run), f"{label}: the needles stand: {run.truth[-1:]}")


def inner(bench, script):
    """A shell's script in front of the devices."""
    return subprocess.run([rig.VIRTUAL, "--vhci", "--bench", bench, "--", "bash", "-c", script], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True)


def demo(check):
    passes(check, "the demo over USB", rig.run_plan(DEMO, USB, depth="B", world_extra=VHCI))


def acm(check):
    passes(check, "two adapters of the kernel's cdc_acm", rig.run_plan(SMOKE, SERIAL, depth="B", world_extra=VHCI))


def again_and_again(check):
    """What was plugged in before is still being taken down when the next comes: a bench is whole when its program starts."""
    seen = [inner(bench, f"{rig.PENRIG} list").stdout for bench in (own_bench(USB, {}), own_bench(SERIAL, {})) * 4]
    check(all("PEN-GOOD-01" in out and "LC-2001" in out for out in seen), f"pen and sensor are there each time: {seen}")


def usbtmc_is_given_back(check):
    """usbtmc has the pen when it is plugged in; penrig takes it away for the run and gives it back."""
    folder = tempfile.mkdtemp(prefix="pr")
    bench = rig.own_bench(USB, folder)
    done = inner(bench, f"""
cd /sys/bus/usb/drivers/usbtmc && ls | grep : >{folder}/before
{rig.PENRIG} run {rig.FIXTURES / 'plans' / SMOKE} --bench {bench} --dut PEN-GOOD-01 --output-dir {folder} --no-input --progress-fd 3 \\
    3> >(while read -r event; do case $event in *measuring*) ls | grep : >{folder}/during ;; esac; done)
status=$?
ls | grep : >{folder}/after
exit $status
""")
    names = {when: (Path(folder) / when).read_text().split() if (Path(folder) / when).exists() else None for when in ("before", "during", "after")}
    check(done.returncode == 0, f"a run with usbtmc bound: {done.returncode} {done.stderr[-600:]}")
    check(names["before"] and names["during"] == [] and names["after"] == names["before"], f"usbtmc's interfaces: {names}")


def unplugged(check, bench):
    for device in ("pen", "sensor"):
        lost(check, f"{device} unplugged, {bench}", rig.run_plan(SMOKE, bench, depth="B", world_extra=VHCI, faults=[f"unplug:{device}@5"]))


def usb_cables(check):
    unplugged(check, USB)
    for device in ("pen", "sensor"):
        run = rig.run_plan(SMOKE, USB, depth="B", world_extra=VHCI, faults=[f"usb-stall:{device}@5"])
        check(run.outcome() in test_faults.FAULTS[f"usb-stall:{device}"], f"a pipe of the {device} stalls: {run.outcome()} {run.err[-600:]}")
        check(stopped(run), f"a pipe of the {device} stalls: the needles stand")


def acm_cables(check):
    unplugged(check, SERIAL)


def comes_back(check):
    """A pen that is plugged in again: the kernel gives it another number, and the run goes on with it. The sensor saw it stop meanwhile."""
    for at in (5, 5.5):
        run = rig.run_plan(SMOKE, USB, depth="B", world_extra=VHCI, faults=[f"unplug:pen@{at},back=1"], extra=["--replug-timeout", "20s", "--name", "one"])
        again = run.folder / "one-2.report.json"
        check(run.status == 0 and again.exists() and "point 2 of 2: 1.000 mm, 120 Hz: pass" in run.out + run.err,
              f"a pen that comes back: exit {run.status}, {sorted(f.name for f in run.folder.iterdir())} {run.out[-2000:]} {run.err[-2000:]}")
        check(stopped(run), "a pen that comes back: the needles stand")


def nobody_spins(check):
    """This computer has one core, and penrig runs by real time: were it busy for a second, the kernel would have taken that away and said so."""
    said = subprocess.run(["dmesg"], capture_output=True, text=True, check=True).stdout
    check("RT throttling" not in said, "the kernel took the only core away from a program that spun: dmesg says RT throttling")


def in_use(check):
    """While another program has the port, a run says which port."""
    bench = own_bench(SERIAL, {})
    done = inner(bench, f"exec 5<>/dev/ttyACM0; flock -x 5; {rig.PENRIG} run {rig.FIXTURES / 'plans' / SMOKE} --bench {bench} --dut PEN-GOOD-01 "
                        "--no-input -o /run/held")
    check(done.returncode == 5 and "ttyACM0" in done.stderr, f"a port that is held: {done.returncode} {done.stderr[-400:]}")


def pulled_while_measuring():
    """A penrig whose adapter QEMU takes out as the first window opens: its monitor is the other end of the guest's third serial line. The
    first newline ends what the line may have echoed of the monitor's greeting."""
    path = Path(tempfile.mkdtemp(prefix="pr")) / "penrig"
    path.write_text(f"""#!/bin/bash
{rig.PENRIG} "$@" --progress-fd 3 3> >(while read -r event; do case $event in *measuring*)
    stty -F /dev/ttyS2 raw -echo && printf '\\ndevice_del ftdi\\n' >/dev/ttyS2; cat >/dev/null ;; esac; done)
""")
    path.chmod(0o755)
    return path


def ftdi(check):
    """ftdi_sio on QEMU's adapter; the pen is at the other end of its line."""
    line = ("--vhci", "--line", "pen=/dev/ttyS1")
    bench = own_bench(MIXED, {"serial:1209:0003:{dut}": "serial:0403:6001:FT-PEN-1"})
    timer = Path("/sys/class/tty/ttyUSB0/device/latency_timer")
    timer.write_text("16\n")
    passes(check, "an adapter of ftdi_sio", rig.run_plan(SMOKE, bench, depth="B", world_extra=line))
    check(timer.read_text() == "1\n", f"its latency timer was shortened from 16 ms: {timer.read_text()}")
    kept, rig.PENRIG = rig.PENRIG, pulled_while_measuring()
    run = rig.run_plan(SMOKE, bench, depth="B", world_extra=line)
    rig.PENRIG = kept
    lost(check, "an adapter of ftdi_sio is pulled", run)


def make_gadget():
    """The kernel's own ACM function behind dummy_hcd: what a Raspberry Pi Zero does at its USB port."""
    GADGET.mkdir()
    for folder in ("strings/0x409", "configs/c.1", "functions/acm.0"):
        (GADGET / folder).mkdir()
    for name, text in {"idVendor": "0x1d6b", "idProduct": "0x0104", "strings/0x409/serialnumber": "GADGET-1"}.items():
        (GADGET / name).write_text(text)
    (GADGET / "configs/c.1/acm.0").symlink_to(GADGET / "functions/acm.0")


def plug_gadget(plugged):
    (GADGET / "UDC").write_text("dummy_udc.0\n" if plugged else "\n")
    subprocess.run(["udevadm", "settle"], check=True)


def gadget(check):
    make_gadget()
    plug_gadget(True)
    line = ("--vhci", "--line", "pen=/dev/ttyGS0")
    bench = own_bench(MIXED, {"serial:1209:0003:{dut}": "serial:1d6b:0104:GADGET-1"})
    passes(check, "the kernel's own ACM gadget", rig.run_plan(SMOKE, bench, depth="B", world_extra=line))
    plug_gadget(False)
    run = rig.run_plan(SMOKE, bench, depth="B", world_extra=line)
    check(run.status == 4 and "GADGET-1" in run.err, f"a gadget that is out: {run.status} {run.err[-400:]}")


def network(check):
    done = subprocess.run([rig.VIRTUAL, "--vhci", "--bench", rig.FIXTURES / "benches/bought-daq.json", "--", "true"], capture_output=True, text=True)
    check(done.returncode == 1 and "leave --vhci out" in done.stderr, f"a network at the kernel: {done.returncode} {done.stderr}")


SETS = {"runs": (network, usbtmc_is_given_back, in_use, acm, ftdi, gadget, demo, nobody_spins), "cables": (again_and_again, usb_cables, acm_cables, comes_back, nobody_spins)}


def main():
    check = rig.Checks()
    for name in sys.argv[1:] or SETS:
        for part in SETS.get(name) or {part for parts in SETS.values() for part in parts if part.__name__ == name}:
            part(check)
            print(f"{part.__name__}: {os.times().elapsed - BEGAN:.0f} s of the guest's time in all", flush=True)
    return check.end()


BEGAN = os.times().elapsed
if __name__ == "__main__":
    sys.exit(main())
