"""pytest and labgrid as others run them, with the package as pip makes it from the source tree: a pen that failed fails the test, and so does one of which nothing is known."""
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml
from pathlib import Path

import rig
from fleet import until

WORLD = """#!/bin/sh
# The pen that lies there is the one that is asked for, but for FAULT.
dut= last=
for word; do [ "$last" = --dut ] && dut=$word; last=$word; done
exec {a} --bench {bench} --virtual-dut "${{LIES_THERE:-$dut}}" ${{FAULT:+--fault $FAULT}} -- "$@" --state {state}
"""
TESTS = """
import os, subprocess, pytest
PLAN = {plan!r}
def test_good(penrig):
    assert penrig(PLAN, "PEN-GOOD-01").report["dut"] == "PEN-GOOD-01"
def test_deep(penrig):
    penrig(PLAN, "PEN-DEEP-01")
def test_unknown(penrig, monkeypatch):
    monkeypatch.setenv("FAULT", "stuck@0.5")
    penrig(PLAN, "PEN-GOOD-01")
def test_default(penrig):
    penrig(PLAN)
def test_held(penrig_bench):
    done = subprocess.run([{world!r}, "run", PLAN, "--bench", {bench!r}, "--dut", "PEN-GOOD-01", "--no-input", "--output-dir", {away!r}], capture_output=True, text=True)
    assert done.returncode == 5 and "in use by pytest" in done.stderr, done.stderr
def test_no_plan(penrig):
    penrig("/no/such/plan.json", "PEN-GOOD-01")
def test_told(penrig_bench):
    result = penrig_bench.run(PLAN, "PEN-DEEP-01")
    assert not result.passed and result.exit_code == 1 and result.verdict == "fail" and result.run_file.exists()
"""
LABGRID = """
import subprocess, sys
from labgrid import Environment
import penrig_bench
target = Environment({config!r}).get_target("main")
driver = target.get_driver("PenrigDriver")
foreign = lambda: subprocess.run([{world!r}, "run", {plan!r}, "--bench", {bench!r}, "--dut", "PEN-GOOD-01", "--no-input", "--output-dir", {away!r}], capture_output=True, text=True)
done = foreign()
assert done.returncode == 5 and "in use by labgrid" in done.stderr, done.stderr
good, deep = driver.run({plan!r}, "PEN-GOOD-01"), driver.run({plan!r}, "PEN-DEEP-01")
assert good.passed and not deep.passed and deep.exit_code == 1, (good, deep)
assert foreign().returncode == 5
target.deactivate(driver)
assert foreign().returncode == 0
with penrig_bench.Lock({bench!r}, "another"):
    try:
        target.activate(driver)
        sys.exit("it took a bench that is in use")
    except Exception as e:
        assert "in use by another" in str(e), e
print("as it should be")
"""


class World:
    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="py"))
        self.bench = rig.own_bench("virtual-usb.json", self.folder)
        self.world = self.folder / "world"
        self.world.write_text(WORLD.format(a=rig.PENRIG_A, bench=self.bench, state=self.folder / "state"))
        self.world.chmod(0o755)
        self.plan = str(rig.FIXTURES / "plans/ci-smoke.json")
        self.site = self.folder / "site"
        self.words = {"plan": self.plan, "world": str(self.world), "bench": str(self.bench), "away": str(self.folder / "away")}

    def install(self):
        """From a copy, for pip leaves things beside what it builds; without network and without anything of this test's."""
        source = shutil.copytree(rig.ROOT / "clients/python", self.folder / "source")
        return subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--no-index", "--no-build-isolation", "--no-deps", "--target", self.site, source],
                              env={**os.environ, "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}, capture_output=True, text=True)

    def pytest(self, *args):
        test = self.folder / "test_pens.py"
        test.write_text(TESTS.format(**self.words))
        report = self.folder / "junit.xml"
        done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", test, *map(str, args)], cwd=self.folder,
                              env={**os.environ, "PYTHONPATH": str(self.site)}, capture_output=True, text=True)
        cases = {}
        for case in xml.parse(report).iter("testcase"):
            cases[case.get("name")] = next((child.tag for child in case if child.tag in ("failure", "error", "skipped")), "passed")
        return done, cases


def with_pytest(check, w):
    own = ("--penrig-bench", w.bench, "--penrig-command", w.world)
    done, cases = w.pytest(*own, "--penrig-dut", "PEN-GOOD-02")
    check(cases == {"test_good": "passed", "test_deep": "failure", "test_unknown": "failure", "test_default": "passed", "test_held": "passed", "test_no_plan": "failure", "test_told": "passed"},
          f"{cases} {done.stdout[-1500:]}")
    check("PEN-DEEP-01: exit code 1 (fail), verdict fail" in done.stdout and "inconclusive" in done.stdout, f"each says why: {done.stdout[-1500:]}")
    properties = {p.get("name"): p.get("value") for p in xml.parse(w.folder / "junit.xml").iter("property")}
    check("penrig_exit_code" in properties and Path(properties["penrig_folder"]).is_dir(), f"the report says where the run file is: {properties}")
    _, cases = w.pytest(*own, "-k", "default")
    check(cases == {"test_default": "failure"}, f"no pen was named: {cases}")
    _, cases = w.pytest("-k", "good")
    check(cases == {"test_good": "skipped"}, f"no bench was named: {cases}")
    sys.path.insert(0, str(w.site))
    import penrig_bench
    with penrig_bench.Lock(w.bench, "another"):
        done, cases = w.pytest(*own, "-k", "good")
        check(cases == {"test_good": "error"} and "in use by another" in done.stdout, f"a bench that is in use: {cases}")


def the_lock(check, w):
    """It is penrig's own, and what an unfinished run left in it stays."""
    import penrig_bench
    lock = penrig_bench.Lock(w.bench, "python")
    with lock:
        path = Path(os.readlink(f"/proc/self/fd/{lock.fd}"))
        check("python (pid" in path.read_text(), "it says who")
    check(path.read_text() == "", "and takes that away")
    path.write_text("penrig (pid 1, user x) since y\nhow to stop the pen\n")
    with lock:
        check(path.read_text().endswith("how to stop the pen\n"), "how to stop a pen that was left running stays")
    check(path.read_text().endswith("how to stop the pen\n"), "also behind it")
    path.write_text("")
    for report, code, dut, passed in (({"dut_verdict": "pass", "dut": "P", "run_status": "complete"}, 0, "P", True), ({"dut_verdict": "pass", "dut": "Q", "run_status": "complete"}, 0, "P", False),
                                      ({"dut_verdict": "fail", "dut": "P", "run_status": "complete"}, 0, "P", False), ({"dut_verdict": "pass", "dut": "P", "run_status": "complete"}, 3, "P", False),
                                      ({"dut_verdict": "pass", "dut": "P", "run_status": "interrupted"}, 0, "P", False), (None, 0, "P", False)):
        result = penrig_bench.Result(code, dut, w.folder / "none", "")
        result.report = report
        check(result.passed == passed, f"{report}, exit code {code}: {result.passed}")


SLOW = "import signal, sys, time; got = []; signal.signal(signal.SIGTERM, lambda *a: got.append(1)); open(sys.argv[1], 'w').close()\nwhile not got: time.sleep(0.01)\ntime.sleep(0.6)\nopen(sys.argv[1], 'w').write(str(len(got)))"
CALLER = """
import signal, sys, penrig_bench
class TimeLimit(Exception):
    pass
def over(*_):
    raise TimeLimit
signal.signal(signal.SIGALRM, over)
try:
    penrig_bench._run([sys.executable, "-c", {slow!r}, {mark!r}], "P", {folder!r})
except (KeyboardInterrupt, TimeLimit) as e:
    print(type(e).__name__)
"""


def interrupted(check, w):
    """Ctrl-C and a test's time limit ask penrig to end, once, and wait for it."""
    for number, name in ((signal.SIGINT, "KeyboardInterrupt"), (signal.SIGALRM, "TimeLimit")):
        mark = w.folder / name
        caller = subprocess.Popen([sys.executable, "-c", CALLER.format(slow=SLOW, mark=str(mark), folder=str(w.folder))], env={**os.environ, "PYTHONPATH": str(w.site)}, stdout=subprocess.PIPE, text=True,
                                  start_new_session=True)
        until("the program", mark.exists)
        os.killpg(caller.pid, number)
        said = caller.communicate()[0]
        check(said == name + "\n" and mark.read_text() == "1", f"{name}: {said!r}, asked {mark.read_text() or 'and killed'}")


def several_sessions(check, w):
    """A run that went on after a replug is one run: the report that names the others speaks for it."""
    import penrig_bench
    one, two = {"name": "one", "dut_verdict": "inconclusive", "dut": "P", "run_status": "device_lost"}, {"name": "one-2", "dut_verdict": "pass", "dut": "P", "run_status": "complete", "sessions": [{"name": "one"}]}
    refused = {"name": "none", "dut_verdict": None, "dut": "P", "run_status": "refused", "stop": {"moved": False}}
    moved = {**two, "stop": {"moved": True}}
    still = {**refused, "name": "late", "sessions": [{"name": "one-2"}]}
    for reports, passed in (([refused, two], True), ([two, refused], True), ([refused, one, two], True), ([refused, {**refused, "name": "n"}, moved], True), ([refused], False), ([refused, {**refused, "name": "n"}], False),
                            ([refused, one], False), ([refused, one, {**moved, "sessions": []}], False), ([moved, still], False), ([one, moved, {**moved, "name": "x"}], False), ([one, two], True), ([one, {**two, "sessions": [{"name": "other"}]}], False), ([one], False), ([two, {**two, "name": "x"}], False)):
        folder = Path(tempfile.mkdtemp(dir=w.folder))
        for report in reports:
            (folder / f"{report['name']}.report.json").write_text(json.dumps(report))
            (folder / f"{report['name']}.penrig").touch()
        result = penrig_bench.Result(0, "P", folder, "")
        check(result.passed == passed and (not passed or result.run_file.name == "one-2.penrig"), f"{[r['name'] for r in reports]}: {result.verdict} {result.run_file}")


def with_labgrid(check, w):
    config = w.folder / "env.yaml"
    config.write_text(f"targets:\n  main:\n    resources:\n      PenrigBench:\n        file: {w.bench}\n        command: [{w.world}]\n    drivers:\n      PenrigDriver: {{}}\n"
                      f"imports:\n  - penrig_bench.labgrid\n")
    done = subprocess.run([sys.executable, "-c", LABGRID.format(config=str(config), **w.words)], env={**os.environ, "PYTHONPATH": str(w.site)}, cwd=w.folder, capture_output=True, text=True)
    check(done.returncode == 0 and "as it should be" in done.stdout, f"{done.returncode} {done.stdout[-500:]} {done.stderr[-1500:]}")


def main():
    if not all(importlib.util.find_spec(name) for name in ("pip", "pytest", "setuptools", "wheel")):
        print("no pytest, pip or wheel is installed (packages python3-pytest, python3-pip, python3-wheel)")
        sys.exit(77)
    check = rig.Checks()
    w = World()
    try:
        done = w.install()
        if check(done.returncode == 0, f"pip: {done.stderr[-1500:]}"):
            with_pytest(check, w)
            the_lock(check, w)
            interrupted(check, w)
            several_sessions(check, w)
            if importlib.util.find_spec("labgrid"):
                with_labgrid(check, w)
            else:
                print("labgrid is not installed (package python3-labgrid): not looked at")
    finally:
        shutil.rmtree(w.folder, ignore_errors=True)
    check.end()


if __name__ == "__main__":
    main()
