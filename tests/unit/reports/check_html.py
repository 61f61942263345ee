"""Reads an HTML report with a parser: whole by itself, well nested, nothing hostile, and every figure that the JSON report of the
same record has, with its outcome, in the words of a table and in a picture."""
import re
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "e2e"))
import report_form

VOID = {"meta", "tr", "td", "th", "li"}  # whose end may be left out
SIGNS = {"pass": "●", "conditional_pass": "▲", "pass_on_statement": "▲", "inconclusive": "□", "conditional_fail": "✕", "fail": "✕"}
text = open(sys.argv[1], encoding="utf-8").read()
report = report_form.read(open(sys.argv[2], encoding="utf-8").read())


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.tags, self.words, self.rows, self.urls, self.row = [], [], [], [], [], None

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.urls += [v for k, v in attrs if k in ("src", "href", "xlink:href", "style", "onclick", "onload")]
        if tag == "tr":
            self.row = []
            self.rows.append(self.row)
        if tag in ("td", "th") and self.row is not None:
            self.row.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        if tag == "table":
            self.row = None
        assert self.open and self.open[-1] == tag, (tag, self.open, self.getpos())
        self.open.pop()

    def handle_data(self, data):
        if "style" in self.open or "title" in self.open:
            return
        self.words.append(data)
        if self.row:
            self.row[-1] += data


page = Page()
page.feed(text)
assert page.open == [], page.open
assert not {"script", "link", "img", "iframe", "object"} & set(page.tags) and not page.urls, page.urls
assert "http" not in text.replace("http://www.w3.org", "") and "url(http" not in text
words = re.sub(r"\s+", " ", " ".join(page.words))
assert '<b>&"PEN' in words and "<b>&" not in text, "a name of somebody else is text"
verdict = report["dut_verdict"]
first = SIGNS[verdict] + " " + verdict.replace("_", " ") if verdict else "□ no verdict"
assert words.strip().startswith(first), words[:60]
for svg in re.findall(r"<svg.*?</svg>", text, re.S):
    ET.fromstring(svg)  # also as XML
    assert "<title>" in svg


def shown(row, r):
    head = re.split(r"\s+", row[0].strip())
    return head == [r["measurand"], *r["method"].split()] if r["method"] else head == [r["measurand"]]


seen = 0
for point in report["points"] + report["sweeps"]:
    for r in point["results"]:
        if r["value"] is None and r["limits"] is None:
            continue
        rows = [row for row in page.rows if row and shown(row, r)]
        assert rows, r["measurand"]
        values = [row[1].split("±")[0].split()[0] for row in rows]
        number = r["value"]
        if number is None:
            assert "not" in values
            continue
        close = [row for row, v in zip(rows, values) if v not in ("not", "-") and abs(float(v) - number) <= max(r["expanded_uncertainty"] or 0, abs(number) * 1e-3)]
        assert close, (r["measurand"], number, values)
        if r["limits"] is not None:
            assert any(SIGNS[r["outcome"]] in row[4] and r["outcome"].replace("_", " ") in row[4] for row in close), (r["measurand"], close)
            for bound in ("lower", "upper"):
                if r["limits"][bound] is not None:
                    assert any(f'{r["limits"][bound]:.9g}' in row[2] for row in close), (r["measurand"], close)
        seen += 1
assert seen >= 9 or not report["points"], seen
lost = [r["measurand"] for p in report["points"] if p["counts"] for r in p["results"] if r["required"] and r["outcome"] != "pass" and
        f'{r["measurand"]} ' not in words.split("Against the limits")[0].replace(",", " ")]
assert not lost, lost
limited = {r["measurand"] for p in report["points"] if p["counts"] for r in p["results"] if r["limits"] and r["value"] is not None}
titles = re.findall(r'role="img"[^>]*><title>(\w+)', text)
assert limited <= set(titles), (limited, titles)
