#!/usr/bin/python3
"""Run files that somebody changed, cell by cell, row by row and in their tables. As they are then, no command takes them for sound: 6,
and nothing but `show` shows of them, which says so. With chain and digests computed anew (what nobody can see without a seal) every
number in them is still somebody else's: no crash, no hang, an exit code that is documented."""
import os
import random
import shutil
import sqlite3
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import old_runs
import rig
import sealing

SEEDS = int(os.environ.get("SEEDS", "20"))
NAMES = ("conditional-pass", "displacement-thermal", "attempts")
COMMANDS = (("show",), ("show", "--json"), ("show", "--verify"), ("analyze",), ("analyze", "--light"), ("plot",), ("export", "-f", "csv"), ("report", "-o", "-"))
DOCUMENTED = {0, 1, 2, 3, 4, 6, 7, 8, 9, 129, 130, 131, 143}
# What a derivation does not read, and what a file says twice.
SAMPLES = {"samples", "arrivals", "zstd"}
PARTS = ("CREATE TRIGGER more AFTER INSERT ON item BEGIN DELETE FROM block; END", "CREATE TRIGGER item AFTER UPDATE ON journal BEGIN SELECT 1; END",
         "CREATE VIEW more AS SELECT * FROM item", "CREATE TABLE more(x)", "CREATE INDEX more ON item(state)", "DROP INDEX item_by_kind",
         "DROP VIEW point", "ALTER TABLE item ADD COLUMN more", "ANALYZE", "CREATE TEMP TABLE none(x); CREATE TABLE sqlite_(x)")


def numbers(rng, old):
    return [0, -1, 1, old + 1, old ^ 1 << rng.randrange(63), 2**31, 2**32 - 1, 2**62, 2**63 - 1, -2**63, "x", b"", 1e300]


def texts(rng, old):
    at = rng.randrange(len(old) or 1)
    return [old[:at], old + "x", "", old.upper() + "x", old[:at] + "\x00" + old[at:], b"\xff\xfe", 7, "%n%s" + old]


def blobs(rng, old):
    at = rng.randrange(len(old) or 1)
    flipped = bytes([*old[:at], old[at] ^ 1 << rng.randrange(8), *old[at + 1:]]) if old else b"x"
    return [flipped, old[:at], old + b"\0", b"", bytes(len(old)), b"\xff" * len(old), 7, old[at:] + old[:at] + b"1"]


def other(rng, old):
    choices = numbers if isinstance(old, int) else texts if isinstance(old, str) else blobs
    return rng.choice([v for v in choices(rng, old) if v != old and v is not None])


def alter(rng, path):
    """One change of a seed; what was changed, in words, and the column."""
    db = sqlite3.connect(path)
    db.execute("PRAGMA ignore_check_constraints=ON")
    table = rng.choice(["block", "block", "item", "item", "journal"])
    columns = [c[1] for c in db.execute(f"PRAGMA table_info({table})")]
    rows = [r[0] for r in db.execute(f"SELECT seq FROM {table}")]
    seq, column, what = rng.choice(rows), rng.choice(columns), rng.random()
    if what < 0.08:
        column, said = "", f"{table} {seq} deleted"
        db.execute(f"DELETE FROM {table} WHERE seq=?", (seq,))
    elif what < 0.16:
        column, said = "", f"{table} {seq} twice"
        next_seq = max(rows) + rng.choice([1, 100])
        db.execute(f"INSERT INTO {table} SELECT {', '.join([str(next_seq), *columns[1:]])} FROM {table} WHERE seq=?", (seq,))
    else:
        old = db.execute(f"SELECT {column} FROM {table} WHERE seq=?", (seq,)).fetchone()[0]
        new = other(rng, old)
        said = f"{table} {seq}: {column} {str(old)[:60]!r} -> {str(new)[:60]!r}"
        try:
            db.execute(f"UPDATE {table} SET {column}=? WHERE seq=?", (new, seq))
        except (sqlite3.IntegrityError, OverflowError):
            db.execute(f"UPDATE {table} SET {column}={'zeroblob(3)' if isinstance(old, bytes) else 12345} WHERE seq=?", (seq,))
    db.commit()
    db.close()
    return said, column


def run(path, command):
    try:
        done = subprocess.run([str(rig.PENRIG), command[0], path.name, *command[1:]], cwd=path.parent, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=120)
    except subprocess.TimeoutExpired:
        return -999, "hangs"
    return done.returncode, done.stderr.decode(errors="replace")


def judge_open(original, path, command):
    """Changed as it lies there: None, or what is wrong."""
    before = path.read_bytes()
    code, said = run(path, command)
    if path.read_bytes() != before:
        return f"{command} wrote into it"
    if code == 6 and said.startswith("penrig: "):
        return None
    return f"{command} exits {code}: {said[-300:]}"


def judge_sealed(path, command):
    code, said = run(path, command)
    if code not in DOCUMENTED or "Sanitizer" in said or "runtime error" in said:
        return f"{command} exits {code}: {said[-1500:]}"
    return None


def one(label, original, seed):
    rng = random.Random(f"{label} {seed}")
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    path = Path(shutil.copy(original, folder / "a.penrig"))
    said, column = alter(rng, path)
    sealed = Path(shutil.copy(path, folder / "b.penrig"))
    wrong = []
    # The quick look reads samples without their digests, and says that it checks nothing.
    commands = [c for c in COMMANDS if not (column in SAMPLES and c in (("show",), ("show", "--json"), ("analyze", "--light")))]
    if column in ("device", "stream", "first_index", "frames", "channels", "width", "first_host_ns", "last_host_ns"):
        commands = [c for c in commands if c in (("show", "--verify"), ("report", "-o", "-"), ("analyze",))]
    wrong += [judge_open(original, path, c) for c in commands]
    try:
        sealing.seal(sealed)
    except (ValueError, OverflowError, sqlite3.Error):
        pass  # what cannot be sealed stays as it is: no less a file of somebody else
    wrong += [judge_sealed(sealed, c) for c in COMMANDS]
    shutil.rmtree(folder)
    return f"{label}, seed {seed}: {said}", [w for w in wrong if w]


def test_tables(check, original):
    for sql in PARTS:
        folder = Path(tempfile.mkdtemp(prefix="pr"))
        path = Path(shutil.copy(original, folder / "a.penrig"))
        db = sqlite3.connect(path)
        try:
            db.executescript(sql)
        except sqlite3.Error:
            db.execute("CREATE TABLE more(x)")
        db.commit()
        db.close()
        limits = folder / "l.json"
        limits.write_text('{"kind":"penrig/limits/1","name":"wide","limits":[{"measurand":"strokes","unit":"1","lower":1}]}')
        for command in (*COMMANDS, ("analyze", "--limits", "l.json")):
            wrong = judge_open(original, path, command)
            check(not wrong, f"{sql}: {wrong}")


def main():
    check = rig.Checks()
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    kept = sorted(old_runs.DATA.glob("runs-*"))[-1]
    originals = {name: old_runs.unpack(kept, name, folder) for name in NAMES}
    for name, path in originals.items():
        copy = Path(shutil.copy(path, folder / f"{name}-sealed.penrig"))
        sealing.seal(copy)
        check(run(copy, ("show", "--verify"))[0] == 0, f"{name}: sealed anew without a change it verifies: {run(copy, ('show', '--verify'))}")
    test_tables(check, originals["conditional-pass"])
    jobs = [(name, path, seed) for name, path in originals.items() for seed in range(1, SEEDS + 1)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for label, wrong in pool.map(lambda job: one(*job), jobs):
            check(not wrong, f"{label}: " + "; ".join(wrong))
    check.end()


if __name__ == "__main__":
    main()
