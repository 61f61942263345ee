"""Reads a JUnit report with an XML parser: counts agree, and every case is what the record of the test makes it."""
import sys
import xml.etree.ElementTree as ET

root = ET.parse(sys.argv[1]).getroot()
assert root.tag == "testsuites"
suites = {s.get("name"): s for s in root}
assert list(suites) == ["about", "run", 'fine <lines> & "more" ?'], list(suites)
plan = root.find(".//property[@name='plan']").get("value")
for s in root:
    cases = s.findall("testcase")
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(s.get(attribute)) == sum(c.find(tag) is not None for c in cases), (s.get("name"), attribute)
    assert int(s.get("tests")) == len(cases)
    assert len({c.get("name") for c in cases}) == len(cases), "two cases of one name"
    assert {c.get("classname") for c in cases} <= {f"{plan}.PEN-0012.{s.get('name')}"}, s.get("name")
    assert s.get("name") == "about" or abs(float(s.get("time")) - sum(float(c.get("time")) for c in cases)) < 0.01

properties = {p.get("name"): p.get("value") for p in suites["about"].iter("property")}
assert properties["dut"] == "PEN-0012" and properties["operator"] == 'A. "Quote" \\ O\'Néill' and properties["order"] == "4711"


def mark(suite, start):
    found = [c for c in suites[suite] if c.get("name").startswith(start)]
    assert len(found) == 1, (start, [c.get("name") for c in suites[suite]])
    return found[0][-1].tag


step = 'fine <lines> & "more" ?'
assert mark(step, "depth_mm (force_equivalent) at point 1:") == "failure"
assert mark(step, "stroke_rate_hz (realised) at point 1:") == "error"
assert mark(step, "handle_temperature_c at point 1:") == "system-out"
assert mark(step, "depth_mm (force_equivalent) at point 2:") == "system-out"
assert mark(step, "attempt 1 at point 2:") == "skipped"
assert mark(step, "measurement at point 3:") == "error"
assert mark(step, "depth_mm (force_equivalent) at point 4:") == "system-out"
assert mark(step, "stroke_rate_hz at point 4:") == "error"
assert mark(step, "required limits at point 5:") == "error"
assert not [c for c in suites[step] if c.get("name").startswith("required limits") and "point 5:" not in c.get("name")]
assert mark(step, "depth_linearity_mm") == "system-out"
assert mark("run", "run status") == "system-out"
assert mark("run", "stop verified") == "system-out"
assert mark("run", "verdict on the pen") == "failure"
assert mark("run", "point 6 of 6") == "error"
assert mark("run", "dead_man test") == "system-out"
