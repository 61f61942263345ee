"""A dossier, taken to another place: what sha256sum, minisign and penrig verify say of it there, and what the page says of its runs."""
import html
import json
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
from pathlib import Path

import old_runs
import rig

NAMES = ("attempts", "conditional-pass", "fail-deep", "fail-stall", "inconclusive-alarm")


def penrig(*args, cwd, **kw):
    return subprocess.run([str(rig.PENRIG), *map(str, args)], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, **kw)


def words(page):
    return html.unescape(re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", page)))


def alter(run):
    data = bytearray(run.read_bytes())
    at = data.index(b'"stage"')
    data[at + 2] ^= 1
    run.write_bytes(data)


def make(check):
    """Runs of two pens, a key, a seal, a disposition and a later verdict, all of them in a history."""
    where, kept = Path(tempfile.mkdtemp(prefix="pr")), sorted(old_runs.DATA.glob("runs-*"))[-1]
    (where / "runs").mkdir()
    runs = {name: old_runs.unpack(kept, name, where / "runs") for name in NAMES}
    penrig("key", "new", "meier.key", "--owner", "A. Meier", "--no-password", cwd=where)
    (where / "keys").mkdir()
    shutil.copy(where / "meier.pub", where / "keys")
    (where / "limits.json").write_text('{"kind":"penrig/limits/1","name":"wide","limits":[{"measurand":"strokes","unit":"1","lower":1}]}')
    penrig("analyze", runs["attempts"], "--limits", "limits.json", "-q", cwd=where)
    penrig("sign", runs["conditional-pass"], "--key", "meier.key", "--meaning", "approved", cwd=where)
    done = penrig("history", "--rebuild", "runs", "--history", "history", cwd=where)
    check(done.returncode == 0, f"runs are in the history: {done.stdout}{done.stderr}")
    return where, runs


def test_dossier(check):
    where, runs = make(check)
    unit = json.loads((where / "runs/attempts.report.json").read_text())["dut"]
    done = penrig("dossier", unit, runs["fail-deep"], "-o", "d", "--pdf", "--keys", "keys", "--history", "history", cwd=where)
    check(done.returncode == 0 and "dossier:  d: 5 runs" in done.stdout, f"a dossier: exit {done.returncode}: {done.stdout}{done.stderr}")
    restored = Path(tempfile.mkdtemp(prefix="pr")) / "elsewhere"
    shutil.copytree(where / "d", restored)
    shutil.rmtree(where / "runs")
    listed = {line.split("  ", 1)[1] for line in (restored / "manifest.txt").read_text().splitlines()}
    there = {str(p.relative_to(restored)) for p in restored.rglob("*") if p.is_file()} - {"manifest.txt"}
    check(listed == there, f"the manifest names each file: {listed ^ there}")
    done = subprocess.run(["sha256sum", "-c", "--quiet", "manifest.txt"], cwd=restored, capture_output=True, text=True)
    check(done.returncode == 0, f"sha256sum: {done.stdout}{done.stderr}")
    done = penrig("verify", *sorted(restored.glob("runs/*/*.penrig")), *sorted(restored.glob("runs/*/*.json")), cwd=restored, env={})
    check(done.returncode == 3 and "NOT ALL COULD" in done.stdout and "ALTERED" not in done.stdout, f"verify without keys: all but the seal's key: {done.stdout[-900:]}")
    sealed = sorted(restored.glob("runs/*/conditional-pass*"))
    done = penrig("verify", *(f for f in sealed if f.suffix in (".penrig", ".json")), "--keys", "keys", cwd=restored)
    check(done.returncode == 0 and "approved by A. Meier" in done.stdout, f"verify with them: {done.stdout[-900:]}")
    said = words((restored / "dossier.html").read_text())
    for text in ("5 runs", f"{unit} fail fail-stall", "PEN-DEEP-01 fail fail-deep", "approved by A. Meier", "later, by wide:", "attempts 1 1 ", "as it was written",
                 "the pen reported the pen reports motor stall", "VB-LC-"):
        check(text in said, f"the page says {text}: {said[:3000]}")
    check("MISSING" not in said, "nothing is missing")
    check_archive(check, restored / "dossier.pdf", unit)
    return where, restored


def check_archive(check, path, unit):
    """What PDF/A-3b asks of a file (ISO 19005-3), as far as poppler and the bytes show it: who it says it is, its colours' profile, fonts within."""
    data = path.read_bytes()
    check(b'pdfaid:part="3" pdfaid:conformance="B"' in data and b"/GTS_PDFA1" in data and b"/DestOutputProfile" in data, "it says that it is PDF/A-3b, and what its colours mean")
    check(b"/Encrypt" not in data and b"/JavaScript" not in data, "nothing of it is locked or runs")
    fonts = subprocess.run(["pdffonts", path], capture_output=True, text=True).stdout.splitlines()[2:]
    check(fonts and all(re.search(r" yes +(yes|no) +(yes|no) +\d+ +\d+$", line) for line in fonts), f"fonts are embedded: {fonts}")
    text = " ".join(subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, text=True).stdout.split())
    check("5 runs" in text and unit in text and "fail" in text, f"it says what the page says: {text[:400]}")


def test_no_pdf(check, where, restored):
    """Without the program nothing is begun; where it fails it is said, by its own words."""
    run, tools = next(restored.glob("runs/*/attempts.penrig")), where / "tools"
    tools.mkdir()
    for name, script, code, word in (("none", None, 2, "apt install weasyprint"), ("chromium", "exit 0", 2, "apt install weasyprint"), ("weasyprint", "echo no fonts >&2; exit 3", 6, "made no PDF of the page: no fonts")):
        if script:
            (tools / name).write_text(f"#!/bin/sh\n{script}\n")
            (tools / name).chmod(0o755)
        done = penrig("dossier", run, "-o", f"pdf-{name}", "--pdf", cwd=where, env={"PATH": str(tools)})
        check(done.returncode == code and word in done.stderr, f"{name}: {done.returncode} {done.stderr}")
        check((where / f"pdf-{name}").exists() == (code != 2), f"{name}: the folder")


def test_wrong(check, where, restored):
    """A dossier that is there, a pen that nobody knows; a run whose file is gone, and one that was altered."""
    for args, code, word in ((("x.penrig", "-o", "d"), 2, "is there already"), (("NOBODY", "-o", "e", "--history", "history"), 2, "knows no unit and no lot"),
                             (("NOBODY",), 2, "--output is missing")):
        done = penrig("dossier", *args, cwd=where)
        check(done.returncode == code and word in done.stderr, f"dossier {args}: exit {done.returncode}: {done.stderr}")
    run = next(restored.glob("runs/*/attempts.penrig"))
    done = penrig("dossier", run, "gone.penrig", "-o", "e", cwd=where)
    said = words((where / "e/dossier.html").read_text())
    check(done.returncode == 3 and "1 that are known of are missing" in said and "gone.penrig MISSING" in said, f"a run that is gone: exit {done.returncode}: {said[:600]}")
    alter(run)
    done = penrig("dossier", run, "-o", "f", cwd=where)
    said = words((where / "f/dossier.html").read_text())
    check(done.returncode == 6 and "does not fit" in said, f"an altered run: exit {done.returncode}: {said[:900]}{done.stderr}")


def history_set(where, what):
    db = sqlite3.connect(where / "history")
    db.execute(f"UPDATE run SET {what}")
    db.commit()
    db.close()


def test_failures_stay(check):
    """Of a run without the lot that its unit's others carry; of one whose file is gone, or is another run's now; of one that was altered."""
    where, runs = make(check)
    unit = json.loads((where / "runs/attempts.report.json").read_text())["dut"]
    history_set(where, "lot = 'L7' WHERE name = 'attempts'")
    stands = []

    def dossier(word, *more):
        out = f"d{len(stands)}"
        done = penrig("dossier", word, *more, "-o", out, "--history", "history", cwd=where)
        page = where / out / "dossier.html"
        stands.append(words(page.read_text()) if page.exists() else done.stderr)
        return done.returncode, stands[-1]

    code, said = dossier("L7")
    check(code == 0 and "4 runs" in said and f"{unit} fail fail-stall" in said, f"by its lot: exit {code}: {said[:600]}")
    shutil.copy(runs["fail-deep"], runs["fail-stall"])
    code, said = dossier(unit)
    check(code == 3 and f"{unit} fail fail-stall" in said and "the file of another run now" in said, f"another run's file in its place: exit {code}: {said[:900]}")
    runs["fail-stall"].unlink()
    code, said = dossier(unit)
    check(code == 3 and f"{unit} fail fail-stall" in said and "fail-stall.penrig MISSING" in said, f"its file gone: exit {code}: {said[:900]}")
    code, said = dossier(runs["attempts"])
    check(code == 0 and f"{unit} pass attempts" in said, f"one that passed: exit {code}: {said[:600]}")
    alter(runs["attempts"])
    code, said = dossier(runs["attempts"])
    check(code == 6 and f"{unit} inconclusive attempts: its file is altered" in said, f"and was altered: exit {code}: {said[:600]}")


def test_chain(check, bench, last):
    """The three runs of a chain go together, also where the last one alone is named."""
    for word in (last, bench.dut):
        out = bench.folder / f"dossier-{Path(word).suffix[1:]}"
        code, said = bench.call("dossier", word, "-o", out)
        check(code == 0 and ": 3 runs" in said, f"dossier {word}: {code} {said}")
        code, said = bench.call("verify", *sorted(out.glob("runs/*/*.penrig")))
        check(code == 0 and "from one, which is as it was then" in said, f"verify: {code} {said}")
        done = subprocess.run(["sha256sum", "-c", "--quiet", "manifest.txt"], cwd=out, capture_output=True, text=True)
        check(done.returncode == 0, f"sha256sum: {done.stdout}{done.stderr}")


def test_all(check):
    where, restored = test_dossier(check)
    test_no_pdf(check, where, restored)
    test_wrong(check, where, restored)
    test_failures_stay(check)
