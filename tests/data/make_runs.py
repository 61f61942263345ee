#!/usr/bin/python3
"""Makes a set of small run files, one of each kind, with the penrig that is built ($B, default build/dev), for test_old_runs.py:

    tests/data/make_runs.py [FOLDER]        default: tests/data/runs-VERSION beside this file, which must not exist

Run it for a release and keep what it makes: later versions are held against it. Nearly all of it comes from the virtual clock; the
killed run is real, in front of penrig-virtual. Each recipe says what must become of it, and nothing is written where one does not."""
import hashlib
import json
import lzma
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import old_runs  # noqa: E402
import rig  # noqa: E402

DEPTH = {"measurand": "depth_error_mm", "unit": "mm", "lower": -0.15, "upper": 0.15}
RATE = {"measurand": "stroke_rate_error_pct", "unit": "%", "lower": -10, "upper": 10}


# ---- inputs, by short relative paths: they are kept in the run file

def jsonc(path):
    return json.loads("\n".join(line.split("//")[0] for line in path.read_text().splitlines()))


def bench(folder, base="virtual-usb.json", sensor="LC-1001", rate_hz=5000, phantoms=("SIL-STD-01",), certificate=None):
    """The shipped bench with what the run needs and no more: sensors of the series LC-1 carry force alone."""
    b = jsonc(rig.FIXTURES / "benches" / base)
    s = b["sensor"]
    s.update(link=s["link"].replace("LC-2001", sensor), serial=sensor, sample_rate_hz=rate_hz)
    s["calibration"]["certificate"] = certificate or f"VB-{sensor}-A"
    if not sensor.startswith("LC-2"):
        del s["displacement_u_mm"]
    b["phantoms"] = [{"file": f"{name}.json", "position": "A1", "strokes_used": 0} for name in phantoms]
    for name in phantoms:
        (folder / f"{name}.json").write_text(json.dumps(jsonc(rig.FIXTURES / "phantoms" / f"{name}.json")))
    (folder / "bench.json").write_text(json.dumps(b, indent=1))


def plan(folder, name, limits=(DEPTH, RATE), step=None, **members):
    step = {"depth_mm": [0.5, 1.0], "rate_hz": 120, "tare_s": 0.2, "settle_s": 0.5, "measure_s": 0.5, **(step or {})}
    (folder / "plan.json").write_text(json.dumps({"kind": "penrig/plan/1", "name": name, **members, "limits": list(limits), "steps": [step]}))


def command(name, dut, *extra):
    return ["run", "plan.json", "--bench", "bench.json", "--dut", dut, "--output-dir", ".", "--name", name, *extra]


def world(faults=(), pen=None, seed=1, extra=()):
    argv = [rig.PENRIG_A, "--bench", "bench.json", "--seed", seed, *(["--virtual-dut", pen] if pen else []), *extra]
    for fault in faults:
        argv += ["--fault", fault]
    return [str(a) for a in argv] + ["--"]


def call(folder, argv, stdin=subprocess.DEVNULL, **kw):
    given = {"input": stdin} if isinstance(stdin, str) else {"stdin": stdin}
    return subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=120, **given, **kw).returncode


# ---- ways to make one: (folder, name) -> exit status

def on_virtual_clock(dut="PEN-GOOD-01", pen=None, faults=(), seed=1, world_extra=(), in_clamp=None, bench_is=None, plan_is=None, **plan_members):
    def make(folder, name):
        bench(folder, **(bench_is or {}))
        plan(folder, name, **(plan_is or {}), **plan_members)
        if in_clamp:
            (folder / "clamp").write_text(in_clamp)
        hands = ["--clamp", "clamp"] if in_clamp else []
        return call(folder, world(faults, pen or dut, seed, [*world_extra, *hands]) + command(name, dut, "--no-input"))
    return make


def with_operator(answers, bench_is, **plan_is):
    """On a terminal of its own; an answer is a text that is asked and the phantom that the hands then put."""
    def make(folder, name):
        bench(folder, **bench_is)
        plan(folder, name, **plan_is)
        argv = world(extra=["--clamp", "clamp"]) + command(name, "PEN-GOOD-01")
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(folder)
            os.execv(argv[0], argv)
        text, left = "", list(answers)
        while True:
            try:
                data = os.read(fd, 65536)
            except OSError:
                break
            text += data.decode(errors="replace")
            if left and left[0][0] in text:
                (folder / "clamp.new").write_text(left.pop(0)[1])
                (folder / "clamp.new").rename(folder / "clamp")
                os.write(fd, b"\n")
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return make


def ended_by(number, real_time=False, **step):
    """By a signal, once the first point has ended."""
    def make(folder, name):
        bench(folder)
        plan(folder, name, step=step)
        read_end, write_end = os.pipe()
        argv = command(name, "PEN-GOOD-01", "--no-input", "--progress-fd", str(write_end))
        front = [str(rig.VIRTUAL), "--bench", "bench.json", "--", str(rig.PENRIG)] if real_time else world()
        child = subprocess.Popen(front + argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 pass_fds=[write_end])
        os.close(write_end)
        with os.fdopen(read_end) as events:
            ended = 0
            for line in events:
                event = json.loads(line)
                ended += event.get("event") == "point"
                if ended and event.get("stage") == "measuring":
                    break
            os.kill(children(child.pid)[0] if real_time else child.pid, number)
            for line in events:
                pass
        return child.wait()
    return make


def children(pid):
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def judged_anew(*limits):
    """A run, and afterwards other limits, each in its turn."""
    def make(folder, name):
        status = on_virtual_clock(step={"depth_mm": 1.0})(folder, name)
        for limit, entry in limits:
            (folder / f"{limit}.json").write_text(json.dumps({"kind": "penrig/limits/1", "name": limit, "limits": [entry]}))
            call(folder, [str(rig.PENRIG), "analyze", f"{name}.penrig", "--limits", f"{limit}.json"])
        return status
    return make


def imported(form, dut="PEN-GOOD-01"):
    """The signal of another run's only point, exported as CSV and taken in as a recording: of numbers, or of 16-bit counts."""
    def make(folder, name):
        on_virtual_clock(dut=dut, step={"depth_mm": 1.0})(folder, "source")
        call(folder, [str(rig.PENRIG), "export", "source.penrig", "--format", "csv", "--output", "source"])
        window = json.loads((folder / "source.report.json").read_text())["points"][0]["window"]
        first, last = int(window["tare_index"]), int(window["end_index"])
        rows = [line.split(",") for line in (folder / "source.stream0.csv").read_text().splitlines()[1:]]
        force = [float(row[2]) for row in rows if first <= int(row[0]) < last]
        scale = 10 / 32767
        if form == "csv":
            (folder / "recording.csv").write_text("".join(f"{n:.6f}\n" for n in force))
        else:
            (folder / "recording.i16").write_bytes(b"".join(round(n / scale).to_bytes(2, "little", signed=True) for n in force))
        at = lambda key: str((int(window[key]) - first) / 5000)
        argv = [str(rig.PENRIG), "import", f"recording.{form}", "--format", form, "--rate", "5000", "--scale", "1" if form == "csv" else repr(scale),
                "--tare-until", at("spin_up_index"), "--start", at("spin_up_index"), "--measure-from", at("first_index"), "--measure-to",
                at("coast_index"), "--recorded", "2026-06-01", "--bench", "bench.json", "--plan", "plan.json", "--dut", dut, "-o", ".", "-n", name]
        return call(folder, argv)
    return make


def calibration(folder, name):
    bench(folder)
    argv = ["calibrate", "SIL-STD-01", "--bench", "bench.json", "--dut", "PEN-GOOD-01", "--output-dir", ".", "--name", name, "--rates", "120",
            "--depths", "0.4,0.8,1.2,1.6,2.0", "--measure", "0.5", "--certificate", "C-17", "--laboratory", "Example Ltd", "--due", "2099-06-30"]
    return call(folder, world() + argv, "0.41\n0.8\n\n1.59\n2.0\n")


# ---- the set: name, what it is, how it is made, verdict, run_status, exit status (as the shell would see it)

RECIPES = [
    ("pass", "three depths up and down with limits on the sweep, dead-man and refusal test",
     on_virtual_clock(tests={"dead_man": True, "refusal": True}, plan_is={"limits": [
         DEPTH, RATE, {"measurand": "depth_hysteresis_mm", "unit": "mm", "upper": 0.06}, {"measurand": "depth_linearity_mm", "unit": "mm", "upper": 0.06},
         {"measurand": "missed_strokes", "unit": "1", "upper": 0}, {"measurand": "spin_up_s", "unit": "s", "upper": 1, "required": False}]},
         step={"depth_mm": [0.5, 1.0, 1.5], "order": "up_down"}), "pass", "complete", 0),
    ("pass-20-khz", "20 kS/s: the load cell's resonance is compensated",
     on_virtual_clock(bench_is={"rate_hz": 20000}, step={"depth_mm": 1.0}), "pass", "complete", 0),
    ("serial-random", "both devices on serial lines, random order, repeats, the nominal rate judged",
     on_virtual_clock(bench_is={"base": "virtual-serial.json"}, seed=3, judge={"rate": "nominal", "depth": "force_equivalent"},
                      step={"depth_mm": [0.6, 1.2], "rate_hz": 100, "repeats": 2, "order": "random", "seed": 7, "measure_s": 0.3}), "pass", "complete", 0),
    ("fail-deep", "a pen that goes 0.2 mm too deep", on_virtual_clock(dut="PEN-DEEP-01"), "fail", "complete", 1),
    ("fail-slow", "a pen that turns 13 % slower than it says", on_virtual_clock(dut="PEN-SLOW-01", step={"depth_mm": 1.0}), "fail", "complete", 1),
    ("fail-stall", "the motor jams, and the pen says so", on_virtual_clock(faults=["stall@0.8"], step={"depth_mm": 1.0}), "fail", "complete", 1),
    ("fail-dead-man", "the pen's dead-man does not trip",
     on_virtual_clock(faults=["dead-man-dead@0"], tests={"dead_man": True}, step={"depth_mm": 1.0}), "fail", "complete", 1),
    ("conditional-pass", "inside the limit, and just inside its guard band",
     on_virtual_clock(plan_is={"limits": [dict(DEPTH, upper=0.007)]}, step={"depth_mm": 1.0}), "conditional_pass", "complete", 3),
    ("conditional-pass-accepted", "the same where the plan accepts it",
     on_virtual_clock(plan_is={"limits": [dict(DEPTH, upper=0.007, rule={"guard_band": 1, "accept_conditional": True})]}, step={"depth_mm": 1.0}),
     "conditional_pass", "complete", 0),
    ("conditional-fail", "beyond the limit by a little less than the guard band",
     on_virtual_clock(plan_is={"limits": [dict(DEPTH, upper=-0.006)]}, step={"depth_mm": 1.0}), "conditional_fail", "complete", 1),
    ("inconclusive-stuck", "the force channel repeats one count", on_virtual_clock(faults=["stuck@1.2"], step={"depth_mm": 1.0}), "inconclusive", "complete", 3),
    ("inconclusive-dropped", "frames get lost", on_virtual_clock(faults=["dropped-frames@1,p=0.05"], step={"depth_mm": 1.0}), "inconclusive", "complete", 3),
    ("inconclusive-alarm", "the sensor tells of a hardware fault", on_virtual_clock(faults=["sensor-alarm@1.2"], step={"depth_mm": 1.0}),
     "inconclusive", "complete", 3),
    ("inconclusive-phantom", "another phantom in the clamp than the plan names, which the displacement shows",
     on_virtual_clock(bench_is={"sensor": "LC-2001"}, in_clamp="SIL-SOFT-01", step={"depth_mm": 1.0}), "inconclusive", "complete", 3),
    ("attempts", "a burst of garbage in the first attempt at the first point, none in the second",
     on_virtual_clock(faults=["garbage:sensor@1.2,every=0"], step={"attempts": 3}), "pass", "complete", 0),
    ("interrupted", "SIGINT in the second point", ended_by(signal.SIGINT, depth_mm=[0.5, 1.0, 1.5], measure_s=1), "inconclusive", "interrupted", 130),
    ("killed", "SIGKILL in the second point, in real time: unfinished, with its -wal",
     ended_by(signal.SIGKILL, real_time=True, depth_mm=[0.5, 1.0, 1.5], measure_s=1.5), "inconclusive", "interrupted", 137),
    ("pen-gone", "the pen is pulled out while it runs", on_virtual_clock(faults=["unplug:pen@1.2"], step={"depth_mm": 1.0}), "inconclusive", "device_lost", 4),
    ("sensor-gone", "the sensor is pulled out while the pen runs: its stop cannot be verified",
     on_virtual_clock(faults=["unplug:sensor@1.2"], step={"depth_mm": 1.0}), "inconclusive", "device_lost", 4),
    ("stop-unverified", "the motor creeps after it was switched off", on_virtual_clock(faults=["creep@1.2,rate=2"], step={"depth_mm": 1.0}),
     "inconclusive", "complete", 3),
    ("refused", "the sensor tells of another certificate than the bench file", on_virtual_clock(bench_is={"certificate": "VB-LC-1001-B"}, step={"depth_mm": 1.0}),
     None, "refused", 8),
    ("internal-error", "the loop of the program cannot wait any more", on_virtual_clock(world_extra=["--wait-fails", "1.2"], step={"depth_mm": 1.0}),
     "inconclusive", "internal_error", 7),
    ("free-run", "a free run, and the droop of the rate against it, by the displacement channel",
     with_operator([("Take the phantom away", "FREE"), ("Put phantom SIL-STD-01", "SIL-STD-01")], {"sensor": "LC-2001"},
                   limits=[{"measurand": "rate_droop_pct", "unit": "%", "lower": -1, "upper": 5}],
                   step={"depth_mm": 1.0, "free_run": True}), "pass", "complete", 0),
    ("displacement-thermal", "depth by the displacement channel, handle and tip temperatures",
     on_virtual_clock(bench_is={"sensor": "LC-2001"}, judge={"rate": "realised", "depth": "displacement"},
                      thermal={"rated_ambient_c": 35, "basis": "an example"},
                      plan_is={"limits": [DEPTH, {"measurand": "handle_temperature_c", "unit": "degC", "upper": 48},
                                          {"measurand": "temperature_rise_k", "unit": "K", "upper": 20},
                                          {"measurand": "steady_temperature_c", "unit": "degC", "upper": 60, "required": False}]},
                      step={"depth_mm": 2.0, "rate_hz": 150, "measure_s": 2}), "pass", "complete", 0),
    ("phantoms", "two phantoms, changed by the operator",
     with_operator([("Put phantom SIL-SOFT-01", "SIL-SOFT-01")], {"phantoms": ("SIL-STD-01", "SIL-SOFT-01")},
                   step={"depth_mm": 1.0, "phantom": ["SIL-STD-01", "SIL-SOFT-01"]}), "pass", "complete", 0),
    ("judged-anew", "a pass that was judged by other limits afterwards: wide ones, tight ones, and on both sides of the guard band's ends",
     judged_anew(("wide", dict(DEPTH, lower=-1, upper=1)), ("tight", dict(DEPTH, lower=0.05)), ("just-pass", dict(DEPTH, upper=0.008)),
                 ("just-fail", dict(DEPTH, upper=-0.007))), "pass", "complete", 0),
    ("imported-csv", "a recording of newtons", imported("csv"), "inconclusive", "complete", 3),
    ("imported-i16", "a recording of 16-bit counts, of a pen that goes too deep", imported("i16", "PEN-DEEP-01"), "fail", "complete", 1),
    ("calibration", "the run of a phantom's calibration", calibration, "pass", "complete", 0),
]


def outcome_of(folder, name):
    report = folder / f"{name}.report.json"
    if not report.exists():
        report.write_text(old_runs.penrig("show", "--json", folder / f"{name}.penrig").stdout)
    r = json.loads(report.read_text())
    return r["dut_verdict"], r["run_status"]


def keep(folder, name, target):
    """Packs the run file, its -wal and its reports; the row of expected.json."""
    files = sorted(p for p in folder.glob(f"{name}.*") if p.suffix in (".penrig", ".penrig-wal") or p.name.endswith(".report.json"))
    digests = {}
    for file in files:
        digests[file.name] = hashlib.sha256(file.read_bytes()).hexdigest()
        (target / f"{file.name}.xz").write_bytes(lzma.compress(file.read_bytes(), preset=9 | lzma.PRESET_EXTREME))
    with tempfile.TemporaryDirectory() as copy:
        return {**old_runs.facts(old_runs.unpack(target, name, copy)), "sha256": digests}


def make(target):
    runs, wrong = {}, []
    for name, _, recipe, verdict, status, code in RECIPES:
        with tempfile.TemporaryDirectory(prefix="pr") as folder:
            folder = Path(folder)
            got = recipe(folder, name)
            if not (folder / f"{name}.penrig").exists():
                wrong.append(f"{name}: exit {got}, no run file: {[p.name for p in folder.iterdir()]}")
                continue
            became = (*outcome_of(folder, name), got)
            if became != (verdict, status, code):
                wrong.append(f"{name}: {became}, not {(verdict, status, code)}")
            runs[name] = keep(folder, name, target)
            if not runs[name]["derived"]:
                wrong.append(f"{name}: cannot be derived again")
            size = sum(p.stat().st_size for p in target.glob(f"{name}.*"))
            print(f"{name:28} {size / 1000:6.1f} kB  {became}  {runs[name]['derived']}", flush=True)
    return runs, wrong


def write_notes(target, version, runs):
    sizes = {name: sum(p.stat().st_size for p in target.glob(f"{name}.*")) for name in runs}
    lines = [f"# Run files of penrig {version}", "",
             "One small run file of each kind, made once by `tests/data/make_runs.py` and never again: later versions must open them, derive them",
             "again bit for bit and judge them as they were judged then (`tests/e2e/test_old_runs.py`). Packed by xz; `xz -dk NAME.penrig.xz` gives",
             "back what `penrig show` and `penrig analyze` read, with the reports as they were saved. `expected.json` holds exit codes, verdicts, how much",
             "was derived again, digests, and the processor and libraries they were made on.", "",
             "Not here: a run whose disk was full (`storage_failed`), one that lost samples to a slow disk, which no replay derives, and one whose",
             "sample clock was corrected by the host's, which needs a host with a synchronised clock.", "",
             "| run | what it is | verdict | run | exit | packed kB |", "|---|---|---|---|---|---|"]
    for name, what, _, verdict, status, code in RECIPES:
        lines.append(f"| `{name}` | {what} | {verdict or 'none'} | {status} | {code} | {sizes[name] / 1000:.0f} |")
    (target / "README.md").write_text("\n".join(lines) + "\n")


def main():
    version = re.match(r"penrig (\S+)", old_runs.penrig("version").stdout)[1]
    target = Path(sys.argv[1] if len(sys.argv) > 1 else old_runs.DATA / f"runs-{version}")
    if target.exists():
        sys.exit(f"{target} exists: a kept set is never made again")
    work = Path(tempfile.mkdtemp(prefix="runs"))
    runs, wrong = make(work)
    if wrong:
        sys.exit("not as meant, and nothing to keep:\n" + "\n".join(wrong))
    expected = {"version": version, "method": old_runs.method(), "made_on": old_runs.processor(), "runs": runs}
    (work / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    write_notes(work, version, runs)
    shutil.copytree(work, target)


if __name__ == "__main__":
    main()
