#!/usr/bin/python3
"""Instruments that speak lines of text: a run whose temperatures come from one, held against the truth, derived again without
it; what each of its faults does to the verdict; what is refused; and `penrig profile` at a device and at a dialogue."""
import hashlib
import json
import re
import sqlite3
import subprocess
import tempfile
from pathlib import Path

import rig

HEAT = {"measurand": "handle_temperature_c", "unit": "degC", "upper": 60}
RATE = {"measurand": "stroke_rate_error_pct", "unit": "%", "lower": -10, "upper": 10}
THERMAL = {"rated_ambient_c": 35, "basis": "Table 23, moulded plastic, 60 s and longer"}
BENCH = "virtual-text.json"
BALANCE = "serial:1209:0005:BA-1"


def plan(folder, limits=(RATE, HEAT)):
    path = Path(folder) / "plan.json"
    path.write_text(json.dumps({"kind": "penrig/plan/1", "name": "lines", "limits": list(limits), "thermal": THERMAL,
                                "steps": [{"name": "s", "depth_mm": [0.5, 1.0], "rate_hz": [120], "settle_s": 1.5, "measure_s": 3}]}))
    return path


def bench(folder, change=None):
    text = (rig.FIXTURES / "benches" / BENCH).read_text()
    value = json.loads(re.sub(r"\s// .*", "", text.split("\n", 1)[1]))
    for phantom in value["phantoms"]:
        phantom["file"] = phantom["file"].replace("../phantoms", str(rig.FIXTURES / "phantoms"))
    if change:
        change(value["devices"], Path(folder))
    path = Path(folder) / "bench.json"
    path.write_text(json.dumps(value, indent=1))
    return path


def run(change=None, faults=(), limits=(RATE, HEAT), seed=1):
    folder = tempfile.mkdtemp(prefix="pr")
    return rig.run_plan(plan(folder, limits), bench=bench(folder, change), faults=faults, seed=seed, folder=folder)


def profile(*args, **kw):
    return subprocess.run([str(rig.PENRIG), "profile", *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True, **kw)


def a_good_run(check):
    r = run()
    check(r.outcome() == ("pass", "complete", 0), f"a good run: {r.outcome()} {r.err[-300:]}")
    devices = {d["name"]: d for d in r.report["devices"]}
    board, balance = devices["thermometer"], devices["balance"]
    check(board["profile"] == "board-thermometer" and len(board["profile_sha256"]) == 64, f"its profile: {board}")
    shipped = profile("check", "board-thermometer").stdout
    check(board["profile_sha256"] in shipped, f"the digest of the shipped file: {shipped}")
    check((board["serial"], board["model"]) == ("TH-1", "TB-3"), f"its identity: {board['serial']} {board['model']}")
    check([c["name"] for c in balance["channels"]] == ["force"] and balance["channels"][0]["unit"] == "N", "grams that are newtons")
    check("profile" not in devices["pen"], "a device without a profile names none")
    rise = max(t["handle_c"] - t["ambient_c"] for t in r.truth if "handle_c" in t)
    shown = [h["value"] - THERMAL["rated_ambient_c"] for h in (rig.result(p, "handle_temperature_c") for p in r.report["points"])]
    check(len(shown) == 2 and abs(max(shown) - rise) < 0.25, f"the handle's rise {shown}, truly {rise:.3f}")
    done = rig.penrig_a("analyze", r.run_file)
    check("bit for bit" in done.stdout, f"derived again without the devices: {done.stdout[:300]} {done.stderr[:300]}")
    index = [d["name"] for d in r.report["devices"]].index("balance")
    with sqlite3.connect(r.run_file) as db:
        blocks = db.execute("SELECT count(*) FROM block WHERE device = ?", (index,)).fetchone()[0]
    check(blocks > 0, f"the balance's readings are in the run file: {blocks} blocks")
    check('"profile":"mt-sics"' in rig.journal(r), "the journal names the profile")


# What may come of each fault of the thermometer, with a limit on what it measures; never a pass.
FAULTS = {
    "silent:box@6": {("inconclusive", "device_lost", 4)},
    "unplug:box@6": {("inconclusive", "device_lost", 4)},
    "beyond:box@0": {("inconclusive", "device_lost", 4)},
    "beyond:box@6": {("inconclusive", "device_lost", 4)},
}
# And these do it no harm: another scale is converted, a line is later, a few bytes are lost among ten lines a second.
HARMLESS = ("other-unit:box@6", "late:box@0,s=0.05", "garbage:box@6,bytes=20,every=2")


def faults(check):
    jobs = [(fault, None) for fault in FAULTS] + [(fault, True) for fault in HARMLESS]
    for (fault, harmless), r in zip(jobs, rig.in_parallel([lambda f=f: run(faults=(f,)) for f, _ in jobs])):
        if harmless:
            check(r.outcome() == ("pass", "complete", 0), f"{fault}: {r.outcome()} {r.err[-300:]}")
        else:
            check(r.outcome() in FAULTS[fault], f"{fault}: {r.outcome()} {r.err[-300:]}")
        if fault.startswith("beyond"):
            check("thermocouple is open" in rig.journal(r) + r.err, f"{fault}: nobody says why: {r.err[-300:]}")
        if fault.startswith("other-unit"):
            check("its unit has changed from C to F" in rig.journal(r), f"{fault}: nobody says so")
    r = run(faults=("silent:box2@6",))
    check(r.outcome() == ("pass", "complete", 0), f"a balance that falls silent: {r.outcome()}")
    check("balance" in r.err + r.out and "lost" in r.err + r.out, f"and it is said: {r.err[-300:]}")


def an_independent_client(check):
    """sigrok-cli reads the virtual KERN scale, and so does the driver: the same weight."""
    folder = tempfile.mkdtemp(prefix="pr")

    def change(devices, _):
        devices[-1].update({"profile": "kern-scale", "link": "serial:1209:0007:KE-1", "serial": "KE-1"})

    world = ["--bench", str(bench(folder, change))]
    done = subprocess.run([str(rig.VIRTUAL), *world, "--", "sh", "-c", "stdbuf -oL sigrok-cli -d kern-ew-6200-2nm:conn=$(ls /dev/ttyUSB* "
                           "/dev/ttyACM* 2>/dev/null | tail -1) --samples 3"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    values = [float(v) for v in re.findall(r"(\d+\.\d+) g", done.stdout)]
    check(len(values) == 3 and all(abs(v - 100) < 0.05 for v in values), f"sigrok-cli: {done.stdout} {done.stderr[-300:]}")
    done = subprocess.run([str(rig.PENRIG_A), *world, "--", "profile", "test", "kern-scale", "serial:1209:0007:KE-1", "--readings", "3"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    values = [float(v) for v in re.findall(r"reading \d: (\S+) g", done.stdout)]
    check(done.returncode == 0 and len(values) == 3 and all(abs(v - 100) < 0.05 for v in values), f"penrig: {done.stdout} {done.stderr}")


def as_role(role, **more):
    def change(devices, folder):
        device = devices[-1]
        device.update({"roles": [role], "clock_ppm": 100, **more})
        if role == "load_sensor":
            devices[1]["roles"] = ["displacement"]
            for key in ("force", "cell", "preload_n", "tare_free", "still_n", "temperature_coefficient_rel_per_k"):
                value = devices[1].pop(key)
                if key in ("force", "preload_n"):
                    device[key] = value
            device["sample_rate_hz"] = 23
            device["calibration"] = devices[1]["calibration"]
    return change


def refusals(check):
    def own_file(devices, folder):
        (folder / "own.json").write_text((rig.FIXTURES / "profiles/mt-sics.json").read_text())
        devices[-1].update({"profile": "./own.json", "profile_sha256": "0" * 64})

    rows = [
        (as_role("displacement"), "no stroke depth can come of profile"),
        (as_role("load_sensor"), "no stroke rate can come of profile"),
        (lambda d, f: d[-1].update({"profile": "sauter-fh"}) or d[-1].pop("gravity_m_s2"), "name no unit, and none is guessed"),
        (lambda d, f: d[-1].update({"profile": "mt-sisc"}), 'did you mean "mt-sics"'),
        (lambda d, f: d[-1].pop("profile"), '"profile" is missing'),
        (lambda d, f: d[-1].update({"profile": "./gone.json"}), "cannot read"),
        (lambda d, f: d[-2].pop("sites"), '"sites" names 0'),
        (lambda d, f: d[0].update({"profile": "mt-sics"}), "takes no profile"),
        (own_file, "has another digest"),
        (lambda d, f: d[-1].update({"profile_sha256": "0" * 64}), '"mt-sics" that is shipped has another digest'),
        (lambda d, f: d[-1].update({"profile_sha256": "0" * 64}) or d[-1].pop("profile"), '"profile_sha256" is of a profile'),
    ]
    for change, text in rows:
        folder = tempfile.mkdtemp(prefix="pr")
        b, p = bench(folder, change), plan(folder)
        for command in (("check", p, "--bench", b), ("run", p, "--bench", b, "--dut", "PEN-GOOD-01", "--no-input", "--output-dir", folder)):
            done = rig.penrig_a(*command)
            check(done.returncode == 2 and text in done.stderr and str(b) in done.stderr,
                  f"{command[0]}: {text}: exit {done.returncode}: {done.stderr[-300:]}")


def an_own_file(check):
    own = (rig.FIXTURES / "profiles/mt-sics.json").read_text().replace('"mt-sics"', '"own-balance"')

    def change(devices, folder):
        (folder / "own.json").write_text(own)
        devices[-1]["profile"] = "./own.json"

    r = run(change)
    check(r.outcome() == ("pass", "complete", 0), f"a file of one's own: {r.outcome()} {r.err[-300:]}")
    kept = [f for f in r.report["files"] if f["kind"] == "profile"] if "files" in r.report else []
    device = next(d for d in r.report["devices"] if d["name"] == "balance")
    check(device["profile"] == "own-balance" and device["profile_sha256"] == hashlib.sha256(own.encode()).hexdigest(), f"its digest: {device}")
    with sqlite3.connect(r.run_file) as db:
        texts = [bytes(t).decode() for (t,) in db.execute("SELECT data FROM item WHERE kind = 'file'")]
    check(any("own-balance" in t for t in texts), f"the file is kept in the run file ({len(texts)} files, {kept})")
    (r.folder / "own.json").unlink()
    done = rig.penrig_a("analyze", r.run_file)
    check("bit for bit" in done.stdout, f"and is not needed to derive it again: {done.stdout[:200]} {done.stderr[:200]}")
    done = rig.penrig_a("show", "--verify", r.run_file)
    check(done.returncode == 0, f"verified: {done.stdout[-200:]}")

    folder = tempfile.mkdtemp(prefix="pr")
    path = bench(folder, change)
    value = json.loads(path.read_text())
    value["production"] = True
    path.write_text(json.dumps(value))
    done = rig.penrig_a("check", plan(folder), "--bench", path)
    check(done.returncode == 2 and '"profile_sha256"' in done.stderr, f"in production by its digest alone: {done.stderr[-300:]}")
    value["production"] = False
    value["devices"][-1]["profile_sha256"] = hashlib.sha256(own.encode()).hexdigest()
    path.write_text(json.dumps(value))
    done = rig.penrig_a("check", plan(folder), "--bench", path)
    check(done.returncode == 0 and "own-balance" in done.stdout and "try it at the device first" in done.stdout,
          f"check says how sure it is: {done.stdout[-300:]} {done.stderr}")


def a_shipped_one_by_its_digest(check):
    digest = hashlib.sha256((rig.FIXTURES / "profiles/mt-sics.json").read_bytes()).hexdigest()
    folder = tempfile.mkdtemp(prefix="pr")
    done = rig.penrig_a("check", plan(folder), "--bench", bench(folder, lambda d, f: d[-1].update({"profile_sha256": digest})))
    check(done.returncode == 0, f"its own digest: {done.returncode} {done.stderr}")


def at_a_device(check):
    world = [str(rig.PENRIG_A), "--bench", str(rig.FIXTURES / "benches" / BENCH), "--seed", "1"]

    def test(*args, fault=None):
        extra = ["--fault", fault] if fault else []
        return subprocess.run([*world, *extra, "--", "profile", "test", "mt-sics", BALANCE, *args], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True)

    done = test("--gravity", "9.81", "--readings", "3")
    check(done.returncode == 0 and done.stdout.count("ok    reading") == 3 and " 0.98" in done.stdout, f"asked: {done.stdout} {done.stderr}")
    done = test("--rate", "23", "--zero")
    check(done.returncode == 0 and "ok    zero" in done.stdout and "23 a second" in done.stdout, f"streamed: {done.stdout} {done.stderr}")
    done = test(fault="other-unit:box2@0")
    check(done.returncode == 1 and "oz" in done.stdout and "none is guessed" in done.stdout, f"another unit: {done.stdout}")
    done = test(fault="late:box2@0,s=0.55")
    check(done.returncode == 4 and "has not answered within" in done.stdout, f"too late: {done.stdout}")
    done = test(fault="beyond:box2@0")
    check(done.returncode == 0 and "BEYOND ITS RANGE" in done.stdout, f"beyond: {done.stdout}")
    done = test(fault="garbage:box2@0,bytes=30,every=0")
    check(all(c == "\n" or c.isprintable() for c in done.stdout), f"garbage reaches a terminal: {done.stdout!r}")


def at_a_dialogue(check):
    done = profile("list")
    check(done.returncode == 0 and "mt-sics" in done.stdout and "sauter-fh" in done.stdout, f"list: {done.stdout[:200]}")
    done = profile("test", "mt-sics")
    check(done.returncode == 0 and "of 20 cases" in done.stdout, f"a shipped dialogue: {done.stdout[-200:]}")
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "own.json"
        own.write_text((rig.FIXTURES / "profiles/mt-sics.json").read_text())
        done = profile("test", own)
        check(done.returncode == 2 and "own.dialogue" in done.stderr, f"no dialogue: {done.stderr}")
        own.with_suffix(".dialogue").write_text("fresh x\n> I4\\r\\n\n< \\x1b[2J\\r\\n\n> I4\\r\\n\n< \\x1b[2J\\r\\n\nready\n")
        done = profile("test", own)
        check(done.returncode == 1 and "identify" in done.stdout and "\\x1b[2J" in done.stdout and "\x1b" not in done.stdout,
              f"hostile bytes are shown: {done.stdout!r}")
        own.write_text(own.read_text().replace('"units"', '"untis"', 1))
        done = profile("check", own)
        check(done.returncode == 2 and f"{own}:" in done.stderr and 'did you mean "units"' in done.stderr, f"check: {done.stderr}")
    for args, text in ((("test", "mt-sisc"), "did you mean"), (("lst",), "list; check"), (("check", "/nowhere/x.json"), "cannot read"),
                       (("test", "mt-sics", "serial:x", "--rate", "x"), "--rate takes a number")):
        done = profile(*args)
        check(done.returncode == 2 and text in done.stderr, f"{args}: exit {done.returncode}: {done.stderr}")


def documented(check):
    """The worked example of docs/profiles.md, as it stands there."""
    text = (rig.ROOT / "docs/profiles.md").read_text()
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "wagner-fdx.json"
        own.write_text(re.search(r"```json\n(.*?)```", text, re.S).group(1))
        own.with_suffix(".dialogue").write_text(re.search(r"```\n(opening\n.*?)```", text, re.S).group(1))
        for verb in ("check", "test"):
            done = profile(verb, "./wagner-fdx.json", cwd=folder)
            shown = [line.strip() for line in done.stdout.splitlines()]
            check(done.returncode == 0 and all(line in text for line in shown), f"profile {verb}: {done.stdout} {done.stderr}")


def main():
    check = rig.Checks()
    for part in (a_good_run, faults, refusals, an_own_file, a_shipped_one_by_its_digest, an_independent_client, at_a_device, at_a_dialogue, documented):
        part(check)
    return check.end()


if __name__ == "__main__":
    raise SystemExit(main())
