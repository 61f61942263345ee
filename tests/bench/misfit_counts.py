"""What the trials of the misfit table came to, kept from run to run: misfit_counts.tsv. Each trial has a number and a seed of its own, so
what is measured later, with the next numbers, adds to what there is. It adds only where both are of one method, of the same sources and where trial 0 of each
cell still comes out as it did: else the file says that it is of something else."""
import hashlib
import math
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FILE = Path(__file__).with_name("misfit_counts.tsv")
TEXTS = ("kind", "family", "severity", "unit", "claim", "reasons")
MARKS = ("mark_n", "mark_mm", "mark_u_mm")
SUMS = ("trials", "trusted", "error", "error_rel", "error_rel2", "u", "outside", "outside2", "accept", "accept2", "upper", "lower", "miscounted")
FIELDS = ("kind family severity unit claim mark_n mark_mm mark_u_mm trials trusted error error_rel error_rel2 u worst outside outside2 accept accept2 "
          "upper lower miscounted reasons").split()
SWEEP_FIELDS = "what setpoints snr deviation hysteresis trials untrusted covered error u".split()
SWEEP_KEY = SWEEP_FIELDS[:5]
KEPT_OF = {"misfit": ("depth", "rate", "depth_sd_process", "depth_max", "jitter_process"), "good": ("depth", "rate")}  # claims; of others all
SIGNALS = ("misfit_trial.c", "misfits.c", "pw1.c", "recording.c")
GOOD_KEY = ("good", "all", "")
MARK_SAME = 1e-5  # relative: another processor's rounding is less


ROOT = FILE.parents[2]


def code_digest():
    """Of all that turns samples into results, and of the signals."""
    found = hashlib.sha256()
    files = [*(ROOT / "rig/measure").rglob("*.[ch]"), *(ROOT / "tests/bench" / name for name in SIGNALS)]
    for path in sorted(files):
        found.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes() + b"\0")
    return found.hexdigest()[:16]


class Mixed(Exception):
    """What is kept is of another method, or of other signals, than what was measured now."""


class Row(dict):
    """The sums of a cell and claim, and the means that they give."""
    __getattr__ = dict.__getitem__

    def mean(self, name, of="trusted"):
        return self[name] / self[of] if self[of] else math.nan

    def sd(self, name, of="trusted"):
        n = self[of]
        return math.sqrt(max(0.0, self[name + "2"] - self[name] ** 2 / n) / (n - 1)) if n > 1 else math.nan


def rows_of(lines, fields=FIELDS, texts=TEXTS):
    rows = [Row(zip(fields, line.split("\t"))) for line in lines]
    for row in rows:
        row.update({f: float(row[f]) for f in fields if f not in texts})
    return rows


def sweeps_of(lines):
    return rows_of(lines, SWEEP_FIELDS, SWEEP_KEY)


def reasons_of(text):
    """{reason: how often}"""
    found = {}
    for part in text.split("; ") if text else []:
        reason, _, count = part.rpartition(" (")
        if not count.rstrip(")").isdigit():  # a reason with a semicolon in it
            continue
        found[reason] = found.get(reason, 0) + int(count.rstrip(")"))
    return found


def reasons_text(found):
    return "; ".join(f"{reason} ({count})" for reason, count in sorted(found.items(), key=lambda r: (-r[1], r[0])))


def same(a, b):
    return math.isnan(a) and math.isnan(b) or math.isclose(a, b, rel_tol=MARK_SAME, abs_tol=1e-9)


def add(kept, new):
    """The sums of both, in the first."""
    for name in MARKS:
        if not same(kept[name], new[name]):
            raise Mixed(f"{new.family} {new.severity}: trial 0 was {[kept[m] for m in MARKS]}, is {[new[m] for m in MARKS]}: the signals or the "
                        "results are other ones, though METHOD_VERSION is the same")
    for name in SUMS:
        kept[name] += new[name]
    kept["worst"] = max(kept.worst, new.worst)
    found = reasons_of(kept.reasons)
    for reason, count in reasons_of(new.reasons).items():
        found[reason] = found.get(reason, 0) + count
    kept["reasons"] = reasons_text(found)


def short(x):
    return f"{x:.8g}" if isinstance(x, float) else x


class Counts:
    """The file: rows by (kind, family, severity) and claim, and sweeps."""

    def __init__(self, path=FILE):
        self.path, self.method, self.rows, self.sweeps = Path(path), None, {}, {}
        self.code = code_digest()
        if self.path.exists():
            lines = self.path.read_text().splitlines()
            _, self.method, *code = lines[0].split("\t")
            self.code = code[0] if code and lines[1].split("\t") == FIELDS else None
            if self.code is None:  # of an older form: nothing is added to it
                return
            for row in rows_of([line for line in lines[2:] if not line.startswith("sweep\t")]):
                self.rows.setdefault((row.kind, row.family, row.severity), {})[row.claim] = row
            for row in sweeps_of([line.split("\t", 1)[1] for line in lines[2:] if line.startswith("sweep\t")]):
                self.sweeps[tuple(row[f] for f in SWEEP_KEY)] = row

    def write(self):
        self.check_code()
        lines = [f"method\t{self.method}\t{self.code}", "\t".join(FIELDS)]
        lines += ["\t".join(short(row[f]) for f in FIELDS) for claims in self.rows.values() for row in claims.values()]
        lines += ["\t".join(["sweep", *(short(row[f]) for f in SWEEP_FIELDS)]) for row in self.sweeps.values()]
        new = self.path.with_suffix(".new")
        new.write_text("\n".join(lines) + "\n")
        os.replace(new, self.path)

    def take_method(self, line):
        method = line.split("\t")[1]
        if self.method not in (None, method):
            raise Mixed(f"it is of method {self.method}, the programs are of method {method}")
        self.method = method

    def check_code(self):
        """Raises Mixed where what is kept was measured by other sources than there are."""
        if self.code != code_digest():
            raise Mixed("it was measured by other sources of rig/measure, or of the signals, than there are now")

    def add_rows(self, text):
        first, *lines = text.splitlines()
        self.take_method(first)
        for row in rows_of(lines):
            if row.claim not in KEPT_OF.get(row.kind.rstrip("*"), (row.claim,)):
                continue
            claims = self.rows.setdefault((row.kind, row.family, row.severity), {})
            if row.claim in claims:
                add(claims[row.claim], row)
            else:
                claims[row.claim] = row

    def add_sweeps(self, text):
        first, *lines = text.splitlines()
        self.take_method(first)
        for row in sweeps_of(lines):
            kept = self.sweeps.setdefault(tuple(row[f] for f in SWEEP_KEY), row)
            if kept is not row:
                kept.update({f: kept[f] + row[f] for f in SWEEP_FIELDS[5:]})

    def of_kind(self, *kinds):
        return {(family, severity): claims for (kind, family, severity), claims in self.rows.items() if kind in kinds}

    def trials(self, key):
        return int(next(iter(self.rows[key].values())).trials) if key in self.rows else 0

    def sweep_trials(self):
        return int(min((row.trials for row in self.sweeps.values()), default=0))


class Bench:
    """The programs that measure, and how far they go at a time: one process for each of what is asked, several at once."""
    STEP, GOOD_STEP, SWEEP_STEP, WRITE_S = 40, 100, 5, 5.0

    def __init__(self, build, processes=None):
        self.folder, self.processes = Path(build) / "tests/bench", processes or os.cpu_count()

    def run(self, program, *options):
        return subprocess.run([str(self.folder / program), *map(str, options)], check=True, capture_output=True, text=True).stdout

    def cells(self):
        """(kind, family, severity) of each, in the order of the table."""
        for line in self.run("misfit", "--list").splitlines():
            kind, family, _, severities = line.split("\t")
            for severity in severities.split(" "):
                yield kind, family, severity

    def misfit(self, *options):
        return ("misfit", "--fields", "--processes", 1, *options)

    def wanting(self, counts, cells, trials, good):
        """(what takes what it prints, the command) of each; the longest first."""
        for first in range(counts.sweep_trials(), trials, self.SWEEP_STEP):
            yield counts.add_sweeps, ("sweep_trials", min(self.SWEEP_STEP, trials - first), 1, first)
        for first in range(counts.trials(GOOD_KEY), good, self.GOOD_STEP):
            yield counts.add_rows, self.misfit("--good", min(self.GOOD_STEP, good - first), "--first", first)
        for key in cells:
            first = counts.trials(key)
            if first < trials:
                yield counts.add_rows, self.misfit("--family", key[1], "--severity", key[2], "--first", first, "--trials", trials - first)

    def make(self, counts, tasks):
        """What is broken off is kept as far as it came: what comes first is taken first."""
        written = time.monotonic()
        with ThreadPoolExecutor(self.processes) as pool:
            for (take, _), text in zip(tasks, pool.map(lambda task: self.run(*task[1]), tasks)):
                take(text)
                if time.monotonic() - written > self.WRITE_S:
                    counts.write()
                    written = time.monotonic()

    def more(self, counts, trials, good):
        """Whatever is wanting, every cell some trials in turn."""
        cells = list(self.cells())
        counts.rows = {key: counts.rows[key] for key in cells + [key for key in counts.rows if key[0] == "good"] if key in counts.rows}
        for upto in range(self.STEP, trials + self.STEP, self.STEP):
            done = min(upto, trials)
            self.make(counts, list(self.wanting(counts, cells, done, good * done // trials)))
        order = {key: n for n, key in enumerate(cells)}
        counts.rows = dict(sorted(counts.rows.items(), key=lambda kv: order.get(kv[0], len(order))))
        counts.write()
