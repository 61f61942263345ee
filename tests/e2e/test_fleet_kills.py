"""Agents, their runs, the server and its connections are killed, frozen and cut at random, by a seed; then every bench's own files are held
against the server: each job answered once, each run recorded once, no run from nowhere. `make check-fleet` does
300 jobs, `make soak` 10 000.
usage: test_fleet_kills.py [--jobs N] [--benches N] [--first SEED] [--seeds N] [--mutants]"""
import argparse
import contextlib
import hashlib
import os
import random
import signal
import sqlite3
import sys
import time
from pathlib import Path

import fleet
import fleet_proxy
import rig
from fleet import Fleet

PENS = {"PEN-GOOD-01": 0, "PEN-DEEP-01": 1}  # and the exit code that the job has to end in
LEASE = "--lease=3s"
ALL_TAKE_PART = 60  # jobs
RUN_BYTES = 2 << 20  # of a job on its bench's disk, and more
JOBS = int(os.environ.get("FLEET_JOBS") or (12 if "SEEDS" in os.environ else 100))  # SEEDS: under sanitizers
# What a killed server has to do again before it is there: bounded, for it is killed a hundred times and more while its files grow.
BRIEF = ["-c", "max_wal_size=64MB", "-c", "checkpoint_timeout=30s"]
PLAN = """{"kind": "penrig/plan/1", "name": "storm", "judge": {"rate": "realised", "depth": "force_equivalent"}, "tests": {"dead_man": false, "refusal": false},
 "limits": [{"measurand": "depth_error_mm", "unit": "mm", "lower": -0.15, "upper": 0.15}],
 "steps": [{"name": "storm", "depth_mm": 1.0, "rate_hz": 120, "tare_s": 0.2, "settle_s": 0.2, "measure_s": 1.0}]}"""


class Faults:
    """What goes wrong, and how often it did. Agents that died or were replaced are the business of revive()."""

    def __init__(self, f, seed, proxy):
        self.f, self.rng, self.proxy, self.count, self.frozen = f, random.Random(seed), proxy, {}, []
        self.at = {agent.number: agent for agent in f.agents}  # the one that is to speak for each bench

    def running(self):
        return [a for a in self.at.values() if a.process and a.process.poll() is None and a not in (b for _, b in self.frozen)]

    def start(self, agent):
        agent.world = self.rng.choice(([], [f"--clock-step={self.rng.uniform(0.5, 3):.2f},{self.rng.choice((-86400, -5, 5, 86400))}"]))
        agent.host = self.proxy.host
        agent.start(LEASE)

    def revive(self):
        for _, agent in [x for x in self.frozen if x[0] <= time.monotonic()]:
            agent.process.send_signal(signal.SIGCONT)
        self.frozen = [x for x in self.frozen if x[0] > time.monotonic()]
        for agent in self.at.values():
            if agent.process and agent.process.poll() is not None:
                agent.process = None
            if agent.process is None:
                self.start(agent)

    def kill_agent(self):
        for agent in self.rng.sample(self.running(), min(1, len(self.running()))):
            agent.kill()

    def kill_run(self):
        """Any of them, wherever it is."""
        pids = runs_of(self.f.folder)
        if pids:
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.kill(self.rng.choice(pids), signal.SIGKILL)

    def freeze_agent(self):
        """Past its lease, now and then."""
        for agent in self.rng.sample(self.running(), min(1, len(self.running()))):
            agent.process.send_signal(signal.SIGSTOP)
            self.frozen.append((time.monotonic() + self.rng.choice((0.05, 0.3, 1.0, 3.5, 5.0)), agent))

    def cut(self):
        self.proxy.arm(self.rng.choice(fleet_proxy.KINDS), self.rng.choice(fleet_proxy.STATEMENTS))

    def stop_server(self):
        self.f.server.stop(self.rng.choice((signal.SIGKILL, signal.SIGQUIT, signal.SIGINT)))
        time.sleep(self.rng.uniform(0, 0.5))
        self.f.server.start()

    def replace_agent(self):
        """Another computer's agent speaks for the bench from now on; the one before ends by itself, whatever it has in hand."""
        number = self.rng.choice(sorted(self.at))
        both = [a for a in self.f.agents if a.number == number]
        if len(both) == 1:
            self.f.agents.append(fleet.Agent(self.f, number, "-other"))
            both.append(self.f.agents[-1])
        old, new = sorted(both, key=lambda a: a is not self.at[number])
        if new.process and new.process.poll() is not None:
            new.process = None
        if new.process is None and old not in (a for _, a in self.frozen):
            self.at[number] = new
            self.start(new)

    def one(self):
        fault = self.rng.choice((self.kill_agent, self.kill_agent, self.kill_run, self.freeze_agent, self.freeze_agent, self.cut, self.cut, self.cut, self.cut, self.stop_server, self.replace_agent))
        self.count[fault.__name__] = self.count.get(fault.__name__, 0) + 1
        fault()

    def end(self):
        """Nothing goes wrong any more; whoever still has something to hand over does so, one computer after the other."""
        self.proxy.armed.clear()
        for _, agent in self.frozen:
            agent.process.send_signal(signal.SIGCONT)
        self.frozen.clear()


def runs_of(folder):
    """Runs under way: their processes."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0] == bytes(rig.PENRIG_A) and any(word.startswith(bytes(folder) + b"/") for word in words):
            found.append(int(pid))
    return found


# ---- the checker: what the server says against what each bench has on its own disk; no code of the product, and none of its SQL

def of_server(f):
    jobs = {int(r[0]): r[1:] for r in f.server.sql("SELECT job_id, state, coalesce(exit_code, -1), fence, run_id, dut FROM penrig.job")}
    runs = [r for r in f.server.sql(
        "SELECT r.run_id, encode(k.chain_head, 'hex'), r.job_id, r.fence, r.label, r.verdict, r.status, b.name, r.name,"
        " (SELECT count(*) FROM penrig.result x WHERE x.run_no = r.run_no), (SELECT count(*) FROM penrig.device_use d WHERE d.run_no = r.run_no),"
        " (SELECT coalesce(string_agg(w.name || ' ' || encode(w.sha256, 'hex'), ',' ORDER BY w.name), '') FROM penrig.run_file w WHERE w.run_no = r.run_no),"
        " (SELECT coalesce(sum(value), 0) FROM penrig.result x WHERE x.run_no = r.run_no)"
        " FROM penrig.run r JOIN penrig.run_key k USING (run_no) JOIN penrig.bench b USING (bench_id)")]
    return jobs, runs


def of_benches(f):
    """run id: (head, job, fence, verdict, status, bench, name, results, devices, sum of values, folder)"""
    found = {}
    for agent in f.agents:
        for run, head, job, fence, verdict, status, name, results, devices, total in agent.rows(
                "SELECT a.value, r.head, j.value, f.value, r.verdict, r.status, r.name, (SELECT count(*) FROM result x WHERE x.run = r.id),"
                " (SELECT count(*) FROM device d WHERE d.run = r.id), (SELECT coalesce(sum(value), 0) FROM result x WHERE x.run = r.id) FROM run r JOIN attribute a ON a.run = r.id AND a.key = 'fleet.run'"
                " JOIN attribute j ON j.run = r.id AND j.key = 'fleet.job' JOIN attribute f ON f.run = r.id AND f.key = 'fleet.fence'"):
            found.setdefault(run, []).append((head, job, fence, verdict, status, agent.name, name, str(results), str(devices), total, agent.folder))
    return found


def check_jobs(check, jobs, runs):
    for job, (state, code, fence, run, dut) in jobs.items():
        won = [r for r in runs if r[2] == str(job) and r[4] == "won"]
        cut = [r for r in won if r[5] == "fail" and r[6] == "interrupted"]  # what it had proven by then answers, with the run's own code
        check(state == "done" and (int(code) == PENS[dut] or (PENS[dut] == 1 and cut and int(code) not in (0, 1))), f"job {job} on {dut}: {state}, exit code {code}")
        check(len(won) == 1 and won[0][3] == fence and won[0][0] == run, f"job {job}: one run answers it, and it is that of its last fence {fence}: {won}")


def check_runs(check, runs, local):
    ids = [r[0] for r in runs]
    check(len(ids) == len(set(ids)), f"no run is recorded twice: {ids}")
    check(set(ids) == set(local), f"lost: {set(local) - set(ids)}, from nowhere: {set(ids) - set(local)}")
    for run, head, job, fence, label, verdict, status, bench, name, results, devices, files, total in runs:
        mine = local.get(run, [])
        if not check(len(mine) == 1 and mine[0][:9] == (head, job, fence, verdict, status, bench, name, results, devices), f"{run}: {mine} here, {(head, job, fence)} there"):
            continue
        check(abs(mine[0][9] - float(total)) <= 1e-9 * (1 + abs(float(total))), f"{run}: its values are {mine[0][9]} here, {total} there")
        came_late = status == "refused"  # by its lease: it was asked only whether it may begin
        check((label == "aborted") == (came_late or (status == "interrupted" and verdict != "fail")) and files, f"{run}: {label}, {status}, files: {files}")
        for file in files.split(","):
            path, _, digest = file.partition(" ")
            check(hashlib.sha256((mine[0][10] / "state/agent/runs" / path).read_bytes()).hexdigest() == digest, f"{run}: {path} is another file there")


def holds_nothing(path):
    """No line of a journal: the pen was not even opened."""
    with sqlite3.connect(path) as db:
        try:
            return db.execute("SELECT count(*) FROM journal").fetchone() == (0,)
        except sqlite3.OperationalError as e:
            return "no such table" in str(e)


def check_benches(check, f, local):
    check(f.server.sql("SELECT * FROM penrig.attempt WHERE state = 'open'") == [], "no attempt is open")
    check(f.server.sql("SELECT * FROM penrig.run_conflict") == [], "no conflict")
    for agent in f.agents:
        check(agent.rows("SELECT * FROM outbox") == [], f"{agent.name}: its outbox is empty: {agent.rows('SELECT * FROM outbox')}")
        files = {p.stem: p for p in (agent.folder / "state/agent/runs").glob("*.penrig")}
        known = {m[6] for mine in local.values() for m in mine if m[10] == agent.folder}
        check(known <= set(files), f"{agent.name}: a run without its file: {known - set(files)}")
        for name in set(files) - known:  # one that was killed as it made its file has nothing in it
            check(holds_nothing(files[name]), f"{agent.name}: a run file that nobody knows: {name}")


def audit(check, f):
    jobs, runs = of_server(f)
    local = of_benches(f)
    check_jobs(check, jobs, runs)
    check_runs(check, runs, local)
    check_benches(check, f, local)
    return jobs, runs


# ---- mutants: what the checker is there to find

MUTANTS = {  # a function, what stands in it, what takes its place
    "an old attempt answers": ("answer", "p_job.state = 'leased' AND p_job.fence = p_fence", "p_job.state = 'leased'"),
    "every attempt answers": ("answer", "p_job.state = 'leased' AND p_job.fence = p_fence", "true"),
    "known, and is not": ("record_run", "  INSERT INTO run_key", "  IF random() < 0.3 THEN RETURN 'known'; END IF;\n  INSERT INTO run_key"),
    "results are lost": ("record_run", "PERFORM put_results", "IF random() < 0.8 THEN PERFORM put_results"),
}


def mutate(f, name):
    function, old, new = MUTANTS[name]
    text = "\n".join("\t".join(row) for row in f.server.sql(f"SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = '{function}'"))
    assert old in text, name
    text = text.replace(old, new, 1)
    if new.startswith("IF") and "put_results" in new:
        text = text.replace("p_run->'results');", "p_run->'results'); END IF;", 1)
    f.server.sql("SET ROLE penrig_owner; " + text)


def mutants(o):
    """Each has to be rejected, by one of its seeds."""
    check = rig.Checks()
    for name in MUTANTS:
        for seed in range(o.first, o.first + 4):
            found = rig.Checks(quiet=True)
            storm(found, 20, 3, seed, 25, name)
            if found.failures:
                break
        check(found.failures, f"the mutant was not rejected: {name}")
        print(f"rejected: {name}: {found.failures[0][:160] if found.failures else 'no'}", flush=True)
    check.end()


# ---- a storm

def put(f, jobs, rng):
    """One in twenty by penrig, the others as any program may."""
    quoted = PLAN.replace("'", "''")
    plan = f.folder / "storm.json"
    plan.write_text(PLAN)
    for _ in range(max(1, jobs // 20)):
        f.submit(rng.choice(sorted(PENS)), plan, "--attempts", "1000", "--priority", rng.randrange(3))
    f.server.sql("\n".join(f"SELECT penrig.submit(gen_random_uuid(), NULL, '{{}}', 'storm', '{quoted}', '{rng.choice(sorted(PENS))}', '', '{{}}', {rng.randrange(3)}, NULL, 1000, NULL);"
                           for _ in range(jobs - max(1, jobs // 20))), user="ci")


def waiting(f):
    return int(f.server.sql("SELECT count(*) FROM penrig.job WHERE closed_at IS NULL")[0][0])


def full(f):
    return [a for a in f.agents if a.history.exists() and a.rows("SELECT count(*) FROM sqlite_master WHERE name = 'outbox'") == [(1,)] and a.rows("SELECT count(*) FROM outbox") != [(0,)]]


def settle(f, wrong, limit_s):
    """All jobs are answered, nothing runs, and every outbox is empty, on every computer."""
    wrong.end()

    def over():
        wrong.revive()
        return not waiting(f)
    fleet.until("the end of all jobs", over, limit_s, 0.3)

    def handed_over():
        left = full(f)
        for agent in left:
            if wrong.at[agent.number] is not agent and not any(other in left for other in [wrong.at[agent.number]]):
                wrong.at[agent.number] = agent
        wrong.revive()
        return not left and not runs_of(f.folder)
    fleet.until("empty outboxes", handed_over, limit_s, 0.3)


def rage(f, wrong, jobs, faults):
    """Faults spread over the jobs, as they are done."""
    while (left := waiting(f)) and sum(wrong.count.values()) < faults:
        wrong.revive()
        due = (jobs - left) * faults // jobs + 3
        if sum(wrong.count.values()) < due:
            wrong.one()
        time.sleep(wrong.rng.uniform(0, 0.2))


def storm(check, jobs, benches, seed, faults, mutant=None):
    f = Fleet(benches, room=(1 << 30) + jobs * RUN_BYTES, words=BRIEF)
    proxy = fleet_proxy.Proxy(f.server)
    if fleet.has_second_agent():
        f.agents[-1].second = True
    else:
        print("no psycopg2 (package python3-psycopg2): without the second agent")
    wrong = Faults(f, seed, proxy)
    try:
        if mutant:
            mutate(f, mutant)
        put(f, jobs, random.Random(seed))
        wrong.revive()
        try:
            rage(f, wrong, jobs, faults)
            settle(f, wrong, 60 if mutant else 900)
        except RuntimeError as e:
            check(False, f"seed {seed}: {e}\n" + "\n".join(a.said()[-1500:] for a in f.agents))
        ended, runs = audit(check, f)
        labels = {label: sum(r[4] == label for r in runs) for label in ("won", "superseded", "aborted")}
        other = sum(r[8].startswith("py") for r in runs)  # as it names them
        check(other or jobs < ALL_TAKE_PART or not f.agents[benches - 1].second, "the second agent took part")
        print(f"seed {seed}: {len(ended)} jobs on {benches} benches, runs {labels}, faults {wrong.count}, cuts {proxy.cuts}; runs of the second agent: {other}", flush=True)
    finally:
        for _, agent in wrong.frozen:
            agent.process.send_signal(signal.SIGCONT)
        f.end()
        proxy.end()


def main():
    parser = argparse.ArgumentParser()
    for name, default in (("jobs", JOBS), ("benches", None), ("first", 1), ("seeds", 1), ("faults", None)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--mutants", action="store_true")
    o = parser.parse_args()
    o.benches = o.benches or (6 if o.jobs > 50 else 2)
    o.faults = o.faults or max(5, o.jobs // 6)
    fleet.skip_without_postgres()
    if o.mutants:
        mutants(o)
    check = rig.Checks()
    for seed in range(o.first, o.first + o.seeds):
        storm(check, o.jobs, o.benches, seed, o.faults)
    check.end()


if __name__ == "__main__":
    sys.exit(main())
