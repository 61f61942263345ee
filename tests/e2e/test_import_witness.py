"""A named person vouches for what penrig did not see of a recording. Then the best verdict is pass_on_statement, under its own name
everywhere, and no statement makes good what was measured badly, or not at all."""
import json
import re
import sys
import tempfile
import xml.etree.ElementTree
from pathlib import Path

import numpy as np

import report_form
import rig

PLAN = {"kind": "penrig/plan/1", "name": "one",
        "steps": [{"name": "one", "depth_mm": [1], "rate_hz": [120], "tare_s": 0.25, "settle_s": 0.4, "measure_s": 1}],
        "limits": [{"measurand": "depth_error_mm", "unit": "mm", "lower": -0.15, "upper": 0.15},
                   {"measurand": "missed_strokes", "unit": "1", "upper": 0}]}
STATEMENT = "I ran pen PEN-GOOD-01 at 1 mm and 120 Hz on bench 3.\nIt stopped when I told it to, and stood still.\n"


class Desk:
    def __init__(self, folder, path, bench):
        self.folder, self.path, self.bench, self.n = folder, path, bench, 0
        (folder / "statement.txt").write_text(STATEMENT)

    def plan(self, **more):
        path = self.folder / f"plan{self.n}.json"
        path.write_text(json.dumps({**PLAN, **more}))
        return path

    def run(self, *options, plan=None, witness="A. Smith"):
        """exit code, report, name, done"""
        self.n += 1
        name = f"w{self.n}"
        by = ["--witness", witness, "--statement", self.folder / "statement.txt"] if witness else []
        done = rig.penrig_a("import", self.path, "--rate", 20000, "--column", 1, "--scale", 1, "--bench", self.bench, "--plan", plan or self.plan(), "--dut",
                            "PEN-GOOD-01", "-o", self.folder, "--name", name, *by, *options)
        report = self.folder / f"{name}.report.json"
        report = report_form.read(report.read_text()) if report.exists() else None
        if report:
            report_form.validate(report)
        return done.returncode, report, name, done


ROOM = ("--temperature", "ambient=3:1")
BAR = ("--displacement", "2:1", *ROOM)


def recording(folder):
    plan = folder / "run.json"
    plan.write_text(json.dumps(PLAN))
    run = rig.run_plan(str(plan), seed=4, folder=folder / "run")
    done = rig.penrig_a("export", run.run_file, "--format", "npy", "--output", folder / "out")
    assert run.status == 0 and done.returncode == 0, (run.outcome(), done.stderr)
    samples, slow = np.load(folder / "out.stream0.npy"), np.load(folder / "out.stream1.npy")
    held = np.clip(np.searchsorted(slow["time_s"], samples["time_s"], side="right") - 1, 0, len(slow) - 1)
    np.save(folder / "daq.npy", np.column_stack((samples["force"], samples["displacement"], slow["ambient"][held])))
    return folder / "daq.npy"


def test_verdicts(check, desk):
    code, report, name, done = desk.run(*BAR, witness=None)
    check((code, report["dut_verdict"], report["imported"]["witness"]) == (3, "inconclusive", None), f"without a witness: {code} {report['dut_verdict']}")
    code, report, name, done = desk.run(*BAR)
    check((code, report["dut_verdict"], report["exit_code"]) == (3, "pass_on_statement", 3), f"with one: {code} {report['dut_verdict']} {done.stderr}")
    check("on the statement of A. Smith" in report["verdict_reason"] and not report["pass_on_statement_accepted"], f"{report['verdict_reason']}")
    accepting = desk.plan(accept=["pass_on_statement"])
    code, report, accepted, done = desk.run(*BAR, plan=accepting)
    check((code, report["dut_verdict"], report["pass_on_statement_accepted"]) == (0, "pass_on_statement", True), f"accepted: {code} {report['dut_verdict']}")
    code, report, _, _ = desk.run(*BAR, plan=accepting, witness=None)
    check((code, report["dut_verdict"]) == (3, "inconclusive"), f"accepted, and nobody states it: {code} {report['dut_verdict']}")
    return name, accepted


def test_surfaces(check, desk, name, code):
    run_file = desk.folder / f"{name}.penrig"
    report = report_form.read((desk.folder / f"{name}.report.json").read_text())
    check(report["imported"]["witness"]["statement"] == STATEMENT and report["imported"]["witness"]["name"] == "A. Smith", f"{report['imported']['witness']}")
    done = rig.penrig_a("show", run_file)
    for text in ("PASS ON STATEMENT", "A. Smith", "stood still"):
        check(text in done.stdout, f"show of {name} lacks {text!r}: {done.stdout[:900]}")
    done = rig.penrig_a("analyze", run_file)
    check(done.returncode == code and "bit for bit" in done.stdout, f"analyze of {name}: {done.returncode} {done.stdout[-300:]}{done.stderr}")
    done = rig.penrig_a("plot", run_file, "--point", 1, "--output", desk.folder / f"{name}.svg")
    check(done.returncode == 0 and "on the statement of A. Smith" in (desk.folder / f"{name}.svg").read_text(), f"plot of {name}: {done.stderr}")
    done = rig.penrig_a("report", run_file, "--format", "csv", "--output-dir", desk.folder / f"again-{name}-csv")
    check(done.returncode == 0 and ",pass_on_statement," in next((desk.folder / f"again-{name}-csv").glob("*.csv")).read_text(), f"csv of {name}: {done.stderr}")
    for form in ("junit", "text", "html"):
        done = rig.penrig_a("report", run_file, "--format", form, "--output-dir", desk.folder / f"again-{name}-{form}")
        made = list((desk.folder / f"again-{name}-{form}").glob("*")) if done.returncode == 0 else []
        text = made[0].read_text() if made else ""
        check("A. Smith" in text and "stood still" in text and "pass on statement" in text.lower().replace("_", " "), f"{form} of {name}: {done.stderr}{text[:400]}")
        if form == "junit" and text:
            case = next(c for c in xml.etree.ElementTree.fromstring(text).iter("testcase") if c.get("name") == "verdict on the pen")
            check((case.find("error") is None) == (code == 0) and case.find("failure") is None, f"junit of {name}: the verdict's mark")


def test_for_machines(check, desk, name):
    """Forms and lists that have a name or a code alone for a verdict."""
    run_file = desk.folder / f"{name}.penrig"
    for form, words in (("tap", "pass_on_statement"), ("prom", "penrig_run_pass_on_statement{"), ("jsonl", "pass_on_statement"), ("json", "pass_on_statement")):
        done = rig.penrig_a("report", run_file, "--format", form, "--output-dir", desk.folder / f"machine-{form}")
        made = list((desk.folder / f"machine-{form}").glob("*"))
        check(made and words in made[0].read_text(), f"{form} of {name}: {done.returncode} {done.stderr}")
    done = rig.penrig_a("dossier", run_file, "-o", desk.folder / "dossier")
    page = desk.folder / "dossier/dossier.html"
    check(page.exists() and "pass on statement" in page.read_text(), f"dossier of {name}: {done.returncode} {done.stderr}")
    rig.penrig_a("history", "--rebuild", desk.folder)
    done = rig.penrig_a("history", "--dut", "PEN-GOOD-01")
    check("pass_on_statement" in done.stdout, f"history: {done.stdout}{done.stderr}")


def test_every_form(check, desk, names):
    """Whatever penrig writes of such a run has the verdict's own name: each form of a report, also one that is new, and each list."""
    forms = re.findall(r"^  (\S+)", rig.penrig_a("version").stdout.split("\nreports\n")[1].split("\n\n")[0], re.M)
    check({"json", "dfq", "dcc", "atml", "wsjf", "openhtf"} <= set(forms), f"forms: {forms}")
    rig.penrig_a("history", "--rebuild", desk.folder)
    for name, accepted in names.items():
        run_file, said = desk.folder / f"{name}.penrig", {}
        for form in set(forms) - {"strokes"}:  # which holds no verdict of any run
            said[form] = rig.penrig_a("report", run_file, "--format", form, "--output", "-").stdout
        for command in (("show",), ("show", "--json"), ("analyze",)):
            said[" ".join(command)] = rig.penrig_a(*command, run_file).stdout
        said["page of a lot"] = rig.penrig_a("report", "--format", "html", "--output", "-", *(desk.folder / f"{n}.penrig" for n in names)).stdout
        said["history"] = next(line for line in rig.penrig_a("history", "--dut", "PEN-GOOD-01", "--csv").stdout.splitlines() if f"/{name}.penrig" in line)
        for what, text in said.items():
            plain = text.lower().replace(" ", "_")
            wanted = ("-1_pass_on_statement", f"k0001/{text.count('K2001')}_{-1 if accepted else 2}\n") if what == "dfq" else ("pass_on_statement",)
            check(all(word in plain.replace("\r", "") for word in wanted), f"{what} of {name}, accepted {accepted}, lacks {wanted}: {text[:300]}")


def test_nothing_is_excused(check, desk):
    for taken, why in ((ROOM, "whether this was the phantom"), (BAR[:2], "whether the room suited the calibrations")):
        code, report, _, _ = desk.run(*taken)
        check((code, report["dut_verdict"]) == (3, "inconclusive") and "no statement stands for a check" in report["verdict_reason"],
              f"{why}: the bench has more than the recording: {code} {report['dut_verdict']} {report['verdict_reason']}")
        check(why in report["imported"]["unchecked"], f"{report['imported']['unchecked']}")
    tight = desk.plan(accept=["pass_on_statement"], limits=[{"measurand": "depth_error_mm", "unit": "mm", "lower": 0.1, "upper": 0.15}])
    code, report, _, _ = desk.run(*BAR, plan=tight)
    check((code, report["dut_verdict"]) == (1, "fail"), f"a fail: {code} {report['dut_verdict']}")
    tested = desk.plan(accept=["pass_on_statement"], tests={"dead_man": True})
    code, report, _, _ = desk.run(*BAR, plan=tested)
    check((code, report["dut_verdict"]) == (3, "inconclusive") and "dead_man" in report["verdict_reason"], f"a test not done: {code} {report['verdict_reason']}")
    warm = desk.plan(accept=["pass_on_statement"], limits=[*PLAN["limits"], {"measurand": "spin_up_s", "unit": "s", "upper": 0.5}])
    code, report, _, _ = desk.run(*BAR, plan=warm)
    check((code, report["dut_verdict"]) == (3, "inconclusive") and "spin_up_s" in report["verdict_reason"], f"a start that nobody states: {code} {report['verdict_reason']}")
    code, report, _, done = desk.run(*BAR, "--recorded", "2150-01-01")
    check(code == 8 and report is None, f"a calibration that was overdue: {code} {done.stderr}")
    other = desk.folder / "wide.json"
    other.write_text(json.dumps({"kind": "penrig/limits/1", "name": "wide", "limits": PLAN["limits"]}))
    code, _, name, _ = desk.run(*BAR)
    done = rig.penrig_a("analyze", desk.folder / f"{name}.penrig", "--limits", other)
    judged = report_form.read((desk.folder / f"{name}.limits-wide.report.json").read_text())
    check((done.returncode, judged["dut_verdict"]) == (3, "pass_on_statement"), f"judged anew: {done.returncode} {judged['dut_verdict']} {done.stderr}")
    check("pass_on_statement" in rig.penrig_a("show", desk.folder / f"{name}.penrig").stdout, "show lists the later verdict by its name")
    rig.penrig_a("history", "--rebuild", desk.folder)
    runs = json.loads(rig.penrig_a("history", "--dut", "PEN-GOOD-01", "--json").stdout)
    later = [r["later_verdict"] for r in runs if r["run"] == name]
    check(later == ["pass_on_statement"], f"so does history: {later}")


def test_what_the_recording_does_not_show(check, desk):
    """A hole over the end of tare or window, other times than the plan's, no rest behind the stop, strokes of nobody: never vouched for."""
    _, report, _, _ = desk.run(*BAR)
    w = {k: int(v) for k, v in report["points"][0]["window"].items() if k.endswith("_index") and isinstance(v, str)}
    data, hz = np.load(desk.path), 20000
    first, stop = w["first_index"], w["coast_index"]

    def outcome(samples, *options, name="other.npy", plan=None):
        np.save(desk.folder / name, samples)
        code, said, _, done = Desk.run(Other(desk, desk.folder / name), *BAR, *options, plan=plan)
        return said["dut_verdict"] if said else code, (said or {}).get("verdict_reason", done.stderr)

    times = ("--tare-until", (first - 0.45 * hz) / hz, "--start", (first - 0.4 * hz) / hz, "--measure-from", first / hz, "--measure-to", (first + hz) / hz)
    for label, lo, hi in (("window", first + hz // 5, first + hz + 3000), ("tare", int(first - 0.6 * hz), int(first - 0.42 * hz))):
        holed = data.copy()
        holed[lo:hi] = np.nan
        verdict, why = outcome(holed, "--gaps", *times)
        check(verdict == "inconclusive" and "rows are missing" in why, f"a hole over the end of the {label}: {verdict} {why}")
    verdict, why = outcome(data, *times[:6], "--measure-to", first / hz + 0.5)
    check(verdict == "inconclusive" and "point 1 as the plan has it" in why, f"half of the window: {verdict} {why}")
    verdict, why = outcome(data[:first + hz + 2000], *times)
    check(verdict == "inconclusive" and "whether the pen stopped" in why, f"it ends while the pen strokes: {verdict} {why}")
    verdict, why = outcome(data[:stop + 200])
    check(verdict == "inconclusive" and "whether the pen stopped" in why, f"the same with times that were found: {verdict} {why}")
    more = np.concatenate((data, data[first:first + hz // 4], data[:hz // 8]))
    verdict, why = outcome(more)
    check(verdict == "inconclusive" and "left out" in why, f"strokes that belong to no point: {verdict} {why}")


def test_nobody_waited(check, desk):
    """Of an open settle_s `min` stands live with what was seen to settle; of a recording nobody looked: `max` or no pass."""
    _, report, _, _ = desk.run(*BAR)
    first, hz = int(report["points"][0]["window"]["first_index"]), 20000
    start_s = first / hz - 0.4

    def outcome(min_s, max_s, *times):
        step = {**PLAN["steps"][0], "settle_s": {"min": min_s, "max": max_s, "until": {"depth_mm": 0.01}}}
        code, said, _, done = desk.run(*BAR, *times, plan=desk.plan(steps=[step], accept=["pass_on_statement"]))
        return code, said["verdict_reason"] if said else done.stderr

    for settle_s in (0.14, 0.2, 0.3):
        code, why = outcome(0.15, 0.6, "--tare-until", start_s - 0.05, "--start", start_s, "--measure-from", start_s + settle_s,
                            "--measure-to", start_s + settle_s + 1)
        check(code == 3 and "settled for 0.6 s" in why, f"{settle_s} s of 0.15 to 0.6: {code} {why}")
    code, why = outcome(0.15, 0.6)
    check(code == 3 and "the found times" in why, f"strokes too short for max: {code} {why}")
    for times in ((), ("--tare-until", start_s - 0.05, "--start", start_s, "--measure-from", start_s + 0.39, "--measure-to", start_s + 1.39)):
        code, why = outcome(0.15, 0.38, *times)
        check(code == 0, f"as long as max {times}: {code} {why}")


class Other(Desk):
    """The same desk with another recording."""

    def __init__(self, desk, path):
        self.folder, self.path, self.bench, self.n = desk.folder, path, desk.bench, 100 + desk.n
        desk.n += 1


def test_refused(check, desk):
    for options, why in ((["--witness", "B"], "belong together"), (["--statement", desk.folder / "statement.txt"], "belong together"),
                         (["--witness", "", "--statement", desk.folder / "statement.txt"], "belong together"),
                         (["--witness", "a\nb", "--statement", desk.folder / "statement.txt"], "--witness"),
                         (["--witness", "B", "--statement", desk.folder / "none.txt"], "none.txt cannot be read"),
                         (["--witness", "B", "--statement", desk.path], "at most 16384 bytes")):
        code, report, _, done = desk.run(*BAR, *options, witness=None)
        check(code == 2 and why in done.stderr and report is None, f"{options}: {code} {done.stderr}")


def main():
    check = rig.Checks()
    folder = Path(tempfile.mkdtemp(prefix="pr"))
    desk = Desk(folder, recording(folder), rig.own_bench("virtual-usb.json", folder))
    stated, accepted = test_verdicts(check, desk)
    test_surfaces(check, desk, stated, 3)
    test_surfaces(check, desk, accepted, 0)
    test_for_machines(check, desk, stated)
    test_every_form(check, desk, {stated: False, accepted: True})
    test_nothing_is_excused(check, desk)
    test_what_the_recording_does_not_show(check, desk)
    test_nobody_waited(check, desk)
    test_refused(check, desk)
    check.end()


if __name__ == "__main__":
    sys.exit(main())
