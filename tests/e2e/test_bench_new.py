#!/usr/bin/python3
"""`penrig bench new` in front of the simulator: with answers of the command line, of a program and of a person it makes a bench file
that `check` accepts, and never a wrong one."""
import json
import os
import pty
import subprocess
import tempfile
from pathlib import Path

import rig

check = rig.Checks()
FOLDER = Path(tempfile.mkdtemp(prefix="pr"))
WORLD = rig.own_bench("virtual-usb.json", FOLDER)
ANSWERS = {
    "name": "bench-7", "site": "", "mains_hz": "", "ambient_c": "18 28", "pen": "", "pen_rate_hz": "60, 300", "pen_depth_mm": "0.2 3",
    "sensor": "1", "sample_rate_hz": "", "certificate": "VB-LC-2001-A", "laboratory": "penrig virtual bench", "calibrated": "2026-01-15",
    "due": "2099-12-31", "force_u_rel": "0.001", "force_range_n": "-10 10", "preload_n": "0.15 0.6", "clock_ppm": "10",
    "tare_free": "off, the pen stands with its needles drawn back", "cell_hz": "5000", "cell_damping": "0.05",
    "phantom": str(rig.FIXTURES / "phantoms/SIL-STD-01.json"), "position": "", "strokes_used": "",
}


def new(name, *options, **keys):
    argv = [rig.VIRTUAL, "--bench", WORLD, "--", rig.PENRIG, "bench", "new", name, *options]
    return subprocess.run([str(a) for a in argv], text=True, cwd=FOLDER, timeout=60, **{"stdin": subprocess.DEVNULL, "capture_output": True, **keys})


def given(**changes):
    return [word for key, value in {**ANSWERS, **changes}.items() if value for word in ("--set", f"{key}={value}")]


def accepted(name):
    done = subprocess.run([str(rig.PENRIG), "check", str(rig.FIXTURES / "plans/ci-smoke.json"), "--bench", name], capture_output=True, text=True,
                          cwd=FOLDER)
    return check(done.returncode == 0, f"{name}: check says {done.stderr}")


def refused(word, text, **changes):
    done = new("wrong.json", *given(**changes))
    check(done.returncode == 2 and text in done.stderr, f"{word}: {done.returncode} {done.stderr}")
    check(not (FOLDER / "wrong.json").exists() and not list(FOLDER.glob("*.draft")), f"{word}: something was written")


def by_answer_fd():
    reading, writing = os.pipe()
    os.write(writing, "".join(f"{value}\n" for value in ANSWERS.values()).encode())
    os.close(writing)
    done = new("program.json", "--answer-fd", str(reading), pass_fds=[reading])
    os.close(reading)
    check(done.returncode == 0 and accepted("program.json"), f"by --answer-fd: {done.returncode} {done.stderr}")
    return json.loads((FOLDER / "program.json").read_text())


def by_hand():
    """What is wrong is asked again."""
    master, slave = pty.openpty()
    wrong = {"ambient_c": "18", "pen": "7", "due": "soon", "force_u_rel": "12", "laboratory": ""}
    lines = "".join(f"{wrong[key]}\n{value}\n" if key in wrong else f"{value}\n" for key, value in ANSWERS.items())
    os.write(master, lines.encode())
    done = new("hand.json", stdin=slave)
    os.close(master)
    os.close(slave)
    check(done.returncode == 0 and accepted("hand.json"), f"by hand: {done.returncode} {done.stderr} {done.stdout[-300:]}")
    for text in ("two numbers, such as", "there is no number 7", '"soon" is no date', "12 lies outside", "laboratory is not answered"):
        check(text in done.stdout, f"by hand: nothing says {text}: {done.stdout}")
    check("1  usb:1209:0001:PEN-GOOD-01  scpi-pen" in done.stdout, f"by hand: no list: {done.stdout[:600]}")


def main():
    done = new("given.json", *given())
    check(done.returncode == 0 and accepted("given.json"), f"by --set: {done.returncode} {done.stderr}")
    bench = json.loads((FOLDER / "given.json").read_text())
    check(bench["pen"]["link"] == "usb:1209:0001:{dut}" and bench["sensor"]["link"] == "usb:1209:0002:LC-2001", f"links: {bench}")
    check(bench["sensor"]["force"]["range_n"] == [-10, 10] and bench["mains_hz"] == 50 and "site" not in bench, f"values: {bench}")
    run = rig.run_plan("ci-smoke.json", bench=str(FOLDER / "given.json"))
    check(run.outcome()[1] == "complete", f"a run on it: {run.outcome()} {run.err[-300:]}")
    check(by_answer_fd() == bench, "answers of a program make another file")
    by_hand()

    again = new("given.json", *given(name="other"))
    check(again.returncode == 2 and "is there already" in again.stderr, f"over a file: {again.stderr}")
    check(json.loads((FOLDER / "given.json").read_text()) == bench, "a file was written over")
    refused("missing", "--set certificate=VALUE", certificate="")
    refused("date", "is no date", due="2026-02-30")
    refused("order", "lower one first", force_range_n="10 -10")
    refused("nothing", "neither a number of the list nor a link", sensor="LC-2001")
    refused("mains", "mains_hz", mains_hz="55")
    refused("preload", "preload", preload_n="5 20")
    refused("phantom", "cannot read", phantom="none.json")
    refused("key", 'did you mean "sensor"', sensr="1")
    far = new("far.json", *given(pen="serial:1209:0003:{dut}"))
    pen = json.loads((FOLDER / "far.json").read_text())["pen"] if far.returncode == 0 else {}
    check(pen.get("driver") == "scpi-pen" and pen.get("baud") == 115200, f"a pen that is not plugged in: {far.stderr} {pen}")
    check.end()


if __name__ == "__main__":
    main()
