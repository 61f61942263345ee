"""Who may do what at the station: sign-in by PIN, roles, plans, lock-out, and a unit that failed once, which shows no green before a
supervisor has decided. A row for each way in which somebody might do without."""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import rig
from station import LIMIT_S, Page, Station
from test_station import view

PINS = {"R. Chief": "271828", "A. Meier": "3141", "E. Setter": "1618"}
BADGES = {"R. Chief": "SV-01", "A. Meier": "OP-0007", "E. Setter": "EN-02"}
SLOWER = {"kind": "penrig/plan/1", "name": "slower", "limits": [{"measurand": "stroke_rate_hz", "unit": "Hz", "upper": 100}],  # every pen fails it
          "steps": [{"name": "one", "depth_mm": [1.0], "rate_hz": [120], "tare_s": 0.25, "settle_s": 0.4, "measure_s": 1.5}]}
folder = Path(tempfile.mkdtemp(prefix="people"))
trail = folder / "accounts.jsonl"


def account(action, name, *more, pin=None, by="R. Chief", by_pin=None):
    argv = [str(rig.PENRIG), "account", action, str(trail), "--name", name, *more]
    for option, text in (("--pin-file", pin), ("--by-pin-file", by_pin or (by and PINS.get(by)))):
        if text:
            path = folder / option
            path.write_text(text + "\n")
            path.chmod(0o600)
            argv += [option, str(path)]
    if by:
        argv += ["--by", by]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=LIMIT_S, stdin=subprocess.DEVNULL, start_new_session=True)
    return done.returncode, done.stdout + done.stderr


def make_accounts(check):
    code, said = account("add", "A. Meier", "--badge", "OP-0007", pin="3141", by=None)
    check(code == 2 and "first account is a supervisor's" in said, f"an operator is nobody's first account: {said}")
    code, said = account("add", "R. Chief", "--badge", "SV-01", "--role", "supervisor", pin="271828", by=None)
    check(code == 0 and "R. Chief\tsupervisor" in said, f"the first account: {said}")
    rows = [
        ("nobody makes it", ("add", "A. Meier"), dict(pin="3141", by=None), "--by is missing"),
        ("a supervisor's name without the PIN", ("add", "A. Meier"), dict(pin="3141", by_pin="0000"), "not this name and PIN"),
        ("a PIN that is too short", ("add", "A. Meier"), dict(pin="314"), "4 to 64"),
    ]
    for what, args, keys, why in rows:
        code, said = account(*args, **keys)
        check(code == 2 and why in said, f"{what}: {code} {said}")
    check(account("add", "A. Meier", "--badge", "OP-0007", pin="3141")[0] == 0, "an operator")
    check(account("add", "E. Setter", "--badge", "EN-02", "--role", "engineer", pin="1618")[0] == 0, "an engineer")
    code, said = account("train", "A. Meier", "--plan", "ci-smoke", by="E. Setter")
    check(code == 2 and "no supervisor" in said, f"an engineer changes no account: {said}")
    code, said = account("disable", "R. Chief")
    check(code == 2 and "last supervisor" in said, f"the last supervisor stays: {said}")
    check("3141" not in trail.read_text() and "271828" not in trail.read_text(), "no PIN stands in the trail")
    check(trail.stat().st_mode & 0o077 == 0, "nobody else reads it")


def signing_in(check):
    s = Station(accounts=str(trail))
    page = Page(s)
    page.until(view("ready"))

    def refused(what, why, order, **keys):
        before = page.bench["refusals"]
        check(s.order(order, **keys) == 200, f"{what}: an order")
        b = page.until(lambda b: b["refusals"] > before)
        check(b["refused"] == why and b["view"] in ("ready", "verdict", "armed"), f"{what}: {b['refused']}, not {why}")

    refused("nobody is there", "sign_in", "scan", code="PEN-GOOD-01")
    s.order("scan", code="OP-0007")
    page.until(lambda b: b["signing"] == "A. Meier")
    refused("a badge alone is nobody", "sign_in", "scan", code="PEN-GOOD-01")
    check(page.bench["signing"] == "", "and another code ends the question for the PIN")
    refused("a wrong PIN", "account_wrong", "sign_in", who="OP-0007", pin="0000")
    refused("an unknown name", "account_wrong", "sign_in", who="B. Nobody", pin="3141")
    refused("no name", "account_wrong", "sign_in", pin="3141")
    for what, body in (("no PIN", {"who": "OP-0007"}), ("a PIN that is no text", {"who": "OP-0007", "pin": 3141})):
        check(s.order("sign_in", **body) == 400, what)
    check(s.order("scan", code="PEN-GOOD-01", pin="3141") == 400, "a PIN belongs to no other order")
    s.order("scan", code="OP-0007")
    s.order("sign_in", pin="3141")
    page.until(lambda b: b["operator"] == "A. Meier" and b["signing"] == "")
    refused("a plan that is not trained", "not_trained", "scan", code="PEN-GOOD-01")
    account("train", "A. Meier", "--plan", "ci-smoke")
    s.order("scan", code="PEN-GOOD-01")
    page.until(view("armed"))
    account("untrain", "A. Meier", "--plan", "ci-smoke")
    refused("untrained between scan and start", "not_trained", "start")
    account("train", "A. Meier", "--plan", "ci-smoke")
    account("disable", "A. Meier")
    refused("disabled while signed in", "account_disabled", "start")
    refused("a disabled badge", "account_disabled", "scan", code="OP-0007")
    refused("a disabled account's PIN", "account_disabled", "sign_in", who="A. Meier", pin="3141")
    account("enable", "A. Meier")
    s.order("sign_in", who="A. Meier", pin="3141")
    s.order("scan", code="PEN-GOOD-01")
    s.order("start")
    b = page.until(view("verdict"))
    check(b["verdict"]["word"] == "pass", f"who may test tests: {b['verdict']}")
    report = json.loads((s.folder / "runs" / f"{b['name']}.report.json").read_text())
    check(report["operator"] == "A. Meier", "and stands in the record")
    s.order("scan", code="SV-01")
    check(page.until(lambda b: b["signing"] == "R. Chief")["operator"] == "", "another's badge signs the first one off")
    s.order("sign_out")
    page.until(lambda b: b["signing"] == "")
    for _ in range(5):
        refused("a wrong PIN", "account_wrong", "sign_in", who="E. Setter", pin="0000")
    refused("locked after five wrong PINs", "account_locked", "sign_in", who="E. Setter", pin="1618")
    s.kill()
    s.start()
    page = Page(s)
    check(page.until(view("ready"))["operator"] == "", "nobody is signed in after a restart")
    refused("and after a restart", "account_locked", "sign_in", who="E. Setter", pin="1618")
    for _ in range(4):  # one was wrong before
        refused("the only supervisor's PIN, by anybody", "account_wrong", "sign_in", who="SV-01", pin="0000")
    code, said = account("unlock", "E. Setter")
    check(code == 2 and "the owner of the file" in said, f"nobody is left to unlock, and the remedy is said: {said}")
    code, said = account("unlock", "R. Chief", by=None)
    last = json.loads(trail.read_text().splitlines()[-1])
    check((code, last["event"]) == (0, "unlock") and last["by"].startswith("the file's owner"), f"the owner of the file unlocks, and the trail says so: {code} {said} {last}")
    check(account("disable", "E. Setter", by=None)[0] == 2, "and changes nothing else")
    account("unlock", "E. Setter")
    s.order("sign_in", who="E. Setter", pin="1618")
    page.until(lambda b: b["operator"] == "E. Setter")
    s.order("scan", code="PEN-GOOD-02")
    page.until(view("armed"))
    for _ in range(5):
        account("pin", "E. Setter", pin="1234", by="E. Setter", by_pin="0000")
    refused("locked at a terminal while signed in here, between scan and start", "account_locked", "start")
    account("unlock", "E. Setter")
    text = trail.read_text()
    trail.write_text(text.replace('"train"', '"trail"', 1))
    s.kill()
    done = subprocess.run([str(rig.PENRIG), "station", str(s.path)], capture_output=True, text=True, timeout=LIMIT_S)
    check(done.returncode in (2, 6) and "accounts.jsonl (line" in done.stderr, f"a trail that was changed: {done.returncode} {done.stderr}")
    trail.write_text(text)
    events = [json.loads(line) for line in text.splitlines()]
    check([e["event"] for e in events if e["name"] == "E. Setter"][-8:] == ["unlock", "sign_in"] + ["wrong_pin"] * 5 + ["unlock"], f"all of it stands in the trail: {[e['event'] for e in events]}")
    check(Path(s.folder / "state").exists() and "3141" not in (s.folder / "log").read_text(), "no PIN in a log")
    s.end()


def failed_once(check):
    """Fails, passes, and is green only when a supervisor says why; also where another bench's history alone knows of the failure."""
    s = Station(accounts=str(trail), start="at_once", plan=SLOWER)
    page = Page(s)
    s.order("sign_in", who="EN-02", pin="1618")
    page.until(lambda b: b["operator"])
    s.order("scan", code="PEN-GOOD-01")
    b = page.until(view("verdict"))
    check(b["verdict"]["word"] == "fail", f"it fails: {b['verdict']}")
    failed = b["name"]

    def refused(what, why, order, **keys):
        before = page.bench["refusals"]
        check(s.order(order, **keys) == 200, f"{what}: an order")
        b = page.until(lambda b: b["refusals"] > before)
        check(b["refused"] == why, f"{what}: {b['refused']}, not {why}")

    s.kill()
    s.config["products"][0]["plan"] = str(rig.FIXTURES / "plans/ci-smoke.json")
    s.start()
    page = Page(s)
    s.order("sign_in", who="EN-02", pin="1618")
    s.order("scan", code="PEN-GOOD-01")
    b = page.until(view("verdict"))
    check((b["verdict"]["word"], b["verdict"]["why"]) == ("held", "failed_before"), f"it passes, and is not green: {b['verdict']}")
    check([u["verdict"] for u in s.units()] == ["fail", "held"], f"nor in the record: {s.units()}")
    refused("nor by another scan", "held", "scan", code="PEN-GOOD-01")
    good = dict(serial="PEN-GOOD-01", decision="retest", who="SV-01", pin="271828", reason="phantom {top} was torn, exchanged")
    refused("the engineer decides nothing", "no_supervisor", "decide", **{**good, "who": "EN-02", "pin": "1618"})
    refused("nor does a supervisor's badge without the PIN", "account_wrong", "decide", **{**good, "pin": ""})
    refused("nor a bench's key", "account_wrong", "decide", **{**good, "who": "bench-1", "pin": "271828"})
    s.order("sign_in", who="SV-01", pin="271828")
    page.until(lambda b: b["operator"] == "R. Chief")
    refused("nor the supervisor's being signed in: a decision is signed anew", "account_wrong", "decide", **{**good, "pin": ""})
    refused("nor with who it is left out", "account_wrong", "decide", **{k: v for k, v in good.items() if k != "who"})
    account("add", "S. Former", "--role", "supervisor", pin="5772")
    account("role", "S. Former", "--role", "operator")
    refused("nor one who was a supervisor", "no_supervisor", "decide", **{**good, "who": "S. Former", "pin": "5772"})
    s.order("sign_in", who="EN-02", pin="1618")
    page.until(lambda b: b["operator"] == "E. Setter")
    refused("nor the PIN without a reason", "no_reason", "decide", **{**good, "reason": "  "})
    refused("nor is another unit decided about", "nothing_to_decide", "decide", **{**good, "serial": "PEN-GOOD-02"})
    for what, key in (("no decision", "decision"), ("no serial number", "serial"), ("no reason", "reason"), ("no PIN", "pin")):
        check(s.order("decide", **{k: v for k, v in good.items() if k != key}) == 400, f"an order without: {what}")
    check(s.order("decide", **{**good, "decision": "pass"}) == 400, "there is no such decision")
    check(page.bench["view"] == "ready", "nothing of that made it green, and the next code ended what was shown")
    check(s.order("decide", **good) == 200, "the supervisor decides")
    b = page.until(lambda b: b["view"] == "ready" and b["refused"] == "" and s.units()[-1]["verdict"] == "disposed")
    check(b["serial"] == "", f"the bench waits for its code: {b}")
    check([u["verdict"] for u in s.units()] == ["fail", "held", "retest", "disposed"], f"nothing is green without a new test: {s.units()}")
    s.order("scan", code="PEN-GOOD-01")
    check(page.until(view("verdict"))["verdict"]["word"] == "pass", "the new test decides")
    check([u["verdict"] for u in s.units()][4:] == ["pass"], f"{s.units()}")
    check((s.units()[2]["by"], s.units()[2]["reason"]) == ("R. Chief", good["reason"]), f"with name and reason: {s.units()[2]}")
    last = next(e for e in map(json.loads, reversed(trail.read_text().splitlines())) if e["event"] == "decide")
    check((last["event"], last["name"], last["text"], last["reason"]) == ("decide", "R. Chief", "retest PEN-GOOD-01", good["reason"]), f"in the trail: {last}")
    journal = subprocess.run([str(rig.PENRIG), "show", "--journal", str(s.folder / "runs" / f"{failed}.penrig")], capture_output=True, text=True, check=False).stdout
    check("R. Chief" in journal and "phantom {top} was torn" in journal, f"and in the failed run's file: {journal[-300:]}")
    s.kill()
    units = s.folder / "state/units.jsonl"
    units.write_text("".join(line for line in units.read_text().splitlines(True) if "disposed" not in line))
    s.start()
    page = Page(s)
    page.until(lambda b: any(u["verdict"] == "disposed" for u in s.units()))
    check(page.bench["refused"] == "", "a station that ended before the run file was written writes it at its next start")
    s.end()
    other = Station(start="at_once", history=str(s.folder / "history"))  # another bench, by the same history, and nobody to sign in
    page = Page(other)
    other.order("scan", code="PEN-GOOD-01")
    check(page.until(view("verdict"))["verdict"]["word"] == "pass", "a decided failure holds no other bench's pass")
    other.end()


def fails_elsewhere(history, dut, decision, at=3600):
    """By the plan that the station tests by, at another bench of the same history, and decided there."""
    run = rig.run_plan("ci-smoke.json", dut=dut, faults=("offset@0,by=0.5",), world_extra=("--clock", at), extra=("--history", history))
    subprocess.run([str(rig.PENRIG), "dispose", str(run.run_file), "--decision", decision, "--by", "R. Chief", "--reason", "decided elsewhere", "--history", str(history)],
                   capture_output=True, check=True)


def decided_elsewhere(check):
    """A failure here, and a later one at another bench that was decided there: only the last one's decision counts, and a rejection stands."""
    s = Station(accounts=str(trail), start="at_once", plan=SLOWER)
    page = Page(s)
    rows = ("PEN-GOOD-05", "retest"), ("PEN-GOOD-06", "accept")
    units = [dut for dut, _ in rows]

    def test_each(word):
        s.order("sign_in", who="EN-02", pin="1618")
        for dut in units:
            s.order("scan", code=dut)
            b = page.until(lambda b, dut=dut: b["view"] == "verdict" and b["serial"] == dut)
            check(b["verdict"]["word"] == word, f"{dut}: {b['verdict']}")
            yield dut, b["name"]
    failed = dict(test_each("fail"))
    s.kill()
    for dut, decision in rows:
        fails_elsewhere(s.folder / "history", dut, decision)
    s.config["products"][0]["plan"] = str(rig.FIXTURES / "plans/ci-smoke.json")
    s.config["command"][1:1] = ["--clock", "7200"]  # later than that one
    s.config["hooks"] = {"after": [{"name": "label", "command": ["sh", "-c", f"echo {{dut}} >> {s.folder / 'labels'}"]}]}
    s.start()
    page = Page(s)
    list(test_each("held"))
    for dut in units:
        subprocess.run([str(rig.PENRIG), "dispose", str(s.folder / "runs" / f"{failed[dut]}.penrig"), "--decision", "accept", "--by", "R. Chief", "--reason", "scratch only",
                        "--history", str(s.folder / "history")], capture_output=True, check=True)
    s.order("scan", code="PEN-GOOD-06")
    b = page.until(lambda b: b["refused"] == "passed_already")
    check(b["refused_detail"] == "PEN-GOOD-06", "both failures are accepted: what was held is a pass")
    s.order("scan", code="PEN-GOOD-05")
    b = page.until(lambda b: b["serial"] == "PEN-GOOD-05" or b["refused_detail"] == "PEN-GOOD-05")
    check(b["serial"] == "PEN-GOOD-05", f"the last failure was set aside: a new test decides, not the old acceptance: {b['refused']}")
    while page.bench["view"] == "armed":  # a label is still printed
        s.order("start")
        page.next()
    check(page.until(view("verdict"))["verdict"]["word"] == "pass", "and does")
    for dut in "PEN-GOOD-06", "PEN-GOOD-07":  # one that passed here, one that was never here
        fails_elsewhere(s.folder / "history", dut, "reject", at=9000)
        for order in dict(do="scan", code=dut), dict(do="decide", serial=dut, decision="accept", who="SV-01", pin="271828", reason="looks fine to me"), dict(do="scan", code=dut):
            before = page.bench["refusals"]
            s.order(order.pop("do"), **order)
            b = page.until(lambda b, before=before: b["refusals"] > before)
            check((b["refused"], b["refused_detail"]) == ("rejected", dut), f"what was rejected elsewhere stays so, whoever decides here: {b['refused']} {b['refused_detail']}")
    labels = (s.folder / "labels").read_text().split()
    check(sorted(labels) == ["PEN-GOOD-05", "PEN-GOOD-06"], f"one label for each pass: {labels}")
    s.end()


def known_elsewhere(check):
    s = Station(start="at_once", plan=SLOWER)
    page = Page(s)
    s.order("scan", code="PEN-GOOD-01")
    failed = page.until(view("verdict"))
    accepted = []
    for dut in ("PEN-GOOD-04", "PEN-GOOD-03"):
        s.order("scan", code=dut)
        accepted.append(page.until(lambda b, dut=dut: b["view"] == "verdict" and b["serial"] == dut))
    s.end()
    labels, gate = s.folder / "labels", s.folder / "gate"
    os.mkfifo(gate)
    opener = os.open(gate, os.O_RDWR)
    other = Station(start="at_once", history=str(s.folder / "history"), hooks={"after": [{"name": "label", "command": ["sh", "-c", f"read x < {gate}; echo {{dut}} {{lot}} {{verdict}} >> {labels}"]}]})
    page = Page(other)
    code = "]d2010401234567890121{}\x1d10L7"
    for one in accepted:
        other.order("scan", code=code.format(one["serial"]))
        b = page.until(lambda b, one=one: b["view"] == "verdict" and b["serial"] == one["serial"])
        check(b["verdict"]["word"] == "held", "one that will be accepted")
        last = b["name"]
        subprocess.run([str(rig.PENRIG), "dispose", str(s.folder / "runs" / f"{one['name']}.penrig"), "--decision", "accept", "--by", "R. Chief", "--reason", "scratch only",
                        "--history", str(s.folder / "history")], capture_output=True, check=True)
    for one in accepted:
        other.order("scan", code=code.format(one["serial"]))
        page.until(lambda b, one=one: b["refused"] == "passed_already" and b["refused_detail"] == one["serial"])
    os.write(opener, b"\n" * 9)  # both wait for it: one runs, the other behind it
    page.until(lambda b: (other.folder / "runs" / f"{last}.hooks.jsonl").exists())  # the last hook has ended
    check(labels.read_text() == "PEN-GOOD-04 L7 pass\nPEN-GOOD-03 L7 pass\n", f"what was accepted is labelled as a pass is: {labels.read_text()}")
    other.order("scan", code="PEN-GOOD-01")
    b = page.until(lambda b: b["view"] == "verdict" and b["serial"] == "PEN-GOOD-01")
    check(b["verdict"]["word"] == "held", f"a failure at another bench: {b['verdict']}")
    other.order("decide", serial="PEN-GOOD-01", decision="retest", who="SV-01", pin="271828", reason="never mind")
    check(page.until(lambda b: b["refused"])["refused"] == "no_accounts", "where nobody has an account nobody decides at the page")
    (s.folder / "history").rename(s.folder / "aside")
    (s.folder / "history").mkdir()
    before = page.bench["refusals"]
    other.order("scan", code="PEN-GOOD-01")
    check(page.until(lambda b: b["refusals"] > before)["refused"] == "held", "a history that cannot be asked releases nothing")
    (s.folder / "history").rmdir()
    (s.folder / "aside").rename(s.folder / "history")
    done = subprocess.run([str(rig.PENRIG), "dispose", str(s.folder / "runs" / f"{failed['name']}.penrig"), "--decision", "retest", "--by", "R. Chief",
                           "--reason", "phantom torn", "--history", str(s.folder / "history")], capture_output=True, text=True, check=False)
    check(done.returncode == 0, f"decided at a terminal: {done.stderr}")
    runs = len(other.events())
    other.order("scan", code="PEN-GOOD-01")
    b = page.until(lambda b: b["view"] == "verdict" and b["verdict"]["word"] == "pass")
    check([u["verdict"] for u in other.units()] == ["held", "held", "pass", "pass", "held", "pass"] and len(other.events()) == runs + 1, f"tested again, and green: {other.units()}")
    s.config["products"][0]["attempts"] = 1  # where it failed, the decision gives it back its attempts
    s.start()
    page = Page(s)
    s.order("scan", code="PEN-GOOD-01")
    b = page.until(lambda b: b["refused"] or b["view"] == "running")
    check((b["refused"], b["attempt"]) == ("", 1), f"it is tested there too: {b['refused']} {b['attempt']}")
    page.until(view("verdict"))
    s.end()
    page = Page(other)
    (s.folder / "history").unlink()
    (s.folder / "history").mkdir()
    other.order("scan", code="PEN-GOOD-02")
    b = page.until(lambda b: b["view"] == "verdict" and b["serial"] == "PEN-GOOD-02")
    check(b["history_gone"] and b["verdict"]["unasked"], f"a history that cannot be asked is said, and the pass says it: {b['verdict']}")
    other.end()


def main():
    check = rig.Checks()
    for test in (make_accounts, signing_in, failed_once, decided_elsewhere, known_elsewhere):
        try:
            test(check)
        except Exception as e:
            check(False, f"{test.__name__}: {type(e).__name__}: {e}")
        finally:
            Station.end_all()
    check.end()


if __name__ == "__main__":
    sys.exit(main())
