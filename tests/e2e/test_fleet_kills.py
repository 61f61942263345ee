"""Agents, their runs, the server and its connections are killed, frozen and cut at random, by a seed; then every bench's own files are held
against the server: each job answered once, each run recorded once, no run from nowhere. `make soak` does it at length.
usage: test_fleet_kills.py [--jobs N] [--benches N] [--first SEED] [--seeds N] [--mutants]"""
import argparse
import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time

import fleet
import rig
from fleet import Fleet

PENS = {"PEN-GOOD-01": 0, "PEN-DEEP-01": 1}  # and the exit code that the job has to end in
LEASE = "--lease=3s"
JOBS = int(os.environ.get("FLEET_JOBS", 6))  # make check-fleet: 300


class Faults:
    """What goes wrong, and how often it did."""

    def __init__(self, f, seed):
        self.f, self.rng, self.count = f, random.Random(seed), {}

    def running(self):
        return [a for a in self.f.agents if a.process and a.process.poll() is None]

    def kill_agent(self):
        agent = self.rng.choice(self.running())
        agent.kill()
        agent.start(LEASE)

    def kill_run(self):
        """Of any agent that has one; at the beginning, or somewhat later."""
        for agent in self.rng.sample(self.running(), len(self.running())):
            for path in sorted((agent.folder / "state/agent").glob("*.events.jsonl"), key=lambda p: p.stat().st_mtime, reverse=True)[:1]:
                if subprocess.run(["flock", "-s", "-n", path, "true"], check=False).returncode == 0:
                    continue
                time.sleep(self.rng.uniform(0, 0.3))
                pids = [int(pid) for pid in subprocess.run(["fuser", path], capture_output=True, text=True).stdout.split() if int(pid) != agent.process.pid]
                for pid in pids:
                    with contextlib.suppress(ProcessLookupError):  # it has just ended
                        os.kill(pid, signal.SIGKILL)
                if pids:
                    return

    def freeze_agent(self):
        """Past its lease, now and then."""
        agent = self.rng.choice(self.running())
        agent.process.send_signal(signal.SIGSTOP)
        time.sleep(self.rng.choice((0.05, 0.3, 3.5)))
        agent.process.send_signal(signal.SIGCONT)

    def cut(self):
        self.f.server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'penrig agent'")

    def stop_server(self):
        self.f.server.stop(self.rng.choice((signal.SIGKILL, signal.SIGQUIT, signal.SIGINT)))
        time.sleep(self.rng.uniform(0, 0.5))
        self.f.server.start()

    def one(self):
        fault = self.rng.choice((self.kill_agent, self.kill_agent, self.kill_run, self.freeze_agent, self.cut, self.cut, self.stop_server))
        self.count[fault.__name__] = self.count.get(fault.__name__, 0) + 1
        fault()


# ---- the checker: what the server says against what each bench has on its own disk; no code of the product, and none of its SQL

def of_server(f):
    jobs = {int(r[0]): r[1:] for r in f.server.sql("SELECT job_id, state, coalesce(exit_code, -1), fence, run_id, dut FROM penrig.job")}
    runs = [r for r in f.server.sql(
        "SELECT r.run_id, encode(k.chain_head, 'hex'), r.job_id, r.fence, r.label, r.verdict, r.status, b.name, r.name,"
        " (SELECT count(*) FROM penrig.result x WHERE x.run_no = r.run_no), (SELECT count(*) FROM penrig.device_use d WHERE d.run_no = r.run_no),"
        " (SELECT count(*) FROM penrig.run_file w WHERE w.run_no = r.run_no)"
        " FROM penrig.run r JOIN penrig.run_key k USING (run_no) JOIN penrig.bench b USING (bench_id)")]
    return jobs, runs


def of_benches(f):
    """run id: (head, job, fence, verdict, status, bench, name, results, devices)"""
    found = {}
    for agent in f.agents:
        for run, head, job, fence, verdict, status, name, results, devices in agent.rows(
                "SELECT a.value, r.head, j.value, f.value, r.verdict, r.status, r.name, (SELECT count(*) FROM result x WHERE x.run = r.id),"
                " (SELECT count(*) FROM device d WHERE d.run = r.id) FROM run r JOIN attribute a ON a.run = r.id AND a.key = 'fleet.run'"
                " JOIN attribute j ON j.run = r.id AND j.key = 'fleet.job' JOIN attribute f ON f.run = r.id AND f.key = 'fleet.fence'"):
            found.setdefault(run, []).append((head, job, fence, verdict, status, agent.name, name, str(results), str(devices)))
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
    for run, head, job, fence, label, verdict, status, bench, name, results, devices, files in runs:
        mine = local.get(run, [])
        check(len(mine) == 1 and mine[0] == (head, job, fence, verdict, status, bench, name, results, devices), f"{run}: {mine} here, {(head, job, fence)} there")
        check((label == "aborted") == (status == "interrupted" and verdict != "fail") and int(files) >= 1, f"{run}: {label}, {status}, {files} files")


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
        known = {m[6] for mine in local.values() for m in mine if m[5] == agent.name}
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

def settled(f):
    """All jobs are answered, nothing runs, and every outbox is empty."""
    if f.server.sql("SELECT 1 FROM penrig.job WHERE closed_at IS NULL LIMIT 1"):
        return False
    return all(a.rows("SELECT count(*) FROM outbox") == [(0,)] for a in f.agents)


def storm(check, jobs, benches, seed, faults, mutant=None):
    f = Fleet(benches)
    f.agents[-1].second = fleet.has_second_agent()
    try:
        if mutant:
            mutate(f, mutant)
        for agent in f.agents:
            agent.start(LEASE)
        rng = random.Random(seed)
        for _ in range(jobs):
            f.submit(rng.choice(sorted(PENS)), fleet.SMOKE, "--attempts", "1000", "--priority", rng.randrange(3))
        wrong = Faults(f, seed)
        for agent in f.agents:
            agent.until_said("waits for jobs")
        while f.server.sql("SELECT 1 FROM penrig.job WHERE closed_at IS NULL LIMIT 1") and sum(wrong.count.values()) < faults:
            time.sleep(wrong.rng.uniform(0, 0.5))
            wrong.one()
        try:
            fleet.until("the end of it", lambda: settled(f), 60 if mutant else 600)
        except RuntimeError as e:
            check(False, f"seed {seed}: {e}\n" + "\n".join(a.said()[-1500:] for a in f.agents))
        ended, runs = audit(check, f)
        labels = {label: sum(r[4] == label for r in runs) for label in ("won", "superseded", "aborted")}
        other = sum(r[7] == f.agents[-1].name for r in runs) if f.agents[-1].second else "not there (python3-psycopg2)"
        print(f"seed {seed}: {len(ended)} jobs, {labels}, faults {wrong.count}; runs of the second agent: {other}", flush=True)
    finally:
        f.end()


def main():
    parser = argparse.ArgumentParser()
    for name, default in (("jobs", JOBS), ("benches", 6 if JOBS > 50 else 2), ("first", 1), ("seeds", 1), ("faults", max(5, JOBS // 8))):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--mutants", action="store_true")
    o = parser.parse_args()
    fleet.skip_without_postgres()
    if o.mutants:
        mutants(o)
    check = rig.Checks()
    for seed in range(o.first, o.first + o.seeds):
        storm(check, o.jobs, o.benches, seed, o.faults)
    check.end()


if __name__ == "__main__":
    sys.exit(main())
