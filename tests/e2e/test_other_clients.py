#!/usr/bin/python3
# runs alone: real time is part of what it tests
"""Programs that nobody here wrote set and read the virtual power supplies: what they understand of a supply is what penrig's driver is
tested against. sigrok-cli asks over the real libserialport; how it exits says nothing (it asks for SYST:LOCAL when it has closed)."""
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


if __name__ == "__main__":
    rigol()
    check.end()
