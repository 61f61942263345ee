#!/usr/bin/python3
"""penrig plot: one well-formed SVG per point; what the fit leaves is small and says so as numbers; a load cell whose resonance is
not the bench file's is noticed, and a pulse that changes; pulses that are the model's leave nothing; wrong use is told."""
import array
import json
import math
import random
import re
import shutil
import subprocess
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

import rig

SVG = "{http://www.w3.org/2000/svg}"


def penrig(*args):
    return subprocess.run([str(rig.PENRIG), *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)


def own_plan(folder, depths, rates):
    path = Path(folder) / "plan.json"
    path.write_text(json.dumps({
        "kind": "penrig/plan/1", "name": "plot", "judge": {"rate": "realised", "depth": "force_equivalent"},
        "tests": {"dead_man": False, "refusal": False},
        "limits": [{"measurand": "depth_error_mm", "unit": "mm", "lower": -0.5, "upper": 0.5}],
        "steps": [{"name": "scale", "depth_mm": depths, "rate_hz": rates, "tare_s": 0.3, "settle_s": 0.5, "measure_s": 2.0,
                   "attempts": 2}]}))
    return path


def points_of(text):
    """The numbers that the command prints, by point number."""
    points = {}
    for block in re.split(r"^(?=point )", text, flags=re.M):
        head = re.match(r"point (\d+), attempt \d+: ", block)
        if not head:
            continue
        lines = {m.group(1): m.group(2) for m in re.finditer(r"^  (\w+) +(.*)$", block, flags=re.M)}
        points[int(head.group(1))] = lines
    return points


def blocks_of(text):
    found = re.split(r"^(?=point )", text, flags=re.M)
    return {int(re.match(r"point (\d+)", b).group(1)): b for b in found if b.startswith("point ")}


FOLD = (r"(\d+) strokes: max \|mean residual\| ([\d.]+) mN \(([\d.]+) sigma, ([\d.]+) % of height\); at the deepest point "
        r"\S+ mN \((\S+) %\); max \|z\| ([\d.]+) at \S+, p = (\S+)$")


def fold_of(line):
    found = re.match(FOLD, line)
    values = [float(v) for v in found.groups()]
    return dict(zip(("strokes", "worst_mn", "worst_sigma", "worst_pct", "cap_pct", "z", "p"), values))


def check_checks(check, label, block, page, point):
    """What plot says of the model checks is what the report, and so the verdict, has."""
    said = dict(re.findall(r"^  check +(\w+): (.*)$", block, flags=re.M))
    words = [t.text or "" for t in ET.fromstring(page.read_text()).iter(SVG + "text")]
    check(list(said) == [c["name"] for c in point["model_checks"]], f"{label}: every check, in its order: {list(said)}")
    for c in point["model_checks"]:
        text = said.get(c["name"], "")
        check(text.startswith(c["state"]), f"{label}: {c['name']} is {c['state']}: {text}")
        pair = re.match(r"\w+, (\S+) against ([^\s,;]+)", text)
        if c["statistic"] is not None and c["threshold"] is not None:
            near = pair and all(math.isclose(float(a), b, rel_tol=1e-3, abs_tol=1e-9) for a, b in zip(pair.groups(), (c["statistic"], c["threshold"])))
            check(near, f"{label}: {c['name']} has the report's figures: {text}, {c}")
        line = re.search(r"line (\S+) um", text)
        check((line is None) == (c["standard_uncertainty_mm"] == 0) and
              (line is None or math.isclose(float(line.group(1)), 1e3 * c["standard_uncertainty_mm"], rel_tol=1e-2)),
              f"{label}: {c['name']} has the report's line: {text}, {c}")
        check(c["reason"] is None or c["reason"][:60] in text, f"{label}: and its reason: {text}")
        check(any(w.startswith(f"{c['name']}: {c['state']}") for w in words), f"{label}: it stands on the page: {c['name']}")


def check_page(check, label, path):
    text = path.read_text()
    root = ET.fromstring(text)
    check(root.tag == SVG + "svg" and root.get("width") == "1200", f"{label}: an SVG, 1200 wide")
    check(not list(root.iter(SVG + "script")) and "href" not in text, f"{label}: self-contained, no script")
    words = [t.text or "" for t in root.iter(SVG + "text")]
    check(all(any(w.startswith(f"{n}  ") for w in words) for n in (1, 2, 3, 4)), f"{label}: four titled panels")
    check(all(any(unit in w for w in words) for unit in ("/ N", "/ mN", "/ mm", "/ s", "periods", "/ strokes")), f"{label}: units")
    numbers = [v for e in root.iter() for k, v in e.attrib.items() if k in ("d", "x", "y", "cx", "cy", "width", "height")]
    check(not any("nan" in v or "inf" in v for v in numbers), f"{label}: every mark stands somewhere")
    dots = [(float(c.get("cx")), float(c.get("cy"))) for c in root.iter(SVG + "circle")]
    check(len(dots) > 1000, f"{label}: the data are in it: {len(dots)} marks")
    check(max(abs(x - 600) for x, _ in dots) <= 600 and max(abs(y - 480) for _, y in dots) <= 480, f"{label}: and on the page")
    check(any("Ljung-Box" in w for w in words) and any("max |mean residual|" in w for w in words), f"{label}: with their numbers")


def test_good(check, run):
    points = {p["number"]: p for p in run.report["points"] if p["counts"]}
    done = penrig("plot", run.run_file)
    if not check(done.returncode == 0 and done.stderr == "", f"plots: exit {done.returncode}: {done.stderr[-300:]}"):
        return None
    said = points_of(done.stdout)
    pages = sorted(run.folder.glob("*.point*.svg"))
    check(len(said) == len(points) == len(pages) == 6, f"a page for each of the {len(points)} points: {[p.name for p in pages]}")
    for page, (number, block) in zip(pages, sorted(blocks_of(done.stdout).items())):
        check_page(check, page.name[-11:], page)
        check_checks(check, f"point {number}", block, page, points[number])
    for number, lines in sorted(said.items()):
        for line, sigma, cap_pct in (("residual", 0.3, 0.04), ("early", 0.6, 0.06)):
            fold = fold_of(lines[line])
            check(fold["p"] > 1e-3, f"point {number}: the pulse is the template's, {line}: {lines[line]}")
            check(fold["strokes"] > 50 and fold["worst_pct"] < 0.5 and fold["worst_sigma"] < sigma,
                  f"point {number}: to a fraction of a sample's noise, {line}: {lines[line]}")
            check(abs(fold["cap_pct"]) < cap_pct, f"point {number}: where the depth is read, {line}: {lines[line]}")
        for line in ("depth", "interval"):
            p = float(re.search(r"Ljung-Box[^=]*= (\S+):", lines[line]).group(1))
            check(p > 1e-3, f"point {number}: no structure in the {line}s: {lines[line]}")
        p = float(re.search(r"Anderson-Darling p = (\S+):", lines["interval"]).group(1))
        check(p > 1e-3, f"point {number}: intervals are normal: {lines['interval']}")
        depth = float(re.match(r"mean ([\d.]+) mm", lines["depth"]).group(1))
        report = rig.result(points[number], "depth_mm", "force_equivalent")["value"]
        check(abs(depth - report) < 0.002, f"point {number}: the depth drawn is the report's: {depth} and {report}")
    return said


def test_wrong_cell(check, good):
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    bench = rig.own_bench("virtual-usb.json", folder)
    text = bench.read_text()
    check('"natural_frequency_hz": 5000' in text, "the bench file names its cell")
    bench.write_text(text.replace('"natural_frequency_hz": 5000', '"natural_frequency_hz": 700'))
    run = rig.run_plan(own_plan(folder, [0.2, 1.0, 2.8], [90, 150]), bench=str(bench), folder=folder)
    done = penrig("plot", run.run_file).stdout
    said = points_of(done)
    for number in (2, 5):  # 1.0 mm: a sharp foot
        wrong, right = fold_of(said[number]["residual"]), fold_of(good[number]["residual"])
        check(wrong["worst_mn"] > 3 * right["worst_mn"] and wrong["z"] > 2 * right["z"],
              f"point {number}: a wrong cell leaves {wrong['worst_mn']} mN, z {wrong['z']}; the right one {right['worst_mn']}, {right['z']}")
        check(wrong["p"] < 1e-3, f"point {number}: by no chance: {wrong}")
    blocks = blocks_of(done)
    for point in run.report["points"]:
        if point["counts"]:
            check_checks(check, f"wrong cell, point {point['number']}", blocks[point["number"]], next(folder.glob(f"*.point{point['number']:02}.svg")), point)


def recording(folder, name, narrower):
    """Half sines of 0.6 N in 1.5 mN of noise, 120 Hz with jitter, one width until 3.5 s, then `narrower` by this share."""
    rate, dice = 20000, random.Random(7)
    force = [0.3 + 0.0015 * dice.gauss(0, 1) for _ in range(6 * rate)]
    at = 1.0 * rate
    while at < 5.5 * rate:
        width = 0.4 * rate / 120 * (1 - narrower if at > 3.5 * rate else 1)
        for i in range(math.ceil(at - width / 2), math.floor(at + width / 2) + 1):
            force[i] += 0.6 * math.cos(math.pi * (i - at) / width)
        at += rate / 120 * (1 + 0.002 * dice.gauss(0, 1))
    path = Path(folder) / f"{name}.i16"
    path.write_bytes(array.array("h", (round(f / 2 * 32768) for f in force)).tobytes())
    done = penrig("import", path, "--format", "i16", "--rate", rate, "--scale", 2 / 32768, "--tare-until", 0.9, "--start", 0.95, "--measure-from", 2,
                  "--measure-to", 5, "--plan", own_plan(folder, [1.0], [120]), "--bench", rig.own_bench("virtual-usb.json", folder),
                  "--dut", "X", "--output-dir", folder, "--name", name)
    return done, points_of(penrig("plot", Path(folder) / f"{name}.penrig").stdout)


def test_recording(check):
    # pulses that are the model's: nothing is left; pulses that change their width in the window: that is left
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    done, said = recording(folder, "even", 0.0)
    if not check(1 in said, f"an imported recording is plotted: {done.returncode} {done.stderr[-300:]}"):
        return
    for line in ("residual", "early"):
        if line in said[1]:
            even = fold_of(said[1][line])
            check(even["p"] > 1e-3 and even["worst_pct"] < 0.06, f"the model's own pulses, {line}: {said[1][line]}")
    ratio = float(re.search(r"ratio ([\d.]+)$", said[1]["template"]).group(1))
    check(0.9 < ratio < 1.0, f"as much noise in contact as without: {ratio}")
    narrow = fold_of(recording(folder, "narrow", 0.02)[1][1]["residual"])
    check(narrow["p"] < 1e-6 and narrow["worst_pct"] > 0.2,
          f"pulses that become 2 % narrower are noticed: {narrow}")


def test_faults(check):
    run = rig.run_plan(own_plan(tempfile.mkdtemp(prefix="pr"), [1.0], [120]), faults=["missed-strokes@0,p=0.05"])
    done = penrig("plot", run.run_file)
    said = points_of(done.stdout)[1]["interval"]
    check(re.search(r"; \d+ odd ones left out$", said), f"missed strokes are left out of the intervals and counted: {said}")


def test_tripped(check):
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    run = rig.run_plan(own_plan(folder, [1.0], [120]), faults=["clip@0,at=0.7"], folder=folder)
    done = penrig("plot", run.run_file)
    point = next(p for p in run.report["points"] if p["counts"])
    check_checks(check, "clipped", blocks_of(done.stdout)[1], next(folder.glob("*.point01.svg")), point)
    check(re.search(r"^  check +clip: tripped, .*; clipped: ", done.stdout, flags=re.M), f"what trips is said with its reason: {done.stdout}")


def test_use(check, run):
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    path = Path(shutil.copy(run.run_file, folder / "run.penrig"))
    before = path.read_bytes()
    done = penrig("plot", path, "--point", "3", "--output", folder / "three.svg")
    check(done.returncode == 0 and list(points_of(done.stdout)) == [3], f"one point: {done.stdout[:100]}{done.stderr}")
    check([p.name for p in folder.glob("*.svg")] == ["three.svg"], "goes where it is told to")
    check((folder / "three.svg").read_text() == next(run.folder.glob("*.point03.svg")).read_text(),
          "and is the same whether drawn alone or among others")
    check(penrig("plot", path, "--output", folder / "all.svg").returncode == 0, "a name for all")
    check(len(list(folder.glob("all.point0?.svg"))) == 6, "gets each point's number")
    check(path.read_bytes() == before, "the run file stays as it was")
    for args, code, text in ((("--point", "7"), 2, "no such point"), (("--point", "0"), 2, "from 1"), (("--point", "x"), 2, "from 1"),
                             (("--output", folder / "no/where.svg"), 2, "cannot create"),
                             (("--point", "1", "--output", "/dev/full"), 6, "cannot write")):
        done = penrig("plot", path, *args)
        check(done.returncode == code and text in done.stderr, f"{args}: exit {done.returncode}: {done.stderr}")
    check(penrig("plot", folder / "nothing.penrig").returncode == 2, "a run file that is not there")
    (folder / "other.penrig").write_text("not a run file, by far")
    check(penrig("plot", folder / "other.penrig").returncode == 6, "a file that is no run file")


def main():
    check = rig.Checks()
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    run = rig.run_plan(own_plan(folder, [0.2, 1.0, 2.8], [90, 150]), folder=folder)
    if check(run.run_file is not None and run.report is not None, f"a run to plot: {run.err[-300:]}"):
        good = test_good(check, run)
        if good:
            test_wrong_cell(check, good)
        test_use(check, run)
    test_recording(check)
    test_faults(check)
    test_tripped(check)
    check.end()


if __name__ == "__main__":
    main()
