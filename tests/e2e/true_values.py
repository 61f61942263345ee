"""What a measurand truly was in a point's window, from the truth file alone: its definition in docs/method.md and nothing of the
product's code. Where the truth file leaves an edge open (a stroke within a millisecond of the window's edge), the value is the
one that contradicts a pass less."""
import statistics

WALL_ZERO_NS = 1780304400 * 10**9  # the day on which penrig-a begins
EDGE_S = 1e-3
INTERVALS_WITHIN = 5
SPIN_UP_SHARE = 0.05
CONTENT = 0.95
MOTION_PERIODS = 3  # without a stroke at an edge of the window; one more inside it


class Point:
    """The truth of one attempt at a point: what struck between its start and the next one's, and its measuring window."""

    def __init__(self, run, point, next_point):
        self.start_ns = int(point["started_utc_ns"]) - WALL_ZERO_NS
        self.end_ns = int(next_point["started_utc_ns"]) - WALL_ZERO_NS if next_point else run.truth[-1]["t_ns"]
        self.truth = [t for t in run.truth if self.start_ns <= t.get("t_ns", -1) <= self.end_ns]
        self.strokes = [t for t in self.truth if "stroke" in t]
        self.setpoint = point["setpoint"]
        self.fs_hz = next((t["true_rate_hz"] for t in run.truth if t.get("event") == "stream" and t["on"]), None)
        self.ambient_c = run.truth[0]["ambient_c"]
        self.pushes = {t["of"]: t for t in run.truth if t.get("event") == "push" and t["of"] is not None}
        self.partial = [t["t_ns"] for t in self.truth if t.get("event") == "push" and t["of"] is None]
        self.slow = [t for t in run.truth if t.get("event") == "temperature"]
        self.free_rate_hz = None  # of the free run before it
        self.window, self.edge = self.cut(point.get("window") or {})
        self.due = [t for t in self.window if t not in self.edge]
        self.made = [t for t in self.window if t["depth_mm"] is not None]

    def cut(self, window):
        lo, hi = window.get("first_index"), window.get("coast_index")
        if lo is None or hi is None or self.fs_hz is None:
            return [], []
        lo, hi, edge = int(lo), int(hi), EDGE_S * self.fs_hz
        inside = [t for t in self.strokes if t["index"] is not None and lo <= t["index"] < hi]
        self.lo, self.hi = lo, hi
        return inside, [t for t in inside if min(t["index"] - lo, hi - t["index"]) < edge]

    def depths(self):
        return [t["depth_mm"] for t in self.made]

    def inner_depths(self):
        return [t["depth_mm"] for t in self.made if t not in self.edge]

    def periods_s(self):
        """Between neighbours that were both made."""
        return [(b["t_ns"] - a["t_ns"]) * 1e-9 for a, b in zip(self.window, self.window[1:])
                if a["depth_mm"] is not None and b["depth_mm"] is not None]

    def rate_hz(self):
        """Of the strokes that were made."""
        return rate_of(self.made)

    def rates_hz(self):
        """The same with and without those of which the truth file does not tell whether they are in the window."""
        edge, made = EDGE_S * self.fs_hz, [t for t in self.strokes if t["index"] is not None and t["depth_mm"] is not None]
        firsts = [t["index"] for t in made if abs(t["index"] - self.lo) < edge] + [self.lo]
        lasts = [t["index"] for t in made if abs(t["index"] - self.hi) < edge] + [self.hi]
        spans = [[t for t in made if lo <= t["index"] <= hi] for first in firsts for lo in (first, first + 0.5)
                 for last in lasts for hi in (last, last - 0.5)]
        return [rate_of(span) for span in spans if len(span) > 2]

    def pushed(self, strokes):
        """What they pushed, of those that the sensor saw as a whole."""
        return [self.pushes[t["stroke"]] for t in strokes if t["stroke"] in self.pushes]

    def seating_n(self):
        """Mean over the window, by the straight lines between what the truth file says each half second."""
        first, last = self.window[0]["t_ns"], self.window[-1]["t_ns"]
        around = [t["seating_n"] for t in self.slow if first - 5e8 <= t["t_ns"] <= last + 5e8]
        return statistics.fmean(around) if around else None

    def commanded(self, output):
        """When the pen executed the first line of this point that switches its output so."""
        return next((t["t_ns"] for t in self.truth if t.get("event") == "command" and f"OUTP {output}" in t["line"]), None)

    def gap(self):
        """Why the needles did not strike throughout the window; None where they did."""
        if len(self.made) < 3:
            return f"{len(self.made)} strokes in the window"
        period = statistics.median(b["index"] - a["index"] for a, b in zip(self.window, self.window[1:]))
        first, last = self.made[0]["index"] - self.lo, self.hi - self.made[-1]["index"]
        inside = max(b["index"] - a["index"] for a, b in zip(self.made, self.made[1:]))
        if max(first, last) > (MOTION_PERIODS + 1) * period or inside > (MOTION_PERIODS + 2) * period:
            return f"no stroke for {max(first, last, inside) / period:.1f} periods"
        return None


def rate_of(strokes):
    return (len(strokes) - 1) / ((strokes[-1]["t_ns"] - strokes[0]["t_ns"]) * 1e-9)


def between(side, values):
    """What contradicts a pass less: the least for a limit from above."""
    return min(values) if side == "upper" else max(values)


def quantile(values, q):
    values = sorted(values)
    return values[min(int(q * len(values)), len(values) - 1)]


def spin_up_s(p):
    """From the start command to where the rate enters +-5 % of its final value and stays for five intervals; a straight line
    between the middles of two intervals."""
    start, final = p.commanded("ON"), p.rate_hz()
    times = [t["t_ns"] for t in p.strokes if t["t_ns"] > (start or 0)]
    if start is None:
        return None
    rates = [((a + b) / 2, 1e9 / (b - a)) for a, b in zip(times, times[1:])]
    within = [abs(rate / final - 1) <= SPIN_UP_SHARE for _, rate in rates]
    for i in range(len(rates) - INTERVALS_WITHIN + 1):
        if not all(within[i:i + INTERVALS_WITHIN]):
            continue
        if i == 0:
            return (rates[0][0] - start) * 1e-9
        (t0, r0), (t1, r1) = rates[i - 1], rates[i]
        edge = final * (1 - SPIN_UP_SHARE if r0 < final else 1 + SPIN_UP_SHARE)
        return (t0 + (t1 - t0) * (edge - r0) / (r1 - r0) - start) * 1e-9
    return None


def coast_down_s(p, side):
    """From the command to stop to the last stroke; or until the needles have pushed for the last time: a pen may come to rest with
    a push that is no stroke."""
    off = p.commanded("OFF")
    after = [t["t_ns"] for t in p.strokes if off is not None and t["t_ns"] > off and t["depth_mm"] is not None]
    partial = [t for t in p.partial if after and t > after[-1]]
    return (between(side, [after[-1], *partial]) - off) * 1e-9 if after else 0.0


def hottest(p, part):
    start, off = p.commanded("ON"), p.commanded("OFF")
    if start is None or off is None:
        return None
    found = [t[part] for t in p.truth if t.get("event") == "temperature" and start <= t["t_ns"] <= off + 1e7]
    return max(found) if found else None


def rise(p, part):
    found = hottest(p, part)
    return None if found is None else found - p.ambient_c


def steady(p, part):
    off = p.commanded("OFF")
    before = [t for t in p.slow if off is not None and p.start_ns <= t["t_ns"] <= off - 1e8]
    return before[-1][f"steady_{part}_c"] if before else None


def crest_factor(p, side):
    """The largest force of a stroke over the rms of all, at their mean period."""
    pushed, sure = p.pushed(p.made), p.pushed([t for t in p.made if t not in p.edge])
    if not sure:
        return None
    largest = max(t["peak_n"] for t in (sure if side == "upper" else pushed))
    return largest / (statistics.fmean(t["square_n2_s"] for t in pushed) * p.rate_hz()) ** 0.5


def droop(p):
    return None if p.free_rate_hz is None else 100 * (1 - p.rate_hz() / p.free_rate_hz)


def missed(p):
    return sum(t["depth_mm"] is None for t in p.due)


# measurand: (truth, needs strokes throughout the window). An upper bound of what can be told goes with each limit's side.
VALUES = {
    "depth_mm": lambda p, side: statistics.fmean(p.depths()),
    "depth_error_mm": lambda p, side: statistics.fmean(p.depths()) - p.setpoint["depth_mm"],
    "depth_sd_mm": lambda p, side: statistics.stdev(p.depths()),
    "depth_max_mm": lambda p, side: max(p.inner_depths()) if side == "upper" else max(p.depths()),
    "depth_tolerance_hi_mm": lambda p, side: quantile(p.depths(), CONTENT),
    "depth_tolerance_lo_mm": lambda p, side: quantile(p.depths(), 1 - CONTENT),
    "stroke_rate_hz": lambda p, side: between(side, p.rates_hz()),
    "stroke_rate_error_pct": lambda p, side: 100 * (between(side, p.rates_hz()) / p.setpoint["rate_hz"] - 1),
    "period_jitter_pct": lambda p, side: 100 * statistics.stdev(p.periods_s()) / statistics.fmean(p.periods_s()),
    "missed_strokes": lambda p, side: missed(p),
    "double_strokes": lambda p, side: 0,
    "strokes": lambda p, side: len(p.made) - (sum(t in p.edge for t in p.made) if side == "upper" else 0),
    "peak_force_n": lambda p, side: max((t["peak_n"] for t in p.pushed([t for t in p.made if t not in p.edge])), default=None),
    "crest_factor": crest_factor,
    "impulse_n_s": lambda p, side: statistics.fmean(t["impulse_n_s"] for t in p.pushed(p.made)),
    "free_rate_hz": lambda p, side: p.rate_hz(),
    "rate_droop_pct": lambda p, side: droop(p),
    "spin_up_s": lambda p, side: spin_up_s(p),
    "coast_down_s": coast_down_s,
    "handle_temperature_c": lambda p, side: hottest(p, "handle_c"),
    "tip_temperature_c": lambda p, side: hottest(p, "tip_c"),
    "temperature_rise_k": lambda p, side: None,  # of the part that the result names, as the next one
    "steady_temperature_c": lambda p, side: None,
    "ambient_temperature_c": lambda p, side: p.ambient_c,
    "seating_force_n": lambda p, side: p.seating_n(),
}


def value(p, result, side):
    """None where the truth file does not tell."""
    if result["measurand"] == "temperature_rise_k":
        return rise(p, result["method"] + "_c")
    if result["measurand"] == "steady_temperature_c":
        return steady(p, result["method"])
    return VALUES[result["measurand"]](p, side)


def points_of(run):
    points, free = run.report["points"], {}
    found = [(point, Point(run, point, following)) for point, following in zip(points, [*points[1:], None])]
    for point, truth in found:
        rate = point["setpoint"]["rate_hz"]
        if point["setpoint"]["phantom"] is None and point["counts"] and not truth.gap():
            free[rate] = truth.rate_hz()
        truth.free_rate_hz = free.get(rate)
    return found


# ---- sweeps: of the true mean depths at the setpoints of one rate and phantom --------------------------------------------

def line_residuals(x, y):
    mx, my = statistics.fmean(x), statistics.fmean(y)
    slope = sum((a - mx) * (b - my) for a, b in zip(x, y)) / sum((a - mx) ** 2 for a in x)
    return [b - my - slope * (a - mx) for a, b in zip(x, y)]


def up_and_down(x, y):
    """Means on the way up less means on the way down, for each setpoint."""
    top = x.index(max(x)) + 1  # the turning point stands there twice: up, then down
    up, down = dict(zip(x[:top], y[:top])), dict(zip(x[top:], y[top:]))
    return [up[a] - down[a] for a in up if a in down]


SWEEPS = {"depth_linearity_mm": line_residuals, "depth_hysteresis_mm": up_and_down}


def sweep_value(run, sweep, result):
    """None where a point of it did not count."""
    points = [(p, t) for p, t in points_of(run) if p["counts"] and p["setpoint"]["phantom"] == sweep["phantom"] and
              p["setpoint"]["rate_hz"] == sweep["rate_hz"]]
    if len(points) < 2 or any(t.gap() for _, t in points):
        return None
    x, y = [p["setpoint"]["depth_mm"] for p, _ in points], [statistics.fmean(t.depths()) for _, t in points]
    found = SWEEPS[result["measurand"]](x, y)
    return max(map(abs, found)) if found else None


# ---- against limits ----------------------------------------------------------------------------------------------------

def beyond_limits(result, true_of_side):
    """By how much the truth lies beyond a limit, in the limit's unit: 0 or less where it lies within."""
    limits, found = result["limits"], []
    for side, sign in (("lower", -1), ("upper", 1)):
        true = None if limits[side] is None else true_of_side(side)
        if true is not None:
            found.append(sign * (true - limits[side]))
    return max(found, default=0.0)


def beyond(p, result):
    return beyond_limits(result, lambda side: value(p, result, side))


def off(result, trues):
    """By how many U a result lies off the truth, which is somewhere between these. A tolerance limit claims one side only."""
    inside = min(max(result["value"], min(trues)), max(trues))
    apart = (result["value"] - inside) / result["expanded_uncertainty"]
    one_sided = {"depth_tolerance_hi_mm": min, "depth_tolerance_lo_mm": max}.get(result["measurand"])
    return one_sided(apart, 0.0) if one_sided else apart


def pen_left_running(run):
    return bool(run.truth) and bool(run.truth[-1].get("moving") or run.truth[-1].get("motor_on"))
