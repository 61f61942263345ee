#!/usr/bin/python3
"""What a judgement must not lean on: a check that could not be made, an attempt that is forgotten, needles that were not seen to move, a
certificate that does not hold. On the virtual clock, against the truth file."""
import json
import os
import sys
import tempfile
from pathlib import Path

import rig

SEEDS = int(os.environ.get("SEEDS", "30"))
UNSURE = ("inconclusive", "complete", 3)
PASS = ("pass", "complete", 0)


def limit(measurand, unit, **bounds):
    return {"measurand": measurand, "unit": unit, **bounds}


def run(limits, faults=(), step=(), dut="PEN-GOOD-01", seed=1, phantom=None, bench="virtual-usb.json", edit=None):
    """One point of 1 mm at 120 Hz unless the step says otherwise; `phantom` is what is really in the clamp."""
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    plan = {"kind": "penrig/plan/1", "name": "judging", "limits": limits,
            "steps": [{"name": "one", "depth_mm": 1.0, "rate_hz": 120, "measure_s": 1.0, **dict(step)}]}
    (folder / "plan.json").write_text(json.dumps(plan))
    extra = []
    if phantom:
        (folder / "clamp").write_text(phantom)
        extra = ["--clamp", folder / "clamp"]
    path = rig.own_bench(bench, folder)
    if edit:
        path.write_text(edit(path.read_text(), folder))
    return rig.run_plan(folder / "plan.json", bench=str(path), dut=dut, faults=faults, seed=seed, folder=folder, world_extra=extra)


def true_depth_mm(ran, point):
    window = [t["depth_mm"] for t in rig.true_window(ran, point) if t["depth_mm"] is not None]
    return sum(window) / len(window)


# ---- a check that could not be made

DEPTH = [limit("depth_error_mm", "mm", lower=-0.15, upper=0.15)]


def phantom_not_checked(check):
    """A soft phantom where the bench names the standard one: 1.0 mm by force is another depth in truth. The bar would tell; it stands."""
    for faults, phantom, outcome, reason in [
            ((), None, PASS, "nearest"),
            ((), "SIL-BONE-01", UNSURE, "another phantom in the clamp"),
            (("stuck@0.1,channel=1",), "SIL-BONE-01", UNSURE, "whether this is the phantom could not be checked: the displacement channel stood still"),
            (("stuck@0.1,channel=1",), None, UNSURE, "whether this is the phantom could not be checked")]:
        dut = "PEN-SHALLOW-01" if phantom else "PEN-GOOD-01"
        ran = run(DEPTH, faults=faults, phantom=phantom, dut=dut)
        label = f"phantom {phantom}, {faults}"
        check(ran.outcome() == outcome and reason in ran.report["verdict_reason"], f"{label}: {ran.outcome()} {ran.report['verdict_reason']}")
        shown = rig.result(ran.report["points"][0], "depth_mm", "force_equivalent")
        if phantom:
            truth = true_depth_mm(ran, ran.report["points"][0])
            check(abs(shown["value"] - truth) > 0.1 and abs(truth - 1.0) > 0.15, f"{label}: {shown['value']} mm shown, {truth} mm in truth: no case of it")
        check(rig.result(ran.report["points"][0], "stroke_rate_hz", "realised")["trusted"], f"{label}: what needs no force stays")
        apart = phantom and reason == "another phantom in the clamp"
        check(rig.result(ran.report["points"][0], "peak_force_n")["trusted"] == (not apart), f"{label}: forces, where it may be the cell")


def no_means_is_no_failed_check(check):
    """A bench that declares no calibrated displacement has not got the check; with one in the file it has, and the sensor must give it."""
    def force_alone(text, _):
        return text.replace("LC-2001", "LC-1001").replace('"displacement_u_mm": 0.002', '"displacement_u_mm": 0')

    def promised(text, _):
        return text.replace("LC-2001", "LC-1001")
    ran = run(DEPTH, edit=force_alone)
    check(ran.outcome() == PASS, f"no displacement on the bench: {ran.outcome()} {ran.report['verdict_reason']}")
    ran = run(DEPTH, edit=promised)
    check(ran.outcome() == UNSURE and "could not be checked: no displacement channel" in ran.report["verdict_reason"],
          f"a displacement that the bench declares and the sensor has not: {ran.outcome()} {ran.report['verdict_reason']}")


# ---- attempts

def what_an_attempt_showed_stays(check):
    """A pen whose depths scatter about a limit, and a sensor that loses frames: of those attempts whose deepest stroke was beyond it in
    truth, none is tried away. That some runs pass, some fail and some had attempts beyond it shows that this is a trial."""
    upper = 1.19
    jobs = [lambda seed=seed: run([limit("depth_max_mm", "mm", upper=upper)], dut="PEN-JITTERY-01", seed=seed, step={"attempts": 5},
                                  faults=("dropped-frames@0.1,p=0.002",)) for seed in range(1, SEEDS + 1)]
    outcomes, beyond = set(), 0
    for seed, ran in enumerate(rig.in_parallel(jobs), 1):
        verdict = ran.report["dut_verdict"]
        outcomes.add(verdict)
        for point in ran.report["points"]:
            deepest = max((t["depth_mm"] for t in rig.true_window(ran, point) if t["depth_mm"] is not None), default=0)
            beyond += deepest > upper and not point["counts"]
            check(deepest <= upper or verdict not in ("pass", "conditional_pass"),
                  f"seed {seed}: {verdict}, and attempt {point['attempt']} reached {deepest:.4f} mm: {ran.report['verdict_reason']}")
        check(rig.penrig_a("analyze", ran.run_file).returncode == ran.status, f"seed {seed}: derived again")
    every = SEEDS < 20 or {"pass", "inconclusive", "fail"} <= outcomes  # a few seeds need not show each
    check(beyond >= SEEDS / 6 and every, f"no trial: {beyond} attempts beyond the limit, {outcomes}")


def a_failure_is_measured_again_and_stays(check):
    """repeat_failed: the attempt that failed counts, whatever those after it show; and a pass that needed another attempt says so."""
    upper = 1.19
    jobs = [lambda seed=seed: run([limit("depth_max_mm", "mm", upper=upper)], dut="PEN-JITTERY-01", seed=seed, step={"repeat_failed": 2}) for seed in range(1, 7)]
    seen = set()
    for seed, ran in enumerate(rig.in_parallel(jobs), 1):
        points = ran.report["points"]
        first = points[0]["outcome"]
        if first not in ("fail", "conditional_fail"):
            check(len(points) == 1, f"seed {seed}: {first} is not repeated: {len(points)}")
            continue
        check(ran.status == 1 and [p["attempt"] for p in points] == [1, 2, 3] and [p["counts"] for p in points] == [True, False, False], f"seed {seed}: {ran.outcome()} {len(points)}")
        check(rig.penrig_a("analyze", ran.run_file).returncode == 1, f"seed {seed}: derived again")
        seen |= {p["outcome"] for p in points[1:]}
    check("pass" in seen or "fail" in seen, f"no trial: {seen}")
    again = run(DEPTH, step={"attempts": 3}, faults=("dropped-frames@0.1,p=0.001",))
    words = "points that had to be measured again: 1"
    check(again.report["points_measured_again"] == 1 and words in again.out, f"{again.outcome()} {again.out[-400:]}")
    check(again.outcome() == PASS and len(again.report["points"]) == 2, f"no trial: {again.outcome()} {again.report['verdict_reason']}")
    for form, said in [("text", words), ("html", words), ("tap", "points measured again 1"), ("junit", "points_measured_again"), ("prom", "penrig_run_points_measured_again"), ("csv", ",2,true,")]:
        told = rig.penrig_a("report", again.run_file, "--format", form, "--output", "-")
        check(said in told.stdout, f"{form}: {told.stderr} {told.stdout[:300]}")


def what_the_rig_lost_has_tries_of_its_own(check):
    """retry: beside attempts, and never for what the pen did; every report tells it."""
    dropped = ("dropped-frames@0.1,p=0.001",)
    without = run(DEPTH, faults=dropped)
    check(without.outcome() == UNSURE and [p.get("rig_cause") for p in without.report["points"]] == ["samples"] and "points_retried" not in without.report, f"the plan allows none: {without.outcome()}")
    again = run(DEPTH, step={"retry": 1}, faults=dropped)
    check(again.outcome() == PASS and [p.get("rig_cause") for p in again.report["points"]] == ["samples", None] and again.report["points_retried"] == 1, f"one more: {again.outcome()} {again.report['verdict_reason']}")
    words = "points that had to be measured again: 1, of them 1 because of the rig: samples"
    check(words in again.out and rig.penrig_a("analyze", again.run_file).returncode == 0, f"and says so: {again.out[-400:]}")
    for form, said in [("text", words), ("html", words), ("tap", "because of the rig 1: samples"), ("junit", 'name="points_retried" value="1"'), ("prom", "penrig_run_points_retried"), ("csv", ",samples\r\n"), ("json", '"rig_cause": "samples"'), ("jsonl", words), ("wsjf", words),
                       ("atml", words), ("openhtf", words), ("dcc", words), ("dfq", "attempt 1 (superseded)")]:
        told = rig.penrig_a("report", again.run_file, "--format", form, "--output", "-")
        check(said.strip() in told.stdout, f"{form}: {told.stderr} {told.stdout[:300]}")
    often = run(DEPTH, step={"retry": 2}, faults=("dropped-frames@0.1,p=0.001", "dropped-frames@5,p=0.001", "dropped-frames@8,p=0.001", "dropped-frames@11,p=0.001"))
    check(often.report["points"][-1]["attempt"] <= 3, f"no more than that: {len(often.report['points'])}")
    behind = f"dropped-frames@{window_ends_s(without) + 0.05:.2f},p=0.3"
    other = run(DEPTH, step={"retry": 2}, phantom="SIL-BONE-01", dut="PEN-SHALLOW-01", faults=(behind,))
    lost = next(int(d["counters"]["lost_samples"]) for d in other.report["devices"] if d["role"] == "load_sensor")
    check(lost > 0 and len(other.report["points"]) == 1 and "rig_cause" not in other.report["points"][0] and other.outcome() == UNSURE,
          f"samples that it did not rest on: {lost}, {other.outcome()} {[p.get('rig_cause') for p in other.report['points']]}")
    stalled = run(DEPTH, step={"retry": 3}, faults=("stall@1.5",))
    check(len(stalled.report["points"]) == 1 and "rig_cause" not in stalled.report["points"][0] and stalled.outcome() != PASS, f"a pen that stalls is not the rig: {stalled.outcome()} {len(stalled.report['points'])}")


# ---- needles that were not seen to move

OF_MOTION = [limit("coast_down_s", "s", upper=0.5), limit("double_strokes", "1", upper=0)]
BESIDE = [limit("seating_force_n", "N", lower=0.1, upper=0.6)], [limit("ambient_temperature_c", "degC", lower=10, upper=40)]
NEVER, EARLY = ("missed-strokes@0,p=1",), ("missed-strokes@{:.2f},p=1",)


def window_ends_s(ran):
    """When the measure window of the only point ended, in the bench's time."""
    last = int(ran.report["points"][0]["window"]["coast_index"])
    return min(rig.strokes(ran), key=lambda t: abs((t["index"] or 0) - last))["t_ns"] * 1e-9


def a_pass_needs_motion(check):
    """The pen never strikes, or stops 0.6 s before the window ends: neither comes to rest at once, nor is any other limit's pass a pass."""
    ends_s = window_ends_s(run(DEPTH))
    early = (EARLY[0].format(ends_s - 0.6),)
    few = [limit("strokes", "1", upper=100000)]
    for limits, faults, step, outcome, reason in [
            (OF_MOTION, (), {}, PASS, ""), (few, (), {}, PASS, ""), (BESIDE[0], (), {}, PASS, ""), (BESIDE[1], (), {}, PASS, ""),
            (OF_MOTION, early, {}, UNSURE, "no strokes in the last"), (few, early, {}, UNSURE, "no strokes in the last"),
            (BESIDE[0], early, {}, UNSURE, "no pass without a measured motion"),
            (few, NEVER, {}, UNSURE, "0 strokes seen"), (OF_MOTION, NEVER, {}, UNSURE, "0 strokes seen"),
            (BESIDE[0], NEVER, {}, UNSURE, "no pass without a measured motion: 0 strokes"), (BESIDE[1], NEVER, {}, UNSURE, "no pass without"),
            (few, NEVER, {"still": True}, UNSURE, "0 strokes seen"),
            ([limit("missed_strokes", "1", upper=0)], early, {}, ("fail", "complete", 1), "missed"),
            ([limit("strokes", "1", lower=100)], early, {}, ("fail", "complete", 1), "strokes"),
            ([limit("stroke_rate_hz", "Hz", lower=100)], NEVER, {}, ("fail", "complete", 1), "")]:
        ran = run(limits, faults=faults, step=step)
        label = f"{[limit['measurand'] for limit in limits]} {faults} {step}"
        check(ran.outcome() == outcome and reason in ran.report["verdict_reason"], f"{label}: {ran.outcome()} {ran.report['verdict_reason']}")
        anew = rig.penrig_a("analyze", ran.run_file)
        check(anew.returncode == ran.status, f"{label}: derived again: {anew.returncode} {anew.stderr}")


def a_still_step_passes_at_rest(check):
    """Only such a one; with the needles retracted nothing shows the stop, so the bench must have a bar that does."""
    for limits in BESIDE:
        ran = run(limits, faults=NEVER, step={"still": True})
        point = ran.report["points"][0]
        check(point["outcome"] == "pass" and rig.result(point, "strokes")["value"] == 0, f"still: {point['outcome']} {point['reason']}")


# ---- a phantom at another temperature

def tempered(at_c, scale=1.0, **keys):
    """The bench with a copy of its phantom's file that says so of its temperature, all forces scaled."""
    def edit(text, folder):
        lines = (rig.FIXTURES / "phantoms/SIL-STD-01.json").read_text().splitlines()
        phantom = json.loads("\n".join(line.split("//")[0] for line in lines))
        phantom.update(temperature_c=at_c, **keys)
        for curve in phantom["curves"]:
            curve["force_n"] = [force * scale for force in curve["force_n"]]
        (folder / "phantom.json").write_text(json.dumps(phantom))
        return text.replace(str(rig.FIXTURES / "phantoms/SIL-STD-01.json"), "phantom.json")
    return edit


def phantom_temperature(check):
    ran = run(DEPTH)
    room_c = rig.result(ran.report["points"][0], "ambient_temperature_c")["value"]
    plain = rig.result(ran.report["points"][0], "depth_mm", "force_equivalent")
    refused = (None, "refused", 2)
    for at_c, keys, outcome, reason in [
            (60, {}, refused, "was calibrated at 60 degC and holds from 55 to 65 degC (5 K either way, as its file does not say)"),
            (60, {"temperature_range_c": [29, 60]}, refused, "holds from 29 to 60 degC, bench"),
            (60, {"temperature_range_c": [15, 60]}, PASS, ""),
            (round(room_c + 5.5, 1), {}, UNSURE, "degC, and the phantom's calibration at"),
            (round(room_c - 5.5, 1), {}, UNSURE, "degC, and the phantom's calibration at"),
            (round(room_c + 4.5, 1), {}, PASS, ""), (round(room_c - 4.5, 1), {}, PASS, "")]:
        ran = run(DEPTH, edit=tempered(at_c, **keys))
        said = ran.report["verdict_reason"] if ran.report and ran.report["verdict_reason"] else ran.err
        got = ran.outcome() if ran.report else (None, "refused", ran.status)
        check(got == outcome and reason in said, f"a phantom of {at_c} degC, {keys}: {got} {said}")
    at_c = room_c + 4
    for per_k in (0.02, -0.01):
        ran = run(DEPTH, edit=tempered(at_c, scale=1 / (1 - per_k * 4), force_rel_per_k=per_k, u_force_rel_per_k=abs(per_k) / 10))
        depth = rig.result(ran.report["points"][0], "depth_mm", "force_equivalent")
        check(ran.outcome() == PASS and abs(depth["value"] - plain["value"]) < 0.003, f"{per_k} per K, corrected: {depth['value']}, {plain['value']} mm")
        check(depth["expanded_uncertainty"] > plain["expanded_uncertainty"] * 1.2, f"{per_k} per K: U {depth['expanded_uncertainty']}")
        check(rig.penrig_a("analyze", ran.run_file).returncode == 0, f"{per_k} per K: derived again")


def main():
    check = rig.Checks()
    phantom_not_checked(check)
    no_means_is_no_failed_check(check)
    what_an_attempt_showed_stays(check)
    a_failure_is_measured_again_and_stays(check)
    what_the_rig_lost_has_tries_of_its_own(check)
    a_pass_needs_motion(check)
    a_still_step_passes_at_rest(check)
    phantom_temperature(check)
    check.end()


if __name__ == "__main__":
    sys.exit(main())
