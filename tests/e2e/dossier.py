"""A dossier, taken to another place: what sha256sum, minisign and penrig verify say of it there, and what the page says of its runs."""
import html
import json
import os
import re
import shutil
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
    done = penrig("dossier", unit, runs["fail-deep"], "-o", "d", "--keys", "keys", "--history", "history", cwd=where)
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
    return where, restored


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
    data = bytearray(run.read_bytes())
    at = data.index(b'"stage"')
    data[at + 2] ^= 1
    run.write_bytes(data)
    done = penrig("dossier", run, "-o", "f", cwd=where)
    said = words((where / "f/dossier.html").read_text())
    check(done.returncode == 6 and "does not fit" in said, f"an altered run: exit {done.returncode}: {said[:900]}{done.stderr}")


def test_all(check):
    where, restored = test_dossier(check)
    test_wrong(check, where, restored)
