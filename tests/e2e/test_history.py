#!/usr/bin/python3
"""The history: every run is in it at its end, and none because of it ends otherwise; what is asked of it; a failure that no pass
washes out; two processes, a kill at every write, a full disk; made again from run files with the same rows."""
import csv
import io
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
from pathlib import Path

import numpy as np

import report_form
import rig

PLAN = {"kind": "penrig/plan/1", "name": "short", "limits": [{"measurand": "depth_error_mm", "unit": "mm", "lower": -0.15, "upper": 0.15}],
        "steps": [{"depth_mm": [0.5, 1.0], "rate_hz": 120, "measure_s": 1}]}
EVERY = int(os.environ.get("EVERY", 13))  # of the writes at which a process is killed; 1: each of them
TABLES = {"run": "", "device": "number", "attribute": "key", "disposition": "number", "place": "number", "result": "measurand, quantity.method, place"}


class Bench:
    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="pr"))
        self.bench = rig.own_bench("virtual-usb.json", self.folder)
        self.history = self.folder / "state/history"
        self.days = 0

    def run(self, name, dut="PEN-GOOD-01", plan="short", faults=(), extra=(), folder="out"):
        path = self.folder / f"{plan}.json"
        path.write_text(json.dumps({**PLAN, "name": plan}))
        self.days += 1  # each a day later
        return rig.run_plan(path, bench=str(self.bench), dut=dut, folder=self.folder / folder, faults=faults, world_extra=["--clock", 86400 * self.days],
                            extra=["--state", self.folder / "state", "--name", name, *extra])

    def told(self, *args):
        return rig.penrig_a("history", "--history", self.history, *args)

    def json(self, *args):
        done = self.told("--json", *args)
        return json.loads(done.stdout) if done.returncode == 0 else done.stderr

    def names(self, *args):
        rows = self.json(*args)
        return [row["run"] for row in rows] if isinstance(rows, list) else rows


def rows_of(path):
    """Everything but the numbers by which the tables know each other."""
    db = sqlite3.connect(path)
    db.row_factory = sqlite3.Row
    all_rows = {}
    for table, order in TABLES.items():
        join = "" if table == "run" else " JOIN run ON run.id = t.run"
        join += " JOIN quantity ON quantity.id = t.quantity" if table == "result" else ""
        columns = ["run.name AS of_run", "t.*"] + (["quantity.measurand", "quantity.method", "quantity.unit"] if table == "result" else []) if table != "run" else ["t.*"]
        query = f"SELECT {', '.join(columns)} FROM {table} AS t{join} ORDER BY {'name' if table == 'run' else 'run.name, ' + order}"
        all_rows[table] = [{k: row[k] for k in row.keys() if k not in ("id", "run", "quantity")} for row in db.execute(query)]
    check = db.execute("PRAGMA integrity_check").fetchone()[0]
    return all_rows if check == "ok" else check


def test_rows(check, bench):
    report = bench.run("first", extra=["--lot", "L7", "--attr", "station=3", "--operator", "A. Meier"]).report
    rows = bench.json()
    check(len(rows) == 1, f"a run is there at its end: {rows}")
    row = rows[0]
    wanted = {"dut": "PEN-GOOD-01", "lot": "L7", "plan": "short", "bench": report["bench"]["name"], "operator": "A. Meier", "dut_verdict": "pass",
              "run_status": "complete", "exit_code": 0, "run": "first", "started": report["started"], "ended": report["ended"],
              "path": str(bench.folder / "out/first.penrig")}
    check(all(row[k] == v for k, v in wanted.items()), f"with what its report says: {row}")
    stored = {(r["place"], r["measurand"], r["method"]): r["value"] for r in rows_of(bench.history)["result"]}
    for number, point in enumerate(report["points"]):
        for r in point["results"]:
            key = (number, r["measurand"], r["method"] or "")
            if key in stored:
                check(abs(stored[key] - r["value"]) <= 1e-4 * max(1, abs(r["value"])), f"{key}: {stored[key]}, reported {r['value']}")
    check({"depth_error_mm", "stroke_rate_hz", "depth_mm"} <= {k[1] for k in stored}, f"results of what can be judged: {stored.keys()}")
    check("pen.rate_hz" not in {k[1] for k in stored}, "and of nothing else")


def test_questions(check, bench):
    bench.run("deep", dut="PEN-DEEP-01", extra=["--lot", "L8"])
    bench.run("gone", faults=["unplug:pen@3"], extra=["--attr", "station=4"])
    bench.run("other-plan", plan="long", extra=["--lot", "L7"])
    for args, names in [([], ["first", "deep", "gone", "other-plan"]), (["--dut", "PEN-DEEP-01"], ["deep"]), (["--dut", "*DEEP*"], ["deep"]), (["--dut", "*deep*"], []),
                        (["--lot", "L7"], ["first", "other-plan"]), (["--lot", "L7", "--lot", "L8"], ["first", "deep", "other-plan"]),
                        (["--plan", "long"], ["other-plan"]), (["--plan", "l?ng", "--lot", "L8"], []), (["--bench", "virtual-usb"], ["first", "deep", "gone", "other-plan"]),
                        (["--device", "LC-2001"], ["first", "deep", "gone", "other-plan"]), (["--device", "PEN-DEEP-01"], ["deep"]),
                        (["--device", "SIL-STD-01", "--verdict", "fail"], ["deep"]), (["--certificate", "VB-LC-2001-A", "--dut", "PEN-DEEP-01"], ["deep"]),
                        (["--certificate", "nobody's"], []), (["--verdict", "pass"], ["first", "other-plan"]), (["--status", "device_lost"], ["gone"]),
                        (["--attr", "station=3"], ["first"]), (["--attr", "station=*"], ["first", "gone"]), (["--attr", "station=3", "--attr", "station=4"], []),
                        (["--operator", "A. Meier"], ["first"]), (["--since", "2026-06-03"], ["deep", "gone", "other-plan"]), (["--until", "2026-06-03"], ["first", "deep"]),
                        (["--since", "2026-06-04", "--until", "2026-06-04"], ["gone"]), (["--since", "2026-06-02T09:00:00", "--until", "2026-06-02T09:00:00Z"], ["first"]),
                        (["--since", "2026-06-02T09:00:01", "--until", "2026-06-02T23:00:00"], [])]:
        check(bench.names(*args) == names, f"history {args}: {bench.names(*args)}")
    for args, word in [(["--verdict", "psas"], 'did you mean "pass"'), (["--since", "2026-02-30"], "2026-02-30"), (["--until", "now"], "now"), (["--attr", "x"], "KEY=VALUE"),
                       (["--json", "--csv"], "choose one"), (["--rebuild"], "--rebuild DIR"), (["folder"], "--rebuild"), (["--since", "2026-03-01T25:00:00"], "T25")]:
        done = bench.told(*args)
        check(done.returncode == 2 and word in done.stderr and done.stdout == "", f"history {args}: {done.returncode} {done.stderr}")
    table = list(csv.DictReader(io.StringIO(bench.told("--csv").stdout)))
    check([r["run"] for r in table] == ["first", "deep", "gone", "other-plan"] and table[1]["dut_verdict"] == "fail", f"as CSV: {table}")
    shown = bench.told().stdout
    check("4 runs: 2 pass, 1 fail, 1 neither" in shown and "gone (device_lost)" in shown, f"for people: {shown}")
    check(bench.json("--lot", "none") == [] and "0 runs" in bench.told("--lot", "none").stdout, "nothing is an answer")


def test_results(check, bench):
    rows = bench.json("--results", "--device", "LC-2001", "--plan", "short", "--verdict", "pass")
    run = next(r for r in rows if r["run"] == "first")
    report = report_form.read((bench.folder / "out/first.report.json").read_text())
    told = {(r["measurand"], r["depth_mm"], r["method"]): r for r in rows if r["run"] == "first"}
    for point in report["points"]:
        for result in point["results"]:
            if result["measurand"] == "depth_error_mm" and result["method"] == "force_equivalent":
                row = told["depth_error_mm", point["setpoint"]["depth_mm"], "force_equivalent"]
                check(abs(row["value"] - result["value"]) < 1e-3 * row["expanded_u"] and row["outcome"] == "pass" and (row["lower"], row["upper"]) == (-0.15, 0.15), f"as in its report: {row} {result}")
    done = bench.told("--results", "--verdict", "pass")
    check(run["unit"] and "results\n" in done.stdout and "depth_error_mm" in done.stdout and "no limit" in done.stdout, f"for people: {done.stdout[:400]}")
    table = list(csv.DictReader(io.StringIO(bench.told("--results", "--csv", "--verdict", "pass").stdout)))
    check(len(table) == len(bench.json("--results", "--verdict", "pass")) and float(table[0]["expanded_u"]) >= 0, f"as CSV: {table[:1]}")


def standing(bench, dut, *args):
    rows = [r for r in bench.json("--units", *args) if r["dut"] == dut]
    return (rows[0]["stands"], rows[0]["decided_by"]) if rows else None


def dispose(bench, name, decision, reason="phantom torn", by="R. Chief", folder="out"):
    return rig.penrig_a("dispose", bench.folder / folder / f"{name}.penrig", "--decision", decision, "--by", by, "--reason", reason, "--history", bench.history)


def test_units(check, bench):
    # the pen that went too deep is mended, and passes: its failure stays
    bench.run("mended", dut="PEN-GOOD-02")
    check(standing(bench, "PEN-GOOD-02") == ("pass", "mended"), f"one pass: {standing(bench, 'PEN-GOOD-02')}")
    check(standing(bench, "PEN-GOOD-01") == ("inconclusive", "gone"), f"the newest by a plan, and the worst of plans: {standing(bench, 'PEN-GOOD-01')}")
    failed = rig.run_plan(bench.folder / "short.json", bench=str(bench.bench), dut="PEN-GOOD-02", folder=bench.folder / "out", faults=["stall:pen@3"],
                          world_extra=["--clock", 86400 * 20], extra=["--history", bench.history, "--state", bench.folder / "state-2", "--name", "failed"])
    check(failed.status == 1, f"a failure: {failed.outcome()}")
    bench.days = 20
    bench.run("later", dut="PEN-GOOD-02")
    check(standing(bench, "PEN-GOOD-02") == ("fail", "failed"), f"a later pass washes nothing out: {standing(bench, 'PEN-GOOD-02')}")
    check(standing(bench, "PEN-GOOD-02", "--verdict", "pass") == ("fail", "failed"), "nor does a filter")
    for decision, by, reason, word in [("sell", "x", "y", "sell"), ("retest", "", "y", "--by"), ("retest", "x", "", "--reason"), ("retest", "x\n", "y", "--by")]:
        done = dispose(bench, "failed", decision, reason, by)
        check(done.returncode == 2 and word in done.stderr, f"dispose {decision!r} {by!r} {reason!r}: {done.returncode} {done.stderr}")
    done = dispose(bench, "later", "accept")
    check(done.returncode == 2 and "no failure" in done.stderr, f"a pass needs none: {done.returncode} {done.stderr}")
    check(dispose(bench, "failed", "retest").returncode == 0, "the failure is set aside")
    check(standing(bench, "PEN-GOOD-02") == ("pass", "later"), f"and the later run decides: {standing(bench, 'PEN-GOOD-02')}")
    check(dispose(bench, "deep", "accept", "demonstration only").returncode == 0 and standing(bench, "PEN-DEEP-01") == ("conceded", "deep"), "a concession")
    check(dispose(bench, "failed", "reject", "cracked").returncode == 0 and standing(bench, "PEN-GOOD-02") == ("rejected", "failed"), "the last decision counts")
    shown = bench.told("--units").stdout
    check("R. Chief: cracked" in shown, f"it says who and why: {shown}")
    file = bench.folder / "out/failed.penrig"
    check(rig.penrig_a("show", "--verify", file).returncode == 0, "the run file is sound with what was decided")
    journal = rig.penrig_a("show", "--journal", file).stdout
    check(journal.count('"decision":"retest"') + journal.count('"decision": "retest"') == 1 and "cracked" in journal, "and holds both")
    check(rig.penrig_a("analyze", "-q", file).returncode == 1, "its verdict stays a fail")
    copy = bench.folder / "altered.penrig"
    shutil.copy(file, copy)
    db = sqlite3.connect(copy)
    db.execute("UPDATE journal SET json = replace(json, 'cracked', 'perfect') WHERE kind = 'disposition'")
    db.commit()
    db.close()
    done = bench.told("--rebuild", bench.folder)
    check(done.returncode == 6 and "altered.penrig" in done.stderr and standing(bench, "PEN-GOOD-02") == ("rejected", "failed"),
          f"what was decided cannot be changed: {done.returncode} {done.stderr}")
    copy.unlink()


def test_later_verdicts(check, bench):
    """A verdict that is formed later is in the history at once, and where it is worse it counts wherever verdicts are counted."""
    bench.run("judged", dut="PEN-GOOD-03")
    limits = bench.folder / "later.json"
    limits.write_text(json.dumps({"kind": "penrig/limits/1", "name": "later", "limits": [{"measurand": "depth_error_mm", "unit": "mm", "lower": 1, "upper": 2}]}))
    own = ["--dut", "PEN-GOOD-03"]
    check(bench.names(*own, "--verdict", "fail") == [] and standing(bench, "PEN-GOOD-03") == ("pass", "judged"), "a pass at first")
    done = rig.penrig_a("analyze", "-q", bench.folder / "out/judged.penrig", "--limits", limits, "--history", limits / "below")
    check(done.returncode == 1 and "appended" in done.stdout and "not in the history" in done.stderr, f"judged anew: {done.returncode} {done.stdout} {done.stderr}")
    done = rig.penrig_a("analyze", "-q", bench.folder / "out/judged.penrig", "--limits", limits, "--history", bench.history)
    check(done.returncode == 1 and "judged by these limits before" in done.stdout and done.stderr == "", f"and again: {done.stdout} {done.stderr}")
    check(standing(bench, "PEN-GOOD-03") == ("fail", "judged"), f"the unit fails at once: {standing(bench, 'PEN-GOOD-03')}")
    check(bench.names(*own, "--verdict", "fail") == ["judged"] and bench.names(*own, "--verdict", "pass") == ["judged"], "found by either of its verdicts")
    shown = bench.told(*own).stdout
    check("1 run: 0 pass, 1 fail, 0 neither" in shown and "pass, later fail" in shown, f"and no pass is counted: {shown}")


def test_recordings(check, bench):
    """A recording that was imported again is one run, by the worst of its verdicts; a failure of one import stays."""
    other, folder = bench.folder / "recordings/history", bench.folder / "recordings"
    folder.mkdir()
    run = bench.run("source", dut="PEN-GOOD-04")
    rig.penrig_a("export", run.run_file, "--format", "npy", "--output", folder / "out")
    np.save(folder / "force.npy", np.load(folder / "out.stream0.npy")["force"].reshape(-1, 1))
    plan = folder / "one.json"

    def import_again(name, upper):
        plan.write_text(json.dumps({**PLAN, "name": "one", "limits": [{"measurand": "stroke_rate_hz", "unit": "Hz", "lower": 0, "upper": upper}],
                                    "steps": [{"depth_mm": [0.5, 1.0], "rate_hz": 120, "tare_s": 0.25, "settle_s": 0.4, "measure_s": 1}]}))
        return rig.penrig_a("import", folder / "force.npy", "--rate", 20000, "--column", 1, "--scale", 1, "--bench", bench.bench, "--plan", plan, "--dut",
                            "PEN-GOOD-04", "-o", folder, "--name", name, "--history", other)

    def rows():
        return {r["run"]: r for r in json.loads(rig.penrig_a("history", "--history", other, "--json").stdout)}

    done = import_again("once", 200)
    check(done.returncode == 3 and rows()["once"]["dut_verdict"] == "inconclusive", f"imported: {done.returncode} {done.stdout} {done.stderr}")
    found = rig.penrig_a("history", "--history", other, "--device", "LC-2001", "--json").stdout
    check([r["run"] for r in json.loads(found)] == ["once"], f"and is found by the sensor that the bench file names: {found}")
    correction = folder / "new.json"
    correction.write_text(json.dumps({"kind": "penrig/certificate/1", "serial": "LC-2001", "force": {"gain": 1.1, "u_rel": 0.001},
                                      "calibration": {"certificate": "B", "laboratory": "L", "date": "2026-01-15", "due": "2099-12-31"}}))
    impact = rig.penrig_a("history", "--history", other, "--impact", correction, "--json")
    check(impact.returncode == 0 and [r["run"] for r in json.loads(impact.stdout)["runs"]] == ["once"] and json.loads(impact.stdout)["runs"][0]["largest_share_of_u"] > 1,
          f"and by what was wrong with it: {impact.stdout} {impact.stderr}")
    done = import_again("twice", 1e-3)
    check(done.returncode == 1 and {n: (r["dut_verdict"], r["imported_again"]) for n, r in rows().items()} == {"once": ("inconclusive", 1), "twice": ("fail", 0)},
          f"the worse one counts: {done.stderr} {rows()}")
    import_again("thrice", 1e-3)
    units = json.loads(rig.penrig_a("history", "--history", other, "--units", "--json").stdout)
    check([(u["stands"], u["runs"], u["fail"]) for u in units] == [("fail", 1, 1)], f"one run, and it failed: {units}")
    shown = rig.penrig_a("history", "--history", other).stdout
    check("1 run: 0 pass, 1 fail, 0 neither; and 2 imports of the same recordings" in shown and "fail, again" in shown, f"told: {shown}")


def test_rebuild(check, bench):
    before = rows_of(bench.history)
    other = bench.folder / "again/history"
    done = rig.penrig_a("history", "--history", other, "--rebuild", bench.folder / "out")
    check(done.returncode == 0 and f"{len(before['run'])} run files taken in" in done.stdout, f"made again: {done.returncode} {done.stdout} {done.stderr}")
    after = rows_of(other)
    for table in TABLES:
        check(before[table] == after[table], f"{table}: not the same rows")
    check(all(len(before[t]) for t in TABLES), f"and there are some of each: { {t: len(before[t]) for t in TABLES} }")
    done = rig.penrig_a("history", "--history", other, "--rebuild", bench.folder / "out")
    check(rows_of(other) == after, "and once more changes nothing")
    done = rig.penrig_a("history", "--history", other, "--rebuild", "/nowhere")
    check(done.returncode == 2 and "/nowhere" in done.stderr, f"no such folder: {done.returncode} {done.stderr}")
    db = sqlite3.connect(other)
    db.execute("PRAGMA user_version = 2")
    db.close()
    done = rig.penrig_a("history", "--history", other)
    check(done.returncode == 6 and "of an earlier penrig (format 2, now " in done.stderr and "move it away; penrig history --rebuild" in done.stderr,
          f"an older format: {done.returncode} {done.stderr}")
    return after


def test_one_name(check, bench):
    """Two runs of one name, start and computer; copies from before a decision; a later verdict."""
    for folder, dut in [("twin-a", "PEN-DEEP-01"), ("twin-b", "PEN-GOOD-01")]:
        bench.days = 40
        bench.run("twin", dut=dut, folder=folder)
    other = bench.folder / "twins/history"
    for first, second in [("twin-a", "twin-b"), ("twin-b", "twin-a"), ("twin-a", "twin-b")]:
        done = rig.penrig_a("history", "--history", other, "--rebuild", bench.folder / first, bench.folder / second)
        rows = json.loads(rig.penrig_a("history", "--history", other, "--json").stdout)
        check(done.returncode == 0 and sorted(r["dut_verdict"] for r in rows) == ["fail", "pass"], f"a pass of the same name replaces no failure: {done.stderr} {rows}")
    old = bench.folder / "old"
    old.mkdir()
    shutil.copy(bench.folder / "twin-a/twin.penrig", old)
    limits = bench.folder / "tight.json"
    limits.write_text(json.dumps({"kind": "penrig/limits/1", "name": "tight", "limits": [{"measurand": "depth_error_mm", "unit": "mm", "lower": 1, "upper": 2}]}))
    done = rig.penrig_a("analyze", "-q", bench.folder / "twin-b/twin.penrig", "--limits", limits)
    check(done.returncode == 1, f"a later verdict that fails: {done.returncode} {done.stderr}")
    for name, folder in [("twin", "twin-a"), ("twin", "twin-b")]:
        done = rig.penrig_a("dispose", bench.folder / folder / f"{name}.penrig", "--decision", "reject", "--by", "R. Chief", "--reason", "bent", "--history", other)
        check(done.returncode == 0, f"a failure, whichever verdict failed, can be decided about: {done.stderr}")
    rows = json.loads(rig.penrig_a("history", "--history", other, "--json").stdout)
    check(sorted((r["dut_verdict"], r["later_verdict"]) for r in rows) == [("fail", ""), ("pass", "fail")], f"the later verdict is there: {rows}")
    done = rig.penrig_a("history", "--history", other, "--rebuild", old)
    again = json.loads(rig.penrig_a("history", "--history", other, "--json").stdout)
    check(done.returncode == 6 and "lacks a decision" in done.stderr and again == rows, f"an older copy takes no decision away: {done.returncode} {done.stderr}")
    shutil.rmtree(bench.folder / "twin-a")
    shutil.rmtree(bench.folder / "twin-b")
    shutil.rmtree(old)


def test_asking_makes_nothing(check, bench):
    """A question that names a history which is not there is answered by nobody; one that names none, where no run has ended, by no runs."""
    lot = bench.folder / "lot.json"
    lot.write_text(json.dumps({"kind": "penrig/lot/1", "standard": "example", "n": 20, "c": 0}))
    plan = rig.ROOT / "fixtures/plans/ci-smoke.json"
    questions = [["history"], ["history", "--units"], ["history", "--results"], ["trend", "depth_error_mm"], ["equivalence", "depth_error_mm"], ["dossier", "PEN-GOOD-01", "-o", "d"],
                 ["lot", lot, "--lot", "L1"], ["grr", plan], ["life", plan, "--dut", "PEN-GOOD-01"]]
    for question in questions:
        place = Path(tempfile.mkdtemp(prefix="pr"))
        named = subprocess.run([str(a) for a in [rig.PENRIG, *question, "--history", place / "mistyped"]], cwd=place, capture_output=True, text=True)
        check(named.returncode == 2 and "there is no history" in named.stderr or question[0] == "life", f"{question}: {named.returncode} {named.stdout} {named.stderr}")
        own = subprocess.run([str(a) for a in [rig.PENRIG, *question, "--state", place / "state"]], cwd=place, capture_output=True, text=True)
        check(own.returncode in (0, 2, 3) and "there is no history" not in own.stderr, f"{question}, its own: {own.returncode} {own.stderr}")
        check(not [f for f in place.rglob("*") if f.is_file()], f"{question} made {list(place.rglob('*'))}")


def test_not_writable(check, bench):
    file = bench.folder / "file"
    file.write_text("")
    run = bench.run("alone", extra=["--history", file / "below/history"], folder="alone")
    check(run.status == 0 and run.report["dut_verdict"] == "pass", f"a run ends as it would: {run.outcome()}")
    check("not in the history" in run.err and f"--rebuild {bench.folder}/alone" in run.err, f"the shortage is told, with the remedy: {run.err[-300:]}")
    wrong = bench.folder / "no-database"
    wrong.write_bytes(b"not a database, " * 300)
    run = bench.run("alone-2", extra=["--history", wrong], folder="alone")
    check(run.status == 0 and "not in the history" in run.err and wrong.read_bytes() == b"not a database, " * 300, f"a file that is none: {run.outcome()} {run.err[-300:]}")
    done = rig.penrig_a("history", "--history", wrong)
    check(done.returncode == 6 and str(wrong) in done.stderr, f"and asked: {done.returncode} {done.stderr}")
    check(bench.told("--rebuild", bench.folder / "alone").returncode == 0 and {"alone", "alone-2"} <= set(bench.names()), "the remedy is one")


def test_killed_run(check, bench):
    """A run that was killed is in no history, until its file is taken in."""
    folder = bench.folder / "killed"
    run = bench.run("whole", folder="killed")
    db = sqlite3.connect(folder / "whole.penrig")
    killed = folder / "cut.penrig"
    shutil.copy(folder / "whole.penrig", killed)
    db.close()
    db = sqlite3.connect(killed)  # what a kill before the end leaves: everything up to the final record
    last, = db.execute("SELECT min(seq) FROM item WHERE kind = 'record' AND state = 'final'").fetchone()
    entry, = db.execute("SELECT min(seq) FROM journal WHERE kind = 'item' AND json LIKE ?", (f'%"{last}"%record%',)).fetchone()
    db.execute("DELETE FROM item WHERE seq >= ?", (last,))
    db.execute("DELETE FROM journal WHERE seq >= ?", (entry,))
    db.commit()
    db.close()
    other = bench.folder / "killed-history"
    (folder / "whole.penrig").unlink()
    done = rig.penrig_a("history", "--history", other, "--rebuild", folder)
    rows = json.loads(rig.penrig_a("history", "--history", other, "--json").stdout)
    check(run.status == 0 and done.returncode == 0 and [(r["run_status"], r["dut_verdict"]) for r in rows] == [("interrupted", "inconclusive")],
          f"a run without its end: {done.stderr} {rows}")


def test_at_once(check, bench):
    """Processes that take the same files in at once."""
    other = bench.folder / "at-once/history"
    argv = [str(rig.PENRIG_A), "--", "history", "--history", str(other), "--rebuild", str(bench.folder / "out")]
    children = [subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    ends = [(child.communicate(), child.returncode) for child in children]
    check(all(code == 0 for _, code in ends), f"four at once: {ends}")
    check(rows_of(other) == rows_of(bench.history.parent.parent / "again/history"), "and the rows are those of one")


def test_killed_at_every_write(check, bench):
    """SIGKILL at each write in turn: what is there opens, is whole runs, and the next rebuild makes it complete."""
    wanted = rows_of(bench.folder / "again/history")
    env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    killed = 0
    for number in range(1, 400, EVERY):
        other = bench.folder / f"kill-{number}/history"
        argv = ["strace", "-f", "-o", "/dev/null", "-e", f"inject=pwrite64,fdatasync,fsync:signal=SIGKILL:when={number}", str(rig.PENRIG_A), "--", "history",
                "--history", str(other), "--rebuild", str(bench.folder / "out")]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=env)
        if done.returncode == 0:
            break
        killed += 1
        shown = rig.penrig_a("history", "--history", other, "--json")
        left = rows_of(other)
        check(shown.returncode == 0 and isinstance(left, dict), f"killed at write {number}: {shown.stderr} {left}")
        part = {t: [r for r in wanted[t] if t == "run" or r["of_run"] in {x["name"] for x in left["run"]}] for t in TABLES}
        part["run"] = [r for r in wanted["run"] if r["name"] in {x["name"] for x in left["run"]}]
        check(left == part, f"killed at write {number}: not whole runs")
        again = rig.penrig_a("history", "--history", other, "--rebuild", bench.folder / "out")
        check(again.returncode == 0 and rows_of(other) == wanted, f"killed at write {number}: not made good: {again.stderr}")
    check(killed >= 10, f"killed {killed} times")


def test_full_disk(check, bench):
    wanted = rows_of(bench.folder / "again/history")
    full = 0
    for kib in (8, 40, 64, 80, 100):
        other = bench.folder / f"full-{kib}/history"
        argv = ["sh", "-c", f'ulimit -f {2 * kib} && exec "$@"', "sh", str(rig.PENRIG_A), "--", "history", "--history", str(other), "--rebuild", str(bench.folder / "out")]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode == 0:
            continue
        full += 1
        check(done.returncode == 6 and ("make room" in done.stderr or "room" in done.stderr), f"{kib} KiB: {done.returncode} {done.stderr}")
        again = rig.penrig_a("history", "--history", other, "--rebuild", bench.folder / "out")
        check(again.returncode == 0 and rows_of(other) == wanted, f"{kib} KiB: not made good: {again.stderr}")
    check(full >= 2, f"{full} disks were full")


def main():
    check = rig.Checks()
    bench = Bench()
    test_rows(check, bench)
    test_questions(check, bench)
    test_results(check, bench)
    test_units(check, bench)
    test_later_verdicts(check, bench)
    test_recordings(check, bench)
    test_rebuild(check, bench)
    test_one_name(check, bench)
    test_asking_makes_nothing(check, bench)
    test_not_writable(check, bench)
    test_killed_run(check, bench)
    test_at_once(check, bench)
    test_killed_at_every_write(check, bench)
    test_full_disk(check, bench)
    check.end()


if __name__ == "__main__":
    main()
