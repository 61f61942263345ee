#!/usr/bin/python3
# runs alone: real time is part of what it tests
"""The pen stops whatever dies: penrig killed at any moment, stopped, or ended as CI systems end jobs, in real processes over
the real libusb and libserialport. Each run draws its moment from a seed. Without options 12 kills, 4 of a checked build; `--kills 200 --first SEED`
does others and prints how long the order to stop took, `--seed N` one of them alone."""
import argparse
import hashlib
import json
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import rig

BENCHES = ["virtual-usb.json", "virtual-serial.json"]
TRIPPED = 1024     # condition of a pen whose dead-man has stopped it
ORDER_S = 0.2      # the most that the order to stop may take, on a computer with time for it
DEAD_MAN = "dead-man-dead@0.1"  # where only an order stops the pen
WAIT_S = 60
KILLS = 4 if rig.CHECKED else 12


def sanitizer_first():
    """Of a checked build, where something else starts it in front of the simulator: its runtime comes before all that is
    preloaded. penrig-virtual sees to that for what it starts itself."""
    needs = subprocess.run(["ldd", rig.PENRIG], capture_output=True, text=True).stdout
    return "".join(line.split()[0] + ":" for line in needs.splitlines() if "libasan.so" in line)


SANITIZER_FIRST = sanitizer_first()


class Job:
    """penrig in front of the simulator, with its progress to be waited for; ended from outside."""

    def __init__(self, bench, faults=(), standstill_s=None, wrap=(), seed=1):
        self.folder = Path(tempfile.mkdtemp(prefix="pr"))
        self.bench = rig.own_bench(bench, self.folder)
        if standstill_s:
            text = self.bench.read_text()
            self.bench.write_text(text.replace('"name":', f'"stopper": {{"standstill_s": {standstill_s}}},\n  "name":', 1))
        self.events, write_end = os.pipe()
        world = ["--bench", self.bench, "--truth", self.folder / "truth.jsonl", "--seed", seed]
        for fault in faults:
            world += ["--fault", fault]
        command = [rig.PENRIG, "run", rig.FIXTURES / "plans/ci-smoke.json", "--bench", self.bench, "--dut", "PEN-GOOD-01",
                   "--output-dir", self.folder, "--name", "R", "--no-input", "--progress-fd", write_end]
        argv = [rig.VIRTUAL, *world, "--", *wrap, *command]
        self.child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL, pass_fds=[write_end], start_new_session=True)
        os.close(write_end)
        self.unread, self.come = b"", []
        self.penrig = None

    def lines(self, until_s):
        """Progress as it comes, until then or the end."""
        while True:
            *whole, self.unread = self.unread.split(b"\n")
            self.come += whole
            while self.come:
                yield json.loads(self.come.pop(0))
            left = until_s - time.monotonic()
            if left <= 0 or not select.select([self.events], [], [], left)[0]:
                return
            data = os.read(self.events, 65536)
            if not data:
                return
            self.unread += data

    def until(self, stage):
        if not any(event.get("stage") == stage for event in self.lines(time.monotonic() + WAIT_S)):
            kill_all(tree(self.child.pid), signal.SIGKILL)
            raise rig.Missed(self.end(), stage)

    def pass_time(self, seconds):
        for _ in self.lines(time.monotonic() + seconds):
            pass

    def job(self):
        """What the simulator runs: penrig, or what runs penrig."""
        if self.penrig is None:
            self.penrig = next(iter(children(self.child.pid)), None)
        if self.penrig is None:
            raise rig.Missed(self.end(), "its process was looked for")
        return self.penrig

    def end(self):
        status = self.child.wait(WAIT_S)
        if self.events is not None:
            os.close(self.events)
        self.events = None
        return rig.Run(status, "", "", self.folder)


def children(pid):
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def tree(pid):
    return [pid] + [below for child in children(pid) for below in tree(child)]


def with_marker(text):
    """Every process that carries this in its environment."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and text.encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            pass
    return found


def kill_all(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


# ---- what is looked at afterwards --------------------------------------------------------------------------------

def note_of(run):
    path = run.folder / "R.stopper.json"
    return json.loads(path.read_text()) if path.exists() else None


def ran_at(run, host_ns):
    """Was the motor on then, or told to be?"""
    on = False
    for t in run.truth:
        if t.get("host_ns", 0) > host_ns:
            break
        if t.get("event") == "motor":
            on = t["on"]
    return on


def order_s(run, host_ns):
    """From then to the next order to stop that the pen executed; None: there was none."""
    for t in run.truth:
        if t.get("event") == "command" and "OUTP OFF" in t["line"] and t["host_ns"] >= host_ns:
            return (t["host_ns"] - host_ns) * 1e-9
    return None


def last_off(run):
    off = [t for t in run.truth if t.get("event") == "motor" and not t["on"]]
    return off[-1] if off else None


def examine_stopped(check, label, run, host_ns):
    """By command, and not by its dead-man; confirmed, and written down."""
    check(run.truth[-1]["motor_on"] is False and run.truth[-1]["moving"] is False, f"{label}: the pen runs on: {run.truth[-1]}")
    note = note_of(run)
    if ran_at(run, host_ns):
        off = last_off(run)
        check(off and not off["condition"] & TRIPPED, f"{label}: stopped by {off}, the order came after {order_s(run, host_ns)} s")
        check(note is not None, f"{label}: no note of the stopper")
        check(note is None or (note["stopped"] and note["run"] == "R"), f"{label}: {note}")


def examine_next(check, label, run):
    until_s, tries = time.monotonic() + 20, 1
    while not_begun(check, label, run, f"next{tries}", time.monotonic() < until_s):
        tries += 1


def not_begun(check, label, run, name, may_be_busy):
    """The next start finds the bench as it was left, finishes the stop and says so; it is ended where it begins to measure. True:
    the stopper still has the bench."""
    world = [rig.VIRTUAL, "--bench", run.bench, "--"]
    read_end, write_end = os.pipe()
    argv = [*world, rig.PENRIG, "run", rig.FIXTURES / "plans/ci-smoke.json", "--bench", run.bench, "--dut", "PEN-GOOD-01",
            "--output-dir", run.folder, "--name", name, "--no-input", "--progress-fd", write_end]
    child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                             text=True, pass_fds=[write_end])
    os.close(write_end)
    started = False
    with os.fdopen(read_end) as events:
        for line in events:
            if json.loads(line).get("stage") == "tare":
                started = True
                child.send_signal(signal.SIGINT)
                break
        for line in events:
            pass
    err = child.communicate(timeout=WAIT_S)[1]
    if child.returncode == 5 and "which stops the pen" in err and may_be_busy:
        return True
    noted = note_of(run)
    report = run.folder / f"{name}.report.json"
    bench = json.loads(report.read_text())["bench"] if report.exists() else {}
    check(started and child.returncode == 130, f"{label}: the next run: exit {child.returncode} {err[-300:]}")
    if noted and noted["stopped"]:
        check("run R on this bench did not come to its end" in bench.get("found", ""), f"{label}: found {bench} {err[-300:]}")
        check("says that its motor is off" in bench.get("found", ""), f"{label}: found {bench}")
    return False


def examine_file(check, label, run):
    if run.run_file is None:
        return
    shown = rig.penrig_a("show", run.run_file)
    check(shown.returncode == 0, f"{label}: the run file does not open: {shown.stderr[-300:]}")


# ---- kills at any moment -----------------------------------------------------------------------------------------

def killed(seed):
    draw = random.Random(seed)
    job = Job(BENCHES[seed % 2], seed=seed)
    job.until("opening")
    job.job()  # penrig itself is there
    stage = draw.choice(["opening", "interlock", "tare", "spin_up", "measuring", "measuring", "measuring", "stopping"])
    if stage != "opening":
        job.until(stage)
    job.pass_time(draw.uniform(0, 1.5))
    pid = job.job()
    host_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    kill_all([pid], signal.SIGKILL)
    run = job.end()
    run.killed_ns, run.bench = host_ns, job.bench
    return run


def examine_killed(check, seed, run, follow=True):
    label = f"killed, seed {seed}"
    check(run.status == 137, f"{label}: exit {run.status}")
    examine_stopped(check, label, run, run.killed_ns)
    examine_file(check, label, run)
    if follow:
        examine_next(check, label, run)


def orders(runs):
    return sorted(order_s(run, run.killed_ns) for run in runs if ran_at(run, run.killed_ns) and order_s(run, run.killed_ns))


def print_orders(runs):
    s = orders(runs)
    if not s:
        return
    at = lambda share: s[min(int(share * len(s)), len(s) - 1)] * 1e3
    print(f"order to stop after the kill, {len(s)} kills with the motor on: median {at(0.5):.0f} ms, 90 % {at(0.9):.0f} ms, "
          f"99 % {at(0.99):.0f} ms, longest {s[-1] * 1e3:.0f} ms; {sum(x <= ORDER_S for x in s)} within {ORDER_S * 1e3:.0f} ms")


# ---- a program that stands still ---------------------------------------------------------------------------------

def stood_still(bench):
    """Stopped until the stopper has acted, then let go. The pen's own dead-man is dead: only an order stops it."""
    job = Job(bench, faults=[DEAD_MAN], standstill_s=1)
    job.until("measuring")
    pid = job.job()
    host_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    os.kill(pid, signal.SIGSTOP)
    until_s = time.monotonic() + WAIT_S
    while not (job.folder / "R.stopper.json").exists() and time.monotonic() < until_s:
        select.select([], [], [], 0.01)
    kill_all([pid], signal.SIGCONT)
    job.pass_time(WAIT_S)
    run = job.end()
    run.killed_ns, run.bench = host_ns, job.bench
    return run


def examine_serial_standstill(check, run):
    """It shares the port: penrig goes on, what it missed is not judged, and the point is made again."""
    label = "stood still, serial"
    note = note_of(run)
    check(note and note["stopped"] and not note["killed"] and "has stood still" in note["cause"], f"{label}: {note}")
    check((order_s(run, run.killed_ns) or 99) >= 0.9, f"{label}: the order came too early: {order_s(run, run.killed_ns)}")
    check(run.outcome() == ("pass", "complete", 0), f"{label}: {run.outcome()} {(run.report or {}).get('verdict_reason')}")
    shown = rig.penrig_a("show", "--journal", run.run_file).stdout
    check("the stopper stopped the pen" in shown and "a stopper stands by" in shown, f"{label}: the journal: {shown[-600:]}")
    points = (run.report or {}).get("points", [])
    check(any(p.get("attempt", 1) > 1 for p in points), f"{label}: no point was made again")


def examine_usb_standstill(check, run):
    """The interface must be taken from it: it is killed first, and that is said."""
    label = "stood still, USB"
    note = note_of(run)
    check(run.status == 137, f"{label}: exit {run.status}")
    check(note and note["stopped"] and note["killed"], f"{label}: {note}")
    check((order_s(run, run.killed_ns) or 99) >= 0.9, f"{label}: the order came too early: {order_s(run, run.killed_ns)}")
    check(run.truth[-1]["motor_on"] is False, f"{label}: {run.truth[-1]}")
    examine_next(check, label, run)


# ---- a stopper that is killed, or stands still --------------------------------------------------------------------

def without_its_stopper(number):
    job = Job(BENCHES[0], standstill_s=1)
    job.until("measuring")
    stoppers = [pid for pid in children(job.child.pid) if Path(f"/proc/{pid}/comm").read_text().strip() == "penrig-stopper"]
    kill_all(stoppers, number)
    job.pass_time(WAIT_S)
    run = job.end()
    if number == signal.SIGSTOP:  # they are still there
        kill_all(stoppers, signal.SIGKILL)
    run.stoppers = stoppers
    return run


def examine_without(check, run, said):
    """Nobody would stop the pen if penrig died now: the run ends in order."""
    check(len(run.stoppers) == 1, f"{said}: {run.stoppers}")
    check(run.outcome()[1:] == ("internal_error", 7), f"{said}: {run.outcome()}")
    check(run.report["stop"]["verified"] and said in run.report["status_reason"], f"{said}: {run.report['status_reason']}")


LOST = [(signal.SIGKILL, "stopper has ended"), (signal.SIGSTOP, "stopper stands still")]


# ---- the ends of jobs --------------------------------------------------------------------------------------------

MARKER = "RUNNER_TRACKING_ID=github_%d"


def github(job, marker):
    """The entry process is interrupted, terminated, its tree killed; then every orphan that carries the job's marker."""
    pid = job.job()
    below = tree(pid)
    for number in (signal.SIGINT, signal.SIGTERM):
        kill_all([pid], number)
    kill_all(below, signal.SIGKILL)
    kill_all(with_marker(marker), signal.SIGKILL)


def gitlab(job, marker):
    """The process group is terminated and killed."""
    group = os.getpgid(job.job())
    for number in (signal.SIGTERM, signal.SIGKILL):
        os.killpg(group, number)


def jenkins(job, marker):
    """Whatever carries the build's marker is terminated, then killed, and the tree with it."""
    below = tree(job.job())
    for number in (signal.SIGTERM, signal.SIGKILL):
        kill_all(with_marker(marker), number)
    kill_all(below, signal.SIGKILL)


def container(job, marker):
    """All of it at once, the stopper as well: nothing of this computer is left to give an order."""
    everything = [pid for pid in tree(job.child.pid) if pid != job.child.pid]
    kill_all(everything, signal.SIGSTOP)
    kill_all(everything, signal.SIGKILL)


ENDS = {"GitHub": github, "GitLab": gitlab, "Jenkins": jenkins, "container": container}


def ended_by(name, number):
    marker = MARKER % (os.getpid() * 10 + number)
    job = Job(BENCHES[number % 2], wrap=["setsid", "--wait", "env", marker, "sh", "-c", f'LD_PRELOAD={SANITIZER_FIRST}$LD_PRELOAD "$@"; :', "job"])
    job.until("measuring")
    ENDS[name](job, marker)
    host_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    run = job.end()
    run.killed_ns, run.bench = host_ns, job.bench
    return run


def examine_end(check, name, run):
    label = f"ended as {name} does"
    off = last_off(run)
    check(run.truth[-1]["motor_on"] is False and run.truth[-1]["moving"] is False, f"{label}: the pen runs on: {run.truth[-1]}")
    if name == "container":
        check(note_of(run) is None and off["condition"] & TRIPPED, f"{label}: not by the dead-man: {off} {note_of(run)}")
    else:
        note = note_of(run)
        check(note and note["stopped"] and not off["condition"] & TRIPPED, f"{label}: {note} {off}")
    examine_file(check, label, run)
    examine_next(check, label, run)


# ---- what is refused, and what leaves no trace -------------------------------------------------------------------

def examine_ordinary(check):
    """A run in order: no note, nothing left for the next; the stopper is gone with it."""
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    bench = rig.own_bench(BENCHES[0], folder)
    for i in range(2):
        run = rig.undisturbed(lambda: rig.run_plan("ci-smoke.json", bench=bench, depth="B", folder=Path(tempfile.mkdtemp(dir=folder)), extra=["--name", f"R{i}"]))
        check(run.outcome() == ("pass", "complete", 0), f"ordinary: {run.outcome()} {run.err[-300:]}")
        check(not list(folder.rglob("*.stopper.json")), f"ordinary: {list(folder.iterdir())}")
        check("found" not in run.report["bench"], f"ordinary: {run.report['bench']}")


def examine_missing(check):
    """Without its program a run is refused, where the bench does not say otherwise."""
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    penrig = folder / "penrig"
    penrig.write_bytes(rig.PENRIG.read_bytes())
    penrig.chmod(0o755)
    bench = rig.own_bench(BENCHES[0], folder)

    def run(name):
        argv = [rig.VIRTUAL, "--bench", bench, "--", penrig, "run", rig.FIXTURES / "plans/ci-smoke.json", "--bench", bench, "--dut",
                "PEN-GOOD-01", "--output-dir", folder, "--name", name, "--no-input"]
        return subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=WAIT_S)

    done = run("refused")
    check(done.returncode == 8 and "penrig-stopper" in done.stderr + done.stdout and '"required": false' in done.stderr + done.stdout,
          f"no stopper: exit {done.returncode} {done.stderr[-400:]}")
    bench.write_text(bench.read_text().replace('"name":', '"stopper": {"required": false},\n  "name":', 1))
    done = run("without")
    check(done.returncode in (0, 3), f"no stopper, not required: exit {done.returncode} {done.stderr[-400:]}")


def penrig_run(bench, folder, name, *extra):
    return [str(a) for a in (rig.PENRIG, "run", rig.FIXTURES / "plans/ci-smoke.json", "--bench", bench, "--dut", "PEN-GOOD-01",
                             "--output-dir", folder, "--name", name, "--no-input", *extra)]


def two_in_one_world(bench, other, folder):
    """In front of the simulator: a run, and while it measures another one that knows nothing of its lock."""
    read_end, write_end = os.pipe()
    env = dict(os.environ, LD_PRELOAD=SANITIZER_FIRST + os.environ["LD_PRELOAD"])
    first = subprocess.Popen(penrig_run(bench, folder, "first", "--progress-fd", write_end), stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, pass_fds=[write_end], env=env)
    os.close(write_end)
    with os.fdopen(read_end) as events:
        for line in events:
            if json.loads(line).get("stage") == "measuring":
                break
        second = subprocess.run(penrig_run(other, folder, "second"), capture_output=True, text=True, env=env)
        for line in events:
            pass
    print(json.dumps([first.wait(), second.returncode, second.stderr + second.stdout]))


def two_locks(bench):
    """One pen and two lock folders, as in two containers: here two files, and so two locks."""
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    for half in ("a", "b"):
        (folder / half).mkdir()
    benches = [rig.own_bench(bench, folder / half) for half in ("a", "b")]
    argv = [rig.VIRTUAL, "--bench", benches[0], "--truth", folder / "truth.jsonl", "--", sys.executable, __file__, "--two", *benches, folder]
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=WAIT_S)
    run = rig.Run(done.returncode, done.stdout, done.stderr, folder)
    return run


def examine_two_locks(check, run):
    """The second ends with 5 and says who has the device; the first knows nothing of it."""
    first, second, said = json.loads(run.out)
    check(second == 5 and "is held by" in said, f"two locks: the second: exit {second} {said[-300:]}")
    check(first == 0, f"two locks: the first: exit {first}")
    orders = [t for t in run.truth if t.get("event") == "command" and "OUTP ON" in t["line"]]
    attempts = len(rig.report_form.read((run.folder / "first.report.json").read_text())["points"])
    check(attempts >= 2 and len(orders) == attempts, f"two locks: {len(orders)} starts for {attempts} attempts of the first at two points")


# ---- a pen that was left and cannot be stopped -------------------------------------------------------------------

LEFT_BY_R0 = "run R0 on this bench did not come to its end"


def lock_of(bench):
    digest = hashlib.sha256(os.path.realpath(bench).encode()).hexdigest()[:24]
    return [folder / f"penrig-{digest}.lock" for folder in (Path("/run/lock"), Path("/tmp")) if os.access(folder, os.W_OK)][0]


def leave(bench, folder, **other):
    """As a run that was killed leaves it: the pen PEN-LEFT-07, which is not there."""
    recipe = {"driver": "scpi-pen", "link": "serial:1209:0003:PEN-LEFT-07", "run": "R0", "folder": str(folder), "baud": 115200, "data_bits": 8,
              "stop_bits": 1, "parity": 0, "flow": 0, "wait_ms": 0, "standstill_ms": 5000, **other}
    lock = lock_of(bench)
    lock.write_text("penrig (pid 1, user x) since then\n" + json.dumps(recipe) + "\n")
    return lock


def after_left(interrupted=False, hard_link=False, **other):
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    bench = rig.own_bench("virtual-serial.json", folder)
    lock = leave(bench, folder, **other)
    if hard_link:
        os.link(lock, f"{lock}.other")
    argv = [rig.VIRTUAL, "--bench", bench, "--", *penrig_run(bench, folder, "N")]
    child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    until_s = time.monotonic() + WAIT_S
    while interrupted and time.monotonic() < until_s:  # the stopper says in the lock's first line that it is at work
        if "which stops the pen" in lock.read_text():
            os.kill(next(pid for pid in children(child.pid) if Path(f"/proc/{pid}/comm").read_text().strip() == "penrig"), signal.SIGINT)
            break
        select.select([], [], [], 0.01)
    err = child.communicate(timeout=WAIT_S)[1]
    run = rig.Run(child.returncode, "", err, folder)
    run.found = json.loads((folder / "N.report.json").read_text())["bench"].get("found", "") if (folder / "N.report.json").exists() else ""
    run.left, run.acted = lock.read_text(), (folder / "R0.stopper.json").exists()
    lock.unlink()
    if hard_link:
        os.unlink(f"{lock}.other")
    return run


def examine_left(check, label, run, status, acted, *words):
    """Refused or ended, told, and not forgotten: the lock's file goes on naming that pen."""
    check(run.status == status, f"{label}: exit {run.status} {run.err[-300:]}")
    check(run.left.count("\n") == 2 and "R0" in run.left, f"{label}: forgotten: {run.left!r}")
    check(LEFT_BY_R0 in run.err.replace("\n", " "), f"{label}: the terminal: {run.err[-400:]}")
    check(not run.found or LEFT_BY_R0 in run.found, f"{label}: the report: {run.found}")
    check(acted is None or run.acted == acted, f"{label}: the stopper acted: {run.acted}")
    for word in words:
        check(word in run.err.replace("\n", " "), f"{label}: no word of {word!r}: {run.err[-500:]}")


LEFT = [
    ({}, 8, True, "could not be stopped now", "truncate -c -s 0"),
    ({"interrupted": True}, 130, None, "the next start on this bench stops it first"),
    ({"link": "serial:/dev/ttyUSB0"}, 8, False, "this bench's pen is"),
    ({"driver": "other-pen"}, 8, False, "has the driver"),
    ({"hard_link": True}, 8, False, "is no file of its own"),
]


def both_killed():
    """penrig and its stopper at once, with the pen's dead-man at work: nobody wrote a note."""
    job = Job(BENCHES[1])
    job.until("measuring")
    everything = [pid for pid in tree(job.child.pid) if pid != job.child.pid]
    kill_all(everything, signal.SIGSTOP)
    kill_all(everything, signal.SIGKILL)
    run = job.end()
    run.bench = job.bench
    examined = rig.Checks()
    examine_next(examined, "both killed", run)
    run.found = next((json.loads(p.read_text())["bench"].get("found", "") for p in sorted(run.folder.glob("next*.report.json"))), "")
    return run


def examine_both(check, run):
    check("no stopper's note stands" in run.found and "once more" not in run.found, f"both killed: {run.found}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--two", nargs=3)
    options = parser.parse_args()
    if options.two:
        two_in_one_world(*options.two)
        return 0
    check = rig.Checks()
    seeds = [options.seed] if options.seed else list(range(options.first, options.first + options.kills))
    soak = options.kills != KILLS or options.seed
    jobs = [lambda s=s: killed(s) for s in seeds]
    examines = [lambda c, run, s=s: examine_killed(c, s, run, follow=s % 4 == 0 or bool(options.seed)) for s in seeds]
    runs = rig.all_examined(check, jobs, examines)
    print_orders(runs)
    if soak:
        check.end()
    jobs = [lambda: stood_still("virtual-serial.json"), lambda: stood_still("virtual-usb.json"),
            *(lambda row=row: without_its_stopper(row[0]) for row in LOST),
            *(lambda bench=bench: two_locks(bench) for bench in BENCHES), *(lambda n=n, i=i: ended_by(n, i) for i, n in enumerate(ENDS)),
            both_killed, *(lambda row=row: after_left(**row[0]) for row in LEFT)]
    examines = [examine_serial_standstill, examine_usb_standstill,
                *(lambda c, run, row=row: examine_without(c, run, row[1]) for row in LOST), *[examine_two_locks] * len(BENCHES),
                *(lambda c, run, n=n: examine_end(c, n, run) for n in ENDS), examine_both,
                *(lambda c, run, row=row: examine_left(c, f"left {row[0]}", run, *row[1:]) for row in LEFT)]
    rig.all_examined(check, rig.some(jobs, of=2), rig.some(examines, of=2))
    examine_ordinary(check)
    examine_missing(check)
    check.end()


if __name__ == "__main__":
    sys.exit(main())
