#!/usr/bin/python3
# runs alone: real time is part of what it tests
"""Programs that nobody here wrote set and read the virtual power supplies and DAQs: what they understand of a supply is what penrig's driver is
tested against. mbpoll is libmodbus, pyusb libusb, iio_info and iiod are libiio's. sigrok-cli asks over the real libserialport; how it exits says nothing (it asks for SYST:LOCAL when it has closed)."""
import json
import re
import subprocess
import tempfile
from pathlib import Path

import rig

check = rig.Checks()


def sigrok(bench, driver, *calls):
    """What it said, and what the bench did."""
    truth = Path(tempfile.mkdtemp(prefix="sg")) / "truth.jsonl"
    script = "P=$(readlink -f /dev/serial/by-id/*supply*);" + ";".join(f"timeout 20 stdbuf -oL sigrok-cli -d {driver} {call}" for call in calls)
    done = subprocess.run([str(a) for a in [rig.VIRTUAL, "--bench", bench, "--truth", truth, "--", "sh", "-c", script]],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90)
    return done.stdout, [json.loads(line) for line in truth.read_text().splitlines()]


def in_front(bench, script):
    """The same of any program: $P is the port of what gives the pen its power."""
    truth = Path(tempfile.mkdtemp(prefix="oc")) / "truth.jsonl"
    script = "P=$(readlink -f /dev/serial/by-id/*supply*);" + script
    done = subprocess.run([str(a) for a in [rig.VIRTUAL, "--bench", bench, "--truth", truth, "--", "sh", "-c", script]],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr, [json.loads(line) for line in truth.read_text().splitlines()]


def mbpoll(baud, what):
    return f"timeout 10 mbpoll -m rtu -a 1 -b {baud} -P none -0 -1 -o 0.5 {what} $P"


def relay():
    """A Modbus client of libmodbus, against the virtual board that penrig's own framing is tested against."""
    said, truth = in_front(rig.FIXTURES / "benches/bought-relay.json", ";".join([
        mbpoll(9600, "-t 0 -r 0 -c 8"), mbpoll(9600, "-t 0 -r 0") + " -- 1", mbpoll(9600, "-t 0 -r 0 -c 8"), mbpoll(9600, "-t 0 -r 0") + " -- 0",
        mbpoll(9600, "-t 0 -r 0 -c 8"), mbpoll(9600, "-t 0 -r 20 -c 1")]))
    coils = [re.findall(r"\[\d\]:\s+(\d)", part) for part in said.split("-- Polling")[1:]]
    check([c[:1] for c in coils if len(c) == 8] == [["0"], ["1"], ["0"]], f"mbpoll sees relay 1 closed and open: {said}")
    check("Illegal data address" in said, f"and is told of a coil that is not there: {said[-300:]}")
    check([t["on"] for t in truth if t.get("event") == "motor"] == [True, False], "the pen behind it ran, and stands")


def usb_relay():
    """usbrelay over hidapi's library for libusb: that for hidraw wants device files of the kernel's HID layer, which the virtual bench has not."""
    calls = ("usbrelay", "usbrelay HW554_1=1", "sleep 0.5", "usbrelay", "usbrelay HW554_1=0", "usbrelay HW554_3=1", "usbrelay")
    said, truth = in_front(rig.FIXTURES / "benches/bought-2.json", "export LD_PRELOAD=libhidapi-libusb.so.0:$LD_PRELOAD;" + ";echo -;".join(calls))
    states = [re.findall(r"HW554_\d=(\d)", part) for part in said.split("-\n")]
    check(states[0] == list("0000") and states[3] == list("1000") and states[6] == list("0010"), f"usbrelay reads what it has switched: {said}")
    check([t["on"] for t in truth if t.get("event") == "motor"] == [True, False], "the pen behind relay 1 ran, and stands")


def riden():
    said, truth = in_front(rig.FIXTURES / "benches/bought-riden.json", ";".join([
        mbpoll(115200, "-t 4 -r 0 -c 4"), mbpoll(115200, "-t 4 -r 8") + " -- 480", mbpoll(115200, "-t 4 -r 9") + " -- 1500",
        mbpoll(115200, "-t 4 -r 18") + " -- 1", "sleep 0.5", mbpoll(115200, "-t 4 -r 8 -c 11"), mbpoll(115200, "-t 4 -r 18") + " -- 0"]))
    values = dict(re.findall(r"\[(\d+)\]:\s+(-?\d+)", said))
    check(values.get("0") in ("60062", "-5474") and values.get("2") == "12345", f"mbpoll reads who it is: {said}")
    check(values.get("8") == "480" and abs(int(values.get("10", 0)) - 480) < 5 and values.get("18") == "1", f"what was set and is measured: {values}")
    check([t["on"] for t in truth if t.get("event") == "motor"] == [True, False], "the pen behind it ran, and stands")


def dps():
    """sigrok's driver of the DPS family, against the same virtual registers."""
    folder = Path(tempfile.mkdtemp(prefix="dp"))
    bench = rig.own_bench("bought-riden.json", folder)
    bench.write_text(bench.read_text().replace('"driver": "riden"', '"driver": "dps"').replace("115200", "9600"))
    said, truth = sigrok(bench, "rdtech-dps:conn=$P", "--set -c voltage_target=4.80:current_limit=1.5:enabled=true", "--samples 1",
                         "--set -c enabled=false")
    check(re.search(r"V1?: 4\.[78]", said), f"sigrok-cli reads the volts that it has set: {said}")
    check([t["on"] for t in truth if t.get("event") == "motor"] == [True, False], f"the pen behind it ran, and stands: {said}")


def korad():
    """Nothing may follow its last command for a while: what it asks next would be taken for one command with it."""
    said, truth = sigrok(rig.FIXTURES / "benches/bought-korad.json", "korad-kaxxxxp:conn=$P",
                         "--set -c voltage_target=4.80:current_limit=1.000:enabled=true; sleep 1", "--samples 1; sleep 1", "--set -c enabled=false; sleep 0.3")
    check(re.search(r"V1?: 4\.[78]", said), f"sigrok-cli reads the volts that it has set: {said}")
    check([t["on"] for t in truth if t.get("event") == "motor"] == [True, False], f"the pen behind it ran, and stands: {said}")


def pen():
    """A scan asks whatever it finds *OPC? a hundred times before it asks who it is: a pen that answers is found at once."""
    said = subprocess.run([str(a) for a in [rig.VIRTUAL, "--bench", rig.FIXTURES / "benches/virtual-usb.json", "--", "sh", "-c",
                                            "timeout 20 stdbuf -oL sigrok-cli -d scpi-dmm:conn=usbtmc/1209.0001 --scan; echo ended $?"]],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60).stdout
    check("ended" in said and "ended 124" not in said, f"the scan ends by itself: {said}")


def rigol():
    said, truth = sigrok(rig.FIXTURES / "benches/bought-attended.json", "scpi-pps:conn=$P:serialcomm=9600/8n1",
                         "-g 1 --set -c voltage_target=4.80:current_limit=1.0:enabled=true", "--samples 1", "-g 1 --set -c enabled=false", "--samples 1")
    volts, amps = re.search(r"V1: ([\d.]+) V", said), re.search(r"I1: ([\d.]+) (m?)A", said)
    check(volts and abs(float(volts[1]) - 4.8) < 0.01, f"sigrok-cli reads the volts that it has set: {said}")
    check(amps and 0.02 < float(amps[1]) * (1e-3 if amps[2] else 1) < 1.0, f"and the amps that the pen draws: {said}")
    motor = [t["on"] for t in truth if t.get("event") == "motor"]
    check(re.findall(r"V1: (.*)", said)[-1:] == ["0.0 mV DC"], f"which sigrok-cli reads, too: {said}")
    check(motor == [True, False], f"the pen behind it ran, and stands: {motor}")
    rates = sorted(t["rate_hz"] for t in truth if "stroke" in t)
    check(rates and abs(rates[len(rates) // 2] - 120) < 6, f"at the rate that these volts make: {rates[-3:]}")


def labjack():
    ask = "mbpoll -m tcp -a 1 -0 -1 -B -q -t 4:"
    script = ";".join(ask + call for call in ("hex -r 55100 -c 2 192.0.2.7", "float -r 60000 -c 1 192.0.2.7", "int -r 60028 -c 1 192.0.2.7",
                                              "float -r 4002 192.0.2.7 -- 30000", "float -r 4002 -c 1 192.0.2.7",
                                              "int -r 61810 192.0.2.7 -- 3948544", "float -r 61812 -c 3 192.0.2.7", "int -r 4003 -c 1 192.0.2.7"))
    argv = [rig.VIRTUAL, "--bench", rig.FIXTURES / "benches/bought-daq.json", "--", "sh", "-c", script]
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90)
    read = dict(re.findall(r"^\[(\d+)\]:\s+(\S+)", done.stdout, flags=re.M))
    check(read.get("55100") == "0x0011" and read.get("55101") == "0x2233", f"mbpoll reads the virtual T7's test register: {done.stdout}")
    check(read.get("60000") == "7" and read.get("60028") == "470010001", f"and what it is: {read}")
    check(abs(float(read.get("4002", 0)) - 30030) < 0.5, f"the rate that it can have, a multiple of 100 ns: {read}")
    check(abs(float(read.get("61812", 0)) / 3.158e-4 - 1) < 0.006 and abs(float(read.get("61814", 0)) / -3.158e-4 - 1) < 0.006 and
          abs(float(read.get("61816", 0)) - 33523) < 61, f"and its calibration: {read}")
    check("Illegal data address" in done.stderr + done.stdout and "4003" not in read, f"half a value is no register: {done.stderr}")


def mcc():
    """pyusb sets up scans on the virtual USB-1608FS-Plus: finite ones, one of its own counter, and one that nobody reads until it runs over."""
    argv = [rig.VIRTUAL, "--bench", rig.FIXTURES / "benches/bought-1.json", "--", "/usr/bin/python3", Path(__file__).with_name("mcc_client.py")]
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90)
    found = json.loads(done.stdout or "{}")
    check(found.get("serial") == found.get("usb_serial") == "01B9D3C2" and found["date"][:3] == [26, 1, 15], f"pyusb reads what it is: {found} {done.stderr[-500:]}")
    check(found.get("words") == 640 and found["status_after"] == 0 and found["counted"], f"scans that end have all their samples: {found}")
    check(0.3 < found.get("ambient_v", 0) < 0.6 and abs(found["force_v"]) < 1, f"by its constants input 4 has the room's temperature, input 0 a cell at rest: {found}")
    check(found.get("status_runs") == 2 and found.get("config_refused") == 32, f"nothing is set up while it runs: {found}")
    check(found.get("status_overran") == 4 and found.get("kept") == 65536 and found.get("halted") == 32, f"65536 bytes, then the endpoint halts: {found}")


def iio():
    """libiio's own programs describe, set and read the virtual converter; the values stand where its description says, each stamp a sample behind the one before."""
    script = ";echo -;".join(["iio_info -u ip:192.0.2.8", "iio_attr -u ip:192.0.2.8 -d ads131m08 sampling_frequency 20000",
                              "iio_attr -u ip:192.0.2.8 -d ads131m08 sampling_frequency",
                              "iio_readdev -u ip:192.0.2.8 -b 256 -s 1024 ads131m08 voltage4 voltage0 timestamp | od -An -v -tx1 -w16"])
    argv = [rig.VIRTUAL, "--bench", rig.FIXTURES / "benches/bought-iio.json", "--", "sh", "-c", script]
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90)
    info, _, rate, samples = (done.stdout + "-\n-\n-\n").split("-\n")[:4]
    check("hw_serial: IIO-7001" in info and "voltage7:  (input, index: 7, format: le:s24/32>>8)" in info, f"iio_info describes it: {info[:600]} {done.stderr[-300:]}")
    check(rate.strip() == "20000", f"iio_attr sets its rate: {rate}")
    scans = [bytes.fromhex(line) for line in samples.splitlines()]
    check(len(scans) == 1024 and all(len(scan) == 16 for scan in scans), f"iio_readdev reads {len(scans)} scans")
    volts = [[int.from_bytes(scan[at + 1:at + 4], "little", signed=True) * 12 / 2**23 for at in (0, 4)] for scan in scans]
    check(all(abs(force) < 1 and 0.3 < ambient < 0.6 for force, ambient in volts), f"input 0 has a cell at rest, input 4 the room's temperature: {volts[:3]}")
    steps = [int.from_bytes(b[8:], "little") - int.from_bytes(a[8:], "little") for a, b in zip(scans, scans[1:])]
    check(all(35000 < step < 65000 for step in steps), f"its time stamps are 50 us apart: {sorted(steps)[:2]} {sorted(steps)[-2:]}")


def through_iiod():
    """A run whose samples come through Debian's iiod, whose own back end is libiio's client of the virtual converter: what penrig asks for is understood by a
    server, and what that answers by penrig, that nobody here wrote."""
    folder = Path(tempfile.mkdtemp(prefix="ii"))
    bench = rig.own_bench("virtual-usb.json", folder)
    sensor = json.loads(re.sub(r"(?m)(^|\s)// .*$", "", rig.own_bench("bought-iio.json", folder).read_text()))["sensor"]
    bench.write_text(json.dumps({**json.loads(re.sub(r"(?m)(^|\s)// .*$", "", bench.read_text())), "sensor": sensor}))
    argv = [rig.VIRTUAL, "--bench", bench, "--truth", folder / "truth.jsonl", "--", "/usr/bin/python3", Path(__file__).with_name("iiod_between.py"),
            folder, bench, rig.PENRIG, rig.FIXTURES / "plans/ci-smoke.json"]
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    return rig.Run(done.returncode, done.stdout, done.stderr, folder)


def examine_through_iiod(check, run):
    check(run.outcome()[:2] == ("pass", "complete"), f"through iiod: {run.outcome()} {run.out[-300:]} {run.err[-300:]}")
    check("ads131m08, serial number IIO-7001" in run.out and "tcp:127.0.0.1:" in run.out, f"its sensor is iiod's: {run.out[:600]}")
    check(rig.unread(run) == 0 and not rig.left_running(run), f"no sample is missing: {rig.unread(run)}")


def iiod():
    if not rig.CHECKED:  # iiod loads what stands between the kernel and it, and no sanitizer's runtime before that
        rig.examined(check, through_iiod, rig.in_its_time(through_iiod), examine_through_iiod)


if __name__ == "__main__":
    rig.in_parallel([pen, rigol, labjack, mcc, iio, iiod, korad, relay, usb_relay, riden, dps])
    check.end()
