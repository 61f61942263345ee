#!/usr/bin/python3
"""Files that cannot be what they should be: a pipe or a device where a run file is wanted ends at once, with a word; and what may not grow
any further (RLIMIT_FSIZE, as a quota or a full disk) ends with 6, with the reason, and leaves no half file under a name that is asked for."""
import os
import resource
import subprocess
import tempfile
from pathlib import Path

import old_runs
import rig

KB = 1024
NEVER_S = 120  # for what never ends; nothing here is measured
READERS = (("show", "{}"), ("show", "--verify", "{}"), ("analyze", "{}"), ("analyze", "--light", "{}"), ("report", "{}", "-o", "-"), ("export", "{}", "-f", "csv"),
           ("plot", "{}"), ("compare", "{}", "--", "{}"), ("requalify", "{}"), ("resume", "{}"), ("verify", "{}"))
REPORTS = ("html", "csv", "strokes", "junit", "tap", "prom", "text", "json")
EXPORTS = ("csv", "npy", "wav", "hdf5")


def penrig(folder, argv, limit=None):
    """Exit code and what was said; None: it did not end."""
    limited = (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))) if limit is not None else None
    try:
        done = subprocess.run([str(rig.PENRIG), *map(str, argv)], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, errors="replace", timeout=NEVER_S, preexec_fn=limited, env={**os.environ, "XDG_STATE_HOME": str(folder / "state")})
    except subprocess.TimeoutExpired:
        return None, ""
    return done.returncode, done.stdout[-300:] + done.stderr[-600:]


def name_of(path):
    return Path(path).name


def test_no_place_to_read_at(check, folder):
    os.mkfifo(folder / "pipe")
    for name in (folder / "pipe", "/dev/zero"):
        for command in READERS:
            code, said = penrig(folder, [word.format(name) for word in command])
            check(code in (2, 3, 6) and name_of(name) in said, f"{command} of {name}: exit {code}: {said}")


def written(folder, argv, limit):
    """Exit code, words, and the files there are now and were not before."""
    before = set(folder.iterdir())
    code, said = penrig(folder, argv, limit)
    new = sorted(set(folder.iterdir()) - before - {folder / "state"})
    sizes = {p.name: p.stat().st_size for p in new}
    for path in new:
        path.unlink()
    return code, said, sizes


def judge(check, label, argv, folder):
    """Whole without a limit; with one below the largest of its files, nothing that would be taken for whole."""
    code, said, whole = written(folder, argv, None)
    check(code == 0 and whole, f"{label}: exit {code}, {whole}: {said}")
    for limit in {0, KB, max(whole.values(), default=1) - 1}:
        code, said, left = written(folder, argv, limit)
        check(code == 6 and "too large" in said and "make room" in said, f"{label}, files of at most {limit} bytes: exit {code}: {said}")
        check(all(left[n] == whole.get(n) for n in left), f"{label}, files of at most {limit} bytes: left {left} of {whole}")


def main():
    check, folder = rig.Checks(), Path(tempfile.mkdtemp(prefix="pr"))
    run = old_runs.unpack(sorted(old_runs.DATA.glob("runs-*"))[-1], "pass-20-khz", folder)
    test_no_place_to_read_at(check, folder)
    for form in REPORTS:
        judge(check, f"report {form}", ["report", run, "--format", form, "-o", f"r.{form}"], folder)
    for form in EXPORTS:
        if form == "hdf5" and penrig(folder, ["export", run, "--format", form, "-o", "try"])[0] == 2:
            continue  # a build without it
        judge(check, f"export {form}", ["export", run, "--format", form, "-o", "x"], folder)
    check.end()


if __name__ == "__main__":
    main()
