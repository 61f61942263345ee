#!/usr/bin/python3
"""Several runs in one page: counts, each unit's verdict and what failed it, every judged figure, links that lead somewhere; a run that was
failed or rejected later makes no pass of its unit; a damaged one makes no page."""
import html
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import old_runs
import report_form
import rig
import test_resume

NAMES = ("pass-20-khz", "fail-slow", "fail-deep", "conditional-pass", "inconclusive-alarm", "killed")
OPEN = {"meta", "br", "tr", "td", "th", "line", "path", "rect", "circle", "use"}  # that HTML lets stand open, or are empty


class Page(HTMLParser):
    """Links, anchors, and elements that are left open."""

    def __init__(self, text):
        super().__init__()
        self.links, self.anchors, self.open, self.wrong = [], set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.links += [attrs["href"]] if "href" in attrs else []
        self.anchors |= {attrs["id"]} if "id" in attrs else set()
        if tag not in OPEN:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if tag in OPEN:
            return
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def penrig(*args, cwd):
    return subprocess.run([str(rig.PENRIG), *map(str, args)], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)


def words(page):
    return html.unescape(re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", page)))


def counts(page):
    """Of the first screen."""
    text = re.search(r'<p class="counts">(.*?)</p>', page, re.S)[1]
    return {word: int(n) for n, word in re.findall(r"(\d+) \W*([a-z ]+?)\W*(?=\d|$)", words(text).strip())}


def test_parts(check):
    """A run and the one that went on with it: what the first measured counts once, in whatever order they are named."""
    b = test_resume.Bench(plan=test_resume.PLAN)
    b.first(at=6)
    b.resume()
    alone = b.report("two")
    measured = [p for p in alone["points"] if p.get("session", 0)]
    check(measured, "the second part holds points of the first")

    def captions(*names):
        done = penrig("report", *(b.file(n) for n in names), "--format", "html", "--force", "-o", "p.html", cwd=b.folder)
        page = (b.folder / "p.html").read_text() if done.returncode == 0 else done.stderr
        return [words(c) for c in re.findall(r"<figcaption>(.*?)</figcaption>", page)], words(page)

    b.call("run", b.plan, "--bench", b.path, "--dut", b.dut, "-o", b.out, "--name", "other", "--no-input", "-q")
    wanted, _ = captions("two", "other")
    for names in (("one", "two", "other"), ("other", "two", "one")):
        got, said = captions(*names)
        check(got == wanted and got and "another run went on with it, and has its figures" in said, f"{names}: {got[:3]}, {wanted[:3]}")


def main():
    check = rig.Checks()
    where, kept = Path(tempfile.mkdtemp(prefix="pr")), sorted(old_runs.DATA.glob("runs-*"))[-1]
    runs = {name: old_runs.unpack(kept, name, where) for name in NAMES}
    reports = {name: report_form.read((where / f"{name}.report.json").read_text()) for name in NAMES}
    done = penrig("report", *runs.values(), "--format", "html", "-o", "lot.html", cwd=where)
    check(done.returncode == 0, f"a page: {done.returncode} {done.stderr}")
    text = (where / "lot.html").read_text()
    page, said = Page(text), words(text)
    check(not page.wrong and not page.open, f"elements are closed in order: {page.wrong} {page.open}")
    dead = [link for link in page.links if not (link[1:] in page.anchors if link[0] == "#" else (where / link).exists())]
    check(page.links and not dead, f"links lead somewhere: {dead}")
    check("<script" not in text and "http://" not in text.replace("http://www.w3.org", ""), "no script, nothing from elsewhere")
    worst, order = {}, ["pass", "conditional_pass", "inconclusive", "conditional_fail", "fail"]
    for r in reports.values():
        verdict = r["dut_verdict"] or "none"
        worst[r["dut"]] = max(worst.get(r["dut"], "pass"), verdict, key=lambda v: order.index(v) if v in order else 2)
    wanted = Counter(v.replace("_", " ") for v in worst.values())
    got = counts(text)
    check(sum(got.values()) == len(worst) and got.get("pass", 0) <= wanted["pass"] and got.get("fail", 0) == wanted["fail"], f"units by the worst of their runs: {got}, {wanted}")
    for name, r in reports.items():
        check(r["dut"] in said and f'href="{name}.penrig"' in text, f"{name} is named and linked")
    deep = next(f for f in reports["fail-deep"]["points"] for x in f["results"] if x["outcome"] == "fail")
    check("above the upper limit" in said and deep, "what failed, and by how much")
    check(text.count("<figure>") >= 3 and text.count("Ppk") + text.count("mean") > 0, "pictures of the judged measurands")
    alone = penrig("report", runs["pass-20-khz"], runs["fail-slow"], "--format", "text", cwd=where)
    check(alone.returncode == 0 and (where / "pass-20-khz.report.txt").exists() and (where / "fail-slow.report.txt").exists(), f"each its own: {alone.stderr}")
    # what was said later
    (where / "tight.json").write_text('{"kind":"penrig/limits/1","name":"tight","limits":[{"measurand":"strokes","unit":"1","lower":1e6}]}')
    penrig("analyze", runs["pass-20-khz"], "--limits", "tight.json", "-q", cwd=where)
    penrig("report", runs["pass-20-khz"], runs["fail-slow"], "--format", "html", "-o", "later.html", cwd=where)
    later = (where / "later.html").read_text()
    check(counts(later).get("pass", 0) == 0 and "by tight" in words(later), f"a run that failed by later limits is no pass: {counts(later)}")
    # each once
    shutil.copy(runs["pass-20-khz"], where / "copy.penrig")
    for again in (runs["pass-20-khz"], where / "copy.penrig"):
        done = penrig("report", runs["pass-20-khz"], runs["fail-slow"], again, "--format", "html", "-o", "twice.html", cwd=where)
        check(done.returncode == 2 and "is named twice" in done.stderr and not (where / "twice.html").exists(), f"a run a second time: {done.returncode} {done.stderr}")
    test_parts(check)
    # refused
    for args, code, word in ((("--format", "html", "-o", "lot.html"), 2, "is there already"), (("--format", "csv", "-o", "x.csv"), 2, "--format html"),
                             (("--format", "html", "-o", "y.html", "--judged", "latest"), 2, "without --judged")):
        done = penrig("report", *list(runs.values())[:2], *args, cwd=where)
        check(done.returncode == code and word in done.stderr, f"report of two {args}: {done.returncode} {done.stderr}")
    data = bytearray(runs["fail-slow"].read_bytes())
    data[data.index(b'"stage"') + 2] ^= 1
    runs["fail-slow"].write_bytes(data)
    done = penrig("report", *list(runs.values())[:2], "--format", "html", "-o", "z.html", cwd=where)
    check(done.returncode == 6 and "fail-slow" in done.stderr and not list(where.glob("z.html*")), f"a damaged one: {done.returncode} {done.stderr}")
    check.end()


if __name__ == "__main__":
    main()
