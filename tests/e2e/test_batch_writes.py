#!/usr/bin/python3
"""A batch whose Nth write is its last one (SIGKILL of all of its processes), or meets a full disk, once or from there on: what had ended stays,
the next start goes on, and the history that is made anew has the same rows; beside it another batch goes on in the same history. Some writes,
other ones by SEED; --all does each."""
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile

import failing
import rig
from test_batch import Place
from test_history import rows_of

EACH = int(os.environ.get("EACH", "3"))
SEED = int(os.environ.get("SEED", "1"))
WAYS = ("GROUP", "ENOSPC", "ENOSPC+")
MEMORY = "/dev/shm"
REFUSED = {2, 3, 6}  # what a batch may end with that could not write


class Night(Place):
    """Two jobs of a good pen, with all that they write counted; in memory, where there is a disk of it, for each write is waited for."""

    def __init__(self, history=None):
        super().__init__(tempfile.mkdtemp(prefix="pr", dir=MEMORY if os.access(MEMORY, os.W_OK) else None))
        self.history = history or self.folder / "state/history"
        self.write(builds=None, before=None, read_back=None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)

    def begin(self, fail="", count=None):
        env = {**os.environ, "LD_PRELOAD": str(failing.LIBRARY), **({"FAIL": fail} if fail else {}), **({"FAIL_COUNT": str(count)} if count else {})}
        return self.batch("--history", self.history, env=env, start_new_session=True, timeout=120)

    def go_on(self):
        return self.batch("--history", self.history, timeout=120)

    def writes(self):
        count = self.folder / "count"
        assert self.begin(count=count).returncode == 0
        return int(count.read_text().split()[-1])

    def ended(self):
        """Names of the runs whose file says that they passed."""
        return {f.stem for f in (self.folder / "out").glob("*.penrig") if f.stat().st_size and rig.penrig_a("analyze", f).returncode == 0}

    def told_unsaved(self):
        """Names of the runs whose end the batch told as 6: something could not be written, if only behind their last word."""
        lines = [json.loads(line) for line in (self.folder / "out/night.batch.jsonl").read_text().splitlines() if line.endswith("}")]
        return {line["run"] for line in lines if line.get("exit_code") == 6}

    def runs(self):
        return [job["run"] for job in self.report()["jobs"]]


def anew(folders, to):
    done = rig.penrig_a("history", "--history", to, "--rebuild", *folders)
    return done, rows_of(to)


def saved(rows, *both):
    """Without the runs that were told with 6 as they ended: no file says so, and that row stays beside what the file says."""
    unsaved = {r["name"] for some in both for r in some["run"] if r["exit_code"] == 6}
    return {table: [r for r in rows[table] if r["name" if table == "run" else "of_run"] not in unsaved] for table in rows}


def known(history):
    """Names of the runs in it; None: it is no sound database."""
    if not history.exists() or not history.stat().st_size:
        return set()
    db = sqlite3.connect(history)
    try:
        there = db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'run'").fetchone()[0]
        sound = db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        return {name for name, in db.execute("SELECT name FROM run")} if there and sound else set() if sound else None
    finally:
        db.close()


def goes_on(check, label, night, ended):
    """Behind whatever happened: both jobs pass, no run that had ended was made again, and the history can be made anew."""
    done = night.go_on()
    report = night.report()
    check(done.returncode == 0 and report["counts"]["pass"] == 2, f"{label}: it goes on: {done.returncode} {report['counts']} {done.stderr[-300:]}")
    check(ended - night.told_unsaved() <= set(night.runs()), f"{label}: what had ended is not made again: {ended} {night.runs()}")
    check(set(night.runs()) <= night.ended(), f"{label}: both are there: {night.ended()}")
    reports = {json.loads(f.read_text())["dut_verdict"] for f in (night.folder / "out").glob("*.report.json")}
    check(reports <= {"pass", "inconclusive"}, f"{label}: {reports}")


def same_rows(check, label, way, history, *folders):
    """A file that a run was killed over as it made it holds nothing, and is told; where a run could not make it, there is none."""
    taken, rows = anew(folders, history)
    again, other = anew(folders, history.with_name("anew"))
    left_out = [line for line in again.stderr.splitlines() if "left out" in line]
    check(not left_out or (way == "GROUP" and "holds nothing: the run was killed as it began" in left_out[0] and not left_out[1:]), f"{label}: {left_out}")
    check(taken.returncode == again.returncode == (6 if left_out else 0) and saved(rows, rows, other) == saved(other, rows, other), f"{label}: made anew it has the same rows: {taken.stderr[-200:]} {again.stderr[-200:]}")


def examine(check, n, way):
    with Night() as night:
        return fails_there(check, night, n, way)


def fails_there(check, night, n, way):
    label = f"write {n}, {way}"
    done = night.begin(f"write:{n}:{way}")
    if way == "GROUP":
        check(done.returncode in (-9, 0), f"{label}: exit {done.returncode}")  # 0: how many there are hangs on the computer's pace
    else:
        check(done.returncode in REFUSED | {0}, f"{label}: exit {done.returncode}: {done.stderr[-300:]}")
        check(done.returncode == 0 or done.stderr.strip(), f"{label}: and it is said")
    names = known(night.history)
    check(names is not None, f"{label}: the history is no sound file")
    ended = night.ended()
    check((names or set()) <= {f.stem for f in (night.folder / "out").glob("*.penrig")}, f"{label}: the history knows what is not there: {names}")
    goes_on(check, label, night, ended)
    same_rows(check, label, way, night.history, night.folder / "out")
    return done.returncode


def beside_another(check, n, way):
    with Night() as first, Night(first.history) as other:
        fails_beside(check, first, other, n, way)


def fails_beside(check, first, other, n, way):
    """Two batches, two benches, one history: of the one that goes on nothing is missing."""
    label = f"write {n} of one of two, {way}"
    (other.folder / "night.json").write_text((other.folder / "night.json").read_text().replace('"night"', '"other"').replace("PEN-GOOD-01", "PEN-GOOD-02"))
    argv = [rig.PENRIG_A, "--bench", other.bench, "--virtual-dut", "PEN-GOOD-02", "--", "batch", other.folder / "night.json", "--state", other.folder / "state", "--history",
            first.history]
    child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    first.begin(f"write:{n}:{way}")
    said = child.communicate(timeout=120)
    check(child.returncode == 0, f"{label}: the other ends as it would: {child.returncode} {said}")
    check({"other-0001", "other-0002"} <= (known(first.history) or set()), f"{label}: and is in the history: {known(first.history)}")
    goes_on(check, label, first, first.ended())
    same_rows(check, label, way, first.history, first.folder / "out", other.folder / "out")


def main():
    if rig.CHECKED:
        print("a checked build has writes of its own: nothing is tried")
        print("0 passed, 0 failed, 0 skipped")
        sys.exit(0)
    check, rng = rig.Checks(), random.Random(SEED)
    with Night() as night:
        most = night.writes()
    check(most > 200, f"two runs of a batch write: {most}")
    every = range(1, most + 1) if "--all" in sys.argv else None
    for way in WAYS:
        some = [rng.randrange(1, most // 4), *(rng.randrange(1, most) for _ in range(EACH - 1))]  # in the first quarter lies the making of a run file
        codes = [examine(check, n, way) for n in every or some]
        check(any(codes), f"{way}: some of them ended there: {codes}")
        for n in every[::20] if every else [rng.randrange(1, most)]:
            beside_another(check, n, way)
    check.end()


if __name__ == "__main__":
    main()
