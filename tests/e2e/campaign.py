"""Cases of the campaign that looks for false passes: a seed says which pen, which bench, which plan, what is in the clamp and
which faults strike. Half of them have a pen whose truth lies beyond a limit, and most have something that may hide it. Every
fault of docs/virtual-bench.md is drawn. Nothing here knows what penrig makes of it."""
import json
import math
import random
from dataclasses import dataclass, field

import rig
import test_terminal as terminal

PHANTOMS = {"SIL-STD-01": (0.40, 0.20, 0.08), "SIL-SOFT-01": (0.25, 0.13, 0.09), "SIL-BONE-01": (0.55, 0.26, 0.06)}
STRANGERS = ["SIL-OTHER-01", "SIL-OTHER-02", "SIL-OTHER-03", "SIL-OTHER-04"]  # up to 20 % off a standard one
SEATING = {"SIL-STD-01": 0.30, "SIL-SOFT-01": 0.28, "SIL-BONE-01": 0.34}
# Forces above the level between strokes, that level itself: where needles never leave the phantom the truth file has none.
OF_A_LEVEL = ["peak_force_n", "crest_factor", "impulse_n_s", "seating_force_n"]
PENS = [("PEN-GOOD-", 16), ("PEN-SHALLOW-", 1), ("PEN-DEEP-", 1), ("PEN-SLOW-", 1), ("PEN-JITTERY-", 2), ("PEN-HOT-", 1),
        ("PEN-WEAK-", 1)]
CELL = '"cell": { "natural_frequency_hz": 5000, "damping": 0.05 },'
RUN_S = 3.5  # when the shorter runs are over


@dataclass
class Case:
    """All that a run needs. families: what the pen, the clamp and the bench have against the model, by name."""
    seed: int
    dut: str = ""
    sensor: str = "bar"  # or "force": no displacement channel
    families: list = field(default_factory=list)
    faults: list = field(default_factory=list)
    clamp: str = ""  # "": what the bench file says
    bench: str = ""
    plan: dict = field(default_factory=dict)
    critical: str = ""
    long_s: float = 0  # the window of a steady temperature
    sweep: list = field(default_factory=list)  # its depths
    free_run: bool = False


def log_uniform(rng, lo, hi):
    return math.exp(rng.uniform(math.log(lo), math.log(hi)))


def force_n(phantom, depth_mm, rate_hz):
    a, b, c = PHANTOMS[phantom]
    return (a * depth_mm + b * depth_mm ** 2) * (1 + c * math.log(rate_hz / 100))


ECCENTRIC_MM = 1.55


def pulse_of(case):
    """Crest factor and impulse of an eccentric's stroke of the set depth, N s."""
    turns, e, d = 2000, ECCENTRIC_MM, case.depth_mm
    forces = [force_n(case.phantom, max(0.0, d - e * (1 - math.cos(2 * math.pi * i / turns))), case.rate_hz) for i in range(turns)]
    return max(forces) / math.sqrt(sum(f * f for f in forces) / turns), sum(forces) / turns / case.rate_hz


# ---- faults: name -> spec, by what the case already is -----------------------------------------------------------------

def when(rng, at_once=0.6):
    return "@0" if rng.random() < at_once else f"@{rng.uniform(0.05, RUN_S):.3f}"


def plain(name, *options, at_once=0.6):
    """A fault whose keys are drawn: (key, lo, hi), log-uniform where lo is above 0, or (key, [values])."""
    def spec(rng, case):
        text = name + when(rng, at_once)
        for key, *bounds in options:
            if isinstance(bounds[0], list):
                value = rng.choice(bounds[0])
            elif bounds[0] > 0:
                value = log_uniform(rng, *bounds)
            else:
                value = rng.uniform(*bounds)
            text += f",{key}={value:.5g}"
        return text
    return spec


def clip(rng, case):
    peak = 0.3 + force_n(case.phantom, case.depth_mm, case.rate_hz)
    return f"clip@0,at={peak * rng.uniform(0.7, 1.05):.4f},behind={rng.choice([0, 1])},soft={rng.choice([0, 0, 0.03, 0.1])}"


def bottoming(rng, case):
    return f"bottoming@0,depth={max(case.depth_mm + rng.uniform(-0.2, 0.1), 0.06):.4f},give={rng.choice([0, 0, 0.3, 0.7])}"


def either_sign(name, key, lo, hi, extra=""):
    def spec(rng, case):
        return f"{name}{when(rng, 0.8)},{key}={rng.choice([-1, 1]) * log_uniform(rng, lo, hi):.5g}{extra}"
    return spec


FAULTS = {
    "unplug": plain("unplug", at_once=0), "unplug sensor": plain("unplug:sensor", at_once=0),
    "unplug and back": lambda rng, case: f"unplug:{rng.choice(['pen', 'sensor'])}{when(rng, 0)},back={rng.uniform(0.1, 1):.2f}",
    "garbage": plain("garbage", ("every", 0.02, 1), at_once=0.5), "garbage of the pen": plain("garbage:pen", ("every", 0.02, 1)),
    "bit flips": plain("bit-flips", ("rate", 1e-6, 1e-3)), "bit flips of the pen": plain("bit-flips:pen", ("rate", 1e-5, 3e-3)),
    "stall": plain("stall", at_once=0), "usb stall": plain("usb-stall", at_once=0),
    "silent": lambda rng, case: f"silent:{rng.choice(['pen', 'sensor'])}{when(rng, 0)}",
    "stuck": plain("stuck", ("channel", [0]), at_once=0), "bar stuck": plain("stuck", ("channel", [1])),
    "saturated": plain("saturated", at_once=0), "dropped frames": plain("dropped-frames", ("p", 1e-4, 0.05)),
    "sensor alarm": plain("sensor-alarm", ("code", [1, 3, 6]), at_once=0.1),
    "slow clock": either_sign("slow-clock", "error", 2e-5, 0.02), "reboot": plain("reboot", at_once=0),
    "over-temperature": plain("over-temperature", at_once=0), "weak battery": plain("weak-battery", at_once=0.1),
    "missed strokes": plain("missed-strokes", ("p", 0.002, 0.3)), "creep": plain("creep", ("rate", 0.1, 10)),
    "dead-man dead": plain("dead-man-dead", at_once=1), "dead-man late": plain("dead-man-late", ("ms", 30, 2000), at_once=1),
    "runs on": plain("runs-on", ("dead-man", [0, 1]), at_once=1),
    "uptime grain": plain("uptime-grain", ("ms", [10, 50, 200, 1000]), at_once=1),
    "travel": lambda rng, case: f"travel@0,by={rng.choice([-1, 1]) * log_uniform(rng, 0.01, 0.3):.4f},tau={log_uniform(rng, 0.1, 3):.3f}",
    "bottoming": bottoming, "double bump": plain("double-bump", ("share", 0.1, 1), ("after", 0.1, 0.4)),
    "asymmetry": either_sign("asymmetry", "skew", 0.02, 0.5),
    "never leaves": plain("never-leaves", ("depth", 0.002, 0.3), ("tare", [1]), at_once=1),
    "never leaves, tare free": plain("never-leaves", ("depth", 0.002, 0.3), ("tare", [0]), at_once=1),
    "dwell": plain("never-leaves", ("dwell", [1]), ("depth", 0.002, 0.3), ("tare", [1]), at_once=1),
    "dwell, tare free": plain("never-leaves", ("dwell", [1]), ("depth", 0.002, 0.3), ("tare", [0]), at_once=1),
    "tare in contact": plain("tare-contact", ("depth", 0.002, 0.3), at_once=1),
    "bounce": plain("bounce", ("share", 0.01, 0.3), ("after", 0.2, 3), ("ms", 0.5, 4)),
    "adhesion": plain("adhesion", ("share", 0.005, 0.3), ("reach", 0.1, 2)),
    "inertia": lambda rng, case: f"inertia{when(rng)},force={log_uniform(rng, 0.001, 0.05):.4f},phase={rng.uniform(-180, 180):.0f}",
    "relaxation": plain("relaxation", ("share", 0.01, 0.3), ("tau", 0.2, 50)),
    "relaxation unknown": plain("relaxation", ("share", 0.01, 0.3), ("tau", 0.2, 50), ("known", [0])),
    "tremor": plain("tremor", ("force", 0.002, 0.1), ("rate", 0.5, 12)),
    "tremor of the needles": plain("tremor", ("force", [0]), ("depth", 0.003, 0.1), ("rate", 0.5, 12)),
    "knock": lambda rng, case: f"knock{when(rng, 0)},force={rng.choice([-1, 1]) * log_uniform(rng, 0.002, 0.3):.4f},ms={log_uniform(rng, 5, 500):.1f}",
    "cell": plain("cell", ("frequency", 800, 6000), ("damping", 0.01, 0.3), at_once=1),
    "cell, damped": plain("cell", ("frequency", 800, 6000), ("damping", 0.3, 2), at_once=1),
    "cell creep": either_sign("cell-creep", "share", 0.0005, 0.03, ",tau=2"),
    "clip": clip, "slew": plain("slew", ("rate", 50, 2000)), "glitch": either_sign("glitch", "size", 0.02, 5),
    "burst": lambda rng, case: f"glitch{when(rng, 0)},size={log_uniform(rng, 0.05, 2):.3f},samples={round(log_uniform(rng, 2, 300))}",
    "impulses": plain("glitch", ("size", 0.05, 2), ("rate", 0.5, 100)),
    "frozen": plain("frozen", ("ms", 0.3, 300), at_once=0), "frozen often": plain("frozen", ("ms", 0.3, 30), ("every", 0.05, 1)),
    "1/f noise": plain("coloured", ("rms", 0.0005, 0.01)), "coloured noise": plain("coloured", ("rms", 0.001, 0.02), ("corner", 5, 2000), ("white", [0, 1])),
    "white noise": plain("coloured", ("rms", [0]), ("white", 1.5, 20)),
    "mains": plain("mains", ("frequency", [60, 60, 50, 41, 120, 240]), ("force", 0.0005, 0.02)),
}
# Of these one run in few can pass, whatever the rest is: they are drawn less often.
ENDS_A_RUN = {"unplug", "unplug sensor", "unplug and back", "stall", "silent", "stuck", "saturated", "sensor alarm", "reboot",
              "over-temperature", "weak battery", "runs on", "creep"}
OF_THE_BAR = {"bar stuck"}
OF_THE_OPERATOR = {"wrong phantom"}  # a bench without the bar has no means to see what lies in its clamp: the operator's word
BENCHES = ["cell undeclared"]


# ---- limits ------------------------------------------------------------------------------------------------------------

def limit(measurand, unit, lower=None, upper=None):
    found = {"measurand": measurand, "unit": unit, "required": True}
    if lower is not None:
        found["lower"] = round(lower, 6)
    if upper is not None:
        found["upper"] = round(upper, 6)
    return found


def roomy(case):
    """Limits that a good pen keeps with ease, so that another one decides."""
    crest, impulse = pulse_of(case)
    room = {
        "depth_error_mm": limit("depth_error_mm", "mm", -0.4, 0.4), "depth_mm": limit("depth_mm", "mm", 0.01, case.depth_mm + 0.5),
        "depth_max_mm": limit("depth_max_mm", "mm", None, case.depth_mm + 0.6), "depth_sd_mm": limit("depth_sd_mm", "mm", None, 0.15),
        "depth_tolerance_hi_mm": limit("depth_tolerance_hi_mm", "mm", None, case.depth_mm + 0.6),
        "depth_tolerance_lo_mm": limit("depth_tolerance_lo_mm", "mm", case.depth_mm - 0.6),
        "period_jitter_pct": limit("period_jitter_pct", "%", None, 8), "stroke_rate_error_pct": limit("stroke_rate_error_pct", "%", -10, 10),
        "stroke_rate_hz": limit("stroke_rate_hz", "Hz", 0.9 * case.rate_hz, 1.1 * case.rate_hz),
        "missed_strokes": limit("missed_strokes", "1", None, 0), "double_strokes": limit("double_strokes", "1", None, 0),
        "strokes": limit("strokes", "1", 0.8 * case.rate_hz * case.measure_s), "spin_up_s": limit("spin_up_s", "s", None, 1),
        "coast_down_s": limit("coast_down_s", "s", None, 0.5), "handle_temperature_c": limit("handle_temperature_c", "degC", None, 48),
        "tip_temperature_c": limit("tip_temperature_c", "degC", None, 48), "temperature_rise_k": limit("temperature_rise_k", "K", None, 15),
        "ambient_temperature_c": limit("ambient_temperature_c", "degC", 15, 30),
        "peak_force_n": limit("peak_force_n", "N", None, 2 * force_n(case.phantom, case.depth_mm, case.rate_hz) + 0.1),
        "crest_factor": limit("crest_factor", "1", 0.5 * crest, 1.5 * crest), "impulse_n_s": limit("impulse_n_s", "N s", None, 3 * impulse + 2e-4),
        "seating_force_n": limit("seating_force_n", "N", SEATING[case.phantom] - 0.1, SEATING[case.phantom] + 0.1),
    }
    if never_leaves(case):
        for name in OF_A_LEVEL:
            del room[name]
    return room


def never_leaves(case):
    return any(name.startswith(("never leaves", "dwell")) for name in case.families)


def offset_for(rng, case, width):
    """A pen that goes too deep or too shallow by little or much, or stays within; as a fault that sets its true depth."""
    beyond = rng.choice([-1, 1]) * (width + log_uniform(rng, 0.008, 0.15)) if rng.random() < 0.6 else rng.uniform(-width, width)
    case.faults.append(f"offset@0,by={max(beyond, 0.1 - case.depth_mm):.4f}")


def critical_depth(rng, case):
    width = log_uniform(rng, 0.02, 0.15)
    offset_for(rng, case, width)
    if rng.random() < 0.5:
        return limit("depth_mm", "mm", case.depth_mm - width, case.depth_mm + width)
    return limit("depth_error_mm", "mm", -width, width)


def critical_extreme(measurand):
    def draw(rng, case):
        width = log_uniform(rng, 0.03, 0.2)
        offset_for(rng, case, width)
        if measurand == "depth_tolerance_lo_mm":
            return limit(measurand, "mm", case.depth_mm - width)
        return limit(measurand, "mm", None, case.depth_mm + width)
    return draw


def critical_scatter(measurand, unit, good, jittery):
    def draw(rng, case):
        return limit(measurand, unit, None, log_uniform(rng, *(jittery if "JITTERY" in case.dut else good)))
    return draw


def critical_upper(measurand, unit, lo, hi):
    return lambda rng, case: limit(measurand, unit, None, log_uniform(rng, lo, hi))


def critical_rate(rng, case):
    width = log_uniform(rng, 0.05, 14)
    return limit("stroke_rate_error_pct", "%", -width, width)


def critical_peak(rng, case):
    offset_for(rng, case, 0.05)
    return limit("peak_force_n", "N", None, force_n(case.phantom, case.depth_mm, case.rate_hz) * rng.uniform(0.9, 1.1))


def critical_shape(rng, case):
    """The pulse as a whole, of a pen whose depth is its setpoint or not."""
    offset_for(rng, case, 0.05)
    crest, impulse = pulse_of(case)
    if rng.random() < 0.5:
        return limit("impulse_n_s", "N s", *[None, impulse * rng.uniform(0.93, 1.05)][::rng.choice([1, -1])])
    return limit("crest_factor", "1", *[None, crest * rng.uniform(0.98, 1.02)][::rng.choice([1, -1])])


def critical_seating(rng, case):
    at = SEATING[case.phantom] + rng.uniform(-0.03, 0.03)
    return limit("seating_force_n", "N", *[None, at][::rng.choice([1, -1])])


def critical_steady(rng, case):
    case.long_s = rng.choice([case.measure_s, round(log_uniform(rng, 3, 120)), round(rng.uniform(300, 420)), round(rng.uniform(300, 420))])
    return limit("steady_temperature_c", "degC", None, log_uniform(rng, 24, 34))


def critical_sweep(rng, case):
    """Depths up and down again, of a pen whose way to a depth has a bow and some play."""
    case.sweep = [round(rng.uniform(0.3, 0.8) + 0.5 * i, 2) for i in range(rng.choice([3, 4]))]
    if rng.random() < 0.5:
        return limit("depth_linearity_mm", "mm", None, log_uniform(rng, 0.002, 0.02))
    return limit("depth_hysteresis_mm", "mm", None, log_uniform(rng, 0.003, 0.03))


def critical_droop(rng, case):
    case.free_run = True
    return limit("rate_droop_pct", "%", None, log_uniform(rng, 0.02, 1))


def critical_strokes(rng, case):
    made = case.rate_hz * case.measure_s
    return limit("strokes", "1", round(made * rng.uniform(0.95, 1.02)))


def critical_counts(rng, case):
    return limit("missed_strokes", "1", None, rng.choice([0, 0, 1, 3]))


CRITICAL = [
    (critical_depth, 8), (critical_extreme("depth_max_mm"), 4), (critical_extreme("depth_tolerance_hi_mm"), 1),
    (critical_extreme("depth_tolerance_lo_mm"), 1), (critical_scatter("depth_sd_mm", "mm", (0.003, 0.012), (0.05, 0.09)), 3),
    (critical_scatter("period_jitter_pct", "%", (0.06, 0.4), (2, 5)), 4), (critical_rate, 2), (critical_counts, 1), (critical_strokes, 1),
    (critical_upper("spin_up_s", "s", 0.05, 0.3), 1), (critical_upper("coast_down_s", "s", 0.08, 0.5), 1),
    (critical_upper("handle_temperature_c", "degC", 20, 27), 1), (critical_upper("tip_temperature_c", "degC", 20, 27), 1),
    (critical_upper("temperature_rise_k", "K", 0.05, 2), 1), (critical_peak, 2), (critical_shape, 3), (critical_seating, 1),
    (critical_sweep, 2),
]
# Runs that take long, or a person at a terminal: few of them.
SELDOM = [(critical_steady, 0.012), (critical_droop, 0.03)]


# ---- the case ----------------------------------------------------------------------------------------------------------

def weighted(rng, table):
    return rng.choices([value for value, _ in table], [weight for _, weight in table])[0]


def draw_step(rng, case):
    case.depth_mm, case.rate_hz = round(rng.uniform(0.3, 2.7), 2), rng.choice([90, 105, 120, 135, 150, round(rng.uniform(90, 150), 1)])
    case.measure_s, case.settle_s = round(rng.uniform(0.4, 1.2), 2), rng.choice([0.1, 0.2, 0.5, 0.5, 0.8])
    case.phantom = rng.choice(list(PHANTOMS))
    depths = [case.depth_mm] if rng.random() < 0.85 else [round(max(0.3, case.depth_mm - 0.2), 2), case.depth_mm]
    return {"name": "one", "depth_mm": depths, "rate_hz": case.rate_hz, "phantom": [case.phantom], "tare_s": rng.choice([0.3, 0.5]),
            "settle_s": case.settle_s, "measure_s": case.measure_s, "attempts": rng.choice([1, 1, 1, 2, 3])}


def draw_families(rng, case, only):
    free = [name for name in FAULTS if not (case.sensor == "force" and name in OF_THE_BAR)]
    chosen = []
    for _ in range(rng.choices([0, 1, 2, 3], [15, 45, 25, 15])[0]):
        chosen.append(rng.choices(free, [0.0 if n in chosen else 0.2 if n in ENDS_A_RUN else 1.0 for n in free])[0])
    if only in FAULTS:
        chosen = [only] + [name for name in chosen if name != only][:rng.choice([0, 0, 1, 2])]
    case.families += chosen
    if only == "cell undeclared" or (rng.random() < 0.1 and only is None):
        case.families.append("cell undeclared")
    if case.sensor == "bar" and (only == "wrong phantom" or (rng.random() < 0.12 and only is None)):
        case.clamp = rng.choice([name for name in [*PHANTOMS, *STRANGERS] if name != case.phantom])
        case.families.append("wrong phantom")


def bench_text(rng, case):
    text = (rig.FIXTURES / "benches/virtual-usb.json").read_text().replace("../phantoms", str(rig.FIXTURES / "phantoms"))
    if case.sensor == "force":
        text = text.replace("LC-2001", "LC-1001").replace(',\n    "displacement_u_mm": 0.002', "")
    if "cell undeclared" in case.families:
        text = text.replace(CELL, "")
    first = f'{{ "file": "{rig.FIXTURES}/phantoms/{case.phantom}.json", "position": "A1", "strokes_used": 0 }}'
    others = [f'{{ "file": "{rig.FIXTURES}/phantoms/{name}.json", "position": "A1", "strokes_used": 0 }}' for name in PHANTOMS
              if name != case.phantom]
    text = text[:text.index('"phantoms"')] + '"phantoms": [' + ",\n".join([first, *others]) + "]\n}\n"
    return text.replace('"sample_rate_hz": 20000', f'"sample_rate_hz": {rng.choice([10000, 20000, 20000, 40000])}')


def draw_critical(rng, case):
    """Where needles never leave the phantom, no force above the level between strokes; a free run only where the bar shows it."""
    share = rng.random()
    for critical, of_runs in SELDOM:
        share -= of_runs
        if share < 0 and (critical is not critical_droop or case.sensor == "bar" and not case.clamp):
            return critical
    return weighted(rng, [(c, w) for c, w in CRITICAL if not (c in (critical_shape, critical_seating, critical_peak) and never_leaves(case))])


def settle_by_rule(case, step):
    """In a third of the runs the window begins when the pen is seen to have settled; drawn apart, so that all other draws stay."""
    rng = random.Random(f"settles {case.seed}")
    if rng.random() < 1 / 3:
        step["settle_s"] = {"min": rng.choice([0.1, 0.15, 0.3]), "max": rng.choice([0.4, 0.8, 1.5]),
                            "until": {"depth_mm": rng.choice([0.005, 0.01, 0.02]), "stroke_rate_hz": rng.choice([0.3, 1])}}


def shape_step(case, step):
    """What the limit that decides wants of the step."""
    settle_by_rule(case, step)
    if case.long_s:
        step.update({"measure_s": case.long_s, "attempts": 1, "depth_mm": [case.depth_mm]})
    if case.sweep:
        step.update({"depth_mm": case.sweep, "order": "up_down"})
    if case.free_run:
        step.update({"free_run": True, "settle_s": 1, "measure_s": max(1.0, case.measure_s), "depth_mm": [case.depth_mm]})
    return step


def draw_plan(rng, case, step):
    decisive = draw_critical(rng, case)(rng, case)
    case.critical = decisive["measurand"]
    room = [other for name, other in roomy(case).items() if name != case.critical]
    limits = [decisive, *rng.sample(room, rng.choice([0, 0, 1, 1, 2, 4]))]
    judge = {"depth": "displacement"} if case.sensor == "bar" and rng.random() < 0.2 else {}
    tests = {"dead_man": True} if rng.random() < (0.7 if any(n.startswith("dead-man") for n in case.families) else 0.05) else {}
    return {"kind": "penrig/plan/1", "name": f"campaign-{case.seed}", "judge": judge, "tests": tests,
            "thermal": {"basis": "the campaign's own"}, "limits": limits, "steps": [shape_step(case, step)]}


def draw(seed, only=None, sensor=None):
    """only: this family is in it, whatever else is. sensor: "bar" or "force", drawn where it is not said."""
    rng = random.Random(seed)
    case = Case(seed)
    case.sensor = sensor or ("bar" if only in OF_THE_BAR | OF_THE_OPERATOR else rng.choice(["bar", "force"]))
    case.dut = weighted(rng, PENS) + f"{rng.randrange(1, 100):02d}"
    step = draw_step(rng, case)
    draw_families(rng, case, only)
    case.plan = draw_plan(rng, case, step)
    case.faults = case.faults + [FAULTS[name](rng, case) for name in case.families if name in FAULTS]
    case.bench = bench_text(rng, case)
    return case


def at_terminal(case, folder):
    """A free run wants a person who takes the phantom away and puts it back."""
    t = terminal.Terminal(folder, case.plan, dut=case.dut, seed=case.seed, faults=case.faults, bench=folder / "bench.json")
    for asked, phantom in (("Take the phantom away", "FREE"), (f"Put phantom {case.phantom}", case.phantom)):
        if t.until(asked):
            t.put(phantom)
    return rig.Run(t.end(), t.text, t.text, folder)


def run(case, folder):
    """The case on the virtual clock, in a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.json").write_text(case.bench)
    (folder / "plan.json").write_text(json.dumps(case.plan))
    extra = []
    if case.free_run:
        return at_terminal(case, folder)
    if case.clamp:
        (folder / "clamp").write_text(case.clamp)
        extra = ["--clamp", folder / "clamp"]
    return rig.run_plan(folder / "plan.json", bench=folder / "bench.json", dut=case.dut, faults=case.faults, seed=case.seed,
                        folder=folder, world_extra=extra)
