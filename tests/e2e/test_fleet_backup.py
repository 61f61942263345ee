"""A backup is one when it has been brought back: pg_dump, and a base backup with its log up to a moment between two runs. What the agents
handed over behind that moment is handed over again, and is there once."""
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import fleet
import rig
from fleet import Fleet, until

RUNS = "SELECT run_id, chain_head, (SELECT md5(string_agg(concat_ws(',', place, value, u, expanded_u, n, outcome), '|' ORDER BY place, value, n)) FROM penrig.result x WHERE x.run_no = k.run_no) FROM penrig.run_key k ORDER BY run_id"
LOG_SEGMENT = 16 << 20  # bytes, of PostgreSQL's write-ahead log


def own(server, *paths):
    for path in paths:
        if server.user:
            shutil.chown(path, server.user.pw_uid, server.user.pw_gid)


def with_archive(server):
    archive = server.folder / "archive"
    archive.mkdir()
    own(server, archive)
    server.stop()
    server.more = ["-c", "archive_mode=on", "-c", f"archive_command=test ! -f {archive}/%f && cp %p {archive}/%f", "-c", "wal_level=replica"]
    server.start()
    return archive


def dumped(check, f):
    """docs/fleet.md, word by word."""
    server, dump = f.server, f.server.folder / "penrig.dump"
    for words in (("pg_dump", "-Fc", "-f", "penrig.dump", "-h", str(server.folder), "-U", "admin", "penrig"), ("createdb", "-h", str(server.folder), "-U", "admin", "again"),
                  ("pg_restore", "--exit-on-error", "-h", str(server.folder), "-U", "admin", "-d", "again", "penrig.dump")):
        server.run(*words)
    dump.unlink()
    check(server.sql(RUNS) == server.sql(RUNS, db="again") != [], "the same, row for row")
    check("what was recorded stays" in server.sql("DELETE FROM penrig.run_key", db="again", check=False), "what was recorded stays there, too")
    server.sql("DROP DATABASE again", db="postgres")


def back_to(server, archive, moment):
    """Another server, from the base backup, up to that moment."""
    back = fleet.Server.__new__(fleet.Server)
    back.bin, back.user, back.folder, back.process, back.port = server.bin, server.user, Path(tempfile.mkdtemp(prefix="pb", dir="/tmp")), None, 5432
    own(server, back.folder)
    shutil.move(server.folder / "backup", back.folder / "data")
    (back.folder / "data/recovery.signal").touch()
    own(server, back.folder / "data/recovery.signal")
    back.more = ["-c", f"restore_command=cp {archive}/%f %p", "-c", f"recovery_target_time={moment}", "-c", "recovery_target_action=promote", "-c", "archive_mode=off"]
    back.start()
    until("the end of its recovery", lambda: back.sql("SELECT pg_is_in_recovery()") == [["f"]])
    return back


def point_in_time(check, f):
    agent, server = f.agents[0], f.server
    archive = with_archive(server)
    agent.start()

    def run(dut):
        return f.until_job(f.submit(dut), lambda j: j["state"] == "done", "its end")

    run("PEN-GOOD-01")
    server.run("pg_basebackup", "-h", str(server.folder), "-U", "admin", "-D", "backup", "-X", "none", "--checkpoint=fast")
    run("PEN-GOOD-02")
    first, moment = server.sql(RUNS), server.sql("SELECT clock_timestamp()")[0][0]
    run("PEN-DEEP-01")
    second = server.sql(RUNS)
    agent.end()
    server.sql("SELECT pg_switch_wal()")
    until("its log archived", lambda: server.sql(f"SELECT last_archived_wal >= (SELECT pg_walfile_name(pg_current_wal_lsn() - {LOG_SEGMENT})) FROM pg_stat_archiver") == [["t"]])
    back = back_to(server, archive, moment)
    try:
        check(len(first) == 2 and len(second) == 3 and back.sql(RUNS) == first, f"the one before the moment, and not the one behind it: {len(back.sql(RUNS))}")
        with sqlite3.connect(agent.history) as db:
            db.execute("DELETE FROM handed")
        done = subprocess.run([str(rig.PENRIG), "push", "--history", str(agent.history), "--db", back.db("b1")], capture_output=True, text=True, timeout=fleet.LIMIT_S)
        check(done.returncode == 0 and done.stdout.count("is there") == 2 and done.stdout.count("recorded") == 1, f"{done.returncode} {done.stdout} {done.stderr}")
        check(back.sql(RUNS) == second, "and all are there, once")
    finally:
        back.end()


def main():
    fleet.skip_without_postgres()
    check = rig.Checks()
    f = Fleet(1)
    try:
        point_in_time(check, f)
        dumped(check, f)
    except Exception as e:
        check(False, f"{type(e).__name__}: {e}\n{f.agents[0].said()[-900:]}")
    finally:
        f.end()
    check.end()


if __name__ == "__main__":
    sys.exit(main())
