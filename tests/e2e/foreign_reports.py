"""Formats of other programs, read by what is known of them and not by penrig: each judged figure is there with all its digits and is
judged again from them alone, and what was not shown is never a pass."""
import csv
import json
import re
import xml.etree.ElementTree as ET

TR = "{urn:IEEE-1636.1:2011:01:TestResults}"
C = "{urn:IEEE-1671:2010:Common}"
EXTENSIONS = (".strokes.csv", ".jsonl", ".dfq", ".wsjf.json", ".atml.xml", ".openhtf.json", ".dcc.xml")
FORMATS = ("strokes", "jsonl", "dfq", "wsjf", "atml", "openhtf", "dcc")


def outcome(r):
    """docs/report.md, Rounding."""
    if "value" not in r or not r["trusted"]:
        return "inconclusive"
    value, w = r["value"], r["guard_r"] * r.get("expanded_uncertainty", 0)
    margin = min(value - r["lower"] if "lower" in r else float("inf"), r["upper"] - value if "upper" in r else float("inf"))
    if margin >= 0:
        return "pass" if margin > w or w == 0 else "conditional_pass"
    return "fail" if -margin > w else "conditional_fail"


def grade(r):
    """pass, fail, error, or none where it has no weight."""
    if r["outcome"] == "informative" or not r["required"]:
        return "none"
    if r["outcome"] == "conditional_pass":
        return "pass" if r["accept_conditional"] else "error"
    return {"pass": "pass", "inconclusive": "error"}.get(r["outcome"], "fail")


def of_run(said):
    if said["exit_code"] == 0:
        return "pass"
    if (said["dut_verdict"] or "").endswith("fail"):
        return "fail"
    return "aborted" if said["run_status"] == "interrupted" else "error"


def check_judgements(check, label, judged, said):
    """judged: (value or None, lower, upper, grade in the format, what it says of itself)"""
    limited = [r for part in said["points"] + said["sweeps"] for r in part["results"] if r["limits"]]
    found = [row for row in judged if row[4]["outcome"] != "informative"]
    check(len(found) == len(limited), f"{label}: {len(found)} of {len(limited)} judged figures")
    for value, lower, upper, given, told in judged:
        check(value == told.get("value") and (told["outcome"] == "informative" or (lower, upper) == (told.get("lower"), told.get("upper"))),
              f"{label}: the figure is what it says: {value}, {lower}, {upper}: {told}")
        check(given == grade(told), f"{label}: {given}, not {grade(told)}: {told}")
        again = told["outcome"] if told["outcome"] == "informative" else outcome(told)
        check(again == told["outcome"], f"{label}: {told} is {again}")


def check_jsonl(check, label, text, said):
    lines = [json.loads(line) for line in text.splitlines()]
    check([line["sequenceNumber"] for line in lines] == list(range(len(lines))), f"{label}: numbers without a gap")
    check(all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["timestamp"]) for line in lines), f"{label}: times")
    stamps = [line["timestamp"] for line in lines]
    check(stamps == sorted(stamps), f"{label}: time goes on")
    check(lines[0]["schemaVersion"] == {"major": 2, "minor": 0} and "testRunStart" in lines[1]["testRunArtifact"], f"{label}: begins")
    check(all(len(set(line) - {"sequenceNumber", "timestamp"}) == 1 for line in lines), f"{label}: one artifact on a line")
    end = lines[-1]["testRunArtifact"]["testRunEnd"]
    wanted = {"pass": ("COMPLETE", "PASS"), "fail": ("COMPLETE", "FAIL")}.get(of_run(said), ("ERROR", "NOT_APPLICABLE"))
    check((end["status"], end["result"]) == wanted, f"{label}: ends with {end}, exit code {said['exit_code']}")
    steps, judged = {}, []
    for line in (line["testStepArtifact"] for line in lines if "testStepArtifact" in line):
        what = next(key for key in line if key != "testStepId")
        steps.setdefault(line["testStepId"], []).append(what)
        if what == "measurement":
            m = line[what]
            limits = {v["type"]: v["value"] for v in m.get("validators", ())}
            judged.append((m["value"], limits.get("GREATER_THAN_OR_EQUAL"), limits.get("LESS_THAN_OR_EQUAL"), grade(m["metadata"]), m["metadata"]))
        if what == "testStepEnd":
            check(line[what]["status"] in ("COMPLETE", "ERROR", "SKIP"), f"{label}: {line}")
    check(all(s[0] == "testStepStart" and s[-1] == "testStepEnd" and s.count("diagnosis") == 1 for s in steps.values()), f"{label}: each step begins, is told and ends")
    missing = sum(what == "error" for step in steps.values() for what in step)
    limited = [r for part in said["points"] + said["sweeps"] for r in part["results"] if r["limits"]]
    check(missing == sum(r["value"] is None and r["required"] for r in limited), f"{label}: {missing} figures that are not there are errors")
    check_judgements(check, label, judged, {"points": [{"results": [r for r in limited if r["value"] is not None]}], "sweeps": []})


def check_wsjf(check, label, text, said):
    uut = json.loads(text)
    letters = {"P": "pass", "F": "fail", "E": "error", "T": "aborted", "D": "none"}
    check(letters[uut["result"]] == of_run(said) == letters[uut["root"]["status"]] and uut["type"] == "T" and uut["sn"] == said["dut"], f"{label}: {uut['result']}")
    check(re.fullmatch("[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", uut["id"]) is not None, f"{label}: an id: {uut['id']}")
    judged = []
    for group in uut["root"]["steps"]:
        for step in group.get("steps", ()):
            told = json.loads(step["reportText"])
            m = step["numericMeas"][0] if step["stepType"] == "ET_NLT" else {"status": step["booleanMeas"][0]["status"]}
            check(step["status"] == m["status"], f"{label}: {step}")
            judged.append((m.get("value"), m.get("lowLimit"), m.get("highLimit"), letters[m["status"]], told) if m.get("value") is not None
                          else (None, told.get("lower"), told.get("upper"), letters[m["status"]], told))
    check_judgements(check, label, judged, said)


def check_atml(check, label, text, said):
    root = ET.fromstring(text)
    words = {("Passed", None): "pass", ("Failed", None): "fail", ("Aborted", "Inconclusive"): "error", ("Aborted", "Terminated"): "aborted", ("Done", None): "none"}

    def grade_of(element):
        told = element.find(f"{TR}Outcome")
        return words[told.get("value"), told.get("qualifier")]

    check(grade_of(root.find(f".//{TR}ResultSet")) == of_run(said), f"{label}: the result set's outcome")
    ids = [e.get("ID") for e in root.iter() if e.get("ID")]
    check(len(ids) == len(set(ids)), f"{label}: each ID once")
    judged = []
    for test in (t for g in root.iter(f"{TR}TestGroup") for t in g.findall(f"{TR}Test")):
        told = json.loads(test.find(f"{TR}Description").text)
        data = test.find(f"{TR}TestResult/{TR}TestData/{C}Datum")
        limits = {e.get("comparator"): float(e.find(f"{C}Datum").get("value")) for e in test.iter() if e.get("comparator")}
        value = float(data.get("value")) if data is not None else None
        judged.append((value, limits.get("GE"), limits.get("LE"), grade_of(test), told) if data is not None else (None, told.get("lower"), told.get("upper"), grade_of(test), told))
    check_judgements(check, label, judged, said)


def check_dcc(check, label, text, said):
    """By PTB's schema 3.2.1, as far as it is read here: the order of members, what may not be empty, and figures as D-SI has them."""
    dcc, si = "{https://ptb.de/dcc}", "{https://ptb.de/si}"
    root = ET.fromstring(text)
    order = lambda element: [e.tag.removeprefix(dcc) for e in element]
    check(root.tag == f"{dcc}digitalCalibrationCertificate" and root.get("schemaVersion") == "3.2.1" and order(root) == ["administrativeData", "measurementResults"], f"{label}: {order(root)}")
    check(order(root[0]) == ["dccSoftware", "coreData", "items", "calibrationLaboratory", "respPersons", "customer", "statements"], f"{label}: {order(root[0])}")
    check(order(root.find(f".//{dcc}coreData")) == ["countryCodeISO3166_1", "usedLangCodeISO639_1", "mandatoryLangCodeISO639_1", "uniqueIdentifier", "beginPerformanceDate", "endPerformanceDate", "performanceLocation"], f"{label}: core data")
    check(all(e.text and e.text == e.text.strip() for e in root.iter() if len(e) == 0), f"{label}: nothing is empty")
    check(root.find(f".//{dcc}item//{dcc}value").text == said["dut"], f"{label}: the pen")
    words = {"pass": "pass", "fail": "fail", "noPass": "error", None: "none"}
    check(words[root.findall(f".//{dcc}statement/{dcc}conformity")[0].text] == {"aborted": "error"}.get(of_run(said), of_run(said)), f"{label}: the verdict")
    judged = []
    for quantity in root.iter(f"{dcc}quantity"):
        told = json.loads(quantity.find(f".//{dcc}declaration/{dcc}content").text)
        real, given = quantity.find(f"{si}real"), quantity.find(f".//{dcc}conformity")
        value = float(real.find(f"{si}value").text) if real is not None else None
        if real is not None:
            check([e.tag.removeprefix(si) for e in real][:2] == ["value", "unit"] and real[1].text.startswith("\\"), f"{label}: {ET.tostring(real)}")
            u = real.find(f"{si}expandedUnc/{si}uncertainty")
            check(u is None or float(u.text) == told["expanded_uncertainty"], f"{label}: U of {told}")
        given = words[given.text if given is not None else None]
        if grade(told) == "pass" and given != "pass":  # in an attempt that does not count, or shows nothing
            check(of_run(said) != "pass" or any(not p["counts"] for p in said["points"]), f"{label}: {given} of {told}")
            given = "pass"
        judged.append((value, told.get("lower"), told.get("upper"), given, told))
    check_judgements(check, label, judged, said)


def check_openhtf(check, label, text, said):
    record = json.loads(text)
    check(record["outcome"].lower() == of_run(said) and record["dut_id"] == said["dut"], f"{label}: {record['outcome']}")
    judged = []
    for phase in record["phases"]:
        check(phase["outcome"] in ("PASS", "FAIL", "SKIP", "ERROR") and phase["start_time_millis"] <= phase["end_time_millis"], f"{label}: {phase['name']}")
        worst = {m["outcome"] for m in phase["measurements"].values()}
        check(phase["outcome"] != "PASS" or worst <= {"PASS", "UNSET"}, f"{label}: {phase['name']} passes with {worst}")
        for m in phase["measurements"].values():
            told = m["penrig"]
            limits = re.fullmatch(r"(?:(\S+) <= )?x(?: <= (\S+))?", (m["validators"] or ["x"])[0])
            check(m["outcome"] == {"pass": "PASS", "fail": "FAIL", "error": "UNSET", "none": "PASS" if "value" in told and told["outcome"] in ("informative", "pass") else "UNSET"}[grade(told)], f"{label}: {m}")
            judged.append((m.get("measured_value"), limits[1] and float(limits[1]), limits[2] and float(limits[2]), grade(told), told))
    check_judgements(check, label, judged, said)


def read_dfq(text):
    """(the part's fields, of each characteristic its fields)"""
    part, characteristics = {}, {}
    for line in text.split("\r\n")[:-1]:
        key, number, value = re.fullmatch(r"(K\d{4})(?:/(\d+))? (.*)", line).groups()
        where = characteristics.setdefault(int(number), {}) if number else part
        assert key not in where, line
        where[key] = value
    return part, characteristics


def check_dfq(check, label, text, said):
    check(text.isascii() and "\n" not in text.replace("\r\n", ""), f"{label}: ASCII, CR LF")
    part, found = read_dfq(text)
    check(text.startswith(f"K0100 {len(found)}\r\n") and sorted(found) == list(range(1, len(found) + 1)), f"{label}: {part['K0100']} characteristics")
    results = [(r, p.get("counts", True)) for p in said["points"] + said["sweeps"] for r in p["results"] if r["limits"]]
    decided = of_run(said) in ("pass", "fail") and said["run_status"] == "complete"
    check(len(found) == 2 * len(results) + 2, f"{label}: {len(found)} characteristics of {len(results)} figures")
    for i, (r, of_attempt) in enumerate(results):
        value, u = found[2 * i + 1], found[2 * i + 2]
        counts = decided and of_attempt and r["trusted"] and r["value"] is not None
        check(("(superseded)" in value["K2002"]) == (not of_attempt), f"{label}: {value}")
        check(value["K0002"] == u["K0002"] == ("0" if counts else "129" if r["value"] is not None else "255"), f"{label}: {value}, {r['outcome']}")
        check(u["K2002"].endswith("; not trusted") == (r["value"] is not None and not r["trusted"]), f"{label}: {u}, trusted: {r['trusted']}")
        check(("K0001" in value) == (r["value"] is not None), f"{label}: no number in place of a value: {value}")
        if not counts:
            continue
        told = {"value": float(value["K0001"]), "trusted": True, "expanded_uncertainty": float(u["K0001"]), "guard_r": float(re.search(r"guard band (\S+) U", u["K2002"])[1]),
                **{name: float(value[key]) for name, key in (("lower", "K2110"), ("upper", "K2111")) if key in value}}
        check(outcome(told) == r["outcome"], f"{label}: {told} is {outcome(told)}, not {r['outcome']}")
    verdict, passed = found[len(found)], "-1" if said["dut_verdict"] == "pass_on_statement" else "0"
    check((verdict["K0002"], verdict["K0001"], verdict["K2111"]) == ("0", {"pass": passed, "fail": "1"}.get(of_run(said), "2"), "0"), f"{label}: how it came out: {verdict}")
    last = found[len(found) - 1]
    check(last["K0002"] == "0" and (float(last["K0001"]) > 0 or said["run_status"] == "complete"), f"{label}: what was not shown is counted: {last}")


def check_strokes(check, label, text, said):
    rows = list(csv.DictReader(text.splitlines(), strict=True))
    places = {(p["number"], p["attempt"]) for p in said["points"]}
    last = {}
    for row in rows:
        if None in row or row["kind"] not in ("stroke", "telemetry", "elsewhere"):
            check(False, f"{label}: {row}")
        key = (row["kind"], row["point"], row["attempt"])
        if row["time_s"]:
            if float(row["time_s"]) < last.get(key, -1):
                check(False, f"{label}: time goes back at {row}")
            last[key] = float(row["time_s"])
    check({(int(r["point"]), int(r["attempt"])) for r in rows if r["kind"] == "stroke"} <= places, f"{label}: strokes of points that there are")
    earlier = {(p["number"], p["attempt"]): said["sessions"][p["session"] - 1]["name"] for p in said["points"] if p.get("session", 0) and p["session"] <= len(said.get("sessions", ()))}
    check({(int(r["point"]), int(r["attempt"])): r["run"] for r in rows if r["kind"] == "elsewhere"} == earlier, f"{label}: what is in other files: {earlier}")
    check(not any((int(r["point"]), int(r["attempt"])) in earlier for r in rows if r["kind"] != "elsewhere" and r["point"]), f"{label}: nothing of this run is told of another's points")
    for p in said["points"]:
        if (p["number"], p["attempt"]) in earlier:
            continue
        mine = [r for r in rows if (r["kind"], r["point"], r["attempt"]) == ("stroke", str(p["number"]), str(p["attempt"]))]
        counted = next((r["value"] for r in p["results"] if r["measurand"] == "strokes" and r["trusted"]), None)
        measured = sum(r["phase"] == "measure" for r in mine)
        check(counted is None or measured >= counted, f"{label}: point {p['number']}: {measured} strokes, {counted} counted")


def check_all(check, label, where, stem, said):
    for extension, look in zip(EXTENSIONS, (check_strokes, check_jsonl, check_dfq, check_wsjf, check_atml, check_openhtf, check_dcc)):
        with open(where / f"{stem}{extension}", newline="") as file:
            look(check, f"{label}, {extension}", file.read(), said)
