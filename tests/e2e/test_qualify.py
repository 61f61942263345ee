#!/usr/bin/python3
"""The validation pack on an installed program: what `make install` made is qualified; a library, a program, a recording or a record
that was changed, and a wrong constant planted in a formula, break the requirement that they concern, and no pass hides it."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import jsonschema

import rig
import test_golden

SCHEMA = json.loads((rig.ROOT / "reports/schema/qualification.schema.json").read_text())
RUNS, FROM = (re.search(rf"^REFERENCE_{what} := (.*)$", (rig.ROOT / "Makefile").read_text(), re.M)[1] for what in ("RUNS", "FROM"))
RUNS = RUNS.split()
WALL_ZERO = 1780304400  # of penrig-a's clock
ZSTD = b"\x28\xb5\x2f\xfd"  # a block of samples begins so
# What is planted: file, what stands there, what is planted, the requirement that it breaks, one that it does not.
PLANTED = (
    ("rig/measure/statistics.c", "0.5 * (1.0 + COVERAGE)", "0.49 * (1.0 + COVERAGE)", "OQ-01", "OQ-08"),
    ("rig/measure/decision.c", "limit->guard_r * result->expanded_u", "0.9 * limit->guard_r * result->expanded_u", "OQ-04", "OQ-01"),
    ("rig/study/control.c", "sqrt(2.0 / (n - 1.0))", "sqrt(2.1 / (n - 1.0))", "OQ-08", "OQ-04"),
    ("rig/measure/point/rate_results.c", '"repeatability", timing', '"repeatability", 2.0 * timing', "OQ-13", "OQ-08"),
)


def flag_lines():
    return dict(re.findall(r"^(\w+) := (.*)$", (rig.B / "flags.mk").read_text(), re.M))


def build_with(source, was, is_, into):
    """penrig with one line of one file changed: the others are as they were built."""
    flags = flag_lines()
    parts = flags["FLAGS_KEY"].split("|")
    text = (rig.ROOT / source).read_text()
    assert text.count(was) == 1, f"{source}: {was} stands there {text.count(was)} times"
    changed = into / Path(source).name
    changed.write_text(text.replace(was, is_))
    cc, sanitize = parts[0].split(), [f"-fsanitize={os.environ['SANITIZE']}"] if os.environ.get("SANITIZE") else []
    obj = into / "changed.o"
    subprocess.run([*cc, f"-I{rig.ROOT}", f"-I{rig.B}", *flags["LIB_CFLAGS"].split(), '-DPENRIG_VERSION="0"', *parts[1].split(), "-w", *sanitize, "-c", changed, "-o", obj], check=True)
    libraries = [*flags["LIB_LIBS"].split(), *flags.get("HTTP_LIBS", "").split(), "-lm", "-ldl"]
    subprocess.run([*cc, "-pie", *sanitize, "-pthread", "-Wl,--as-needed", obj, rig.B / "rig/cli/main.o", "-Wl,--start-group", *sorted(rig.B.glob("lib*.a")),
                    "-Wl,--end-group", *libraries, "-o", into / "penrig"], check=True)
    return into / "penrig"


def list_installed(where):
    """As the Makefile does."""
    script = r"find bin lib libexec share -type f ! -name installed.sha256 | LC_ALL=C sort | xargs sha256sum > share/penrig/qualification/installed.sha256"
    subprocess.run(["sh", "-c", script], cwd=where, check=True)


def install():
    """The parts of `make install` that a qualification looks at."""
    where = Path(tempfile.mkdtemp(prefix="pr")) / "usr"
    share = where / "share/penrig"
    for folder in ("bin", "libexec/penrig", "lib/penrig", "share/penrig/qualification"):
        (where / folder).mkdir(parents=True)
    for kind in ("benches", "phantoms", "plans"):
        shutil.copytree(rig.FIXTURES / kind, share / kind)
    for name, into in (("penrig", "bin"), ("penrig-virtual", "bin"), ("penrig-stopper", "libexec/penrig"), ("libpenrig-shim.so", "lib/penrig")):
        shutil.copy(rig.B / name, where / into / name)
    for run in RUNS:
        with open(share / "qualification" / f"{run}.penrig", "wb") as out:
            subprocess.run(["xz", "-dc", rig.ROOT / FROM / f"{run}.penrig.xz"], stdout=out, check=True)
    list_installed(where)
    return where


def qualify(where, *args, env=None, program="penrig"):
    """Exit code, record (None: there is none), its folder, what was said."""
    folder = Path(tempfile.mkdtemp(prefix="pr")) / "q"
    done = subprocess.run([str(where / "bin" / program), "qualify", *map(str, args), "-o", str(folder)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=300, env={**os.environ, **(env or {})})
    path = folder / "record.json"
    record = json.loads(path.read_text()) if path.exists() else None
    if record:
        jsonschema.validate(record, SCHEMA)
    return done.returncode, record, folder, done.stdout + done.stderr


def broken(record):
    return [r["id"] for r in record["requirements"] if r["state"] == "broken"]


def state(record, name):
    return next(r["state"] for r in record["requirements"] if r["id"] == name)


def test_installation(check, where):
    code, record, folder, said = qualify(where, "iq", "--operator", "A. Meier <&>")
    check(code == 0 and record["verdict"] == "qualified" and not broken(record), f"what was installed: {code} {said[-600:]}")
    libraries = [f for f in record["files"] if "/libgsl.so" in f["path"]]
    check(libraries and libraries[0]["package"], f"libraries and their packages: {libraries}")
    for name in ("hdf5", "pq"):  # loaded on demand
        there = [f for f in record["files"] if re.search(rf"/lib{name}[.\w-]*\.so", f["path"])]
        check(bool(there) == any("-D" + f"PENRIG_{name.upper()}" in v for v in flag_lines().values()), f"lib{name}: {there}")
    page = (folder / "protocol.html").read_text()
    check("A. Meier &lt;&amp;&gt;" in page and all(r["id"] in page for r in record["requirements"]), "the page names who, and each requirement")
    sums = subprocess.run(["sha256sum", folder / "record.json"], capture_output=True, text=True).stdout.split()[0]
    check(sums in page, "the page names its record's SHA-256")
    check(all(a["id"] in page for a in record["known_anomalies"]) and len(record["known_anomalies"]) > 5, "and the known anomalies")
    return folder


def test_library(check, where, approved):
    """One byte more in a library: it computes the same, and is another one."""
    lib = Path(tempfile.mkdtemp(prefix="pr"))
    path = next(f["path"] for f in json.loads((approved / "record.json").read_text())["files"] if "/libgsl.so" in f["path"])
    name = re.search(r"libgsl\.so\.\d+", path)[0]
    (lib / name).write_bytes(Path(path).read_bytes() + b"\0")
    env = {"LD_LIBRARY_PATH": str(lib)}
    code, record, _, said = qualify(where, "iq", "--against", approved / "record.json", env=env)
    check(code == 1 and broken(record) == ["IQ-02", "IQ-04"] and str(lib / name) in said, f"a changed library: {code} {said[-900:]}")


def test_files(check, where):
    """A program, a recording and a plan that are not as they were installed, each in an installation of its own."""
    for name, ids in (("bin/penrig-virtual", ["IQ-01"]), ("share/penrig/plans/demo.json", ["IQ-03"]), (f"share/penrig/qualification/{RUNS[1]}.penrig", ["IQ-03"])):
        copy = Path(tempfile.mkdtemp(prefix="pr")) / "usr"
        shutil.copytree(where, copy, copy_function=os.link)
        data = bytearray((copy / name).read_bytes())
        (copy / name).unlink()
        data[data.find(ZSTD, len(data) // 2) + 60] ^= 1  # of a recording: in a block, not in bytes that no row needs
        (copy / name).write_bytes(data)
        (copy / name).chmod(0o755)
        code, record, _, said = qualify(copy, "iq", "--only", "IQ-01", "--only", "IQ-03")
        check(code == 1 and broken(record) == ids, f"{name} changed: {code} {broken(record)} {said[-300:]}")
    code, record, _, said = qualify(copy, "oq", "--only", "OQ-14")
    check(code == 1 and broken(record) == ["OQ-14"], f"a changed recording is not derived from: {code} {broken(record)}")
    test_list(check, where)
    (copy / "share/penrig/qualification/installed.sha256").unlink()
    code, record, _, said = qualify(copy, "iq", "--only", "IQ-03")
    check(code == 3 and state(record, "IQ-03") == "unknown", f"without the list of what was installed: {code} {said[-300:]}")


def test_list(check, where):
    """A line taken out of the list, a file put beside what was installed, and a list that is another one."""
    listed = Path("share/penrig/qualification/installed.sha256")

    def less(text):
        return "".join(line for line in text.splitlines(True) if not line.endswith("plans/demo.json\n"))

    for what, word, plant in (("a line taken out", "plans/demo.json", lambda at: (at / listed).write_text(less((where / listed).read_text()))),
                              ("a file put there", "plans/demo-2.json", lambda at: (at / "share/penrig/plans/demo-2.json").write_text("{}")),
                              ("a link put there", "plans/link.json", lambda at: (at / "share/penrig/plans/link.json").symlink_to("demo.json"))):
        copy = Path(tempfile.mkdtemp(prefix="pr")) / "usr"
        shutil.copytree(where, copy, copy_function=os.link)
        (copy / listed).unlink()
        shutil.copy(where / listed, copy / listed)
        plant(copy)
        code, record, _, said = qualify(copy, "iq", "--only", "IQ-03")
        check(code == 1 and broken(record) == ["IQ-03"] and word in said, f"{what}: {code} {said[-400:]}")
        check(any(f["path"].endswith(str(listed)) for f in record["files"]), f"{what}: the list is one of the files")


def test_signed(check, where, approved):
    """Signed as any file; an earlier record counts where a trusted key signed it."""
    keys = Path(tempfile.mkdtemp(prefix="pr"))
    subprocess.run([rig.PENRIG, "key", "new", "m.key", "--owner", "A. Meier", "--no-password"], cwd=keys, check=True, capture_output=True)
    code, record, folder, said = qualify(where, "iq", "--sign", keys / "m.key")
    check(code == 0, f"signed: {code} {said[-300:]}")
    for name in ("record.json", "protocol.html"):
        done = subprocess.run(["minisign", "-Vm", folder / name, "-p", keys / "m.pub"], capture_output=True, text=True)
        check(done.returncode == 0 and "approved by A. Meier" in done.stdout, f"minisign of {name}: {done.stdout}{done.stderr}")
    code, record, _, said = qualify(where, "iq", "--against", folder / "record.json", "--public-key", keys / "m.pub")
    check(code == 0 and state(record, "IQ-04") == "holds", f"against a signed record: {code} {said[-400:]}")
    code, record, _, said = qualify(where, "iq", "--only", "IQ-01", "--only", "IQ-04", "--against", approved / "record.json")
    check(code == 1 and "nobody signed it" in said, f"against one that nobody signed: {code}")
    text = (folder / "record.json").read_text()
    (folder / "record.json").write_text(text.replace('"qualified"', '"qualifiee"'))
    code, record, _, said = qualify(where, "iq", "--only", "IQ-04", "--against", folder / "record.json", "--public-key", keys / "m.pub")
    check(code == 1 and broken(record) == ["IQ-04"], f"against an altered one: {code} {broken(record)}")


def test_operation(check, where):
    code, record, _, said = qualify(where, "oq", "--only", "OQ-0", "--only", "OQ-1")
    held = [r["id"] for r in record["requirements"] if r["state"] == "holds"]
    check(code == 3 and record["verdict"] == "incomplete" and len(held) >= 17 and not broken(record), f"without the bench it is incomplete: {code} {said[-400:]}")
    check(all(r["evidence"] for r in record["requirements"] if r["state"] == "holds"), "nothing holds without evidence")
    check("left out" in said, "what was left out is said")


def test_planted(check, where):
    """A wrong constant in a formula: the requirement that it breaks says so, and only what rests on it."""
    for i, (source, was, is_, breaks, spares) in enumerate(PLANTED):
        shutil.copy(build_with(source, was, is_, Path(tempfile.mkdtemp(prefix="pr"))), where / "bin" / f"planted{i}")
        code, record, _, said = qualify(where, "oq", "--only", breaks, "--only", spares, program=f"planted{i}")
        check(code == 1 and broken(record) == [breaks] and state(record, spares) == "holds", f"{source}, {is_}: {code} {record and broken(record)} {said[-300:]}")
        (where / "bin" / f"planted{i}").unlink()


def test_bench(check, where):
    """In real time: a pen in order whose figures are held against the truth, and one whose penrig is killed."""
    code, record, folder, said = qualify(where, "pq", "--only", "PQ-11")
    first = next(r for r in record["requirements"] if r["id"] == "PQ-11")
    text = json.dumps(first)
    check(code == 3 and first["state"] == "holds" and "within U of what was true" in text and "stand still" in text, f"the virtual pen: {code} {said[-600:]}")
    code, record, _, said = qualify(where, "oq", "--only", "OQ-30")
    killed = ("holds", "unknown") if rig.CHECKED else ("holds",)  # a slow build may be killed before its pen runs
    check(code == 3 and state(record, "OQ-30") in killed, f"killed: {code} {said[-600:]}")


def test_pen(check, where):
    """Runs of the reference pen, on a virtual clock that shows the time of now: of this program, bench, pen and plan, passed, and none
    that was no pass left out."""
    place = test_golden.Place()
    place.hours = (time.time() - WALL_ZERO) / 3600 - 1
    pq = lambda *names: qualify(where, "pq", *(place.folder / f"out/{n}.penrig" if isinstance(n, str) else n for n in names), "--bench", place.bench, "--state", place.folder / "state")
    check(place.gold().returncode == 0, "the reference pen passes")
    code, record, _, said = pq("g1")
    check(code == 0 and record["verdict"] == "qualified", f"a run of the reference pen: {code} {said[-900:]}")
    code, record, _, said = pq("g1", where / "share/penrig/qualification/fail-slow.penrig")
    check(code == 1 and {"PQ-03", "PQ-05"} <= set(broken(record)), f"with one of another bench that failed: {code} {broken(record)}")
    wide = {**test_golden.PLAN, "limits": [{"measurand": "depth_error_mm", "unit": "mm", "lower": -0.9, "upper": 0.9}]}
    (place.folder / "wide.json").write_text(json.dumps(wide))
    place.penrig("run", place.folder / "wide.json", "--dut", "PEN-DEEP-01", "-q", "-o", place.folder / "out", "--name", "bad", dut="PEN-DEEP-01")
    code, record, _, said = pq("bad")
    check(code == 1 and broken(record) == ["PQ-05", "PQ-06"] and "of PEN-DEEP-01" in said, f"another pen by a wide plan: {code} {broken(record)} {said[-900:]}")
    check(place.gold(faults=["stall:pen@1"]).returncode not in (0, 2), "the reference pen fails")
    failed = place.n
    check(place.gold().returncode == 0, "and passes again")
    newest = f"g{place.n}"
    code, record, _, said = pq("g1", newest)
    check(code == 1 and broken(record) == ["PQ-06"] and f"g{failed}" in said, f"the failure between was left out: {code} {broken(record)} {said[-600:]}")
    code, record, _, said = pq("g1")
    check(code == 1 and "is not" in said and broken(record) == ["PQ-06"], f"an old one: {code} {broken(record)}")
    code, record, _, said = pq(newest)
    check(code == 0, f"after the failure: {code} {said[-600:]}")
    code, record, _, said = qualify(where, "pq", place.folder / f"out/{newest}.penrig", "--history", place.folder / "none", "--state", place.folder / "state")
    check(code != 0 and state(record, "PQ-06") != "holds", f"a history that knows nothing of it: {code}")
    (place.folder / "strict.json").write_text(json.dumps({"kind": "penrig/limits/1", "name": "strict", "limits": [{"measurand": "depth_error_mm", "unit": "mm", "lower": 0.5, "upper": 0.6}]}))
    subprocess.run([rig.PENRIG, "analyze", "--limits", place.folder / "strict.json", "-q", place.folder / f"out/{newest}.penrig"], stdin=subprocess.DEVNULL, capture_output=True)
    code, record, _, said = pq(newest)
    check(code == 1 and "PQ-03" in broken(record) and "fail by strict" in said, f"a later verdict: {code} {broken(record)} {said[-600:]}")


def test_wrong(check, where):
    done = subprocess.run([rig.PENRIG, "qualify", "iq"], cwd=tempfile.mkdtemp(prefix="pr"), capture_output=True, text=True)
    check(done.returncode == 2 and "is not installed" in done.stderr, f"where nothing is installed: {done.returncode} {done.stderr}")
    for args, word in ((("xq",), "one of iq, oq and pq"), (("iq", "x.penrig"), "takes no run files"), (("oq", "--against", "x"), "--against goes with iq"),
                       (("oq", "--only", "OQ-77"), "no requirement's name begins so")):
        code, record, _, said = qualify(where, *args)
        check(code == 2 and word in said and not record, f"qualify {args}: {code} {said}")
    code, _, folder, _ = qualify(where, "oq", "--only", "OQ-01")
    again = subprocess.run([where / "bin/penrig", "qualify", "oq", "--only", "OQ-01", "-o", folder], capture_output=True, text=True)
    check(again.returncode == 2 and "is there already" in again.stderr, f"never written over: {again.returncode} {again.stderr}")
    listed = subprocess.run([where / "bin/penrig", "qualify", "oq", "--list"], capture_output=True, text=True).stdout
    page = (rig.ROOT / "docs/qualification.md").read_text()
    for part in ("iq", "oq", "pq"):
        listed = subprocess.run([where / "bin/penrig", "qualify", part, "--list"], capture_output=True, text=True).stdout
        for name, text in re.findall(r"^([IOP]Q-\d\d)  (.*)$", listed, re.M):
            check(f"| {name} | {text} |" in page, f"docs/qualification.md has no row for {name}: {text}")


def main():
    check = rig.Checks()
    where = install()
    approved = test_installation(check, where)
    test_library(check, where, approved)
    test_files(check, where)
    test_signed(check, where, approved)
    test_operation(check, where)
    test_planted(check, where)
    test_wrong(check, where)
    test_bench(check, where)
    test_pen(check, where)
    check.end()


if __name__ == "__main__":
    main()
