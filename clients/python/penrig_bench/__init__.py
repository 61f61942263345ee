"""penrig for programs in Python: a plan is run on a bench of this computer, or submitted to a fleet. The program does the work
and says how it ended; nothing here judges. Needs nothing but Python."""
import contextlib
import fcntl
import getpass
import hashlib
import json
import os
import stat
import subprocess
import tempfile
import time
from pathlib import Path

MEANING = {0: "pass", 1: "fail", 2: "wrong usage or plan", 3: "inconclusive", 4: "a device is gone", 5: "the bench is in use", 6: "a file cannot be written",
           7: "internal error", 8: "refused before anything moved"}

ACCEPTED = ("pass", "conditional_pass", "pass_on_statement")  # with exit code 0: the plan accepts what stands behind the first one


class BenchInUse(RuntimeError):
    """Another process drives this bench."""


class Result:
    """How a run ended. `passed` is true only where exit code and report both say so, of the pen that was asked for."""

    def __init__(self, exit_code, dut, folder, said):
        self.exit_code, self.dut, self.folder, self.said = exit_code, dut, Path(folder), said
        self.report = _last([json.loads(path.read_text()) for path in sorted(self.folder.glob("*.report.json"))])
        files = [path for path in sorted(self.folder.glob("*.penrig")) if not self.report or path.name == f"{self.report['name']}.penrig"]
        self.run_file = files[0] if len(files) == 1 else None

    @property
    def verdict(self):
        return self.report["dut_verdict"] if self.report else None

    @property
    def passed(self):
        return self.exit_code == 0 and self.verdict in ACCEPTED and self.report["run_status"] == "complete" and self.report["dut"] == self.dut

    def __str__(self):
        why = self.report and self.report.get("verdict_reason") or self.said.strip().splitlines()[-1:] or ""
        return f"{self.dut}: exit code {self.exit_code} ({MEANING.get(self.exit_code, 'ended otherwise')}), verdict {self.verdict}: {why}; {self.folder}"


def _last(reports):
    """Of a run that went on after a device had been unplugged each session has its report: the one that names all the others speaks for them; else, beside tries that never started the pen, the one that did and names all that did. None: there is no such one."""
    moved = [r for r in reports if (r.get("stop") or {}).get("moved", True)]
    for some in (reports, moved):
        last = [r for r in some if {r["name"], *(s["name"] for s in r.get("sessions") or ())} >= {other["name"] for other in some}]
        if len(last) == 1:
            return last[0]
    return None


def _end(child):
    """A signal or a test's time limit came in between: penrig stops the pen and writes its files, however long that takes. It is asked once, and never killed."""
    child.terminate()
    while True:
        try:
            child.wait()
            return
        except BaseException:  # as impatient as one may be: a pen is under way  # pylint: disable=broad-exception-caught
            continue


def _call(argv):
    """As subprocess.run(), which would kill penrig when an exception comes in between. Returns exit code and what was said. Out of
    reach of the terminal's Ctrl-C: a second signal would have penrig skip its saving."""
    with tempfile.TemporaryFile("w+", errors="replace") as said:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, start_new_session=True)  # pylint: disable=consider-using-with
        try:
            child.wait()
        except BaseException:
            _end(child)
            raise
        said.seek(0)
        return child.returncode, said.read()


def _run(argv, dut, output_dir):
    folder = tempfile.mkdtemp(prefix="penrig-", dir=output_dir)  # of this run alone: no report of another is taken for its own
    code, said = _call([*argv, "--output-dir", folder])
    return Result(code, dut, folder, said)


def lock_path(bench, folder):
    """Of the file by which every penrig on this computer knows that a bench is in use."""
    return Path(folder) / f"penrig-{hashlib.sha256(os.fsencode(os.path.realpath(bench))).hexdigest()[:24]}.lock"


def _open_lock(path):
    with contextlib.suppress(FileNotFoundError):
        return os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        with contextlib.suppress(OSError):
            os.fchmod(fd, 0o666)
        return fd
    except FileExistsError:  # another process was first
        return os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)


class Lock:
    """penrig's own lock on a bench: while it is held, `penrig run` of anybody ends with 5 and names the holder. The kernel frees it with the process."""

    def __init__(self, bench, who="a Python program"):
        self.bench, self.who, self.fd, self.wrote = bench, who, None, False
        os.stat(bench)

    def take(self):
        last = None
        for folder in ("/run/lock", "/tmp"):
            try:
                fd = _open_lock(lock_path(self.bench, folder))
                break
            except OSError as e:
                last = e
        else:
            raise last
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(f"{lock_path(self.bench, folder)} is no file of its own")
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(fd, 320, 0).split(b"\n")[0].decode(errors="replace")
            os.close(fd)
            raise BenchInUse(f"the bench {self.bench} is in use by {holder or 'another process'}") from None
        self.fd = fd
        # A second line is what an earlier run left that did not come to its end: it tells the next penrig how to stop the pen. It stays.
        self.wrote = b"\n" not in os.pread(fd, 4096, 0).rstrip(b"\n")
        if self.wrote:
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{self.who} (pid {os.getpid()}, user {getpass.getuser()}) since {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}\n".encode(), 0)

    def free(self):
        if self.fd is None:
            return
        if self.wrote:
            os.ftruncate(self.fd, 0)
        os.close(self.fd)
        self.fd = None

    def __enter__(self):
        self.take()
        return self

    def __exit__(self, *what):
        self.free()


class Bench:
    """A bench of this computer. Held (`with bench.held():`), nobody else runs a pen there; its own runs take the lock from the holder, and give it back."""

    def __init__(self, file, program=("penrig",), output_dir=None):
        self.file, self.program, self.output_dir = os.fspath(file), tuple(program), output_dir
        self.lock = None

    @contextlib.contextmanager
    def held(self, who="a Python program"):
        self.lock = Lock(self.file, who)
        self.lock.take()
        try:
            yield self
        finally:
            self.lock.free()
            self.lock = None

    def run(self, plan, dut, *options):
        """Where somebody else is quicker between the two locks, the run ends with 5, and moved nothing."""
        if self.lock:
            self.lock.free()
        try:
            return _run([*self.program, "run", os.fspath(plan), "--bench", self.file, "--dut", dut, "--no-input", *options], dut, self.output_dir)
        finally:
            if self.lock:
                self.lock.take()


class Fleet:
    """Any bench of a fleet that has these labels. Within `penrig reserve` it is the one that is reserved."""

    def __init__(self, where="", db=None, program=("penrig",), output_dir=None):
        self.where, self.db, self.program, self.output_dir = where, db, tuple(program), output_dir

    def run(self, plan, dut, *options):
        db = ["--db", self.db] if self.db else []
        return _run([*self.program, "submit", os.fspath(plan), "--dut", dut, "--where", self.where, "--wait", *db, *options], dut, self.output_dir)
