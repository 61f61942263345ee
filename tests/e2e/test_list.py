#!/usr/bin/python3
"""`penrig list` in front of the simulator: what its JSON says of a bench, and that a device that is pulled out is told."""
import json
import subprocess
import tempfile
from pathlib import Path

import rig

check = rig.Checks()
FOLDER = Path(tempfile.mkdtemp(prefix="pr"))


def listed(bench, *options, world=()):
    argv = [rig.VIRTUAL, "--bench", bench, *world, "--", rig.PENRIG, "list", "--json", *options]
    return subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, cwd=FOLDER)


def first_array(stream):
    text = ""
    for line in stream:
        text += line
        if line.rstrip().endswith("]"):
            try:
                return json.loads(text)
            except ValueError:
                pass
    return []


def main():
    bench = rig.own_bench("virtual-mixed.json", FOLDER)
    with listed(bench) as process:
        devices = json.loads(process.stdout.read())
    check(process.returncode == 0 and [d["driver"] for d in devices] == ["scpi-pen", "load-stream"], f"devices: {devices}")
    pen, sensor = devices
    check(pen["bench_entry"] == {"name": "pen", "roles": ["pen"], "driver": "scpi-pen", "link": "serial:1209:0003:{dut}", "baud": 115200},
          f"the pen's entry: {pen['bench_entry']}")
    check(pen["kernel_driver"] == "cdc_acm" and pen["node"] == "/dev/ttyACM0" and pen["holder"] is None, f"the pen: {pen}")
    check(sensor["bench_entry"]["link"] == sensor["link"] == "usb:1209:0002:LC-2001", f"the sensor: {sensor}")

    with listed(bench, "--watch", world=["--fault", "unplug:pen@1"]) as process:
        before = first_array(process.stdout)
        change = json.loads(process.stdout.readline())
        process.terminate()
    check(len(before) == 2, f"before: {before}")
    check(change["event"] == "pulled_out" and change["device"]["link"] == pen["link"], f"what was told: {change}")
    check.end()


if __name__ == "__main__":
    main()
