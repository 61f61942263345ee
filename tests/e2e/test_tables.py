#!/usr/bin/python3
"""What commands print as tables, for programs: every command of `penrig help` either prints one, and then as JSON and as CSV, or is named
below with the reason. Both forms say the same, digit for digit; the columns are those that `penrig help tables` lists, and the published
schema is made of."""
import csv
import io
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import jsonschema

import old_runs
import rig

SCHEMA = rig.ROOT / "reports/schema/tables.schema.json"
NO_TABLE = {
    "run": "its events and reports are files", "resume": "as run", "bench": "writes a bench file", "calibrate": "writes a phantom file and a report",
    "report": "writes reports", "analyze": "writes verdicts; show prints them", "plot": "draws", "export": "writes samples", "import": "writes a run file",
    "dispose": "one decision", "station": "serves a page", "io": "speaks lines of JSON", "label": "prints labels", "sheet": "one page", "push": "one line a run", "reserve": "holds a bench", "agent": "serves a bench", "submit": "one job",
    "fleet": "prints no rows", "key": "one key", "sign": "one signature", "anchor": "one line", "dossier": "makes a folder", "qualify": "its record is JSON", "purge": "its log is JSON", "mcp": "serves the tables of others",
}
OWN_FORM = {"show", "requalify", "history", "grr"}  # both forms, with columns of their own: docs/report.md, docs/history.md


def penrig(*args, cwd=None):
    return subprocess.run([str(rig.PENRIG), *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, cwd=cwd)


def commands():
    listed = penrig("help").stdout
    return re.findall(r"^  ([a-z]+) +[A-Z]", listed, re.M)


def schema_of(tables):
    """One definition for each table: what --json prints of its columns. More members may stand there."""
    def row(fields, outer):
        own = [f for f in fields if f["path"].startswith("^") == outer]
        members = {}
        for f in own:
            at = members
            *way, last = f["path"].lstrip("^").split("/")
            for part in way:
                at = at.setdefault(part, {"type": "object", "properties": {}})["properties"]
            at[last] = {"type": [f["type"], "array", "null"] if f["type"] == "string" else [f["type"], "null"], **({"$comment": f"unit: {f['unit']}"} if f["unit"] else {})}
        return {"type": "object", "properties": members}

    defs = {}
    for t in tables:
        inner, outer = row(t["fields"], False), row(t["fields"], True)
        parts = t["rows"].split("/") if t["rows"] else []
        if len(parts) == 2:
            outer["properties"][parts[1]] = {"type": "array", "items": inner}
            inner = outer
        body = {"type": "array", "items": inner} if t["rows"] or t["command"] != "golden" else inner
        defs[t["command"]] = {"type": "object", "properties": {parts[0]: body}, "required": [parts[0]]} if parts else body
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "What penrig's commands print with --json",
            "description": "A definition for each command that prints a table. --csv prints the columns that penrig help tables lists. Made from that list: tests/e2e/test_tables.py --write.",
            "$defs": defs}


def cell(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return " ".join(cell(v) for v in value)
    return str(value)


def flattened(tree, table):
    """The rows of the JSON, by a reader of its own; figures stay the text that they are."""
    parts = table["rows"].split("/") if table["rows"] else []
    top = tree[parts[0]] if parts else tree
    top = top if isinstance(top, list) else [top]
    pairs = [(inner, outer) for outer in top for inner in outer[parts[1]]] if len(parts) == 2 else [(r, tree) for r in top]
    for row, around in pairs:
        line = []
        for f in table["fields"]:
            value = around if f["path"].startswith("^") else row
            for part in f["path"].lstrip("^").split("/"):
                value = value.get(part) if isinstance(value, dict) else None
            line.append(cell(value))
        yield line


def same(text, wanted):
    """A text that begins as a formula does has a blank before it. How long a disk takes is another time another time."""
    return text.strip() == wanted.strip() or re.sub(r"\d+ ms", "", text) == re.sub(r"\d+ ms", "", wanted)


def examine(check, table, *args, cwd, schema, rows_min=1):
    as_json, as_csv = penrig(*args, "--json", cwd=cwd), penrig(*args, "--csv", cwd=cwd)
    name = " ".join(map(str, args[:2]))
    check(as_json.returncode == as_csv.returncode, f"{name}: exit codes {as_json.returncode} and {as_csv.returncode}: {as_csv.stderr[-300:]}")
    tree = json.loads(as_json.stdout, parse_float=str, parse_int=str)
    jsonschema.validate(json.loads(as_json.stdout), {**schema["$defs"][table["command"]], "$schema": schema["$schema"]})
    head, *lines = list(csv.reader(io.StringIO(as_csv.stdout, newline="")))
    check(head == [f["name"] for f in table["fields"]], f"{name}: columns {head}")
    wanted = list(flattened(tree, table))
    check(len(lines) == len(wanted) >= rows_min, f"{name}: {len(lines)} rows of CSV, {len(wanted)} of JSON")
    for line, want in zip(lines, wanted):
        check(len(line) == len(want) and all(same(a, b) for a, b in zip(line, want)), f"{name}: {line} and {want}")
        for f, text in zip(table["fields"], line):
            right = {"number": r"-?[0-9].*|", "integer": r"-?[0-9]+|", "boolean": "true|false|", "string": "(?s).*"}[f["type"]]
            check(re.fullmatch(right, text) is not None, f"{name}: {f['name']} is no {f['type']}: {text}")
    both = penrig(*args, "--json", "--csv", cwd=cwd)
    check(both.returncode == 2 and "choose one" in both.stderr, f"{name}: both at once: {both.returncode} {both.stderr}")


def prepare():
    where = Path(tempfile.mkdtemp(prefix="pr"))
    kept = sorted(old_runs.DATA.glob("runs-*"))[-1]
    (where / "runs").mkdir()
    for name in ("conditional-pass", "conditional-fail", "pass-20-khz", "fail-slow"):
        old_runs.unpack(kept, name, where / "runs")
    penrig("history", "--rebuild", "runs", "--history", "history", cwd=where)
    (where / "pin").write_text("481516\n")
    (where / "pin").chmod(0o600)
    penrig("account", "add", "trail", "--name", "A. Meier", "--role", "supervisor", "--badge", "B1", "--pin-file", "pin", cwd=where)
    (where / "sop.json").write_text(json.dumps({"kind": "penrig/lot/1", "standard": "ours", "n": 20, "c": 1}))
    return where


def main():
    check = rig.Checks()
    tables = {t["command"]: t for t in json.loads(penrig("help", "tables", "--json").stdout)}
    if "--write" in sys.argv:
        SCHEMA.write_text(json.dumps(schema_of(tables.values()), indent=2) + "\n")
    schema = json.loads(SCHEMA.read_text())
    check(schema == schema_of(tables.values()), "the published schema is not that of penrig help tables: test_tables.py --write")
    for name in commands():
        offered = set(re.findall(r"--(json|csv)\b", penrig("help", name).stdout))
        if name in NO_TABLE:
            continue
        check(offered >= {"json", "csv"}, f"penrig {name} prints a table and offers {offered}")
        check(name in OWN_FORM or any(t.split()[0] == name for t in tables), f"penrig help tables does not list {name}")
    where = prepare()
    plan, bench = rig.FIXTURES / "plans/demo.json", rig.FIXTURES / "benches/virtual-usb.json"
    run = next((where / "runs").glob("*.penrig"))
    at = ("--history", "history")
    value = penrig("trend", "depth_error_mm", *at, "--json", cwd=where)
    for args, rows in (
        (("check", plan, "--bench", bench, "--state", "."), 6), (("list",), 0), (("doctor",), 1), (("state", "--bench", bench, "--state", "."), 0), (("profile", "list"), 5),
        (("verify", *sorted((where / "runs").glob("*.penrig"))), 4), (("account", "list", "trail"), 1), (("version",), 5), (("help", "measurands"), 20),
        (("trend", "stroke_rate_hz", *at), 0), (("lot", "sop.json"), 10), (("equivalence", "depth_mm", *at), 1),
    ):
        name = args[0] if args[0] in tables else " ".join(map(str, args[:2]))
        examine(check, tables[name], *args, cwd=where, schema=schema, rows_min=rows)
    for path in sorted((rig.FIXTURES / "plans").glob("*.json")):
        plain = penrig("check", path, "--plain")
        check(plain.returncode == 0 and json.loads(plain.stdout)["kind"] == "penrig/plan/1", f"{path.name} without comments: {plain.stderr}")
    shown = penrig("show", run, "--csv", cwd=where).stdout
    written = penrig("report", run, "--format", "csv", "-o", "x.csv", cwd=where)
    check(written.returncode == 0 and shown.replace("\r", "") == (where / "x.csv").read_text().replace("\r", ""), f"show --csv is the report's table: {written.stderr}")
    check.end()


if __name__ == "__main__":
    main()
