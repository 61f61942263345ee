#!/usr/bin/python3
"""What outlives a run: the strokes that phantoms took, counted over runs, held against the truth file; the last run; folders that
cannot be written, and none at all."""
import json
import os
import subprocess
import tempfile
from datetime import datetime
from pathlib import Path

import rig

NOBODY = 65534
PLAN = {"kind": "penrig/plan/1", "name": "short", "tests": {"dead_man": True},
        "limits": [{"measurand": "depth_error_mm", "unit": "mm", "lower": -0.15, "upper": 0.15}],
        "steps": [{"depth_mm": [1.0], "rate_hz": 120, "measure_s": 1}]}


class Bench:
    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="pr"))
        self.bench = rig.own_bench("virtual-usb.json", self.folder)
        self.plan = self.folder / "plan.json"
        self.plan.write_text(json.dumps(PLAN))
        self.state = self.folder / "state"

    def run(self, name, faults=(), extra=None, plan=None, clock=()):
        extra = ["--state", self.state] if extra is None else extra
        return rig.run_plan(plan or self.plan, bench=str(self.bench), folder=self.folder / name, faults=faults,
                            extra=[*extra, "--name", name], world_extra=clock)

    def told(self, *args, **kw):
        done = rig.penrig_a("state", "--bench", self.bench, "--state", self.state, *args, **kw)
        return done

    def json(self):
        done = self.told("--json")
        return json.loads(done.stdout) if done.returncode == 0 else None


def struck(run):
    return len(rig.strokes(run))


def test_strokes(check):
    bench = Bench()
    check(bench.json() == {"path": str(next(bench.state.glob("*.state"))), "phantoms": []}, "nothing is known of a new bench")
    check("no run yet" in bench.told().stdout, "and that is said")
    first = bench.run("one")
    check(first.status == 0, f"a run: {first.outcome()} {first.err[-300:]}")
    uses = bench.json()["phantoms"]
    check([(u["phantom"], u["position"], u["runs"]) for u in uses] == [("SIL-STD-01", "A1", 1)], f"one position: {uses}")
    # of attempts as the load signal showed them; of the dead-man test at most as many as there can have been
    true = struck(first)
    check(true <= uses[0]["strokes"] <= true + 120 * 1.0, f"{uses[0]['strokes']} strokes counted, {true} made")
    second = bench.run("two", faults=["unplug:pen@3"])
    both = bench.json()["phantoms"][0]
    check(second.status in (1, 4) and both["runs"] == 2, f"a run that ends early counts, too: {second.outcome()} {both}")
    made = true + struck(second)
    check(0.95 * made <= both["strokes"] <= made + 240, f"{both['strokes']} strokes counted, {made} made in both")
    check(bench.json()["last_run"]["dut"] == "PEN-GOOD-01", "the last run is named")
    shown = bench.told().stdout
    check(f"{both['strokes']:14d}" in shown and all(len(line) <= 80 or line.startswith(("state", "last run")) for line in shown.splitlines()),
          f"people see it, at 80 columns: {shown}")


def test_a_run_that_strikes_nothing(check):
    bench = Bench()
    run = bench.run("stuck", faults=["stuck:sensor@0"])
    check(run.status in (3, 8), f"a sensor that lies ends a run before it strikes: {run.outcome()}")
    check(bench.json()["phantoms"] == [] and "last_run" in bench.json(), f"it was seen, and struck nothing: {bench.json()}")
    check("no phantom was struck" in bench.told().stdout, "which is said")


def test_folders(check):
    bench = Bench()
    file = bench.folder / "file"
    file.write_text("")
    run = bench.run("no-folder", extra=["--state", file / "below"])
    check(run.status == 6 and "give another folder with --state" not in run.err and str(file) in run.err and run.report is None,
          f"--state where no folder can be: {run.status} {run.err}")
    env = {k: v for k, v in os.environ.items() if k not in ("HOME", "XDG_STATE_HOME")}
    command = [rig.PENRIG_A, "--bench", bench.bench, "--", "run", bench.plan, "--bench", bench.bench, "--dut", "PEN-GOOD-01",
               "--output-dir", bench.folder / "none", "--no-input"]
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True, text=True, env=env)
    check(done.returncode == 0 and "--state DIR" in done.stderr and "not counted" in done.stderr,
          f"without any folder the run goes on, and says so: {done.returncode} {done.stderr[-300:]}")
    env["XDG_STATE_HOME"] = str(bench.folder / "xdg")
    done = subprocess.run([*map(str, command[:-2]), str(bench.folder / "xdg-run"), "--no-input"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, env=env)
    check(done.returncode == 0 and len(list((bench.folder / "xdg/penrig").glob("virtual-usb-*.state"))) == 1,
          f"$XDG_STATE_HOME/penrig: {done.returncode} {done.stderr[-200:]}")
    done = rig.penrig_a("state")
    check(done.returncode == 2 and "--bench" in done.stderr, f"no bench: {done.returncode} {done.stderr}")
    done = rig.penrig_a("state", "--bench", "/nowhere.json", "--state", bench.state)
    check(done.returncode == 2 and "/nowhere.json" in done.stderr, f"no such bench: {done.returncode} {done.stderr}")


def test_damage(check):
    bench = Bench()
    bench.json()
    path = next(bench.state.glob("*.state"))
    path.write_bytes(b"not a database, " * 300)
    check(bench.told().returncode == 6, "a damaged file is an error where it is asked for")
    run = bench.run("damaged")
    check(run.status == 6 and run.report is None, f"and of a run that was to use it, before anything moves: {run.outcome()}")


DAY_S = 86400


def utc(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_a_clock_that_was_set_back(check):
    bench = Bench()
    first = bench.run("first", clock=["--clock", DAY_S])
    check(first.status == 0, f"a first run, by a clock that is a day ahead: {first.outcome()} {first.err[-200:]}")
    for name, by_s, status in [("back", 0, 8), ("a-minute", DAY_S - 50, 0), ("two-minutes", DAY_S - 120, 8), ("on", DAY_S + 30, 0)]:
        run = bench.run(name, clock=["--clock", by_s])
        check(run.status == status, f"{name}: {run.status} {run.err[-300:]}")
        if status == 8:
            check(run.report is None and "run first" in run.err.replace("run a-minute", "run first") and "set back" in run.err and
                  ".state away" in run.err.replace("\n", " "), f"{name}: it says what is known, and the way out: {run.err}")
            check(not any("OUTP ON" in t.get("line", "") for t in run.truth), f"{name}: nothing moved")
    check(bench.json()["last_run"]["name"] == "on", f"what was refused is not remembered: {bench.json()['last_run']}")
    next(bench.state.glob("*.state")).unlink()
    check(bench.run("anew", clock=["--clock", 0]).status == 0, "the way out is one")


def test_a_clock_that_is_set_meanwhile(check):
    for by_s in (-3600, 3600, -0.5):
        bench = Bench()
        run = bench.run("stepped", clock=["--clock-step", f"2.0,{by_s}"])
        report = run.report
        took_s = (utc(report["ended"]) - utc(report["started"])).total_seconds()
        check(run.status == 0 and 4 < took_s < 15, f"clock set by {by_s} s: {run.outcome()}, took {took_s} s")
        point = int(report["points"][0]["started_utc_ns"]) * 1e-9 - utc(report["started"]).timestamp()
        check(0 < point < took_s, f"clock set by {by_s} s: the point began {point} s behind the start")
        shown = rig.penrig_a("show", "--journal", run.run_file).stdout
        check(shown.count(f"clock was set by {by_s:+.3f} s") == 1, f"clock set by {by_s} s stands in the journal, once")
        seen = utc(bench.json()["last_run"]["seen"])
        check(abs((seen - utc(report["ended"])).total_seconds()) < 1, f"clock set by {by_s} s: the state saw {seen}")


def test_a_clock_behind_the_program(check):
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    bench = rig.own_bench("virtual-usb.json", folder)
    library = folder / "past.so"
    source = folder / "past.c"
    source.write_text(PAST)
    made = subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], capture_output=True, text=True)
    if made.returncode or subprocess.run(["git", "-C", rig.ROOT, "rev-parse"], capture_output=True).returncode:
        return  # without a compiler or a commit there is nothing to hold
    sanitizer = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))  # the library comes before its runtime
    env = {**os.environ, "LD_PRELOAD": str(library), "ASAN_OPTIONS": sanitizer}
    plan = rig.FIXTURES / "plans/ci-smoke.json"
    for command in (["run", plan, "--bench", bench, "--dut", "X", "--output-dir", folder], ["check", plan, "--bench", bench]):
        done = subprocess.run([str(a) for a in [rig.PENRIG, *command]], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        check(done.returncode == 8 and "1970-01-01" in done.stderr and "set the clock" in done.stderr,
              f"{command[0]} in 1970: {done.returncode} {done.stderr}")


# a computer whose clock was never set
PAST = """#include <time.h>
#include <sys/syscall.h>
#include <unistd.h>
int clock_gettime(clockid_t id, struct timespec *ret)
{
	long rc = syscall(SYS_clock_gettime, id, ret);
	if (id == CLOCK_REALTIME)
		ret->tv_sec = 1000;
	return (int)rc;
}
"""


def main():
    check = rig.Checks()
    test_strokes(check)
    test_a_run_that_strikes_nothing(check)
    test_folders(check)
    test_damage(check)
    test_a_clock_that_was_set_back(check)
    test_a_clock_that_is_set_meanwhile(check)
    test_a_clock_behind_the_program(check)
    check.end()


main()
