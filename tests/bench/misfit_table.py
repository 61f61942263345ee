#!/usr/bin/python3
"""What the estimators make of signals that their model does not fit, and of good ones: adds to misfit_counts.tsv what trials it lacks
and writes docs/misfits.md. `make misfits` runs it; it may be broken off at any time, and goes on from there.

    misfit_table.py BUILD_FOLDER [TRIALS [GOOD]] [--anew] [--processes N]

200 trials of each cell and 4000 good recordings, unless said otherwise; fewer than are kept: only the page is written. --anew: what is
kept is of an older method, or of other signals, and is measured from the start."""
import argparse
import math
import sys
from pathlib import Path

from scipy.stats import beta, norm

from misfit_counts import Bench, Counts, Mixed, Row, code_digest, reasons_of

PAGE = Path("docs/misfits.md")
OUTSIDE, ACCEPT, GOOD_UNTRUSTED, TOLERANCE_OUTSIDE = 0.05, 0.025, 0.01, 0.01
COVERAGE = (0.93, 0.97)
SD_OFF = 1.0  # %
RISK = 0.05  # that chance alone marks any cell of the page as missed
LEAST_FOR_NORMAL = 30
COUNTED = 0.999  # of the variance that a count has, which is the most of any share
REASONS_SHOWN = 3
TRIALS_WANTED = 200
SCATTER = {"depth_sd_process": "depth_sd", "depth_max": "depth_max", "jitter_process": "jitter"}


class Judge:
    """A share is missed where it is above its target by more than chance allows, were so many shares looked at: by the binomial
    distribution, and, where trials come to parts of one, by the sd from trial to trial. Of a count of yes and no that sd says
    nothing where nearly all are the same: of 199 in 200 it is a third of what 97 % have."""

    def __init__(self, looked_at):
        self.level = RISK / looked_at
        self.z = norm.isf(self.level)
        self.looked_at = looked_at

    def above(self, mean, sd, n, target):
        if n < 1 or not mean > target:
            return False
        binomial = beta.ppf(self.level, max(mean * n, 1e-9), n - mean * n + 1) > target
        counted = sd * sd * (n - 1) > COUNTED * n * mean * (1 - mean)
        return bool(binomial or (sd > 0 and not counted and n >= LEAST_FOR_NORMAL and mean - self.z * sd / math.sqrt(n) > target))

    def off(self, row, most):
        """Is the mean relative error beyond this, as far as chance lets one tell? %"""
        error = row.sd("error_rel") / math.sqrt(row.trusted)
        return row.trusted >= LEAST_FOR_NORMAL and abs(row.mean("error_rel")) - self.z * error > most


def percent(x, digits=1):
    return "-" if not math.isfinite(x) else f"{100 * x:.{digits}f}"


def untrusted(row):
    return 1 - row.trusted / row.trials


def figure(x):
    return "-" if not math.isfinite(x) else f"{x:.3g}" if abs(x) < 100 else f"{x:.0f}"


def verdict(missed, trials):
    """So few trials that a share of twice the target may show none do not tell that it is met."""
    return "**no**: " + ", ".join(missed) if missed else "yes" if trials >= TRIALS_WANTED else "not told"


def share(mean, sd, n):
    """With its standard error: from trial to trial, or of a count, which is not nil where the count is."""
    if not math.isfinite(mean) or n < 1:
        return "-"
    near = (mean * n + 1) / (n + 2)
    error = sd if sd > 0 and math.isfinite(sd) else math.sqrt(near * (1 - near))
    return f"{percent(mean)} ± {percent(error / math.sqrt(n))}"


def outside_of(row):
    return share(row.mean("outside"), row.sd("outside"), row.trusted)


def untrusted_of(row):
    return share(untrusted(row), 0.0, row.trials)


def off_of(row):
    """Mean relative error, with its standard error."""
    error = row.sd("error_rel") / math.sqrt(row.trusted) if row.trusted > 1 else math.nan
    return f"{figure(row.mean('error_rel'))} ± {figure(error)}"


def accept_of(row):
    return share(row.mean("accept", "trials"), row.sd("accept", "trials"), row.trials)


def shares(row):
    return f"{outside_of(row)} | {untrusted_of(row)} | {accept_of(row)} ({percent(max(row.upper, row.lower) / row.trials)})"


def missed_of(judge, name, row):
    missed = []
    if judge.above(row.mean("outside"), row.sd("outside"), row.trusted, OUTSIDE):
        missed.append(f"{name} outside U")
    if judge.above(row.mean("accept", "trials"), row.sd("accept", "trials"), row.trials, ACCEPT):
        missed.append(f"{name} false accepts")
    elif judge.above(max(row.upper, row.lower) / row.trials, 0.0, row.trials, ACCEPT):
        missed.append(f"{name} false accepts on one side")
    return missed


def table(head, lines):
    columns = head.count("|") - 1
    return "\n".join([head, "|" + "---|" * columns, *lines]) + "\n"


def reasons(row):
    """The three that are named most often."""
    found = sorted(reasons_of(row.reasons).items(), key=lambda r: -r[1])
    more = len(found) - REASONS_SHOWN
    return "; ".join(f"{text} ({count})" for text, count in found[:REASONS_SHOWN]) + (f"; {more} more" if more > 0 else "")


def title(row):
    return f"{row.family} | {row.severity} {row.unit}".strip()


def misfit_table(cells, judge, found):
    lines = []
    for claims in cells.values():
        depth, rate = claims["depth"], claims["rate"]
        missed = missed_of(judge, "depth", depth) + missed_of(judge, "rate", rate)
        if depth.miscounted:
            missed.append("strokes miscounted")
        star = depth.kind == "misfit*"
        found["aims"] += not star
        found["missed"] += [f"{depth.family} {depth.severity}: {', '.join(missed)}"] if missed and not star else []
        lines.append(f"| {title(depth)} | {depth.trials:.0f} | {figure(depth.mean('error'))} | {figure(depth.mean('u'))} | {shares(depth)} | {shares(rate)} | "
                     f"{percent(depth.miscounted / depth.trials)} | {'-' if star else verdict(missed, depth.trials)} | {reasons(depth)} |")
    return table("| family | severity | trials | bias, µm | U, µm | depth outside U | untrusted | false accepts | rate outside U | untrusted | "
                 "false accepts | miscounted | met | untrusted because |", lines)


def scatter_table(cells, judge, found):
    lines = []
    for claims in cells.values():
        rows = {name: claims[claim] for claim, name in SCATTER.items()}
        first = claims["depth"]
        star = first.kind == "misfit*"
        missed = [m for name, row in rows.items() for m in missed_of(judge, name, row)]
        found["aims"] += not star
        found["missed"] += [f"{first.family} {first.severity}: {', '.join(missed)}"] if missed and not star else []
        lines.append(f"| {title(first)} | {first.trials:.0f} | " + " | ".join(
            f"{outside_of(r)} | {untrusted_of(r)} | {accept_of(r)}" for r in rows.values()) +
            f" | {'-' if star else verdict(missed, first.trials)} |")
    return table("| family | severity | trials | depth_sd outside U | untrusted | false accepts | depth_max outside U | untrusted | "
                 "false accepts | jitter outside U | untrusted | false accepts | met |", lines)


def good_table(rows, judge, found):
    lines = []
    for claims in rows.values():
        depth, rate = claims["depth"], claims["rate"]
        missed = missed_of(judge, "depth", depth) + missed_of(judge, "rate", rate)
        worst = max(untrusted(depth), untrusted(rate))
        aimed = depth.family == "duty <= 0.85"
        if aimed and judge.above(worst, math.sqrt(worst * (1 - worst)), depth.trials, GOOD_UNTRUSTED):
            missed.append("untrusted")
        found["aims"] += 1
        found["missed"] += [f"good, {depth.family}: {', '.join(missed)}"] if missed else []
        lines.append(f"| {depth.family} | {depth.trials:.0f} | {figure(depth.mean('error'))} | {figure(depth.mean('u'))} | {shares(depth)} | "
                     f"{shares(rate)} | {percent(depth.miscounted / depth.trials)} | {verdict(missed, depth.trials)} | {reasons(depth)} |")
    return table("| good recordings | n | bias, µm | U, µm | depth outside U | untrusted | false accepts | rate outside U | "
                 "untrusted | false accepts | miscounted | met | untrusted because |", lines)


def covers(judge, row, least, most):
    """Is its coverage within the bounds, as far as chance lets one tell?"""
    outside, sd = row.mean("outside"), row.sd("outside")
    return not judge.above(outside, sd, row.trusted, 1 - least) and not judge.above(1 - outside, sd, row.trusted, most)


def accuracy_table(cells, judge, found):
    lines = []
    for claims in cells.values():
        first, missed = claims["depth"], []
        if not covers(judge, claims["depth_sd_process"], *COVERAGE):
            missed.append("depth_sd coverage")
        if "jitter" in first.family and not covers(judge, claims["jitter_process"], COVERAGE[0], 1.0):
            missed.append("jitter coverage")
        if "minute" in first.family and judge.off(claims["depth_sd"], SD_OFF):
            missed.append("depth_sd off by more than 1 %")
        for claim in ("depth", "depth_process", "rate", "depth_max"):
            missed += missed_of(judge, claim, claims[claim])
        if judge.above(claims["tolerance"].mean("outside"), 0.0, claims["tolerance"].trusted, TOLERANCE_OUTSIDE):
            missed.append("tolerance")
        found["aims"] += 1
        found["missed"] += [f"{first.family} {first.severity}: {', '.join(missed)}"] if missed else []
        order = ("depth", "depth_process", "rate", "depth_sd_process", "depth_max", "jitter_process")
        lines.append(f"| {title(first)} | {first.trials:.0f} | {percent(untrusted(first))} | " +
                     " | ".join(percent(1 - claims[c].mean("outside")) for c in order) +
                     f" | {percent(claims['tolerance'].mean('outside'))} | {off_of(claims['depth_sd'])} | "
                     f"{figure(claims['jitter'].mean('error_rel')) if 'jitter' in first.family else '-'} | {verdict(missed, first.trials)} |")
    return table("| good, by | value | trials | untrusted | depth | depth, process | rate | depth_sd | depth_max | jitter | tolerance short | "
                 "depth_sd off, % | jitter off, % | met |", lines)


def sweep_table(sweeps, judge, found):
    lines = []
    for s in sweeps:
        n = s.trials - s.untrusted
        row = Row(outside=n - s.covered, outside2=n - s.covered, trusted=n)
        missed = [] if covers(judge, row, *COVERAGE) else ["coverage"]
        found["aims"] += 1
        found["missed"] += [f"{s.what}, {s.setpoints} setpoints, {s.snr} dB, {s.deviation} µm: coverage"] if missed else []
        lines.append(f"| {s.what} | {s.setpoints} | {s.snr} | {s.deviation} | {s.hysteresis} | {s.trials:.0f} | {percent(s.untrusted / s.trials)} | "
                     f"{percent(1 - row.mean('outside'))} | {figure(s.error / n)} | {figure(s.u / n)} | {verdict(missed, s.trials)} |")
    return table("| | setpoints | SNR, dB | deviations, µm | hysteresis, µm | trials | untrusted | coverage | bias, µm | mean U, µm | met |", lines)


HEAD = """# Signals that the model does not fit

Written by `make misfits` from what the trials came to (`tests/bench/misfit_counts.tsv`) by version {method} of the
[method](method.md#versions); do not edit. Recordings with exactly known truth (`tests/bench/recording.c`; they share no code with the
estimators and none with the virtual bench) go through tare, spin-up, window, coast and rest into the point's analysis. Of each
family (`tests/bench/misfits.c`) and severity, {trials} trials{few}: even ones are of a nominal pen (120 Hz, 1 mm, duty 0.4,
40 dB, sd 8 µm, 20 kS/s, 3 s), odd ones of others (80 to 200 Hz, 0.6 to 1.6 mm, duty 0.25 to 0.65, 32 to 50 dB). One of them alone:
`build/dev/tests/bench/misfit --family NAME --severity X --one TRIAL`. Runs of other trials add to these, never to those of another
version.

- **outside U**: of the trusted results, how many % are further from the truth than their expanded uncertainty; at most 5.
- **untrusted**: how many % are not trusted, so that no limit is passed by them.
- **false accepts**: how many % of the pens just beyond a limit pass it (r = 1), limits above and below in turn; at most 2.5. In
  brackets the worse side.
- **miscounted**: trials in which missed or double strokes are told that the pen did not make; none.

What certificates leave open (u = 3.4 µm of depth, 10 ppm of rate) is integrated, so an error that is nil gives 5 % and 2.5 % and
not a count. ± is a standard error. A target is missed where a share is above it by more than sampling error: {z:.2f} standard errors, or the binomial
bound, at a risk of {risk:g} for all {looked_at} shares of this page together.

{headline}
"""


def trials_text(*cells):
    n = [int(row.trials) for some in cells for claims in some.values() for row in claims.values()]
    few = "" if min(n) >= TRIALS_WANTED else f" (it takes {TRIALS_WANTED} to show the targets)"
    return f"{min(n)}" if min(n) == max(n) else f"{min(n)} to {max(n)}", few


def page_of(counts):
    """Returns its text and (rows that meet their targets, rows, share of good signals with duty <= 0.85 that are untrusted)."""
    misfits, fits, goods, sweeps = counts.of_kind("misfit", "misfit*"), counts.of_kind("fits"), counts.of_kind("good"), counts.sweeps.values()
    trials, few = trials_text(misfits, fits)
    judge = Judge(len(sweeps) + 10 * len(misfits) + 10 * len(fits) + 5 * len(goods))
    found = {"aims": 0, "missed": []}
    parts = ["\n## Good signals\n\n" + GOOD_NOTE, good_table(goods, judge, found),
             "\n## Misfits: depth and rate\n\n" + MISFIT_NOTE, misfit_table(misfits, judge, found),
             "\n## Misfits: scatter, largest stroke, jitter\n\n" + SCATTER_NOTE, scatter_table(misfits, judge, found),
             "\n## Good signals, every result\n\n" + FITS_NOTE, accuracy_table(fits, judge, found),
             "\n## Sweeps\n\n" + SWEEP_NOTE, sweep_table(sweeps, judge, found)]
    missed = found["missed"]
    headline = f"**{found['aims'] - len(missed)} of {found['aims']} rows meet all their targets.**"
    if few:
        headline = f"So few trials do not show that a target is met: {len(missed)} of {found['aims']} rows miss one beyond chance."
    text = HEAD.format(trials=trials, few=few, method=counts.method, z=judge.z, risk=RISK, looked_at=judge.looked_at,
                       headline=headline)
    text += "".join(f"\n- missed: {m}" for m in missed) + ("\n" if missed else "") + "\n".join(parts)
    usual = goods[("duty <= 0.85", "")]
    return text, (found["aims"] - len(missed), found["aims"], max(untrusted(usual[c]) for c in ("depth", "rate")))


def write(build, trials=TRIALS_WANTED, good=4000, anew=False, processes=None):
    """Measures what is wanting and writes the page; returns what page_of() does behind the text. Raises Mixed."""
    counts = Counts()
    if anew:
        counts.method, counts.code, counts.rows, counts.sweeps = None, code_digest(), {}, {}
    counts.check_code()
    Bench(build, processes).more(counts, trials, good)
    text, figures = page_of(counts)
    PAGE.write_text(text)
    print(f"bench: {PAGE} written")
    return figures


GOOD_NOTE = """60 to 300 Hz, 0.2 to 2.5 mm, duty 0.15 to 0.95, 20 to 60 dB, 12 to 24 bits, hum to 7 mN, drift, jitter to 2 %, widths, slow
modulation, cells from 1 kHz on declared within their 2 %, and a bandwidth where the duty is above 0.6 and there is no cell. At
most 1 % may be untrusted where the duty is at most 0.85; above that the figure is stated.

"""
MISFIT_NOTE = """Shares are in %. *dwell-tare*: the same contact force in the tare and between the strokes, which no force signal can show;
it is here for what it is and without a target ([method](method.md)).

"""
SCATTER_NOTE = """Limits on these are upper ones. `depth_sd_mm` and `period_jitter_pct` are held against the process that the strokes are a
sample of, `depth_max_mm` against the largest stroke made.

"""
FITS_NOTE = """Coverage of the stated 95 % intervals, in %: `depth_sd_mm` 93 to 97, jitter 93 or more, the others 95 or more. *Tolerance short*:
how often less than 95 % of the process lies between the tolerance limits; at most 1. *Off*: mean error against the strokes
made, `depth_sd_mm` over a minute at most 1 %, with its standard error.

"""

SWEEP_NOTE = """Setpoints from 0.4 to 2 mm, up and down again, windows of 1 s; the bench's certificates are wrong by what they state, for the
whole sweep. Coverage of the 95 % intervals, in %: 93 to 97.

"""

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("trials", type=int, nargs="?", default=TRIALS_WANTED)
    parser.add_argument("good", type=int, nargs="?", default=4000)
    parser.add_argument("--anew", action="store_true")
    parser.add_argument("--processes", type=int)
    try:
        print("bench: misfits: {} of {} rows meet their targets; good signals untrusted {:.2%}".format(*write(**vars(parser.parse_args()))))
    except Mixed as e:
        sys.exit(f"misfit_table: tests/bench/misfit_counts.tsv: {e}; --anew measures from the start")
