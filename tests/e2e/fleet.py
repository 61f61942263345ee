"""What tests of the fleet share: a PostgreSQL of their own in a folder of their own, benches, agents on the virtual clock."""
import contextlib
import ctypes
import fcntl
import json
import os
import pwd
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import rig

LIMIT_S = 120  # of any wait: a test that reaches it has failed
SMOKE = rig.FIXTURES / "plans" / "ci-smoke.json"


def postgres_folder():
    """Of the newest server that is installed; None: there is none."""
    found = [p for p in Path("/usr/lib/postgresql").glob("*/bin/postgres") if p.parent.parent.name.isdigit() and int(p.parent.parent.name) >= 15]
    return max(found, key=lambda p: int(p.parent.parent.name)).parent if found else None


def skip_without_postgres():
    if postgres_folder() is None or not (postgres_folder() / "psql").exists():
        print("no PostgreSQL 15 or later is installed (package postgresql-15)")
        sys.exit(77)
    if "libpq" not in subprocess.run([rig.PENRIG, "version"], capture_output=True, text=True).stdout:
        print("this penrig was built without libpq (package libpq-dev)")
        sys.exit(77)


def dies_with_us(number=signal.SIGTERM):
    """For a child, behind any change of its user: a test that is killed leaves nothing behind."""
    ctypes.CDLL(None).prctl(1, number)  # PR_SET_PDEATHSIG


def has_second_agent():
    """Its library is there (package python3-psycopg2)."""
    return subprocess.run([sys.executable, "-c", "import psycopg2"], capture_output=True).returncode == 0


def until(what, condition, limit_s=LIMIT_S, pause_s=0.1):
    """Looks again and again; returns what it saw, and never measures."""
    end = time.monotonic() + limit_s
    while True:
        seen = condition()
        if seen:
            return seen
        if time.monotonic() > end:
            raise RuntimeError(f"never came: {what}")
        time.sleep(pause_s)  # each look is a program of its own


def holders(path):
    """Processes that have it open."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if any(os.readlink(f"/proc/{pid}/fd/{fd}") == str(path) for fd in os.listdir(f"/proc/{pid}/fd")):
                found.append(int(pid))
        except OSError:  # it has just ended, or is another user's
            pass
    return found


def unlocked(file):
    """Nobody holds it any more: a run has its events locked for as long as it lives."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def quick_folder(prefix, room):
    """room: bytes. In memory where that has room and may hold programs: what is killed here is processes, never the computer."""
    try:
        shm = os.statvfs("/dev/shm")
    except OSError:
        shm = None
    there = shm and shm.f_bavail * shm.f_frsize >= room and not shm.f_flag & (os.ST_NOEXEC | os.ST_RDONLY)
    return Path(tempfile.mkdtemp(prefix=prefix, dir="/dev/shm" if there else None))


class Session:
    """psql that stays, for questions one after the other: to begin one costs both sides ten times what it is asked. It ends at an error."""
    LARGEST = 32768  # of a text that is written before its answer is read: a pipe holds it
    END = "--end--"

    def __init__(self, argv):
        self.said = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.said, text=True, preexec_fn=dies_with_us)

    def ask(self, text):
        """Lines, and None; or what there was of them, and why there is no more. Nothing of what was set stays for the next one."""
        with contextlib.suppress(BrokenPipeError):  # it could not connect: it says why
            self.process.stdin.write(f"{text}\n;DISCARD ALL;\n\\echo {self.END}\n")
            self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            if line == self.END + "\n":
                return lines, None
            lines.append(line.removesuffix("\n"))
        self.end()
        return lines, self.why

    def end(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.said.seek(0)
        self.why = self.said.read()
        self.said.close()


class Server:
    """PostgreSQL as its own child: no port, no installed cluster, ended with the test. As root it runs as nobody, which it insists on."""

    def __init__(self, more=()):
        """more: further words for it."""
        self.bin = postgres_folder()
        self.folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))  # a socket's path is short, and TMPDIR may be long
        self.user = pwd.getpwnam("nobody") if os.getuid() == 0 else None
        if self.user:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        os.chmod(self.folder, 0o700)
        self.process = None
        # What is killed here is processes, never the computer: its page cache is durable enough.
        self.more, self.port = ["-c", "fsync=off", *more], 5432  # a socket bears the port's number, too
        self.data_folder()
        self.start()
        self.sql("CREATE DATABASE penrig", db="postgres")

    def data_folder(self):
        """initdb takes longer than many a test: it is done once for all of them, and copied."""
        template = rig.B / "tests" / f"postgres-{self.bin.parent.name}-{os.getuid()}"
        if not template.exists():
            self.run("initdb", "-D", "data", "-U", "admin", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions")
            made = template.parent / f"{template.name}.{os.getpid()}"
            made.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-a", self.folder / "data", made], check=True)
            try:
                made.rename(template)
            except OSError:  # another test was quicker
                shutil.rmtree(made)
        else:
            subprocess.run(["cp", "-a", template, self.folder / "data"], check=True)

    def become(self):
        os.setsid()
        if self.user:
            os.setgroups([])
            os.setgid(self.user.pw_gid)
            os.setuid(self.user.pw_uid)
        dies_with_us(signal.SIGQUIT)

    def environment(self):
        return {"HOME": str(self.folder), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}

    def run(self, program, *args):
        subprocess.run([self.bin / program, *args], cwd=self.folder, env=self.environment(), preexec_fn=self.become, check=True,
                       stdout=subprocess.DEVNULL)

    def ready(self):
        lines = (self.folder / "data/postmaster.pid").read_text().splitlines() if (self.folder / "data/postmaster.pid").exists() else []
        return len(lines) >= 8 and lines[0] == str(self.process.pid) and lines[7].strip() == "ready"

    def start(self):
        self.sessions = {}

        def once():
            if self.process is None or self.process.poll() is not None:  # what was killed may hold its memory for a moment
                self.process = subprocess.Popen(
                    [self.bin / "postgres", "-D", "data", "-c", "listen_addresses=", "-c", f"unix_socket_directories={self.folder}", *self.more],
                    cwd=self.folder, env=self.environment(), preexec_fn=self.become, stdin=subprocess.DEVNULL,
                    stdout=(self.folder / "log").open("ab"), stderr=subprocess.STDOUT)
            return self.ready()
        until("a server", once)

    def stop(self, number=signal.SIGINT):
        for session in self.sessions.values():
            session.end()
        self.process.send_signal(number)
        self.process.wait()
        self.process = None

    def end(self):
        if self.process:
            self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def db(self, user="admin"):
        return f"host={self.folder} port={self.port} dbname=penrig user={user}"

    def psql(self, user, db, *more):
        return [self.bin / "psql", "-X", "-q", "-A", "-t", "-F", "\t", *more, "-h", self.folder, "-p", str(self.port), "-U", user, db]

    def answer(self, text, user, db):
        """Lines; and why not, or None."""
        argv = self.psql(user, db, "-v", "ON_ERROR_STOP=1")
        if db != "penrig" or len(text) > Session.LARGEST:  # nobody is to be connected to the others, which come and go
            done = subprocess.run(argv, input=text, capture_output=True, text=True)
            return done.stdout.splitlines(), done.stderr if done.returncode else None
        session = self.sessions.pop(user, None) or Session(argv)
        lines, why = session.ask(text)
        if why is None:
            self.sessions[user] = session
        return lines, why

    def sql(self, text, user="admin", db="penrig", check=True):
        """Rows as lists of texts, by a program that nobody here wrote."""
        lines, why = self.answer(text, user, db)
        if check and why is not None:
            raise RuntimeError(f"{text}: {why}")
        return [line.split("\t") for line in lines] if why is None else why

    @contextlib.contextmanager
    def locked(self, key):
        """An advisory lock that a session of its own holds."""
        session = subprocess.Popen([self.bin / "psql", "-X", "-q", "-A", "-t", "-h", self.folder, "-p", str(self.port), "-U", "admin", "penrig"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                   preexec_fn=dies_with_us)
        session.stdin.write(f"SELECT 'held' FROM pg_advisory_lock({key});\n")
        session.stdin.flush()
        session.stdout.readline()
        try:
            yield
        finally:
            session.communicate()

    def refusals(self, statements, user):
        """What the server says to each, in one session: a line for each that it refuses."""
        done = subprocess.run(self.psql(user, "penrig"), input=";\n".join(statements) + ";\n", capture_output=True, text=True)
        return [line for line in done.stderr.splitlines() if line.startswith("ERROR:")]


class Fleet:
    """A server with the tables, a submitter, a viewer and benches, each with an agent that is started when a test wants it."""

    def __init__(self, benches=1, room=2 << 30, words=()):
        """words: further ones for the server."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # a time limit that is over leaves no folder behind
        self.server = Server(words)
        self.folder = quick_folder("fleet", room)
        self.agents = []
        self.penrig("fleet", "init")
        self.server.sql("CREATE ROLE ci LOGIN; CREATE ROLE reader LOGIN; CREATE ROLE other LOGIN")
        self.penrig("fleet", "admit", "ci", "--as", "submitter", "--site", "A")
        self.penrig("fleet", "admit", "reader", "--as", "viewer", "--site", "A")
        for n in range(1, benches + 1):
            self.server.sql(f"CREATE ROLE b{n} LOGIN")
            self.penrig("fleet", "admit", f"b{n}", "--as", "agent", "--site", "A", "--bench", f"bench-{n}")
            self.agents.append(Agent(self, n))

    def penrig(self, *args, user="admin", check=True):
        done = subprocess.run([str(rig.PENRIG), *map(str, args), "--db", self.server.db(user)], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if check and done.returncode:
            raise RuntimeError(f"penrig {args}: {done.returncode} {done.stderr}")
        return done

    def submit(self, dut="PEN-GOOD-01", plan=SMOKE, *more):
        return int(self.penrig("submit", plan, "--dut", dut, *more, user="ci").stdout)

    def jobs(self):
        return {j["job"]: j for j in json.loads(self.penrig("jobs", "--all", "--json", user="ci").stdout)}

    def until_job(self, job, condition, what):
        """penrig is asked when there is something new of it, and now and then."""
        seen, looks = None, 0

        def look():
            nonlocal seen, looks
            before, looks = seen, looks + 1
            seen = self.server.sql(f"SELECT md5(j::text), (SELECT md5(string_agg(a::text, '' ORDER BY fence)) FROM penrig.attempt a WHERE a.job_id = j.job_id) FROM penrig.job j WHERE job_id = {job}")
            if seen == before and looks % 10:
                return None
            j = self.jobs()[job]
            return j if condition(j) else None
        return until(what, look)

    def end(self):
        try:
            for agent in self.agents:
                agent.end()
        finally:
            self.server.end()
            shutil.rmtree(self.folder, ignore_errors=True)


HELD = """#!/bin/sh
[ -p {gate} ] && read word <{gate}
[ -e {dies} ] || exec "$@"
rm {dies}
"$@" &
until grep -q '"stage":"measuring"' /proc/$$/fd/3 || ! kill -0 $!; do :; done
kill -KILL $!
wait
"""


class Agent:
    """Its runs are on the virtual clock. gate: each waits, before penrig begins, until the gate is opened. computer: another
    one's agent may speak for the same bench."""

    def __init__(self, fleet, number, computer=""):
        self.fleet, self.number, self.name = fleet, number, f"bench-{number}"
        self.folder = fleet.folder / f"{self.name}{computer}"
        self.world = []  # further words for its runs' surroundings
        self.host = None  # the folder of the socket by which it reaches the server; None: the server's own
        self.folder.mkdir()
        text = (rig.FIXTURES / "benches/virtual-usb.json").read_text().replace("../phantoms", str(rig.FIXTURES / "phantoms"))
        self.bench = self.folder / "bench.json"
        self.bench.write_text(re.sub(r'"name": "[^"]*"', f'"name": "{self.name}"', text, count=1))
        self.history = self.folder / "state/history"
        self.gate = self.folder / "gate"
        self.process = None
        self.dies = self.folder / "dies"  # where it stands, the next run is killed while it measures
        self.second = False  # the other program, second_agent.py

    def db(self):
        return self.fleet.server.db(f"b{self.number}").replace(str(self.fleet.server.folder), str(self.host or self.fleet.server.folder))

    def argv(self, *more):
        held = self.folder / "held"
        held.write_text(HELD.format(gate=self.gate, dies=self.dies))
        held.chmod(0o755)
        world = [str(held), str(rig.PENRIG_A), "--bench", str(self.bench), "--virtual-dut", "{dut}", *self.world, "--"]
        if self.second:
            lease = [word.replace("3s", "3") for word in more if word.startswith("--lease")]
            return [sys.executable, str(rig.ROOT / "tests/e2e/second_agent.py"), "--db", self.db(), "--name", self.name, "--bench", str(self.bench),
                    "--state", str(self.folder / "state"), *lease, "--", *world]
        return [str(rig.PENRIG), "agent", str(self.bench), "--db", self.db(), "--state", str(self.folder / "state"),
                *(f"--command={word}" for word in world), *more]

    def start(self, *more, gate=False):
        if gate and not self.gate.exists():
            os.mkfifo(self.gate)
        self.process = subprocess.Popen(self.argv(*more), stdin=subprocess.DEVNULL, stdout=(self.folder / "said").open("a"),
                                        stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=dies_with_us)

    def open_gate(self):
        """For the run that waits at it, and those behind."""
        with self.gate.open("w") as gate:  # opens once somebody waits
            gate.write("go\n")
        self.gate.unlink()

    def until_said(self, text, times=1):
        until(f"{self.name}: {text}", lambda: self.said().count(text) >= times)

    def rows(self, sql):
        """Of its own history, by a program that nobody here wrote. A bench that no run came to has none."""
        if not self.history.exists():
            return []
        with sqlite3.connect(f"file:{self.history}?mode=ro", uri=True) as db:
            return db.execute(sql).fetchall()

    def said(self):
        return (self.folder / "said").read_text() if (self.folder / "said").exists() else ""

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None

    def end(self):
        code = None
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            code = self.process.wait(timeout=LIMIT_S)
            self.process = None
        for fifo in (self.gate, *(self.folder / "state/agent").glob("*.answers")):
            try:
                fd = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                continue
            os.write(fd, b"stop\n")
            os.close(fd)
        for path in (self.folder / "state/agent").glob("*.events.jsonl"):
            with path.open() as events:
                until(f"the end of {path.name}", lambda: unlocked(events))
        return code
