#!/usr/bin/python3
"""Changes one thing in a module that a verdict, a stop or a record hangs on (an operator, a constant, a statement that is left out), builds
the fast unit tests of it anew and runs them: a mutant that none of them notices survives, and is printed with the line that it changed.
usage: mutants.py [--count N] [--seed N] [--only WORD]... [--keep FOLDER]
The same seed draws the same mutants of the same source. Works in a copy of the tree and of what is built of it (--keep: there, and leaves it for the next time)."""
import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULES = {  # module: the tests that should notice
    "rig/judge/verdict.c": ["judge/test_verdict", "judge/test_judge"],
    "rig/judge/judge.c": ["judge/test_judge", "judge/test_verdict"],
    "rig/judge/sweeps.c": ["judge/test_judge", "judge/test_verdict", "offline/test_reopen"],
    "rig/measure/decision.c": ["measure/test_result", "measure/test_risk", "judge/test_judge"],
    "rig/config/limit.c": ["config/test_limits", "config/test_plan"],
    "rig/record/sessions.c": ["record/test_sessions"],
    "rig/session/rules.c": ["session/test_evidence", "session/test_guard"],
    "rig/session/evidence.c": ["session/test_evidence", "session/test_guard"],
    "rig/session/guard.c": ["session/test_guard", "session/test_endings"],
    "rig/session/deadman.c": ["session/test_deadman", "session/test_pen_tests"],
    "rig/session/resumed.c": ["session/test_resumed"],
    "rig/stopper/warden.c": ["stopper/test_warden"],
    "rig/runfile/store.c": ["runfile/test_store", "runfile/test_runfile"],
    "rig/runfile/chain.c": ["runfile/test_chain", "runfile/test_runfile"],
    "rig/runfile/pack.c": ["runfile/test_runfile"],
    "rig/runfile/resumed.c": ["runfile/test_runfile"],
    "rig/measure/watch.c": ["measure/test_channel", "session/test_guard", "session/test_evidence"],
    "rig/measure/point/tally.c": ["measure/test_tally", "measure/test_result_list"],
    "rig/measure/statistics.c": ["measure/test_statistics", "measure/test_risk", "measure/test_result"],
    "rig/driver/dialogue.c": ["driver/test_dialogue"],
}
SWAPS = [(r"<=", "<"), (r">=", ">"), (r"(?<![<>=!\-+*/&|])<(?![<=])", "<="), (r"(?<![<>=!\-])>(?![>=])", ">="), (r"==", "!="), (r"!=", "=="),
         (r"&&", "||"), (r"\|\|", "&&"), (r"(?<=[\w)\]]) \+ (?=[\w(])", " - "), (r"(?<=[\w)\]]) - (?=[\w(])", " + "), (r"\+\+", "--"), (r"\btrue\b", "false"),
         (r"\bfalse\b", "true"), (r"(?<=[(&|=,] )!(?=\w)|(?<=\()!(?=\w)", ""), (r" \? ", " ? !")]
CONSTANT = r"(?<![\w.\"%])(\d+)(?![\w.])"
STATEMENT = r"^\t+(?!return|break|continue|case|static|const|struct|enum|int |unsigned |bool |double |size_t |uint|char |else|if|for|while|va_|goto)[\w>.*\[\]()&\-]+.*;$"


def places(text):
    """(start, end, what stands there, what it becomes) of every mutant of a file."""
    found, in_comment = [], False
    for match in re.finditer(r".*\n", text):
        line, at = match.group(), match.start()
        code = re.sub(r'"(?:\\.|[^"\\])*"', lambda m: "\0" * len(m.group()), line)
        code = re.sub(r"/\*.*?\*/|/\*.*$", lambda m: "\0" * len(m.group()), code)
        if in_comment or line.lstrip().startswith(("/*", "*", "#")) or not line.strip():
            in_comment = (in_comment or "/*" in line) and "*/" not in line
            continue
        in_comment = "/*" in line and "*/" not in line
        if not line.startswith("\t"):
            continue
        for pattern, new in SWAPS:
            found += [(at + m.start(), at + m.end(), m.group(), new) for m in re.finditer(pattern, code)]
        found += [(at + m.start(), at + m.end(), m.group(), str(int(m.group()) + 1)) for m in re.finditer(CONSTANT, code)]
        if re.match(STATEMENT, code.rstrip("\n")) and code.count("(") == code.count(")"):
            found.append((at, at + len(line), line.strip(), "\t;\n"))
    return found


def tests_of(module, tree):
    return [f"build/dev/tests/unit/{t}" for t in MODULES[module] if (tree / f"tests/unit/{t}.c").exists()]


def built(tree, tests):
    return subprocess.run(["make", "-s", *tests], cwd=tree, env={**os.environ, "DEPS": "skip"}, capture_output=True, text=True, check=False)


def noticed(tree, tests):
    for test in tests:
        try:
            if subprocess.run([tree / test], cwd=tree, capture_output=True, timeout=120, check=False).returncode != 0:
                return True
        except subprocess.TimeoutExpired:
            return True
    return False


def tried(tree, module, place):
    """"killed", "survived", or "no program" where it does not compile."""
    path = tree / module
    text = path.read_text()
    start, end, _, new = place
    path.write_text(text[:start] + new + text[end:])
    try:
        tests = tests_of(module, tree)
        if built(tree, tests).returncode != 0:
            return "no program"
        return "killed" if noticed(tree, tests) else "survived"
    finally:
        path.write_text(text)


def told(path, place):
    """Line, column, change, and the line as it is: a line may hold the same sign twice."""
    before, start = path.read_text(), place[0]
    line_start = before.rfind("\n", 0, start) + 1
    return f"{before.count(chr(10), 0, start) + 1}:{start - line_start + 1}: {place[2]!r} -> {place[3].strip()!r}: {before[line_start:].split(chr(10))[0].strip()}"


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--count", type=int, default=100)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--only", action="append", default=[])
    options.add_argument("--keep")
    o = options.parse_args()
    tree = Path(o.keep or tempfile.mkdtemp(prefix="mutants"))
    shutil.copytree(ROOT, tree, dirs_exist_ok=True, symlinks=True, ignore=lambda at, names: [n for n in names if n == ".git" or (Path(at).name == "build" and n != "dev")])
    modules = [m for m in MODULES if not o.only or any(w in m for w in o.only)]
    print(f"in {tree}: the tests as they are", file=sys.stderr, flush=True)
    for module in modules:
        before = built(tree, tests_of(module, tree))
        if before.returncode or noticed(tree, tests_of(module, tree)):
            sys.exit(f"{module}: its tests fail without a change: {before.stderr[-500:]}")
    every = [(m, p) for m in modules for p in places((tree / m).read_text())]
    came = {"killed": 0, "survived": 0, "no program": 0}
    for module, place in random.Random(o.seed).sample(every, min(o.count, len(every))):
        outcome = tried(tree, module, place)
        came[outcome] += 1
        print(f"\r{sum(came.values())} {came}", end="", file=sys.stderr, flush=True)
        if outcome == "survived":
            print(f"SURVIVED {module}:{told(tree / module, place)}", flush=True)
    if not o.keep:
        shutil.rmtree(tree)
    print(f"seed {o.seed}: {came['killed']} killed, {came['survived']} survived, {came['no program']} were no program, of {len(every)} places in {len(modules)} modules")


if __name__ == "__main__":
    main()
