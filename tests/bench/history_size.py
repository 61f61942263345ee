#!/usr/bin/python3
"""What a history of many runs takes to be asked: a filter and a trend, each over the bare SQL of the same rows by the same library.
From penrig's time that of the same question about nothing, to start and to open the file, is taken off: it stands beside.
usage: history_size.py [RUNS]. Exit 1 where one takes more than three times as long."""
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import rig  # noqa: E402

RUNS = int(sys.argv[1]) if __name__ == "__main__" and len(sys.argv) > 1 else 100000
ROUNDS, MOST = 5, 3.0
PLAN = rig.FIXTURES / "plans/ci-smoke.json"


def filled(folder):
    """One real run, and as many like it: a minute apart, of 5 000 pens in 200 lots, by 50 sensors, each with a depth of its own."""
    history = folder / "history"
    rig.run_plan(PLAN, folder=folder / "out", extra=["--history", history, "--state", folder / "state", "--name", "r0"])
    db = sqlite3.connect(history)
    old, = db.execute("SELECT id FROM run WHERE name = 'r0'").fetchone()
    numbers = f"WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < {RUNS - 1}) "
    changed = {"id": f"{old} + i", "name": "'r' || i", "started": "strftime('%Y-%m-%dT%H:%M:%S.000Z', '2026-07-01', '+' || i || ' minutes')", "dut": "'PEN-' || (i % 5000)", "lot": "'L' || (i % 200)", "head": "hex(randomblob(32))"}
    for table, key in (("run", "id"), ("device", "run"), ("place", "run"), ("result", "run")):
        names = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        change = changed if table == "run" else {"run": f"{old} + i", "serial": "CASE role WHEN 'load_sensor' THEN 'LC-' || (i % 50) ELSE serial END", "value": "value + (random() % 1000) * 1e-5"}
        db.execute(f"INSERT INTO {table}({', '.join(names)}) {numbers} SELECT {', '.join(change.get(n, n) for n in names)} FROM {table}, k WHERE {table}.{key} = {old}")
    db.commit()
    db.execute("ANALYZE")
    db.close()
    return history


def fastest(job):
    best = None
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        rows = job()
        took = time.perf_counter() - begun
        best = took if best is None else min(best, took)
    return best, rows


def asked(history, *args):
    def job():
        done = subprocess.run([str(rig.PENRIG), *args, "--history", str(history)], capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C"})
        return len(done.stdout.splitlines())
    return fastest(job)


def bare(history, sql):
    def job():
        db = sqlite3.connect(history)
        rows = len(db.execute(sql).fetchall())
        db.close()
        return rows
    return fastest(job)


def ratios(history):
    """Of each question: what, rows of the bare SQL, seconds of penrig, to start, of the bare SQL."""
    runs = "SELECT * FROM run{} ORDER BY started"
    of_sensor = " WHERE id IN (SELECT run FROM device WHERE serial = 'LC-7')"
    values = ("SELECT value, u, expanded_u, result.outcome, lower, upper, place.depth_mm, place.rate_hz, phantom, quantity.method, quantity.unit, run.started, run.name, run.dut, run.recording, run.later "
              "FROM quantity JOIN result ON result.quantity = quantity.id JOIN run ON run.id = result.run JOIN place ON place.run = result.run AND place.number = result.place "
              "WHERE measurand = 'depth_error_mm' AND result.outcome <> ''{} ORDER BY run.started, place.number")
    for what, args, sql in (
            ("a sensor's runs", ["history", "--device", "LC-7", "--csv"], runs.format(of_sensor)),
            ("a lot's runs", ["history", "--lot", "L17", "--csv"], runs.format(" WHERE lot = 'L17'")),
            ("all runs", ["history", "--csv"], runs.format("")),
            ("trend of a lot", ["trend", "depth_error_mm", "--lot", "L17"], values.format(" AND run.lot = 'L17'")),
            ("trend of all", ["trend", "depth_error_mm"], values.format(""))):
        took, _ = asked(history, *args)
        begun, _ = asked(history, "history", "--lot", "none", "--csv")
        least, rows = bare(history, sql)
        yield what, rows, took, begun, least


def main():
    missed = False
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    for what, rows, took, begun, least in ratios(filled(folder)):
        ratio = (took - begun) / least
        missed |= ratio > MOST
        print(f"{what:<18} {rows:>7} rows {1e3 * took:8.1f} ms, of these {1e3 * begun:5.1f} to start, bare SQL {1e3 * least:8.1f} ms: {ratio:5.2f} x{'  OVER' if ratio > MOST else ''}", flush=True)
    return missed


if __name__ == "__main__":
    sys.exit(main())
