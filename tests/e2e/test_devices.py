#!/usr/bin/python3
"""A bench with more devices than a pen and a load sensor: the displacement, or the temperatures, come from a box of their own,
with a sample clock 50 ppm off and a latency. Held against the truth file, derived again bit for bit, and with a box that is
lost, silent, slow or wrong."""
import json
import re
import sqlite3
import tempfile
from pathlib import Path

import rig
import test_terminal as tty

RATE = {"measurand": "stroke_rate_error_pct", "unit": "%", "lower": -10, "upper": 10}
DEPTH = {"measurand": "depth_error_mm", "unit": "mm", "lower": -0.15, "upper": 0.15}
HEAT = {"measurand": "handle_temperature_c", "unit": "degC", "upper": 60}
CALIBRATION = {"laboratory": "penrig virtual bench", "date": "2026-01-15", "due": "2099-12-31"}
THERMAL = {"rated_ambient_c": 35, "basis": "Table 23, moulded plastic, 60 s and longer"}


def plan(folder, judge="displacement", limits=(RATE, DEPTH), depths=(0.5, 1.5), rates=(120,), **step):
    path = Path(folder) / "plan.json"
    text = {"kind": "penrig/plan/1", "name": "boxes", "judge": {"depth": judge}, "limits": list(limits),
            "steps": [dict({"name": "s", "depth_mm": list(depths), "rate_hz": list(rates), "settle_s": 1.5, "measure_s": 1.5}, **step)]}
    if any("temperature" in l["measurand"] for l in limits):
        text["thermal"] = THERMAL
    path.write_text(json.dumps(text))
    return path


def bench(folder, change=None):
    """The shipped bench with a displacement box, as a copy that `change` may write into."""
    text = (rig.FIXTURES / "benches/virtual-boxes.json").read_text()
    value = json.loads(re.sub(r"\s// .*", "", text.split("\n", 1)[1]))
    for phantom in value["phantoms"]:
        phantom["file"] = phantom["file"].replace("../phantoms", str(rig.FIXTURES / "phantoms"))
    if change:
        change(value)
    path = Path(folder) / "bench.json"
    path.write_text(json.dumps(value))
    return path


def run(change=None, faults=(), seed=1, **plan_of):
    folder = tempfile.mkdtemp(prefix="pr")
    return rig.run_plan(plan(folder, **plan_of), bench=bench(folder, change), faults=faults, seed=seed, folder=folder)


def derived_again(check, label, r):
    done = rig.penrig_a("analyze", r.run_file)
    check("bit for bit" in done.stdout, f"{label}: analyze: {done.stdout[:300]} {done.stderr[:300]}")


def depth_of(point, name="depth_mm"):
    return rig.result(point, name, "displacement")


def budget(result):
    return {line["name"]: line["standard_uncertainty"] for line in result["budget"]}


def against_truth(check):
    for seed, rates in ((1, (120,)), (2, (90, 150)), (3, (100, 200))):
        r = run(seed=seed, rates=rates, depths=(0.5, 1.5, 2.5))
        label = f"seed {seed}"
        check(r.outcome() == ("pass", "complete", 0), f"{label}: {r.outcome()} {r.err[-300:]}")
        for point in r.report["points"]:
            truth = rig.true_window(r, point)
            mean, depth = sum(t["depth_mm"] for t in truth) / len(truth), depth_of(point)
            where = f"{label}: point {point['number']}"
            check(abs(depth["value"] - mean) <= depth["expanded_uncertainty"],
                  f"{where}: depth {depth['value']} +- {depth['expanded_uncertainty']}, truly {mean:.5f}")
            check(depth["n"] == len(truth) and depth["trusted"], f"{where}: {depth['n']} strokes, {depth['reason']}")
            lines = budget(depth)
            check(0 < lines["alignment"] < 0.001 and 0 < lines["interpolation"] < 1e-4, f"{where}: budget {lines}")
            largest = depth_of(point, "depth_max_mm")
            true_max = max(t["depth_mm"] for t in truth)
            check(abs(largest["value"] - true_max) <= largest["expanded_uncertainty"] + 0.003,
                  f"{where}: deepest {largest['value']}, truly {true_max}")
        derived_again(check, label, r)
    return r


def clocks_and_record(check, r):
    sensor, pen, box = r.report["devices"]
    check([d["role"] for d in r.report["devices"]] == ["load_sensor", "pen", "displacement"], "the devices in their order")
    check([d["name"] for d in r.report["devices"]] == ["force box", "pen", "displacement box"], "and with their names")
    apart, u = box["clock_ppm"] - sensor["clock_ppm"], box["clock_standard_uncertainty_ppm"]
    check(35 < apart < 65 and 0 < u < 30, f"the clocks are {apart} ppm apart (u {u})")
    check(pen["clock_ppm"] is None, "the pen has no sample clock")
    db = sqlite3.connect(r.run_file)
    streams = {(d, s) for d, s in db.execute("SELECT DISTINCT device, stream FROM block")}
    check(streams == {(0, 0), (0, 1), (2, 0)}, f"blocks are stored by their device: {streams}")
    times = [t for (t,) in db.execute("SELECT first_host_ns FROM block WHERE device = 2 ORDER BY seq")]
    check(times == sorted(times), "in the order of arrival")
    done = rig.penrig_a("show", "--verify", r.run_file)
    check(done.returncode == 0, f"verified: {done.stdout[-200:]}")


def both_forms(check):
    """What the short form says, as a list: the same results."""
    text = (rig.FIXTURES / "benches/virtual-usb.json").read_text()
    value = json.loads(re.sub(r"\s*//(?!/).*", "", text))
    value["devices"] = [{"name": "p", "roles": ["pen"], **value.pop("pen")},
                        {"name": "s", "roles": ["thermometer", "load_sensor", "displacement"], **value.pop("sensor")}]
    for phantom in value["phantoms"]:
        phantom["file"] = phantom["file"].replace("../phantoms", str(rig.FIXTURES / "phantoms"))
    folder = tempfile.mkdtemp(prefix="pr")
    (Path(folder) / "list.json").write_text(json.dumps(value))
    a = rig.run_plan("ci-smoke.json", bench="virtual-usb.json")
    b = rig.run_plan("ci-smoke.json", bench=Path(folder) / "list.json", folder=folder)
    check(a.status == b.status == 0, f"both pass: {a.outcome()} {b.outcome()} {b.err[-300:]}")
    check(a.report["points"] == b.report["points"], "both forms of a bench give the same points")
    with sqlite3.connect(a.run_file) as db:
        points = [bytes(d).decode() for (d,) in db.execute("SELECT data FROM item WHERE kind = 'point'")]
        record = [bytes(d).decode() for (d,) in db.execute("SELECT data FROM item WHERE kind = 'record'")][-1]
    check(points and not any('"other"' in p for p in points), "a run of pen and sensor marks no other device")
    check(not any("name" in d for d in json.loads(record)["device"]), "nor has its record names of devices")


def stopped(check, label, r):
    check(r.report["stop"]["verified"], f"{label}: the stop is verified: {r.report['stop']}")
    end = [t for t in r.truth if t.get("event") == "end"][-1]
    check(not end["motor_on"] and not end["moving"], f"{label}: the needles truly stand: {end}")


def lost(check):
    r = run(faults=["unplug:box@5"])
    check(r.outcome() == ("inconclusive", "device_lost", 4), f"judged by the lost box: {r.outcome()}")
    check("displacement box" in r.report["status_reason"], f"named: {r.report['status_reason']}")
    stopped(check, "lost", r)
    derived_again(check, "lost", r)
    r = run(faults=["unplug:box@5"], judge="force_equivalent")
    check(r.outcome() == ("inconclusive", "device_lost", 4), f"a depth by force is held against it: {r.outcome()}")
    r = run(faults=["unplug:box@5"], judge="force_equivalent", limits=(RATE,))
    check(r.outcome() == ("pass", "complete", 0), f"nothing rests on the lost box: {r.outcome()} {r.err[-300:]}")
    first, second = (depth_of(p) for p in r.report["points"])
    check(first["trusted"] and not second["trusted"], f"before and after: {first['reason']}, {second['reason']}")
    check("displacement" in second["reason"] or "strokes" in second["reason"], f"why: {second['reason']}")
    stopped(check, "lost and not needed", r)
    derived_again(check, "lost and not needed", r)
    r = run(faults=["unplug:sensor@5"])
    check(r.outcome() == ("inconclusive", "device_lost", 4), f"the load sensor lost: {r.outcome()}")
    derived_again(check, "load sensor lost", r)


def silent(check):
    r = run(faults=["silent:box@0"])
    check(r.outcome() == (None, "device_lost", 4) or r.outcome() == ("inconclusive", "device_lost", 4), f"silent from the start: {r.outcome()}")
    check("displacement box" in r.report["status_reason"], f"named: {r.report['status_reason']}")
    check(not any(t.get("event") == "motor" and t["on"] for t in r.truth), "the pen never ran")
    begun = [t["t_ns"] for t in run(judge="force_equivalent").truth if t.get("event") == "stream" and t["on"]][0] * 1e-9
    at = f"silent:box@{begun + 0.02:.3f}"
    r = run(faults=[at])
    check(r.outcome() == ("inconclusive", "device_lost", 4), f"silent when its stream begins: {r.outcome()} {at}")
    derived_again(check, "silent when its stream begins", r)
    r = run(faults=["silent:box@5"])
    check(r.outcome() == ("inconclusive", "device_lost", 4), f"silent on the way: {r.outcome()}")
    stopped(check, "silent", r)
    r = run(faults=["silent:box@5"], judge="force_equivalent", limits=(RATE,))
    check(r.outcome() == ("pass", "complete", 0), f"silent and not needed: {r.outcome()}")
    derived_again(check, "silent and not needed", r)


def wrong(check):
    r = run(faults=["dropped-frames:box@2,p=0.05"])
    check(r.outcome() == ("inconclusive", "complete", 3), f"frames of the box lost: {r.outcome()}")
    check("missing" in depth_of(r.report["points"][0])["reason"], depth_of(r.report["points"][0])["reason"])
    derived_again(check, "frames of the box lost", r)
    r = run(faults=["slow-clock:box@4,error=-0.003"])
    check(r.outcome()[:2] == ("inconclusive", "complete"), f"the box's clock runs away: {r.outcome()}")
    check("clock" in depth_of(r.report["points"][-1])["reason"], depth_of(r.report["points"][-1])["reason"])
    rate = rig.result(r.report["points"][-1], "stroke_rate_hz", "realised")
    check(rate["trusted"], f"the rate does not rest on that clock: {rate['reason']}")
    derived_again(check, "the box's clock runs away", r)

    def vague(b):
        b["devices"][2]["latency_ms"] = [0, 20]
    r = run(vague)
    check(r.outcome()[:2] == ("inconclusive", "complete"), f"a latency that says nothing: {r.outcome()}")
    check("aligned" in depth_of(r.report["points"][0])["reason"], depth_of(r.report["points"][0])["reason"])

    def other(b):
        b["devices"][2]["serial"] = "DB-3002"
        b["devices"][2]["link"] = "usb:1209:0002:DB-3002"
    r = run(other)
    check(r.status == 8 and "VB-DB-3002-A" in r.err + r.out, f"another box than the certificate's: {r.status} {r.err[-300:]}")


def said_lost(r):
    with sqlite3.connect(r.run_file) as db:
        return [j for (j,) in db.execute("SELECT json FROM journal WHERE kind = 'event'") if "is lost" in j]


def another_box(check):
    """What stands on the bench is not what its file names."""
    folder = tempfile.mkdtemp(prefix="pr")

    def by_port(b):
        b["devices"][2]["link"] = "usb:port=1-3"
    there = bench(folder, lambda b: (by_port(b), b["devices"][2].update(serial="DB-3002")))
    there = there.rename(Path(folder) / "there.json")
    named = bench(folder, lambda b: (by_port(b), b["devices"][2]["calibration"].update(certificate="VB-DB-3002-A")))
    r = rig.run_plan(plan(folder), bench=named, folder=folder, world_extra=["--bench", there])
    check(r.status == 8 and 'says it is "DB-3002"' in r.err + r.out, f"a box of another serial number: {r.status} {r.err[-300:]}")
    check(not any(t.get("event") == "motor" and t["on"] for t in r.truth), "the pen never ran")


def gauge(check):
    """10 samples a second are no silence, and no depth of strokes."""
    def slow(b):
        b["devices"][2]["sample_rate_hz"] = 10
    r = run(slow, judge="force_equivalent", limits=(RATE,))
    check(r.outcome() == ("pass", "complete", 0), f"a gauge at 10 S/s beside the force: {r.outcome()} {r.err[-300:]}")
    depth = depth_of(r.report["points"][0])
    check(not depth["trusted"], f"it measures no strokes: {depth['value']} {depth['reason']}")
    derived_again(check, "a gauge at 10 S/s", r)

    def slower(b):
        b["devices"][2]["sample_rate_hz"] = 2
    r = run(slower, judge="force_equivalent", limits=(RATE,))
    check(r.outcome() == ("pass", "complete", 0), f"nor are 2 a second: {r.outcome()} {r.err[-300:]}")
    check(not said_lost(r), f"and nobody says so: {said_lost(r)}")
    for point in r.report["points"]:  # though force waits for the gauge for more than a second
        made, seen = len(rig.true_window(r, point)), rig.result(point, "strokes")["value"]
        check(seen == made, f"{seen} strokes of {made}")
        coast = rig.result(point, "coast_down_s")
        check(coast["trusted"] and coast["value"] > 0.02, f"and the coast-down behind them: {coast['value']} {coast['reason']}")

    def uncalibrated(b):
        slow(b)
        b["devices"][2]["displacement_u_mm"] = 0
    r = run(uncalibrated, judge="force_equivalent", faults=["silent:box@5"])
    check(r.outcome() == ("pass", "complete", 0), f"one without a certificate is no check of the depth: {r.outcome()}")
    check(len(said_lost(r)) == 1, f"that it fell silent is said once: {said_lost(r)}")
    derived_again(check, "an uncalibrated gauge", r)
    r = run(slow)
    check(r.outcome() == ("inconclusive", "complete", 3), f"judged by it: {r.outcome()}")
    r = run(slow, faults=["silent:box@5"])
    check(r.outcome() == ("inconclusive", "device_lost", 4), f"and when it does fall silent: {r.outcome()}")


def thermometer(check):
    def box(b):
        force, displacement = b["devices"][1:]
        force["roles"] = ["load_sensor"]
        del force["temperature_u_k"]
        b["devices"][2] = {"name": "room", "roles": ["thermometer"], "driver": "load-stream", "link": "usb:1209:0002:TB-1",
                           "serial": "TB-1", "calibration": {"certificate": "VB-TB-1-A", **CALIBRATION}, "temperature_u_k": 0.08}
    r = run(box, judge="force_equivalent", limits=(RATE, DEPTH, HEAT))
    check(r.outcome() == ("pass", "complete", 0), f"temperatures from a box: {r.outcome()} {r.err[-300:]}")
    heat = rig.result(r.report["points"][0], "handle_temperature_c")
    check(heat["trusted"] and abs(budget(heat)["calibration"] - 0.08 * 2 ** 0.5) < 1e-3, f"with the box's uncertainty: {budget(heat)}")
    ambient = rig.result(r.report["points"][0], "ambient_temperature_c")
    true = [t["ambient_c"] for t in r.truth if t.get("event") == "temperature"][-1]
    check(abs(ambient["value"] - true) < 0.3 and ambient["trusted"], f"ambient {ambient['value']}, truly {true}")
    derived_again(check, "temperatures from a box", r)

    def both(b):
        displacement = b["devices"][2]
        box(b)
        b["devices"].append(displacement)
    r = run(both, limits=(RATE, DEPTH, HEAT))
    check(r.outcome() == ("pass", "complete", 0), f"four devices: {r.outcome()} {r.err[-300:]}")
    check(len(r.report["devices"]) == 4 and depth_of(r.report["points"][0])["trusted"], "with depths and temperatures")
    heat = rig.result(r.report["points"][0], "handle_temperature_c")
    check(heat["trusted"] and 15 < heat["value"] - 35 + 22 < 40, f"handle {heat['value']} {heat['reason']}")
    derived_again(check, "four devices", r)
    r = run(box, judge="force_equivalent", limits=(RATE, DEPTH, HEAT), faults=["unplug:box@5"])
    check(r.outcome() == ("inconclusive", "device_lost", 4), f"lost, and a limit needs it: {r.outcome()}")
    stopped(check, "thermometer lost", r)
    r = run(box, judge="force_equivalent", faults=["unplug:box@5"], measure_s=4)
    check(r.report["run_status"] == "complete", f"lost, and no limit needs it: {r.outcome()}")
    heat = rig.result(r.report["points"][-1], "handle_temperature_c")
    check(not heat["trusted"], f"its measurand is not known: {heat['value']} {heat['reason']}")
    derived_again(check, "thermometer lost", r)


def free_run(check):
    """Without a phantom the box alone shows the needles: their rate, and that they stand."""
    text = {"kind": "penrig/plan/1", "name": "droop", "limits": [{"measurand": "rate_droop_pct", "unit": "%", "lower": -1, "upper": 5}],
            "steps": [{"depth_mm": 1.0, "rate_hz": 120, "free_run": True, "settle_s": 1, "measure_s": 1.5}]}

    def on_terminal(faults=(), change=None):
        folder = tty.folder()
        t = tty.Terminal(folder, text, faults=faults, bench=bench(folder, change))
        for asked, phantom in (("Take the phantom away", "FREE"), ("Put phantom SIL-STD-01", "SIL-STD-01")):
            if t.until(asked):
                t.put(phantom)
        t.code = t.end()
        return t

    t = on_terminal()
    check(t.code == 0, f"a free run with a box: exit {t.code}: {t.text[-500:]}")
    point = [p for p in t.report()["points"] if p["setpoint"]["phantom"] is None][0]
    window = [e for e in t.truth() if e.get("index") is not None and "stroke" in e and
              int(point["window"]["first_index"]) <= e["index"] < int(point["window"]["coast_index"])]
    rate = rig.result(point, "free_rate_hz", "displacement")
    check(abs(rate["value"] - rig.true_rate_hz(window)) <= rate["expanded_uncertainty"] < 0.0006 * rate["value"] and rate["trusted"],
          f"free rate {rate['value']} +- {rate['expanded_uncertainty']}, truly {rig.true_rate_hz(window)}")
    check(0 < budget(rate)["alignment"] < 0.03, f"its budget: {budget(rate)}")
    check(t.report()["stop"]["verified"], f"the box shows the stop: {t.report()['stop']}")
    derived = rig.penrig_a("analyze", sorted(t.folder.glob("*.penrig"))[-1])
    check("bit for bit" in derived.stdout, f"free run: analyze: {derived.stdout[:200]}")

    t = on_terminal(faults=["dropped-frames:box@1,p=0.03"])
    rates = [rig.result(p, "free_rate_hz") for p in t.report()["points"] if p["setpoint"]["phantom"] is None]
    check(t.code != 0 and not any(r and r["trusted"] for r in rates), f"frames of the box lost in a free run: exit {t.code}, {rates}")
    check(any(r and "samples are missing" in r["reason"] for r in rates), f"and said so: {[r and r['reason'] for r in rates]}")

    def slow(b):
        b["devices"][2]["sample_rate_hz"] = 100
    t = on_terminal(change=slow)
    check(t.code == 8 and "500 S/s" in t.text, f"a box too slow to see the needles by: exit {t.code}: {t.text[-400:]}")


def main():
    check = rig.Checks()
    r = against_truth(check)
    clocks_and_record(check, r)
    both_forms(check)
    lost(check)
    silent(check)
    wrong(check)
    another_box(check)
    gauge(check)
    thermometer(check)
    free_run(check)
    return check.end()


if __name__ == "__main__":
    raise SystemExit(main())
