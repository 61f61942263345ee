"""A JSON report of either version as one tree, in which every result names what it is: version 1, which says everything at every
point, and version 2, which names once what is the same at all of them (docs/report.md)."""
import functools
import itertools
import json
from pathlib import Path

try:
    import jsonschema
except ImportError:
    jsonschema = None

SCHEMAS = {"penrig/report/1": "report-1.schema.json", "penrig/report/2": "report.schema.json"}


@functools.cache
def validator(kind):
    path = Path(__file__).resolve().parents[2] / "reports/schema" / SCHEMAS[kind]
    return jsonschema.Draft202012Validator(json.loads(path.read_text()))


def read(text):
    """The text of a report, held against the schema of its version."""
    report = json.loads(text)
    if jsonschema:
        validator(report["kind"]).validate(report)
    return flat(report)


def members(kind):
    """Of a bench, a device, a later verdict and a point, by that version's schema."""
    schema = validator(kind).schema
    anew = next(one for one in schema["properties"]["judged_anew"]["anyOf"] if "properties" in one)
    return [set(part["properties"]) for part in (schema["properties"]["bench"], schema["$defs"]["device"], anew, schema["$defs"]["point"])]


def older(report):
    """Its bench, devices, points and later verdict without what they say since version 2."""
    bench, device, anew, point = (new - old for new, old in zip(members("penrig/report/2"), members("penrig/report/1")))
    without = lambda part, newer: {key: value for key, value in part.items() if key not in newer}
    told = {"bench": without(report["bench"], bench), "devices": [without(d, device) for d in report["devices"]],
            "points": [without(p, point) for p in report["points"]]}
    return told | ({"judged_anew": without(report["judged_anew"], anew)} if report.get("judged_anew") else {})


def validate(report):
    """A tree of flat(): nothing of what version 1 says is missing."""
    newer = set(validator("penrig/report/2").schema["properties"]) - set(validator("penrig/report/1").schema["properties"])
    told = {key: value for key, value in report.items() if key not in newer}
    validator("penrig/report/1").validate({**told, "kind": "penrig/report/1", **older(report)})


def flat(report):
    """The tree of version 1. The kind stays that of the file."""
    report = json.loads(json.dumps(report))
    if report["kind"] == "penrig/report/1":
        parts = [*report["points"], *report["sweeps"]]
        for result in itertools.chain.from_iterable(part["results"] for part in parts):
            guard(result)
        return report
    assert report["kind"] == "penrig/report/2", report["kind"]
    tables = {key: report.pop(key) for key in ("columns", "measurands", "limits", "budget_lines", "budget_inputs", "rule", "failures")}
    for point in report["points"]:
        if "budget_inputs" in point:
            point["budget_inputs"] = [{**named(tables, "budget_inputs", of), "value": value}
                                      for of, value in itertools.zip_longest(tables["budget_inputs"], point["budget_inputs"])]
        if "model_checks" in point:
            point["model_checks"] = [named(tables, "model_checks", row) for row in point["model_checks"]]
    for part in [*report["points"], *report["sweeps"]]:
        part["results"] = [result_of(tables, row) for row in part["results"]]
    return report


def named(tables, what, row):
    """A row with the names of its columns; those that it does not reach are null."""
    names = tables["columns"][what]
    assert len(row) <= len(names), (what, row)
    return dict(itertools.zip_longest(names, row))


def result_of(tables, row):
    r = named(tables, "results", row)
    r |= named(tables, "measurands", tables["measurands"][r["measurand"]])
    r["budget"] = [line_of(tables, line) for line in r["budget"]]
    limits = None if r["limits"] is None else dict(tables["limits"][r["limits"]])
    r["required"] = limits.pop("required") if limits else False
    r["limits"] = limits and {**limits, "rule": tables["rule"]}
    for key in ("process", "monte_carlo", "correlations"):
        if r[key] is None:
            del r[key]
    guard(r)
    return r


def line_of(tables, row):
    line = named(tables, "budget", row)
    return {"name": tables["budget_lines"][line.pop("line")], **line, "correlation": line["correlation"] or 0}


def guard(result):
    """Its width by the rule, from the printed digits."""
    if result["limits"]:
        u = result["expanded_uncertainty"]
        result["limits"]["guard_band"] = None if u is None else result["limits"]["guard_r"] * u
        result["limits"]["rule"] = "guard_band = guard_r * expanded_uncertainty"
