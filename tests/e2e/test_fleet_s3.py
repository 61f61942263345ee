"""Files of a site in an object store that speaks S3 and that nobody here wrote: wrong keys, a wrong clock, a store that is away, and an upload that is killed."""
import hashlib
import re
import subprocess
import sys
from pathlib import Path

import fleet
import rig
import s3_servers
import test_fleet_ci
from fleet import Fleet, until
from test_fleet_store import fetch, over, stored, with_big_file

LIBRARY = next(map(str, Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)


def zstd(packed):
    """By a program that nobody here wrote."""
    return subprocess.run(["zstd", "-dc"], input=packed, capture_output=True, check=True).stdout


def with_server(check, f, server):
    agent = f.agents[0]
    secret, guess, out = f.folder / "s3-secret", f.folder / "s3-guess", f.folder / "s3-out"
    for path, text in ((secret, f"{server.KEY}:{server.SECRET}\n"), (guess, f"{server.KEY}:guess\n")):
        path.write_text(text)
        path.chmod(0o600)
    url = f"s3+http://127.0.0.1:{server.port}/{s3_servers.BUCKET}/lab"
    f.penrig("fleet", "store", url, "--site", "A")
    words = ["--store-secret", secret]
    fleet.os.environ["http_proxy"] = fleet.os.environ["all_proxy"] = "http://127.0.0.1:9"  # in clear nothing goes by a proxy
    old_library(check, f, agent, words)
    for more, said in (([], "asks for a key"), (["--store-secret", guess], "the secret is wrong")):
        agent.start(*more)
        job = f.submit()
        agent.until_said(said)
        check(f.jobs()[job]["state"] == "running", f"{said}: it waits")
        agent.end()
        (agent.folder / "said").unlink()
        agent.start(*words)
        check(f.until_job(job, over, "its end")["state"] == "done", f"{said}: with the right one it arrives")
        agent.end()
    if LIBRARY:
        agent_late(check, f, agent, words)
    agent.start(*words)
    done = fetch(f, out, *words)
    check(done.returncode == 0 and len(list(out.glob("*.penrig"))) == 1, f"{done.returncode} {done.stderr}")
    name, sha256 = next((n, s) for n, s, store in stored(f) if (out / n).exists() and n.endswith(".penrig") and store == url)
    path = f"/{s3_servers.BUCKET}/lab/{sha256[:2]}/{sha256}/00000.zst"
    status, packed = server.client.ask("GET", path)
    check(status == 200 and hashlib.sha256((out / name).read_bytes()).hexdigest() == sha256, f"{name}: {status}")
    check(hashlib.sha256(zstd(packed)).hexdigest() == sha256, "its object is the file, packed")
    runs = [n for n, in f.server.sql("SELECT r.name FROM penrig.run r JOIN penrig.stored_file f ON f.run = r.name AND f.name = r.name || '.penrig' ORDER BY 1", user="reader")][:2]
    for argv, key in ((("compare", runs[0], "--", runs[1]), '"comparisons"'), (("grr", "--appraiser", "bench", *runs), "")):
        without, done = (subprocess.run([rig.PENRIG, argv[0], "--json", "--db", f.server.db("reader"), *map(str, more), *argv[1:]], capture_output=True, text=True) for more in ((), words))
        check(without.returncode == 6 and "asks for a key" in without.stderr, f"{argv} without a key: {without.returncode} {without.stderr}")
        check("the store" not in done.stderr and key in done.stdout and done.returncode in (0, 1, 2, 3), f"{argv} with it: {done.returncode} {done.stdout[-300:]} {done.stderr}")
    agent.end()
    job, big = with_big_file(f, agent, *words, "--bandwidth", "5M", "--lease", "3s")
    digest = hashlib.sha256(big.read_bytes()).hexdigest()
    first = f"/{s3_servers.BUCKET}/lab/{digest[:2]}/{digest}/00000.zst"
    until("the first piece", lambda: server.client.ask("GET", first)[0] == 200)
    agent.kill()
    server.stop()
    (agent.folder / "said").unlink()
    agent.start(*words)
    agent.until_said("the store: ")
    check(f.jobs()[job]["state"] == "running", "the store is away: it waits")
    server.start()
    check(f.until_job(job, over, "its end")["state"] == "done", "it is back: the rest goes there")
    pieces = [server.client.ask("GET", first.replace("00000", f"{n:05}")) for n in range(3)]
    check([status for status, _ in pieces] == [200] * 3 and zstd(b"".join(body for _, body in pieces)) == big.read_bytes(), "whole, by somebody else's eyes")
    left = [p for p in (*agent.folder.rglob("*"), *out.rglob("*")) if p.is_file() and server.SECRET.encode() in p.read_bytes()]
    check(not left and server.SECRET not in open(f"/proc/{agent.process.pid}/cmdline").read(), f"no file and no list of processes shows the secret: {left}")
    check(server.SECRET not in (f.server.folder / "log").read_text(), "nor the server's log")


def over_tls(check, f, server):
    """By the authority that is named and under the name that the certificate has, else nothing goes there, and the run waits."""
    if not hasattr(server, "over_tls"):
        print("this store has no TLS: not tried")
        return
    agent, folder, out = f.agents[0], f.folder / "tls", f.folder / "tls-out"
    folder.mkdir()
    test_fleet_ci.certificates(folder)
    port, secret = server.over_tls(folder), ["--store-secret", f.folder / "s3-secret"]
    good = [*secret, "--store-ca", folder / "ca.pem"]
    for host, words in (("localhost", secret), ("localhost", [*secret, "--store-ca", folder / "other.pem"]), ("127.0.0.1", good)):
        f.penrig("fleet", "store", f"s3://{host}:{port}/{s3_servers.BUCKET}/tls", "--site", "A")
        (agent.folder / "said").unlink(missing_ok=True)
        agent.start(*words)
        job = f.submit()
        agent.until_said("the store: SSL")
        check(f.jobs()[job]["state"] == "running", f"{host}, {words}: it waits: {agent.said()[-300:]}")
        agent.end()
        f.penrig("fleet", "store", f"s3://localhost:{port}/{s3_servers.BUCKET}/tls", "--site", "A")
        agent.start(*good)
        check(f.until_job(job, over, "its end")["state"] == "done", "by the right one, under the right name, it arrives")
        agent.end()
    agent.start(*good)
    done = fetch(f, out, *good)
    name = next(out.glob("*.penrig"), None)
    check(done.returncode == 0 and name, f"and comes back: {done.returncode} {done.stderr}")
    sha256 = hashlib.sha256(name.read_bytes()).hexdigest()
    status, packed = server.client.ask("GET", f"/{s3_servers.BUCKET}/tls/{sha256[:2]}/{sha256}/00000.zst")
    check(status == 200 and zstd(packed) == name.read_bytes(), "it is there, by somebody else's eyes")
    check([name.name] in f.server.sql(f"SELECT name FROM penrig.stored_file WHERE store = 's3://localhost:{port}/{s3_servers.BUCKET}/tls'", user="reader"), "under that name")
    agent.end()


OLD = """struct info { int age; const char *version; unsigned number; };
const struct info *curl_version_info(int which) { static const struct info old = {0, "7.81.0", 0x075100}; return &old; }
"""


def old_library(check, f, agent, words):
    """One that does not know all that is asked of it is not used."""
    functions = re.findall(r"X\((curl_\w+)\)", (rig.ROOT / "rig/fleet/curl_library.h").read_text())
    folder = f.folder / "old"
    folder.mkdir()
    (folder / "old.c").write_text(OLD + "".join(f"long {name}(void) {{ return 0; }}\n" for name in functions if name != "curl_version_info"))
    subprocess.run(["gcc", "-shared", "-fPIC", "-w", "-fno-builtin", "-o", folder / "libcurl.so.4", folder / "old.c"], check=True)
    argv = agent.argv
    agent.argv = lambda *more: ["env", f"LD_LIBRARY_PATH={folder}", *argv(*more)]
    agent.start(*words)
    job = f.submit()
    agent.until_said("has version 7.81.0: an object store needs 7.88 or later")
    agent.end()
    agent.argv = argv
    agent.start(*words)
    check(f.until_job(job, over, "its end")["state"] == "done", "with another one it arrives")
    agent.end()


def agent_late(check, f, agent, words):
    """Its clock stands an hour back; that of its runs does not."""
    argv, held = agent.argv, f"--command={agent.folder / 'held'}"
    true_time = [f"--command={word}" for word in ("env", "-u", "LD_PRELOAD", "-u", "FAKETIME")]
    agent.argv = lambda *more: ["env", "DONT_FAKE_MONOTONIC=1", "FAKETIME=-1h", f"LD_PRELOAD={LIBRARY}", *(w for word in argv(*more) for w in ([*true_time, word] if word == held else [word]))]
    agent.start(*words)
    job = f.submit()
    agent.until_said("set it")
    agent.end()
    agent.argv = argv
    agent.start(*words)
    check(f.until_job(job, over, "its end")["state"] == "done", "with the right time it arrives")
    agent.end()


def main():
    fleet.skip_without_postgres()
    why = s3_servers.why_none()
    if why or "libcurl" not in subprocess.run([rig.PENRIG, "version"], capture_output=True, text=True).stdout:
        print(why or "this penrig was built without libcurl (package libcurl4-openssl-dev)")
        sys.exit(77)
    check = rig.Checks()
    f = Fleet(1)
    server = None
    try:
        server = s3_servers.any_server(f.folder / "s3")
        with_server(check, f, server)
        f.agents[0].end()
        over_tls(check, f, server)
    except Exception as e:
        check(False, f"{type(e).__name__}: {e}\n{f.agents[0].said()[-900:]}")
    finally:
        f.end()
        if server:
            server.stop()
    check.end()


if __name__ == "__main__":
    main()
