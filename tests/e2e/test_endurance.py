#!/usr/bin/python3
"""A long session on the virtual clock needs no more memory than a short one. MINUTES in the environment sets the long one
(default 20; 120 is a whole session, about a minute of computing)."""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import rig

MINUTES = float(os.environ.get("MINUTES", "20"))


def plan_of(minutes, folder):
    plan = {"kind": "penrig/plan/1", "name": f"endurance-{minutes:g}", "description": "one long point",
            "limits": [{"measurand": "stroke_rate_error_pct", "unit": "%", "lower": -10, "upper": 10, "required": True}],
            "steps": [{"name": "long", "depth_mm": [1.0], "rate_hz": [120], "tare_s": 0.5, "settle_s": 0.5,
                       "measure_s": minutes * 60}]}
    path = Path(folder) / f"endurance-{minutes:g}.json"
    path.write_text(json.dumps(plan))
    return path


def bench_at_10_khz(folder):
    text = (rig.FIXTURES / "benches" / "virtual-usb.json").read_text()
    text = text.replace("../phantoms", str(rig.FIXTURES / "phantoms"))
    changed = text.replace('"sample_rate_hz": 20000', '"sample_rate_hz": 10000')
    assert changed != text, "the bench file names its sample rate"
    path = Path(folder) / "bench.json"
    path.write_text(changed)
    return path


def peak_kib(minutes):
    folder = tempfile.mkdtemp(prefix="pr")
    bench = bench_at_10_khz(folder)
    argv = [rig.PENRIG_A, "--bench", bench, "--virtual-dut", "PEN-GOOD-01", "--", "run", plan_of(minutes, folder), "--bench",
            bench, "--dut", "PEN-GOOD-01", "--output-dir", folder, "--no-input"]
    child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                             text=True, env=dict(os.environ, ASAN_OPTIONS="quarantine_size_mb=1"))  # else it keeps what is freed
    err = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    report = rig.Run(os.waitstatus_to_exitcode(status), "", err, folder)
    for file in Path(folder).iterdir():
        file.unlink()
    return usage.ru_maxrss, usage.ru_utime + usage.ru_stime, report


def main():
    check = rig.Checks()
    short_kib, _, short = peak_kib(1)
    long_kib, cpu_s, long = peak_kib(MINUTES)
    check(short.status == 0, f"1 minute: exit {short.status}: {short.err[-300:]}")
    check(long.status == 0, f"{MINUTES:g} minutes: exit {long.status}: {long.err[-300:]}")
    check(long_kib <= 1.1 * short_kib + 1024, f"peak memory {short_kib} KiB for 1 minute, {long_kib} KiB for {MINUTES:g}")
    print(f"1 minute: {short_kib} KiB; {MINUTES:g} minutes: {long_kib} KiB, {cpu_s:.1f} s of CPU")
    check.end()


if __name__ == "__main__":
    sys.exit(main())
