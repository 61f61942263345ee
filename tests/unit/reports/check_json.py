"""Validates reports against the published schema and judges every result again from the printed digits alone."""
import json
import sys
from pathlib import Path

import jsonschema

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "e2e"))
import report_form


def outcome(r):
    lim, value, u = r["limits"], r["value"], r["expanded_uncertainty"]
    if value is None or u is None or not r["trusted"]:
        return "inconclusive"
    w = lim["guard_r"] * u
    margin = min(
        value - lim["lower"] if lim["lower"] is not None else float("inf"),
        lim["upper"] - value if lim["upper"] is not None else float("inf"),
    )
    if margin >= 0:
        return "pass" if margin > w or (w == 0 and margin == 0) else "conditional_pass"
    return "fail" if -margin > w else "conditional_fail"


with open(sys.argv[1]) as f:
    schema = json.load(f)
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
judged = 0
for path in sys.argv[2:]:
    with open(path) as f:
        report = json.load(f)
    validator.validate(report)
    tree = report_form.flat(report)
    report_form.validate(tree)
    for part in tree["points"] + tree["sweeps"]:
        for r in part["results"]:
            if r["limits"]:
                assert outcome(r) == r["outcome"], (path, r)
                judged += 1
    # The schema is worth something only if it refuses.
    for key in set(report) - {"takt"}:
        broken = {k: v for k, v in report.items() if k != key}
        assert not validator.is_valid(broken), key
    assert not validator.is_valid({**report, "extra": 1})
    assert not validator.is_valid({**report, "run_risk": {"bound": 0.1}})
    required = [r for part in tree["points"] + tree["sweeps"] for r in part["results"] if r["required"] and part.get("counts", True)]
    missed = sorted((r["measurand"], r["outcome"], r["value"] is None) for r in required if r["outcome"] != "pass")
    told = sorted((f["measurand"], f["outcome"], f["value"] is None) for f in report["failures"]
                  if f["kind"] == "result" and all(p["counts"] for p in tree["points"] if p["number"] == f.get("point") and p["attempt"] == f["attempt"]))
    assert missed == told, (path, missed, told)
    worst = ["fail", "conditional_fail", "inconclusive", "conditional_pass"]
    assert [f["outcome"] for f in report["failures"]] == sorted((f["outcome"] for f in report["failures"]), key=worst.index)
    if report["run_status"] != "complete":
        assert not validator.is_valid({**report, "dut_verdict": "pass"})
print(judged)
