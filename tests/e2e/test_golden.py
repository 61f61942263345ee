#!/usr/bin/python3
"""The reference pen of a bench: whose pass counts, for how long, and that no other pen is measured without one where the bench
requires it; what every report says of it."""
import contextlib
import fcntl
import hashlib
import json
import os
import sqlite3
import subprocess
import tempfile
from pathlib import Path

import report_form
import rig

PLAN = {"kind": "penrig/plan/1", "name": "short", "limits": [{"measurand": "depth_error_mm", "unit": "mm", "lower": -0.15, "upper": 0.15}],
        "steps": [{"depth_mm": [1.0], "rate_hz": 120, "measure_s": 0.5, "settle_s": 0.3, "tare_s": 0.25}]}


@contextlib.contextmanager
def held(bench):
    """the bench, by another process"""
    where = next(f for f in (Path("/run/lock"), Path("/tmp")) if os.access(f, os.W_OK))
    lock = where / f"penrig-{hashlib.sha256(os.path.realpath(bench).encode()).hexdigest()[:24]}.lock"
    with open(lock, "w") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        yield
    lock.unlink()


class Place:
    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="pr"))
        self.bench = Path(rig.own_bench("virtual-usb.json", self.folder))
        self.bare = self.bench.read_text()
        self.history, self.hours, self.n = self.folder / "state/history", 0, 0
        (self.folder / "golden.json").write_text(json.dumps({**PLAN, "name": "golden"}))
        (self.folder / "short.json").write_text(json.dumps(PLAN))
        self.golden(valid_h=24, valid_runs=2)

    def golden(self, extra="", **keys):
        text = json.dumps({"pen": "PEN-GOOD-09", "plan": "golden.json", **keys})
        self.bench.write_text(self.bare.replace('"mains_hz": 50,', f'"mains_hz": 50, "golden": {text}, {extra}', 1))

    def penrig(self, *args, dut="PEN-GOOD-01", faults=()):
        world = ["--bench", self.bench, "--clock", round(3600 * self.hours), "--virtual-dut", dut]
        for fault in faults:
            world += ["--fault", fault]
        argv = [rig.PENRIG_A, *world, "--", *args, "--bench", self.bench, "--state", self.folder / "state"]
        return subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True)

    def run(self, *args, dut="PEN-GOOD-01"):
        """another pen"""
        self.n += 1
        self.hours += 1 / 60
        done = self.penrig("run", self.folder / "short.json", "--dut", dut, "-q", "-o", self.folder / "out", "--name", f"r{self.n}", *args, dut=dut)
        report = self.folder / f"out/r{self.n}.report.json"
        return done, report_form.read(report.read_text()) if report.exists() else None

    def gold(self, *args, faults=()):
        self.n += 1
        self.hours += 1 / 60
        return self.penrig("golden", "-q", "-o", self.folder / "out", "--name", f"g{self.n}", *args, dut="PEN-GOOD-09", faults=faults)

    def status(self):
        done = self.penrig("golden", "--status", "--json")
        return done.returncode, json.loads(done.stdout)["state"] if done.stdout else done.stderr

    def history_set(self, what, name):
        db = sqlite3.connect(self.history)
        db.execute(f"UPDATE run SET {what} WHERE name = ?", (name,))
        db.commit()
        db.close()


def test_no_pass(check, place):
    done, report = place.run()
    check(done.returncode == 8 and report is None and "has no run of PEN-GOOD-09" in done.stderr and "penrig golden --bench" in done.stderr, f"none: {done.returncode} {done.stderr}")
    checked = place.penrig("check", place.folder / "short.json")
    check(checked.returncode == 8 and "has no run of PEN-GOOD-09" in checked.stderr, f"check says so beforehand: {checked.returncode} {checked.stderr}")
    check(place.penrig("check", place.folder / "golden.json", "--dut", "PEN-GOOD-09").returncode == 0, "the reference pen itself needs none")
    check(place.status() == (8, "none"), f"status {place.status()}")
    stalled = place.gold(faults=["stall:pen@1"])
    check(stalled.returncode == 3 and "NO VALID PASS" in stalled.stdout, f"a reference pen that stalls: {stalled.returncode} {stalled.stdout[-300:]}")
    check(place.status() == (8, "not_passed") and place.run()[0].returncode == 8, f"is no pass: {place.status()}")


def test_a_pass_holds(check, place):
    done = place.gold()
    name = f"g{place.n}"
    check(done.returncode == 0 and "valid pass" in done.stdout and "not compared with earlier ones (0, 5 are needed)" in done.stdout, f"a pass: {done.returncode} {done.stdout} {done.stderr}")
    formats = [w for f in ("junit", "text", "html", "tap") for w in ("--report", f)]
    done, report = place.run(*formats)
    golden = report["bench"]["golden"]
    check(done.returncode == 0 and golden["valid"] and golden["run"] == name and golden["pen"] == "PEN-GOOD-09", f"a run stands on it: {done.returncode} {golden}")
    head = json.loads((place.folder / f"out/{name}.report.json").read_text())["run_file"]["journal_head"] if "run_file" in report else golden["journal_head"]
    check(golden["journal_head"] == head and len(head) == 64, f"and names its journal: {golden}")
    for ending in ("junit.xml", "report.txt", "report.html", "tap"):
        text = (place.folder / f"out/r{place.n}.{ending}").read_text()
        check(name in text and "PEN-GOOD-09 passed" in text, f"{ending} names it")
    report_form.validate(report)
    checked = place.penrig("check", place.folder / "short.json")
    check(checked.returncode == 0 and f"golden     PEN-GOOD-09: {name} at" in checked.stdout and "1 more runs" in checked.stdout, f"check: {checked.stdout[-200:]} {checked.stderr}")
    check(place.run()[0].returncode == 0, "the second")
    done, _ = place.run()
    check(done.returncode == 8 and "holds for 2 runs, and there were 2 since" in done.stderr and place.status() == (8, "used_up"), f"used up: {done.returncode} {done.stderr}")
    check(place.gold().returncode == 0 and place.run()[0].returncode == 0, "made anew")
    place.hours += 24
    check(place.run()[0].returncode == 8 and place.status() == (8, "overdue"), f"too old: {place.status()}")
    place.hours -= 48
    check(place.status() == (8, "future"), f"a clock behind it: {place.status()}")
    place.hours += 48


def test_whose_pass(check, place):
    """Of another bench, pen, calibration, plan, program; taken back later."""
    check(place.gold().returncode == 0 and place.status() == (0, "valid"), "valid")
    name, golden = f"g{place.n}", place.bench.read_text()
    plan = (place.folder / "golden.json").read_text()
    place.bench.write_text(golden.replace("VB-LC-2001-A", "VB-LC-2001-B"))
    check(place.status() == (8, "other_setup"), f"another calibration: {place.status()}")
    place.bench.write_text(golden.replace('"name": "virtual-usb"', '"name": "another"'))
    check(place.status() == (8, "none"), f"another bench: {place.status()}")
    place.bench.write_text(golden.replace("PEN-GOOD-09", "PEN-GOOD-08"))
    check(place.status() == (8, "none"), f"another pen: {place.status()}")
    place.bench.write_text(golden)
    (place.folder / "golden.json").write_text(plan.replace("0.15", "0.2"))
    check(place.status() == (8, "other_plan"), f"an edited plan: {place.status()}")
    (place.folder / "golden.json").unlink()
    done, _ = place.run()
    check(done.returncode == 8 and "golden.json" in done.stderr, f"no plan: {done.returncode} {done.stderr}")
    (place.folder / "golden.json").write_text(plan)
    check(place.status() == (0, "valid"), "as it was")
    for what, back, state in [("software = '0.0.0'", "software = 'SAME'", "other_program"), ("later = 'fail'", "later = ''", "not_passed"), ("verdict = 'conditional_pass'", "verdict = 'pass'", "not_passed"),
                              ("origin = 'a.csv'", "origin = ''", "other"), ("status = 'interrupted'", "status = 'complete'", "not_passed"), ("sessions = 1", "sessions = 0", "not_passed")]:
        db = sqlite3.connect(place.history)
        software, = db.execute("SELECT software FROM run WHERE name = ?", (name,)).fetchone()
        db.close()
        place.history_set(what, name)
        code, now = place.status()
        check(code == 8 and (now == state or state == "other"), f"{what}: {now}")
        place.history_set(back.replace("SAME", software), name)
    check(place.status() == (0, "valid"), f"as it was: {place.status()}")
    check(place.gold(faults=["stall:pen@1"]).returncode == 3 and place.status() == (8, "not_passed"), "the newest run decides, not an older pass")
    place.golden(valid_h=24, required=False)
    done, report = place.run("--report", "text")
    check(done.returncode == 0 and not report["bench"]["golden"]["valid"] and report["bench"]["golden"]["text"], f"not required, and told: {report['bench']['golden']}")
    check("NO VALID PASS of PEN-GOOD-09" in (place.folder / f"out/r{place.n}.report.txt").read_text(), "in words")


def test_new_firmware(check, place):
    """A device of the same serial number that says another firmware than in the pass."""
    place.golden(valid_h=24)
    check(place.gold().returncode == 0 and place.run()[0].returncode == 0 and place.status() == (0, "valid"), "valid")

    def flash(version, name):
        db = sqlite3.connect(place.history)
        was, = db.execute("SELECT firmware FROM device JOIN run ON run = id WHERE name = ? AND serial = 'LC-2001'", (name,)).fetchone()
        db.execute("UPDATE device SET firmware = ? WHERE serial = 'LC-2001' AND run = (SELECT id FROM run WHERE name = ?)", (version, name))
        db.execute("UPDATE device SET firmware = 'pens have their own' WHERE role = 'pen'")
        db.commit()
        db.close()
        return was

    gold, other = f"g{place.n - 1}", f"r{place.n}"
    now = flash("0.9", other)
    check(place.status() == (8, "other_firmware") and place.run()[0].returncode == 8, f"a run since says another one: {place.status()}")
    flash(now, other)
    check(place.status() == (0, "valid"), f"as it was: {place.status()}")
    flash("0.9", gold)
    flash("0.9", other)
    check(place.status() == (0, "valid"), f"nobody knows of it yet: {place.status()}")
    done, report = place.run()
    check(done.returncode == 8 and 'LC-2001 has the firmware' in done.stderr + done.stdout and 'had "0.9"' in done.stderr + done.stdout and report["dut_verdict"] is None,
          f"the run itself sees it, before the pen moves: {done.returncode} {done.stdout} {done.stderr}")
    check(place.status() == (8, "other_firmware"), f"and is known: {place.status()}")
    place.golden(valid_h=24, required=False)
    check(place.gold().returncode == 0, "made anew")
    flash("0.9", f"g{place.n}")
    done, report = place.run("--report", "text")
    check(done.returncode == 0 and not report["bench"]["golden"]["valid"] and "has the firmware" in report["bench"]["golden"]["text"], f"where none is required it is told: {done.returncode} {report['bench']['golden']}")
    check("NO VALID PASS of PEN-GOOD-09: LC-2001" in (place.folder / f"out/r{place.n}.report.txt").read_text(), "in words")


def test_not_in_the_history(check, place):
    """A run that the history was not told of ends the pass before it, whichever history is asked."""
    place.golden(valid_h=24)
    check(place.gold().returncode == 0 and place.status() == (0, "valid"), "valid")
    check(place.gold("--history", place.folder / "elsewhere", faults=["stall:pen@1"]).returncode == 3, "it stalls, and another history is told")
    done, _ = place.run()
    check(place.status() == (8, "not_indexed") and done.returncode == 8 and f"g{place.n - 1} at" in done.stderr and "penrig history --rebuild /" in done.stderr,
          f"the older pass does not stand: {place.status()} {done.stderr}")
    late = place.penrig("run", place.folder / "golden.json", "--dut", "PEN-GOOD-09", "-q", "-o", place.folder / "out", "--name", "later", "--start-within", "0.001s", dut="PEN-GOOD-09")
    check(late.returncode == 5 and place.status() == (8, "not_indexed"), f"nor after one that never began: {late.returncode} {place.status()}")
    place.penrig("history", "--rebuild", place.folder / "out")
    check(place.status()[0] == 8, f"taken in it is no pass: {place.status()}")
    check(place.gold().returncode == 0, "and a newer one is")
    late = place.penrig("run", place.folder / "golden.json", "--dut", "PEN-GOOD-09", "-q", "-o", place.folder / "out", "--name", "late", "--start-within", "0.001s", dut="PEN-GOOD-09")
    check(late.returncode == 5 and place.status() == (0, "valid"), f"one that does not begin shows nothing: {late.returncode} {place.status()} {late.stderr}")
    with held(place.bench):
        busy = place.gold()
    check(busy.returncode == 5 and place.status() == (0, "valid"), f"nor one on a bench in use, which leaves no file: {busy.returncode} {place.status()} {busy.stderr}")


def test_drift(check, place):
    place.golden(valid_h=24)
    for _ in range(6):
        place.gold()
    values = {}
    db = sqlite3.connect(place.history)
    rows = db.execute("SELECT run.name, result.run, place FROM result JOIN run ON run.id = result.run JOIN quantity ON quantity.id = quantity WHERE dut = 'PEN-GOOD-09' AND "
                      "outcome <> '' AND value IS NOT NULL ORDER BY started").fetchall()
    for i, (name, run, at) in enumerate(rows):
        values[name] = 0.01 + 0.001 * (i % 3)
        db.execute("UPDATE result SET value = ? WHERE run = ? AND outcome <> ''", (values[name], run))
    db.commit()
    db.close()
    code, state = place.status()
    check((code, state) == (0, "valid"), f"it agrees with its history: {code} {state}")

    def newest(value):
        place.gold()
        db = sqlite3.connect(place.history)
        db.execute("UPDATE result SET value = ? WHERE outcome <> '' AND run = (SELECT id FROM run WHERE name = ?)", (value, f"g{place.n}"))
        db.commit()
        db.close()

    for _ in range(4):
        newest(0.05)
        check(place.status() == (8, "drifted"), f"and here not, however often it runs: {place.status()}")
    done, _ = place.run()
    check(done.returncode == 8 and "earlier passes have 0.011" in done.stderr, f"no other pen is run: {done.stderr}")
    newest(0.0115)
    check(place.status() == (0, "valid"), f"back again: {place.status()}")

    def all_values(what):
        db = sqlite3.connect(place.history)
        db.execute(f"UPDATE result SET {what} AND run IN (SELECT id FROM run WHERE dut = 'PEN-GOOD-09')")
        db.commit()
        db.close()

    all_values("value = 0, expanded_u = 0 WHERE outcome <> ''")
    check(place.status() == (0, "valid"), f"a count that never changed: {place.status()}")
    newest(3)
    check(place.status() == (8, "drifted"), f"and did: {place.status()}")
    all_values("expanded_u = 4 WHERE outcome <> ''")
    check(place.status() == (0, "valid"), f"within what it was said to be uncertain by: {place.status()}")


def test_bad_files(check, place):
    good = place.bench.read_text()
    for old, new, word in [('"valid_h": 24', '"valid_h": 0', "valid_h"), ('"pen": "PEN-GOOD-09"', '"pen": "PEN-*"', "stand for any letters"), ('"serial": "LC-2001",', "", '"serial" is missing'),
                           ('"plan": "golden.json", ', "", '"plan" is missing')]:
        place.bench.write_text(good.replace(old, new))
        done = place.penrig("golden", "--status")
        check(done.returncode == 2 and word in done.stderr and "virtual-usb.json:" in done.stderr, f"{new}: {done.returncode} {done.stderr}")
    place.bench.write_text(place.bare)
    done = place.penrig("golden", "--status")
    check(done.returncode == 2 and "names no reference pen" in done.stderr, f"none: {done.stderr}")


def main():
    check = rig.Checks()
    place = Place()
    test_no_pass(check, place)
    test_a_pass_holds(check, place)
    test_whose_pass(check, place)
    test_drift(check, place)
    test_bad_files(check, place)
    test_not_in_the_history(check, Place())
    test_new_firmware(check, Place())
    check.end()


if __name__ == "__main__":
    main()
