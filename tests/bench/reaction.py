"""How long penrig takes from a sensor's word that it is overloaded to the order that stops the pen, against a bare echo on the same links: both in front of
the virtual bench in real time, in turn; times are the virtual bench's own, of the alarm and of the order's arrival."""
import json
import subprocess
import tempfile
from pathlib import Path

FIXTURES = Path("fixtures")
SENSOR, PEN = "usb:1209:0002:LC-2001", "usb:1209:0001:PEN-GOOD-01"
PLAN = {"kind": "penrig/plan/1", "name": "reaction", "limits": [{"measurand": "stroke_rate_error_pct", "unit": "%", "lower": -10, "upper": 10}],
        "steps": [{"name": "s", "depth_mm": 0.5, "rate_hz": 120, "settle_s": 0.5, "measure_s": 3}]}


def order_ms(binaries, command, alarm_s):
    """From the alarm to the first order off behind it."""
    with tempfile.TemporaryDirectory() as folder:
        truth = Path(folder) / "truth"
        argv = [binaries / "penrig-virtual", "--bench", FIXTURES / "benches/virtual-usb.json", "--truth", truth, "--seed", 1,
                "--fault", f"sensor-alarm@{alarm_s:.4f},code=1", "--", *command(Path(folder))]
        subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, env={"XDG_STATE_HOME": folder, "PATH": "/usr/bin:/bin"})
        events = [json.loads(line) for line in truth.read_text().splitlines()]
    struck = [e["t_ns"] for e in events if e.get("event") == "fault"]
    orders = [e["t_ns"] for e in events if struck and "OUTP OFF" in e.get("line", "") and e["t_ns"] >= struck[0]]
    return (orders[0] - struck[0]) * 1e-6 if orders else None


def run_penrig(binaries):
    def command(folder):
        plan = folder / "plan.json"
        plan.write_text(json.dumps(PLAN))
        return [binaries / "penrig", "run", plan, "--bench", FIXTURES / "benches/virtual-usb.json", "--dut", "PEN-GOOD-01", "--output-dir", folder]
    return command


def run_echo(binaries):
    return lambda folder: [binaries / "tests/bench/stop_echo", SENSOR, PEN, 20000]


def quantile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))]


def compare(binaries, pairs):
    """p50 and p99 in ms of penrig and of the echo."""
    ours, echo = [], []
    for i in range(pairs):
        wait = 0.0137 * i % 0.5  # at every phase of whatever beats in either
        ours.append(order_ms(binaries, run_penrig(binaries), 1.5 + wait))
        echo.append(order_ms(binaries, run_echo(binaries), 1.0 + wait))
    if None in ours + echo:
        raise SystemExit(f"bench: {ours.count(None)} of penrig's and {echo.count(None)} of the echo's runs ended without an order")
    return [(quantile(values, 0.5), quantile(values, 0.99)) for values in (ours, echo)]
