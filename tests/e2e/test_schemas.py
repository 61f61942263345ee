"""The published JSON Schemas and the C reader agree on what a plan, a bench and a phantom are.

Every shipped file validates and is accepted; every file in tests/e2e/bad is refused by `penrig check` at its own
file:line:column, and by the schema too, except where a schema cannot say it: those are listed here, by name, and the
schema must accept them, or the list would be longer than the truth."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import jsonschema

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PENRIG = os.path.abspath(os.path.join(os.environ.get("B", os.path.join(ROOT, "build/dev")), "penrig"))
BAD = "tests/e2e/bad"
KINDS = ("plan", "bench", "phantom")

# What a schema cannot express: order of numbers, one key against another, bytes against characters, other files, and what
# Python's reader swallows as cJSON does. Grouped by reason.
ONLY_C = {
    # the text, not the tree
    "plan-duplicate-key", "plan-duplicate-escaped", "plan-not-a-number", "plan-long-bytes",
    # one number against another
    "plan-limit-crossed", "plan-measure-crossed", "plan-settle-crossed", "plan-until-nominal", "plan-process-gamma-wide", "plan-range-too-many", "bench-ambient-crossed", "bench-due-first", "bench-heartbeat-slow",
    "bench-preload-range", "bench-power-narrow", "bench-power-not-rising", "phantom-not-rising", "phantom-lengths", "phantom-rates-fall",
    # one part of the file against another
    "plan-limit-twice", "plan-none-required", "plan-no-limits", "plan-temperature-no-thermal", "plan-hysteresis-one-way",
    "plan-linearity-two-depths", "plan-process-no-limit", "plan-process-step-no-limit", "plan-process-twice",
    # the form of a device's name, the drivers there are
    "bench-link-address", "bench-driver-unknown", "bench-power-driver", "bench-power-neither", "bench-power-relay-volts", "bench-power-no-timer", "bench-power-no-amps", "bench-devices-role-not-served",
    "bench-dial-driver", "bench-dial-link-of-supply",
    # one device of the list against another
    "bench-devices-name-twice", "bench-devices-link-twice", "bench-devices-latency-crossed",
    # what a program's samples are against the rest of its entry
    "bench-command-columns-of-laser", "bench-command-column-beyond", "bench-command-name-twice", "bench-command-no-force", "bench-command-arguments-of-file",
    "bench-command-serial-link", "bench-command-missing", "bench-command-of-other-driver", "bench-command-exec-of-other-driver",
    "bench-command-digest-in-path", "bench-command-production", "bench-golden-program", "bench-command-range-crossed",
    # what hangs on a DAQ's inputs, one against another and against the rest of its entry
    "bench-daq-missing", "bench-daq-of-other-driver", "bench-daq-input-twice", "bench-daq-name-twice", "bench-daq-no-force",
    "bench-daq-range-wide", "bench-daq-range-crossed", "bench-daq-link-name",
    # another file
    "bench-command-no-program", "bench-command-digest-other", "bench-phantom-gone", "bench-phantom-twice", "bench-phantom-worn", "plan-rate-outside-phantom",
    "plan-depth-outside-pen", "plan-phantom-not-there", "plan-judge-displacement",
}

passed = 0
failures = []


def check(condition, text):
    global passed
    if condition:
        passed += 1
    else:
        failures.append(text)
        print("FAIL", text)


def strip_comments(text):
    """Blanks // and /* */ comments outside strings."""
    pattern = r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/'
    return re.sub(pattern, lambda m: m.group() if m.group()[0] == '"' else re.sub(r"[^\n]", " ", m.group()), text, flags=re.S)


def load(path):
    with open(path, encoding="utf-8") as f:
        return json.loads(strip_comments(f.read()))


def schema_of(kind):
    with open(f"reports/schema/{kind}.schema.json", encoding="utf-8") as f:
        schema = json.load(f)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())


def schema_error(validators, kind, path):
    """None, or why the schema (or a JSON reader) refuses the file."""
    try:
        value = load(path)
    except ValueError as error:
        return str(error)
    # 1e999 reads as infinity in Python; a schema's maximum catches it, as C does.
    error = jsonschema.exceptions.best_match(validators[kind].iter_errors(value))
    return error.message if error else None


def penrig_check(plan, bench):
    run = subprocess.run([PENRIG, "check", plan, "--bench", bench], capture_output=True, text=True, timeout=60, check=False)
    return run.returncode, run.stderr


def check_shipped(validators):
    benches = {"stretch-marks": "virtual-soft", "near-bone": "virtual-bone"}
    for kind, folder in (("plan", "plans"), ("bench", "benches"), ("phantom", "phantoms"), ("profile", "profiles")):
        names = sorted(n for n in os.listdir(f"fixtures/{folder}") if n.endswith(".json"))
        check(names, f"nothing is shipped in fixtures/{folder}")
        for name in names:
            why = schema_error(validators, kind, f"fixtures/{folder}/{name}")
            check(why is None, f"fixtures/{folder}/{name}: schema: {why}")
    for name in sorted(os.listdir("fixtures/plans")):
        bench = benches.get(name[: -len(".json")], "virtual-usb")
        code, text = penrig_check(f"fixtures/plans/{name}", f"fixtures/benches/{bench}.json")
        check(code == 0, f"fixtures/plans/{name} on {bench}: exit {code}: {text}")
    for name in sorted(os.listdir("fixtures/benches")):
        if name.startswith("virtual"):
            with tempfile.TemporaryDirectory() as folder:
                phantom = load(f"fixtures/benches/{name}")["phantoms"][0]["file"]
                plan = load("fixtures/plans/ci-smoke.json")
                check(os.path.exists(os.path.join("fixtures/benches", phantom)), f"{name}: no phantom {phantom}")
                path = os.path.join(folder, "plan.json")
                with open(path, "w", encoding="utf-8") as f:
                    json.dump(plan, f)
                code, text = penrig_check(path, f"fixtures/benches/{name}")
                check(code == 0, f"{name}: exit {code}: {text}")


def refused_by_c(name, kind, folder):
    """Checks the file together with good ones of the other kinds; a bad phantom stands in for the good one."""
    files = {k: f"{folder}/{k}-good.json" for k in KINDS}
    shutil.copy(f"{BAD}/{name}.json", f"{folder}/{name}.json")
    if kind == "phantom":
        shutil.copy(f"{BAD}/{name}.json", files["phantom"])
    else:
        files[kind] = f"{folder}/{name}.json"
    code, text = penrig_check(files["plan"], files["bench"])
    shutil.copy(f"{BAD}/phantom-good.json", files["phantom"])
    return code, text, files[kind]


def check_bad(validators):
    names = sorted(n[: -len(".json")] for n in os.listdir(BAD))
    for name in ONLY_C:
        check(name in names, f"{name} is listed as for C only and does not exist")
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            shutil.copy(f"{BAD}/{kind}-good.json", folder)
            why = schema_error(validators, kind, f"{BAD}/{kind}-good.json")
            check(why is None, f"{kind}-good: schema: {why}")
        code, text = penrig_check(f"{folder}/plan-good.json", f"{folder}/bench-good.json")
        check(code == 0, f"the good files: exit {code}: {text}")
        for name in names:
            kind = name.split("-")[0]
            if name.endswith("-good"):
                continue
            code, text, path = refused_by_c(name, kind, folder)
            check(code in (2, 8), f"{name}: penrig check gave exit {code}: {text}")
            # A budget that is used up is the plan's fault as much as the bench's: both are named.
            check(re.search(re.escape(path) + r":\d+:\d+", text), f"{name}: no {path}:LINE:COLUMN in: {text}")
            why = schema_error(validators, kind, f"{BAD}/{name}.json")
            if name in ONLY_C:
                check(why is None, f"{name} is listed as for C only, and the schema refuses it: {why}")
            else:
                check(why is not None, f"{name}: the schema accepts it")
    return len(names)


def check_measurands():
    """The lists of measurands and units in the schemas and in docs/ are those of the table that the program prints."""
    out = subprocess.run([PENRIG, "help", "measurands", "--json"], capture_output=True, text=True, check=True).stdout
    rows = json.loads(out)
    table = {row["name"]: row["unit"] for row in rows if row["judged"]}
    check(len(table) > 20, "the table of measurands cannot be read")
    for kind in ("plan", "limits"):
        defs = load(f"reports/schema/{kind}.schema.json")["$defs"]
        limit, units = defs["limit"], defs.get("unit_of_measurand", defs["limit"])["oneOf"]
        listed = {n: g["properties"]["unit"]["const"] for g in units for n in g["properties"]["measurand"]["enum"]}
        check(listed == table, f"{kind} schema and table differ: {set(listed.items()) ^ set(table.items())}")
        check(set(limit["properties"]["measurand"]["enum"]) == set(table), f"{kind} schema: the enum of measurands differs")
    for key, may in (("measure_s", "narrows"), ("settle_s", "travels")):
        window = load("reports/schema/plan.schema.json")["properties"]["steps"]["items"]["properties"][key]["oneOf"][1]
        named = set(window["properties"]["until"]["propertyNames"]["enum"])
        check(named == {row["name"] for row in rows if row[may]}, f"plan schema: what {key} may be until is not {named}")
    with open("docs/files.md", encoding="utf-8") as f:
        section = f.read().split("### Measurands", 1)[1].split("\n#", 1)[0]
    told = {name: unit for names, unit in re.findall(r"^\| (`.*?) \| ([^|]+) \|$", section, flags=re.M) for name in re.findall(r"`(\w+)`", names)}
    check(told == table, f"docs/files.md and table differ: {set(told.items()) ^ set(table.items())}")
    for row in rows:
        check(row["judged"] or f"`{row['name']}`" in section, f"docs/files.md does not say that {row['name']} has no limit")


def check_docs(validators):
    """docs/files.md, and docs/profiles.md and docs/daq.md for what they are about, tell every key and every word that a schema knows."""
    text = ""
    for page in ("files", "profiles", "daq"):
        with open(f"docs/{page}.md", encoding="utf-8") as f:
            text += f.read()

    def walk(node):
        if isinstance(node, dict):
            for key in node.get("properties", {}):
                check(re.search(rf"\b{re.escape(key.lstrip('$'))}\b", text), f"docs/files.md does not tell the key {key}")
            for word in node.get("enum", []):
                check(not isinstance(word, str) or word in text, f"docs/files.md does not tell the word {word}")
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    for validator in validators.values():
        walk(validator.schema)


def main():
    os.chdir(ROOT)
    validators = {kind: schema_of(kind) for kind in (*KINDS, "profile")}
    check_measurands()
    check_docs(validators)
    check_shipped(validators)
    count = check_bad(validators)
    print(f"{count} files in the corpus, {len(ONLY_C)} of them for C only")
    print(f"{passed} passed, {len(failures)} failed, 0 skipped")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
