"""Validates reports against the published schema and judges every result again from the printed digits alone."""
import json
import sys

import jsonschema


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
LATER = {"run_risk"}  # what the reports of earlier versions do not have
for path in sys.argv[2:]:
    with open(path) as f:
        report = json.load(f)
    validator.validate(report)
    for part in report["points"] + report["sweeps"]:
        for r in part["results"]:
            if r["limits"]:
                assert outcome(r) == r["outcome"], (path, r)
                judged += 1
    # The schema is worth something only if it refuses.
    for key in set(report) - LATER:
        broken = {k: v for k, v in report.items() if k != key}
        assert not validator.is_valid(broken), key
    assert not validator.is_valid({**report, "extra": 1})
    assert LATER <= set(report) and not validator.is_valid({**report, "run_risk": {"bound": 0.1}})
    if report["run_status"] != "complete":
        assert not validator.is_valid({**report, "dut_verdict": "pass"})
print(judged)
