"""What test_old_runs.py and tests/data/make_runs.py share: a kept run file, what penrig says of it today, and what it said when the
file was made. What a later version adds is passed over; everything that was said then must still be said."""
import json
import lzma
import os
import platform
import re
import sqlite3
import subprocess
from pathlib import Path

import report_form
import rig

DATA = rig.ROOT / "tests/data"
SAME = re.compile(r"every result is the same, bit for bit: (\d+) results and (\d+) strokes of (\d+) points?, derived again from (\d+) samples")
OPEN = re.compile(r"^(\d+) points? never ended", re.M)
ROUNDED = "no result differs by more than 1e-07 of itself"
# Of a report: what became of the run, what was measured, and how it was judged. The rest names files, devices and software.
SAID = ("dut_verdict", "verdict_reason", "conditional_pass_accepted", "run_status", "status_reason", "exit_code", "dut", "started", "stop",
        "pen_conditions", "tests", "points", "sweeps", "imported")


def penrig(*args):
    return subprocess.run([str(rig.PENRIG), *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)


def unpack(folder, name, into):
    """The run file `name` of a kept set, its -wal where there is one, and its reports; the run file's path."""
    for packed in sorted(folder.glob(f"{name}.*.xz")):
        (Path(into) / packed.stem).write_bytes(lzma.decompress(packed.read_bytes()))
    return Path(into) / f"{name}.penrig"


def processor():
    """What decides how the last bits of mathematical functions come out. MACHINE: what the penrig under test runs on, where that is not this one."""
    flags = set()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.split(":")[0].strip() in ("flags", "Features"):
            flags = set(line.split(":")[1].split())
            break
    gsl = re.search(r"^\s*gsl\s+(\S+)", penrig("version").stdout, re.M)
    return {"machine": os.environ.get("MACHINE", platform.machine()), "avx2": "avx2" in flags, "fma": "fma" in flags, "libc": " ".join(platform.libc_ver()),
            "gsl": gsl[1] if gsl else "", "tunables": os.environ.get("GLIBC_TUNABLES", "")}


def method():
    """The version of the method of the penrig under test."""
    return int(re.search(r"METHOD_VERSION (\d+)", (rig.ROOT / "rig/measure/method.h").read_text())[1])


def said(report):
    return {key: report.get(key) for key in SAID}


def measurands(report):
    """The names of all results of a report."""
    return {r["measurand"] for part in (*report["points"], *report["sweeps"]) for r in part["results"]}


def known(then, now):
    """Results of now, without those of measurands that then has none of."""
    if then and all(isinstance(r, dict) and "measurand" in r for r in (*then, *now)):
        return [r for r in now if r["measurand"] in {old["measurand"] for old in then}]
    return now


def changed(then, now, where=""):
    """Every place, as text, where what was said then is not said now. Members that only stand there now are new."""
    if isinstance(then, list) and isinstance(now, list):
        now = known(then, now)
    if isinstance(then, dict) and isinstance(now, dict):
        return [text for key, value in then.items() for text in
                (changed(value, now[key], f"{where}.{key}") if key in now else [f"{where}.{key}: was {value!r}, is gone"])]
    if isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        return [text for i, (a, b) in enumerate(zip(then, now)) for text in changed(a, b, f"{where}[{i}]")]
    return [] if type(then) is type(now) and then == now or both_numbers(then, now) and then == now else [f"{where}: was {short(then)}, is {short(now)}"]


def both_numbers(a, b):
    return all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in (a, b))


def short(value):
    text = json.dumps(value)
    return text if len(text) < 200 else f"{text[:200]}..."


def limits_of(path):
    """The limits by which the file was judged after the run: number, text; read by the documented form, without penrig."""
    db = sqlite3.connect(path)
    rows = db.execute("SELECT key, CAST(data AS TEXT) FROM item WHERE kind='limits' ORDER BY key").fetchall()
    db.close()
    return rows


class Look:
    """What penrig says of a run file today. It is opened where it lies, so give it a copy."""

    def __init__(self, path, *options):
        done = penrig("analyze", "--json", *options, path)
        self.code, self.text = done.returncode, done.stderr
        self.anew = report_form.read(done.stdout) if done.stdout else None
        found, never = SAME.search(done.stderr), OPEN.search(done.stderr)
        self.derived = dict(zip(("results", "strokes", "points", "samples"), map(int, found.groups()))) if found else None
        if found:
            self.derived["open"] = int(never[1]) if never else 0
        self.rounded = done.returncode == 7 and done.stdout == "" and "NOT REPRODUCED" in done.stderr and ROUNDED in done.stderr


def facts(path):
    """The row of expected.json: exit codes, what became of the run, what was derived again."""
    shown, verified, report = penrig("show", path), penrig("show", "--verify", path), penrig("show", "--json", path)
    look, stored = Look(path), report_form.read(report.stdout)
    return {"show": shown.returncode, "verify": verified.returncode, "analyze": look.code,
            **{key: stored[key] for key in ("dut_verdict", "run_status", "exit_code", "verdict_reason")}, "derived": look.derived}
