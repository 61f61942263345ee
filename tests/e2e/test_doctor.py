#!/usr/bin/python3
"""`penrig doctor` in front of the simulator: what it finds of a bench that is in order, and of one that is not. Its findings about
/sys and the computer are in tests/unit/system."""
import json
import os
import sqlite3
import subprocess
import tempfile
from pathlib import Path

import rig

check = rig.Checks()
FOLDER = Path(tempfile.mkdtemp(prefix="pr"))
# The one who holds a port starts penrig, and hands on what is loaded before it: ahead of a sanitizer's runtime, too.
ENVIRONMENT = {**os.environ, "ASAN_OPTIONS": ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))}
HOLD = "import os,subprocess,sys;fd=os.open('/dev/ttyACM0',os.O_RDWR|os.O_NOCTTY);sys.exit(subprocess.run(sys.argv[1:],close_fds=True).returncode)"


def doctor(bench, *options, devices=None, world=(), before=()):
    argv = [rig.VIRTUAL, "--bench", devices or bench, "--truth", FOLDER / "truth.jsonl", *world, "--", *before, rig.PENRIG, "doctor", bench,
            "--json", *options]
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, cwd=FOLDER, env=ENVIRONMENT)
    try:
        told = json.loads(done.stdout)
    except ValueError:
        told = {"findings": [], "exit_code": None, "would_start": None}
        check(False, f"no JSON: {done.stdout[:200]} {done.stderr[:300]}")
    check(told["exit_code"] == done.returncode, f"exit code {done.returncode}, told {told['exit_code']}")
    return told


def of(told, name, state=None):
    return [f for f in told["findings"] if f["check"] == name and state in (None, f["state"])]


def fabricated():
    """A /sys, /proc and /dev in which ModemManager runs and the pen's adapter is an FTDI one that holds bytes back."""
    root = FOLDER / "root"
    usb = root / "sys/devices/usb1/1-1"
    for path, text in (("proc/77/comm", "ModemManager"), ("dev/ttyACM0", ""), ("dev/ttyACM1", ""), ("sys/devices/usb1/1-1/idVendor", "1209"),
                       ("sys/devices/usb1/1-1/power/control", "auto"), ("sys/devices/usb1/1-1/1-1:1.0/latency_timer", "16")):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text + "\n")
    (root / "sys/class/tty/ttyACM0").mkdir(parents=True)
    (root / "sys/class/tty/ttyACM0/device").symlink_to(usb / "1-1:1.0")
    return root


def never_ran():
    truth = [json.loads(line) for line in (FOLDER / "truth.jsonl").read_text().splitlines()]
    return not [t for t in truth if t.get("event") == "motor" and t["on"]]


def stands_on(bench, text):
    """What a run would be refused for though every device is in order, and what it could not pass without."""
    state = FOLDER / "state"
    (FOLDER / "golden.json").write_text((rig.FIXTURES / "plans/ci-smoke.json").read_text())
    for required, exit_code, how in (("true", 8, "fault"), ("false", 0, "warning")):
        golden = f'"mains_hz": 50, "golden": {{"pen": "PEN-GOOD-09", "plan": "golden.json", "valid_h": 8, "required": {required}}},'
        bench.write_text(text.replace('"mains_hz": 50,', golden, 1))
        told = doctor(bench, "--no-open", "--state", state)
        check(told["exit_code"] == exit_code and "PEN-GOOD-09" in of(told, "reference pen", how)[0]["text"], f"no pass of its reference pen: {told}")
    bench.write_text(text.replace('"mains_hz": 50,', '"mains_hz": 50, "production": true,', 1))
    told = doctor(bench, "--no-open", "--state", state)
    check(told["exit_code"] == 3 and told["would_start"] is None and of(told, "change control", "unknown"), f"approvals are not looked at: {told}")
    bench.write_text(text)
    where = json.loads(subprocess.run([rig.PENRIG, "state", "--json", "--bench", bench, "--state", state], capture_output=True, check=True).stdout)["path"]
    with sqlite3.connect(where) as db:
        db.execute("INSERT INTO run VALUES(1, 'later', ?1, ?1, 'here', 'PEN')", (4 * 10**18,))
    db.close()
    told = doctor(bench, "--no-open", "--state", state)
    check(told["exit_code"] == 8 and "run later" in of(told, "clock", "fault")[0]["text"], f"a clock behind the last run: {told}")
    told = doctor(bench, "--no-open", "--state", "/proc/none")
    check(told["exit_code"] == 6 and of(told, "state", "fault"), f"no state where it is to be: {told}")
    supply = rig.own_bench("bought-supply.json", FOLDER)
    told = doctor(supply, "--no-open", "--state", state)
    check(told["exit_code"] == 0 and "never tested" in of(told, "dead-man", "warning")[0]["text"], f"a timer that was never tested: {told}")


def dial():
    """The port of the stage at the pen's dial is looked at like any other, and the pen is not opened without it."""
    bench = rig.own_bench("bought-1.json", FOLDER)
    told = doctor(bench, "--no-open")
    check([f["state"] for f in of(told, "permission") if f["subject"] == "pen's dial"] == ["good"], f"the dial's port: {told}")
    other = bench.with_name("other-dial.json")
    other.write_text(bench.read_text().replace("GRBL-1", "GRBL-7"))
    told = doctor(other, devices=bench)
    missing = of(told, "plugged in", "fault")
    check(told["exit_code"] == 4 and [f["subject"] for f in missing] == ["pen's dial"], f"no stage there: {told}")
    check(not [f for f in of(told, "identity") if f["subject"].startswith("pen")], f"the pen is opened without its dial: {told}")


def inputs():
    """Each safety input as it stands; with one open a run would be refused."""
    bench = rig.own_bench("virtual-inputs.json", FOLDER)
    told = doctor(bench)
    check(told["exit_code"] == 0 and [f["text"] for f in of(told, "safety input", "good")] == ['"emergency stop" is closed', '"door" is closed'], f"inputs: {told}")
    told = doctor(bench, world=["--fault", "opens:box@0,input=2"])
    check(told["exit_code"] == 8 and [f["text"] for f in of(told, "safety input", "fault")] == ['"door" is open'], f"a door that is open: {told}")


def main():
    dial()
    inputs()
    serial, usb = rig.own_bench("virtual-serial.json", FOLDER), rig.own_bench("virtual-usb.json", FOLDER)
    for bench in (serial, usb):
        told = doctor(bench)
        check(told["would_start"] is True and told["exit_code"] == 0, f"{bench.name}: {told}")
        who = [f["text"] for f in of(told, "identity", "good")]
        check(len(who) == 2 and "PEN-GOOD-01" in who[0] and "LC-2001" in who[1], f"{bench.name}: {who}")
        check(len(of(told, "permission", "good")) == 2 and len(of(told, "holder", "good")) == 2, f"{bench.name}: {told}")
        check(never_ran(), f"{bench.name}: the pen ran")
    check([f["text"] for f in of(told, "kernel driver")] == ["usbtmc"], f"kernel driver: {of(told, 'kernel driver')}")

    told = doctor(serial, before=["/usr/bin/python3", "-c", HOLD])
    check(told["exit_code"] == 5 and of(told, "holder", "fault")[0]["remedy"].startswith("ps -fp "), f"held: {told}")

    told = doctor(serial, "--dut", "PEN-OTHER-01")
    check(told["exit_code"] == 4 and "not there" in of(told, "plugged in", "fault")[0]["text"], f"another pen: {told}")
    told = doctor(serial, devices=usb)
    check(told["exit_code"] == 4 and of(told, "plugged in", "unknown"), f"nothing there: {told}")

    text = serial.read_text()
    serial.write_text(text.replace('"due": "2099-12-31"', '"due": "2026-02-01"'))
    told = doctor(serial)
    check(told["exit_code"] == 8 and "2026-02-01" in of(told, "calibration", "fault")[0]["text"], f"overdue: {told}")
    serial.write_text(text.replace("VB-LC-2001-A", "VB-LC-2001-B"))
    told = doctor(serial)
    check(told["exit_code"] == 8 and "VB-LC-2001-B" in of(told, "calibration", "fault")[0]["text"], f"another certificate: {told}")
    serial.write_text(text.replace('"baud": 115200', '"baud": 9600'))
    told = doctor(serial)
    check(told["exit_code"] == 4 and of(told, "identity", "fault"), f"wrong baud rate: {told}")
    serial.write_text(text)
    told = doctor(serial, "--no-open", "--root", fabricated())
    check(told["exit_code"] == 0, f"fabricated: {told}")
    for name, remedy in (("ModemManager", '"1209"'), ("latency timer", "/sys/class/tty/ttyACM0/device/latency_timer"),
                         ("autosuspend", "/sys/devices/usb1/1-1/power/control")):
        found = of(told, name, "warning")
        check(len(found) == 1 and found[0]["subject"] == "pen" and remedy in found[0]["remedy"], f"fabricated {name}: {found}")
    told = doctor(serial, "--no-open")
    check(told["exit_code"] == 0 and not of(told, "identity"), f"not opened: {told}")
    serial.write_text(text.replace('"name"', '"nmae"', 1))
    told = doctor(serial)
    check(told["exit_code"] == 2 and "did you mean" in of(told, "bench", "fault")[0]["text"], f"a mistake: {told}")

    stands_on(serial, text)
    plain = subprocess.run([str(rig.PENRIG), "doctor", "--output-dir", str(FOLDER / "none")], capture_output=True, text=True)
    check(plain.returncode == 6 and "mkdir -p" in plain.stdout and "A RUN WOULD NOT START" in plain.stdout, f"no folder: {plain.stdout}")
    check.end()


if __name__ == "__main__":
    main()
