#!/usr/bin/python3
"""A scale on USB (HID point-of-sale) as a reference: what it says is in the run file, what is wrong with it is said and harms no verdict that does not
rest on it, strokes are refused; and pyusb reads the same weight from the virtual one."""
import json
import re
import subprocess
import tempfile
from pathlib import Path

import rig

check = rig.Checks()
CLIENT = """
import usb.core, sys
scale = usb.core.find(idVendor=0x0922, idProduct=0x8003)
if scale.is_kernel_driver_active(0):
    scale.detach_kernel_driver(0)
scale.set_configuration()
print(bytes(scale.ctrl_transfer(0x81, 6, 0x2200, 0, 255)).hex())
for _ in range(3):
    print(bytes(scale.read(0x82, 8, 3000)).hex())
"""


def bench(change=None):
    folder = Path(tempfile.mkdtemp(prefix="scale"))
    value = json.loads(re.sub(r"(?m)(^|\s)// .*$", "", rig.own_bench("virtual-text.json", folder).read_text()))
    value["devices"] = [d for d in value["devices"] if d["name"] not in ("thermometer", "balance") and not set(d["roles"]) & set((change or {}).get("roles", ())) & {"load_sensor"}]
    value["devices"].append({"name": "scale", "roles": ["reference"], "driver": "hid-scale", "link": "usb:port=1-3", **(change or {})})
    path = folder / "bench.json"
    path.write_text(json.dumps(value))
    return path


def run(faults=(), change=None):
    return rig.run_plan("ci-smoke.json", bench=bench(change), faults=list(faults), seed=2)


def a_good_run():
    r = run()
    check(r.outcome() == ("pass", "complete", 0), f"a good run: {r.outcome()} {r.err[-300:]}")
    scale = [d for d in r.report["devices"] if d["name"] == "scale"][0]
    check((scale["maker"], scale["model"]) == ("DYMO", "Virtual M10"), f"who it is: {scale}")
    check([(c["name"], c["unit"], c["rate_hz"]) for c in scale["channels"]] == [("mass", "g", 2)], f"what it says: {scale['channels']}")
    check(int(scale["counters"]["frames"]) > 10 and scale["counters"]["odd_replies"] == "0", f"it was heard: {scale['counters']}")
    check("bit for bit" in rig.penrig_a("analyze", r.run_file).stdout, "derived again without it")


def faults():
    """None of them is the pen's."""
    for fault, says in (("silent:box@1", "it says no weight"), ("unplug:box@1", "is gone"), ("beyond:box@1", "beyond its range"),
                        ("garbage:box@1,bytes=20,every=2", "it is no report of a weight"), ("other-unit:box@1", "")):
        r = run([fault])
        check(r.outcome() == ("pass", "complete", 0), f"{fault}: {r.outcome()} {r.err[-300:]}")
        check(says in rig.journal(r) + r.err + r.out, f"{fault}: nobody says \"{says}\": {rig.journal(r)[-600:]}")
    r = run(["beyond:box@0"])
    check(r.outcome() == ("pass", "complete", 0) and "beyond its range" in rig.journal(r), f"beyond from the start: {r.outcome()}")
    r = run(["silent:box@0"])
    check(r.outcome()[0] == "inconclusive" and "switch it on" in r.err + r.out, f"one that is off when it is opened: {r.outcome()} {r.err[-200:]}")


def refusals():
    sensor = json.loads(re.sub(r"(?m)(^|\s)// .*$", "", (rig.FIXTURES / "benches/virtual-text.json").read_text()))["devices"][1]
    force = {key: sensor[key] for key in ("force", "preload_n", "calibration")}
    for change, says in (({"roles": ["displacement"], "clock_ppm": 100}, "no stroke depth"),
                         ({"roles": ["load_sensor"], "clock_ppm": 100, "sample_rate_hz": 5, **force}, "no stroke rate"),
                         ({"sample_rate_hz": 50}, "5 times a second at most")):
        r = run(change=change)
        check((r.report or {}).get("dut_verdict") in (None, "none", "inconclusive") and says in r.out + r.err, f"{says}: {(r.out + r.err)[-400:]}")


def an_independent_client():
    argv = [rig.VIRTUAL, "--bench", bench(), "--", "/usr/bin/python3", "-c", CLIENT]
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    said = done.stdout.split()
    check(len(said) == 4 and said[0].startswith("058d09"), f"pyusb reads that it weighs: {done.stdout} {done.stderr[-300:]}")
    for report in map(bytes.fromhex, said[1:]):
        grams = int.from_bytes(report[4:6], "little") * 10.0 ** (report[3] - 256)
        check(report[:3] == bytes([3, 4, 2]) and abs(grams - 100) < 0.11, f"100 g, stable, in grams: {report.hex()}")


if __name__ == "__main__":
    a_good_run()
    faults()
    refusals()
    an_independent_client()
    check.end()
