#!/usr/bin/python3
"""penrig report: every format of every kind of run, kept from earlier versions or made now: the bytes that the run wrote; later
verdicts; nothing overwritten, half done or made of a damaged file; exit codes and remedies."""
import csv
import json
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

import junitparser
import prometheus_client.parser as prometheus

import foreign_reports
import old_runs
import report_form
import rig

FORMS = {"json": ".report.json", "junit": ".junit.xml", "text": ".report.txt", "html": ".report.html", "csv": ".results.csv", "tap": ".tap", "prom": ".prom",
         **dict(zip(foreign_reports.FORMATS, foreign_reports.EXTENSIONS))}
ALL = tuple(word for form in FORMS for word in ("-f", form))
EXTENSIONS = tuple(FORMS.values())


def folder():
    return Path(tempfile.mkdtemp(prefix="pr"))


def report(*args, **kw):
    return subprocess.run([str(rig.PENRIG), "report", *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, **kw)


def names(where):
    """All files but the index that SQLite makes beside a file with a -wal."""
    return sorted(p.name for p in Path(where).iterdir() if not p.name.endswith("-shm"))


def refused(check, label, done, code, said, where=None, before=None):
    check(done.returncode == code, f"{label}: exit {done.returncode}, not {code}: {done.stderr[-300:]}")
    check(said in done.stderr, f"{label}: says \"{said}\": {done.stderr[-300:]}")
    check(done.stdout == "", f"{label}: nothing on standard output: {done.stdout[:200]}")
    if where:
        check(names(where) == before, f"{label}: leaves {sorted(set(names(where)) ^ set(before))}")


# ---- what is in them

def outcome_again(value, u, lower, upper, guard_r, trusted):
    """docs/report.md, Rounding: from printed digits alone."""
    if value is None or not trusted:
        return "inconclusive"
    margin, w = min(value - lower if lower is not None else float("inf"), upper - value if upper is not None else float("inf")), guard_r * u
    if margin >= 0:
        return "pass" if margin > w or w == 0 else "conditional_pass"
    return "fail" if -margin > w else "conditional_fail"


def check_junit(check, label, text, said):
    """By Debian's junitparser, and each outcome again from the case's properties."""
    read = junitparser.JUnitXml.fromstring(text.encode())
    judged = 0
    for case in (c for suite in read for c in suite):
        check(case.classname.startswith(f"{said['plan']['name']}.{said['dut']}."), f"{label}: class {case.classname}")
        told = {p.get("name"): p.get("value") for p in case._elem.iter("property")}
        if not told:
            continue
        value, u, lower, upper, guard_r = (float(told[k]) if k in told else None for k in ("value", "expanded_uncertainty", "lower", "upper", "guard_r"))
        again = outcome_again(value, u, lower, upper, guard_r, told["trusted"] == "true")
        judged += check(again == told["outcome"], f"{label}: {case.name}: {told} is {again}")
        marked = [type(r) for r in case.result]
        bad = told["required"] == "true" and again != "pass" and not (again == "conditional_pass" and told["conditional_pass_accepted"] == "true")
        check(marked == ([junitparser.Failure if again.endswith("fail") else junitparser.Error] if bad else []), f"{label}: {case.name}: {again} is {marked}")
    limited = [r for part in said["points"] + said["sweeps"] if part.get("counts", True) for r in part["results"] if r["limits"]]
    check(judged == len(limited), f"{label}: {judged} of {len(limited)} judged results are cases")
    check(read.time is None or float(read.time) >= 0, f"{label}: time {read.time}")
    suites = list(ET.fromstring(text).iter("testsuite"))
    failures, errors = (sum(int(s.get(key)) for s in suites) for key in ("failures", "errors"))
    cases = {c.get("name"): c for c in ET.fromstring(text).iter("testcase")}
    verdict = cases["verdict on the pen"]
    check((verdict.find("failure") is not None) == ((said["dut_verdict"] or "").endswith("fail")), f"{label}: a failure where the pen failed")
    check((failures + errors > 0) == (said["exit_code"] != 0), f"{label}: {failures} failures, {errors} errors, exit code {said['exit_code']}")
    check((cases["run status"].find("error") is None) == (said["run_status"] == "complete"), f"{label}: the run's status")


def check_csv(check, label, text, said):
    """Each outcome again from its row, and the row's figures by the report's."""
    rows = list(csv.DictReader(text.splitlines(), strict=True))
    parts = [r for part in said["points"] + said["sweeps"] for r in part["results"]]
    check(len(rows) == len(parts), f"{label}: {len(rows)} rows of {len(parts)} results")
    for row, r in zip(rows, parts):
        value, u, w, lower, upper = (float(row[k]) if row[k] else None for k in ("value", "expanded_uncertainty", "guard_band", "lower", "upper"))
        check(row["measurand"] == r["measurand"] and row["outcome"] == (r["outcome"] or ""), f"{label}: {row}")
        if not row["outcome"]:
            continue
        again = outcome_again(value, w, lower, upper, 1, row["trusted"] == "true")
        check(again == row["outcome"], f"{label}: {row} is {again}")
        check(w is None or abs(w - r["limits"]["guard_r"] * u) <= 1e-12 * abs(w), f"{label}: guard band {w} of U {u}")


def check_tap(check, label, path, said):
    """By prove, and each outcome again from the figures beneath it."""
    done = subprocess.run(["prove", "--exec", "cat", str(path)], capture_output=True, text=True, timeout=60)
    check("Parse errors" not in done.stdout and (done.returncode == 0) == (said["exit_code"] == 0), f"{label}: prove: {done.stdout[-400:]}")
    judged = 0
    for block in path.read_text().split("\n  ---\n")[1:]:
        told = dict(line.strip().split(": ", 1) for line in block.split("\n  ...")[0].splitlines())
        if "trusted" not in told:
            continue
        value, u, lower, upper, guard_r = (float(told[k]) if k in told else None for k in ("value", "expanded_uncertainty", "lower", "upper", "guard_r"))
        again = outcome_again(value, u, lower, upper, guard_r, told["trusted"] == "true")
        judged += check(f'"{again}"' == told["outcome"], f"{label}: {told} is {again}")
    required = [r for part in said["points"] + said["sweeps"] if part.get("counts", True) for r in part["results"] if r["required"]]
    check(judged == len(required), f"{label}: {judged} of {len(required)} required results are test points")


SAMPLE = re.compile(r'^(penrig_\w+)\{((?:\w+="(?:[^"\\\n]|\\.)*",?)*)\} (-?[0-9.e+-]+)$')


def check_prom(check, label, text, said):
    """By the exposition format's grammar, by Prometheus' own Python parser, and judged again."""
    families = {f.name for f in prometheus.text_string_to_metric_families(text)}
    check({"penrig_run_exit_code", "penrig_run_complete"} <= families, f"{label}: Prometheus' parser reads {families}")
    found, results = {}, {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        sample = SAMPLE.match(line)
        if not check(sample is not None, f"{label}: no sample: {line}"):
            return
        labels = sample[2]
        check((sample[1], labels) not in found, f"{label}: twice: {line}")
        found[sample[1], labels] = float(sample[3])
        if "measurand=" in labels:
            results.setdefault(labels, {})[sample[1].removeprefix("penrig_result_")] = float(sample[3])
    words = ["pass", "conditional_pass", "inconclusive", "conditional_fail", "fail"]
    for labels, r in results.items():
        again = outcome_again(r.get("value"), r.get("expanded_uncertainty"), r.get("limit_lower"), r.get("limit_upper"), r["guard_r"], r["trusted"])
        check(words.index(again) == r["outcome"], f"{label}: {labels}: {r} is {again}")
    limited = [r for part in said["points"] + said["sweeps"] if part.get("counts", True) for r in part["results"] if r["limits"]]
    check(len(results) == len(limited), f"{label}: {len(results)} of {len(limited)} judged results")
    code = [value for (name, _), value in found.items() if name == "penrig_run_exit_code"]
    check(code == [said["exit_code"]], f"{label}: exit code {code}")


def check_text(check, label, text, said):
    verdict = (said["dut_verdict"] or "none").replace("_", " ").upper() if said["dut_verdict"] else "none"
    check(f"\nverdict: {verdict}" in text and f"\nrun: {said['run_status']}" in text, f"{label}: verdict and status: {text[-600:]}")
    check(said["verdict_reason"] is None or said["verdict_reason"] in text, f"{label}: the reason")
    check(f"\nDUT        {said['dut']}\n" in text and "\x1b" not in text, f"{label}: the pen; no colours")
    moved = said["stop"]["moved"] and not said["stop"]["verified"]
    check(("*** STOP UNVERIFIED" in text) == moved, f"{label}: an unverified stop is shouted")


def check_formats(check, label, where, stem, then, stored=True):
    """stored: the run file keeps the JSON report; else it is made of what the run recorded, and today's says no less."""
    text = (where / f"{stem}.report.json").read_text()
    said = report_form.read(text)
    report_form.validate(said)
    lost = old_runs.changed(old_runs.said(report_form.read(then)), old_runs.said(said))
    check(text == then if stored else not lost, f"{label}: json is what the run wrote: {lost[:5]}")
    check_junit(check, label, (where / f"{stem}.junit.xml").read_text(), said)
    check_text(check, label, (where / f"{stem}.report.txt").read_text(), said)
    check_csv(check, label, (where / f"{stem}.results.csv").read_text(), said)
    check_tap(check, label, where / f"{stem}.tap", said)
    check_prom(check, label, (where / f"{stem}.prom").read_text(), said)
    foreign_reports.check_all(check, label, where, stem, said)


def keeps_report(path):
    """By the documented form, without penrig."""
    db = sqlite3.connect(path)
    count = db.execute("SELECT count(*) FROM item WHERE kind='report' AND key=0").fetchone()[0]
    db.close()
    return count > 0


def check_kept(check, kept, name):
    where, label = folder(), f"{kept.name}/{name}"
    path = old_runs.unpack(kept, name, where)
    stored = keeps_report(old_runs.unpack(kept, name, folder()))
    then, out = (where / f"{name}.report.json").read_text(), where / "out" / "deep"
    before = sorted([*names(where), "out"])
    done = report(path, *ALL, "--output-dir", out)
    check(done.returncode == 0 and done.stderr == "", f"{label}: exit {done.returncode}: {done.stderr[-300:]}")
    check(done.stdout == "".join(f"report:   {out}/{name}{e}\n" for e in EXTENSIONS), f"{label}: says where: {done.stdout}")
    check(names(out) == sorted(name + e for e in EXTENSIONS) and names(where) == before, f"{label}: nothing else is left: {names(out)}, {names(where)}")
    check_formats(check, label, out, name, then, stored)
    for number, text in old_runs.limits_of(path):
        check_judged(check, label, path, where, number, json.loads(text)["name"])


def check_judged(check, label, path, where, number, limits):
    out, stem = folder(), f"{path.stem}.limits-{limits}"
    done = report(path, *ALL, "--judged", number, "--output-dir", out)
    check(done.returncode == 0, f"{label}, verdict {number}: exit {done.returncode}: {done.stderr[-300:]}")
    check_formats(check, f"{label}, verdict {number}", out, stem, (where / f"{stem}.report.json").read_text())
    text = (out / f"{stem}.report.txt").read_text()
    check(f"judged anew, number {number}, " in text and f"by {limits} (SHA-256 " in text, f"{label}: the text says by what it was judged")


# ---- what the run wrote comes out again

def test_again(check):
    run = rig.run_plan("ci-smoke.json", extra=[*(word for form in FORMS if form != "json" for word in ("--report", form)), "--name", "r"])
    written = {e: (run.folder / f"r{e}").read_bytes() for e in EXTENSIONS}
    page = written[".report.html"].decode()
    points = len(run.report["points"])
    for title in ("depth of each stroke", "histogram of periods", "strokes laid over one another: least, greatest and mean"):
        check(page.count(f"<title>{title}") == points, f"the page has {page.count(title)} pictures of {title}, of {points} points")
    check(page.count("h0M") > 100 * points, "strokes are drawn one by one")
    check("<title>temperatures of the run" in page, "the page shows temperatures")
    check(f"report:   {run.folder}/r.report.txt\n" in run.out, f"--report text: {run.out[-400:]}")
    refused(check, "all are there", report(run.run_file, *ALL), 2, "r.report.json is there already: --force replaces it")
    for extension in EXTENSIONS:
        (run.folder / f"r{extension}").unlink()
    done = report(run.run_file, *ALL)
    check(done.returncode == 0, f"all again: {done.stderr}")
    for extension, then in written.items():
        check((run.folder / f"r{extension}").read_bytes() == then, f"r{extension} is what the run wrote")
    return run


def test_size(check):
    """Six points, and what is said of them once."""
    run = rig.run_plan("demo.json")
    size = (run.folder / f"{run.report['name']}.report.json").stat().st_size
    check(len(run.report["points"]) == 6 and size < 60000, f"the demo's JSON report: {size} bytes of {len(run.report['points'])} points")


def level_c(picture, words):
    """Where the line stands whose words these are, by the numbers of the picture's axis."""
    ticks = re.findall(r'font-size="12" text-anchor="end">([-0-9.]+)</text>', picture)
    places = re.findall(r'<path d="M[0-9.]+ ([0-9.]+)h-5"', picture)
    (c0, y0), (c1, y1) = [(float(c), float(y)) for c, y in zip(ticks, places)][:2]
    y = re.search(rf'd="M[0-9.]+ ([0-9.]+)h[^"]*"/>\n<text [^>]*>{re.escape(words)}<', picture)
    return c0 + (float(y[1]) - y0) / (y1 - y0) * (c1 - c0) if y else None


def test_temperatures(check):
    """Limits stand where the curves are: what is judged is a rise on the rated ambient, and the room was another."""
    where = folder()
    path = old_runs.unpack(rig.ROOT / "tests/data/runs-method-7", "displacement-thermal", where)
    done = report(path, "-f", "html", "-o", where / "page.html")
    picture = re.search(r"<title>temperatures of the run.*?</svg>", (where / "page.html").read_text(), re.S)[0]
    stored = report_form.read((where / "displacement-thermal.report.json").read_text())
    room = next(r["value"] for r in stored["points"][0]["results"] if r["measurand"] == "ambient_temperature_c")
    for words, limit in (("limit, handle: 48", 48), ("limit, steady: 60", 60)):
        at = level_c(picture, words)
        check(done.returncode == 0 and at is not None and abs(at - (limit - 35 + room)) < 0.05, f"{words}: drawn at {at}, in a room of {room}")
    check("rated ambient of 35" in picture and f"{35 - room:.1f} K lower" in picture, "the picture says why")


def test_fitted_curve(check):
    """The curve of a steady state goes through what was measured, and the page draws it."""
    plan = json.loads(re.sub(r"//.*", "", (rig.FIXTURES / "plans/thermal.json").read_text()))
    plan["steps"][0]["measure_s"] = 420
    where = folder()
    (where / "plan.json").write_text(json.dumps(plan))
    run = rig.run_plan(where / "plan.json", folder=where, extra=["--report", "html"])
    values = {i["name"]: i["value"] for i in run.report["points"][0]["budget_inputs"]}
    for site in ("handle", "tip"):
        of = {key: values[f"{site}_fit_{key}"] for key in ("room", "end", "slow", "slow_tau", "fast", "fast_tau")}
        steady = next(r["value"] for r in run.report["points"][0]["results"] if (r["measurand"], r["method"]) == ("steady_temperature_c", site))
        check(abs(of["end"] + 35 - steady) < 1e-3, f"{site}: the curve ends at {of['end']} above the room, judged is {steady}")
    page = next(where.glob("*.report.html")).read_text()
    picture = re.search(r"<title>temperatures of the run.*?</svg>", page, re.S)[0]
    check(all(f">fit of {site}<" in picture for site in ("handle", "tip")), "the legend names the fits")
    drawn = re.findall(r'stroke="#1f2933"[^>]* d="(M[^"]*)"', picture.split('id="fit-lines-')[1].split("</g>")[0])
    check(len(drawn) == 2 and all(d.count("L") >= 100 for d in drawn), f"both curves are drawn: {len(drawn)}")
    verified = rig.penrig_a("verify", run.run_file)
    check(verified.returncode == 0, f"the file holds: {verified.stdout}{verified.stderr}")


def test_quiet_explains(check):
    """"(and 1 more)" is never all that is said of it."""
    path = old_runs.unpack(rig.ROOT / "tests/data/runs-method-7", "fail-deep", folder())
    said = rig.penrig_a("analyze", path, "--quiet").stdout
    check("(and 1 more)" in said and "  fail: depth_error_mm at point 1 (0.5 mm, 120 Hz): " in said, f"analyze -q: {said[-600:]}")


# ---- where they go

def test_places(check, run):
    where = folder()
    path = Path(shutil.copy(run.run_file, where / "renamed.penrig"))
    done = report(path)
    check(done.returncode == 0 and names(where) == ["renamed.penrig", "renamed.report.json"], f"the default: json, beside the run file: {names(where)}")
    before = names(where)
    refused(check, "one of three is there", report(path, *ALL), 2, "renamed.report.json is there already", where, before)
    refused(check, "the last of three is there", report(path, "-f", "text", "-f", "junit", "-f", "json"), 2, "is there already", where, before)
    (where / "renamed.report.json").write_text("old")
    done = report(path, "--force")
    check(done.returncode == 0 and (where / "renamed.report.json").read_text() == (run.folder / "r.report.json").read_text(), "--force replaces")
    done = report("renamed.penrig", "-f", "text", "-f", "text", "-o", "a.txt", cwd=where)
    check(done.returncode == 0 and done.stdout == "report:   a.txt\n" and (where / "a.txt").exists(), f"--output FILE: {done.stdout}{done.stderr}")
    for form, extension in FORMS.items():
        before = names(where)
        done = report(path, "-f", form, "--output", "-")
        check(done.returncode == 0 and done.stdout == (run.folder / f"r{extension}").read_text(), f"{form} on standard output, nothing beside it")
        check(names(where) == before, f"{form} on standard output makes no file")
    test_no_two_into_one(check, path)
    if Path("/dev/full").exists():
        with open("/dev/full", "w") as full:
            done = subprocess.run([str(rig.PENRIG), "report", str(path), "-o", "-"], stdout=full, stderr=subprocess.PIPE, text=True)
        check(done.returncode == 6 and "standard output" in done.stderr, f"a full device: exit {done.returncode}")


def test_no_two_into_one(check, path):
    """What is not wanted in place of another report, or of what is no file: not by force, either."""
    where = folder()
    for name in ("a", "b", "out"):
        (where / name).mkdir()
    twins = [shutil.copy(path, where / name / "r.penrig") for name in ("a", "b")]
    refused(check, "two runs of one name", report(*twins, "--output-dir", where / "out", "--force"), 2, "cannot hold the reports of both", where / "out", [])
    os.mkfifo(where / "pipe")
    refused(check, "a pipe", report(path, "-o", where / "pipe", "--force"), 2, "is no file", where, ["a", "b", "out", "pipe"])
    (where / "link").symlink_to("/dev/stdout")
    refused(check, "a link to one", report(path, "-o", where / "link", "--force"), 2, "is no file", where, ["a", "b", "link", "out", "pipe"])
    check((where / "pipe").is_fifo(), "and is one still")


def test_disk(check, run):
    where = folder()
    path = Path(shutil.copy(run.run_file, where / "a.penrig"))
    limit = ["bash", "-c", 'ulimit -f "$1"; shift; exec "$@"', "sh"]  # no file beyond so many kB
    done = subprocess.run([*limit, "1", str(rig.PENRIG), "report", str(path), *ALL], capture_output=True, text=True)
    check(done.returncode == 6 and "a.report.json cannot be saved: writing" in done.stderr, f"no room: {done.returncode} {done.stderr}")
    check(names(where) == ["a.penrig"], f"no room: nothing is left: {names(where)}")
    done = subprocess.run([*limit, "16", str(rig.PENRIG), "report", str(path), "-f", "text", "-f", "json"], capture_output=True, text=True)
    check(done.returncode == 6 and done.stdout == f"report:   {where}/a.report.txt\n", f"room for one: {done.returncode} {done.stdout}")
    check(names(where) == ["a.penrig", "a.report.txt"], f"room for one: what was said to be written stays: {names(where)}")
    done = report(path, "-o", where / "no/such/x.json")
    refused(check, "no such folder", done, 6, "no/such/x.json cannot be made: No such file or directory")
    refused(check, "a folder that cannot be made", report(path, "--output-dir", path / "x"), 6, "cannot make the output folder")


# ---- what gets no report

def test_refused(check, run):
    where = folder()
    path = Path(shutil.copy(run.run_file, where / "a.penrig"))
    for label, args, said in (
            ("no such format", ["-f", "json", "-f", "doc"], "--format doc: no such format"),
            ("two into one file", ["-f", "json", "-f", "text", "-o", "x"], "--output names one file"),
            ("two on standard output", ["-f", "json", "-f", "text", "-o", "-"], "--output names one file"),
            ("file and folder", ["-o", "x", "--output-dir", "y"], "leave out --output-dir"),
            ("a verdict that is not there", ["--judged", "1"], "--judged 1: the run file has no verdict number 1"),
            ("no number of a verdict", ["--judged", "0"], "must be own, latest or the number"),
            ("no word of ours", ["--judged", "newest"], "must be own, latest or the number"),
            ("itself", ["-o", path], "a.penrig is the run file"),
            ("itself by force", ["-o", path, "--force"], "a.penrig is the run file")):
        refused(check, label, report(path, *args), 2, said, where, ["a.penrig"])
    check(path.read_bytes() == run.run_file.read_bytes(), "the run file stays as it was")
    refused(check, "no such run file", report(where / "b.penrig"), 2, "b.penrig cannot be opened")
    (where / "text.penrig").write_text("not a run file, by far")
    refused(check, "no run file", report(where / "text.penrig", *ALL), 6, "not a run file", where, ["a.penrig", "text.penrig"])


def test_pdf(check, run):
    """Made by another program of the page: what it is given, what becomes of its words, and that nothing is left."""
    where, tools, tmp = folder(), folder(), folder()
    path = Path(shutil.copy(run.run_file, where / "a.penrig"))

    def pdf(script):
        for tool in ("weasyprint", "chromium"):
            (tools / tool).unlink(missing_ok=True)
        if script:
            (tools / script[0]).write_text("#!/bin/sh\n" + script[1])
            (tools / script[0]).chmod(0o755)
        return report(path, "-f", "pdf", env={"PATH": str(tools), "TMPDIR": str(tmp)})

    refused(check, "no program", pdf(None), 2, "apt install weasyprint (PDF/A), or chromium", where, ["a.penrig"])
    refused(check, "one that fails", pdf(("weasyprint", "echo first; echo no fonts >&2; exit 3")), 6, "weasyprint made no PDF of the page: no fonts", where, ["a.penrig"])
    refused(check, "one that makes none", pdf(("weasyprint", "exit 0")), 6, "it says nothing", where, ["a.penrig"])
    for part in ("", "%PDF-1.7"):
        refused(check, f"one that writes {part!r} and says that all is well", pdf(("weasyprint", f"printf %s '{part}' >$5")), 6, "made no PDF", where, ["a.penrig"])
    done = pdf(("weasyprint", 'echo "%PDF- $2 $3" >"$5"; while read -r line; do echo "$line" >>"$5"; done <"$4"; echo %%EOF >>"$5"'))
    text = (where / "a.report.pdf").read_text() if done.returncode == 0 else ""
    check(text.startswith("%PDF- --pdf-variant pdf/a-3b\n<!DOCTYPE html>"), f"the page as PDF/A: {text[:80]}{done.stderr}")
    (where / "a.report.pdf").unlink()
    done = pdf(("chromium", 'for last; do case $last in --print-to-pdf=*) out=${last#--print-to-pdf=};; esac; done; printf "%%PDF- $last\\n%%%%EOF\\n" >"$out"'))
    text = (where / "a.report.pdf").read_text() if done.returncode == 0 else ""
    check(re.fullmatch(r"%PDF- file:///.*/page.html\n%%EOF\n", text) is not None, f"by the browser: {text[:80]}{done.stderr}")
    check(names(tmp) == [], f"nothing is left: {names(tmp)}")


def test_damaged(check, run):
    """Samples that were changed behind the record's back: the record reads well, and gets no report all the same."""
    where = folder()
    path = Path(shutil.copy(run.run_file, where / "a.penrig"))
    with sqlite3.connect(path) as db:
        db.execute("UPDATE block SET samples = zeroblob(length(samples)) WHERE seq = (SELECT max(seq) FROM block)")
    db.close()
    check(old_runs.penrig("show", path).returncode == 0, "show reads it")
    for args in (ALL, ("-f", "text", "-o", "-"), ("--force",)):
        refused(check, f"damaged, {args}", report(path, *args), 6, "no report is written of a file that is damaged or was changed", where, ["a.penrig"])


# What each form says of a run that passed and was rejected since, where it does not say pass.
NO_PASS = {"junit": r'"not rejected since"[^<]*<error', "tap": "not ok [0-9]+ - not rejected since", "csv": ",rejected,complete,", "prom": "penrig_run_rejected{", "jsonl": '"status":"ERROR","result":"NOT_APPLICABLE"',
           "wsjf": '"result": ?"E"', "openhtf": '"outcome": ?"ERROR",[^{]*"outcome_details"', "atml": 'value="Aborted" qualifier="Inconclusive"', "dcc": "<dcc:conformity>noPass", "dfq": "K0002/1 129"}


def test_rejected(check, run):
    """A verdict is the run's. Who asks for it after a person rejected the run hears that, until somebody who is trusted here accepts it."""
    where = folder()
    path = Path(shutil.copy(run.run_file, where / "r.penrig"))
    (where / "keys").mkdir()
    for who in ("P", "Q"):
        subprocess.run([str(rig.PENRIG), "key", "new", str(where / f"{who}.key"), "--owner", who, "--no-password"], check=True, stdout=subprocess.DEVNULL)
    shutil.copy(where / "Q.pub", where / "keys")
    env = {**os.environ, "PENRIG_KEYS": str(where / "keys")}

    def said(who, meaning):
        done = subprocess.run([str(rig.PENRIG), "sign", str(path), "--key", str(where / f"{who}.key"), "--meaning", meaning], capture_output=True, text=True)
        check(done.returncode == 0, f"{meaning}: {done.stderr}")
        return report(path, "-f", "tap", "-o", "-", env=env), subprocess.run([str(rig.PENRIG), "analyze", str(path)], capture_output=True, text=True, env=env)

    for who, meaning, heard in (("P", "rejected", True), ("P", "approved", True), ("Q", "approved", False), ("Q", "rejected", True)):
        for what, done in zip(("report", "analyze"), said(who, meaning)):
            check(done.returncode == (what == "analyze" and heard) and ("says rejected, by " in done.stderr) == heard, f"{who} {meaning}, {what}: {done.returncode} {done.stderr}")
        for form, word in NO_PASS.items():
            file = where / f"{who}-{meaning}.{form}"
            text = report(path, "-f", form, "-o", "-", env=env).stdout
            check(bool(re.search(word, text)) == heard, f"{who} {meaning}, {form}: {text[-300:]}")
            file.write_text(text)
    shutil.copy(where / "Q-rejected.junit", path.with_suffix(".junit.xml"))
    done = subprocess.run([str(rig.PENRIG), "verify", str(path.with_suffix(".junit.xml"))], capture_output=True, text=True, env=env)
    check(done.returncode in (1, 3) and "ALTERED" not in done.stdout + done.stderr, f"such a report verifies: {done.returncode} {done.stdout} {done.stderr}")


def test_latest(check, run):
    where = folder()
    path = Path(shutil.copy(run.run_file, where / "a.penrig"))
    own = report(path, "--judged", "own", "-o", "-").stdout
    check(report(path, "--judged", "latest", "-o", "-").stdout == own, "latest, where nothing was judged anew: the run's own")
    (where / "l.json").write_text(json.dumps({"kind": "penrig/limits/1", "name": "never", "limits": [
        {"measurand": "depth_error_mm", "unit": "mm", "upper": -0.5}]}))
    done = old_runs.penrig("analyze", path, "--limits", where / "l.json")
    check(done.returncode == 1, f"judged anew: exit {done.returncode}: {done.stderr[-300:]}")
    kept = (where / "a.limits-never.report.json").read_text()
    check(report(path, "--judged", "latest", "-o", "-").stdout == kept and report(path, "-o", "-").stdout == own, "latest and the default")
    done = report(path, "--judged", "latest", "-f", "junit")
    said = ET.parse(where / "a.limits-never.junit.xml").getroot()
    check(done.returncode == 0 and sum(int(s.get("failures")) for s in said.iter("testsuite")) > 1, "its JUnit has the failures of those limits")


def main():
    check = rig.Checks()
    kept = [(k, f.name[:-len(".penrig.xz")]) for k in sorted(old_runs.DATA.glob("runs-*")) for f in sorted(k.glob("*.penrig.xz"))]
    check(len(kept) >= 29, f"kept runs: {len(kept)}")
    for each in kept:
        check_kept(check, *each)
    run = test_again(check)
    test_size(check)
    test_temperatures(check)
    test_fitted_curve(check)
    test_quiet_explains(check)
    for test in (test_places, test_disk, test_refused, test_pdf, test_damaged, test_rejected, test_latest):
        test(check, run)
    check.end()


if __name__ == "__main__":
    main()
