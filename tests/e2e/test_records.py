#!/usr/bin/python3
"""Records that hold: seals that minisign verifies, and what becomes of them. A bit flipped anywhere in a run file, a seal or a report is
found, and so is whatever somebody does who may write every file but has no key: he makes chain and digests anew (sealing.py) and
still cannot say what nobody signed. FLIPS: how many bits are tried (make soak: 10 000)."""
import json
import os
import re
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jsonschema

import dossier
import old_runs
import rig
import sealing

FLIPS = int(os.environ.get("FLIPS", "40" if os.environ.get("SANITIZE") else "200"))
SEED = int(os.environ.get("FIRST", "1"))
# What SQLite writes into its header for itself and nothing holds against anything (docs/records.md): the schema's cookie, its own version.
NOBODYS = {*range(40, 44), *range(96, 100)}


def penrig(*args, cwd, **kw):
    return subprocess.run([str(rig.PENRIG), *map(str, args)], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, **kw)


class Bench:
    """A folder with keys of a bench and of a person, and a sealed run."""

    def __init__(self, check):
        self.folder = Path(tempfile.mkdtemp(prefix="pr"))
        self.check = check
        for args in (("bench", "bench-3", "--bench"), ("meier", "A. Meier")):
            done = penrig("key", "new", f"{args[0]}.key", "--owner", args[1], "--no-password", *args[2:], cwd=self.folder)
            check(done.returncode == 0 and "public key RW" in done.stdout, f"a key is made: {done.stdout}{done.stderr}")
        (self.folder / "keys").mkdir()
        for pub in self.folder.glob("*.pub"):
            shutil.copy(pub, self.folder / "keys")
        kept = sorted(old_runs.DATA.glob("runs-*"))[-1]
        self.run = old_runs.unpack(kept, "conditional-pass", self.folder)
        self.report = self.run.with_name(self.run.name.replace(".penrig", ".report.json"))

    def verify(self, *files, keys=("--keys", "keys")):
        return penrig("verify", *files, *keys, cwd=self.folder)

    def must(self, done, code, word, what):
        self.check(done.returncode == code and word in done.stdout + done.stderr,
                   f"{what}: exit {done.returncode}, not {code}, or no \"{word}\": {done.stdout[-900:]}{done.stderr[-500:]}")

    def copy(self):
        """Everything once more, somewhere else."""
        other = Bench.__new__(Bench)
        other.check, other.folder = self.check, Path(tempfile.mkdtemp(prefix="pr"))
        shutil.copytree(self.folder, other.folder, dirs_exist_ok=True)
        other.run, other.report = other.folder / self.run.name, other.folder / self.report.name
        return other


def test_sealing(bench):
    files = {}
    bench.must(bench.verify(bench.run), 3, "NOT: nobody", "a run that nobody sealed")
    bench.must(bench.verify(bench.run, keys=()), 0, "whoever may write the file", "the same without a key")
    older = Path(tempfile.mkdtemp(prefix="pr")) / "older"
    for args in (("--key", "bench.key", "--bench"), ("--key", "meier.key", "--meaning", "approved")):
        shutil.copy(bench.run, older)
        bench.must(penrig("sign", bench.run, *args, cwd=bench.folder), 0, "sealed:", f"sign {args}")
    test_seal_beside(bench.copy(), older)
    done = bench.verify(bench.run, bench.report, *sorted(bench.folder.glob("*.seal-?.json")))
    bench.must(done, 0, "verified", "all that was sealed")
    for said in ("measured by the bench bench-3", "approved by A. Meier", "sealed    all of it"):
        bench.check(said in done.stdout, f"verify says {said}: {done.stdout}")
    shown = penrig("show", bench.run, cwd=bench.folder, env={**os.environ, "PENRIG_KEYS": "keys"}).stdout
    bench.check("approved by A. Meier" in shown and "holds" in shown, f"show says who signed: {shown[-600:]}")
    text = penrig("report", bench.run, "-f", "text", "-o", "-", cwd=bench.folder).stdout
    bench.check("measured by the bench bench-3" in text and "not checked" in text, f"a report says it, and that no key is trusted: {text[-600:]}")
    for file, key in ((bench.report, "bench"), (bench.run.with_suffix(".seal-1.json"), "bench"), (bench.run.with_suffix(".seal-2.json"), "meier")):
        done = subprocess.run(["minisign", "-Vm", str(file), "-p", str(bench.folder / f"{key}.pub")], capture_output=True, text=True)
        bench.check(done.returncode == 0, f"minisign verifies {file.name}: {done.stdout}{done.stderr}")
    bench.must(bench.verify(bench.run, keys=("--public-key", "bench.pub")), 3, "is none of the 1", "a person's key that nobody trusts")
    return files


def test_seal_beside(bench, older):
    """An older state of the run file is put back: the seal that it lacks is not overwritten by the next one."""
    second = bench.run.with_suffix(".seal-2.json")
    said = second.read_bytes()
    shutil.copy(older, bench.run)
    for left in (second, second.with_suffix(".json.minisig")):
        bench.must(penrig("sign", bench.run, "--key", "meier.key", cwd=bench.folder), 2, "was taken out", f"{left.name} stands there")
        bench.check(second.exists() == (left == second) and (left != second or second.read_bytes() == said) and bench.run.read_bytes() == older.read_bytes(), f"{left.name}: nothing is changed")
        left.rename(bench.folder / f"kept-{left.name}")
    bench.must(penrig("sign", bench.run, "--key", "meier.key", cwd=bench.folder), 0, "seal 2", "moved away")


def test_minisign_keys(bench):
    """A key that minisign made signs here, and minisign signs with one that was made here, also under a password."""
    f = bench.folder
    subprocess.run(["minisign", "-G", "-W", "-p", "own.pub", "-s", "own.key"], cwd=f, check=True, capture_output=True)
    (f / "plan.txt").write_text("a plan\n")
    bench.must(penrig("sign", "plan.txt", "--key", "own.key", cwd=f), 2, "--name is missing", "a key that names nobody")
    bench.must(penrig("sign", "plan.txt", "--key", "own.key", "--name", "B. Own", cwd=f), 0, "approved by B. Own", "minisign's key signs")
    done = subprocess.run(["minisign", "-Vm", "plan.txt", "-p", "own.pub"], cwd=f, capture_output=True, text=True)
    bench.check(done.returncode == 0 and "approved by B. Own" in done.stdout, f"and minisign verifies: {done.stdout}{done.stderr}")
    (f / "word").write_text("correct horse\n")
    os.chmod(f / "word", 0o600)
    bench.must(penrig("key", "new", "p.key", "--owner", "C", "--password-file", "word", cwd=f), 0, "public key", "a key under a password")
    (f / "other.txt").write_text("another\n")
    done = subprocess.run(["minisign", "-S", "-s", "p.key", "-m", "other.txt"], cwd=f, input="correct horse\n", capture_output=True, text=True,
                          start_new_session=True)
    bench.check(done.returncode == 0, f"minisign signs with penrig's key and its password: {done.stdout}{done.stderr}")
    bench.must(bench.verify("other.txt", keys=("--public-key", "p.pub")), 0, "holds", "and penrig verifies that")
    bench.must(penrig("sign", "plan.txt", "--force", "--key", "p.key", cwd=f, start_new_session=True), 2, "nobody can be asked", "no terminal, no password")
    (f / "word").write_text("wrong\n")
    bench.must(penrig("sign", "plan.txt", "--force", "--key", "p.key", "--password-file", "word", cwd=f), 2, "wrong password", "a wrong password")
    os.chmod(f / "meier.key", 0o640)
    bench.must(penrig("sign", "plan.txt", "--force", "--key", "meier.key", cwd=f), 2, "chmod 600", "a key that others may read")
    os.chmod(f / "meier.key", 0o600)
    bench.must(penrig("sign", "plan.txt", "--force", "--key", "bench.key", cwd=f), 2, "the key of the bench", "a bench approves nothing")
    bench.must(penrig("sign", "plan.txt", "--force", "--key", "meier.key", "--name", "B. Else", cwd=f), 2, "the key of A. Meier", "another's name")
    bench.must(penrig("sign", "plan.txt", "--key", "meier.key", cwd=f), 2, "--force", "a signature is not replaced unasked")
    bench.must(penrig("key", "new", "meier.key", "--owner", "X", "--no-password", cwd=f), 2, "never overwritten", "nor a key")


def flip(path, rng, skip=()):
    """One bit of a file, anywhere; its place."""
    data = bytearray(path.read_bytes())
    at = rng.randrange(len(data))
    while at in skip:
        at = rng.randrange(len(data))
    data[at] ^= 1 << rng.randrange(8)
    path.write_bytes(data)
    return at


def one_flip(bench, seed):
    rng = random.Random(seed)
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    kind = rng.choice(["run"] * 6 + ["report", "seal", "signature"])
    names = {"run": bench.run.name, "report": bench.report.name, "seal": bench.run.with_suffix(".seal-1.json").name,
             "signature": bench.run.with_suffix(".seal-2.json.minisig").name}
    for name in {bench.run.name, names[kind]}:
        shutil.copy(bench.folder / name, folder)
    at = flip(folder / names[kind], rng, NOBODYS if kind == "run" else ())
    done = subprocess.run([str(rig.PENRIG), "verify", names[kind], "--keys", str(bench.folder / "keys")], cwd=folder, stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=300)
    shutil.rmtree(folder)
    said = (done.stdout + done.stderr).decode(errors="replace")
    return done.returncode == 6, f"seed {seed}: a bit of {names[kind]} at {at}: exit {done.returncode}: {said[-400:]}"


def test_flips(bench):
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for found, text in pool.map(lambda seed: one_flip(bench, seed), range(SEED, SEED + FLIPS)):
            bench.check(found, text)


def test_digit(bench):
    other = bench.copy()
    text = other.report.read_text()
    rows = text.split("\n")
    line = next(i for i, row in enumerate(rows) if re.search(r"[\[,:] ?0\.\d", row))
    rows[line] = re.sub(r"([\[,:] ?)0\.(\d)", r"\g<1>1.\2", rows[line], count=1)
    other.report.write_text("\n".join(rows))
    done = other.verify(other.report)
    other.must(done, 6, f"{other.report.name}:{line + 1}:", "a digit of the report is found by line and column")
    other.check("DOES NOT HOLD" in done.stdout, f"and its signature does not hold: {done.stdout}")


def test_named(bench):
    """The row that was altered, its cell, the byte and what was written there; for programs, too."""
    schema = json.loads((rig.ROOT / "reports/schema/verify.schema.json").read_text())
    value = "(SELECT instr(CAST(data AS TEXT), '\"measured\"') FROM item WHERE kind='point' AND state='begin')"
    rows = (("UPDATE item SET key=key+1 WHERE kind='sweep'", "cell key: 1 stands there, and 0 was written"),
            ("UPDATE journal SET host_ns=host_ns+4096 WHERE seq=30", "journal entry 30"),
            ("UPDATE item SET digest=zeroblob(32) WHERE seq=9", "item 9 does not fit"),
            ("UPDATE block SET first_index=first_index+8 WHERE seq=3", "cell first_index: 18 stands there, and 10 was written"),
            ("UPDATE block SET last_host_ns=last_host_ns+1 WHERE seq=3", "cell first_host_ns or last_host_ns"),
            (f"UPDATE item SET data=CAST(substr(data,1,{value}) || 'M' || substr(data,{value}+2) AS BLOB) WHERE kind='point' AND state='begin'", "cell data, byte "))
    for statement, word in rows:
        other = bench.copy()
        sql(other.run, statement)
        done = penrig("verify", other.run, "--json", cwd=other.folder)
        said = json.loads(done.stdout)
        jsonschema.validate(said, schema)
        found = said["files"][0]["findings"][-1]
        bench.check(done.returncode == 6 == said["exit_code"] and said["state"] == "altered" and word in found["text"], f"{statement}: {found}")
    other = bench.copy()
    db = sqlite3.connect(other.run)
    text, = db.execute("SELECT data FROM item WHERE kind='point' AND state='end'").fetchone()
    at = text.index(b'"value":0.') + 10
    digit = b"8" if text[at:at + 1] == b"9" else b"9"
    db.execute("UPDATE item SET data=? WHERE kind='point' AND state='end'", (text[:at] + digit + text[at + 1:],))
    db.commit()
    db.close()
    done = other.verify(other.run, "--search")
    bench.check(done.returncode == 6 and f"cell data, byte {at + 1}: " in done.stdout and text[at - 2:at + 3].decode() in done.stdout, f"the digit that was altered: {done.stdout}")


def sql(path, *statements):
    db = sqlite3.connect(path)
    for statement in statements:
        db.execute(*statement) if isinstance(statement, tuple) else db.execute(statement)
    db.commit()
    db.close()


def cut_to(path, entry):
    """Takes away the end of the journal behind an entry, and the items that stand in it."""
    db = sqlite3.connect(path)
    items = db.execute("SELECT count(*) FROM journal WHERE kind='item' AND seq<=?", (entry,)).fetchone()[0]
    db.execute("DELETE FROM journal WHERE seq>?", (entry,))
    db.execute("DELETE FROM item WHERE seq>?", (items,))
    db.commit()
    db.execute("VACUUM")
    db.close()


def judge_later(bench):
    """A later verdict, sealed by the bench; the limits are those of nobody in particular."""
    (bench.folder / "wide.json").write_text('{"kind":"penrig/limits/1","name":"wide","limits":[{"measurand":"strokes","unit":"1","lower":1}]}')
    done = penrig("analyze", bench.run, "--limits", "wide.json", "-q", "--sign", "bench.key", cwd=bench.folder)
    bench.check("sealed:   measured by bench-3" in done.stdout and done.returncode in (0, 1, 3), f"a later verdict has a seal of its own: {done.stdout}{done.stderr}")
    bench.must(bench.verify(bench.run), 0, "sealed    all of it", "and is under it")


def test_insider(bench):
    """He may write every file and knows the format, and has no key."""
    edited = bench.copy()
    sql(edited.run, "UPDATE journal SET json=json||' ' WHERE seq=(SELECT max(seq)/2 FROM journal WHERE kind NOT IN ('item','blocks'))",
        "UPDATE item SET data=CAST(replace(CAST(data AS TEXT), 'conditional', 'Conditional') AS BLOB) WHERE kind='report'")
    edited.must(edited.verify(edited.run), 6, "does not fit", "an edited entry")
    sealing.seal(edited.run)
    edited.must(edited.verify(edited.run), 6, "DOES NOT HOLD: the journal is not the one that was sealed", "the same with a chain made anew")
    edited.must(penrig("show", edited.run, cwd=edited.folder, env={**os.environ, "PENRIG_KEYS": "keys"}), 0, "DOES NOT HOLD", "and show says so")

    before = bench.copy()
    later = bench.copy()
    judge_later(later)
    anchored = penrig("anchor", later.run, "--key", "bench.key", "-o", "day.anchor", cwd=later.folder)
    later.must(anchored, 0, "penrig-anchor ", "an anchor")
    later.must(later.verify(later.run, keys=("--keys", "keys", "--anchor", "day.anchor")), 0, "anchor", "the run is as it was anchored")

    without = later.copy()
    entry = sqlite3.connect(before.run).execute("SELECT max(seq) FROM journal").fetchone()[0]
    cut_to(without.run, entry)
    without.must(without.verify(without.run), 6, "seals were taken out of it", "a verdict cut away, its seal still beside the file")
    for file in without.folder.glob("*.seal-3.json*"):
        file.unlink()
    without.must(without.verify(without.run, keys=("--keys", "keys", "--anchor", "day.anchor")), 6, "altered, cut, or an older state", "and all of it gone")
    shutil.copy(before.run, without.run)
    without.must(without.verify(without.run, keys=("--keys", "keys", "--anchor", "day.anchor")), 6, "altered, cut, or an older state", "the older file put back")

    middle = later.copy()
    sql(middle.run, "DELETE FROM item WHERE kind='judged'")
    middle.must(middle.verify(middle.run), 6, "does not fit", "a verdict deleted")

    added = bench.copy()
    (added.folder / "wide.json").write_text((later.folder / "wide.json").read_text())
    penrig("analyze", added.run, "--limits", "wide.json", "-q", cwd=added.folder)
    added.must(added.verify(added.run), 3, "a later verdict among them", "a verdict that nobody sealed")
    penrig("key", "new", "fake.key", "--owner", "bench-3", "--bench", "--no-password", cwd=added.folder)
    penrig("sign", added.run, "--key", "fake.key", "--bench", cwd=added.folder)
    added.must(added.verify(added.run), 3, "is none of the 2", "nor one under a key of his own")

    unsealed = bench.copy()
    cut_to(unsealed.run, entry - 4)
    for file in unsealed.folder.glob("*.seal-*"):
        file.unlink()
    unsealed.must(unsealed.verify(unsealed.run), 3, "NOT: nobody", "all seals gone")

    for statement in ("CREATE TRIGGER more AFTER INSERT ON item BEGIN DELETE FROM block; END", "CREATE VIEW more AS SELECT 1", "CREATE TABLE more(x)"):
        trigger = bench.copy()
        sql(trigger.run, statement)
        trigger.must(trigger.verify(trigger.run), 6, "that no run file of penrig holds", statement)
    hidden = bench.copy()
    sql(hidden.run, "CREATE TABLE more(x)", ("INSERT INTO more VALUES(?)", ("s" * 300000,)), "PRAGMA secure_delete=OFF", "DROP TABLE more")
    db = sqlite3.connect(hidden.run)
    pages = db.execute("PRAGMA freelist_count").fetchone()[0]
    db.close()
    hidden.check(pages > 0, "the table left free pages")
    data = bytearray(hidden.run.read_bytes())
    if b"ssss" not in data:  # an SQLite that wipes what it frees
        data[-1] ^= 1
        hidden.run.write_bytes(data)
    hidden.must(hidden.verify(hidden.run), 6, "byte", "what lies in pages that nothing uses")


def test_beside(bench):
    """What stands beside a run: known by its whole name, worth what the run file is worth."""
    stem, other = bench.run.with_suffix(""), bench.copy()
    for form in ("html", "csv", "junit", "text", "tap", "prom"):
        penrig("report", other.run, "-f", form, cwd=other.folder)
    written = [p for p in other.folder.glob(f"{stem.name}.*") if p.suffix not in (".minisig", ".penrig") and ".seal-" not in p.name]
    other.check(len(written) >= 7, f"seven formats are written: {written}")
    for path in written:
        other.must(other.verify(path), 0, "byte for byte", f"what penrig wrote is what it would write: {path.name}")
    for rest in ("summary.json", "final-report.json", "x.report.json", "report.JSON", "pdf", "limits-.report.json"):
        path = other.folder / f"{stem.name}.{rest}"
        path.write_text('{"dut_verdict":"pass"}')
        for keys in ((), ("--keys", "keys")):
            other.must(other.verify(path.name, keys=keys), 3, "nothing to hold it against", f"a file of no known name: {path.name}")
    shutil.copy(other.run, other.folder / f"{stem.name}.report.penrig")
    other.report.write_text(other.report.read_text().replace("conditional", "Conditional"))
    other.must(other.verify(other.report), 6, f"{other.report.name}:", "a run file of a longer name takes no report away")

    unsealed = Bench(bench.check)
    unsealed.must(unsealed.verify(unsealed.report), 3, "NOT: nobody", "a report of a run that nobody sealed")
    unsealed.must(unsealed.verify(unsealed.report, keys=()), 0, "made both anew", "the same without a key")
    broken = bench.copy()
    sql(broken.run, "UPDATE journal SET json=json||' ' WHERE seq=(SELECT max(seq)/2 FROM journal WHERE kind NOT IN ('item','blocks'))")
    sealing.seal(broken.run)
    broken.must(broken.verify(broken.report), 6, "DOES NOT HOLD: the journal", "a report beside a run whose seal is broken")
    later = bench.copy()
    judge_later(later)
    later.must(later.verify(later.report), 0, "holds a later verdict, number 1 by limits wide", "a report tells of a later verdict")


def test_other_build(check):
    """Of a run that another build made: a report that this one would lay out otherwise was not altered for that; the JSON report is kept in the file."""
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    run = old_runs.unpack(rig.ROOT / "tests/data/runs-method-6", "pass", folder)
    penrig("report", run, "-f", "csv", cwd=folder)
    table, report = folder / "pass.results.csv", folder / "pass.report.json"
    sound = penrig("verify", table, cwd=folder)
    check(sound.returncode == 0, f"written by this build: {sound.returncode} {sound.stdout}")
    table.write_text(table.read_text().replace("pass", "PASS", 1))
    unsure = penrig("verify", table, cwd=folder)
    check(unsure.returncode == 3 and "which another one made" in unsure.stdout, f"perhaps by another: {unsure.returncode} {unsure.stdout}")
    report.write_text(report.read_text().replace('"pass"', '"fail"', 1))
    altered = penrig("verify", report, cwd=folder)
    check(altered.returncode == 6, f"the JSON report: {altered.returncode} {altered.stdout}")


def test_names_and_words(bench):
    """A file under another's name, a run that an anchor names and nobody gives, a word that takes a run back."""
    other = bench.copy()
    shutil.copy(other.run, other.folder / "SN-FAIL.penrig")
    shutil.copy(other.report, other.folder / "SN-FAIL.report.json")
    for name in ("SN-FAIL.penrig", "SN-FAIL.report.json"):
        other.must(other.verify(name), 3, f"it is the run {other.run.stem} of pen", f"a good run under another's name: {name}")
    other.must(penrig("anchor", other.run, other.run, "--key", "bench.key", "-o", "two.anchor", cwd=other.folder), 2, "given twice", "one run anchored twice")
    other.must(penrig("anchor", other.run, "--key", "bench.key", "-o", "day.anchor", cwd=other.folder), 0, "penrig-anchor", "an anchor")
    other.must(other.verify(other.report, keys=("--keys", "keys", "--anchor", "day.anchor")), 3, f"it names {other.run.stem}, which was not given",
               "a run that was anchored and is not there")
    other.must(penrig("sign", other.run, "--key", "meier.key", "--meaning", "rejected", cwd=other.folder), 0, "sealed:", "rejected")
    for path in (other.run, other.report):
        other.must(other.verify(path), 1, "AND REJECTED", f"a rejected run is not verified: {path.name}")
    other.must(penrig("sign", other.run, "--key", "meier.key", "--meaning", "approved", cwd=other.folder), 0, "sealed:", "approved again")
    other.must(other.verify(other.run), 0, "verified", "a later approval counts")
    (other.folder / "plan.txt").write_text("a plan\n")
    penrig("sign", "plan.txt", "--key", "meier.key", "--meaning", "withdrawn", "--reason", "old", "--force", cwd=other.folder)
    other.must(other.verify("plan.txt"), 1, "AND REJECTED OR WITHDRAWN", "a withdrawn plan is not verified")
    comment = "approved by bench-3 at 2026-01-01T00:00:00Z"
    subprocess.run(["minisign", "-S", "-s", "bench.key", "-m", "plan.txt", "-t", comment], cwd=other.folder, check=True, capture_output=True)
    other.must(other.verify("plan.txt"), 6, 'cannot say "approved"', "a bench approves nothing by minisign either")


def main():
    check = rig.Checks()
    bench = Bench(check)
    if "--flips" in sys.argv:
        for args in (("--key", "bench.key", "--bench"), ("--key", "meier.key", "--meaning", "approved")):
            penrig("sign", bench.run, *args, cwd=bench.folder)
    else:
        test_sealing(bench)
        test_minisign_keys(bench)
        test_named(bench)
        test_digit(bench)
        test_insider(bench)
        test_beside(bench)
        test_names_and_words(bench)
        test_other_build(check)
        dossier.test_all(check)
    test_flips(bench)
    check.end()


if __name__ == "__main__":
    main()
