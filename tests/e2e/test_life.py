#!/usr/bin/python3
"""A course of sessions on a pen that wears: its strokes, the line, what is left, held against what was done to it and reckoned once more."""
import csv
import io
import json
import math
import tempfile
import xml.dom.minidom
from pathlib import Path

import rig

PLAN = {"kind": "penrig/plan/1", "name": "session", "limits": [{"measurand": "depth_error_mm", "unit": "mm", "lower": -0.3, "upper": 0.3},
                                                               {"measurand": "stroke_rate_error_pct", "unit": "%", "lower": -10, "upper": 10}],
        "steps": [{"depth_mm": 1.0, "rate_hz": 120, "measure_s": 6}]}
DEPTH, RATE = 50.0, 50.0  # mm, % per million strokes: a session is a treatment in the small
WEEK = 604800


def session(folder, plan, n, made, dut="PEN-GOOD-03", cartridge="C-1", worn=True, faults=()):
    fault = [f"wear@0,depth={DEPTH},rate={RATE},made={made:.0f}"] if worn else []
    return rig.run_plan(plan, dut=dut, seed=3, folder=folder / f"{dut}-{n}", faults=[*fault, *faults], world_extra=["--clock", n * 3 * WEEK],
                        extra=["--cartridge", cartridge, "--history", folder / "history", "--state", folder / "state", "--name", f"{dut}-{n}"])


def life(folder, *args):
    return rig.penrig_a("life", *args, "--history", folder / "history", "--state", folder / "state")


def test_course(check, folder, plan):
    """Five treatments three weeks apart, the cartridge changed once: what was worn is found, and by the same numbers."""
    made, runs = 0.0, []
    for n in range(5):
        runs.append(session(folder, plan, n, made, cartridge="C-1" if n < 2 else "C-2"))
        made += len(rig.strokes(runs[-1])) + 200  # what it does elsewhere the pen's own counter knows
    done = life(folder, plan, "--dut", "PEN-GOOD-03", "--json")
    check(done.returncode == 0, f"life: {done.returncode} {done.stderr}")
    told = json.loads(done.stdout)
    unit, = told["units"]
    check([s["run"] for s in unit["sessions"]] == [f"PEN-GOOD-03-{n}" for n in range(5)] and unit["cartridges"] == 2 and not unit["failed"], f"the course: {unit}")
    for s, run in zip(unit["sessions"], runs):
        struck = len(rig.strokes(run))
        check(abs(s["strokes"] - struck) < 0.02 * struck + 10, f"strokes of {s['run']}: {s['strokes']}, the truth has {struck}")
    total = unit["strokes"]
    check(abs(total - (made - 200)) < 0.03 * made and abs(unit["strokes_by_counter"] - 800) < 60, f"as old as all that it did, {made - 200}: {unit}")
    return told, made, runs


def line(xs, ys, level):
    means = {l: (sum(x for x, k in zip(xs, level) if k == l) / level.count(l), sum(y for y, k in zip(ys, level) if k == l) / level.count(l)) for l in set(level)}
    sxx = sum((x - means[l][0]) ** 2 for x, l in zip(xs, level))
    return sum((x - means[l][0]) * (y - means[l][1]) for x, y, l in zip(xs, ys, level)) / sxx


def test_line(check, told, made, runs):
    depth, = [d for d in told["drifts"] if d["measurand"] == "depth_error_mm" and d["method"] == "force_equivalent"]
    sessions = told["units"][0]["sessions"]
    xs = [s["strokes_before"] + s["strokes"] / 2 for s in sessions]
    ys = [rig.result(run.report["points"][0], "depth_error_mm", "force_equivalent")["value"] for run in runs]
    slope = 1e6 * line(xs, ys, [0, 0, 1, 1, 1])
    check(abs(depth["per_million"]["value"] / slope - 1) < 1e-3 and depth["levels_apart"] and depth["degrees_of_freedom"] == 2, f"the line: {depth}, by the reports {slope}")
    counted = sessions[-1]["strokes_before"] + sessions[-1]["strokes"]
    worn = -DEPTH * (made - 200) / counted  # per stroke that is known
    check(depth["per_million"]["lower"] < worn * 0.85 and depth["per_million"]["upper"] > worn * 1.15, f"what was done to it, {worn}, is in {depth['per_million']}")
    last = ys[-1] + slope * 1e-6 * (counted - xs[-1])
    left = (-0.3 - last) / (slope * 1e-6)
    check(0.8 < depth["left"]["value"] / left < 1.25 and depth["left"]["lower"] < depth["left"]["value"], f"left: {depth['left']}, reckoned {left}")
    check(depth["left"]["upper"] is None or depth["left"]["upper"] > depth["left"]["value"], f"{depth['left']}")


def test_forms(check, folder, plan):
    picture = folder / "wear.svg"
    done = life(folder, plan, "--dut", "PEN-GOOD-03", "--svg", picture)
    check(done.returncode == 0 and "pen PEN-GOOD-03: 5 sessions" in done.stdout and "per million strokes" in done.stdout and "strokes left" in done.stdout, f"{done.stdout} {done.stderr}")
    check("a level for each of 2 cartridges" in done.stdout and all(len(row) <= 110 for row in done.stdout.splitlines()), f"{done.stdout}")
    texts = [t.firstChild.data for t in xml.dom.minidom.parse(str(picture)).getElementsByTagName("text") if t.firstChild]
    check(any("depth_error_mm" in t for t in texts) and "now" in texts and any(t.startswith("limit") for t in texts), f"a picture: {texts[:8]}")
    clips = [c.getAttribute("id") for c in xml.dom.minidom.parse(str(picture)).getElementsByTagName("clipPath")]
    check(len(clips) > 1 and len(set(clips)) == len(clips), f"each line is clipped by its own frame: {clips}")
    rows = list(csv.DictReader(io.StringIO(life(folder, plan, "--csv").stdout)))
    check(rows and {"dut", "measurand", "per_million_value", "left_lower"} <= set(rows[0]), f"CSV: {rows[:1]}")
    done = life(folder, plan, "--dut", "PEN-NONE")
    check(done.returncode == 2 and "no run of PEN-NONE" in done.stderr, f"{done.returncode} {done.stderr}")
    done = life(folder, plan, "--measurand", "depth")
    check(done.returncode == 2 and "penrig help measurands" in done.stderr, f"{done.stderr}")
    one = sorted((folder / "PEN-GOOD-03-0").glob("*.penrig"))
    done = life(folder, *one, *one)
    check(done.returncode == 2 and "named before" in done.stderr, f"once each: {done.stderr}")
    done = life(folder, *one)
    check(done.returncode == 3 and "a line needs three" in done.stdout, f"one session is no course: {done.returncode} {done.stdout}")


def test_lives(check, folder, plan):
    """Of four pens two wear out; the others have lived so long without."""
    for dut, n, made in [("PEN-GOOD-04", 0, 0), ("PEN-GOOD-04", 1, 9000), ("PEN-GOOD-05", 0, 0), ("PEN-GOOD-05", 1, 800), ("PEN-GOOD-05", 2, 9000), ("PEN-GOOD-06", 0, 0)]:
        session(folder, plan, n, made, dut=dut)
    w = json.loads(life(folder, plan, "--json").stdout)["weibull"]
    check(list(w) == ["why_not"] and "2 of 4 pens failed" in w["why_not"], f"both may have failed at one life, which no pen outlived: {w}")
    for n, made in enumerate((0, 12000)):
        session(folder, plan, n, 0, dut="PEN-GOOD-09", worn=False, faults=[f"wear@0,depth=0,rate=0,made={made}"])
    done = life(folder, plan, "--json")
    told = json.loads(done.stdout)
    w, units = told["weibull"], {u["dut"]: u for u in told["units"]}
    check(done.returncode == 1 and w.get("pens") == 5 and w["failures"] == 2, f"two failed: {done.returncode} {w}")
    four = units["PEN-GOOD-04"]
    good = four["sessions"][0]["strokes_before"] + four["sessions"][0]["strokes"]
    check(four["failed"] and abs(four["life"] - four["strokes"]) < 1e-6 and abs(four["life"] - four["failed_within"] - good) < 1e-6 and
          not units["PEN-GOOD-06"]["failed"] and units["PEN-GOOD-06"]["failed_within"] == 0, f"somewhere behind the session that was in order: {four}")
    lives = [(u["life"] - u["failed_within"], u["life"], u["failed"]) for u in units.values()]

    def likelihood(shape, scale):
        lived = lambda t: math.exp(-(t / scale) ** shape)
        chances = [lived(a) - lived(t) if failed else lived(t) for a, t, failed in lives]
        return sum(map(math.log, chances)) if min(chances) > 0 else -math.inf

    b, eta = w["shape"]["value"], w["scale"]["value"]
    best = likelihood(b, eta)
    check(abs(best - w["log_likelihood"]) < 1e-9 and all(likelihood(b * x, eta * y) < best for x, y in ((1.001, 1), (0.999, 1), (1, 1.001), (1, 0.999))), f"the likelihood is greatest there: {best} {w}")
    check(all(w[k]["lower"] < w[k]["value"] < (w[k]["upper"] or math.inf) for k in ("shape", "scale", "b10")), f"{w}")

    def greatest(of):
        """By golden section over the log of the other parameter."""
        a, b = -4.0, 4.0
        for _ in range(80):
            x, y = b - 0.618034 * (b - a), a + 0.618034 * (b - a)
            a, b = (a, y) if of(x) > of(y) else (x, b)
        return of((a + b) / 2)

    tail = -math.log(0.9)
    profiles = {"shape": lambda v: greatest(lambda x: likelihood(v, eta * math.exp(x))), "scale": lambda v: greatest(lambda x: likelihood(b * math.exp(x), v)),
                "b10": lambda v: greatest(lambda x: likelihood(b * math.exp(x), v / tail ** (1 / (b * math.exp(x)))))}
    for name, profile in profiles.items():
        for end in ("lower", "upper"):
            if w[name][end]:
                fallen = best - profile(w[name][end])
                check(abs(2 * fallen / (1 + 1.5 * (w["failures"] / w["pens"]) ** 3 / w["failures"]) - 3.841459) < 1e-4, f"{name}, {end}: the likelihood has fallen by {fallen}: {w[name]}")
    check(sum(bool(w[name][end]) for name in profiles for end in ("lower", "upper")) >= 4, f"ends that there are: {w}")


def test_elsewhere(check, folder, plan):
    """A pen that also ran by another plan is as old as both; a run that cannot be read is said to be missing, as is a history."""
    other = folder / "other.json"
    other.write_text(json.dumps({**PLAN, "name": "other"}))
    for n, by in enumerate((plan, other, plan, other, plan)):
        session(folder, by, n, 0, dut="PEN-GOOD-08", worn=False)
    unit = json.loads(life(folder, plan, "--dut", "PEN-GOOD-08", "--json").stdout)["units"][0]
    runs = sorted(folder.glob("PEN-GOOD-08-*/*.penrig"))
    each = unit["sessions"][0]["strokes"]
    check(len(unit["sessions"]) == 3 and unit["other_runs"] == 2 and abs(unit["strokes"] / each - 5) < 0.05, f"both plans' strokes: {unit}")
    check([round(s["strokes_before"] / each, 1) for s in unit["sessions"]] == [0, 2, 4] and unit["cartridges"] == 1, f"each in its time: {unit}")
    until = json.loads(life(folder, plan, "--dut", "PEN-GOOD-08", "--until", "2026-06-30", "--json").stdout)["units"][0]
    check(until["other_runs"] == 1 and len(until["sessions"]) == 1, f"until then: {until}")
    runs[1].rename(runs[1].with_suffix(".gone"))
    done = life(folder, plan, "--dut", "PEN-GOOD-08")
    check("NOT COUNTED: 1 other run whose file is gone" in done.stdout and "in 1 other run of the history" in done.stdout, f"a run that is gone: {done.stdout[:900]}")
    alone = rig.penrig_a("life", runs[0], runs[2], runs[4], "--history", folder / "none")
    check("NOT COUNTED: other runs, for there is no history" in alone.stdout, f"no history: {alone.stdout[:900]} {alone.stderr}")


def test_cartridge_out(check, folder, plan):
    """What the line of a cartridge would come to says nothing of the next one, whose first session gave no value or was by another plan."""
    other = folder / "other.json"
    for n in range(4):
        session(folder, plan, n, 1000 * n, dut="PEN-GOOD-10")
    depth = lambda told: next(d for d in told["drifts"] if d["measurand"] == "depth_error_mm")
    done = life(folder, plan, "--dut", "PEN-GOOD-10", "--json")
    check(done.returncode == 0 and depth(json.loads(done.stdout))["left"]["value"] > 0 and depth(json.loads(done.stdout))["left_not_told"] is None, f"with its cartridge: {done.returncode} {done.stderr}")
    session(folder, other, 4, 0, dut="PEN-GOOD-10", cartridge="C-2", worn=False)
    done = life(folder, plan, "--dut", "PEN-GOOD-10", "--json")
    told = depth(json.loads(done.stdout))
    check(done.returncode == 3 and "left" not in told and "another cartridge was put in" in told["left_not_told"] and "per_million" in told, f"it is out: {done.returncode} {told}")
    check("strokes left         not told: behind its newest value another cartridge" in life(folder, plan, "--dut", "PEN-GOOD-10").stdout, "and so it says in words")
    session(folder, plan, 5, 4500, dut="PEN-GOOD-10", cartridge="C-2", faults=["silent:sensor@3"])
    told = depth(json.loads(life(folder, plan, "--dut", "PEN-GOOD-10", "--json").stdout))
    check("left" not in told, f"nor after a session of the new one that gave no value: {told}")


def test_not_judged(check, folder, plan):
    """A session that was cut short has made strokes, and survived nothing: the life is censored, or begins to be in doubt, before it."""
    for dut, n, made, faults in [("PEN-GOOD-11", 0, 0, ()), ("PEN-GOOD-11", 1, 700, ["silent:sensor@6"]), ("PEN-GOOD-12", 0, 0, ()), ("PEN-GOOD-12", 1, 700, ["silent:sensor@6"]), ("PEN-GOOD-12", 2, 9000, ())]:
        session(folder, plan, n, made, dut=dut, faults=faults)
    done = life(folder, plan, "--json")
    units = {u["dut"]: u for u in json.loads(done.stdout)["units"]}
    for dut in ("PEN-GOOD-11", "PEN-GOOD-12"):
        u = units[dut]
        first = u["sessions"][0]["strokes_before"] + u["sessions"][0]["strokes"]
        lived = u["life"] - u["failed_within"]
        check(u["sessions_not_judged"] == 1 and u["sessions"][1]["strokes"] > 100 and abs(lived - first) < 1e-6, f"{dut}: in order up to its last pass: {u}")
    u = units["PEN-GOOD-12"]
    check(u["failed"] and abs(u["life"] - u["strokes"]) < 1e-6 and not units["PEN-GOOD-11"]["failed"] and units["PEN-GOOD-11"]["life"] < units["PEN-GOOD-11"]["strokes"] - 100, f"and it may have failed in either: {u}")
    said = life(folder, plan).stdout
    check(said.count("1 session without a verdict of pass or fail: its life counts to the last that was in order") == 3, f"which is said: {said[-1500:]}")


def main():
    check = rig.Checks()
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    plan = folder / "session.json"
    plan.write_text(json.dumps(PLAN))
    told, made, runs = test_course(check, folder, plan)
    test_line(check, told, made, runs)
    test_forms(check, folder, plan)
    test_lives(check, folder, plan)
    test_elsewhere(check, folder, plan)
    test_cartridge_out(check, folder, plan)
    test_not_judged(check, folder, plan)
    check.end()


main()
