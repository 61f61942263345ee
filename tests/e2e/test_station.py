"""The station without a browser: units, verdicts, restarts during a run, several pages; and every clause of who may ask what."""
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jsonschema

import powered
import rig
from station import LIMIT_S, TWO_PHANTOMS, Page, Station

ONLY = os.environ.get("ONLY", "").split()  # names of tests


def view(name):
    return lambda b: b["view"] == name


def units(check):
    s = Station(operators=[("A. Meier", "OP-0007")])
    page, other = Page(s), Page(s)
    page.until(view("ready"))
    check(page.station["sign_in"], "somebody has to sign in")
    for code, why in (("PEN-GOOD-01", "sign_in"), ("HELLO", "unknown"), ("", "scan_empty"), ("  ", "scan_empty"), ("]d2", "scan_empty"), ("10ABC12321SN-0417", "scan_ambiguous"), ("]d20104012345678901", "scan_no_serial")):
        s.order("scan", code=code)
        check(page.until(lambda b: b["refused"] == why)["view"] == "ready", f"{code}: {why}")
    s.order("scan", code="OP-0007")
    page.until(lambda b: b["operator"] == "A. Meier")
    s.order("scan", code="]d20104012345678901" "21PEN-GOOD-01\x1d" "10L42")
    page.until(view("armed"))
    s.order("start", serial="PEN-GOOD-02")
    check(page.until(lambda b: b["refused"] == "another_unit")["view"] == "armed", "a page that shows another unit starts nothing")
    with ThreadPoolExecutor(4) as pool:  # from several pages at once
        list(pool.map(lambda _: s.order("start", serial="PEN-GOOD-01"), range(4)))
    verdict = page.until(view("verdict"))
    check(verdict["verdict"]["word"] == "pass" and verdict["serial"] == "PEN-GOOD-01", f"a good pen passes: {verdict}")
    check(other.until(view("verdict")) == verdict, "the other page shows the same")
    check(len(s.events()) == 1, "four orders to start are one run")
    report = json.loads((s.folder / "runs" / f"{verdict['name']}.report.json").read_text())
    check((report["operator"], report["lot"], report["dut"]) == ("A. Meier", "L42", "PEN-GOOD-01"), "operator, lot and unit stand in the record")
    status, headers, body = s.ask("GET", f"/reports/{verdict['name']}")
    check(status == 200 and b"PEN-GOOD-01" in body and "sandbox" in headers["Content-Security-Policy"], f"its report opens: {status}")
    s.order("scan", code="PEN-GOOD-01")
    page.until(lambda b: b["refused"] == "passed_already")
    for attempt in (1, 2):
        s.order("scan", code="PEN-DEEP-01")
        page.until(lambda b: b["view"] == "armed" and b["attempt"] == attempt)
        s.order("start")
        v = page.until(lambda b: b["view"] == "verdict" and b["attempt"] == attempt)["verdict"]
        check(v["word"] == "fail" and v["measurand"] == "depth_error_mm" and v["margin"] < 0 and v["again"] == (attempt == 1), f"a deep pen fails: {v}")
    s.order("scan", code="PEN-DEEP-01")
    page.until(lambda b: b["refused"] == "no_more_attempts")
    check([(u["serial"], u["verdict"]) for u in s.units()] == [("PEN-GOOD-01", "pass"), ("PEN-DEEP-01", "fail"), ("PEN-DEEP-01", "fail")], f"the units are kept: {s.units()}")
    status, headers, body = s.ask("GET", "/metrics")
    lines = body.decode().splitlines()
    check(status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4") and lines[-1] == "# EOF" and 'penrig_station_running{bench="Bench 1"} 0' in lines, f"{status} {lines}")
    check([line for line in lines if line.startswith("penrig_station_runs_total")] == [f'penrig_station_runs_total{{bench="Bench 1",exit_code="{code}"}} {n}' for code, n in ((0, 1), (1, 2))], f"{lines}")
    again = Page(s)
    again.until(view("verdict"))
    check((again.station["today"], again.station["firsts"], again.station["first_passes"]) == (3, 2, 1), f"and counted: {again.station}")
    check(s.end() == 0, "SIGTERM ends it with 0")


def refused_runs(check):
    """A plan that is wrong, and a bench that is in use: no verdict on the pen."""
    s = Station(plan={"kind": "penrig/plan/1", "name": "broken"})
    page = Page(s)
    s.order("scan", code="PEN-GOOD-01")
    page.until(view("armed"))
    s.order("start")
    b = page.until(view("verdict"))
    check(b["verdict"]["word"] == "not_tested" and b["verdict"]["why"] == "did_not_begin", f"a broken plan: {b['verdict']}")
    check(s.units()[-1]["verdict"] == "not_tested", "it stands in the record")
    s.end()


def restarted(check):
    """Killed while a run waits, one while it runs, one while it ends unseen: nothing is lost, and nothing stops."""
    s = Station(plan=TWO_PHANTOMS, fast=False, start="at_once")
    page = Page(s)
    s.order("scan", code="]d2010401234567890121PEN-GOOD-01\x1d10L42")
    page.until(lambda b: b["view"] == "running" and b["live"]["point"])
    s.kill()
    s.start()
    page = Page(s)
    prompt = page.until(view("prompt"))["prompt"]
    check((prompt["question"], prompt["phantom"]) == ("put_phantom", "SIL-SOFT-01"), f"the run went on, and asks: {prompt}")
    s.kill()
    s.start()
    page = Page(s)
    page.until(view("prompt"))
    s.order("done", id=prompt["id"] + 1)
    s.order("done", id=prompt["id"])
    page.until(lambda b: b["view"] == "running" and b["live"]["stage"] == "measuring")
    s.kill()
    path = next((s.folder / "state").glob("*.events.jsonl"))
    subprocess.run(["flock", "-s", "-w", str(LIMIT_S), path, "true"], check=True)  # until the run has ended, with no station there
    s.start()
    page = Page(s)
    b = page.until(view("verdict"))
    check(b["serial"] == "PEN-GOOD-01" and b["verdict"]["word"] == "pass", f"it ended while nobody watched, and is shown: {b}")
    check([u["verdict"] for u in s.units()] == ["pass"], "and counted once")
    s.kill()
    older = (s.folder / "state" / "PEN-OLD-01.events.jsonl")  # another that ended unseen, and one that died before it began
    older.write_text(path.read_text().replace("PEN-GOOD-01", "PEN-OLD-01"))
    (s.folder / "state" / "PEN-OLD-02.events.jsonl").write_text(path.read_text().split("\n")[0].replace("PEN-GOOD-01", "PEN-OLD-02") + "\n")
    s.start()
    check(Page(s).until(view("verdict"))["serial"].startswith("PEN-OLD"), "others that ended unseen are shown, the last one stays")
    check([(u["serial"], u["verdict"]) for u in s.units()][1:] == [("PEN-OLD-01", "pass"), ("PEN-OLD-02", "not_tested")], f"and all are counted: {s.units()}")
    s.kill()
    s.start()
    check(Page(s).until(lambda b: True)["view"] == "ready" and len(s.units()) == 3, "a further start does not count it again")
    s.kill()
    (s.folder / "state" / "PEN-OLD-03.events.jsonl").write_text(path.read_text().split("\n")[0].replace("PEN-GOOD-01", "PEN-OLD-03") + "\n")
    s.start()
    page = Page(s)
    page.until(view("verdict"))
    s.order("scan", code="%RETEST")
    b = page.until(view("running"))
    check((b["serial"], b["lot"]) == ("PEN-OLD-03", "L42"), f"tested again it has the lot that its code had: {b}")
    s.end()


def a_pen_of_parts(check):
    """A bench whose pen asks for hands: which pen it is, before and after, and its dial between. A wrong pen is told from the right one."""
    def one(read, after, word, why):
        s = Station(plan=powered.PROVEN, bench="bought-supply.json", world=("--dial", "{folder}/dial"), start="at_once")
        page = Page(s)
        s.order("scan", code="PEN-GOOD-01")
        answered, reads = 0, [read, after]
        while (b := page.until(lambda b: b["view"] == "verdict" or (b["view"] == "prompt" and b["prompt"]["id"] > answered)))["view"] == "prompt":
            answered, question = b["prompt"]["id"], b["prompt"]["question"]
            if question == "set_dial":
                (s.folder / "dial").write_text(f"{b['prompt']['depth_mm']}\n")
                s.order("scan", code="%DONE", id=answered - 1)
                check(page.until(lambda b: b["refused"])["refused"] == "late", "a card that was read at an earlier question answers none")
                s.order("scan", code="%DONE", id=answered)
            else:
                s.order("done", id=answered)
                check(page.until(lambda b: b["refused"])["refused"] == "read_pen", "done is no serial number")
                s.order("scan", code=reads.pop(0), id=answered)
        v = page.until(view("verdict"))["verdict"]
        check(v["word"] == word and why in v["reason"], f"{word}: {v}")
        s.end()
    one("PEN-GOOD-01", "]d20104012345678901" "21PEN-GOOD-01", "pass", "")
    one("PEN-GOOD-02", "", "not_tested", "PEN-GOOD-02")
    one("PEN-GOOD-01", "PEN-GOOD-02", "not_tested", "PEN-GOOD-02")


def two_benches(check):
    """A unit that is ready at two benches is tested at one: the start asks what became of it since the scan."""
    s = Station()
    s.kill()
    second = s.folder / "second"
    second.mkdir()
    bench = rig.own_bench("virtual-usb.json", second)
    s.config["benches"].append({"file": str(bench), "label": "Bench 2"})
    s.config["products"][0]["attempts"] = 1
    s.start()
    page = Page(s)
    for number in (1, 0):
        s.order("scan", code="PEN-DEEP-01", bench=number)
        page.until(lambda b: b["bench"] == number and b["view"] == "armed")
    s.order("start")
    page.until(lambda b: b["bench"] == 0 and b["view"] == "verdict" and b["verdict"]["word"] == "fail")
    s.order("start", bench=1)
    b = page.until(lambda b: b["bench"] == 1 and (b["refused"] or b["view"] != "armed"))
    check((b["refused"], b["view"]) == ("no_more_attempts", "ready"), f"it failed at the other bench meanwhile: {b}")
    check([u["verdict"] for u in s.units()] == ["fail"], f"one test: {s.units()}")
    check(s.units()[0]["bench"] == "Bench 1", f"a bench is kept by its name: {s.units()}")
    s.kill()
    events = next((s.folder / "state").glob("*.events.jsonl"))
    (s.folder / "state" / "MOVED.events.jsonl").write_text(events.read_text().replace("PEN-DEEP-01", "PEN-DEEP-02"))
    (s.folder / "state" / "GONE.events.jsonl").write_text(events.read_text().replace("PEN-DEEP-01", "PEN-DEEP-03").replace("Bench 1", "Bench 9"))
    s.config["benches"].reverse()
    s.start()
    page = Page(s)
    b = page.until(lambda b: b["bench"] == 1)
    check((b["label"], b["serial"], b["view"], b["verdict"]["word"]) == ("Bench 1", "PEN-DEEP-02", "verdict", "fail"), f"in another order each finds what was its own: {b}")
    check(("PEN-DEEP-03", "Bench 9") in [(u["serial"], u["bench"]) for u in s.units()], f"what ended at a bench that went counts all the same: {s.units()}")
    s.end()


def at_once(s, *orders):
    """Scans of several pages in one moment: all are sent before an answer is read."""
    pages = [http.client.HTTPConnection("127.0.0.1", s.port, timeout=LIMIT_S) for _ in orders]
    for page in pages:
        page.connect()
    for page, (bench, code) in zip(pages, orders):
        page.request("POST", "/do", json.dumps({"do": "scan", "bench": bench, "code": code}), {"Origin": f"http://{s.host}", "X-Penrig": "1"})
    for page in pages:
        page.getresponse().read()
        page.close()


def two_at_once(check):
    """Two operators, two pages, two scans in one moment: one run, of one unit and one person, and the page says which."""
    s = Station(start="at_once", operators=[("A. Meier", "OP-0007"), ("B. Adler", "OP-0008")])
    pages = Page(s), Page(s)
    at_once(s, (0, "OP-0007"), (0, "OP-0008"))
    at_once(s, (0, "PEN-GOOD-01"), (0, "PEN-GOOD-02"))
    one, other = (page.until(view("verdict")) for page in pages)
    check(one == other and one["verdict"]["word"] == "pass", f"both pages show the same: {one} {other}")
    check(len(s.events()) == 1 and one["refusals"] == 1 and one["refused"] in ("busy", "replaced"), f"two scans are one run, and one refusal that is shown: {len(s.events())} {one}")
    report = json.loads((s.folder / "runs" / f"{one['name']}.report.json").read_text())
    check((report["dut"], report["operator"]) == (one["serial"], one["operator"]) and one["operator"], f"of the unit and the person that are shown: {report['dut']} {report['operator']}")
    at_once(s, (0, "PEN-GOOD-03"), (0, "PEN-GOOD-03"))
    pages[0].until(lambda b: b["view"] == "verdict" and b["serial"] == "PEN-GOOD-03")
    check(len(s.events()) == 2 and [u["serial"] for u in s.units()] == [one["serial"], "PEN-GOOD-03"], f"one unit that is read twice is tested once: {s.units()}")
    s.kill()
    second = s.folder / "second"
    second.mkdir()
    s.config["benches"].append({"file": str(rig.own_bench("virtual-usb.json", second)), "label": "Bench 2"})
    del s.config["operators"]
    s.start()
    page = Page(s)
    at_once(s, (0, "PEN-GOOD-04"), (1, "PEN-GOOD-04"))
    page.until(lambda b: b["view"] == "verdict" and b["serial"] == "PEN-GOOD-04")
    check([u["serial"] for u in s.units()].count("PEN-GOOD-04") == 1 and len(s.events()) == 3, f"nor at two benches: {s.units()}")
    s.end()


def another_units_end(check):
    """A run that says at its end that it tested another unit than the one that was scanned, while no station ran: no verdict of either."""
    s = Station(start="at_once")
    page = Page(s)
    s.order("scan", code="PEN-GOOD-01")
    page.until(view("verdict"))
    s.kill()
    lines = next((s.folder / "state").glob("*.events.jsonl")).read_text().splitlines()
    lines[0] = lines[0].replace("PEN-GOOD-01", "PEN-GOOD-02")
    (s.folder / "state" / "OTHER.events.jsonl").write_text("\n".join(lines) + "\n")
    s.start()
    b = Page(s).until(view("verdict"))
    check((b["serial"], b["verdict"]["word"], b["verdict"]["why"]) == ("PEN-GOOD-02", "not_tested", "other_unit"), f"the pass was another's: {b}")
    s.end()


def a_command_that_does_not_fit(check):
    """A command that does not fit is no shorter one."""
    s = Station(command=["true"] + ["x" * 500] * 25)
    page = Page(s)
    s.order("scan", code="PEN-GOOD-01")
    s.order("start")
    b = page.until(view("verdict"))
    check(b["verdict"]["why"] == "cannot_start" and "too long" in b["verdict"]["reason"], f"too long a command: {b['verdict']}")
    s.end()


def stopped(check):
    s = Station(plan=TWO_PHANTOMS, fast=False, start="at_once")
    page = Page(s)
    s.order("scan", code="PEN-GOOD-01")
    page.until(lambda b: b["view"] == "running" and b["live"]["stage"] == "measuring")
    for _ in range(3):
        s.order("stop")
    b = page.until(view("verdict"))
    end = s.events()[-1][-1]
    check(end["event"] == "end" and end["exit_code"] == 143, f"the run was stopped and saved: {end}")
    wanted = "stop_unverified" if end["stop_unverified"] else "not_tested"
    check(b["verdict"]["word"] == wanted, f"STOP: {b['verdict']}, the run says {end}")
    check([(u["serial"], u["verdict"]) for u in s.units()] == [("PEN-GOOD-01", wanted)], f"an attempt that was given up stands in the record: {s.units()}")
    s.end()


def a_share_that_hangs(check):
    """A bench's file lies where nothing answers, neither at the begin nor later: the other bench tests, stops at once, and the page says which one it is."""
    s = Station(plan=TWO_PHANTOMS, fast=False, start="at_once")
    s.kill()
    hangs = s.folder / "hangs.json"
    os.mkfifo(hangs)  # whoever opens it waits for ever
    s.config["benches"].append({"file": str(hangs), "label": "Far"})
    s.start()
    page = Page(s)
    s.order("scan", code="PEN-GOOD-01")
    page.until(lambda b: b["bench"] == 0 and b["view"] == "prompt")
    s.order("stop")
    page.until(lambda b: b["bench"] == 0 and b["view"] == "verdict")
    check(s.events()[-1][-1]["run_status"] == "interrupted", f"stopped beside it: {s.events()[-1][-1]}")
    page.until(lambda b: b["bench"] == 1 and b["health"]["word"] == "unread")
    well = Page(s).until(lambda b: b["bench"] == 0)["health"]
    check(well["word"] == "" and well["calibration_days"] > 0, f"and the other bench is well: {well}")
    hangs.unlink()
    shutil.copy(s.config["benches"][0]["file"], hangs)
    page.until(lambda b: b["bench"] == 1 and b["health"]["word"] == "")
    check(page.bench["health"]["calibration_days"] > 0, f"looked at again once it answers: {page.bench['health']}")
    s.end()


def a_history_that_hangs(check):
    """Whoever asks the history gets no answer: it delays no STOP and no other bench, and what is tested without it says so."""
    s = Station(plan=TWO_PHANTOMS, fast=False, start="at_once")
    s.kill()
    second = s.folder / "second"
    second.mkdir()
    s.config["benches"].append({"file": str(rig.own_bench("virtual-usb.json", second)), "label": "Bench 2"})
    s.start()
    page = Page(s)
    s.order("scan", code="PEN-GOOD-01")
    page.until(lambda b: b["bench"] == 0 and b["view"] == "prompt")
    mark = s.folder / "state/history.mark"
    mark.unlink()
    os.mkfifo(mark)  # whoever opens it waits for ever
    s.order("scan", code="PEN-GOOD-02", bench=1)
    page.until(lambda b: b["bench"] == 1 and b["asking"] == "PEN-GOOD-02")
    s.order("stop")
    page.until(lambda b: b["bench"] == 0 and b["view"] == "verdict")
    first = [e for e in s.events() if e[0]["dut"] == "PEN-GOOD-01"][0][-1]
    check(first["run_status"] == "interrupted", f"stopped while the history is asked about another: {first}")
    b = page.until(lambda b: b["bench"] == 1 and b["view"] in ("running", "prompt"))
    check(b["history_gone"] and b["serial"] == "PEN-GOOD-02", f"it is not waited for longer, and the page says so: {b}")
    s.end()


def a_history_that_vanished(check):
    """Where another history stands in the place of the one that this station asked, nobody knows what failed: it is said, and no green is a plain one, until the runs are there again."""
    s = Station(start="at_once")
    page = Page(s)
    history = s.folder / "history"

    def verdict(dut):
        s.order("scan", code=dut)
        b = page.until(lambda b: b["view"] == "verdict" and b["serial"] == dut)
        return b["verdict"]["word"], b["verdict"]["unasked"], b["history_gone"]
    check(verdict("PEN-GOOD-01") == ("pass", False, False) and history.exists(), f"a station that is new begins a history: {page.bench}")
    check(verdict("PEN-GOOD-02") == ("pass", False, False), f"and goes on with it: {page.bench}")
    whole = s.folder / "whole"
    history.rename(whole)
    check(verdict("PEN-GOOD-03") == ("pass", True, True), f"it has vanished: {page.bench}")
    check(history.exists(), "the run began another")
    check(verdict("PEN-GOOD-04") == ("pass", True, True), f"which is not the one: {page.bench}")
    done = subprocess.run([str(rig.PENRIG), "station", str(s.path), "--stands=PEN-GOOD-01"], capture_output=True, text=True, timeout=LIMIT_S)
    check((done.returncode, done.stdout) == (2, "history unknown\n") and "penrig history --rebuild" in done.stderr and "PEN-GOOD-02-" in done.stderr, f"what to do is said: {done}")
    done = subprocess.run([str(rig.PENRIG), "history", "--history", str(history), "--rebuild", str(s.folder / "runs")], capture_output=True, text=True, timeout=LIMIT_S)
    check(done.returncode == 0, f"made again from the run files: {done}")
    for dut in "PEN-GOOD-05", "PEN-GOOD-08":
        check(verdict(dut) == ("pass", False, False), f"{dut}: it is the one again: {page.bench}")
    whole.rename(history)
    check(verdict("PEN-GOOD-06") == ("pass", True, True), f"an older copy lacks runs: {page.bench}")
    (s.folder / "state/history.mark").unlink()
    check(verdict("PEN-GOOD-07") == ("pass", False, False), f"somebody has said that it is the one: {page.bench}")
    s.end()


def asked_on_the_command_line(check):
    """What a child of the station is asked: one thing at a time, and what cannot be seen is no health."""
    s = Station()
    s.end()

    def said(*options):
        done = subprocess.run([str(rig.PENRIG), "station", str(s.path), *options], capture_output=True, text=True, timeout=LIMIT_S)
        return done.returncode, done.stdout + done.stderr
    health = json.loads(said("--health=Bench 1")[1])
    check(health["word"] == "" and health["disk_gb"] > 0, f"a bench that is well: {health}")
    shutil.rmtree(s.folder / "runs")
    health = json.loads(said("--health=Bench 1")[1])
    check(health["word"] == "unread" and "disk_gb" not in health, f"the folder of runs is not there: {health}")
    for options in (("--health=Bench 1", "--stands=PEN-GOOD-01"), ("--terminal", "--health=Bench 1"), ("--terminal", "--stands=PEN-GOOD-01"), ("--bench=Bench 1",)):
        code, words = said(*options)
        check(code == 2 and ("at a time" in words or "give both" in words), f"{options}: {code} {words}")


def decided_under_a_test(check):
    """What the history takes in while a unit is tested counts for that test's verdict; what was said against it stays where it then does not answer."""
    s = Station(plan=TWO_PHANTOMS, start="at_once")
    page = Page(s)
    history = s.folder / "history"

    def tested(dut, meanwhile):
        s.order("scan", code=dut)
        b = page.until(lambda b: b["view"] == "prompt" and b["serial"] == dut)
        meanwhile()
        s.order("done", id=b["prompt"]["id"])
        return page.until(lambda b: b["view"] == "verdict" and b["serial"] == dut)

    def fails(dut):
        failed = rig.run_plan("ci-smoke.json", dut=dut, faults=("offset@0,by=0.5",), world_extra=("--clock", 3600), extra=("--history", history))
        check(failed.status == 1, f"it fails at another bench: {failed.status} {failed.err}")

    def hang():
        mark = s.folder / "state/history.mark"
        mark.unlink()
        os.mkfifo(mark)
    check(tested("PEN-GOOD-01", lambda: None)["verdict"]["word"] == "pass", f"nothing came meanwhile: {page.bench}")
    b = tested("PEN-GOOD-02", lambda: fails("PEN-GOOD-02"))
    check(b["verdict"]["word"] == "held", f"it failed elsewhere meanwhile: {b}")
    fails("PEN-GOOD-03")
    b = tested("PEN-GOOD-03", hang)
    check(b["verdict"]["word"] == "held" and b["history_gone"], f"it had failed, and the history hangs now: {b}")
    s.end()


def stopped_without_answers(check):
    """The order reaches a run that was taken over also where the way of answers is gone."""
    s = Station(plan=TWO_PHANTOMS, fast=False, start="at_once")
    page = Page(s)
    s.order("scan", code="PEN-GOOD-01")
    page.until(lambda b: b["view"] == "running" and b["live"]["stage"] == "measuring")
    s.kill()
    s.start()
    next((s.folder / "state").glob("*.answers")).unlink()
    page = Page(s)
    page.until(lambda b: b["view"] == "running" and b["live"]["stage"])
    s.order("stop")
    page.until(lambda b: b["view"] == "verdict" or b["refused"])
    end = s.events()[-1][-1]
    check(end["event"] == "end" and end["exit_code"] == 143, f"the run was stopped and saved: {end}")
    s.end()


def killed_run(check):
    """A run that dies without a word may have left its pen running."""
    s = Station(plan=TWO_PHANTOMS, fast=False, start="at_once")
    page = Page(s)
    s.order("scan", code="PEN-GOOD-01")
    page.until(lambda b: b["view"] == "running" and b["live"]["stage"] == "measuring")
    os.kill(next(e["pid"] for e in s.events()[0] if e["event"] == "begin"), 9)
    b = page.until(view("verdict"))
    check((b["verdict"]["word"], b["verdict"]["why"]) == ("stop_unverified", "died"), f"a run that was killed: {b['verdict']}")
    s.end()


def pages(check):
    """A page that was away gets what it missed, or everything."""
    s = Station()
    page = Page(s)
    while page.last_id is None:
        page.next()
    last = page.last_id
    page.close()
    s.order("scan", code="HELLO")
    back = Page(s, last)
    back.until(lambda b: b["refused"] == "unknown")
    check("station" not in back.seen, f"only what it missed: {back.seen}")
    for strange in ("1-1", "x" * 500, last.split("-")[0] + "-999999"):
        fresh = Page(s, strange)
        fresh.next()
        check(fresh.station is not None, f"{strange[:20]}: everything anew")
    crowd = [Page(s) for _ in range(20)]
    s.order("scan", code="WORLD")
    check(all(p.until(lambda b: b["refusals"] == 2) for p in crowd), "twenty pages hear the same")
    s.end()


def who_may_ask(check):
    s = Station()
    host, good = {"Host": s.host}, {"Origin": f"http://{s.host}", "X-Penrig": "1"}
    body = b'{"do":"scan","bench":0,"code":"PEN-GOOD-01"}'
    rows = [
        ("the page", 200, "GET", "/", None, {}, False),
        ("by the name localhost", 200, "GET", "/", None, {"Host": f"localhost:{s.port}"}, True),
        ("another host", 421, "GET", "/", None, {"Host": "evil.example"}, True),
        ("the host without its port", 421, "GET", "/", None, {"Host": "127.0.0.1"}, True),
        ("two hosts", (400, 421), "GET", "/", None, {"Host": [s.host, s.host]}, True),
        ("no host", 400, "GET", "/", None, {}, True),
        ("another host listens", 421, "GET", "/events", None, {"Host": "evil.example"}, True),
        ("an order without Origin", 403, "POST", "/do", body, {"X-Penrig": "1"}, False),
        ("an order of another page", 403, "POST", "/do", body, {**good, "Origin": "http://evil.example"}, False),
        ("an order of a page of no origin", 403, "POST", "/do", body, {**good, "Origin": "null"}, False),
        ("an order of the same host's other port", 403, "POST", "/do", body, {**good, "Origin": f"http://127.0.0.1:{s.port + 1}"}, False),
        ("an order without the header", 403, "POST", "/do", body, {"Origin": f"http://{s.host}"}, False),
        ("two origins", 403, "POST", "/do", body, {**good, "Origin": [f"http://{s.host}"] * 2}, False),
        ("an order elsewhere", 404, "POST", "/", body, good, False),
        ("an order by GET", 404, "GET", "/do", None, good, False),
        ("a PUT", 405, "PUT", "/do", body, good, False),
        ("a DELETE", 405, "DELETE", "/", None, good, False),
        ("OPTIONS", 405, "OPTIONS", "/do", None, good, False),
        ("a body that is too long", 413, "POST", "/do", b" " * 2049, good, False),
        ("a body that says so", 413, "POST", "/do", b"", {**good, "Content-Length": "2049"}, False),
        ("a body in pieces that is too long", 413, "POST", "/do", b"801\r\n" + b" " * 2049 + b"\r\n0\r\n\r\n", {**good, "Transfer-Encoding": "chunked"}, False),
        ("no JSON", 400, "POST", "/do", b"scan", good, False),
        ("an unknown order", 400, "POST", "/do", b'{"do":"fly","bench":0}', good, False),
        ("an unknown key", 400, "POST", "/do", b'{"do":"stop","bench":0,"force":true}', good, False),
        ("a scan without a code", 400, "POST", "/do", b'{"do":"scan","bench":0}', good, False),
        ("a code that is no text", 400, "POST", "/do", b'{"do":"scan","bench":0,"code":[1]}', good, False),
        ("a bench that is not there", 400, "POST", "/do", b'{"do":"stop","bench":1}', good, False),
        ("a report of no run", 404, "GET", "/reports/x", None, {}, False),
        ("a way out of the folder", 404, "GET", "/reports/..%2f..%2fstate%2funits", None, {}, False),
        ("a file of the computer", 404, "GET", "/../../../etc/passwd", None, {}, False),
        ("a long path", (404, 414), "GET", "/" + "x" * 40000, None, {}, False),
        ("a long header", (400, 431), "GET", "/", None, {"X": "x" * 40000}, False),
    ]
    for what, wanted, method, path, data, headers, skip_host in rows:
        status, _, _ = s.ask(method, path, data, headers, skip_host)
        check(status in (wanted if isinstance(wanted, tuple) else (wanted,)), f"{what}: {status}, not {wanted}")
    check(Page(s).until(lambda b: True)["view"] == "ready", "nothing of that changed anything")
    status, headers, page = s.ask("GET", "/", None, host, True)
    check("default-src 'self'" in headers["Content-Security-Policy"] and "frame-ancestors 'none'" in headers["Content-Security-Policy"], "the page's policy")
    check((headers["X-Content-Type-Options"], headers["Referrer-Policy"], headers["Cache-Control"]) == ("nosniff", "no-referrer", "no-store"), "and its other headers")
    size = sum(len(s.ask("GET", p)[2]) for p in ("/", "/station.css", "/station.js", "/words.en.json"))
    check(size < 100000, f"the page is {size} bytes")
    check(b"http:" not in page and b"https:" not in page, "it asks for nothing elsewhere")
    s.end()


def slow_ones(check):
    """Who does not finish a request is cut off, and keeps nobody out."""
    s = Station()
    page = Page(s)
    page.until(view("ready"))
    slow = [socket.create_connection(("127.0.0.1", s.port), timeout=LIMIT_S) for _ in range(500)]
    for i, one in enumerate(slow):
        one.sendall(b"GET / HTT" if i % 2 else f"POST /do HTTP/1.1\r\nHost: {s.host}\r\nOrigin: http://{s.host}\r\nX-Penrig: 1\r\nContent-Length: 40\r\n\r\n{{".encode())
    check(s.ask("GET", "/")[0] == 200, "a page is answered all the same")
    check(s.order("scan", code="HELLO") == 200 and page.until(lambda b: b["refused"] == "unknown"), "and an order, and the page that was there hears of it")
    hoard = [Page(s) for _ in range(100)]
    check(s.order("scan", code="WORLD") == 200, "streams that one client hoards keep no order out")
    check(Page(s).until(lambda b: b["refusals"] == 2)["refused"] == "unknown", "nor a page")
    status = Path(f"/proc/{s.process.pid}/fd")
    check(len(list(status.iterdir())) < 120, f"and they are not kept: {len(list(status.iterdir()))} descriptors")
    for one in hoard:
        one.close()
    ends = 0
    for one in slow:
        try:
            while one.recv(4096):
                pass
        except ConnectionResetError:
            pass
        ends += 1
        one.close()
    check(ends == len(slow), "each was closed")
    s.end()


def a_second_one(check):
    s = Station()
    done = subprocess.run([str(rig.PENRIG), "station", str(s.path)], capture_output=True, text=True, timeout=LIMIT_S)
    check(done.returncode == 5 and "another station has this folder" in done.stderr, f"one folder, one station: {done.returncode} {done.stderr}")
    s.end()


def without_comments(path):
    return json.loads(re.sub(r'("(?:\\.|[^"\\\n])*")|//[^\n]*', lambda m: m.group(1) or "", path.read_text()))


def words(check):
    """Every language has every word, and the page a word for each thing that it may have to say."""
    page = rig.ROOT / "rig/station/page"
    en, de = (json.loads((page / f"words.{x}.json").read_text()) for x in ("en", "de"))
    check(en.keys() == de.keys(), f"words that one language lacks: {en.keys() ^ de.keys()}")
    check(all(sorted(re.findall(r"{(\w+)}", en[k])) == sorted(re.findall(r"{(\w+)}", de[k])) and de[k].strip() for k in en), "what stands in braces is the same")
    scan, state = ((rig.ROOT / "rig/station" / f).read_text() for f in ("scan.c", "state.c"))
    station = "".join((rig.ROOT / "rig/station" / f).read_text() for f in ("station.c", "people.c", "hooks.c", "accounts.c", "health.c"))
    wanted = {f"no_scan_{name}" for name in re.findall(r'\[SCAN_\w+\] = "(\w+)"', scan)}
    wanted |= {f"no_{name}" for name in re.findall(r'refuse\(s, (?:busy\(s\) \? )?"(\w+)"', state)} | {f"why_{name}" for name in re.findall(r'because\(s, WORD_\w+, "(\w+)"', state)}
    wanted |= {f"no_{name}" for name in re.findall(r'(?:state_unheard|state_refuse)\(&(?:b|d->bench)->state, "(\w+)"', station)}
    wanted |= {f"no_{name}" for name in re.findall(r'return "(\w+)";|= "(account_\w+)"', station) for name in name if name}
    wanted |= {f"why_{name}" for name in re.findall(r'state_failed\(&b->state, "(\w+)"', station)}
    wanted |= {f"word_{w}" for w in ("pass", "fail", "not_tested", "stop_unverified", "held")} | {f"todo_{w}" for w in ("pass", "fail", "not_tested", "stop_unverified", "held")}
    wanted |= {f"health_{name}" for name in re.findall(r'\[HEALTH_\w+\] = "(\w+)"', station)}
    wanted |= {f"{kind}want_{name}" for name in ("lot", "cartridge") for kind in ("", "no_")}
    listed = json.loads(subprocess.run([str(rig.PENRIG), "help", "measurands", "--json"], capture_output=True, text=True, check=True).stdout)
    wanted |= {f"m_{row['name']}" for row in listed if row["judged"]}
    check(len(wanted) > 50 and not wanted - en.keys(), f"words that are missing: {wanted - en.keys()}")
    script = (page / "station.js").read_text()
    said = set(re.findall(r"say\('(\w+)'", script)) - {"word_", "m_", "why_", "todo_", "no_", "q_", "stage_", "health_", "want_"}
    check(said and not said - en.keys(), f"words that the script asks for and nobody has: {said - en.keys()}")


def wrong_files(check):
    s = Station()
    schema = jsonschema.Draft202012Validator(json.loads((rig.ROOT / "reports/schema/station.schema.json").read_text()))
    only_c = ("regular expression", "empty serial number", "check digit", "is another's", "penrig account add")  # what a schema cannot say
    check(schema.is_valid(without_comments(rig.FIXTURES / "stations/virtual.json")), "the shipped file is one of the schema's")
    check(schema.is_valid(s.config), "the schema accepts a right one")
    s.end()
    product = s.config["products"][0]
    for change, why in (({"kind": "penrig/plan/1"}, "penrig/station/1"), ({"listen": "0.0.0.0:8080"}, "this computer alone"), ({"listen": "127.0.0.1"}, "ADDRESS:PORT"),
                        ({"benches": []}, "1 to 8"), ({"products": [{**product, "serial": "PEN-("}]}, "regular expression"),
                        ({"products": [{**product, "serial": ".*"}]}, "empty serial number"), ({"products": [{**product, "gtin": "04012345678902"}]}, "check digit"),
                        ({"products": [product, product]}, "is another's"), ({"benches": s.config["benches"] * 2}, "is another's"), ({"operators": [{"name": "A", "badge": "1"}]}, "badge"), ({"bench": 1}, "benches")):
        s.path.write_text(json.dumps({**s.config, **change}))
        check(schema.is_valid({**s.config, **change}) == (why in only_c), f"{change}: the schema says otherwise")
        done = subprocess.run([str(rig.PENRIG), "station", str(s.path)], capture_output=True, text=True, timeout=LIMIT_S)
        check(done.returncode == 2 and why in done.stderr and ("station.json:" in done.stderr or "accounts" in change), f"{change}: {done.returncode}: {done.stderr}")


def main():
    check = rig.Checks()
    for test in (units, refused_runs, restarted, a_pen_of_parts, two_benches, two_at_once, another_units_end, a_command_that_does_not_fit, stopped, stopped_without_answers, a_share_that_hangs, a_history_that_hangs, a_history_that_vanished, asked_on_the_command_line, decided_under_a_test, killed_run, pages, who_may_ask, slow_ones, a_second_one, words, wrong_files):
        if ONLY and test.__name__ not in ONLY:
            continue
        try:
            test(check)
        except Exception as e:  # a station that is gone: say which test met it, and go on
            check(False, f"{test.__name__}: {type(e).__name__}: {e}")
        finally:
            Station.end_all()
    check.end()


if __name__ == "__main__":
    sys.exit(main())
