"""Reads the table of results as a CSV reader does, against the JSON report of the same record: every result has its row, every figure all
its digits, and each outcome follows from the figures of its row alone."""
import csv
import sys
from pathlib import Path

import pandas

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "e2e"))
import report_form

rows = list(csv.DictReader(open(sys.argv[1], encoding="utf-8", newline=""), strict=True))
report = report_form.read(open(sys.argv[2], encoding="utf-8").read())
parts = [(p, r) for p in report["points"] for r in p["results"]] + [(s, r) for s in report["sweeps"] for r in s["results"]]
assert len(rows) == len(parts), (len(rows), len(parts))


def number(text):
    return float(text) if text else None


def outcome(row):
    """docs/method.md, decision rule: the guard band on both sides of each limit."""
    value, w = number(row["value"]), number(row["guard_band"])
    if row["trusted"] == "false" or value is None:
        return "inconclusive"
    margins = [m for m in (value - number(row["lower"]) if row["lower"] else None, number(row["upper"]) - value if row["upper"] else None) if m is not None]
    margin = min(margins)
    return "pass" if margin >= w else "conditional_pass" if margin >= 0 else "conditional_fail" if margin >= -w else "fail"


for row, (part, r) in zip(rows, parts):
    assert None not in row and None not in row.values(), row
    assert (row["measurand"], row["method"], row["unit"]) == (r["measurand"], r["method"] or "", r["unit"]), (row, r)
    if "number" in part:
        assert int(row["point"]) == part["number"] and int(row["attempt"]) == part["attempt"], (row["point"], part["number"])
    value = number(row["value"])
    assert (value is None) == (r["value"] is None), (row, r)
    if value is not None:
        assert abs(value - r["value"]) <= 0.01 * (r["expanded_uncertainty"] or 0) + 1e-12 * abs(value), (value, r["value"])
    assert row["outcome"] == (r["outcome"] or ""), (row, r)
    if row["outcome"] and row["outcome"] != "inconclusive":
        assert outcome(row) == row["outcome"], row
    assert row["required"] == str(bool(r["required"])).lower()
    assert row["dut"] == ' =1+"2",' and row["run_status"] == report["run_status"]
frame = pandas.read_csv(sys.argv[1])
assert len(frame) == len(rows)
if len(rows):
    assert frame["value"].dtype == float and frame["counts"].dtype == bool and frame["n"].dtype == "int64", frame.dtypes
