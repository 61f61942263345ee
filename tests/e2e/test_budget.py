#!/usr/bin/python3
"""A reader can compute every line of a budget again from the report alone, by the table in docs/method.md; what nobody stated has its
wide default, and everything that shows it says so."""
import json
import math
import sys
import tempfile
from pathlib import Path

import rig

REL = {"calibration": "gain_rel", "curve": "curve_rel", "temperature": "temperature_rel", "cell linearity": "cell_linearity_rel",
       "cell hysteresis": "cell_hysteresis_rel", "cell creep": "cell_creep_rel", "cell drift": "cell_drift_rel", "cartridge": "cartridge_force_rel",
       "position": "position_rel", "ageing": "ageing_rel", "needle speed": "needle_speed_rel", "phantom temperature": "phantom_temperature_rel"}
PLAN = {"kind": "penrig/plan/1", "name": "budget", "limits": [{"measurand": "depth_error_mm", "unit": "mm", "lower": -0.3, "upper": 0.3}],
        "steps": [{"name": "one", "depth_mm": 1.0, "rate_hz": 120, "tare_s": 0.5, "settle_s": 0.5, "measure_s": 1}]}
BENCH = {"cell_frequency_rel": 0.011, "cell_damping_rel": 0.12, "cell_linearity_rel": 0.0011, "cell_hysteresis_rel": 0.0012, "cell_creep_rel": 0.0013, "cell_drift_rel_per_year": 0.0014,
         "cell_zero_n": 0.0023,
         "cartridge_force_rel": 0.0015, "cartridge_length_mm": 0.0016, "seating_mm": 0.0017, "needle_angle_deg": 5}


def lines_of_force(i):
    lines = {name: i[key] * i["gain"] for name, key in REL.items()}
    lines["needle angle"] = i["needle_angle_rel"] * i["depth_mean"]
    lines["curve fit"], lines["depth reference"] = i["curve_fit_mm"], i["depth_reference_mm"]
    lines["curve rate"] = i["curve_rate_n"] / i["slope"]
    lines["template"], lines["zero"] = i["template_n"] / i["slope"], i["zero_n"] / i["slope"]
    lines["resolution"] = i["quantum"] / math.sqrt(12) / i["slope"] / math.sqrt(i["depths"])
    lines["bandwidth"] = i["bandwidth_n"] / i["slope"]
    lines["cell"] = i["cell_effect"] * i["cell_rel"] / i["slope"]
    lines["hum"] = i["hum"] / math.sqrt(2) / i["slope"]
    return {**lines, **wear(i)}


CELL = {name: key for name, key in REL.items() if name.startswith("cell ")}
SCALE = {"calibration": "gain_rel", "temperature": "temperature_rel", **CELL}
LEVEL, TOP, SHAPE, MEAN, ZERO = "level", "top", "shape", "mean", "zero"  # how a check's line acts on forces
ACTS = {"tare_lines": ("in step", LEVEL), "lift_off": ("lift-off", LEVEL), "gap": ("gap", LEVEL), "level_step": ("level step", LEVEL), "floor": ("floor", LEVEL),
        "clip": ("clip", TOP), "cell": ("cell ring", SHAPE), "cap": ("pulse shape", SHAPE), "noise": ("quantiser", SHAPE),
        "strange_strokes": ("strange strokes", MEAN), "settled": ("settling", MEAN), "reference": ("reference", ZERO)}


def of_checks_on(checks, i, effect):
    """The lines that model checks leave in a force: what they come to in depth, as a force, times its effect."""
    lines = {}
    for check in checks:
        name, acts = ACTS.get(check["name"], (None, None))
        if acts in effect:
            lines[name] = check["standard_uncertainty_mm"] / i["check_depth_per_force"] * effect[acts]
    return lines


def lines_of_peak(i, checks):
    peak = i["height_max"]
    return {**{name: i[key] * peak for name, key in SCALE.items()}, "repeatability": i["residual_noise"],
            "template": peak * i["template_rel"], "zero": i["level_gain"] * i["level_n"], "resolution": i["quantum"] / math.sqrt(12),
            "cell": i["cell_effect"] * i["cell_rel"] * peak / i["height_mean"], "bandwidth": i["bandwidth_n"] * peak / i["height_mean"], "hum": i["hum"] / math.sqrt(2),
            **of_checks_on(checks, i, {LEVEL: 1, TOP: 1, SHAPE: 1})}


def lines_of_crest(i, checks, crest):
    peak, mean, rms, height = i["height_max"], i["force_mean"], i["force_rms"], i["height_mean"]
    per_n = crest * max(1 / peak, mean / rms ** 2)
    return {"repeatability": crest * i["residual_noise"] / peak, "noise": crest * i["residual_noise"] / (rms * math.sqrt(i["heights"] * i["period"])),
            "template": crest * i["template_rel"], "zero": crest * i["level_n"] * abs(1 / peak - mean / rms ** 2),
            "cell linearity": crest * i["cell_linearity_rel"], "cell hysteresis": crest * i["cell_hysteresis_rel"],
            "cell": crest * i["cell_effect"] * i["cell_rel"] / height, "bandwidth": crest * i["bandwidth_n"] / height, "hum": per_n * i["hum"] / math.sqrt(2),
            **of_checks_on(checks, i, {LEVEL: per_n, TOP: crest / peak, SHAPE: crest / height, MEAN: crest / height})}


def lines_of_impulse(i, checks, impulse):
    return {**{name: i[key] * impulse for name, key in SCALE.items()}, "clock": i["clock_rel"] * impulse,
            "repeatability": i["impulse_scatter"] / math.sqrt(i["heights"]), "template": i["template_impulse"],
            "zero": i["level_n"] * i["contact"], "hum": i["hum"] / math.sqrt(2) * i["contact"],
            **of_checks_on(checks, i, {LEVEL: i["contact"], TOP: impulse / i["height_mean"], MEAN: impulse / i["height_mean"]})}


def lines_of_seating(i, checks, seating):
    return {**{name: i[key] * seating for name, key in SCALE.items()}, "zero": i["level_n"], "cell zero": i["cell_zero_n"],
            **of_checks_on(checks, i, {LEVEL: 1, ZERO: 1})}


def check_forces(check, label, point, inputs):
    checks = point["model_checks"]
    peak, crest, impulse, seating = (rig.result(point, name) for name in ("peak_force_n", "crest_factor", "impulse_n_s", "seating_force_n"))
    check_lines(check, f"{label}, peak force", peak, lines_of_peak(inputs, checks))
    check_lines(check, f"{label}, crest factor", crest, lines_of_crest(inputs, checks, crest["value"]))
    check_lines(check, f"{label}, impulse", impulse, lines_of_impulse(inputs, checks, impulse["value"]))
    drift = [line for line in seating["budget"] if line["name"] == "drift"]
    check_lines(check, f"{label}, seating force", seating, {**lines_of_seating(inputs, checks, seating["value"]),
                                                            **{line["name"]: line["standard_uncertainty"] for line in drift}})
    left = {line["name"] for line in peak["budget"]} & {name for name, _ in ACTS.values()}
    check(left, f"{label}: a check leaves its line in the peak force")


def lines_of_rate(i, rate):
    per = rate / i["rate_intervals"]
    return {"repeatability": per * i["ends_noise"] / i["rate_period"], "ends": per * i["ends_shift"] / i["rate_period"],
            "strokes": per * i["unsure_strokes"], "clock": i["clock_rel"] * rate}


def lines_of_nominal(i, rate):
    return {"repeatability": rate * i["nominal_period_u"] / i["nominal_period"], "clock": i["clock_rel"] * rate}


def lines_of_spin_up(i):
    return {"resolution": i["period"] / i["sample_rate"] / 2 / math.sqrt(3), "entry": i["spin_up_entry"] / math.sqrt(3), "clock": i["event_clock"]}


def lines_of_coast(i):
    return {"resolution": 1 / i["converter_rate"], "last stroke": i["coast_down_last_stroke"] / math.sqrt(3), "clock": i["event_clock"]}


def lines_of_maximum(i, site):
    return {"calibration": i[f"{site}_sensor"], "resolution": i[f"{site}_step"] / math.sqrt(3)}


def wear(i):
    return {"wear": abs(i["depth_trend"]) / math.sqrt(12) if abs(i["depth_trend"]) > 2.576 * i["depth_trend_noise"] else 0.0}


def one_side(result, i, checks):
    """What the errors that were seen ask for beyond the root of the squares: the rest and half of them added up."""
    others2 = sum(line["standard_uncertainty"] ** 2 for line in result["budget"] if line["name"] != "one side")
    seen2 = 0.0
    for check in checks:
        e2, line2 = (check["effect_mm"] or 0.0) ** 2, check["standard_uncertainty_mm"] ** 2
        e2 = min(e2, line2 / 0.94 ** 2) if check["name"] in ACTS else 0.0
        seen2 += max(0.0, e2 - (line2 - 0.94 ** 2 * e2))
    of_wear = wear(i)["wear"]
    rest = math.sqrt(max(0.0, others2 - 0.94 ** 2 * seen2 - of_wear ** 2))
    return {"one side": math.sqrt(max(0.0, (rest + 0.5 * math.sqrt(seen2 + 3 * of_wear ** 2)) ** 2 - others2))}


def unshown(i, scatter, n):
    """The mean lacks what the sensor did not show."""
    hidden, unseen = i["strokes_excluded"], i["strokes_unseen"]
    return {"excluded strokes": scatter * math.sqrt(hidden / (n * (n + hidden))), "missed strokes": 2 * scatter * unseen / (math.sqrt(3) * (n + unseen))}


def root_u(square, *lines):
    """u of a root whose square has these lines, all of them normal: (181)."""
    reach = 1.959964 * math.hypot(*lines)
    return max(math.sqrt(square + reach) - math.sqrt(square), math.sqrt(square) - math.sqrt(max(0, square - reach))) / 1.959964


def of_force(i):
    """What a spread rests on, by one method: sd and effective number of depths, K, share of movement, its u and what tops lack, noise, scale."""
    return {"scatter": i["depth_scatter"], "effective": i["depths_effective"], "k": i["tolerance_k"], "low": i["tolerance_low"], "share": i["depth_share"], "share_u": i["depth_share_u"],
            "told_u": i["depth_share_told_u"], "trend": abs(i["depth_trend"]) if abs(i["depth_trend"]) > i["depth_trend_noise"] else 0.0, "held": i["depth_share_held"], "moved2": i["depth_moved_variance"], "noise2": i["depth_noise_variance"], "noise2_u": i["depth_noise_variance_u"], "scale_rel": i["scale_rel"]}


def of_bar(i):
    return {"scatter": i["bar_depth_scatter"], "effective": i["bar_depths_effective"], "k": i["bar_tolerance_k"], "low": i["bar_tolerance_low"], "share": 1, "share_u": 0, "told_u": 0, "trend": 0, "held": 0, "moved2": 0,
            "noise2": i["bar_depth_noise"] ** 2, "noise2_u": 0, "scale_rel": 0}


def lines_of_tolerance(s):
    square = max(0, s["scatter"] ** 2 - s["noise2"]) / s["share"] ** 2
    shape = math.hypot(0.003, s["share_u"] / s["share"])
    return {"repeatability": s["scatter"] / math.sqrt(s["effective"]),
            "spread": s["k"] * root_u(square, s["noise2_u"] / s["share"] ** 2, 2 * square * shape, 2 * square * s["scale_rel"])}


def lines_of_largest(s, beyond):
    shape = math.hypot(0.003, s["share_u"] / s["share"])
    return {"repeatability": math.sqrt(s["noise2"]) / s["share"], "spread": math.hypot(abs(beyond) * math.hypot(shape, 2 * s["held"], min(1, s["moved2"] / s["scatter"] ** 2)), 0.5 * s["trend"])}


def shared(result, own):
    """The lines that the mean of the same strokes has too, but for those that are the mean's own."""
    return {line["name"]: line["standard_uncertainty"] for line in result["budget"] if line["name"] not in own}


def check_spreads(check, label, point, i):
    mean_only = ("repeatability", "excluded strokes", "missed strokes", "one side")
    for method, s in (("force_equivalent", of_force(i)), ("displacement", of_bar(i))):
        mean = rig.result(point, "depth_mm", method)
        common = shared(mean, mean_only)

        def side(result):
            return one_side(result, i, point["model_checks"]) if method == "force_equivalent" else {}

        largest = rig.result(point, "depth_max_mm", method)
        check_lines(check, f"{label}, largest by {method}", largest, {**common, **side(largest), **lines_of_largest(s, largest["value"] - mean["value"])}, rounded=ROUNDED_MM)
        raw = rig.result(point, "depth_max_raw_mm", method)
        check_lines(check, f"{label}, largest as it reads by {method}", raw, {**common, **side(raw), "repeatability": math.sqrt(s["noise2"]), "spread": 0.5 * s["trend"]})
        for end, sign in (("lo", -1), ("hi", 1)):
            limit = rig.result(point, f"depth_tolerance_{end}_mm", method)
            check_lines(check, f"{label}, tolerance {end} by {method}", limit, {**common, **side(limit), **lines_of_tolerance(s)})
            square = max(0, s["scatter"] ** 2 - s["noise2"])
            shape = 2 * square * math.hypot(0.003, s["told_u"] / s["share"])
            above = math.hypot(s["scatter"] ** 2 * (1 / s["low"] - 1), 2.3263 * math.hypot(s["noise2_u"], shape))
            own = math.sqrt(s["low"] * (square + above)) / s["share"]
            want = mean["value"] + sign * s["k"] * own
            check(math.isclose(limit["value"], want, abs_tol=limit["expanded_uncertainty"] / 50), f"{label}: {end} is {limit['value']}, mean and K times the sd's upper limit {want}")


def check_events(check, label, point, i):
    nominal = rig.result(point, "stroke_rate_hz", "nominal")
    check_lines(check, f"{label}, nominal rate", nominal, lines_of_nominal(i, nominal["value"]))
    check_lines(check, f"{label}, spin-up", rig.result(point, "spin_up_s"), lines_of_spin_up(i))
    check_lines(check, f"{label}, coast-down", rig.result(point, "coast_down_s"), lines_of_coast(i))
    for site in ("handle", "tip"):
        hottest = rig.result(point, f"{site}_temperature_c")
        if hottest["value"] is not None and hottest["method"] == "maximum":
            check_lines(check, f"{label}, {site}", hottest, lines_of_maximum(i, site))


def check_roots(check, label, point, i):
    """Jitter and scatter: the value is the root of a square, and the lines stand as those of the square do."""
    jitter, sd = rig.result(point, "period_jitter_pct"), rig.result(point, "depth_sd_mm", "force_equivalent")
    made, kappa2 = max(0.0, i["interval_variance"]), i["depth_share"] ** 2
    own = max(0.0, i["depth_scatter"] ** 2 - i["depth_noise_variance"]) / kappa2
    for result, square, lines in (
            (jitter, made, {"repeatability": (made + i["interval_noise_variance"]) * math.sqrt(2 / max(1, i["intervals_effective"] - 1)),
                            "noise": i["interval_variance_u"]}),
            (sd, own, {"repeatability": i["depth_scatter"] ** 2 / kappa2 * math.sqrt(2 / (i["depths_effective"] - 1)),
                       "noise": i["depth_noise_variance_u"] / kappa2, "calibration": 2 * own * i["scale_rel"],
                       "shape": 2 * own * math.hypot(0.003, i["depth_share_u"] / i["depth_share"])})):
        name = f"{label}, {result['measurand']}"
        check(math.isclose(result["value"], math.sqrt(square), rel_tol=1e-3), f"{name}: {result['value']}, by its inputs {math.sqrt(square)}")
        scale = math.hypot(*(line["standard_uncertainty"] for line in result["budget"])) / math.hypot(*lines.values())
        check_lines(check, name, result, {line: scale * u for line, u in lines.items()})


ROUNDED_MM = 5e-7  # what a difference of two depths of a report lacks, times the shape's share


def check_lines(check, label, result, expected, of_checks=(), rounded=1e-9):
    for line in result["budget"]:
        if line["standard_uncertainty"] in of_checks:
            continue
        if check(line["name"] in expected, f"{label}: {line['name']} can be computed"):
            want, got = expected[line["name"]], line["standard_uncertainty"]
            check(math.isclose(want, got, rel_tol=1e-3, abs_tol=rounded), f"{label}: {line['name']} is {got}, by its inputs {want}")
    for name, want in expected.items():
        stands = any(line["name"] == name for line in result["budget"])
        check(stands or want < 1e-12, f"{label}: the line {name} of {want} stands")
    total = math.sqrt(sum(line["standard_uncertainty"] ** 2 for line in result["budget"]))
    check(math.isclose(total, result["standard_uncertainty"], rel_tol=5e-3), f"{label}: u is the root of their squares")


def uncommented(text):
    return "\n".join(line.split("//")[0] for line in text.splitlines())


def run(stated):
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    bench = json.loads(uncommented((rig.FIXTURES / "benches/virtual-usb.json").read_text()).replace("../phantoms", str(folder)))
    for phantom in (rig.FIXTURES / "phantoms").glob("*.json"):
        p = json.loads(uncommented(phantom.read_text()))
        p.pop("uncertainty")
        if stated:
            p["uncertainty"] = {"position_rel": 0.0018, "ageing_rel_per_year": 0.0019, "needle_speed_rel": 0.0021}
        (folder / phantom.name).write_text(json.dumps(p))
    bench.pop("uncertainty")
    if stated:
        bench["uncertainty"] = BENCH
        bench["sensor"]["bandwidth_hz"] = 3000  # a filter that is slower than the cell of 5000 Hz
    (folder / "bench.json").write_text(json.dumps(bench))
    (folder / "plan.json").write_text(json.dumps(PLAN))
    done = rig.run_plan(folder / "plan.json", bench=folder / "bench.json", dut="PEN-GOOD-01", seed=3, folder=folder)
    shown = rig.penrig_a("check", folder / "plan.json", "--bench", folder / "bench.json").stdout
    return done.report, shown


def evidence_of(changes):
    """What a passed reference check rests on, on a bench without a displacement channel."""
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    text = (rig.FIXTURES / "benches/virtual-usb.json").read_text().replace("../phantoms", str(rig.FIXTURES / "phantoms"))
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    (folder / "bench.json").write_text(text)
    (folder / "plan.json").write_text(json.dumps(PLAN))
    point = rig.run_plan(folder / "plan.json", bench=folder / "bench.json", folder=folder).report["points"][0]
    found = next(c for c in point["model_checks"] if c["name"] == "reference")
    return found["state"], found["reason"] or ""


def check_evidence(check):
    force_only = [("LC-2001", "LC-1001"), (',\n    "displacement_u_mm": 0.002', "")]
    word = '"tare_free": "off, the pen stands with its needles drawn back",'
    for label, changes, wanted in (("bar", [(word, "")], "displacement of the needle bar"), ("word", force_only, "the bench's word alone"),
                                   ("level", [*force_only, (word, '"zero_n": 0.3, "u_zero_n": 0.01,')], "N without contact")):
        state, reason = evidence_of(changes)
        check(state == "passed" and wanted in reason, f"{label}: {state}, {reason}")
    state, reason = evidence_of([*force_only, (word, "")])
    check(state == "not_made" and "tare_free" in reason, f"none: {state}, {reason}")


SPOILT = ("missed-strokes@0.2,p=0.03", "glitch@0.2,rate=5", "travel@0.1,by=0.04,tau=2")


def check_spoilt(check):
    """Strokes that were not made or not seen, and depths that travel: the lines that a good pen has not."""
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    (folder / "plan.json").write_text(json.dumps(PLAN))
    point = rig.run_plan(folder / "plan.json", faults=SPOILT, seed=5, folder=folder).report["points"][0]
    i = {of["name"]: of["value"] for of in point["budget_inputs"]}
    by_force = rig.result(point, "depth_mm", "force_equivalent")
    lines = {line["name"]: line["standard_uncertainty"] for line in by_force["budget"]}
    for name, want in {**unshown(i, i["depth_scatter"], i["depths"]), **wear(i)}.items():
        check(want > 0 and math.isclose(lines.get(name, 0), want, rel_tol=1e-3), f"spoilt: {name} is {lines.get(name)}, by its inputs {want}")
    check_spreads(check, "spoilt", point, i)


def main():
    check = rig.Checks()
    check_evidence(check)
    check_spoilt(check)
    for stated in (True, False):
        report, shown = run(stated)
        point = report["points"][0]
        inputs = {i["name"]: i["value"] for i in point["budget_inputs"]}
        assumed = {i["name"] for i in point["budget_inputs"] if i["assumed"]}
        label = "stated" if stated else "assumed"
        of_checks = {c["standard_uncertainty_mm"] for c in point.get("model_checks", [])}
        by_force, by_bar = rig.result(point, "depth_mm", "force_equivalent"), rig.result(point, "depth_mm", "displacement")
        check_lines(check, f"{label}, by force", by_force,
                    {**lines_of_force(inputs), **one_side(by_force, inputs, point["model_checks"]), **unshown(inputs, inputs["depth_scatter"], inputs["depths"]),
                     "repeatability": inputs["depth_noise"] / math.sqrt(inputs["depths"])}, of_checks)
        check_lines(check, f"{label}, by displacement", by_bar,
                    {**unshown(inputs, inputs["bar_depth_scatter"], by_bar["n"]), "repeatability": inputs["bar_depth_noise"] / math.sqrt(by_bar["n"]), "calibration": inputs["displacement_mm"],
                     "cartridge": inputs["cartridge_length_mm"], "seating": inputs["seating_mm"], "bar shape": inputs["bar_shape_mm"],
                     "needle angle": inputs["needle_angle_rel"] * inputs["bar_depth_mean"]})
        check_forces(check, label, point, inputs)
        rate = rig.result(point, "stroke_rate_hz", "realised")
        check_lines(check, f"{label}, rate", rate, lines_of_rate(inputs, rate["value"]))
        check_roots(check, label, point, inputs)
        check_spreads(check, label, point, inputs)
        check_events(check, label, point, inputs)
        check(any(line["name"] == "bandwidth" for line in by_force["budget"]) == stated, f"{label}: a slow filter has its line")
        check(("bandwidth  3000 Hz" in shown) == stated and "will not be trusted" not in shown, f"{label}: check says so:\n{shown}")
        if stated:
            check(not assumed and "assumed" not in shown, f"nothing is assumed: {assumed}")
            check(math.isclose(inputs["cell_linearity_rel"], 0.0011) and math.isclose(inputs["position_rel"], 0.0018), "entries are taken")
            check(math.isclose(inputs["needle_angle_rel"], math.radians(5) ** 2 / math.sqrt(20), rel_tol=1e-6), "an angle is a cosine")
            narrow = by_force["expanded_uncertainty"]
        else:
            check(len(assumed) == 14, f"14 are assumed: {assumed}")
            check(shown.count("these wide values are taken") == 2 and "cartridge_force_rel" in shown and "ageing_rel_per_year" in shown,
                  f"check says what is assumed:\n{shown}")
            check(by_force["expanded_uncertainty"] > 2 * narrow, "what nobody stated is wide")
    check.end()


if __name__ == "__main__":
    sys.exit(main())
