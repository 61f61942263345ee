"""What the end-to-end tests share: running penrig on the virtual clock or in front of the simulator, and holding a report
against the truth file. Needs only the standard library."""
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import report_form

ROOT = Path(__file__).resolve().parents[2]
B = Path(os.environ.get("B", "build/dev"))
B = B if B.is_absolute() else ROOT / B
PENRIG = B / "penrig"
PENRIG_A = B / "tests/penrig-a"
VIRTUAL = B / "penrig-virtual"
FIXTURES = ROOT / "fixtures"


class Run:
    """One run of penrig: exit status, report (or None), truth lines, texts."""

    def __init__(self, status, out, err, folder):
        self.status, self.out, self.err, self.folder = status, out, err, Path(folder)
        reports = sorted(self.folder.glob("*.report.json"))
        self.report = report_form.read(reports[-1].read_text()) if reports else None
        files = sorted(self.folder.glob("*.penrig"))
        self.run_file = files[-1] if files else None
        truth = self.folder / "truth.jsonl"
        self.truth = [json.loads(line) for line in truth.read_text().splitlines()] if truth.exists() else []

    def outcome(self):
        r = self.report or {}
        return r.get("dut_verdict"), r.get("run_status"), self.status


def own_bench(name, folder):
    """A copy of a shipped bench: one process drives one bench, and these tests run several at a time."""
    text = (FIXTURES / "benches" / name).read_text().replace("../phantoms", str(FIXTURES / "phantoms"))
    path = Path(folder) / name
    path.write_text(text)
    return path


def with_zero(path, zero_n=0.3, u_zero_n=0.005):
    """The bench knows what its sensor reads with no needle near. A recording made of noise and pulses alone wants that: nothing moves in it between
    strokes, so whether a front end ends there is not known."""
    path.write_text(path.read_text().replace('"tare_free":', f'"zero_n": {zero_n}, "u_zero_n": {u_zero_n}, "tare_free":'))
    return path


def run_plan(plan, bench="virtual-usb.json", dut="PEN-GOOD-01", faults=(), seed=1, depth="A", extra=(), folder=None,
             timeout=300, clamp=None, world_extra=()):
    """A conformance run at depth A (virtual clock) or B (simulator, real time)."""
    folder = Path(folder or tempfile.mkdtemp(prefix="pr"))
    folder.mkdir(parents=True, exist_ok=True)
    bench_path = Path(bench) if os.sep in str(bench) else own_bench(bench, folder)
    plan_path = Path(plan) if os.sep in str(plan) else FIXTURES / "plans" / plan
    world = ["--bench", bench_path, "--seed", seed, "--truth", folder / "truth.jsonl", *world_extra]
    for fault in faults:
        world += ["--fault", fault]
    command = ["run", plan_path, "--bench", bench_path, "--dut", dut, "--output-dir", folder, "--no-input", *extra]
    if depth == "A":
        argv = [PENRIG_A, *world, "--virtual-dut", clamp or dut, "--", *command]
    else:
        argv = [VIRTUAL, *world, "--dut", clamp or dut, "--", PENRIG, *command]
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout,
                          cwd=folder)
    return Run(done.returncode, done.stdout, done.stderr, folder)


def penrig_a(*args, **kw):
    return subprocess.run([str(PENRIG_A), "--", *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True, **kw)


def strokes(run):
    return [t for t in run.truth if "stroke" in t]


def result(point, name, method=None):
    for r in point["results"]:
        if r["measurand"] == name and (method is None or r["method"] == method):
            return r
    return None


def true_window(run, point):
    """True strokes whose deepest moment lies in the point's measuring window, by the sensor's own sample index."""
    lo, hi = int(point["window"]["first_index"]), int(point["window"]["coast_index"])
    return [t for t in strokes(run) if lo <= t["index"] < hi]


def true_rate_hz(window):
    """Realised mean rate of the true instants, in true time."""
    span_s = (window[-1]["t_ns"] - window[0]["t_ns"]) * 1e-9
    return (len(window) - 1) / span_s


CHECKED = bool(os.environ.get("SANITIZE"))  # a build that looks for what reads or writes where it must not: some times as slow
RUNS_AT_ONCE = 3 if CHECKED else 5          # real-time runs: as many as two cores bear


def some(rows, of=3):
    """All of them; every third of a checked build, whose findings hang on the code that runs and not on each row."""
    return rows[::of] if CHECKED else rows


def in_parallel(jobs, workers=2):
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda job: job(), jobs))


HELD_UP_S = 0.15  # a computer that let the bench stand still for so long of WITHIN_S showed a silence that no device made
WITHIN_S = 0.5    # the longest wait of penrig for any answer


def held_up_most_s(holds):
    """The most of any WITHIN_S that holds, (when each ended, how long it was), took away."""
    return max((sum(s for at, s in holds if end - WITHIN_S <= at <= end) for end, _ in holds), default=0)


def bench_held_up(run):
    return [(t["t_ns"] * 1e-9, t["seconds"]) for t in run.truth if t.get("event") == "held_up"]


def penrig_held_up(run):
    """As its journal tells."""
    return [(float(line.split()[0]), number_of(line, "held up for ([0-9.]+) s")) for line in journal(run).splitlines() if "held up for" in line]


def kept_up(run):
    """Whether this computer kept up with a run in real time."""
    return held_up_most_s(bench_held_up(run)) < HELD_UP_S and held_up_most_s(penrig_held_up(run)) < HELD_UP_S


def bench_kept_up(run):
    """The same where penrig itself is held up on purpose."""
    return held_up_most_s(bench_held_up(run)) < HELD_UP_S


def unread(run):
    """Samples that were sent and not recorded. Where no fault takes any, a computer was too busy to read them."""
    return sum(int(d["counters"]["lost_samples"]) for d in (run.report or {"devices": []})["devices"])


class Missed(Exception):
    """A run that ended before the moment at which a test would have acted on it."""

    def __init__(self, run, moment):
        super().__init__(f"it ended before {moment}: {run.outcome()} {(run.report or {}).get('status_reason', '')} {run.err[-300:]}")
        self.run = run


def undisturbed(job, tries=6, keeps_up=kept_up):
    """A real-time run, again where this computer did not keep up with it. What missed its moment on a computer that did is
    raised as it is."""
    for left in reversed(range(tries)):
        try:
            run, missed = job(), None
        except Missed as e:
            run, missed = e.run, e
        if keeps_up(run) or not left or left_running(run):
            break
        print("again: this computer held the bench up", flush=True)
    if missed:
        raise missed
    return run


def in_its_time(job, keeps_up=kept_up):
    """Such a run, or what it missed."""
    try:
        return undisturbed(job, keeps_up=keeps_up)
    except Missed as missed:
        return missed


def left_running(run):
    """A motor that was on in the end: no computer excuses that."""
    return bool(run.truth) and run.truth[-1].get("motor_on") is True


def worst(run):
    """The same, needles that went on, and a pass by whatever name."""
    passed = "pass" in (run.outcome()[0] or "") or (run.status == 0 and run.report is None)
    return passed or left_running(run) or bool(run.truth) and run.truth[-1].get("moving") is True


def held_to(check, run, examine):
    """examine(check, run) of what in_its_time() gave."""
    if isinstance(run, Missed):
        check(False, str(run))
    else:
        examine(check, run)


def all_examined(check, jobs, examines, keeps_up=kept_up):
    """Each job's run, several at once, held to its examine(check, run). The runs."""
    runs = in_parallel([lambda job=job: in_its_time(job, keeps_up) for job in jobs], workers=RUNS_AT_ONCE)
    for job, run, examine in zip(jobs, runs, examines):
        examined(check, job, run, examine, keeps_up)
    most = max(3, len(jobs) // 4)
    check(check.repeated <= most, f"{check.repeated} of {len(jobs)} runs failed beside the others: more than a busy computer explains")
    check.repeated = 0
    return [run for run in runs if not isinstance(run, Missed)]


def examined(check, job, run, examine, keeps_up=kept_up):
    """examine(check, run) of one of several real-time runs at once. What fails beside the others, or missed its moment there,
    runs again alone, and that counts: a computer that starves one process shows a silence that no device made. A pass that
    should not be and a pen that was left running are never tried again."""
    first = Checks(quiet=True)
    held_to(first, run, examine)
    if first.failures and not worst(getattr(run, "run", run)):
        check.repeated += 1
        print("again, alone:", first.failures[0][:200], flush=True)
        last, failed = in_its_time(job, keeps_up), len(check.failures)
        held_to(check, last, examine)
        if len(check.failures) > failed:
            print(f"      its journal ends with: {journal(getattr(last, 'run', last))[-1500:]}", flush=True)
        return
    check.passed += first.passed
    for text in first.failures:
        check(False, text)


def journal(run):
    return penrig_a("show", "--journal", run.run_file).stdout if run.run_file else "nothing: there is no run file"


class Checks:
    """Counts, says what failed, and ends the program the way the runner counts."""

    def __init__(self, quiet=False):
        self.passed, self.failures, self.quiet, self.repeated = 0, [], quiet, 0

    def __call__(self, ok, text):
        if ok:
            self.passed += 1
        else:
            self.failures.append(text)
            if not self.quiet:
                print("FAILED:", text, flush=True)
        return ok

    def end(self):
        print(f"{self.passed} passed, {len(self.failures)} failed, 0 skipped")
        sys.exit(1 if self.failures else 0)


def number_of(text, pattern):
    found = re.search(pattern, text)
    return float(found.group(1)) if found else None
