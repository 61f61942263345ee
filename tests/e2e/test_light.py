#!/usr/bin/python3
"""`penrig analyze --light` on a run of the virtual bench: every true stroke of each window, the true rate, a depth near the
truth; the run file stays as it was, and a file that is none is refused."""
import hashlib
import json
import subprocess
import sys

import rig


def analyze(*args):
    return subprocess.run([str(rig.PENRIG), "analyze", "--light", *map(str, args)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60)


def check_point(check, label, run, point, light):
    window = rig.true_window(run, point)
    depth = sum(t["depth_mm"] for t in window) / len(window)
    check(abs(light["strokes"] - len(window)) <= 1, f"{label}: {light['strokes']} strokes, {len(window)} true")
    check(light["unfitted"] == 0 and light["gaps"] == 0, f"{label}: {light}")
    check(abs(light["rate_hz"] / rig.true_rate_hz(window) - 1) < 0.003, f"{label}: {light['rate_hz']} Hz")
    check(abs(light["depth_mm"] - depth) < 0.15, f"{label}: {light['depth_mm']} mm, {depth} true")


def check_run(check, bench, seed):
    run = rig.run_plan("demo.json", bench=bench, seed=seed)
    before = hashlib.sha256(run.run_file.read_bytes()).hexdigest()
    done = analyze("--json", run.run_file)
    lights = [json.loads(line) for line in done.stdout.splitlines()]
    points = run.report["points"]
    check(done.returncode == 0 and len(lights) == len(points), f"{bench}: exit {done.returncode}, {done.stderr[-300:]}")
    for number, (point, light) in enumerate(zip(points, lights), 1):
        check_point(check, f"{bench} seed {seed} point {number}", run, point, light)
    table = analyze(run.run_file)
    check(all(light["checked"] is False for light in lights), f"{bench}: each line says that nothing was checked")
    check("was not checked" in table.stdout and "verdict" not in table.stdout, f"{bench}: and no verdict is formed")
    check(table.returncode == 0 and len(table.stdout.splitlines()) == len(points) + 2, f"{bench}: {table.stdout}")
    check("nothing here is judged" in table.stdout, f"{bench}: {table.stdout[-200:]}")
    check(hashlib.sha256(run.run_file.read_bytes()).hexdigest() == before, f"{bench}: the run file changed")


def main():
    check = rig.Checks()
    check_run(check, "virtual-usb.json", 1)
    check_run(check, "virtual-serial.json", 2)
    done = analyze(__file__)
    check(done.returncode == 6 and "penrig:" in done.stderr, f"not a run file: {done.returncode} {done.stderr}")
    check.end()


if __name__ == "__main__":
    sys.exit(main())
