"""The power goes at any moment of a run. What the run wrote and made durable is known (FAIL_LOG of libfailing-calls.so); from its
first entries disks are made as a cut may leave them: of what no fsync followed, nothing, all, or any sectors. test_power_cut.py tries
some, reliability.py each moment."""
import os
import random
import shutil
import sqlite3
import subprocess
import tempfile
from pathlib import Path

import failing
import rig

SECTOR = 512
WAYS = ("nothing", "all", "torn")  # of what was not made durable is on the disk
RECOVERED = {0, failing.UNFINISHED}


class Inode:
    def __init__(self):
        self.durable, self.now, self.pending = b"", bytearray(), []

    def do(self, call, at, length, data):
        self.pending.append((call, at, length, data))
        apply(self.now, call, at, length, data)

    def sync(self):
        self.durable, self.pending = bytes(self.now), []

    def after_cut(self, way, rng):
        if way == "all":
            return bytes(self.now)
        content = bytearray(self.durable)
        for call, at, length, data in self.pending if way == "torn" else []:
            if call != "write":
                if rng.random() < 0.5:
                    apply(content, call, at, length, data)
                continue
            end = at + length
            while at < end:
                piece = min(SECTOR - at % SECTOR, end - at)
                if rng.random() < 0.5:
                    apply(content, "write", at, piece, data[len(data) - (end - at):][:piece])
                at += piece
        return bytes(content)


def apply(content, call, at, length, data):
    if call == "write":
        if len(content) < at:
            content.extend(bytes(at - len(content)))
        content[at:at + length] = data
    elif call == "allocate":
        content.extend(bytes(max(0, at + length - len(content))))
    elif call == "content":
        content[:] = data
    elif call == "truncate":
        del content[at:]
        content.extend(bytes(at - len(content)))


class Disk:
    """One folder. Its names are durable once it is synced itself; until then a cut leaves the first few of what was done to them."""

    def __init__(self, folder):
        self.folder, self.inode, self.names, self.durable, self.pending = str(folder), {}, {}, {}, []

    def rename(self, change, names):
        what, name, other = change
        if what == "make":
            names[name] = other
        elif what == "unlink":
            names.pop(name, None)
        elif name in names:
            names[other] = names.pop(name)

    def change(self, *change):
        self.pending.append(change)
        self.rename(change, self.names)

    def do(self, call, at, length, data, path):
        if path == self.folder:
            self.durable, self.pending = dict(self.names), []
            return
        name = os.path.basename(path)
        if call == "rename":
            self.change("rename", name, os.path.basename(data.decode()))
        elif call == "unlink":
            self.change("unlink", name, None)
        else:
            if name not in self.names:
                self.change("make", name, Inode())
            if call == "sync":
                self.names[name].sync()
            elif call != "create":
                self.names[name].do(call, at, length, data)

    def cut(self, way, rng, to):
        names, kept = dict(self.durable), {"nothing": 0, "all": len(self.pending)}.get(way)
        kept = rng.randint(0, len(self.pending)) if kept is None else kept
        for change in self.pending[:kept]:
            self.rename(change, names)
        to.mkdir(parents=True)
        for name, inode in names.items():
            if not name.endswith("-shm"):
                (to / name).write_bytes(inode.after_cut(way, rng))


def logged(path):
    """(call, offset, length, bytes, path) of all that was done."""
    data, at, calls = path.read_bytes(), 0, []
    while at < len(data):
        end = data.index(b"\n", at)
        call, offset, length, size, name = data[at:end].decode().split(" ", 4)
        calls.append((call, int(offset), int(length), data[end + 1:end + 1 + int(size)], name))
        at = end + 1 + int(size)
    return calls


class Run:
    """A run whose writes are known."""

    def __init__(self, place):
        self.out, self.log = place.folder / "cut", place.folder / "cut.log"
        env = {**os.environ, "XDG_STATE_HOME": str(place.folder / "state-cut"), "LD_PRELOAD": str(failing.LIBRARY), "FAIL_LOG": str(self.log),
               "FAIL_LOG_UNDER": f"{self.out}/"}
        self.out.mkdir()
        env["FAIL_LOG_UNDER"] = str(self.out)
        done = subprocess.run([str(a) for a in [rig.PENRIG_A, *place.argv("run", self.out)]], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120, env=env)
        assert done.returncode == 0, done.stdout + done.stderr
        self.calls = [c for c in logged(self.log) if c[4] == str(self.out) or c[4].startswith(f"{self.out}/")]

    def disk(self, cut):
        disk = Disk(self.out)
        for call in self.calls[:cut]:
            disk.do(*call)
        return disk

    def is_known(self):
        """Played to its end it is the folder that stands there: nothing was written past the log."""
        with tempfile.TemporaryDirectory(prefix="pr") as folder:
            self.disk(len(self.calls)).cut("all", None, Path(folder) / "d")
            return {f.name: f.read_bytes() for f in (Path(folder) / "d").iterdir()} == {f.name: f.read_bytes() for f in self.out.iterdir()}


def entries(folder):
    """Of the journal that SQLite recovers: how many; None: there is no such file, or none in it."""
    if not (folder / "n.penrig").exists():
        return None
    db = sqlite3.connect(folder / "n.penrig")
    try:
        if db.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            return -1
        return db.execute("SELECT count(*) FROM journal").fetchone()[0]
    except sqlite3.DatabaseError as e:
        return None if "no such table" in str(e) or "not a database" in str(e) else -1
    finally:
        db.close()


def durable_entries(run, cut):
    """What is certain to stand there after that many calls."""
    with tempfile.TemporaryDirectory(prefix="pr") as folder:
        run.disk(cut).cut("nothing", None, Path(folder) / "d")
        return entries(Path(folder) / "d") or 0


def late_commit(run):
    """Each commit is durable before the next one is written: the first of which that is not true, in words; None: it is of all."""
    disk, level, certain = Disk(run.out), 0, 0
    with tempfile.TemporaryDirectory(prefix="pr") as folder:
        for n, call in enumerate(run.calls):
            disk.do(*call)
            if call[0] not in ("write", "sync") or ".penrig" not in call[4]:
                continue
            to, way = Path(folder) / str(n), "nothing" if call[0] == "sync" else "all"
            disk.cut(way, None, to)
            found = entries(to) or 0
            shutil.rmtree(to)
            if way == "nothing":
                certain = max(certain, found)
            elif found > level:
                if certain < level:
                    return f"at call {n + 1} {found} entries are written, {level} were committed before, and {certain} are certain"
                level = found
    return None if level else "nothing was ever committed"


def examine(run, cut, way, seed, certain, ask_penrig=True):
    """(how it ended, what is wrong) of a cut after so many calls. certain: entries that were durable by then."""
    with tempfile.TemporaryDirectory(prefix="pr") as folder:
        there, to = Path(folder) / "d", Path(folder) / "copy"
        run.disk(cut).cut(way, random.Random(f"{seed} {cut}"), there)
        shutil.copytree(there, to)
        found = entries(to)
        if found is None and certain:
            return "lost", f"{certain} entries were durable, and no run file opens"
        if found is not None and found < certain:
            return "lost", f"{certain} entries were durable, and {found} are recovered"
        if not ask_penrig:
            return "opened", None
        return asked(there, cut == len(run.calls), bool(certain))


def asked(folder, over, certain):
    report, file = folder / "n.report.json", folder / "n.penrig"
    code = rig.penrig_a("analyze", file).returncode if file.exists() else None
    if over and (code != 0 or not report.exists()):
        return code, f"the run had ended with 0, and now analyze exits {code}"
    if report.exists() and any(p in report.read_text(errors="replace") for p in failing.PASSES) and code != 0:
        return code, f"a report says pass, and analyze exits {code}"
    if certain and code not in RECOVERED:
        return code, f"not recovered: analyze exits {code}"
    return code, None if code in RECOVERED | {None, 2, 6} else f"analyze exits {code}"
