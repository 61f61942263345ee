#!/usr/bin/python3
"""Trends over a history of runs whose figures are known: which values make a series, what its chart and its capability say of them
(computed here once more, another way), and the picture."""
import html.parser
import json
import math
import random
import sqlite3
import tempfile
import xml.dom.minidom
from pathlib import Path

import rig

PLAN = {"kind": "penrig/plan/1", "name": "short", "limits": [{"measurand": "depth_error_mm", "unit": "mm", "lower": -0.15, "upper": 0.15}],
        "steps": [{"depth_mm": [0.5, 1.0], "rate_hz": 120, "measure_s": 1}]}


def made_history(folder, values):
    """A real run of a real history, and then as many like it as there are values, a day apart, whose depth error at 1 mm is that."""
    plan, history = folder / "plan.json", folder / "history"
    plan.write_text(json.dumps(PLAN))
    rig.run_plan(plan, folder=folder / "out", extra=["--history", history, "--state", folder / "state", "--name", "r000", "--lot", "L0"])
    db = sqlite3.connect(history)
    columns = [row[1] for row in db.execute("PRAGMA table_info(run)")][1:]
    for i, value in enumerate(values):
        changed = {"name": f"'r{i + 1:03d}'", "started": f"strftime('%Y-%m-%dT%H:%M:%S.000Z', '2026-07-01', '+{i} days')", "lot": "'L1'"}
        db.execute(f"INSERT INTO run({', '.join(columns)}) SELECT {', '.join(changed.get(c, c) for c in columns)} FROM run WHERE name = 'r000'")
        new, = db.execute("SELECT last_insert_rowid()").fetchone()
        old, = db.execute("SELECT id FROM run WHERE name = 'r000'").fetchone()
        for table in ("place", "result"):
            names = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
            db.execute(f"INSERT INTO {table}({', '.join(names)}) SELECT {', '.join('?' if n == 'run' else n for n in names)} FROM {table} WHERE run = ?", (new, old))
        db.execute("UPDATE result SET value = ?, u = 0.001, outcome = ? WHERE run = ? AND place = 1 AND quantity = "
                   "(SELECT id FROM quantity WHERE measurand = 'depth_error_mm' AND method = 'force_equivalent')", (value, "pass" if abs(value) < 0.145 else "fail", new))
    db.commit()
    db.close()
    return history


def trend(history, *args):
    return rig.penrig_a("trend", *args, "--history", history)


def series_of(check, history, *args):
    done = trend(history, "depth_error_mm", "--lot", "L1", "--json", *args)
    check(done.returncode == 0, f"trend {args}: {done.returncode} {done.stderr}")
    return [s for s in json.loads(done.stdout)["series"] if s["depth_mm"] == 1.0][0]


def near(a, b, relative=1e-9):
    return abs(a - b) <= relative * max(abs(a), abs(b), 1e-12)


def test_individuals(check, history, x):
    s = series_of(check, history)
    mean, moving = sum(x) / len(x), [abs(b - a) for a, b in zip(x, x[1:])]
    sigma = sum(moving) / len(moving) / (2 / math.sqrt(math.pi))
    overall = math.sqrt(sum((v - mean) ** 2 for v in x) / (len(x) - 1))
    check(s["method"] == "force_equivalent" and s["n"] == len(x) and [v["value"] for v in s["values"]] == x, f"the series, in order: {s['n']}")
    check(near(s["centre"], mean) and near(s["upper_control"], mean + 3 * sigma) and near(s["lower_control"], mean - 3 * sigma), f"its limits: {s['centre']} {s['upper_control']}")
    c = s["capability"]
    check(near(c["cp"]["value"], 0.3 / 6 / sigma) and near(c["pp"]["value"], 0.3 / 6 / overall), f"Cp {c['cp']}, Pp {c['pp']}")
    check(near(c["cpk"]["value"], (0.15 - abs(mean)) / 3 / sigma) and near(c["ppk"]["value"], (0.15 - abs(mean)) / 3 / overall), f"Cpk {c['cpk']}, Ppk {c['ppk']}")
    check(all(c[k]["lower"] < c[k]["value"] < c[k]["upper"] for k in ("cp", "cpk", "pp", "ppk")), "each within its interval")
    check(s["judged"] == len(x) and s["passed"] == sum(abs(v) < 0.145 for v in x), f"yield {s['passed']} of {s['judged']}")
    check(near(s["measured_share"], 1e-6 / overall ** 2), f"share of the measurement: {s['measured_share']}")
    beyond = [i for i, v in enumerate(s["values"]) if "beyond 3 sigma" in v["rules"]]
    check(beyond == [i for i, v in enumerate(x) if abs(v - mean) > 3 * sigma] and 20 in beyond, f"values beyond: {beyond}")


def test_charts(check, history, x):
    s = series_of(check, history, "--chart", "means-range", "--subgroup", "4")
    rest = x[len(x) % 4:]
    groups = [rest[i:i + 4] for i in range(0, len(rest), 4)]
    rbar = sum(max(g) - min(g) for g in groups) / len(groups)
    check(all(near(v["value"], sum(g) / 4) and near(v["scatter"], max(g) - min(g)) for v, g in zip(s["values"], groups)) and len(s["values"]) == len(groups), "means and ranges")
    check(near(s["upper_control"] - s["centre"], 3 * rbar / 2.0587507 / 2, 1e-6), f"d2 of 4: {s['upper_control']}")
    s = series_of(check, history, "--chart", "ewma", "--lambda", "0.3")
    z = s["centre"]
    for v, value in zip(s["values"], x):
        z += 0.3 * (value - z)
        check(near(v["value"], z, 1e-9), f"moving average {v['value']}, {z}")
    one = [len(v["rules"]) for v in series_of(check, history, "--run", "6")["values"]]
    other = [len(v["rules"]) for v in series_of(check, history, "--run", "30")["values"]]
    check(sum(one) > sum(other), f"the length of a run is a parameter: {sum(one)} {sum(other)}")


def test_words_and_picture(check, history, folder):
    picture = folder / "t.svg"
    done = trend(history, "depth_error_mm", "--lot", "L1", "--svg", picture)
    check(done.returncode == 0 and "at 1 mm, 120 Hz" in done.stdout and "X 2026-07-21" in done.stdout and "r021: 0.2 mm" in done.stdout, f"for people: {done.stdout}")
    check(all(len(line) <= 100 for line in done.stdout.splitlines()), "at 100 columns")
    document = xml.dom.minidom.parse(str(picture))
    texts = [t.firstChild.data for t in document.getElementsByTagName("text") if t.firstChild]
    check(any("at 0.5 mm" in t for t in texts) and any("at 1 mm" in t for t in texts) and sum(t.startswith("UCL") for t in texts) == 4, f"a picture of both: {texts[:5]}")
    check(len(document.getElementsByTagName("circle")) > 80, "with their values")
    trend(history, "depth_error_mm", "--lot", "L1", "--chart", "ewma", "--svg", picture)
    texts = [t.firstChild.data for t in xml.dom.minidom.parse(str(picture)).getElementsByTagName("text") if t.firstChild]
    check(sum(t.startswith("UCL") for t in texts) == 4 and sum(t.startswith("LCL") for t in texts) == 2, f"limits that vary are named where they end: {texts[:8]}")


class Page(html.parser.HTMLParser):
    """Its words, its tags, and whatever it would fetch."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words, self.fetched = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.fetched += [value for name, value in attrs if name in ("src", "href") and not value.startswith("#")]

    def handle_data(self, data):
        self.words.append(data)


def test_page(check, history, folder, x):
    path = folder / "t.html"
    done = trend(history, "depth_error_mm", "--lot", "L1", "--html", path)
    page = Page(path.read_text())
    text = " ".join(page.words)
    s = series_of(check, history)
    check(done.returncode == 0 and not page.fetched and "script" not in page.tags, f"one file of its own: {done.returncode} {page.fetched}")
    check(page.tags.count("svg") == 2 and page.tags.count("circle") > 80, f"both charts: {page.tags.count('svg')}")
    cpk = s["capability"]["cpk"]
    check(f"{cpk['value']:.2f}" in text and f"{cpk['lower']:.2f} to {cpk['upper']:.2f}" in text and f"{s['passed']} of {s['judged']} pass" in text, f"capability and yield: {text[-3000:]}")
    check("Values that break a rule" in text and "beyond 3 sigma" in text and "r021" in text, "which values break which rule")
    check(trend(history, "depth_error_mm", "--html", folder / "no/where.html").returncode == 6, "no folder for the page")


def test_words_that_do_not_fit(check, history, folder):
    for args, word in [(["depth_eror_mm"], 'did you mean "depth_error_mm"'), (["depth_error_mm", "--subgroup", "1"], "2 to 100"), (["depth_error_mm", "--subgroup", "2.5"], "whole"),
                       (["depth_error_mm", "--lambda", "0"], "--lambda"), (["depth_error_mm", "--run", "x"], "--run"), (["depth_error_mm", "--chart", "pie"], "pie")]:
        done = trend(history, *args)
        check(done.returncode == 2 and word in done.stderr, f"trend {args}: {done.returncode} {done.stderr}")
    done = trend(history, "depth_error_mm", "--lot", "none")
    check(done.returncode == 0 and "no values" in done.stdout, f"nothing: {done.stdout}")
    done = trend(history, "depth_error_mm", "--lot", "L0")
    check(done.returncode == 0 and "1 value" in done.stderr and "needs 2" in done.stderr, f"one value: {done.stderr}")
    done = trend(history, "depth_error_mm", "--svg", folder / "no/where.svg")
    check(done.returncode == 6 and "where.svg" in done.stderr, f"no folder for the picture: {done.returncode} {done.stderr}")
    methods = {s["method"] for s in json.loads(trend(history, "depth_mm", "--method", "displacement", "--json").stdout)["series"]}
    check(methods == {"displacement"}, f"another method: {methods}")


def test_what_figures_hide(check, history, x):
    """What could not be judged is no pass; values of several methods, failures that came later and imports of one recording are told."""
    db = sqlite3.connect(history)
    place = "place = 1 AND quantity = (SELECT id FROM quantity WHERE measurand = 'depth_error_mm' AND method = 'force_equivalent')"
    run = "run = (SELECT id FROM run WHERE name = '{}')".format
    before = series_of(check, history)
    db.execute(f"UPDATE result SET value = NULL, u = NULL, outcome = 'inconclusive' WHERE {place} AND {run('r004')}")
    newest, = db.execute("SELECT max(method) FROM run").fetchone()
    db.execute("UPDATE run SET method = 2 WHERE name < 'r010' AND name > 'r000'")
    db.execute("UPDATE run SET later = 'fail' WHERE name = 'r006'")
    db.execute("UPDATE run SET recording = 'abc' WHERE name IN ('r007', 'r009', 'r011')")
    db.execute(f"UPDATE result SET outcome = 'fail' WHERE {place} AND {run('r007')}")
    db.commit()
    db.close()
    s = series_of(check, history)
    check((s["judged"], s["unjudged"], s["imported_again"], s["failed_later"]) == (before["judged"] - 2, 1, 2, 1), f"counted: {s['judged']} {s['unjudged']}")
    check(s["n"] == len(x) - 3 and {"r004", "r007", "r009"}.isdisjoint(v["run"] for v in s["values"]), f"the newest import stays: {s['n']}")
    check(s["passed"] == before["passed"] - 4, f"and fails as an older one did: {s['passed']} of {before['passed']}")
    check(s["oldest_method"] == 2 and s["newest_method"] == newest, f"methods: {s['oldest_method']} {s['newest_method']}")
    shown = trend(history, "depth_error_mm", "--lot", "L1").stdout
    for words in ("; 1 could not be judged", f"versions 2 to {newest} derived these values", "1 of these runs failed by a verdict that was formed later",
                  "2 values of recordings that were imported again are left out"):
        check(words in shown, f"{words}: {shown}")


def main():
    check = rig.Checks()
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    random.seed(3)
    x = [random.gauss(0.01, 0.02) for _ in range(41)]
    x[20] = 0.2
    history = made_history(folder, x)
    test_individuals(check, history, x)
    test_charts(check, history, x)
    test_words_and_picture(check, history, folder)
    test_page(check, history, folder, x)
    test_words_that_do_not_fit(check, history, folder)
    test_what_figures_hide(check, history, x)
    check.end()


main()
