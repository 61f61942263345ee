#!/usr/bin/python3
"""What the fleet's tables take on the disk as results grow, whether what people ask stays a matter of its answer, whether a month can be
vacuumed and taken out under readers, and whether a backup brings back what was there: pg_dump, and a base backup with its log up to a
moment between two runs.
usage: fleet_size.py [--rows N] [--months N] [--no-backup]"""
import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import fleet  # noqa: E402
import rig  # noqa: E402

PER_RUN = 60  # results; and 4 devices
MEASURANDS = ("depth_error_mm", "depth_mm", "depth_sd_mm", "stroke_rate_hz", "stroke_rate_error_pct", "period_jitter_pct", "missed_strokes", "double_strokes", "strokes", "depth_max_mm")
RECALL = ("SELECT count(*), avg(value) FROM penrig.device_result WHERE serial = 'S7' AND measurand = 'depth_error_mm' AND taken_at >= '{0}' AND recorded_at >= '{0}'")


def load(server, rows, months):
    """As record() leaves it: runs spread over months, each with results by place, four devices, what else is known of it."""
    runs = rows // PER_RUN
    server.sql("SET ROLE penrig_owner; SET search_path = penrig;"
               f"SELECT make_month((now() - i * interval '1 month')::date) FROM generate_series(0, {months}) i;"
               "INSERT INTO site (name) VALUES ('A'); INSERT INTO bench (name, site_id, login) SELECT 'b' || i, 1, 'b' FROM generate_series(1, 50) i;"
               f"INSERT INTO quantity (measurand, method, unit) SELECT m, 'method-' || i, 'mm' FROM generate_series(1, 2) i, unnest('{{{','.join(MEASURANDS)}}}'::text[]) m;"
               "INSERT INTO device (driver, serial) SELECT 'd', 'S' || i FROM generate_series(0, 199) i;"
               f"CREATE TEMP TABLE t AS SELECT i, now() - ({runs} - i) * interval '{months * 30} days' / {runs} AS at FROM generate_series(1, {runs}) i;"
               "INSERT INTO run_key (run_id, chain_head, recorded_at) SELECT gen_random_uuid(), sha256(i::text::bytea), at FROM t ORDER BY i;"
               "INSERT INTO run SELECT i, at, at, at, run_id, 1, 1 + i % 50, NULL, NULL, 'free', 'run-' || i, 'host', 'PEN-' || i % 5000, 'lot', 'plan', repeat('a', 64), 'b' || 1 + i % 50, repeat('b', 64), '', "
               "'pass', 'complete', 0, 'nearest to its limit: depth_error_mm', '0.1.0', at::text, at::text FROM t JOIN run_key ON run_no = i;"
               f"INSERT INTO result SELECT i, at, at, random(), 0.01, 0.02, -0.15, 0.15, 0.5, 120, 500, 1 + k % 20, k / 20, 1, 1, 1, false, 'pass', 'SIL-01' FROM t, generate_series(0, {PER_RUN - 1}) k;"
               "INSERT INTO device_use SELECT 1 + (i + k * 37) % 200, at, i, at, k, 'load', 'model', 'fw', 'CERT-1', '2030-01-01', 1 FROM t, generate_series(0, 3) k;"
               "INSERT INTO run_more SELECT i, '{\"head\": \"\", \"setup\": \"\", \"golden\": \"\", \"cartridge\": \"\", \"build\": \"4.1\", \"method\": 7, \"origin\": \"\", \"recording\": \"\", \"sessions\": 0, \"attributes\": []}', 1 FROM t; RESET ROLE; VACUUM ANALYZE")
    return runs


def sizes(server):
    sql = ("SELECT t, sum(pg_relation_size(c.oid)), sum(pg_indexes_size(c.oid)) FROM (VALUES ('result'), ('run'), ('device_use'), ('run_key'), ('run_more')) v(t) "
           "JOIN pg_class c ON c.relkind = 'r' AND (c.relname = t OR c.relname LIKE t || '\\_2%') AND c.relnamespace = 'penrig'::regnamespace GROUP BY t ORDER BY 2 DESC")
    return [(t, int(data), int(index)) for t, data, index in server.sql(sql)]


# What people ask, and as whom; {since}: 20 days ago.
ASKED = (("a pen's runs", ("history", "--dut", "PEN-17")), ("how a pen stands", ("history", "--units", "--dut", "PEN-17")), ("a measurand of a pen", ("trend", "depth_error_mm", "--dut", "PEN-17")),
         ("a sensor's runs since then", ("history", "--device", "S7", "--since", "{since}")), ("a measurand on a bench since then", ("trend", "depth_error_mm", "--bench", "b7", "--since", "{since}")))


def blocks(server):
    server.sql("SELECT pg_stat_force_next_flush()")
    return int(server.sql("SELECT blks_hit + blks_read FROM pg_stat_database WHERE datname = 'penrig'")[0][0])


def ask(server):
    """Each twice, and the second counts: the first reads the disk."""
    since = server.sql("SELECT (now() - interval '20 days')::date")[0][0]
    for title, words in ASKED:
        argv = [rig.PENRIG, *(word.format(since=since) for word in words), "--json", "--db", server.db("reader")]
        for _ in range(2):
            before, begun = blocks(server), time.monotonic()
            done = subprocess.run(argv, capture_output=True, text=True)
        print(f"  {title} (penrig {' '.join(words[:1])}): {time.monotonic() - begun:.2f} s, {blocks(server) - before} pages of 8 KB, exit code {done.returncode}, {len(done.stdout)} bytes of answer")
        if done.returncode:
            print(done.stderr)


def month(server):
    """The oldest that is full: vacuumed, taken out and thrown away while somebody reads, as docs/fleet.md has it."""
    name = sorted(t for t, in server.sql("SELECT relname FROM pg_class WHERE relname LIKE 'result\\_2%' AND relkind = 'r'"))[1].removeprefix("result_")
    rows = server.sql(f"SELECT count(*) FROM penrig.result_{name}")[0][0]
    begun = time.monotonic()
    server.sql(f"VACUUM (FREEZE, ANALYZE) penrig.result_{name}")
    print(f"  vacuum of a month, {rows} results: {time.monotonic() - begun:.1f} s")
    key = server.sql(f"SELECT count(*) FROM penrig.run_key JOIN penrig.run_{name} USING (run_no)")[0][0]
    reader = subprocess.Popen([server.bin / "psql", "-X", "-q", "-h", server.folder, "-U", "admin", "penrig"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    reader.stdin.write("BEGIN; SELECT count(*) FROM penrig.run; SELECT 'reads';\n")
    reader.stdin.flush()
    while "reads" not in reader.stdout.readline():
        pass
    begun, out = time.monotonic(), server.folder / "month.dump"
    tool(server, "pg_dump", "-Fc", "-t", f"penrig.result_{name}", "-t", f"penrig.run_{name}", "-f", str(out), "penrig")
    for table in ("result", "run"):
        refused = server.sql(f"SET lock_timeout = '1s'; ALTER TABLE penrig.{table} DETACH PARTITION penrig.{table}_{name}", check=False)
        reader.stdin.write("COMMIT;\n")
        reader.stdin.flush()
        if refused:
            fleet.until("the reader's end", lambda: not server.sql(f"SET lock_timeout = '1s'; ALTER TABLE penrig.{table} DETACH PARTITION penrig.{table}_{name}", check=False))
        server.sql(f"DROP TABLE penrig.{table}_{name}")
    reader.communicate()
    kept = server.sql(f"SELECT count(*) FROM penrig.run_key k WHERE NOT EXISTS (SELECT FROM penrig.run r WHERE r.run_no = k.run_no AND r.recorded_at = k.recorded_at)")[0][0]
    print(f"  the month copied ({out.stat().st_size / 1e6:.0f} MB), taken out and dropped: {time.monotonic() - begun:.1f} s; {kept} runs are still known of {key}")
    return kept == key


def digest(server, db="penrig"):
    return server.sql("SELECT md5(string_agg(r::text, '|' ORDER BY run_no)), (SELECT count(*) || ' ' || sum(value)::numeric(20, 6) FROM penrig.result) FROM penrig.run r", db=db)


def tool(server, name, *args, stdin=None, stdout=None):
    subprocess.run([server.bin / name, "-h", server.folder, "-U", "admin", *args], check=True, stdin=stdin, stdout=stdout, cwd=server.folder)


def dump_and_restore(server):
    """docs/fleet.md, word by word."""
    tool(server, "pg_dump", "-Fc", "-f", "/tmp/penrig-size.dump", "penrig")
    size = Path("/tmp/penrig-size.dump").stat().st_size
    tool(server, "createdb", "again")
    tool(server, "pg_restore", "--exit-on-error", "-d", "again", "/tmp/penrig-size.dump")
    Path("/tmp/penrig-size.dump").unlink()
    same = digest(server) == digest(server, "again")
    refused = "what was recorded stays" in server.sql("DELETE FROM penrig.run_key", db="again", check=False)
    server.sql("DROP DATABASE again", db="postgres")
    return same and refused, size


def point_in_time(server):
    """A base backup, a run, the moment, another run: what comes back has the first and not the second."""
    folder = Path(tempfile.mkdtemp(prefix="pitr", dir="/tmp"))
    back = fleet.Server.__new__(fleet.Server)
    back.bin, back.user, back.folder, back.process, back.port = server.bin, server.user, folder, None, 5432
    try:
        if server.user:
            shutil.chown(folder, server.user.pw_uid, server.user.pw_gid)
        server.run("pg_basebackup", "-h", str(server.folder), "-U", "admin", "-D", str(folder / "data"), "-X", "none", "--checkpoint=fast")
        for mark in ("before", "behind"):
            server.sql(f"SET ROLE penrig_owner; INSERT INTO penrig.site (name) VALUES ('{mark}')")
            if mark == "before":
                moment = server.sql("SELECT clock_timestamp()")[0][0]
        server.sql("SELECT pg_switch_wal()")
        fleet.until("its log archived", lambda: server.sql("SELECT last_archived_wal >= (SELECT pg_walfile_name(pg_current_wal_lsn() - 16777216)) FROM pg_stat_archiver") == [["t"]])
        (folder / "data/recovery.signal").touch()
        back.more = ["-c", f"restore_command=cp {server.folder}/archive/%f %p", "-c", f"recovery_target_time={moment}", "-c", "recovery_target_action=promote", "-c", "archive_mode=off"]
        if server.user:
            shutil.chown(folder / "data/recovery.signal", server.user.pw_uid, server.user.pw_gid)
        back.start()
        fleet.until("its end of recovery", lambda: back.sql("SELECT pg_is_in_recovery()") == [["f"]])
        there = [name for name, in back.sql("SELECT name FROM penrig.site")]
        return "before" in there and "behind" not in there and digest(server) == digest(back)
    finally:
        back.end()


def main():
    parser = argparse.ArgumentParser()
    for name, default in (("rows", 1000000), ("months", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--no-backup", action="store_true", help="leave backup and restore out")
    o = parser.parse_args()
    fleet.skip_without_postgres()
    server, bad = fleet.Server(), 0
    try:
        server.stop()
        archive = server.folder / "archive"
        archive.mkdir()
        if server.user:
            shutil.chown(archive, server.user.pw_uid, server.user.pw_gid)
        server.more = ["-c", "archive_mode=on", "-c", f"archive_command=test ! -f {archive}/%f && cp %p {archive}/%f", "-c", "wal_level=replica"]
        server.start()
        subprocess.run([rig.PENRIG, "fleet", "init", "--db", server.db()], check=True, stdout=subprocess.DEVNULL)
        begun = time.monotonic()
        runs = load(server, o.rows, o.months)
        print(f"{runs * PER_RUN} results of {runs} runs over {o.months} months, loaded in {time.monotonic() - begun:.0f} s on whatever else ran")
        total = 0
        for table, data, index in sizes(server):
            total += data + index
            print(f"  {table:<11} {data / 1e6:8.1f} MB, its indexes {index / 1e6:8.1f} MB: {(data + index) / runs:7.0f} bytes a run")
        print(f"  together {total / runs / PER_RUN:.0f} bytes a result: 10^8 results, {total / runs / PER_RUN * 1e8 / 1e9:.0f} GB without run files")
        recall = RECALL.format(server.sql("SELECT now() - interval '20 days'")[0][0])
        plan = "\n".join(row[0] for row in server.sql("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) " + recall))
        months = sorted({word for word in re.findall(r"result_\d{6}", plan)})
        scanned = any(int(n) > 5000 for n in re.findall(r"Seq Scan on result_.*actual rows=(\d+)", plan))
        print(f"  a sensor's results of one measurand since 20 days: {server.sql(recall)[0][0]} rows from {months}{', BY READING ALL' if scanned else ', by an index'}")
        server.sql("CREATE ROLE reader LOGIN; GRANT penrig_viewer TO reader; INSERT INTO penrig.site_role SELECT 'reader', site_id FROM penrig.site")
        ask(server)
        taken = month(server)
        if o.no_backup:
            sys.exit(1 if scanned or not taken else 0)
        same, size = dump_and_restore(server)
        print(f"  pg_dump, {size / 1e6:.1f} MB, {size / runs / PER_RUN:.1f} bytes a result: restored, {'the same, and still kept from changes' if same else 'IT IS NOT THE SAME'}")
        there = point_in_time(server)
        print(f"  base backup and log up to a moment: {'what was before it, and not what came behind' if there else 'WRONG'}")
        bad = scanned + (not taken) + (not same) + (not there)
    finally:
        server.end()
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
