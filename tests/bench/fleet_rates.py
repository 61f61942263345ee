#!/usr/bin/python3
"""What a fleet costs, each as a ratio of two sides that are asked call by call in turn, in this one run: a claim against a bare SKIP LOCKED,
a run recorded against COPY of the same rows, a sensor's results as a viewer asks for them against the bare tables; and the share of a core,
and the memory, of an agent that waits.
usage: fleet_rates.py [--claims N] [--runs N] [--rows N] [--idle-s S]"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import fleet  # noqa: E402
import fleet_size  # noqa: E402
import rig  # noqa: E402

RESULTS = 250  # of a run
# Without a disk that is waited for, which would make both sides alike; whole pages in the log would say more of the last checkpoint.
WORDS = ["-c", "full_page_writes=off", "-c", "autovacuum=off", "-c", "shared_buffers=256MB"]
GOALS = {"claim, p50": 2.5, "claim, log bytes": 2.0}
BARE = ("UPDATE bare SET state = 'leased', fence = fence + 1, ready_at = clock_timestamp() + interval '1 h' WHERE id = "
        "(SELECT id FROM bare WHERE state = 'ready' ORDER BY priority DESC, id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id, plan")


class Side:
    """One of two that are compared: how long each call took, and what it wrote to the server's log."""

    def __init__(self, f, user, sql):
        import psycopg2
        self.connection = psycopg2.connect(f.server.db(user), options="-c search_path=penrig,pg_temp -c jit=off")
        self.connection.autocommit = True
        self.cursor, self.sql, self.s, self.bytes = self.connection.cursor(), sql, [], 0

    def ask(self, log, values=(), copy=None):
        before, begun = log(), time.perf_counter()
        if copy:
            copy(self.cursor)
        else:
            self.cursor.execute(self.sql, values)
            self.answer = self.cursor.fetchall()
        self.s.append(time.perf_counter() - begun)
        self.bytes += log() - before

    def close(self):
        self.connection.close()


def log_of(server):
    import psycopg2
    connection = psycopg2.connect(server.db())
    connection.autocommit = True
    cursor = connection.cursor()

    def at():
        cursor.execute("SELECT pg_current_wal_insert_lsn() - '0/0'")
        return int(cursor.fetchone()[0])
    return at


def quantile(values, p):
    return sorted(values)[min(len(values) - 1, int(p * len(values)))]


def compare(name, ours, theirs, what, per=1):
    """Two lines, each a ratio; those that miss their goal are told, and returned."""
    missed = 0
    lines = [(f"{name}, {q}", quantile(ours.s, p) / quantile(theirs.s, p), f"{1e3 * quantile(ours.s, p):.2f} ms / {1e3 * quantile(theirs.s, p):.2f} ms") for q, p in (("p50", 0.5), ("p99", 0.99))]
    if ours.bytes:
        lines.append((f"{name}, log bytes", ours.bytes / theirs.bytes, f"{ours.bytes / len(ours.s) / per:.0f} / {theirs.bytes / len(theirs.s) / per:.0f}"))
    for line, ratio, figures in lines:
        goal = GOALS.get(line)
        missed += goal is not None and ratio > goal
        print(f"  {line:<28} {ratio:6.2f} x {what} ({figures}){'' if goal is None else f', goal {goal}: ' + ('met' if ratio <= goal else 'MISSED')}", flush=True)
    return missed


def claims(f, log, count):
    """A job that is claimed is given back for good between two claims, on both sides the same."""
    f.server.sql("SET ROLE penrig_owner; SET search_path = penrig; "
                 "INSERT INTO job (site_id, plan_name, plan, plan_sha256, dut, token, turn_at) SELECT 1, 'p', repeat('x', 500), '', 'd', gen_random_uuid(), now() FROM generate_series(1, 5000); ANALYZE job; RESET ROLE;"
                 "CREATE TABLE penrig.bare (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, priority int NOT NULL DEFAULT 0, state text NOT NULL DEFAULT 'ready', fence bigint NOT NULL DEFAULT 0, ready_at timestamptz, plan text) WITH (fillfactor = 70);"
                 "CREATE INDEX ON penrig.bare (priority DESC, id) WHERE state = 'ready'; INSERT INTO penrig.bare (plan) SELECT repeat('x', 500) FROM generate_series(1, 5000); GRANT SELECT, UPDATE ON penrig.bare TO b1; ANALYZE penrig.bare")
    epoch = f.server.sql("SELECT penrig.register('bench-1', '{}', '{}')", user="b1")[0][0]
    ours = Side(f, "b1", f"SELECT * FROM claim('bench-1', {epoch}, %s, '1 h')")
    theirs, back = Side(f, "b1", BARE), Side(f, "b1", "SELECT give_back('bench-1', %s, %s, 0, '', true, '0 s')")
    for _ in range(count):
        ours.ask(log, (str(uuid.uuid4()),))
        theirs.ask(log)
        back.ask(log, ours.answer[0][:2])
    for side in (ours, theirs, back):
        side.close()
    return compare("claim", ours, theirs, "a bare SKIP LOCKED")


COPIED = (("run_key", "run_no, run_id, chain_head, recorded_at", "run_no = {no}"), ("run", "*", "run_no = {no}"), ("result", "*", "run_no = {no}"), ("device_use", "*", "run_no = {no}"))


def a_run():
    results = [{"measurand": f"m{i % 20}", "method": "a", "unit": "mm", "place": i // 20, "sweep": False, "step": 1, "phantom": "SIL-STD-01", "depth_mm": 0.5, "rate_hz": 120, "attempt": 1, "value": i / 7, "u": 0.01,
                "expanded_u": 0.02, "n": 500, "outcome": "pass", "lower": -0.15, "upper": 0.15} for i in range(RESULTS)]
    devices = [{"number": i, "role": "load", "driver": "d", "model": "m", "serial": f"S{i}", "firmware": "1", "certificate": "C", "due": "2030-01-01"} for i in range(4)]
    texts = dict.fromkeys(("host", "dut", "lot", "plan", "plan_sha256", "bench", "bench_sha256", "operator", "reason", "software", "started", "ended"), "2026-11-29T00:00:00Z")
    return {**texts, "run": str(uuid.uuid4()), "head": os.urandom(32).hex(), "name": "n", "verdict": "pass", "status": "complete", "exit_code": 0, "results": results, "devices": devices, "files": []}


def rows(f, log, count):
    """The same rows by COPY into tables with the same indexes, in one transaction."""
    f.server.sql("SET search_path = penrig; " + "".join(f"CREATE TABLE copy_{t} (LIKE {t} INCLUDING ALL EXCLUDING IDENTITY EXCLUDING CONSTRAINTS);" for t, _, _ in COPIED))
    ours, theirs = Side(f, "b1", "SELECT record('bench-1', NULL, NULL, %s)"), Side(f, "admin", "")
    theirs.connection.autocommit = False
    import io
    for _ in range(count):
        run = a_run()
        ours.ask(log, (json.dumps(run),))
        assert ours.answer == [("free",)]
        with theirs.connection.cursor() as c:
            c.execute("SELECT run_no FROM run_key WHERE run_id = %s", (run["run"],))
            no, texts = c.fetchone()[0], []
            for table, columns, where in COPIED:
                texts.append(io.StringIO())
                c.copy_expert(f"COPY (SELECT {columns} FROM {table} WHERE {where.format(no=no)}) TO STDOUT", texts[-1])
        theirs.connection.commit()

        def copy(cursor):
            for (table, _, _), text in zip(COPIED, texts):
                text.seek(0)
                cursor.copy_expert(f"COPY copy_{table} FROM STDIN", text)
            theirs.connection.commit()
        theirs.ask(log, copy=copy)
    for side in (ours, theirs):
        side.close()
    print(f"  rows recorded: {RESULTS / statistics.median(ours.s):.0f} results a second; by COPY {RESULTS / statistics.median(theirs.s):.0f}")
    return compare("a run of 250 results", ours, theirs, "COPY", RESULTS)


SINCE = "SELECT count(*), avg(value) FROM device_result WHERE serial = 'S7' AND measurand = 'depth_error_mm' AND taken_at >= %s AND recorded_at >= %s"
TABLES = ("SELECT count(*), avg(x.value) FROM device_use u JOIN result x ON x.run_no = u.run_no AND x.recorded_at = u.recorded_at WHERE u.device_id = %s AND u.taken_at >= %s AND u.recorded_at >= %s "
          "AND x.recorded_at >= %s AND x.quantity_id = ANY (%s)")


def recall(count):
    """Of rows over a year, what a sensor measured in the last 20 days."""
    class Loaded:
        server = fleet.Server(WORDS)
    try:
        s = Loaded.server
        subprocess.run([rig.PENRIG, "fleet", "init", "--db", s.db()], check=True, stdout=subprocess.DEVNULL)
        fleet_size.load(s, count, 12)
        s.sql("CREATE ROLE reader LOGIN; GRANT penrig_viewer TO reader; INSERT INTO penrig.site_role SELECT 'reader', site_id FROM penrig.site")
        since = s.sql("SELECT now() - interval '20 days'")[0][0]
        device = int(s.sql("SELECT device_id FROM penrig.device WHERE serial = 'S7'")[0][0])
        quantities = [int(q) for q, in s.sql("SELECT quantity_id FROM penrig.quantity WHERE measurand = 'depth_error_mm'")]
        ours, theirs = Side(Loaded, "reader", SINCE), Side(Loaded, "admin", TABLES)
        for _ in range(30):
            ours.ask(lambda: 0, (since, since))
            theirs.ask(lambda: 0, (device, since, since, since, quantities))
            assert ours.answer == theirs.answer and ours.answer[0][0] > 0
        print(f"  {ours.answer[0][0]} results of a sensor since 20 days, of {count}")
        missed = compare("as a viewer", ours, theirs, "the bare tables")
        for side in (ours, theirs):
            side.close()
        return missed
    finally:
        Loaded.server.end()


def idle(f, seconds):
    """An agent that waits: share of a core, and what it alone has of the memory."""
    agent = f.agents[0]
    agent.start()
    agent.until_said("waits for jobs")
    hz, stat = os.sysconf("SC_CLK_TCK"), Path(f"/proc/{agent.process.pid}/stat")

    def used():
        words = stat.read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / hz
    before = used()
    time.sleep(seconds)
    share = 100 * (used() - before) / seconds
    memory = {line.split(":")[0]: int(line.split()[1]) for line in Path(f"/proc/{agent.process.pid}/smaps_rollup").read_text().splitlines()[1:]}
    print(f"  an agent that waits: {share:.3f} % of a core in {seconds} s (0.2 allowed), {memory['Rss'] / 1024:.1f} MB, of which its own {memory['Private_Dirty'] / 1024:.1f} MB (16 allowed)")
    agent.end()
    return (share > 0.2) + (memory["Rss"] > 16 * 1024)


def main():
    parser = argparse.ArgumentParser()
    for name, default in (("claims", 1500), ("runs", 200), ("rows", 300000), ("idle-s", 60)):
        parser.add_argument(f"--{name}", type=int, default=default)
    o = parser.parse_args()
    fleet.skip_without_postgres()
    f = fleet.Fleet(1, words=WORDS)
    try:
        log = log_of(f.server)
        missed = claims(f, log, o.claims) + rows(f, log, o.runs)
        f.server.sql("SET session_replication_role = replica; TRUNCATE penrig.job, penrig.attempt, penrig.pen_release")
        missed += idle(f, o.idle_s)
    finally:
        f.end()
    missed += recall(o.rows)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
