#!/usr/bin/python3
"""What the tests reach: lines, branches, and conditions that were each seen to decide by themselves (MC/DC), of every room and of the
modules that a verdict, a stop or a record hangs on. Needs clang 18 or newer with its runtime and llvm's tools of the same version.
usage: coverage.py BUILD [--show MODULE]... [--keep] TEST...    BUILD: built with clang's -fcoverage-mcdc (make coverage does it)
Tests that fail are named, and what they reached counts all the same; --show names what of a module was not reached; --keep adds to
what earlier ones reached. End-to-end tests run the programs of BUILD."""
import argparse
import collections
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULES = ("judge/verdict.c", "judge/judge.c", "judge/sweeps.c", "measure/decision.c", "config/limit.c", "session/evidence.c", "session/rules.c",
           "runfile/store.c", "runfile/chain.c", "base/db.c")
KINDS = ("lines", "branches", "mcdc")


def tool(name, version):
    found = shutil.which(f"{name}-{version}") or shutil.which(name)
    return found or sys.exit(f"coverage: {name}-{version} is missing: sudo apt install llvm-{version}")


def ran(build, test, profiles):
    env = {**os.environ, "LLVM_PROFILE_FILE": f"{profiles}/%8m.profraw", "B": str(build), "ROOT": str(ROOT)}
    with tempfile.TemporaryDirectory(prefix="pc") as folder:
        script = str(test).endswith(".py")
        argv = [sys.executable, ROOT / test] if script else [ROOT / test]
        env.update(TMPDIR=folder, XDG_STATE_HOME=folder)
        done = subprocess.run(argv, cwd=folder if script else ROOT, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode not in (0, 77):
        print(f"FAILED (exit {done.returncode}): {test}", flush=True)


def exported(build, programs, profiles, version):
    merged = build / "all.profdata"
    subprocess.run([tool("llvm-profdata", version), "merge", "-sparse", *profiles.glob("*.profraw"), "-o", merged], check=True)
    objects = [word for program in programs for word in ("-object", str(program))]
    done = subprocess.run([tool("llvm-cov", version), "export", "-show-mcdc-summary", "-instr-profile", merged, *objects,
                           r"-ignore-filename-regex=(/|^)(tests|fixtures|build)/"], cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["data"][0]["files"]


def row(name, counts):
    shares = (f"{100 * counts[k][0] / counts[k][1]:6.1f} % of {counts[k][1]:6}" if counts[k][1] else " " * 18 for k in KINDS)
    print(f"{name:24}", *shares)


def summed(files):
    rooms = collections.defaultdict(lambda: {k: [0, 0] for k in KINDS})
    for path, f in files.items():
        for room in ("/".join(path.parts[:2]) if len(path.parts) > 2 else path.parts[0], "all"):
            for k in KINDS:
                rooms[room][k][0] += f["summary"][k]["covered"]
                rooms[room][k][1] += f["summary"][k]["count"]
    return rooms


def show(path, f):
    """Branches with a side that was never taken, and decisions of which a condition never decided by itself."""
    text = (ROOT / path).read_text().splitlines()
    for line, column, _, _, yes, no, *_ in f.get("branches", []):
        if not yes or not no:
            print(f"{path}:{line}:{column}: never {'true' if not yes else 'false'}: {text[line - 1].strip()}")
    for record in f.get("mcdc_records", []):
        wanting = [i + 1 for i, seen in enumerate(record[-1]) if not seen]
        if wanting:
            print(f"{path}:{record[0]}:{record[1]}: condition {', '.join(map(str, wanting))} of {len(record[-1])} never decided: {text[record[0] - 1].strip()}")


def main():
    options = argparse.ArgumentParser()
    options.add_argument("build", type=Path)
    options.add_argument("--version", default="19")
    options.add_argument("--show", action="append", default=[])
    options.add_argument("--keep", action="store_true")
    options.add_argument("tests", nargs="*")
    o = options.parse_intermixed_args()
    build = o.build.resolve()
    profiles = build / "profiles"
    if not o.keep:
        shutil.rmtree(profiles, ignore_errors=True)
    profiles.mkdir(exist_ok=True)
    for test in o.tests:
        ran(build, test, profiles)
    programs = [ROOT / t for t in o.tests if not t.endswith((".py", ".sh"))]
    programs += [p for p in (build / "penrig", build / "tests/penrig-a", build / "penrig-stopper") if p.exists()]
    files = {Path(os.path.relpath(ROOT / f["filename"], ROOT)): f for f in exported(build, programs, profiles, o.version)}
    files = {path: f for path, f in files.items() if path.parts[0] in ("rig", "drivers", "reports")}
    print(f"{'':24}  lines              branches           MC/DC")
    for room, counts in sorted(summed(files).items(), key=lambda r: (r[0] == "all", r[0])):
        row(room, counts)
    for path, f in files.items():
        if str(path).endswith(MODULES):
            row(str(path), {k: (f["summary"][k]["covered"], f["summary"][k]["count"]) for k in KINDS})
    for path, f in files.items():
        if any(word in str(path) for word in o.show):
            show(path, f)


if __name__ == "__main__":
    main()
