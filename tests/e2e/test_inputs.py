#!/usr/bin/python3
"""Emergency stop and door: nothing starts while one is open, one that opens under a run stops the pen at once and ends the run, nothing
starts it again, and what the bench asks to be tried by hand is tried. On the virtual clock, over all three kinds of device."""
import json
import re
import subprocess
import tempfile
from pathlib import Path

import powered
import rig

check = rig.Checks()
REACTION_MS = {"serial-inputs": 10, "modbus-inputs": 60, "scpi-inputs": 60}  # of virtual time: the next reading, and what the line takes
POINTS = {
    "kind": "penrig/plan/1", "name": "inputs",
    "limits": [{"measurand": "stroke_rate_error_pct", "unit": "%", "lower": -10, "upper": 10}],
    "steps": [{"name": "one", "depth_mm": [0.7, 1.0], "rate_hz": 120, "tare_s": 0.25, "settle_s": 0.5, "measure_s": 0.5}],
}


def bench(driver="serial-inputs", tried=False, change=None, more=None):
    """The shipped bench with its guard on another kind of device."""
    folder = Path(tempfile.mkdtemp(prefix="inp"))
    own = json.loads(re.sub(r"(?m)(^|\s)// .*$|(?<=[{\[,]) // .*$", "", rig.own_bench("virtual-inputs.json", folder).read_text()))
    guard = own["devices"][-1]
    guard["driver"] = driver
    if driver != "serial-inputs":
        for i, contact in enumerate(guard["inputs"]["contacts"]):
            contact["line"] = 3 + 2 * i
    if driver == "scpi-inputs":
        guard["inputs"]["query"] = "DIG:DATA:BYTE?"
    for contact in guard["inputs"]["contacts"]:
        contact["tried"] = tried
    if change:
        change(own)
    path = folder / "inputs.json"
    path.write_text(json.dumps(own))
    return path


class Hands(powered.Operator):
    """Opens and closes what is asked for. stuck: says so, and does nothing; leaves: what is left open at a change of the phantom."""

    def __init__(self, contacts, stuck=False, leaves=None):
        super().__init__("PEN-GOOD-01")
        self.contacts, self.stuck, self.leaves = contacts, stuck, leaves

    def answer(self, prompt, dial):
        self.asked.append(prompt)
        if prompt["question"] == "open_input" and not self.stuck:
            self.contacts.write_text(re.search('"(.+?)"', prompt["text"])[1] + "\n")
        elif prompt["question"] == "close_input":
            self.contacts.write_text("")
        elif self.leaves:
            self.contacts.write_text(self.leaves + "\n")
            self.leaves = None
        return "done"


def run(path, *faults, seed=1, hands=None, plan=POINTS, held_up=None):
    contacts = path.parent / "contacts"
    operator = hands(contacts) if hands else powered.Operator("PEN-GOOD-01")
    return powered.Run(bench=path, plan=plan, faults=faults, seed=seed, operator=operator, before=["--contacts", contacts, *(["--held-up", held_up] if held_up else [])],
                       supervised=hands is not None)


def stands(r, what):
    motor = [t["on"] for t in r.truth if t.get("event") == "motor"]
    check(not motor or not motor[-1], f"{what}: the pen runs on")


def ran(r):
    return any(t["on"] for t in r.truth if t.get("event") == "motor")


def closed(driver):
    r = run(bench(driver))
    check(r.code == 0 and r.report["dut_verdict"] == "pass", f"{driver}, all closed: {r.code} {r.out[-300:]}")
    check([(i["name"], i["tried"], i["opened"]) for i in r.report["bench"]["safety_inputs"]] == [("emergency stop", False, False), ("door", False, False)],
          f"{driver}: {r.report['bench'].get('safety_inputs')}")
    again = rig.penrig_a("analyze", r.run.run_file)
    check("bit for bit" in again.stdout, f"{driver}, derived again: {again.stdout[:200]} {again.stderr[:200]}")


def open_before(driver):
    r = run(bench(driver), "opens:box@0,input=2")
    check(r.code == 8 and r.report["run_status"] == "refused" and '"door" is open' in r.report["status_reason"], f"{driver}, open: {r.code} {r.out[-300:]}")
    check(not ran(r), f"{driver}: it ran with its door open")


def under_a_run(driver):
    serial = driver == "serial-inputs"
    for at in (1.9, 2.6, 3.4) if serial else (2.6,):
        for how in ("", ",for=0.3,bounces=2") if serial else (",for=0.2",):
            r = run(bench(driver), f"opens:box@{at},input=1{how}")
            what = f"{driver}, opens at {at}{how}"
            struck = [t["t_ns"] for t in r.truth if t.get("event") == "fault"]
            moved = [t for t in r.truth if t.get("event") == "motor" and t["on"] and t["t_ns"] < struck[0]] if struck else []
            stands(r, what)
            check(not [t for t in r.truth if t.get("event") == "motor" and t["on"] and t["t_ns"] > struck[0] + 1e8], f"{what}: it is started again")
            check((r.code, r.report["run_status"]) == ((130, "interrupted") if moved else (8, "refused")), f"{what}: {r.code} {r.report['run_status']}")
            check(r.report["dut_verdict"] != "pass" and '"emergency stop" opened' in r.report["status_reason"], f"{what}: {r.report['status_reason']}")
            was_on = moved and [t["on"] for t in r.truth if t.get("event") == "motor" and t["t_ns"] < struck[0]][-1]
            off = [t["t_ns"] for t in r.truth if t.get("event") == "command" and "OUTP OFF" in t["line"] and t["t_ns"] >= struck[0]]
            if was_on:
                late_ms = (off[0] - struck[0]) * 1e-6 if off else 1e9
                most_ms = REACTION_MS[driver] + (10 if "bounces" in how else 0)
                check(late_ms <= most_ms, f"{what}: ordered off {late_ms:.1f} ms later")
                check(r.report["bench"]["safety_inputs"][0]["opened"], f"{what}: {r.report['bench']['safety_inputs']}")
                last = r.report["points"][-1]
                check(last["outcome"] != "pass" and "emergency stop" in last["reason"], f"{what}: the attempt says {last['reason']}")


def device_lost(driver):
    for fault in ("unplug:box@3.0,back=1", "silent:box@3.0"):
        if fault.startswith("silent") and driver == "serial-inputs":
            continue  # contacts say nothing that could fall silent
        r = run(bench(driver), fault)
        stands(r, f"{driver}, {fault}")
        check(r.code == 130 and "safety inputs" in r.report["status_reason"], f"{driver}, {fault}: {r.code} {r.report['status_reason']}")


LOST = ("pen", "sensor", "pen sensor", "pen sensor box")


def stop_holds(r, what):
    struck = [t["t_ns"] for t in r.truth if t.get("event") == "fault"]
    moved = any(t["on"] for t in r.truth if t.get("event") == "motor")
    stands(r, what)
    check(not [t for t in r.truth if t.get("event") == "motor" and t["on"] and t["t_ns"] > struck[0] + 1e8], f"{what}: it is started again")
    check(r.code in ((130,) if moved else (130, 8)) and r.report["dut_verdict"] != "pass" and "safety input" in r.report["status_reason"],
          f"{what}: {r.code} {r.report['dut_verdict']} {r.report['status_reason']}")


def whichever_is_first(lost):
    """An emergency stop may cut the pen's power, or that of all. Whichever of pen, sensor and contact is heard first, and when, the run ends
    by the stop, which is not what a device is waited for behind."""
    moments = [(at, later) for at in (0.25, 0.9, 1.9, 2.6, 2.9, 3.4) for later in (-0.1, -0.005, 0.0, 0.005, 0.25)]
    for at, later in moments[LOST.index(lost)::3]:
        contact = f"opens:box@{at + later:.3f},input=1,for=0.3"
        r = run(bench(), contact, *[f"unplug:{one}@{at},back=4" for one in lost.split()])
        stop_holds(r, f"{lost} lost at {at}, stop {later:+} s")


def until_it_is_saved():
    """Also while the last stop is proven, however shortly."""
    for at in (0.15, 0.6, 1.0, 4.0, 4.5, 5.0, 5.4):
        r = run(bench(), f"opens:box@{at},input=1,for=0.05")
        stop_holds(r, f"open at {at}")
        check(r.report["bench"]["safety_inputs"][0]["opened"], f"open at {at}: {r.report['bench']['safety_inputs']}")


def held_up():
    """What opens and closes while nothing is read is not known of: so the run ends."""
    r = run(bench(), "opens:box@2.9,input=1,for=1", held_up="2.6,2.0")
    check(r.code == 130 and "nothing was heard" in r.report["status_reason"] and r.report["dut_verdict"] != "pass",
          f"held up: {r.code} {r.report['status_reason']}")
    stands(r, "held up")


def no_replug():
    done = rig.penrig_a("run", rig.FIXTURES / "plans/ci-smoke.json", "--bench", bench(), "--dut", "PEN-GOOD-01", "--replug-timeout", "20s",
                        "--no-input")
    check(done.returncode == 2 and "safety inputs" in done.stderr, f"--replug-timeout: {done.returncode} {done.stderr}")


def batch_ends():
    """Each job meets the same: the second one must not begin."""
    for faults in (["unplug:pen@2.8,back=1.2", "opens:box@2.805,input=1,for=1"], ["opens:box@2.8,input=1,for=0.1"], ["opens:box@4.5,input=2,for=0.1"]):
        path = bench()
        folder = path.parent
        (folder / "plan.json").write_text(json.dumps(POINTS))
        (folder / "night.json").write_text(json.dumps({"kind": "penrig/batch/1", "name": "night", "bench": path.name, "output": "out", "blocks": 3,
                                                       "seed": 5, "pens": ["PEN-GOOD-01"], "plans": ["plan.json"]}))
        argv = [rig.PENRIG_A, "--bench", path, "--virtual-dut", "PEN-GOOD-01", *[w for f in faults for w in ("--fault", f)], "--", "batch",
                folder / "night.json", "--state", folder / "state", "--no-input"]
        done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        report = json.loads((folder / "out/night.batch.json").read_text())
        begun = [j for j in report["jobs"] if j["run"]]
        check(done.returncode == 130 and len(begun) == 1 and "the safety input" in report["ended_early"], f"batch, {faults}: {done.returncode} {report} {done.stderr}")
        check("by signal" not in done.stdout, f"batch, {faults}: {done.stdout}")


def tried():
    r = run(bench(tried=True), hands=Hands)
    asked = [p["question"] for p in r.operator.asked]
    check(r.code == 0 and asked == ["open_input", "close_input"] * 2, f"tried: {r.code} {asked} {r.out[-300:]}")
    check(all(i["tried"] for i in r.report["bench"]["safety_inputs"]), f"tried: {r.report['bench']['safety_inputs']}")
    for fault, hands in (("stuck-closed:box@0,input=1", Hands), (None, lambda c: Hands(c, stuck=True))):
        r = run(bench(tried=True), *[fault] if fault else [], hands=hands)
        check(r.code == 8 and "not seen to open" in r.report["status_reason"] and not ran(r), f"stuck closed ({fault}): {r.code} {r.out[-300:]}")
    r = run(bench(tried=True))
    check(r.code == 8 and "--no-input" in r.out, f"nobody is there to try it: {r.code} {r.out[-300:]}")


def a_door_at_a_question():
    """Whose hands change the phantom may open the door; the pen starts once somebody says so with the door closed."""
    def two(own):
        own["phantoms"].append({**own["phantoms"][0], "file": own["phantoms"][0]["file"].replace("SIL-STD-01", "SIL-SOFT-01")})

    step = POINTS["steps"][0]
    plan = {**POINTS, "steps": [{**step, "depth_mm": [0.7]}, {**step, "name": "two", "depth_mm": [0.7], "phantom": ["SIL-SOFT-01"]}]}
    r = run(bench(change=two), hands=lambda c: Hands(c, leaves="door"), plan=plan)
    asked = [p["question"] for p in r.operator.asked]
    check(asked == ["put_phantom", "close_input"] and len(r.report["points"]) == 2, f"a door at a question: {r.code} {asked} {r.out[-400:]}")
    check(not any(i["opened"] for i in r.report["bench"]["safety_inputs"]), f"it opened under no run: {r.report['bench']['safety_inputs']}")
    r = run(bench(change=two), hands=lambda c: Hands(c, leaves="emergency stop"), plan=plan)
    asked = [p["question"] for p in r.operator.asked]
    check(asked == ["put_phantom"] and r.code == 130 and '"emergency stop" opened' in r.report["status_reason"],
          f"an emergency stop at a question: {r.code} {asked} {r.report['status_reason']}")
    check(r.report["bench"]["safety_inputs"][0]["opened"] and len(r.report["points"]) == 1, f"an emergency stop at a question: {r.out[-400:]}")


def refused():
    for driver, path, value, says in (("serial-inputs", "line", "cst", '"cts", "dsr"'), ("modbus-inputs", "line", 17, "1 to 16"),
                                      ("modbus-inputs", "line", "cts", "1 to 16"), ("serial-inputs", "line", "dsr", "hangs on this line"),
                                      ("serial-inputs", "name", "door", "stands here already"),
                                      ("serial-inputs", "kind", "gate", "stop")):
        def change(own):
            own["devices"][-1]["inputs"]["contacts"][0][path] = value
        done = rig.penrig_a("check", rig.FIXTURES / "plans/ci-smoke.json", "--bench", bench(driver, change=change))
        check(done.returncode == 2 and says in done.stderr + done.stdout, f"{driver}, {path} {value}: {done.returncode} {done.stderr[-300:]}")
    for driver, key, value, says in (("serial-inputs", "query", "X?", 'leave "query" out'), ("scpi-inputs", "query", "X", "question mark"),
                                     ("serial-inputs", "address", 2, 'leave "address" out')):
        done = rig.penrig_a("check", rig.FIXTURES / "plans/ci-smoke.json", "--bench",
                            bench(driver, change=lambda own: own["devices"][-1]["inputs"].update({key: value})))
        check(done.returncode == 2 and says in done.stderr + done.stdout, f"{driver}, {key}: {done.returncode} {done.stderr[-300:]}")


def main():
    jobs = [tried, a_door_at_a_question, refused, until_it_is_saved, held_up, no_replug, batch_ends]
    jobs += [lambda lost=lost: whichever_is_first(lost) for lost in LOST]
    for driver in REACTION_MS:
        jobs += [lambda d=driver, f=f: f(d) for f in (closed, open_before, under_a_run, device_lost)]
    rig.in_parallel(jobs)
    check.end()


if __name__ == "__main__":
    main()
