#!/usr/bin/python3
"""Deleting what its time is over of: never what is younger, held, altered, another bench's, gone on with, open or without an end;
never without the word; what is deleted stands in the log first and what went behind it, each line with the digest of the one before."""
import contextlib
import fcntl
import hashlib
import json
import os
import pty
import re
import shutil
import sqlite3
import subprocess
import tempfile
from pathlib import Path

import old_runs
import rig
import test_golden

WHO = ("--by", "A. Meier", "--reason", "SOP 12")


def penrig(*args, cwd, **kw):
    return subprocess.run([str(rig.PENRIG), *map(str, args)], cwd=cwd, stdin=kw.pop("stdin", subprocess.DEVNULL), capture_output=True, text=True, timeout=60, **kw)


def bench_file(where, name, **more):
    """The shipped bench with a retention; names of phantoms as they are."""
    text = (rig.FIXTURES / "benches/virtual-usb.json").read_text().replace("../phantoms", str(rig.FIXTURES / "phantoms"))
    inside = "".join(f'"{key}": {json.dumps(value)}, ' for key, value in more.items())
    (where / name).write_text(text.replace("{", "{" + inside, 1))
    return where / name


def make():
    where, kept = Path(tempfile.mkdtemp(prefix="pr")), sorted(old_runs.DATA.glob("runs-*"))[-1]
    for name in ("conditional-pass", "fail-slow"):
        old_runs.unpack(kept, name, where)
    shutil.copy(where / "fail-slow.penrig", where / "fail-slow.2.penrig")  # another run's name begins so
    (where / "fail-slow.2.report.txt").write_text("its own")
    (where / "fail-slowly.txt").write_text("nobody's")
    return where


def everything(where):
    return {p.name for p in where.iterdir() if p.suffix != ".jsonl"}


def main():
    check = rig.Checks()
    where = make()
    free = bench_file(where, "free.json", retention_years=0.1)
    benches = {"young": bench_file(where, "young.json", retention_years=30), "held": bench_file(where, "held.json", retention_years=0, legal_hold="case 2026-17"),
               "silent": bench_file(where, "silent.json"), "other": where / "other.json"}
    (where / "other.json").write_text(re.sub(r'"name": "[^"]*"', '"name": "elsewhere"', free.read_text(), count=1))
    before = everything(where)
    runs = ("conditional-pass.penrig", "fail-slow.penrig")
    for name, word in (("young", "kept for 30 by this bench"), ("held", "case 2026-17"), ("silent", "states no"), ("other", "a run of the bench")):
        done = penrig("purge", *runs, "--bench", benches[name], *WHO, "--confirm", "purge-2", cwd=where)
        check(done.returncode == 8 and word in done.stdout and "nothing was deleted" in done.stderr and everything(where) == before, f"{name}: {done.returncode} {done.stdout}{done.stderr}")
    for args in (("--confirm", "purge-1"), ("--confirm", "yes"), ()):
        done = penrig("purge", *runs, "--bench", free, *WHO, *args, cwd=where)
        check(done.returncode == 8 and "not confirmed" in done.stderr and everything(where) == before, f"word {args}: {done.returncode} {done.stderr}")
        check(done.stdout.count("may go") == 2, f"it lists first: {done.stdout}")
    for args, word in (((*runs, "--bench", free, "--by", "X"), "--reason TEXT"), ((*runs, *WHO), "--bench is missing"), (("fail-slow.report.json", "--bench", free, *WHO), "no run file by its name")):
        env = {k: v for k, v in os.environ.items() if k != "PENRIG_BENCH"}
        done = penrig("purge", *args, cwd=where, env=env)
        check(done.returncode == 2 and word in done.stderr, f"{args}: {done.returncode} {done.stderr}")
    # one altered keeps all
    data = (where / "conditional-pass.penrig").read_bytes()
    altered = bytearray(data)
    altered[altered.index(b'"stage"') + 2] ^= 1
    (where / "conditional-pass.penrig").write_bytes(altered)
    done = penrig("purge", *runs, "--bench", free, *WHO, "--confirm", "purge-2", cwd=where)
    check(done.returncode == 8 and "cannot be relied on" in done.stdout and everything(where) == before, f"an altered one: {done.returncode} {done.stdout}")
    (where / "conditional-pass.penrig").write_bytes(data)
    # a log that cannot be written keeps all
    done = penrig("purge", *runs, "--bench", free, *WHO, "--confirm", "purge-2", "--log", "gone/log", cwd=where)
    check(done.returncode == 6 and everything(where) == before, f"no log: {done.returncode} {done.stderr}")
    # it goes
    done = penrig("purge", *runs, "--bench", free, *WHO, "--confirm", "purge-2", cwd=where)
    left = everything(where)
    gone = before - left
    check(done.returncode == 0 and gone == {n for n in before if n.startswith(("conditional-pass.", "fail-slow.")) and ".2." not in n}, f"deleted: {done.returncode} {gone}")
    check({"fail-slow.2.penrig", "fail-slow.2.report.txt", "fail-slowly.txt"} <= left, f"of nobody else: {left}")
    lines = (where / "free.json.purged.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    check([(e["event"], e["run"]) for e in entries] == [(event, run) for run in ("conditional-pass", "fail-slow") for event in ("purge", "purged")], f"the log: {entries}")
    check(entries[0]["sha256"] == hashlib.sha256(data).hexdigest() and entries[0]["by"] == "A. Meier" and set(entries[0]["files"]) <= gone, f"says what: {entries[0]}")
    check([e["previous"] for e in entries] == ["", *(hashlib.sha256(line.encode()).hexdigest() for line in lines[:-1])], "each line has the digest of the one before")
    check(all(e["complete"] for e in entries[1::2]), "the second line of each says that all of it went")
    for half in (entries[::2], entries[1::2]):
        check({n for e in half for n in e["files"]} == gone and sum(len(e["files"]) for e in half) == len(gone), f"every file that went is named: {gone} {half}")
    test_kept(check)
    test_log(check)
    check.end()


def test_kept(check):
    """What keeps all, whatever its age: nothing is deleted, and nothing is written down."""
    kept = sorted(old_runs.DATA.glob("runs-*"))[-1]

    def refused(what, word, *runs, prepare=lambda where: None, code=8, more=(), retention=0.1, confirm=None):
        where = make()
        old_runs.unpack(kept, "killed", where)
        free = bench_file(where, "free.json", retention_years=retention)
        with contextlib.ExitStack() as stack:
            held = prepare(where)
            if hasattr(held, "__enter__"):
                stack.enter_context(held)
            before = everything(where)
            done = penrig("purge", *runs, "--bench", free, *WHO, "--confirm", confirm or f"purge-{len(runs)}", *more, cwd=where)
        check(done.returncode == code and word in done.stdout + done.stderr and before <= everything(where), f"{what}: {done.returncode} {done.stdout}{done.stderr} {before - everything(where)}")
        log = where / "free.json.purged.jsonl"
        check(not log.exists() or not log.read_text(), f"{what}: nothing is written down")
        return where

    def opened(where):
        db = sqlite3.connect(where / "fail-slow.penrig", isolation_level=None)
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return contextlib.closing(db)

    run = "fail-slow.penrig"
    refused("a run without an end", "has no end", "killed.penrig", retention=0)
    refused("a file that is open", f"is open in process {os.getpid()}", run, prepare=opened)
    refused("the bench in use", "in use", run, prepare=lambda where: test_golden.held(where / "free.json"), code=5)
    refused("a link", "no regular file", "ln.penrig", prepare=lambda where: os.symlink(run, where / "ln.penrig"))
    refused("named twice", "named twice", run, "./" + run)
    refused("a hard link of it", "another name", run, "hard.penrig", prepare=lambda where: os.link(where / run, where / "hard.penrig"))
    refused("a folder beside it", "no regular file", "conditional-pass.penrig", run, prepare=lambda where: (where / "fail-slow.dossier").mkdir())
    refused("under another name", "under another name", "Q.penrig", prepare=lambda where: os.rename(where / run, where / "Q.penrig"))
    refused("the log beside it", "would go with it", run, more=("--log", "fail-slow.log.jsonl"), code=2)
    refused("the log beside it, by a link", "is the log", run, prepare=lambda where: ((where / "fail-slow.log").write_text(""), os.symlink("fail-slow.log", where / "l")), more=("--log", "l"))
    refused("the bench file beside it", "would go with it", run, prepare=lambda where: bench_file(where, "fail-slow.json", retention_years=0.1), more=("--bench", "fail-slow.json"), code=2)
    young = penrig("purge", run, "--bench", bench_file(refused("?", "not confirmed", run, confirm="no"), "y.json", retention_years=100), *WHO, cwd=make())
    check(re.search(r"kept for 100 by this bench: until 21\d\d-\d\d-\d\d", young.stdout), f"until when it is kept: {young.stdout}{young.stderr}")
    # a run as it was listed, and another one behind the word
    where = make()
    free = bench_file(where, "free.json", retention_years=0.1)
    terminal, other = pty.openpty()
    asked = subprocess.Popen([str(rig.PENRIG), "purge", run, "--bench", str(free), *WHO], cwd=where, stdin=other, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = ""
    while "anything else leaves it" not in said:
        said += asked.stdout.read(1)
    bench_file(where, "free.json", retention_years=0.1, legal_hold="case 7")
    os.write(terminal, b"purge-1\n")
    said += asked.communicate(timeout=60)[0]
    check(asked.returncode == 8 and "case 7" in said and (where / run).exists(), f"held behind the list: {asked.returncode} {said}")


def test_log(check):
    """A log that cannot be gone on with keeps all."""
    for text, word, code in (('{"event":"purge","previous":""}', "torn", 6), ("hello\n", "torn", 6), (None, "another purge", 5)):
        where = make()
        free, log = bench_file(where, "free.json", retention_years=0.1), where / "free.json.purged.jsonl"
        log.write_text(text or "")
        before = everything(where)
        with open(log) as held:
            if text is None:
                fcntl.flock(held, fcntl.LOCK_EX)
            done = penrig("purge", "fail-slow.penrig", "--bench", free, *WHO, "--confirm", "purge-1", cwd=where)
        check(done.returncode == code and word in done.stderr and everything(where) == before and log.read_text() == (text or ""), f"a log {text}: {done.returncode} {done.stderr}")


if __name__ == "__main__":
    main()
