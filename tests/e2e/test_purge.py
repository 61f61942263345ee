#!/usr/bin/python3
"""Deleting what its time is over of: never what is younger, held, altered, another bench's, or gone on with; never without the word; what is
deleted stands in the log first, each line with the digest of the one before."""
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import old_runs
import rig

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
    check([e["run"] for e in entries] == ["conditional-pass", "fail-slow"] or len(entries) == 2, f"the log: {entries}")
    check(entries[0]["sha256"] == hashlib.sha256(data).hexdigest() and entries[0]["by"] == "A. Meier" and set(entries[0]["files"]) <= gone, f"says what: {entries[0]}")
    check(entries[0]["previous"] == "" and entries[1]["previous"] == hashlib.sha256(lines[0].encode()).hexdigest(), "each line has the digest of the one before")
    check(sum(len(e["files"]) for e in entries) == len(gone), f"every file that went is named: {gone}")
    check.end()


if __name__ == "__main__":
    main()
