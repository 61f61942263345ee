#!/usr/bin/python3
"""A run derived again from its file is the same, bit for bit, whatever the bench, the seed, the faults, and as far as a killed
run got; what was changed is found and named; other limits give another verdict beside the old; exports read back as what was
stored, and a recording that was exported comes back by import with the same figures."""
import hashlib
import json
import math
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import wave
from pathlib import Path

import h5py
import jsonschema
import numpy as np

import report_form
import rig
import sealing

SAME = "every result is the same, bit for bit"
LIMITS_SCHEMA = json.loads((rig.ROOT / "reports/schema/limits.schema.json").read_text())


def penrig(*args):
    return subprocess.run([str(rig.PENRIG), *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)


def counted(out):
    found = re.search(r"bit for bit: (\d+) results and (\d+) strokes of (\d+) points?, derived again from (\d+) samples", out)
    return tuple(map(int, found.groups())) if found else None


def check_same(check, label, run):
    done = penrig("analyze", run.run_file)
    if not check(SAME in done.stdout, f"{label}: derived again: exit {done.returncode}: {done.stdout[-600:]}{done.stderr[-300:]}"):
        return
    points = run.report["points"]
    results = sum(len(p["results"]) for p in points) + sum(len(s["results"]) for s in run.report["sweeps"])
    check(done.returncode == run.status, f"{label}: analyze exits {done.returncode}, the run {run.status}")
    check(counted(done.stdout)[0] == results, f"{label}: {counted(done.stdout)[0]} results derived, {results} in the report")
    check(counted(done.stdout)[2] == len(points), f"{label}: {len(points)} points, said: {done.stdout[:200]}")


# ---- bit for bit

FAULTS = ["unplug:sensor@6.5", "unplug:pen@6.5", "silent:sensor@6.5", "garbage:sensor@6.5", "bit-flips:sensor@6.5", "stall@6.5",
          "stuck@6.5", "saturated@6.5", "dropped-frames@6.5", "slow-clock@0", "missed-strokes@6.5"]

def test_same(check):
    # faults leave attempts, gaps, conditions and inconclusive points behind: every road out of a point is derived again
    worlds = [(bench, seed, ()) for bench in ("virtual-usb.json", "virtual-serial.json", "virtual-mixed.json") for seed in (1, 2, 3)]
    for seed, fault in enumerate(FAULTS, 1):
        worlds += [("virtual-usb.json", seed, (fault,)), ("virtual-serial.json", seed, (fault,))]
    worlds = rig.some(worlds)
    jobs = [lambda w=w: rig.run_plan("demo.json", bench=w[0], seed=w[1], faults=w[2]) for w in worlds]
    for world, run in zip(worlds, rig.in_parallel(jobs)):
        label = f"demo on {world[0]}, seed {world[1]} {' '.join(world[2])}"
        if check(run.run_file is not None and run.report is not None, f"{label}: a run file stands: {run.err[-300:]}"):
            check_same(check, label, run)
    check_same(check, "conformance", rig.run_plan("conformance.json"))
    wrong = rig.run_plan("demo.json", clamp="PEN-GOOD-02")
    both = "PEN-GOOD-01" in wrong.err and "PEN-GOOD-02" in wrong.err
    check(wrong.status == 8 and both and wrong.run_file is None, f"the wrong pen is there, and no run file says that one was tested: {wrong.status} {wrong.err}")
    gone = rig.run_plan("demo.json", faults=["unplug:sensor@0"])
    if check(gone.status == 4 and gone.run_file is not None, f"no sensor, and a run file that says so: {gone.status} {gone.err}"):
        check_same(check, "a run that measured nothing", gone)


# ---- killed

def test_killed(check):
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    bench = rig.own_bench("virtual-usb.json", folder)
    read_end, write_end = os.pipe()
    child = subprocess.Popen([rig.PENRIG_A, "--bench", bench, "--seed", "4", "--truth", folder / "t", "--virtual-dut", "PEN-GOOD-01",
                              "--", "run", rig.FIXTURES / "plans/conformance.json", "--bench", bench, "--dut", "PEN-GOOD-01",
                              "--output-dir", folder, "--name", "killed", "--no-input", "--progress-fd", str(write_end)],
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=(write_end,))
    os.close(write_end)
    finished = 0
    with os.fdopen(read_end) as events:
        for line in events:
            finished += json.loads(line).get("event") == "point"
            if finished == 20:
                break
        child.kill()
    check(child.wait() == -signal.SIGKILL, f"killed after {finished} points")
    done = penrig("analyze", folder / "killed.penrig")
    said = counted(done.stdout)
    check(said is not None and said[2] >= 5, f"a killed file is derived as far as points ended: {done.stdout[:300]}{done.stderr[:300]}")
    check(done.returncode == 130, f"its exit code is that of an interrupted run: {done.returncode}")


# ---- changed

def change_point(path, row, change):
    """With chain and digests to match, so that the derivation alone can tell."""
    db = sqlite3.connect(path)
    seq, data = db.execute("SELECT seq, data FROM item WHERE kind='point' AND key=? ORDER BY seq DESC LIMIT 1", (row,)).fetchone()
    point = json.loads(data)
    change(point)
    db.execute("UPDATE item SET data=? WHERE seq=?", (json.dumps(point).encode(), seq))
    db.commit()
    db.close()
    sealing.seal(path)


def test_changed(check, run):
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    index = next(i for i, r in enumerate(run.report["points"][2]["results"])
                 if r["measurand"] == "depth_mm" and r["method"] == "force_equivalent")

    def nudge(point):
        value = point["result"][index]["result"]["value"]
        point["result"][index]["result"]["value"] = math.nextafter(value, 9) if hasattr(math, "nextafter") else value * (1 + 2e-16)

    path = Path(shutil.copy(run.run_file, folder / "nudged.penrig"))
    change_point(path, 2, nudge)
    done = penrig("analyze", path)
    check(done.returncode == 7, f"one bit of one result: exit {done.returncode}")
    check(SAME not in done.stdout and "point 3, attempt 1" in done.stdout and "depth_mm force_equivalent: value is" in done.stdout,
          f"one bit of one result is named: {done.stdout[:400]}")
    check("1 differences" in done.stdout, f"and nothing else is: {done.stdout[-300:]}")
    check(penrig("analyze", path, "--limits", tight(folder)).returncode == 7, "such a file is not judged anew")

    def shift(point):
        point["mark"][3]["index"][0] = str(int(point["mark"][3]["index"][0]) + 1)

    path = Path(shutil.copy(run.run_file, folder / "shifted.penrig"))
    change_point(path, 2, shift)
    check(penrig("analyze", path).returncode == 7, "a window that begins one sample later is found")

    # What a replay takes as stored, it does not contradict: another pen's name, or a condition that the pen reported.
    path = Path(shutil.copy(run.run_file, folder / "renamed.penrig"))
    db = sqlite3.connect(path)
    db.execute("UPDATE item SET data=replace(CAST(data AS TEXT), 'PEN-GOOD-01', 'PEN-GOOD-99') WHERE kind='record'")
    db.commit()
    db.close()
    done = penrig("analyze", path)
    check(done.returncode == 6 and "verdict:" not in done.stdout, f"a record that names another pen: exit {done.returncode}")
    check(penrig("analyze", path, "--limits", tight(folder)).returncode == 6, "nor is such a file judged anew")
    check(penrig("analyze", path, "--light", "--limits", tight(folder)).returncode == 2, "--light forms no verdict by --limits")


# ---- judged by another method

def with_length(data):
    return len(data).to_bytes(8, "little") + data


def rechain(path, change):
    """The file as it would be had it been written so: items changed by change(kind, key, document), all digests, the chain and the
    heads that name it as docs/run-file.md gives them."""
    db = sqlite3.connect(path)
    n = lambda x: x.to_bytes(8, "little")
    head, heads = bytes(32), {}
    for seq, host_ns, kind, text, before in db.execute("SELECT seq, host_ns, kind, json, hash FROM journal ORDER BY seq").fetchall():
        if kind == "item":
            entry = json.loads(text)
            number, what, key, state, count, data = db.execute("SELECT seq, kind, key, state, count, data FROM item WHERE seq=?", (int(entry["item"]),)).fetchone()
            if what in ("record", "point") and (document := change(what, key, json.loads(data))) is not None:
                data = json.dumps(document, separators=(",", ":")).encode()
            if what in ("record", "report"):
                data = re.sub(rb"[0-9a-f]{64}", lambda m: heads.get(m[0].decode(), m[0].decode()).encode(), data)
            parts = (n(number), with_length(what.encode()), n(key), with_length(state.encode()), n(count), with_length(data))
            digest = hashlib.sha256(b"".join(parts)).digest()
            db.execute("UPDATE item SET data=?, digest=? WHERE seq=?", (data, digest, number))
            text = json.dumps(entry | {"sha256": digest.hex()}, separators=(",", ":"))
        head = hashlib.sha256(head + n(seq) + n(host_ns) + with_length(kind.encode()) + with_length(text.encode())).digest()
        heads[before.hex()] = head.hex()
        db.execute("UPDATE journal SET json=?, hash=? WHERE seq=?", (text, head, seq))
    db.commit()
    db.close()


def of_method(method, wrong=None):
    """A change for rechain(): the method that judged, and what it made of each point."""
    def change(kind, key, document):
        if kind == "record":
            return document | {"method": method} if method else {k: v for k, v in document.items() if k != "method"}
        if wrong and document["result"]:
            wrong(key, document)
            return document
        return None
    return change


def shallow(key, point):
    """Another method found point 3 shallower by half a U, doubted its depth error, and knew a measurand that we do not."""
    if key != 2:
        return
    for finding in point["result"]:
        result = finding["result"]
        if result["name"] == "depth_mm" and result["method"] == "force_equivalent":
            result["value"] -= result["expanded_u"] / 2
        if result["name"] == "depth_error_mm" and finding["has_limit"]:
            finding["judgement"]["outcome"] = 2
        if result["name"] == "period_jitter_pct":
            result["method"] = "by another name"
        if result["name"] == "strokes":
            result["name"] = "strikes"


def test_other_method(check, run):
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    ours = run.report["software"]["method"]
    check(f", method {ours}\n" in penrig("show", run.run_file).stdout, "show names the method")

    path = Path(shutil.copy(run.run_file, folder / "unnamed.penrig"))
    rechain(path, of_method(None))
    done = penrig("analyze", path)
    check(penrig("show", "--verify", path).returncode == 0 and ", method 1\n" in penrig("show", path).stdout, "a file that names no method is of the first")
    check(done.returncode == run.status and SAME in done.stdout, f"and derived again: {done.returncode} {done.stdout[:300]}")

    path = Path(shutil.copy(run.run_file, folder / "same.penrig"))
    rechain(path, of_method(ours, shallow))
    done = penrig("analyze", path)
    check(done.returncode == 7 and "NOT REPRODUCED" in done.stdout and "other method" not in done.stdout, f"other results by the same method: {done.returncode} {done.stdout[:300]}")

    path = Path(shutil.copy(run.run_file, folder / "other.penrig"))
    rechain(path, of_method(ours + 1, shallow))
    done = penrig("analyze", path)
    out = done.stdout
    check(done.returncode == 9, f"by another method, and results differ: {done.returncode} {out[-600:]}{done.stderr}")
    check(f"other method (file: {ours + 1}, this program: {ours}): 5 results differ, largest by 0.5 of its U" in out, f"how many, and by how much: {out[:200]}")
    check(re.search(r"^ +3 depth_mm force_equivalent +1\.\d+ +1\.\d+ +0\.\d+ +0\.50$", out, re.M), f"the table has the depth: {out[:900]}")
    check(re.search(r"^ +3 strikes +\S+ +none +- +-$", out, re.M) and re.search(r"^ +3 strokes +none +\S+ +- +-$", out, re.M), f"what only one has: {out[:900]}")
    check(re.search(r"^ +3 depth_error_mm force_equivalent: inconclusive -> pass$", out, re.M), f"the verdict that differs: {out[:1200]}")
    check(not re.search(r": (\w+) -> \1$", out, re.M), f"and none that does not: {out[:1200]}")
    check("NOT REPRODUCED" not in out and SAME not in out, "nothing in the file is said to be wrong")
    wide = [line for line in out.split("these verdicts")[0].splitlines()[1:] if len(line) > 80]
    check(not wide, f"80 columns: {wide}")
    done = penrig("analyze", path, "--limits", tight(folder))
    check(done.returncode == 1, f"it can be judged anew: {done.returncode} {done.stderr}")
    report = report_form.read((folder / "other.limits-tight.report.json").read_text())
    report_form.validate(report)
    check(report["judged_anew"]["method"] == ours == report["software"]["method"], "and the report names the method of the new verdict")
    check(penrig("show", "--verify", path).returncode == 0, "the chain holds behind it")

    path = Path(shutil.copy(run.run_file, folder / "forged.penrig"))
    change_point(path, 2, lambda point: shallow(2, point))
    db = sqlite3.connect(path)
    db.execute("UPDATE item SET data=replace(CAST(data AS TEXT), ?, ?) WHERE kind='record'", (f'"method":{ours}', f'"method":{ours + 1}'))
    db.commit()
    db.close()
    done = penrig("analyze", path)
    check(done.returncode == 6 and "verdict:" not in done.stdout, f"no other method excuses a broken chain: {done.returncode} {done.stdout[-300:]}")


# ---- risks

def test_risks(check, run):
    plan = re.sub(r"//[^\n]*", "", (rig.FIXTURES / "plans/demo.json").read_text())
    document = json.loads(plan)
    document["process"] = [{"measurand": "depth_error_mm", "unit": "mm", "mean": 0.02, "sd": 0.06, "consumer_risk": 0.0001},
                           {"measurand": "depth_hysteresis_mm", "unit": "mm", "mean": 0.01, "sd": 0.01, "distribution": "gamma"}]
    jsonschema.validate(document, json.loads((rig.ROOT / "reports/schema/plan.schema.json").read_text()))
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    path = folder / "process.json"
    path.write_text(json.dumps(document))
    told = penrig("check", path).stdout
    check(re.search(r"^  process depth_error_mm +mean 0.02, sd 0.06 mm, normal, consumer's risk of 0.0001 wanted$", told, re.M) and
          re.search(r"^  process depth_hysteresis_mm +mean 0.01, sd 0.01 mm, gamma$", told, re.M), f"check tells the process: {told[:1500]}")
    with_process = rig.run_plan(str(path), seed=2)
    report = with_process.report
    report_form.validate(report)
    strip = lambda r: {k: v for k, v in r.items() if k != "process"}
    same = [[strip(r) for r in p["results"]] for p in report["points"]] == [p["results"] for p in run.report["points"]]
    check(same, "a process changes no result and no outcome")
    weighed = [r for p in report["points"] for r in p["results"] if "process" in r]
    check(len(weighed) == len(report["points"]) and all(r["measurand"] == "depth_error_mm" and r["outcome"] for r in weighed), f"beside each limit: {len(weighed)}")
    for r in weighed:
        p, u = r["process"], r["standard_uncertainty"]
        inside = 0.5 * (math.erf((0.15 - 0.02) / 0.06 / math.sqrt(2)) - math.erf((-0.15 - 0.02) / 0.06 / math.sqrt(2)))
        check(abs(p["conforming"] - inside) < 1e-5 and 0 < p["consumer_risk"] < 1e-3 < p["producer_risk"] < 0.1, f"the shares of all pens: {p}")
        check(p["wanted_consumer_risk"] == 1e-4 and 0.15 - 4 * u < p["acceptance_upper"] <= 0.15 and p["acceptance_lower"] == -p["acceptance_upper"], f"and what would keep the one that is wanted: {p}")
    check("process" in next(r for r in report["sweeps"][0]["results"] if r["measurand"] == "depth_hysteresis_mm"), "a sweep's, too")
    shown = penrig("show", with_process.run_file).stdout
    check("of the production conform" in shown and "to pass wrongly would need acceptance from -0.1" in shown, f"show tells them: {shown[:1500]}")
    check_same(check, "a run whose plan tells the process", with_process)

    risk, passes = run.report["run_risk"], [r["false_accept_risk"] for p in run.report["points"] if p["counts"] for r in p["results"] if r["required"]]
    passes += [r["false_accept_risk"] for s in run.report["sweeps"] for r in s["results"] if r["required"]]
    check(run.report["dut_verdict"] == "pass" and risk["limits"] == len(passes), f"the risk of the run: {risk}, {len(passes)} limits")
    check(risk["largest"] <= risk["independent"] <= risk["bound"] and abs(risk["bound"] - sum(passes)) <= 1e-2 * sum(passes) + 1e-12 and
          risk["largest"] == max(passes), f"between the largest and the sum: {risk}, {sum(passes)}")
    shown = penrig("show", run.run_file).stdout
    check("risk that this pass is wrong: " in shown and "production" not in shown, f"show tells it: {shown[-900:]}")


# ---- a second opinion

def test_monte_carlo(check, run):
    ask = lambda *options: penrig("analyze", run.run_file, "--quiet", "--monte-carlo", *options)
    figures = lambda done: done.stdout.split("seed", 1)[1].split("\n", 1)[1].split("verdict")[0]
    done = ask(20000)
    out = done.stdout
    table = out[out.index("Monte Carlo (JCGM 101), 20000 trials for each judged result, seed 1"):out.index("first-order intervals: ")].splitlines()
    check(done.returncode == run.status and max(map(len, table)) <= 80, f"it changes no verdict; 80 columns: {done.returncode} {max(map(len, table))}")
    judged = [r for p in run.report["points"] if p["counts"] for r in p["results"] if r["limits"] and (r["expanded_uncertainty"] or 0) > 0]
    judged += [r for s in run.report["sweeps"] for r in s["results"] if r["limits"]]
    check(len(table) - 2 == len(judged), f"a row for each judged result with an uncertainty: {len(table) - 2} of {len(judged)}")
    check(figures(done) == figures(ask(20000, "--seed", 1)), "the same seed, the same figures")
    check(figures(done) != figures(ask(20000, "--seed", 2)), "another seed, others")
    done = ask(100000, "--json")
    report = report_form.read(done.stdout)
    report_form.validate(report)
    told = [r for p in report["points"] if p["counts"] for r in p["results"] if "monte_carlo" in r] + [r for s in report["sweeps"] for r in s["results"]]
    check(len(told) == len(judged), f"in JSON, too: {len(told)}")
    for r in told:
        m, u, name = r["monte_carlo"], r["expanded_uncertainty"], r["measurand"]
        # resolution, and the clock's specification, are rectangular: narrower than 1.96 u
        close = 0.2 if r["unit"] == "s" or "rate" in name else 0.05
        check(abs((m["upper"] - m["lower"]) / 2 / u - 1) < close and abs(m["mean"] - r["value"]) < 0.05 * u, f"{name}: {m} beside U {u}")
        check(m["apart"] <= m["tolerance"] if m["first_order"] == "good_enough" else True, f"{name}: {m}")
        check(m["trials"] == 100000, f"{name}: {m['trials']} trials")
    check({r["monte_carlo"]["first_order"] for r in told if r["measurand"] == "spin_up_s"} == {"not_good_enough"}, "a rectangle is no normal: said")
    stored = report_form.read(penrig("show", "--json", run.run_file).stdout)
    check(not any("monte_carlo" in r for point in stored["points"] for r in point["results"]), "nothing of it is in the file")
    for options, why in ((("9999",), "from 10000 to"), (("1e6",), "whole number"), (("-1",), "whole number"), (("20000", "--seed", "x"), "--seed x"),
                         (("20000", "--light"), "leave out --monte-carlo")):
        done = ask(*options)
        check(done.returncode == 2 and why in done.stderr, f"refused, {why}: {done.returncode} {done.stderr}")
    done = penrig("analyze", run.run_file, "--seed", 3)
    check(done.returncode == 2 and "--seed is that of --monte-carlo" in done.stderr, f"a seed alone: {done.returncode} {done.stderr}")


# ---- other limits

def limits(folder, name, *entries):
    path = Path(folder) / f"{name}.json"
    document = {"kind": "penrig/limits/1", "name": name, "limits": list(entries)}
    jsonschema.validate(document, LIMITS_SCHEMA)
    path.write_text(json.dumps(document))
    return path


def tight(folder):
    return limits(folder, "tight", {"measurand": "depth_error_mm", "unit": "mm", "lower": -0.0001, "upper": 0.0001})


def test_limits(check, run):
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    path = Path(shutil.copy(run.run_file, folder / "run.penrig"))
    before = penrig("show", "--json", path).stdout
    wide = limits(folder, "wide", {"measurand": "depth_error_mm", "unit": "mm", "lower": -1, "upper": 1})
    done = penrig("analyze", path, "--limits", tight(folder))
    check(done.returncode == 1, f"tight limits fail the pen: {done.returncode}: {done.stderr}")
    check(penrig("analyze", path, "--limits", wide).returncode == 0, "wide ones pass it")
    check("nothing is appended" in penrig("analyze", path, "--limits", wide).stdout, "the same again is not appended twice")
    for name, verdict in (("tight", "fail"), ("wide", "pass")):
        report = report_form.read((folder / f"run.limits-{name}.report.json").read_text())
        report_form.validate(report)
        check(report["dut_verdict"] == verdict and report["judged_anew"]["limits"] == name, f"the report of {name} says {verdict}")
        bounds = {(r["measurand"], r["limits"]["upper"]) for p in report["points"] for r in p["results"] if r["limits"]}
        check(len(bounds) == 1, f"only the limits of the file are met: {bounds}")
    shown = penrig("show", path).stdout
    check(re.search(r"^  1 .* tight: fail", shown, re.M) and re.search(r"^  2 .* wide: pass", shown, re.M), f"show lists both: {shown[-900:]}")
    check(penrig("show", "--json", path).stdout == before, "the run's own report is the same as before")
    check(penrig("show", "--verify", path).returncode == 0, "the chain holds with the new entries")
    check(penrig("analyze", path).returncode == run.status, "without --limits the run's own verdict holds")
    other = limits(folder, "tight", {"measurand": "depth_error_mm", "unit": "mm", "lower": -2, "upper": 2})
    done = penrig("analyze", path, "--limits", other)
    check(done.returncode == 2 and "never overwritten" in done.stderr, f"another file of the same name: {done.returncode} {done.stderr}")
    bad = folder / "bad.json"
    for text, why in (('{"kind": "penrig/limits/1", "name": "x", "limits": [{"measurand": "depth_mm", "unit": "mm"}]}', "no bounds"),
                      ('{"kind": "penrig/limits/1", "name": "a/b", "limits": [{"measurand": "depth_mm", "unit": "mm", "upper": 1}]}', "letters"),
                      ('{"kind": "penrig/plan/1", "name": "x", "limits": []}', "limits file")):
        bad.write_text(text)
        done = penrig("analyze", path, "--limits", bad)
        check(done.returncode == 2 and why in done.stderr and "bad.json:" in done.stderr, f"refused, {why}: {done.returncode} {done.stderr}")


# ---- export

def stored_frames(path, stream):
    """How many frames the file's tables hold: by the documented form, without penrig."""
    db = sqlite3.connect(path)
    frames = db.execute("SELECT sum(frames) FROM block WHERE stream=?", (stream,)).fetchone()[0]
    db.close()
    return frames


def test_other_processor(check, run):
    """The C library's functions for processors without FMA round differently; where the two differ at all, it is by next to nothing."""
    done = rig.penrig_a("analyze", run.run_file, env={**os.environ, "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA"})
    same = "the same, bit for bit" in done.stdout
    check(same or (done.returncode == 7 and "no result differs by more than 1e-07" in done.stdout), f"another class of processor: {done.stdout[-600:]}")


def test_export_without_hdf5(check, run):
    """libhdf5 is loaded when asked for: a computer without it, here one with a broken one, is told so, and nothing is left."""
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    soname = re.search(rb"libhdf5[A-Za-z0-9_.-]*\.so\.\d+", rig.PENRIG_A.read_bytes())[0].decode()
    (folder / soname).write_text("no library")
    done = rig.penrig_a("export", run.run_file, "--format", "hdf5", "--output", folder / "out", env={**os.environ, "LD_LIBRARY_PATH": str(folder)})
    check(done.returncode != 0 and soname in done.stderr and "install it" in done.stderr, f"without libhdf5: {done.returncode} {done.stderr}")
    check(not list(folder.glob("out*")), f"without libhdf5, nothing is written: {list(folder.iterdir())}")


def test_export(check, run):
    stem = Path(tempfile.mkdtemp(prefix="pr")) / "out"
    for form in ("csv", "npy", "hdf5", "wav"):
        done = penrig("export", run.run_file, "--format", form, "--output", stem)
        check(done.returncode == 0, f"export {form}: {done.stderr}")
    channels = next(d["channels"] for d in run.report["devices"] if d["channels"])
    force = next(c for c in channels if c["name"] == "force")
    samples = np.load(f"{stem}.stream0.npy")
    check(samples.dtype.names[:3] == ("index", "time_s", "force"), f"npy columns {samples.dtype.names}")
    check(len(samples) == stored_frames(run.run_file, 0), "npy has every stored frame")
    check(np.array_equal(samples["index"], np.arange(len(samples))), "without a hole")
    counts = (samples["force"] - force["offset"]) / force["scale"]
    check(np.max(np.abs(counts - np.round(counts))) < 1e-3, "npy values are counts times the scale")
    with h5py.File(f"{stem}.h5") as h5:
        check(np.array_equal(h5["stream0/force"][:], samples["force"]), "hdf5 and npy hold the same force")
        attrs = h5["stream0/force"].attrs
        check(attrs["units"] == "N" and attrs["scale"] == force["scale"], f"hdf5 units {dict(attrs)}")
        check(h5["strokes/depth_mm"].attrs["units"] == "mm" and h5["telemetry/rate_hz"].attrs["units"] == "Hz", "hdf5 units of tables")
        check(h5.attrs["dut"] == run.report["dut"], "hdf5 names the pen")
        strokes = h5["strokes/height_n"].shape[0]
    text = np.genfromtxt(f"{stem}.stream0.csv", delimiter=",", skip_header=1, usecols=(0, 2))
    check(np.allclose(text[:, 1], samples["force"], rtol=1e-9, atol=0) and len(text) == len(samples), "csv holds the same force")
    rows = Path(f"{stem}.strokes.csv").read_text().splitlines()
    check(len(rows) - 1 == strokes == len(np.load(f"{stem}.strokes.npy")), f"{strokes} strokes in each format")
    with wave.open(f"{stem}.stream0.wav") as sound:
        check((sound.getframerate(), sound.getnframes(), sound.getsampwidth()) == (force["rate_hz"], len(samples), force["bits"] // 8),
              f"wav {sound.getparams()}")
        frame = sound.readframes(1)
    first = int.from_bytes(frame[:force["bits"] // 8], "little", signed=True)
    sidecar = json.loads(Path(f"{stem}.stream0.wav.json").read_text())["channels"][0]
    check(sidecar["offset"] + sidecar["scale"] * first == samples["force"][0], "the first wav sample by its scale is the first force")
    done = penrig("export", run.run_file, "--output", "/dev/null/x")
    check(done.returncode == 6 and "/dev/null" in done.stderr, f"a folder that is not there: {done.returncode} {done.stderr}")
    return samples, force


# ---- import

ONE = {"kind": "penrig/plan/1", "name": "one", "steps": [{"name": "one", "depth_mm": [0], "rate_hz": [0], "tare_s": 0.25,
                                                           "settle_s": 0.5, "measure_s": 1}],
       "limits": [{"measurand": "depth_error_mm", "unit": "mm", "lower": -0.15, "upper": 0.15}]}


def figure(report, name, method):
    return rig.result(report["points"][0], name, method)


def test_import(check, run, samples, force):
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    bench = rig.own_bench("virtual-usb.json", folder)
    point = run.report["points"][1]
    window = {k: int(v) for k, v in point["window"].items() if isinstance(v, str)}
    cut = samples[(samples["index"] >= window["tare_index"]) & (samples["index"] < window["end_index"])]
    np.round((cut["force"] - force["offset"]) / force["scale"]).astype("<i4").tofile(folder / "point.i32")
    np.savetxt(folder / "point.csv", np.column_stack((cut["time_s"], cut["force"])), delimiter=";", fmt="%.10g", header="t;N")
    half = 10 / 32767
    np.round(cut["force"] / half).astype("<i2").tofile(folder / "point.i16")
    plan = folder / "one.json"
    ONE["steps"][0].update(depth_mm=[point["setpoint"]["depth_mm"]], rate_hz=[point["setpoint"]["rate_hz"]])
    plan.write_text(json.dumps(ONE))
    at = lambda key: (window[key] - window["tare_index"]) / force["rate_hz"]
    common = ["--rate", force["rate_hz"], "--tare-until", at("spin_up_index"), "--start", at("spin_up_index"), "--measure-from",
              at("first_index"), "--measure-to", at("coast_index"), "--bench", bench, "--plan", plan, "--dut", "PEN-GOOD-01", "-o", folder]
    forms = {"i32": ["--scale", force["scale"], "--offset", force["offset"]], "csv": ["--scale", 1, "--column", 2],
             "i16": ["--scale", half]}
    depth, rate = figure({"points": [point]}, "depth_mm", "force_equivalent"), figure({"points": [point]}, "stroke_rate_hz", "realised")
    for form, scale in forms.items():
        done = penrig("import", folder / f"point.{form}", "--format", form, *scale, *common, "--name", form)
        if not check(done.returncode == 3, f"import {form}: exit {done.returncode}: {done.stderr}"):
            continue
        report = report_form.read((folder / f"{form}.report.json").read_text())
        report_form.validate(report)
        check(report["dut_verdict"] == "inconclusive" and report["imported"]["format"] == form and not report["stop"]["moved"],
              f"import {form}: never a pass, and it says where it came from: {report['verdict_reason']}")
        check(report["points"][0]["outcome"] == "pass", f"import {form}: the point itself is within its limits")
        d, r = figure(report, "depth_mm", "force_equivalent"), figure(report, "stroke_rate_hz", "realised")
        # csv and i32 keep every digit, and the last printed ones may round either way; without the telemetry of the run the block grid, and
        # so the template, may be others by a hundredth of a micrometre; 16 bits quantise by a tenth of the noise
        close = 2e-4 if form == "i16" else 2.2e-5
        check(abs(d["value"] - depth["value"]) <= close and d["n"] == depth["n"], f"import {form}: depth {d['value']} against {depth['value']}")
        check(abs(r["value"] / rate["value"] - 1) <= 2e-5, f"import {form}: rate {r['value']} against {rate['value']}")
        done = penrig("analyze", folder / f"{form}.penrig")
        check(SAME in done.stdout and done.returncode == 3, f"import {form}: derived again: {done.returncode} {done.stdout[:300]}{done.stderr}")
        check("not a supervised run" in penrig("show", folder / f"{form}.penrig").stdout, f"import {form}: show says so")
    done = penrig("analyze", folder / "i32.penrig", "--limits", limits(folder, "wide", ONE["limits"][0]))
    check(done.returncode == 3, f"judged by wide limits an import still does not pass: {done.returncode}")
    done = penrig("analyze", folder / "i32.penrig", "--limits", tight(folder))
    check(done.returncode == 1, f"what it fails, it fails: {done.returncode}")
    long = [*common]
    long[long.index("--measure-to") + 1] = 1e6
    refused = [(["--scale", 1, *long], "the window ends at"), (["--scale", 0, *common], "must mean some force"),
               (["--scale", 1, *common, "--start", 0], "the times must rise"), (["--scale", "x", *common], "must be a number"),
               (["--scale", 1, *common, "--plan", rig.FIXTURES / "plans/demo.json"], "are the times of one"),
               (["--scale", 1, *common, "--recorded", "1990-02-30"], "must be a date")]
    for i, (args, why) in enumerate(refused):
        done = penrig("import", folder / "point.i32", "--format", "i32", *args, "--name", f"refused{i}")
        check(done.returncode == 2 and why in done.stderr, f"refused, {why}: {done.returncode} {done.stderr}")
    done = penrig("import", folder / "point.i32", "--format", "i32", "--scale", 1, *common, "--recorded", "2150-01-01", "--name", "late")
    check(done.returncode == 8, f"a calibration that was overdue then: {done.returncode} {done.stderr}")


def main():
    check = rig.Checks()
    run = rig.run_plan("demo.json", seed=2)
    test_same(check)
    test_killed(check)
    test_changed(check, run)
    test_other_method(check, run)
    test_risks(check, run)
    test_monte_carlo(check, run)
    test_limits(check, run)
    samples, force = test_export(check, run)
    test_export_without_hdf5(check, run)
    test_other_processor(check, run)
    test_import(check, run, samples, force)
    check.end()


if __name__ == "__main__":
    sys.exit(main())
