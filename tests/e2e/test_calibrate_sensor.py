#!/usr/bin/python3
"""penrig calibrate sensor: weights that hands put on the virtual load cell become its scale, which the truth must allow; what is no calibration
leaves no file. The truth file says what the cell's sensitivity really is."""
import fcntl
import hashlib
import json
import os
import pty
import re
import subprocess
import tempfile
from pathlib import Path

import rig

SEEDS = int(os.environ.get("SEEDS", "2"))
G, BUOYANCY = 9.8087, 1 - 1.2 / 8000
CERTIFICATE = ["--certificate", "W-7/1", "--laboratory", "Example Ltd", "--due", "2099-06-30"]
check = rig.Checks()


class Hands:
    """Puts what is asked for on the cell, then Enter. `put` says what really lies there: of question number and newtons asked for."""

    def __init__(self, put=lambda number, newtons: newtons, say=lambda number, load: ""):
        self.put, self.say, self.asked = put, say, []

    def answer(self, line, weights, per_load):
        found = re.search(r"Put ([0-9.]+) (g|N) on", line)
        load = float(found[1]) if found else 0.0
        newtons = "shunt" if "shunt" in line else load * per_load
        weights.write_text(f"{self.put(len(self.asked), newtons)}\n")
        self.asked.append(line)
        return self.say(len(self.asked) - 1, load) + "\n"


def hold(bench):
    """The bench's lock, as a run has it."""
    digest = hashlib.sha256(os.path.realpath(bench).encode()).hexdigest()[:24]
    where = next(f for f in (Path("/run/lock"), Path("/tmp")) if os.access(f, os.W_OK))
    held = open(where / f"penrig-{digest}.lock", "w")
    fcntl.flock(held, fcntl.LOCK_EX)
    return held


class Calibration:
    def __init__(self, hands=None, args=("--loads", "1,2,5,9", "--load-u", "2e-5", *CERTIFICATE), bench="virtual-usb.json", seed=1, faults=(),
                 change=None, per_load=1.0, terminal=False, busy=False):
        self.folder = Path(tempfile.mkdtemp(prefix="cs"))
        path = rig.own_bench(bench, self.folder)
        if change:
            path.write_text(change(path.read_text()))
        weights, self.hands = self.folder / "weights", hands or Hands()
        weights.write_text("0\n")
        held = hold(path) if busy else None
        argv = [rig.PENRIG_A, "--bench", path, "--seed", seed, "--truth", self.folder / "truth.jsonl", "--weights", weights]
        for fault in faults:
            argv += ["--fault", fault]
        argv += ["--", "calibrate", "sensor", "--bench", path, "--output-dir", self.folder, *args]
        master, slave = pty.openpty() if terminal else (None, subprocess.PIPE)
        child = subprocess.Popen([str(a) for a in argv], stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        keys = os.fdopen(master, "w") if terminal else child.stdin
        self.err = ""
        for line in child.stderr:
            self.err += line
            if line.rstrip().endswith((".", "Enter.")) and ("Enter" in line):
                try:
                    keys.write(self.hands.answer(line, weights, per_load))
                    keys.flush()
                except BrokenPipeError:
                    break
        keys.close()
        self.out, self.code = child.stdout.read(), child.wait()
        if held:
            held.close()
        files = [p for p in self.folder.glob("*W-7-1.json")]
        self.file = json.loads(files[0].read_text()) if files else None
        self.path = files[0] if files else None
        self.truth = [json.loads(line) for line in (self.folder / "truth.jsonl").read_text().splitlines()]

    def true_gain(self):
        """Of the cell: what it reads of a newton."""
        return self.truth[0]["sensor"]["gain"]


def inside():
    """The gain lies within its uncertainty of the truth, for newtons and for grams, up and down again, with two points and with more."""
    ways = {
        "four loads": ("--loads", "1,2,5,9", "--load-u", "2e-5"),
        "up and down twice": ("--loads", "1,2,5,9", "--load-u", "2e-5", "--unload", "--repeats", "2"),
        "two points": ("--loads", "9", "--load-u", "2e-5"),
        "weights": ("--loads", "100,200,500", "--gravity", str(G), "--load-u", "2e-5"),
    }
    for what, args in ways.items():
        for seed in range(1, SEEDS + 1):
            run = Calibration(args=(*args, *CERTIFICATE), seed=seed, per_load=G * BUOYANCY / 1000 if what == "weights" else 1)
            label = f"{what}, seed {seed}"
            if not check(run.code == 0 and run.file, f"{label}: {run.code} {run.err[-300:]}"):
                continue
            gain, u = run.file["force"]["gain"], run.file["force"]["u_rel"]
            check(abs(gain * run.true_gain() - 1) <= 2 * u, f"{label}: {gain} of a cell that reads {run.true_gain()}, +- {2 * u}")
            check(1e-5 < u < 1e-3, f"{label}: how well that is known: {u}")
            check(("three loads and more" in run.out) == (what == "two points"), f"{label}: whether a line can be seen: {run.out}")
            check("MORE THAN CHANCE" not in run.out, f"{label}: it is straight: {run.out}")


def entry():
    """What is printed goes into the bench file, whatever the scale of a channel was; and penrig history reads the certificate."""
    run = Calibration()
    text = (rig.FIXTURES / "benches/virtual-usb.json").read_text()
    printed = dict(re.findall(r'"(calibration|force)": (\{.*\})', run.out))
    check(json.loads(printed["calibration"])["certificate"] == "W-7/1", f"its certificate: {printed}")
    told = json.loads(printed["force"])
    check(told["u_rel"] >= run.file["force"]["u_rel"] + 0.49 * abs(run.file["force"]["gain"] - 1) and told["range_n"] == [-9, 9],
          f"a scale that stays is off by what was found: {told}")
    text = re.sub(r'"calibration": \{.*?\}', f'"calibration": {printed["calibration"]}', text, count=1, flags=re.S)
    text = re.sub(r'"force": \{.*?\}', f'"force": {printed["force"]}', text, count=1).replace("../phantoms", str(rig.FIXTURES / "phantoms"))
    bench = run.folder / "new.json"
    bench.write_text(text)
    done = rig.penrig_a("check", rig.FIXTURES / "plans/ci-smoke.json", "--bench", bench)
    check(done.returncode == 0, f"check takes it: {done.stdout[-300:]} {done.stderr[-300:]}")
    done = rig.penrig_a("history", "--impact", run.path, "--state", run.folder / "nowhere")
    check(done.returncode == 0 and "no run" in done.stdout + done.stderr or "0 runs" in done.stdout, f"and history reads the certificate: {done.returncode} {done.stdout} {done.stderr}")
    check(run.file["replaces"] == "VB-LC-2001-A" and run.file["serial"] == "LC-2001" and len(run.file["points"]) == 6, f"it says of what: {run.file}")


def scaled():
    """A DAQ's channel of any scale, also one that was never set: its new one makes newtons."""
    for scale, fine in ((1, True), (25, False), (-3, False)):
        run = Calibration(bench="bought-daq.json", change=lambda text: re.sub(r'("input": 0, "range_v": 10, "scale": )1(, "range": )\[-10, 10\]',
                                                                              rf"\g<1>{scale}\g<2>[{-10 * abs(scale)}, {10 * abs(scale)}]", text))
        found = re.search(r'"scale": ([-0-9.e]+), "offset"', run.out)
        if not check(run.code == 0 and found, f"scale {scale}: {run.code} {run.out[-300:]} {run.err[-300:]}"):
            continue
        check(abs(float(found[1]) * run.true_gain() - 1) < 0.0015, f"scale {scale}: the new one is {found[1]}, of a cell of {run.true_gain()}")
        check((run.file is not None) == fine, f"scale {scale}: a certificate only of what is a correction")


def refused():
    """Nonsense leaves no file: exit code 3, and why."""
    for what, hands, says, args in (
        ("the same load twice", Hands(put=lambda n, f: {2: 1.0}.get(n, f)), "did not change", ()),
        ("another load", Hands(put=lambda n, f: {3: 9.0}.get(n, f)), "another one", ()),
        ("half of the first load", Hands(put=lambda n, f: {1: 0.3}.get(n, f)), "its own scale", ()),
        ("no load at all", Hands(put=lambda n, f: 0.0), "did not change", ()),
        ("something left on it", Hands(put=lambda n, f: {5: 0.06}.get(n, f)), "without load", ()),
        ("a gauge that reads another load", Hands(say=lambda n, load: "3.5" if n == 2 else ""), "no load near", ()),
        ("given up", Hands(say=lambda n, load: "q" if n == 2 else ""), "given up", ()),
    ):
        run = Calibration(hands)
        check(run.code == 3 and run.file is None and says in run.err, f"{what}: {run.code} {run.err[-300:]}")
    run = Calibration(busy=True)
    check(run.code == 5 and not run.hands.asked and run.file is None, f"a bench that a run holds: {run.code} {run.err}")
    for fault, code, says in (("unplug:sensor@3", 4, "gone"), ("silent:sensor@3", 4, "has not answered"), ("dropped-frames@0", 3, "lost")):
        run = Calibration(faults=[fault])
        check(run.code == code and says in run.err and run.file is None, f"{fault}: {run.code} {run.err[-300:]}")
    for args, says in ((("--loads", "2,2", "--load-u", "1e-5"), "rising"), (("--loads", "2,1", "--load-u", "1e-5"), "rising"), (("--loads", "1,2"), "--load-u"),
                       (("--load-u", "1e-5"), "--loads"), (("--loads", "1", "--load-u", "1e-5", "--gravity", "98"), "--gravity"),
                       (("--loads", "1", "--load-u", "1e-5", "--repeats", "1.5"), "whole number")):
        run = Calibration(args=(*args, *CERTIFICATE))
        check(run.code == 2 and says in run.err and run.file is None, f"{args}: {run.code} {run.err}")


def reference():
    """A gauge's readings count in the place of what was asked for; a cell that is not straight is told to be so."""
    run = Calibration(Hands(put=lambda n, f: 1.02 * f, say=lambda n, load: f"{1.02 * load:.4f}" if load else ""))
    check(run.code == 0 and abs(run.file["force"]["gain"] * run.true_gain() - 1) <= 2 * run.file["force"]["u_rel"], f"by a gauge: {run.file} {run.err[-200:]}")
    for args in ((), ("--unload",)):
        bent = Calibration(Hands(put=lambda n, f: f - 0.002 * f * f), args=("--loads", "1,2,5,9", "--load-u", "2e-5", *args, *CERTIFICATE))
        check(bent.code == 0 and "MORE THAN CHANCE" in bent.out, f"a bent one {args}: {bent.out}")
        gain, u = bent.file["force"]["gain"] * bent.true_gain(), bent.file["force"]["u_rel"]
        off = max(abs(gain * (1 - 0.002 * f) - 1) for f in (0.1, 1, 2, 5, 9))
        check(off <= 2 * u < 4 * off, f"and its uncertainty says by how much {args}: {off}, {2 * u}")


def asked_again():
    """What a gauge read of a window that was refused is no word on the next one."""
    run = Calibration(Hands(put=lambda n, f: 0.0 if n == 1 else f, say=lambda n, load: f"{1.1 * load:.4f}" if n == 1 else ""),
                      args=("--loads", "9", "--load-u", "2e-5", *CERTIFICATE), terminal=True)
    check(run.code == 0 and "once more" in run.err and abs(run.file["force"]["gain"] * run.true_gain() - 1) <= 2 * run.file["force"]["u_rel"],
          f"once more: {run.code} {run.file} {run.err[-500:]}")


def shunt():
    run = Calibration(Hands(put=lambda n, f: 4.2 if f == "shunt" else f), args=("--loads", "1,5,9", "--load-u", "2e-5", "--shunt", *CERTIFICATE))
    found = re.search(r"stands for ([0-9.]+) N", run.out)
    check(run.code == 0 and found and abs(float(found[1]) - 4.2) < 0.01, f"what the shunt stands for: {run.out[-600:]} {run.err[-200:]}")
    off = Calibration(Hands(put=lambda n, f: 4.2 if f == "shunt" else 1.02 * f), args=("--loads", "1,5,9", "--load-u", "2e-5", "--shunt", *CERTIFICATE))
    says = re.search(r"stands for ([0-9.]+) N: .*--shunt-check ([0-9.]+)", off.out)
    check(says and abs(float(says[1]) - 4.2 / 1.02) < 0.01 and abs(float(says[2]) - 4.2) < 0.01, f"a scale that stays goes on to read what it reads: {off.out[-600:]}")
    lost = Calibration(Hands(put=lambda n, f: 4.2 if f == "shunt" else f), args=("--shunt-check", "4.2"), faults=["dropped-frames:sensor@5.5,p=0.3"])
    check(lost.code == 3 and "lost" in lost.err and len(lost.hands.asked) == 2, f"samples that are lost check nothing: {lost.code} {lost.out} {lost.err}")
    for newtons, code in ((4.2, 0), (4.25, 1), (0.0, 1)):
        again = Calibration(Hands(put=lambda n, f: newtons if f == "shunt" else f), args=("--shunt-check", "4.2"))
        check(again.code == code and len(again.hands.asked) == 2, f"checked with {newtons} N: {again.code} {again.out} {again.err}")


if __name__ == "__main__":
    rig.in_parallel([inside, entry, scaled, refused, reference, asked_again, shunt])
    check.end()
