"""Files of a site in a folder: what arrives is what was sent, whatever is killed, full, cut or damaged on the way."""
import hashlib
import json
import os
import subprocess
import sys

import fleet
import rig
from fleet import Fleet, until

PIECE = 8 << 20


def over(job):
    return job["state"] not in ("waiting", "running")


def stored(f, columns="name, sha256, store"):
    return f.server.sql(f"SELECT {columns} FROM penrig.stored_file ORDER BY name", user="reader")


def unpacked(folder, sha256):
    """By a program that nobody here wrote: all pieces behind each other are the packed file."""
    pieces = sorted((folder / sha256[:2] / sha256).glob("*.zst"))
    packed = b"".join(p.read_bytes() for p in pieces)
    return subprocess.run(["zstd", "-dc"], input=packed, capture_output=True, check=True).stdout


def fetch(f, out, *more, dut="PEN-GOOD-01"):
    """A submitter who waits: its exit code, and what it has then."""
    done = subprocess.run([str(rig.PENRIG), "submit", str(fleet.SMOKE), "--dut", dut, "--wait", "--quiet", "--output-dir", str(out), "--db", f.server.db("ci"), *map(str, more)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=2 * fleet.LIMIT_S)
    return done


def name_of(agent):
    return agent.rows("SELECT name FROM outbox")[0][0]


def with_big_file(f, agent, *more, pieces=2.5):
    """A run beside which a large file stands, of bytes that cannot be packed; its agent waits before it begins."""
    agent.start(*more, gate=True)
    job = f.submit()
    agent.until_said(f"job {job}, plan")
    path = agent.folder / "state/agent/runs" / f"{name_of(agent)}.capture.bin"
    path.write_bytes(os.urandom(int(pieces * PIECE)))
    agent.open_gate()
    return job, path


def wake(f):
    return f.server.sql("NOTIFY penrig_job") == []


def in_a_folder(check, f):
    """Whole, packed, under its SHA-256, in no piece of the database; fetched again; and what is refused of one that was damaged."""
    agent, folder = f.agents[0], f.folder / "store"
    folder.mkdir()
    folder.chmod(0o2770)  # for a group: each bench may have a user of its own
    f.penrig("fleet", "store", f"file://{folder}/", "--site", "A")
    mark = (folder / "penrig-store").read_text().strip()
    agent.start()
    out = f.folder / "out"
    done = fetch(f, out)
    check(done.returncode == 0 and len(list(out.glob("*.penrig"))) == 1, f"{done.returncode} {done.stderr}")
    rows = stored(f)
    check(len(rows) >= 2 and all(store == f"file://{folder}#{mark}" for _, _, store in rows), f"{rows}")
    check(f.server.sql("SELECT count(*) FROM penrig.file_piece") == [["0"]], "never both")
    for name, sha256, _ in rows:
        check(hashlib.sha256((out / name).read_bytes()).hexdigest() == sha256, f"{name} is what it was")
        check(unpacked(folder, sha256) == (out / name).read_bytes(), f"{name}: zstd reads it")
    check(not list(folder.rglob("*.part")), "nothing half is left")
    modes = {(p.is_dir(), oct(p.stat().st_mode & 0o7777)) for p in folder.rglob("*")}
    check(modes == {(True, "0o2770"), (False, "0o660")}, f"all of it with the folder's rights: {modes}")
    sha256 = next(s for name, s, _ in rows if name.endswith(".penrig"))
    piece, = (folder / sha256[:2] / sha256).glob("*.zst")
    good = piece.read_bytes()
    job = f.server.sql("SELECT max(job_id) FROM penrig.job")[0][0]
    run = f.server.sql(f"SELECT run_id FROM penrig.job WHERE job_id = {job}")[0][0]
    for what, bad in (("flipped", good[:99] + bytes([good[99] ^ 1]) + good[100:]), ("truncated", good[:-7]), ("empty", b""), ("another file", subprocess.run(["zstd", "-c"], input=b"x" * 100, capture_output=True, check=True).stdout)):
        piece.write_bytes(bad)
        f.server.sql(f"SET session_replication_role = replica; UPDATE penrig.job SET run_id = '{run}', state = 'ready', closed_at = NULL, ready_at = 'infinity' WHERE job_id = {job}")
        where = f.folder / f"out-{what.replace(' ', '-')}"
        waits = subprocess.Popen([str(rig.PENRIG), "submit", str(fleet.SMOKE), "--dut", "NOBODY", "--where", "no=bench", "--wait", "--output-dir", str(where), "--db", f.server.db("ci")], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=fleet.dies_with_us)
        own = until("its job", lambda: next((j for j, row in f.jobs().items() if row["state"] == "waiting" and row["dut"] == "NOBODY"), None))
        f.server.sql(f"SET session_replication_role = replica; UPDATE penrig.job SET run_id = '{run}', state = 'done', exit_code = 0, ready_at = NULL, closed_at = now() WHERE job_id = {own}; NOTIFY penrig_done, '{own}'")
        said = waits.communicate(timeout=fleet.LIMIT_S)[1]
        check(waits.returncode not in (0, 1) and "the store" in said and not list(where.glob("*.penrig")), f"{what}: {waits.returncode} {said}")
    piece.unlink()
    agent.end()


def goes_on(check, f):
    """Killed between pieces, it goes on: a piece that is there is not written again, one that was damaged meanwhile is. No slower line keeps its lease from being renewed."""
    agent, folder = f.agents[0], f.folder / "slow"
    folder.mkdir()
    f.penrig("fleet", "store", f"file://{folder}", "--site", "A")
    job, path = with_big_file(f, agent, "--bandwidth", "1M", "--lease", "3s")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    first = folder / sha256[:2] / sha256 / "00000.zst"
    until("the first piece", first.exists)
    fence = f.server.sql(f"SELECT fence FROM penrig.job WHERE job_id = {job}")
    until("its lease renewed", lambda: f.server.sql(f"SELECT lease_until > now() + interval '2 s' AND claimed_at < now() - interval '4 s' FROM penrig.attempt WHERE job_id = {job}") == [["t"]])
    agent.kill()
    kept = first.stat().st_ino
    (first.parent / "00001.zst").write_bytes(b"not what it should be")
    agent.start()
    check(f.until_job(job, over, "its end")["state"] == "done" and f.server.sql(f"SELECT fence FROM penrig.job WHERE job_id = {job}") == fence, f"once: {f.jobs()[job]}")
    check(first.stat().st_ino == kept, "the piece that was there stayed")
    check(unpacked(folder, sha256) == path.read_bytes(), "what was damaged was replaced, and the rest came")
    check([sha256] in stored(f, "sha256"), "and it is the run's")


def hung(check, f):
    """A share whose computer does not answer, as a FIFO does not: leases are renewed, the bench is heard of; it answers, and all of it arrives."""
    agent, folder, fifo = f.agents[0], f.folder / "hung", f.folder / "fifo"
    folder.mkdir()
    f.penrig("fleet", "store", f"file://{folder}", "--site", "A")
    mark = folder / "penrig-store"
    line = mark.read_text()
    mark.unlink()
    os.mkfifo(mark)
    job, path = with_big_file(f, agent, "--lease", "3s", pieces=0.1)
    until("its run's end", lambda: agent.rows("SELECT ended FROM outbox") == [(1,)])
    since = f.server.sql("SELECT now()")[0][0]
    until("its lease renewed, and its word", lambda: f.server.sql(f"SELECT lease_until > '{since}'::timestamptz + interval '6 s' AND seen_at > '{since}'::timestamptz + interval '3 s' FROM penrig.attempt JOIN penrig.bench USING (bench_id) WHERE job_id = {job}") == [["t"]])
    mark.rename(fifo)
    mark.write_text(line)
    fifo.write_text(line)
    check(f.until_job(job, over, "its end")["state"] == "done" and [hashlib.sha256(path.read_bytes()).hexdigest()] in stored(f, "sha256"), f"it arrives: {f.jobs()[job]}")
    check(f.server.sql(f"SELECT fence FROM penrig.job WHERE job_id = {job}") == [["1"]], "once")


def full(check, f):
    """A store that is full: the run waits in the outbox, whole, and arrives when there is room. A bench whose own disk is nearly full takes no job."""
    agent, folder, small = f.agents[0], f.folder / "full", f.folder / "small"
    for path in (folder, small):
        path.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", folder], capture_output=True, check=False).returncode:
        print("no folder can be mounted here: a full store is not tried")
        return
    try:
        f.penrig("fleet", "store", f"file://{folder}", "--site", "A")
        job, path = with_big_file(f, agent, pieces=0.2)
        agent.until_said("No space left on device")
        check(f.jobs()[job]["state"] == "running" and not list(folder.rglob("*.part")), f"{f.jobs()[job]}: it waits, and leaves nothing half")
        subprocess.run(["mount", "-o", "remount,size=64m", folder], check=True)
        check(f.until_job(job, over, "its end")["state"] == "done" and [hashlib.sha256(path.read_bytes()).hexdigest()] in stored(f, "sha256"), "with room it arrives")
        agent.end()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", small], check=True)
        agent.start("--output-dir", small)
        job = f.submit()
        until("its word", lambda: json.loads(f.penrig("benches", "--json", user="ci").stdout)[0]["state"] == "disk full")
        check(f.jobs()[job]["attempts"] == 0, "no job is taken")
        subprocess.run(["mount", "-o", "remount,size=1g", small], check=True)
        check(f.until_job(job, over, "its end")["state"] == "done", "with room it is")
        agent.end()
    finally:
        for path in (folder, small):
            subprocess.run(["umount", "-l", path], capture_output=True, check=False)


def not_mounted(check, f):
    """A folder that is not there is not made: what would have gone there waits."""
    agent = f.agents[0]
    agent.start()
    done, point, mounted = f.penrig("fleet", "store", f"file://{f.folder}/not-mounted", "--site", "A", check=False), f.folder / "not-mounted", f.folder / "mounted"
    check(done.returncode == 6 and "not-mounted: No such file" in done.stderr and not point.exists(), f"a folder that is not there is not made: {done.returncode} {done.stderr}")
    point.mkdir()
    f.penrig("fleet", "store", f"file://{point}", "--site", "A")
    point.rename(mounted)
    point.mkdir()
    job = f.submit()
    agent.until_said("is not mounted, or is another folder")
    check(f.jobs()[job]["state"] == "running" and not list(point.iterdir()), "nothing goes into a mount point")
    point.rmdir()
    mounted.rename(point)
    check(f.until_job(job, over, "its end")["state"] == "done", "once it is there it arrives")


def who_may(check, f):
    """Each of these must fail."""
    f.penrig("fleet", "store", "database", "--site", "A")
    digest = "'\\x" + "0" * 64 + "'"
    for user, sql, why in (("b1", f"SELECT penrig.file_stored('bench-2', {digest}, 1, 'file:///x')", "may not speak"), ("b1", "SELECT penrig.store_of('bench-2')", "may not speak"),
                           ("b1", f"SELECT penrig.file_stored('bench-1', {digest}, 1, 'file:///elsewhere')", "elsewhere"), ("b1", f"SELECT penrig.file_stored('bench-1', {digest}, 1, '')", "elsewhere"),
                           ("b1", "SELECT * FROM penrig.file_place", "permission denied"), ("b1", "UPDATE penrig.site SET store = ''", "permission denied"), ("ci", "UPDATE penrig.site SET store = ''", "permission denied"),
                           ("ci", "INSERT INTO penrig.file_place DEFAULT VALUES", "permission denied"), ("reader", "SELECT penrig.job_places(1)", "permission denied"), ("reader", "SELECT * FROM penrig.file_piece", "permission denied"), ("reader", "SELECT * FROM penrig.file", "permission denied"),
                           ("other", "SELECT * FROM penrig.stored_file", "permission denied"), ("admin", "DELETE FROM penrig.file_place", "what was recorded stays"), ("admin", "TRUNCATE penrig.file_place", "what was recorded stays")):
        said = f.server.refusals([sql], user)
        check(len(said) == 1 and why in said[0], f"{user}: {sql}: {said}")
    f.penrig("fleet", "admit", "other", "--as", "viewer", "--site", "B")
    counts = [f.server.sql(f"SELECT count(*) FROM penrig.{t}", user="other")[0][0] for t in ("stored_file", "file_place")]
    check(counts == ["0"] * 2 and len(stored(f)) > 0, f"another site's viewer sees none: {counts}")
    for url, why in (("file://host/x", "three slashes"), ("file:///", "three slashes"), ("s3://u@h/b", "each computer"), ("s3://h", "BUCKET"), ("s3+http://db.example/b", "TLS"), ("s3://k:sesame@h/b", "password"),
                     ("ftp://h/b", "file:///"), ("s3://h/b?region=", "region"), ("s3://h/b?x=1", "region"), ("s3://h/B", "lower-case")):
        done = f.penrig("fleet", "store", url, "--site", "A", check=False)
        check(done.returncode == 2 and why in done.stderr and "sesame" not in done.stderr, f"{url}: {done.returncode} {done.stderr}")
    done = f.penrig("fleet", "store", "s3://h/b", "--site", "none", check=False)
    check(done.returncode == 2 and "no site" in done.stderr, f"{done.stderr}")
    for rate in ("fast", "1", "2MB", "-5M", "nan"):
        done = f.penrig("agent", f.agents[0].bench, "--bandwidth", rate, check=False)
        check(done.returncode == 2 and "--bandwidth" in done.stderr, f"{rate}: {done.returncode} {done.stderr}")


def main():
    fleet.skip_without_postgres()
    check = rig.Checks()
    f = Fleet(2)
    try:
        for test in (in_a_folder, goes_on, hung, full, not_mounted, who_may) if len(sys.argv) > 1 or "SEEDS" not in os.environ else (in_a_folder, who_may):  # under sanitizers
            if len(sys.argv) > 1 and test.__name__ not in sys.argv[1:]:
                continue
            try:
                test(check, f)
            except Exception as e:
                check(False, f"{test.__name__}: {type(e).__name__}: {e}\n{f.agents[0].said()[-900:]}")
            f.agents[0].end()
            (f.agents[0].folder / "said").unlink(missing_ok=True)
    finally:
        f.end()
    check.end()


if __name__ == "__main__":
    main()
