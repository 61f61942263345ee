#!/usr/bin/python3
"""The campaign: random plans, pens, benches, phantoms in the clamp and up to three faults on top of each other, on the virtual
clock; whatever penrig passes is held against the truth file, every required measurand of it.

A contradiction is a pass whose truth lies beyond a limit by more than the U that stands there, a window that the needles did not
fill, a test of the pen that passed and must not, or a pen that was said to stand still and runs. There must be none. A pass
whose truth lies beyond a limit by no more than U is what the stated risk is for: their number must be one that this risk
explains. Whatever fails says its seed and the commit; `--seed N` repeats that run alone, and keeps it.

    B=build/dev tests/e2e/test_no_false_pass.py [--runs N] [--first SEED] [--seed N] [--only FAMILY] [--sensor force|bar] [--jobs N]"""
import argparse
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import campaign
import rig
import true_values

RUNS = 15 * int(os.environ.get("SEEDS", "20"))
KNOWN_STATUS = {0, 1, 3, 4, 8}  # docs/exit-codes.md: no usage error, no lock, no full disk, no mistake of penrig's own
STROKES_MIN = 3
OFF_U = 2  # a trusted result that lies further from the truth would have made a false pass of a limit halfway
CHANCE = 1e-4  # of calling an honest risk dishonest


def commit():
    found = subprocess.run(["git", "-C", str(rig.ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return found.stdout.strip() or "unknown"


def wrong_tests(case, run):
    for test in run.report["tests"]:
        if test["name"] == "dead_man" and test["outcome"] == "pass" and "dead-man dead" in case.families:
            yield "the dead-man test passed, and the dead-man is dead"


def sweeps_of(run):
    for sweep in run.report["sweeps"]:
        for result in sweep["results"]:
            if result["measurand"] in true_values.SWEEPS and result["value"] is not None:
                yield sweep, result, true_values.sweep_value(run, sweep, result)


class Finding:
    """What became of one case, in plain data: it is kept for thousands."""

    def __init__(self, case, run):
        self.seed, self.families, self.sensor, self.critical = case.seed, case.families, case.sensor, case.critical
        self.verdict, self.status = run.outcome()[0], run.status
        self.contradictions, self.zone, self.off, self.risk = [], [], [], 0.0
        self.reason = (run.report or {}).get("verdict_reason") or run.err[-300:]
        if run.status not in KNOWN_STATUS or (run.report is None and run.status in (0, 1)):
            self.contradictions.append(("exit", f"exit status {run.status}: {run.err[-300:]}"))
        if run.report is None:
            return
        if run.report["stop"]["verified"] and true_values.pen_left_running(run):
            self.contradictions.append(("stop", f"the pen runs, and it was said: {run.report['stop']['text']}"))
        self.look_at_trusted(case, run)
        if self.verdict == "pass":
            self.risk = run.report["run_risk"]["bound"]
            self.judge(case, run)

    def look_at_trusted(self, case, run):
        """What would be a contradiction by a limit halfway: trusted, and more than 2 U from the truth."""
        for point, truth in true_values.points_of(run):
            seen = next((r["value"] for r in point["results"] if r["measurand"] == "strokes"), None)
            if not point["counts"] or truth.gap() or (seen is not None and seen < STROKES_MIN):
                continue  # what a point of no strokes says is that there are none
            for result in point["results"]:
                if result["measurand"] not in true_values.VALUES or result["value"] is None or not result["trusted"]:
                    continue
                if (result["method"] or "").endswith("_process") or result["method"] == "nominal":
                    continue
                if result["measurand"] in campaign.OF_A_LEVEL and campaign.never_leaves(case):
                    continue
                trues = [true_values.value(truth, result, side) for side in ("upper", "lower")]
                if None not in trues and (result["expanded_uncertainty"] or 0) > 0:
                    self.note_off(result, trues)
        for sweep, result, true in sweeps_of(run):
            if true is not None and result["trusted"] and (result["expanded_uncertainty"] or 0) > 0:
                self.note_off(result, [true])

    def note_off(self, result, trues):
        ratio = true_values.off(result, trues)
        if abs(ratio) > OFF_U:
            self.off.append((" ".join(filter(None, (result["measurand"], result["method"]))), ratio))

    def judge(self, case, run):
        self.contradictions += [("test", text) for text in wrong_tests(case, run)]
        for point, truth in true_values.points_of(run):
            if point["counts"]:
                self.judge_point(point, truth)
        for sweep, result, true in sweeps_of(run):
            if result["limits"] is not None and result["required"]:
                over = true_values.beyond_limits(result, lambda side, true=true: true)
                self.judge_result(f"sweep at {sweep['rate_hz']:g} Hz", result, over)

    def judge_point(self, point, truth):
        gap = truth.gap()
        if gap:
            self.contradictions.append(("motion", f"point {point['number']}: {gap}"))
            return
        for result in point["results"]:
            if result["limits"] is None or not result["required"]:
                continue
            self.judge_result(f"point {point['number']}", result, true_values.beyond(truth, result))

    def judge_result(self, where, result, over):
        name, u = result["measurand"], result["expanded_uncertainty"] or 0.0
        text = (f"{where}: {name} {result['value']:.6g} +- {u:.3g} {result['unit']} passed, the truth is beyond "
                f"{result['limits']['lower']}..{result['limits']['upper']} by {over:.3g}")
        if over > u + 1e-9:
            self.contradictions.append((name, text))
        elif over > 1e-9:
            self.zone.append((name, text))


def examine(case, folder, keep=False):
    try:
        run = campaign.run(case, folder)
        return Finding(case, run)
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


# ---- how many passes in the zone the stated risks explain --------------------------------------------------------------

def at_least(risks, k):
    """The probability of k or more, each with its own risk (Poisson-binomial)."""
    chances = [1.0] + [0.0] * k  # of 0 .. k-1; the last one gathers k and more
    for p in risks:
        for i in range(k, 0, -1):
            chances[i] = chances[i] * (1 if i == k else 1 - p) + chances[i - 1] * p
        chances[0] *= 1 - p
    return chances[k] if k else 1.0


def line_of(finding):
    faults = ", ".join(finding.families) or "no fault"
    return f"seed {finding.seed} ({finding.sensor}; {faults})"


def table(findings):
    """By family and sensor: runs, verdicts, passes that the truth contradicts, passes within U of a limit."""
    rows, off = defaultdict(lambda: [0, 0, 0, 0, 0]), defaultdict(lambda: defaultdict(list))
    for f in findings:
        for family in [*f.families, *([] if f.families else ["none"]), "any"]:
            row = rows[(family, f.sensor)]
            row[0] += 1
            row[1] += f.verdict == "pass"
            row[2] += f.verdict == "fail"
            row[3] += bool(f.contradictions)
            row[4] += bool(f.zone)
            for name, ratio in f.off:
                off[(family, f.sensor)][name].append(ratio)
    print(f"{'family':26} {'sensor':6} {'runs':>6} {'pass':>6} {'fail':>6} {'other':>6} {'contradicted':>12} {'within U':>8}  "
          "trusted and more than 2 U off: how often, worst in U")
    for (family, sensor), (runs, passes, fails, wrong, zone) in sorted(rows.items()):
        print(f"{family:26} {sensor:6} {runs:6} {passes:6} {fails:6} {runs - passes - fails:6} {wrong:12} {zone:8}  " +
              ", ".join(f"{name} {len(r)} ({max(r, key=abs):+.1f})" for name, r in sorted(off[(family, sensor)].items())))


def judge_all(check, findings):
    here = commit()
    for f in findings:
        check(not f.contradictions, f"{line_of(f)}, commit {here}: {f.verdict}: " + "; ".join(text for _, text in f.contradictions))
    passed = [f for f in findings if f.verdict == "pass"]
    inside, risks = sum(bool(f.zone) and not f.contradictions for f in passed), [min(f.risk, 1.0) for f in passed]
    check(at_least(risks, inside) > CHANCE, f"{inside} passes have their truth beyond a limit by less than U; the stated risks explain "
          f"{sum(risks):.1f}: " + ", ".join(f"{f.seed}" for f in passed if f.zone)[:200])
    print(f"{len(findings)} runs: {len(passed)} passed, {sum(f.verdict == 'fail' for f in findings)} failed, "
          f"{sum(bool(f.contradictions) for f in findings)} contradicted by the truth; {inside} passes within U of a limit, "
          f"{sum(risks):.1f} by the stated risks")


def show(finding, folder):
    print(f"{line_of(finding)}: {finding.verdict}, exit {finding.status}: {finding.reason}\n{folder}")
    for name, text in [*finding.contradictions, *finding.zone]:
        print(f"{name}: {text}")
    for name, ratio in finding.off:
        print(f"{name} is trusted and {ratio:+.1f} U off")


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--only", choices=[*campaign.FAULTS, *campaign.OF_THE_OPERATOR, *campaign.BENCHES])
    parser.add_argument("--sensor", choices=["force", "bar"])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--table", action="store_true")
    return parser.parse_args()


def main():
    args, check = arguments(), rig.Checks()
    work = Path(tempfile.mkdtemp(prefix="campaign", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
    if args.seed is not None:
        finding = examine(campaign.draw(args.seed, args.only, args.sensor), work, keep=True)
        show(finding, work)
        sys.exit(bool(finding.contradictions))
    cases = (campaign.draw(seed, args.only, args.sensor) for seed in itertools.count(args.first))
    cases = list(itertools.islice(cases, args.runs))
    findings = rig.in_parallel([lambda c=c: examine(c, work / str(c.seed)) for c in cases], args.jobs)
    shutil.rmtree(work, ignore_errors=True)
    if args.table:
        table(findings)
    judge_all(check, findings)
    check.end()


if __name__ == "__main__":
    sys.exit(main())
