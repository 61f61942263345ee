#!/usr/bin/python3
"""Change control: what production refuses (8), what it prints of what it allows, and who overrode it. One changed byte of any file is
refused. And many old runs by this version's method."""
import csv
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import jsonschema

import old_runs
import rig

FILES = ("plan.json", "bench.json", "phantom.json")


def penrig(*args, cwd):
    return subprocess.run([str(rig.PENRIG), *map(str, args)], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)


class Site:
    """A plan, a bench and a phantom with revisions, approved, and the folder of keys."""

    def __init__(self, check):
        self.check, self.folder = check, Path(tempfile.mkdtemp(prefix="pr"))
        bench = (rig.FIXTURES / "benches/virtual-usb.json").read_text()
        bench = re.sub(r'(\{ *"file": [^}]*\}),(\s*\{ *"file": [^}]*\},?)*', r"\1", bench)  # one phantom is enough
        phantom = re.search(r'"file": *"([^"]+)"', bench)[1]
        self.write("bench.json", bench.replace(phantom, "phantom.json").replace('"name"', '"keys": "keys", "revision": "B", "effective": "2026-01-01", "name"', 1))
        text = (rig.FIXTURES / "benches" / phantom).resolve().read_text()
        self.write("phantom.json", text.replace('"kind"', '"revision": "1", "effective": "2026-01-01", "kind"', 1))
        self.write("plan.json", json.dumps({"kind": "penrig/plan/1", "name": "short", "revision": "C", "effective": "2026-02-01",
                                            "limits": [{"measurand": "strokes", "unit": "1", "lower": 10}],
                                            "steps": [{"name": "one", "depth_mm": [1.0], "rate_hz": [120], "measure_s": 1}]}))
        penrig("key", "new", "qa.key", "--owner", "Q. Head", "--no-password", cwd=self.folder)
        (self.folder / "keys").mkdir()
        shutil.copy(self.folder / "qa.pub", self.folder / "keys")
        done = self.sign(*FILES)
        check(done.returncode == 0 and "approved by Q. Head: plan.json.minisig" in done.stdout, f"three files are approved: {done.stdout}{done.stderr}")

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def sign(self, *args):
        return penrig("sign", *args, "--key", "qa.key", "--force", cwd=self.folder)

    def run(self, *extra, production=True, keys=True):
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        return rig.run_plan(self.folder / "plan.json", bench=str(self.folder / "bench.json"), folder=out,
                            extra=(*(["--production"] if production else []), *(["--keys", self.folder / "keys"] if keys else []), *extra))

    def refused(self, word, what, code=8):
        done = self.run()
        self.check(done.status == code and word in done.err and not done.run_file, f"{what}: exit {done.status}, not {code}, or no \"{word}\": {done.err[-500:]}")


def test_production(site):
    done = site.run()
    site.check(done.status == 0, f"approved files are run: exit {done.status}: {done.err[-600:]}")
    control = {key: done.report["plan"].get(key) for key in ("revision", "effective", "approver")}
    site.check(control == {"revision": "C", "effective": "2026-02-01", "approver": "Q. Head"}, f"the report names revision and approver: {control}")
    site.check("control    plan plan.json, revision C, effective 2026-02-01, approved by Q. Head at" in done.out, f"people read it too: {done.out[:900]}")
    derived = penrig("analyze", done.run_file, "-q", cwd=site.folder)
    site.check(derived.returncode == 0, f"the run can be derived again: {derived.stdout[-500:]}{derived.stderr}")
    kept = penrig("report", done.run_file, "-f", "html", "-o", "-", cwd=site.folder).stdout
    key = penrig("key", "qa.pub", cwd=site.folder).stdout
    named = done.report["plan"].get("approver_key", "")
    site.check(re.fullmatch("[0-9A-F]{16}", named) and named in key + (site.folder / "qa.pub").read_text(), f"and by which key: {named}, not in {key}")
    site.check("approved by Q. Head at" in kept and f"key {named}" in kept and "not demanded" not in kept, "the page says it")
    for keys, words in ((True, "(not demanded)"), (False, "(not demanded, by a key that the bench file names itself)")):
        asked = site.run(production=False, keys=keys)
        site.check(words in asked.out and asked.report["approvals"] == ("looked_at" if keys else "own_keys"), f"nobody demanded it: {asked.out[:900]}")
    done = site.run(keys=False)
    site.check(done.status == 8 and "not told by what is approved" in done.err, f"a bench file names no approver of its own: exit {done.status}: {done.err[-300:]}")
    for name in FILES:
        path = site.folder / name
        text = path.read_text()
        path.write_text(text.rstrip("\n") + " \n")
        site.refused("approved again", f"one byte of {name} more")
        path.write_text(text)
        signature = site.folder / f"{name}.minisig"
        kept_text = signature.read_text()
        signature.unlink()
        site.refused("nobody has approved it", f"{name} without a signature")
        signature.write_text(kept_text)
    site.check(site.run(production=False).status == 0, "as they were, they run again")


def test_words(site):
    for meaning, args, word in (("reviewed", (), "which is no approval"), ("withdrawn", ("--reason", "wrong limit"), "wrong limit")):
        done = site.sign("plan.json", "--meaning", meaning, *args)
        site.check(done.returncode == 0, f"sign {meaning}: {done.stderr}")
        site.refused(word, f"a plan that is {meaning}")
    done = site.sign("plan.json", "--meaning", "withdrawn")
    site.check(done.returncode == 2 and "--reason is missing" in done.stderr, f"withdrawn without a reason: {done.stderr}")
    site.sign("plan.json")
    sha = subprocess.run(["sha256sum", "plan.json"], cwd=site.folder, capture_output=True, text=True).stdout.split()[0]
    (site.folder / "keys/withdrawn.txt").write_text(f"{sha}  superseded by D\n")
    site.refused("superseded by D", "a plan on the list of the withdrawn")
    for text in (f"\ufeff{sha}  superseded by D\n", f"# of this year\n\n  {sha} *superseded by D", f"\\{sha.upper()}  superseded by D\n"):
        (site.folder / "keys/withdrawn.txt").write_text(text)
        site.refused("superseded by D", f"the same as {text[:12]!r}")
    (site.folder / "keys/withdrawn.txt").write_text("plan.json, superseded by D\n")
    site.refused("withdrawn.txt:1: begins with no SHA-256", "a list that cannot be read", code=6)
    (site.folder / "keys/withdrawn.txt").unlink()
    plan = (site.folder / "plan.json").read_text()
    for change, word in (((' "effective": "2026-02-01",', ' "effective": "2099-02-01",'), "effective from 2099-02-01"), ((' "revision": "C",', ""), "no \"revision\"")):
        site.write("plan.json", plan.replace(*change))
        site.sign("plan.json")
        site.refused(word, f"{change}")
    site.write("plan.json", plan)
    penrig("key", "new", "own.key", "--owner", "Q. Head", "--no-password", cwd=site.folder)
    penrig("sign", "plan.json", "--key", "own.key", "--force", cwd=site.folder)
    site.refused("none of the 1 that are trusted", "an approval by a key of one's own making")


def test_override(site):
    done = site.run("--override", "line is down")
    site.check(done.status == 2 and "needs --operator" in done.err, f"an override has an operator: {done.err}")
    done = site.run("--override", "line is down", "--operator", "E. Late")
    site.check(done.status == 0 and done.report["operator"] == "E. Late", f"an override runs: exit {done.status}: {done.err[-400:]}")
    site.check("line is down" in done.report.get("override", "") and "none of the 1" in done.report["override"], f"its reason, and what was refused: {done.report.get('override')}")
    site.check("override   line is down" in done.out and done.report["plan"].get("approver") is None, "people read it, and nobody approved the plan")
    site.sign("plan.json")
    done = site.run("--override", "just in case", "--operator", "E. Late")
    site.check("override" not in done.report, "where nothing is refused nothing is overridden")


def test_bench(site):
    text = (site.folder / "bench.json").read_text()
    site.write("bench.json", text.replace('"keys"', '"production": true, "keys"', 1))
    done = site.run(production=False)
    site.check(done.status == 8 and "approved again" in done.err, f"a bench demands it itself: exit {done.status}: {done.err[-300:]}")
    site.write("bench.json", text.replace('"keys"', '"penrig_versions": ["0.0.9"], "keys"', 1))
    site.sign("bench.json")
    site.refused("the bench allows 0.0.9 alone", "another version of penrig")
    done = site.run(production=False)
    site.check(done.status == 8, f"whether or not it is production: exit {done.status}")
    plan = (site.folder / "plan.json").read_text()
    site.write("plan.json", plan + "\n")
    done = site.run("--override", "line is down", "--operator", "E. Late")
    said = done.report.get("override", "") if done.report else done.err
    site.check(done.status == 8 or ("allows 0.0.9" in said and "plan.json" in said), f"all that is overridden is named: exit {done.status}: {said}")
    site.check(done.status == 0 or "plan.json" in done.err, f"all that is refused is named: {done.err[-400:]}")
    site.write("plan.json", plan)
    site.write("bench.json", text.replace('"keys"', '"penrig_versions": ["0.0.9", "0.1.0"], "keys"', 1))
    site.sign("bench.json")
    done = site.run()
    site.check(done.status == 0, f"this version is allowed: exit {done.status}: {done.err[-300:]}")


def test_limits(site):
    """A later verdict names who approved its limits, and production refuses those that nobody did."""
    run = site.run(production=False).run_file

    def analyze(*args):
        return penrig("analyze", run, "-q", "--limits", "limits.json", *args, cwd=site.folder)

    text = '{"kind":"penrig/limits/1","name":"NAME","revision":"L1","effective":"2026-01-01","limits":[{"measurand":"strokes","unit":"1","lower":1}]}'
    site.write("limits.json", text.replace("NAME", "a"))
    for args, code, word in ((("--production",), 8, "whose approval counts is not told"), (("--production", "--keys", "keys"), 8, "nobody has approved it"),
                             ((), 0, "judged by a")):
        done = analyze(*args)
        site.check(done.returncode == code and word in done.stdout + done.stderr, f"limits {args}: exit {done.returncode}: {done.stdout}{done.stderr}")
    site.write("limits.json", text.replace("NAME", "b"))
    site.sign("limits.json")
    done = analyze("--production", "--keys", "keys")
    said = json.loads(next(run.parent.glob("*.limits-b.report.json")).read_text())["judged_anew"] if done.returncode == 0 else {}
    site.check(said.get("approver") == "Q. Head" and said.get("approvals") == "demanded" and said.get("approver_key"), f"approved limits: {said}{done.stderr}")
    shown = penrig("show", run, cwd=site.folder).stdout
    site.check("limits revision L1, effective 2026-01-01, approval not demanded, and not looked at" in shown and "approved by Q. Head" in shown, f"show says both: {shown[-1800:]}")
    done = penrig("verify", run, cwd=site.folder)
    site.check(done.returncode == 0, f"the run file holds the signature under its chain: {done.stdout}")
    (site.folder / "limits.json").write_text((site.folder / "limits.json").read_text() + " ")
    done = analyze("--production", "--keys", "keys")
    site.check(done.returncode == 8 and "approved again" in done.stderr, f"one byte more: exit {done.returncode}: {done.stderr}")


def test_requalify(check):
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    kept = sorted(old_runs.DATA.glob("runs-*/expected.json"))
    paths, other = [], 0
    for where in (kept[0].parent, kept[-1].parent):
        (folder / where.name).mkdir()
        paths.append(old_runs.unpack(where, "conditional-pass", folder / where.name))
        other += json.loads((where / "expected.json").read_text()).get("method", 2) != old_runs.method()
    shutil.copy(paths[0], folder / "damaged.penrig")
    done = penrig("requalify", *paths, cwd=folder)
    check(done.returncode in (0, 9) and "2 runs by method" in done.stdout and ("no verdict changes" in done.stdout or "is                   run" in done.stdout),
          f"requalify ends in a table: exit {done.returncode}: {done.stdout}{done.stderr}")
    said = json.loads(penrig("requalify", "--json", *paths, cwd=folder).stdout)
    jsonschema.validate(said, json.loads((rig.ROOT / "reports/schema/requalification.schema.json").read_text()))
    table = list(csv.DictReader(penrig("requalify", "--csv", *paths, cwd=folder).stdout.splitlines(), strict=True))
    check([[r["run_file"], r["state"], r["verdict"] or None, int(r["results_changed"])] for r in table] ==
          [[r["run_file"], r["state"], r["verdict"], r["results_changed"]] for r in said["runs"]] and set(table[0]) == set(said["runs"][0]), f"--csv is the same: {table}")
    check(len(said["runs"]) == 2 and sum(r["method"] != said["method"] for r in said["runs"]) == other, f"each with its method: {said}")
    for row, path in zip(said["runs"], paths):
        code = penrig("analyze", path, "-q", cwd=folder).returncode
        check(code == 9 if row["results_changed"] else code in (0, 1, 3), f"analyze has a code of its own for another method, never 7: {code}, {row}")
    data = bytearray((folder / "damaged.penrig").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "damaged.penrig").write_bytes(data)
    done = penrig("requalify", paths[0], "damaged.penrig", cwd=folder)
    check(done.returncode == 6 and "altered or damaged" in done.stdout, f"a damaged file: exit {done.returncode}: {done.stdout[-300:]}")
    done = penrig("requalify", "none.penrig", cwd=folder)
    check(done.returncode == 2, f"a file that is not there: exit {done.returncode}")


def main():
    check = rig.Checks()
    site = Site(check)
    test_production(site)
    test_words(site)
    test_override(site)
    test_limits(site)
    test_bench(site)
    test_requalify(check)
    check.end()


if __name__ == "__main__":
    main()
