#!/usr/bin/python3
"""A batch: its order, its hooks, what has no verdict, going on where it was killed, what would be short before the end; and a real
git bisect that finds the commit in spite of the rig's trouble."""
import json
import os
import pty
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

import jsonschema

import rig

PLAN = {"kind": "penrig/plan/1", "name": "short", "limits": [{"measurand": "depth_error_mm", "unit": "mm", "lower": -0.15, "upper": 0.15}],
        "steps": [{"depth_mm": [1.0], "rate_hz": 120, "measure_s": 0.5, "settle_s": 0.3, "tare_s": 0.25}]}
HOOK = """#!/bin/sh
cd "$(dirname "$0")"
echo "$PENRIG_JOB $PENRIG_BUILD $PENRIG_PEN $(cat "$PENRIG_BUILD_FILE")" >> before.txt
[ -e "fail-$PENRIG_JOB" ] && exit 3
cat "$PENRIG_BUILD_FILE" > pen.txt
"""


class Place:
    def __init__(self, folder=None):
        self.folder = Path(folder or tempfile.mkdtemp(prefix="pr"))
        self.bench = rig.own_bench("virtual-usb.json", self.folder)
        (self.folder / "short.json").write_text(json.dumps(PLAN))
        for name, text in [("base.bin", "1.0"), ("new.bin", "1.1"), ("flash.sh", HOOK)]:
            (self.folder / name).write_text(text)
        (self.folder / "flash.sh").chmod(0o755)

    def write(self, **keys):
        batch = {"kind": "penrig/batch/1", "name": "night", "bench": "virtual-usb.json", "output": "out", "pens": ["PEN-GOOD-01"], "plans": ["short.json"], "blocks": 2, "seed": 5,
                 "builds": [{"name": "base", "file": "base.bin", "commit": "abc", "version": "1.0"}, {"name": "new", "file": "new.bin", "version": "1.1"}],
                 "before": ["./flash.sh"], "read_back": ["cat", "pen.txt"], **keys}
        (self.folder / "night.json").write_text(json.dumps({k: v for k, v in batch.items() if v is not None}))

    def batch(self, *args, pen="PEN-GOOD-01", world=(), **kw):
        argv = [rig.PENRIG_A, "--bench", self.bench, "--virtual-dut", pen, *world, "--", "batch", self.folder / "night.json", "--state", self.folder / "state", *args]
        return subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True, **kw)

    def report(self):
        return json.loads((self.folder / "out/night.batch.json").read_text())

    def flashed(self):
        return [line.split() for line in (self.folder / "before.txt").read_text().splitlines()]


def test_a_night(check, place):
    place.write()
    (place.folder / "fail-3").write_text("")
    done = place.batch()
    report = place.report()
    check(done.returncode == 3 and report["exit_code"] == 3 and report["counts"] == {"pass": 3, "fail": 0, "inconclusive": 0, "no_verdict": 1, "open": 0},
          f"a job whose hook fails has no verdict: {done.returncode} {report['counts']} {done.stdout} {done.stderr}")
    third = report["jobs"][2]
    check(third["state"] == "hook_failed" and "code 3" in third["why"] and third["run"] is None and "3 pass, 0 fail" in done.stdout, f"and says why: {third}")
    order = [(j["block"], j["build"]) for j in report["jobs"]]
    check(sorted(order) == [(1, "base"), (1, "new"), (2, "base"), (2, "new")] and [b for b, _ in order] == [1, 1, 2, 2], f"in blocks: {order}")
    check([f[:3] for f in place.flashed()] == [[str(j["job"]), j["build"], "PEN-GOOD-01"] for j in report["jobs"]], f"each was flashed: {place.flashed()}")
    name = report["jobs"][0]["run"]
    run = json.loads((place.folder / f"out/{name}.report.json").read_text())
    attrs = {a["key"]: a["value"] for a in run["attributes"]}
    sha = {b["name"]: b["sha256"] for b in report["builds"]}
    check(attrs["build"] == report["jobs"][0]["build"] and attrs["build_sha256"] == sha[attrs["build"]] and attrs["build_read_back"] in ("1.0", "1.1") and attrs["batch"] == "night",
          f"the run says which build it had: {attrs}")
    found = rig.penrig_a("history", "--state", place.folder / "state", "--attr", f"build_sha256={sha['new']}", "--json")
    check(all(r["run"].startswith("night-") for r in json.loads(found.stdout)) and json.loads(found.stdout), f"and is found by it: {found.stdout}")
    (place.folder / "fail-3").unlink()
    (place.folder / "before.txt").unlink()
    done = place.batch()
    check(done.returncode == 0 and [f[0] for f in place.flashed()] == ["3"] and place.report()["counts"]["pass"] == 4, f"started again, that job alone is made: {done.returncode} {place.flashed()}")


def test_killed(check, place):
    progress = place.folder / "out/night.batch.jsonl"
    lines = progress.read_text().splitlines(keepends=True)
    last = json.loads(lines[-1])
    progress.write_text("".join(lines[:-1]) + lines[-1][:20])  # killed as it wrote
    done = place.batch()
    job = place.report()["jobs"][last["job"] - 1]
    check(done.returncode == 0 and job["run"] == last["run"] and job["dut_verdict"] == "pass", f"a run that had ended is not made again: {done.returncode} {job}")
    progress.write_text("".join(lines[:-1]) + lines[-1][:20])
    other = next(j["run"] for j in place.report()["jobs"] if j["job"] != last["job"])
    (place.folder / f"out/{last['run']}.penrig").write_bytes((place.folder / f"out/{other}.penrig").read_bytes())  # another job's, by this one's name
    done = place.batch()
    job = place.report()["jobs"][last["job"] - 1]
    check(done.returncode == 0 and job["run"] == f"{last['run']}-2", f"made again beside what is there: {done.returncode} {job}")
    check(place.batch().returncode == 0 and len(progress.read_text().splitlines()) >= len(lines), "and then there is nothing to do")
    place.write(blocks=3)
    done = place.batch()
    check(done.returncode == 2 and "was changed since" in done.stderr, f"an edited batch is another: {done.returncode} {done.stderr}")
    place.write()
    (place.folder / "new.bin").write_text("1.2")
    done = place.batch()
    check(done.returncode == 2 and "was changed since" in done.stderr, f"so is another build: {done.returncode} {done.stderr}")
    (place.folder / "new.bin").write_text("1.1")
    for name in ("short.json", "virtual-usb.json"):
        text = (place.folder / name).read_text()
        (place.folder / name).write_text(text + " ")
        done = place.batch()
        check(done.returncode == 2 and "was changed since" in done.stderr, f"so is another {name}: {done.returncode} {done.stderr}")
        (place.folder / name).write_text(text)
    place.write(name="edit", builds=None, read_back=None, before=["sh", "-c", "echo >> short.json"])
    done = place.batch()
    check(done.returncode == 2 and "short.json was changed since the batch began" in done.stderr and done.stdout.count("job ") == 3, f"while it runs: {done.returncode} {done.stdout} {done.stderr}")


def test_fail_not_told(check):
    """Killed between a run's end and its line of the progress."""
    place = Place()
    place.write(name="deep", pens=["PEN-DEEP-01"], before=None, builds=None, read_back=None, after=["touch", "cleared"], blocks=1)
    check(place.batch(pen="PEN-DEEP-01").returncode == 1, "a pen that fails")
    progress, run = place.folder / "out/deep.batch.jsonl", place.folder / "out/deep-0001.penrig"
    first, line = progress.read_text().splitlines(keepends=True)
    progress.write_text(first)
    (place.folder / "cleared").unlink()
    done = place.batch(pen="PEN-DEEP-01")
    check(done.returncode == 1 and "0 pass, 1 fail" in done.stdout and "deep-0001 had ended" in done.stdout and not (place.folder / "out/deep-0001-2.penrig").exists(), f"stays failed: {done.returncode} {done.stdout}")
    check((place.folder / "cleared").exists() and json.loads(progress.read_text().splitlines()[1])["dut_verdict"] == "fail", "is cleared away behind, and told")
    whole = run.read_bytes()
    progress.write_text(first)
    run.write_bytes(whole[:len(whole) // 2])
    done = place.batch(pen="PEN-DEEP-01")
    check(done.returncode == 6 and "deep-0001.penrig" in done.stderr and "move it away" in done.stderr, f"one that cannot be read: {done.returncode} {done.stderr}")
    run.rename(place.folder / "out/deep-0001-3.penrig")
    (place.folder / "out/deep-0001.report.json").unlink()
    (place.folder / "out/deep-0001-3.penrig").write_bytes(whole)
    done = place.batch(pen="PEN-DEEP-01")
    check(done.returncode == 1 and "deep-0001-3 had ended" in done.stdout and not (place.folder / "out/deep-0001.penrig").exists(), f"behind attempts that were moved away it is found: {done.returncode} {done.stdout} {done.stderr}")
    progress.write_text(first + json.dumps({"job": 1, "state": "run", "exit_code": 4, "run": "deep-0001-3", "dut_verdict": ""}) + "\n")
    (place.folder / "out/deep-0001-3.penrig").unlink()
    done = place.batch(pen="PEN-DEEP-01")
    check(done.returncode == 1 and (place.folder / "out/deep-0001-4.penrig").exists(), f"one that was told of and moved away lends nobody its name: {done.returncode} {done.stdout} {done.stderr}")
    (place.folder / "short.json").write_text(json.dumps({**PLAN, "description": "edited"}))
    progress.unlink()
    done = place.batch(pen="PEN-DEEP-01")
    check(done.returncode == 1 and (place.folder / "out/deep-0001-5.penrig").exists(), f"of another definition it says nothing: {done.returncode} {done.stdout} {done.stderr}")


def test_after(check, place):
    place.write(name="after", builds=None, before=None, read_back=None, after=["sh", "-c", "exit 4"])
    done = place.batch()
    report = json.loads((place.folder / "out/after.batch.json").read_text())
    check(done.returncode == 3 and report["exit_code"] == 3 and "code 4" in report["jobs"][0]["why"] and "may still be on" in report["ended_early"] and report["counts"]["open"] == 1
          and report["jobs"][0]["dut_verdict"] == "pass", f"what is switched off behind a job may be on: {done.returncode} {report}")
    check(place.batch("--exit-map", "git-bisect").returncode == 128, "which ends a bisection")
    place.write(name="on", builds=None, before=None, read_back=None, blocks=1)
    done = place.batch("--exit-map", "git-bisect", world=["--wait-fails", "1.5"])
    check(done.returncode == 128 and "STOP UNVERIFIED" in done.stdout, f"as does a pen that was not seen to stand still: {done.returncode} {done.stdout} {done.stderr}")


def test_trouble(check, place):
    place.write(name="stale", before=["true"])
    (place.folder / "pen.txt").write_text("0.9\n")
    done = place.batch()
    check(done.returncode == 3 and done.stdout.count("not flashed") == 3 and "three jobs in a row" in done.stdout, f"a flash that did nothing: {done.returncode} {done.stdout}")
    check(not list((place.folder / "out").glob("stale-*.penrig")), "and nothing was measured")
    check(place.batch("--exit-map", "git-bisect").returncode == 125, "which a bisection skips")
    place.write(name="slow", before=["sleep", "60"], hook_timeout_s=1, builds=None, read_back=None, blocks=1)
    done = place.batch()
    check(done.returncode == 3 and "not ended within 1 s, and killed" in done.stderr, f"a hook that hangs: {done.stderr}")
    place.write(name="deep", pens=["PEN-DEEP-01"], before=None, builds=None, read_back=None, blocks=1)
    done = place.batch("--json", pen="PEN-DEEP-01")
    check(done.returncode == 1 and json.loads(done.stdout)["counts"]["fail"] == 1, f"a pen that fails: {done.returncode} {done.stdout[:200]}")
    place.write(name="gone", pens=["PEN-GOOD-01"], before=None, builds=None, read_back=None, blocks=9)
    done = place.batch(world=["--fault", "unplug:pen@0.5"])
    check(done.returncode == 3 and "ENDED EARLY" in done.stdout, f"a pen that is gone: {done.returncode} {done.stdout[-300:]}")


class Terminal:
    """The batch on a terminal, whose Ctrl-C it and its runs get."""

    def __init__(self, place, *args):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(rig.PENRIG_A, [str(a) for a in [rig.PENRIG_A, "--bench", place.bench, "--virtual-dut", "PEN-GOOD-01", "--", "batch", place.folder / "night.json", "--state", place.folder / "state", *args]])
        self.said = ""

    def read_until(self, text):
        while text is None or text not in self.said:
            try:
                piece = os.read(self.fd, 4096).decode()
            except OSError:
                piece = ""
            if not piece:
                break
            self.said += piece

    def interrupt(self):
        os.write(self.fd, b"\x03")

    def end(self):
        self.read_until(None)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_interrupted_between(check):
    """While a build is read: it is a FIFO, so that the test knows where the batch stands."""
    place = Place()
    pipe = place.folder / "pipe.bin"
    os.mkfifo(pipe)
    place.write(builds=[{"name": "base", "file": "pipe.bin"}], before=None, read_back=None, blocks=1)
    terminal = Terminal(place)
    pipe.write_text("1.0")  # for the definition
    terminal.read_until("job 1 of 1")
    with open(pipe, "w") as out:  # penrig has opened it, too: it looks whether the build is the same still
        terminal.interrupt()
        out.write("1.0")
    code = terminal.end()
    check(code == 130 and "ENDED by signal 2" in terminal.said and place.report()["counts"]["open"] == 1 and not list((place.folder / "out").glob("*.penrig")),
          f"a Ctrl-C between two runs: nothing begins behind it: {code} {terminal.said}")


def test_interrupted_at_the_end(check):
    """While a run whose verdict stands waits for the history, which the test holds."""
    place = Place()
    place.write(builds=None, before=None, read_back=None, blocks=2)
    check(place.batch("--check").returncode == 0, "foreseen")
    subprocess.run([str(rig.PENRIG_A), "--", "history", "--state", str(place.folder / "state")], capture_output=True)
    history, report = place.folder / "state/history", place.folder / "out/night-0001.report.json"
    held = sqlite3.connect(history)
    held.execute("BEGIN EXCLUSIVE")
    terminal = Terminal(place)
    while not report.exists():
        time.sleep(0.005)
    terminal.interrupt()
    held.close()
    code = terminal.end()
    first, second = place.report()["jobs"]
    check(code == 130 and first["dut_verdict"] == "pass" and second["state"] == "open", f"a Ctrl-C as a run is saved: its verdict stands, and no other begins: {code} {first} {second} {terminal.said}")
    done = place.batch()
    check(done.returncode == 0 and place.report()["jobs"][0]["run"] == "night-0001", f"and then it goes on: {done.returncode} {place.report()['jobs']}")


def test_foreseen(check, place):
    place.write(name="later")
    done = place.batch("--check")
    check(done.returncode == 0 and "4 jobs, about" in done.stdout and "ends at about 2026-06-01" in done.stdout and "calibrations hold" in done.stdout and "disk " in done.stdout,
          f"what it takes: {done.returncode} {done.stdout} {done.stderr}")
    check(not (place.folder / "out/later.batch.jsonl").exists(), "and nothing is begun")
    text = Path(place.bench).read_text()
    Path(place.bench).write_text(text.replace("2099-12-31", "2026-05-31").replace('"strokes_used": 0', '"strokes_used": 1999000', 1).replace('"mains_hz": 50,', '"mains_hz": 50, "golden": {"pen": "G", "plan": "short.json", "valid_h": 1},'))
    place.write(name="later", blocks=1000)
    done = place.batch("--check")
    check(done.returncode == 8 and done.stdout.count("SHORT") >= 3 and "was due on 2026-05-31" in done.stdout and "no valid pass of the reference pen G" in done.stdout
          and "its budget is" in done.stdout, f"what is short: {done.returncode} {done.stdout[-900:]}")
    Path(place.bench).write_text(text)


def lone(place, name, **ready):
    place.write(name=name, builds=None, before=None, read_back=None, blocks=1, ready=ready)


def only_job(place, name):
    return json.loads((place.folder / f"out/{name}.batch.json").read_text())["jobs"][0]


def test_waits(check):
    """The pen's handle comes warm from what was before; its time constant is some 240 s."""
    place = Place()
    lone(place, "cool", handle_within_k=2, battery_min_v=7.2)
    done = place.batch(world=["--fault", "warm@0,by=12"])
    job = only_job(place, "cool")
    check(done.returncode == 0 and 240 < job["waited_s"] < 900 and job["dut_verdict"] == "pass", f"it waits until the handle is cool, and measures: {done.returncode} {job} {done.stderr}")
    check("waiting: the handle has 33" in done.stdout and "2 K apart are allowed; the battery has 7." in done.stdout and f"ready after {job['waited_s']:.0f} s" in done.stdout, f"and says so: {done.stdout[:600]}")
    attrs = {a["key"]: a["value"] for a in json.loads((place.folder / f"out/{job['run']}.report.json").read_text())["attributes"]}
    check(abs(float(attrs["waited_s"]) - job["waited_s"]) < 1 and 1.9 < float(attrs["handle_above_room_k"]) <= 2.01 and 7.2 < float(attrs["battery_v"]) < 9, f"the run carries what it began with: {attrs}")
    lone(place, "cold", handle_within_k=2)
    done = place.batch(world=["--fault", "warm@0,by=-12"])
    check(done.returncode == 0 and only_job(place, "cold")["waited_s"] > 240, f"so it does for one that is colder than the room: {done.returncode} {only_job(place, 'cold')}")
    lone(place, "near", handle_within_k=2)
    done = place.batch()
    check(done.returncode == 0 and only_job(place, "near")["waited_s"] < 2 and "waiting" not in done.stdout, f"one that is near begins at once: {only_job(place, 'near')}")


def test_not_ready(check):
    place = Place()
    lone(place, "hot", handle_within_k=2, wait_max_s=60)
    done = place.batch("--exit-map", "git-bisect", world=["--fault", "warm@0,by=12"])
    job = only_job(place, "hot")
    check(done.returncode == 125 and job["state"] == "not_ready" and job["run"] is None and job["exit_code"] is None and "not ready after 60 s: the handle has 3" in job["why"]
          and not list((place.folder / "out").glob("*.penrig")), f"a wait has an end, and the job no verdict: {done.returncode} {job} {done.stderr}")
    done = place.batch()
    check(done.returncode == 0 and only_job(place, "hot")["dut_verdict"] == "pass", f"started again it is made: {done.returncode} {done.stderr}")
    lone(place, "flat", battery_min_v=8.5, wait_max_s=30)
    done = place.batch()
    check(done.returncode == 3 and "of 8.5" in only_job(place, "flat")["why"] and "handle" not in only_job(place, "flat")["why"], f"a battery that does not suffice: {done.returncode} {only_job(place, 'flat')}")
    lone(place, "mute", handle_within_k=2)
    done = place.batch(world=["--fault", "warm@0,by=12", "--fault", "silent:sensor@20"])
    why = only_job(place, "mute")["why"]
    check(done.returncode == 3 and only_job(place, "mute")["state"] == "not_ready" and why and "apart" not in why, f"what cannot be read any more is no reason to begin: {done.returncode} {why}")
    lone(place, "gone", handle_within_k=2)
    done = place.batch(world=["--fault", "warm@0,by=12", "--fault", "unplug:pen@20"])
    check(done.returncode == 3 and only_job(place, "gone")["state"] == "not_ready", f"nor a pen that is gone: {done.returncode} {only_job(place, 'gone')}")
    lone(place, "stop", battery_min_v=8.5, wait_max_s=86400)
    terminal = Terminal(place)
    terminal.read_until("waiting: the battery")
    terminal.interrupt()
    code = terminal.end()
    check(code == 130 and json.loads((place.folder / "out/stop.batch.json").read_text())["counts"]["open"] == 1 and not (place.folder / "out/stop-0001.penrig").exists(), f"a Ctrl-C ends a wait: {code} {terminal.said}")


def test_runs_while_waited_for(check):
    """Somebody presses the pen's button in a wait that reads no force: it is switched off, but nobody has seen it stand."""
    place = Place()
    place.write(name="left", builds=None, before=None, read_back=None, blocks=3, ready={"battery_min_v": 8.5, "wait_max_s": 600})
    truth = place.folder / "truth.jsonl"
    done = place.batch(world=["--fault", "pressed@3", "--truth", truth])
    report = json.loads((place.folder / "out/left.batch.json").read_text())
    ran = [job for job in report["jobs"] if job["why"] and "the pen ran while it was waited for, and was ordered off" in job["why"]]
    check(done.returncode == 3 and len(ran) == 1 and "STOP UNVERIFIED" in done.stdout + done.stderr, f"the batch ends with what is unverified: {done.returncode} {done.stdout} {done.stderr}")
    check(report["counts"]["open"] == 2 and ran[0]["job"] == 1 and not list((place.folder / "out").glob("*.penrig")), f"no job begins behind it, and none has a run: {report}")
    lines = [json.loads(line) for line in truth.read_text().splitlines()]
    check(any(line.get("event") == "motor" and line["on"] for line in lines) and lines[-1]["event"] == "end" and not lines[-1]["motor_on"], f"it ran, and stands: {lines[-3:]}")


def test_switched_on_behind_its_last_stop(check):
    """Somebody presses the pen's button in the watch behind a job's last stop: it is ordered off, watched anew and seen to stand; no pass, and no job behind it."""
    place, truth = Place(), None
    for name, press in (("quiet", []), ("pressed", ["--fault", "pressed@"])):
        if truth:
            off = [line["t_ns"] * 1e-9 for line in truth if line.get("event") == "motor" and not line["on"]]
            press[1] += f"{off[-1] + 1.5:.3f}"
        place.write(name=name, builds=None, before=None, read_back=None, blocks=1 if name == "quiet" else 3)
        done = place.batch(world=["--truth", place.folder / "truth.jsonl", *press])
        truth = [json.loads(line) for line in (place.folder / "truth.jsonl").read_text().splitlines()]
    report = json.loads((place.folder / "out/pressed.batch.json").read_text())
    job = report["jobs"][0]
    run = json.loads((place.folder / f"out/{job['run']}.report.json").read_text())
    check(done.returncode == 130 and "was switched on" in report["ended_early"] and report["counts"]["open"] == 2 and len(list((place.folder / "out").glob("pressed*.penrig"))) == 1,
          f"the batch ends with it, and no job begins behind it: {done.returncode} {report}")
    check("STOP UNVERIFIED" not in done.stdout + done.stderr and run["stop"]["verified"] and run["dut_verdict"] == job["dut_verdict"] == "inconclusive" and run["run_status"] == "interrupted",
          f"it is known to stand, and is no pass: {run['stop']} {run['verdict_reason']} {done.stderr}")
    motor = [(line["t_ns"], line["on"]) for line in truth if line.get("event") == "motor"]
    check([on for _, on in motor[-2:]] == [True, False] and motor[-1][0] - motor[-2][0] < 0.2e9, f"in truth it ran, and not until its dead-man: {motor[-3:]}")


def test_waits_foreseen(check):
    place = Place()
    text = Path(place.bench).read_text()
    Path(place.bench).write_text(text.replace("2099-12-31", "2026-06-01"))
    lone(place, "soon", handle_within_k=2, battery_min_v=7.2, wait_max_s=7200)
    done = place.batch("--check")
    check(done.returncode == 0 and "before each job: waits, at most 2 h 00 min, until the handle is within 2 K of the room and the battery has 7.2 V" in done.stdout
          and "ends at about 2026-06-01 11:0" in done.stdout, f"the plan says what is waited for: {done.returncode} {done.stdout}")
    lone(place, "late", handle_within_k=2, wait_max_s=86400)
    done = place.batch("--check")
    check(done.returncode == 8 and "was due on 2026-06-01" in done.stdout, f"and what is over by the end of the longest waits: {done.returncode} {done.stdout}")
    lone(place, "none")
    done = place.batch()
    check(done.returncode == 2 and "night.json:1:" in done.stderr and '"handle_within_k", "battery_min_v" or both' in done.stderr, f"waiting for nothing: {done.stderr}")
    for bench, key, word in (("bought-1.json", "battery_min_v", "no battery to wait for"), ("virtual-program.json", "handle_within_k", "has the role thermometer")):
        own = Path(rig.own_bench(bench, place.folder))
        own.write_text(own.read_text().replace("../programs", str(rig.FIXTURES / "programs")))
        place.write(name="parts", bench=own.name, builds=None, before=["touch", "flashed"], read_back=None, ready={key: 5})
        done = place.batch("--check")
        check(done.returncode == 2 and "night.json:1:" in done.stderr and word in done.stderr, f"what no device of the bench can say: {key} {done.returncode} {done.stderr}")
        done = place.batch()
        check(done.returncode == 2 and not (place.folder / "flashed").exists(), f"is refused before a hook runs: {done.returncode} {done.stderr}")
    own = Path(rig.own_bench("virtual-text.json", place.folder))
    place.write(name="parts", bench=own.name, builds=None, before=["touch", "flashed"], read_back=None, ready={"handle_within_k": 5})
    own.write_text(own.read_text().replace('["handle", "tip", "ambient"]', '["handle", "tip"]'))
    for args in (["--check"], []):
        done = place.batch(*args)
        check(done.returncode == 2 and "night.json:1:" in done.stderr and 'name "ambient" in the "sites"' in done.stderr and not (place.folder / "flashed").exists(),
              f"thermometers of the pen alone: {done.returncode} {done.stderr}")


def test_files(check, place):
    schema = jsonschema.Draft202012Validator(json.loads((rig.ROOT / "reports/schema/batch.schema.json").read_text()))
    place.write(ready={"handle_within_k": 2, "battery_min_v": 7, "wait_max_s": 600})
    check(schema.is_valid(json.loads((place.folder / "night.json").read_text())), "the schema knows a batch")
    for keys in ({"pens": []}, {"name": "a/b"}, {"blocks": 0}, {"bench": None}, {"before": "flash"}, {"else": 1}, {"ready": {}}, {"ready": {"wait_max_s": 5}}, {"ready": {"battery_min_v": 0}}):
        place.write(**keys)
        check(not schema.is_valid(json.loads((place.folder / "night.json").read_text())) and place.batch().returncode == 2, f"and refuses {keys}, as penrig does")
    for keys, word in [({"seed": None}, "seed"), ({"pens": []}, "pens"), ({"read_back": None}, "read_back"), ({"name": "a/b"}, '"name"'), ({"blocks": 0}, "blocks"), ({"bench": None}, "bench"),
                       ({"builds": [{"name": "a", "version": "1"}, {"name": "a", "version": "1"}]}, "two builds"), ({"builds": [{"name": "a", "version": "1", "file": "none.bin"}]}, "none.bin")]:
        place.write(**keys)
        done = place.batch()
        check(done.returncode == 2 and word in done.stderr, f"{keys}: {done.returncode} {done.stderr}")


def git(folder, *args):
    return subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", *args], cwd=folder, capture_output=True, text=True, env={**os.environ, "HOME": str(folder)})


def test_bisect(check):
    """Eight commits; from the fifth on the pen goes too deep; of the fourth the rig cannot flash the pen."""
    place = Place(Path(tempfile.mkdtemp(prefix="pr")))
    repo = place.folder / "repo"
    repo.mkdir()
    git(repo, "init", "-q")
    commits = []
    for n in range(1, 9):
        (repo / "firmware").write_text(f"{'PEN-DEEP-01' if n >= 5 else 'PEN-GOOD-01'} {n}\n")
        git(repo, "add", "firmware")
        git(repo, "commit", "-q", "-m", f"c{n}")
        commits.append(git(repo, "rev-parse", "HEAD").stdout.strip())
    (place.folder / "try.py").write_text(f"""
import json, subprocess, sys
pen, n = open("firmware").read().split()
batch = {{"kind": "penrig/batch/1", "name": f"b{{n}}", "bench": "../virtual-usb.json", "output": "../bisect", "pens": [pen], "plans": ["../short.json"],
          "builds": [{{"name": n, "file": "firmware"}}], "before": ["false" if n == "4" else "true"]}}
open("batch.json", "w").write(json.dumps(batch))
sys.exit(subprocess.run([{str(rig.PENRIG_A)!r}, "--bench", {str(place.bench)!r}, "--virtual-dut", pen, "--", "batch", "batch.json", "--state", "../state", "--exit-map", "git-bisect"],
                        stdin=subprocess.DEVNULL).returncode)
""")
    git(repo, "bisect", "start", commits[7], commits[0])
    done = git(repo, "bisect", "run", "/usr/bin/python3", str(place.folder / "try.py"))
    log = git(repo, "bisect", "log").stdout
    named = done.stdout + log
    # the skipped one stands beside the bad one: then git names both
    check(commits[4] in named and ("first bad commit" in named), f"the commit is found: {done.stdout[-600:]} {done.stderr[-300:]}")
    check("git bisect good " + commits[2] in log or "git bisect skip " + commits[3] in log, f"in spite of the rig: {log}")
    check("git bisect bad " + commits[3] not in log and "git bisect good " + commits[3] not in log, f"which is no verdict: {log}")


def main():
    check = rig.Checks()
    place = Place()
    test_a_night(check, place)
    test_killed(check, place)
    test_trouble(check, place)
    test_fail_not_told(check)
    test_after(check, place)
    test_interrupted_between(check)
    test_interrupted_at_the_end(check)
    test_foreseen(check, place)
    test_waits(check)
    test_not_ready(check)
    test_runs_while_waited_for(check)
    test_switched_on_behind_its_last_stop(check)
    test_waits_foreseen(check)
    test_files(check, place)
    test_bisect(check)
    check.end()


if __name__ == "__main__":
    main()
