"""A second agent of the fleet, for one bench, in another language. Written from docs/fleet-protocol.md, docs/history.md and the help of `penrig run`
alone: where it does not work, a page is wrong or the product is.
usage: second_agent.py --db CONNINFO --name BENCH --bench FILE --state DIR [--lease SECONDS] -- COMMAND...    (what stands before "run")"""
import argparse
import fcntl
import hashlib
import json
import random
import select
import sqlite3
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psycopg2
import psycopg2.extensions

KNOWS = 5  # version of the tables
PIECE = 262144
NOT_NOW = ("25", "40", "53", "55", "57", "58", "XX")
RUN = ("head", "name", "host", "started", "ended", "dut", "lot", "plan", "plan_sha256", "bench", "bench_sha256", "operator", "verdict", "status", "exit_code", "reason", "software")
RESULT = ("measurand", "method", "unit", "place", "sweep", "step", "phantom", "depth_mm", "rate_hz", "attempt", "value", "u", "expanded_u", "n", "outcome", "lower", "upper")
DEVICE = ("number", "role", "driver", "model", "serial", "firmware", "certificate", "due")


SILENT_S = 15  # a server, or what stands before it, that says nothing for so long is lost


def wait(db):
    """Instead of libpq's own, which on a local socket waits for an answer for ever."""
    while (state := db.poll()) != psycopg2.extensions.POLL_OK:
        reads, writes = ([db], []) if state == psycopg2.extensions.POLL_READ else ([], [db])
        if not any(select.select(reads, writes, [], SILENT_S)):
            raise psycopg2.OperationalError("the server says nothing")


class Lost(Exception):
    """No answer: what was asked may have happened, or not."""


class Refused(Exception):
    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")
        self.code = code


class Agent:
    def __init__(self, o):
        self.o, self.db, self.epoch, self.token, self.failures = o, None, None, None, 0
        self.state = Path(o.state)
        self.out = self.state / "agent/runs"
        self.out.mkdir(parents=True, exist_ok=True)
        self.history = self.state / "history"
        if not self.history.exists():  # the product makes it
            subprocess.run([*o.command, "history", "--rebuild", str(self.out), "--history", str(self.history)], check=True, stdout=subprocess.DEVNULL)
        with self.local() as db:
            db.execute("CREATE TABLE IF NOT EXISTS outbox(seq INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL UNIQUE, bench TEXT NOT NULL, name TEXT NOT NULL, job INTEGER NOT NULL,"
                       " fence INTEGER NOT NULL, begun INTEGER NOT NULL, ended INTEGER NOT NULL, exit_code INTEGER NOT NULL, refused TEXT NOT NULL)")
        self.child = self.item = None
        self.renew_at = 0

    def local(self):
        db = sqlite3.connect(self.history, timeout=10)
        db.execute("PRAGMA synchronous=FULL")
        return db

    # ---- one statement each

    def connect(self):
        self.db = psycopg2.connect(self.o.db, options="-c search_path=penrig,pg_temp -c jit=off -c statement_timeout=10s", connect_timeout=10, application_name="penrig agent")
        self.db.autocommit = True
        with self.db.cursor() as c:
            c.execute("LISTEN penrig_job")
            c.execute("LISTEN penrig_cancel")
            c.execute("SELECT coalesce(max(version), 0), coalesce(max(min_client), 0) FROM migration")
            version, oldest = c.fetchone()
        if not oldest <= KNOWS <= version:
            sys.exit(f"{self.o.name}: the tables have version {version}; this agent knows {KNOWS}")

    def ask(self, sql, *values):
        try:
            if self.db is None or self.db.closed:
                self.connect()
            with self.db.cursor() as c:
                c.execute(sql, values)
                return c.fetchall()
        except psycopg2.Error as e:
            code = e.pgcode or ""
            if not code or code[:2] == "08" or code[:3] == "57P" or self.db is None or self.db.closed:
                self.db = None
                raise Lost(str(e)) from e
            if code == "PR001":
                sys.exit(f"{self.o.name}: another agent has taken over the bench")
            if code[:2] in NOT_NOW or code == "PR003":
                raise Lost(str(e)) from e
            raise Refused(code, str(e)) from e

    # ---- a job

    def claim(self):
        again, self.token = self.token is not None, self.token or str(uuid.uuid4())
        rows, asked = [], time.clock_gettime(time.CLOCK_BOOTTIME)
        if again:
            rows = self.ask("SELECT * FROM claimed(%s, %s, %s)", self.o.name, self.epoch, self.token)
        if not rows:
            asked = time.clock_gettime(time.CLOCK_BOOTTIME)
            try:
                rows = self.ask("SELECT * FROM claim(%s, %s, %s, %s)", self.o.name, self.epoch, self.token, f"{self.o.lease} s")
            except Refused as e:
                if e.code == "23505":
                    return
                raise
        self.token = None
        if rows:
            self.begin(*rows[0], asked)

    def begin(self, job, fence, plan_name, plan, sha256, dut, lot, reports, lease_s, deadline_s, asked):
        late = min(lease_s, deadline_s if deadline_s is not None else lease_s) + asked
        left = late - time.clock_gettime(time.CLOCK_BOOTTIME)
        why = "its plan arrived otherwise" if hashlib.sha256(plan.encode()).hexdigest() != sha256 else "it came too late" if left <= 0 else None
        if why:
            self.ask("SELECT give_back(%s, %s, %s, NULL, %s, false, '30 s')", self.o.name, job, fence, why)
            return
        run = str(uuid.uuid4())
        self.item = {"run": run, "job": job, "fence": fence, "name": f"py{job}-{fence}-{run[:8]}"}
        with self.local() as db:
            db.execute("INSERT INTO outbox(run_id, bench, name, job, fence, begun, ended, exit_code, refused) VALUES(?,?,?,?,?,?,0,-1,'')",
                       (run, self.o.name, self.item["name"], job, fence, int(time.time())))
        try:
            asked = time.clock_gettime(time.CLOCK_BOOTTIME)
            bound = self.ask("SELECT begins(%s, %s, %s, %s)", self.o.name, self.epoch, job, fence)[0][0]
        except (Lost, Refused) as e:  # it does not begin, and is given back
            self.end(run, self.item["name"], -1)
            self.item = None
            if isinstance(e, Lost):
                raise
            return
        path = self.state / "agent" / f"{self.item['name']}.plan.json"
        path.write_text(plan)
        lock = self.lock(self.item["name"])
        argv = [*(word.replace("{dut}", dut) for word in self.o.command), "run", path, "--bench", self.o.bench, "--dut", dut, "--lot", lot, "--output-dir", self.out, "--name", self.item["name"], "--attr", f"fleet.run={run}",
                "--attr", f"fleet.job={job}", "--attr", f"fleet.fence={fence}", "--history", self.history, "--state", self.state, "--start-by", f"{late:.3f}", "--no-input", "--quiet",
                *(["--end-by", f"{asked + bound:.3f}"] if bound is not None else []), *(f"--report={report}" for report in reports)]
        if not lot:
            del argv[argv.index("--lot"):argv.index("--lot") + 2]
        self.child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=(self.state / "agent" / f"{self.item['name']}.log").open("w"),
                                      pass_fds=(lock.fileno(),), start_new_session=True)
        lock.close()  # the run alone holds it now
        self.renew_at = time.monotonic() + self.o.lease / 3

    def lock(self, name):
        lock = (self.state / "agent" / f"{name}.events.jsonl").open("a")
        fcntl.flock(lock, fcntl.LOCK_EX)
        return lock

    def renew(self):
        if self.item and self.child and time.monotonic() >= self.renew_at:
            word = self.ask("SELECT renew(%s, %s, %s, %s, %s)", self.o.name, self.epoch, self.item["job"], self.item["fence"], f"{self.o.lease} s")[0][0]
            if word == "stop":
                self.child.terminate()
            self.renew_at = time.monotonic() + self.o.lease / 3

    def settle(self):
        """The run has ended: does the history have it?"""
        if self.child is None or self.child.poll() is None:
            return
        self.end(self.item["run"], self.item["name"], self.child.returncode if self.child.returncode >= 0 else -1)
        self.child = self.item = None

    def end(self, run, name, code):
        if not self.told(run) and (self.out / f"{name}.penrig").exists():
            subprocess.run([*self.o.command, "history", "--rebuild", str(self.out / f"{name}.penrig"), "--history", str(self.history)], check=False, capture_output=True)
        with self.local() as db:
            db.execute("UPDATE outbox SET ended = 1, exit_code = ? WHERE run_id = ?", (code, run))

    def take_over(self):
        """What an agent before this one began: its run is waited for, then it is as any other."""
        with self.local() as db:
            for run, name in db.execute("SELECT run_id, name FROM outbox WHERE ended = 0 AND bench = ?", (self.o.name,)).fetchall():
                self.lock(name).close()
                self.end(run, name, -1)

    # ---- the outbox

    def told(self, run):
        with self.local() as db:
            row = db.execute(f"SELECT {', '.join('run.' + c for c in RUN)}, run.id FROM run JOIN attribute ON attribute.run = run.id WHERE key = 'fleet.run' AND attribute.value = ?",
                             (run,)).fetchone()
            if row is None:
                return None
            results = db.execute("SELECT q.measurand, q.method, q.unit, r.place, p.sweep, p.step, p.phantom, p.depth_mm, p.rate_hz, p.attempt, r.value, r.u, r.expanded_u, coalesce(r.n, 0), r.outcome,"
                                 " r.lower, r.upper FROM result r JOIN quantity q ON q.id = r.quantity JOIN place p ON p.run = r.run AND p.number = r.place WHERE r.run = ?", (row[-1],))
            devices = db.execute(f"SELECT {', '.join(DEVICE)} FROM device WHERE run = ?", (row[-1],))
            said = {"run": run, **dict(zip(RUN, row)), "devices": [dict(zip(DEVICE, d)) for d in devices], "results": [dict(zip(RESULT, r)) for r in results]}
        for result in said["results"]:
            result["sweep"] = bool(result["sweep"])
        return said

    def send_file(self, path):
        data = path.read_bytes()
        digest = hashlib.sha256(data).digest()
        n = self.ask("SELECT file_begin(%s, %s, %s)", self.o.name, digest, len(data))[0][0]
        if n >= 0:
            for i in range(n, (len(data) + PIECE - 1) // PIECE):
                self.ask("SELECT file_put(%s, %s, %s, %s)", self.o.name, digest, i, data[i * PIECE:(i + 1) * PIECE])
            if not self.ask("SELECT file_done(%s, %s)", self.o.name, digest)[0][0]:
                raise Lost("a file arrived otherwise")
        return {"name": path.name, "sha256": digest.hex()}

    def send(self):
        with self.local() as db:
            row = db.execute("SELECT seq, run_id, name, job, fence, exit_code FROM outbox WHERE ended = 1 AND refused = '' ORDER BY seq LIMIT 1").fetchone()
        if row is None:
            return False
        seq, run, name, job, fence, code = row
        refused, said = "", self.told(run)
        try:
            if said is None:
                self.ask("SELECT give_back(%s, %s, %s, %s, %s, %s, '1 s')", self.o.name, job, fence, code if code >= 0 else None, f"{self.o.name}: there is no run", code in (2, 8))
            else:
                said["files"] = [self.send_file(p) for p in sorted(self.out.glob(f"{name}.*")) if p.suffix not in (".penrig-wal", ".penrig-shm") and p.stat().st_size]
                label = self.ask("SELECT record(%s, %s, %s, %s)", self.o.name, job, fence, json.dumps(said))[0][0]
                print(f"{self.o.name}: job {job}, run {name}: {label}", flush=True)
        except Refused as e:
            refused = str(e)
        with self.local() as db:
            if refused:
                db.execute("UPDATE outbox SET refused = ? WHERE seq = ?", (refused, seq))
            else:
                db.execute("DELETE FROM outbox WHERE seq = ?", (seq,))
        return True

    # ---- round and round

    def work(self):
        if self.epoch is None:
            self.epoch = self.ask("SELECT register(%s, %s, %s)", self.o.name, [f"bench={self.o.name}"], '{"state": "idle", "outbox": 0, "version": "second"}')[0][0]
            print(f"{self.o.name}: waits for jobs", flush=True)
        self.renew()
        while self.send():
            self.renew()
        if self.child is None:
            self.claim()
        self.ask("SELECT expire()")

    def rest(self):
        """Until something is told, or ends, or is due."""
        if self.db is not None and not self.db.closed:
            select.select([self.db], [], [], 0.1 if self.child else 1)
            try:
                self.db.poll()
                self.db.notifies.clear()
            except psycopg2.Error:
                self.db = None
        else:
            time.sleep(0.5 * 2 ** min(self.failures, 3) * random.uniform(0.5, 1))

    def run(self):
        self.take_over()
        while True:
            self.settle()
            try:
                self.work()
                self.failures = 0
            except Lost:
                self.failures += 1
            self.rest()


if __name__ == "__main__":
    psycopg2.extensions.set_wait_callback(wait)
    parser = argparse.ArgumentParser()
    for word in ("db", "name", "bench", "state"):
        parser.add_argument(f"--{word}", required=True)
    parser.add_argument("--lease", type=float, default=60)
    parser.add_argument("command", nargs="+")
    Agent(parser.parse_args()).run()
