"""What stands beside a test at the station: hooks before and after it, a label printer on a socket, and the station's own scanner, foot
switch and light behind `penrig io`."""
import json
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import tty
from pathlib import Path

import jsonschema

import rig
from station import LIMIT_S, Page, Station
from test_station import view

ZPL = "^XA^FO50,50^A0N,40,40^FD{dut}^FS^FO50,100^BXN,6,200^FD{dut} {lot}^FS^XZ\n"


class Printer(threading.Thread):
    """Takes one label; `resets`: throws it away; `keeps`: keeps the connection until it is told to close."""

    def __init__(self, resets=False, keeps=False):
        super().__init__()
        self.resets, self.closing = resets, threading.Event()
        if not keeps:
            self.closing.set()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.to, self.label = f"127.0.0.1:{self.socket.getsockname()[1]}", b""
        self.start()

    def run(self):
        one, _ = self.socket.accept()
        while data := one.recv(1 if self.resets else 4096):
            self.label += data
            if self.resets:
                break
        self.closing.wait(LIMIT_S)
        one.close()  # with data that nobody read it is a reset
        self.socket.close()


def label(check):
    printer = Printer()
    s = Station(start="at_once")
    s.kill()
    (s.folder / "pen.zpl").write_text(ZPL)
    s.config["hooks"] = {
        "before": [{"name": "flash", "command": ["sh", "-c", "cat; echo flashed {dut}; echo ^done >&2"]}],
        "after": [{"name": "label", "command": [str(rig.PENRIG), "label", str(s.folder / "pen.zpl"), f"--to={printer.to}", "--set=dut={dut}", "--set=lot={lot}"]},
                  {"name": "count", "on": "all", "command": ["sh", "-c", "echo {verdict} {name} >> " + str(s.folder / "count")]}]}
    s.start()
    page = Page(s)
    s.order("scan", code="]d20104012345678901" "21PEN-GOOD-01\x1d10L42")
    b = page.until(view("verdict"))
    check(b["verdict"]["word"] == "pass", f"a pass: {b['verdict']}")
    printer.join(LIMIT_S)
    check(printer.label.decode() == ZPL.replace("{dut}", "PEN-GOOD-01").replace("{lot}", "L42"), f"the label got there: {printer.label}")
    s.order("scan", code="PEN-DEEP-01")
    while page.until(lambda b: b["serial"] == "PEN-DEEP-01")["view"] == "armed":  # the next start waits for the hooks
        s.order("start")
        page.next()
    page.until(lambda b: b["view"] == "verdict" and b["serial"] == "PEN-DEEP-01")
    hooks = [json.loads(line) for line in (s.folder / "runs" / f"{b['name']}.hooks.jsonl").read_text().splitlines()]
    check([(h["hook"], h["when"], h["exit_code"]) for h in hooks] == [("flash", "before", 0), ("label", "after", 0), ("count", "after", 0)], f"each stands beside the run: {hooks}")
    check(hooks[0]["output"] == "flashed PEN-GOOD-01\n^done\n", f"with what it said: {hooks[0]}")
    report = json.loads((s.folder / "runs" / f"{b['name']}.report.json").read_text())
    check("hook_flash" in json.dumps(report["attributes"]), f"and the one before in the record: {report.get('attributes')}")
    s.end()
    for what, printer, code in (("throws it away", Printer(resets=True), 4), ("keeps the connection", Printer(keeps=True), 0)):
        done = subprocess.run([str(rig.PENRIG), "label", str(s.folder / "pen.zpl"), "--to", printer.to, "--set", "dut=PEN-1", "--set", "lot="], capture_output=True, text=True, timeout=LIMIT_S)
        check(done.returncode == code, f"a printer that {what}: {done.returncode} {done.stderr}")
        printer.closing.set()
        printer.join(LIMIT_S)
    rows = [("no printer", "PEN-1", "127.0.0.1:1", 4, "refused"), ("a value that is a command", "^XA", printer.to, 2, "obey"), ("no port", "PEN-1", "printer", 2, "HOST:PORT")]
    for what, dut, to, code, why in rows:
        done = subprocess.run([str(rig.PENRIG), "label", str(s.folder / "pen.zpl"), "--to", to, "--set", f"dut={dut}", "--set", "lot="], capture_output=True, text=True, timeout=LIMIT_S)
        check(done.returncode == code and why in done.stderr.lower() + done.stderr, f"{what}: {done.returncode} {done.stderr}")


def hooks_that_fail(check):
    rows = [
        ("it fails", {"name": "flash", "command": ["sh", "-c", "echo no programmer; exit 3"]}, "no programmer"),
        ("it takes too long", {"name": "flash", "limit_s": 0.2, "command": ["sleep", "1000"]}, "too long"),
        ("it is not there", {"name": "flash", "command": ["/no/such/program"]}, "/no/such/program"),
        ("it wants what is not there", {"name": "flash", "command": ["echo", "{pin}"]}, "not there"),
    ]
    for what, hook, why in rows:
        s = Station(start="at_once", hooks={"before": [hook]})
        page = Page(s)
        s.order("scan", code="PEN-GOOD-01")
        b = page.until(view("verdict"))
        check((b["verdict"]["word"], b["verdict"]["why"]) == ("not_tested", "hook") and why in b["verdict"]["reason"], f"{what}: {b['verdict']}")
        check([u["verdict"] for u in s.units()] == ["not_tested"] and not s.events(), f"{what}: nothing was started")
        s.end()
    s = Station(start="at_once", hooks={"before": [{"name": "flash", "command": ["sleep", "1000"]}]})
    s.kill()
    s.config["benches"].append({**s.config["benches"][0], "label": "Bench 2"})
    s.start()
    page = Page(s)
    s.order("scan", code="PEN-GOOD-01")
    page.until(lambda b: b["hook"] == "flash" and b["view"] == "running")
    s.order("scan", code="PEN-GOOD-01", bench=1)
    b = page.until(lambda b: b["bench"] == 1 and (b["refused"] or b["view"] == "running"))
    check(b["refused"] == "elsewhere", f"a unit whose hook runs is tested at no other bench: {b['view']} {b['refused']}")
    s.order("stop")
    b = page.until(view("verdict"))
    check(b["verdict"]["why"] == "stopped" and not s.events(), f"STOP ends a hook, and nothing starts: {b['verdict']}")
    s.end()
    s = Station(start="at_once", hooks={"after": [{"name": "label", "command": ["false"]}, {"name": "gone", "command": ["/no/such/program"]}, {"name": "count", "command": ["true"]}]})
    page = Page(s)
    s.order("scan", code="PEN-GOOD-01")
    b = page.until(lambda b: b["view"] == "verdict" and b["refused"])
    check((b["verdict"]["word"], b["refused"], b["refusals"]) == ("pass", "hook_failed", 2), f"a label that fails changes no verdict, and is said: {b}")
    said = s.folder / "runs" / f"{b['name']}.hooks.jsonl"
    page.until(lambda b: "count" in said.read_text())
    check([(h["hook"], h["exit_code"]) for h in map(json.loads, said.read_text().splitlines())] == [("label", 1), ("count", 0)], "and keeps none of the others from running")
    s.end()


def lit(light, until):
    """What a light was sent, until it ends so."""
    shown = b""
    while not shown.endswith(until):
        if not select.select([light], [], [], LIMIT_S)[0]:
            raise RuntimeError(f"{until} never came: {shown}")
        shown += os.read(light, 1)
    return shown


def own_devices(check):
    folder = Path(Station.made[-1].folder if Station.made else "/tmp")
    s = Station()
    s.kill()
    folder = s.folder
    scanner, scanner_end = pty.openpty()
    light, light_end = pty.openpty()
    for fd in (scanner, scanner_end, light, light_end):
        tty.setraw(fd)
    foot = folder / "foot"
    os.mkfifo(foot)
    io = {"kind": "penrig/io/1", "scanners": [{"device": os.ttyname(scanner_end), "baud": 9600}], "switches": [{"bench": "Bench 1", "device": str(foot)}],
          "lights": [{"bench": "Bench 1", "device": os.ttyname(light_end), "words": {"off": "O\n", "ready": "R\n", "running": "Y\n", "pass": "G\n", "fail": "X\n"}}]}
    schema = jsonschema.Draft202012Validator(json.loads((rig.ROOT / "reports/schema/io.schema.json").read_text()))
    check(schema.is_valid(io), "the schema accepts it")
    (folder / "io.json").write_text(json.dumps(io))
    s.config |= {"io": "io.json", "scanner": {"prefix": "]", "suffix": "#"}}
    s.start()
    page = Page(s)
    page.until(lambda b: page.station and not page.station["devices_gone"])
    press = os.open(foot, os.O_RDWR | os.O_NONBLOCK)

    def step(value=1):
        os.write(press, struct.pack("llHHi", 0, 0, 1, 28, value) + struct.pack("llHHi", 0, 0, 0, 0, 0))
    os.write(scanner, b"HELLO\r\n")
    page.until(lambda b: b["refused"] == "unknown")
    os.write(scanner, b"]]d20104012345678901" b"21PEN-GOOD-01\x1d10L42#\r")
    check(page.until(view("armed"))["lot"] == "L42", "a serial scanner's code with its end marks, without what stands around it")
    step(0)
    step()
    step()
    check(page.until(lambda b: b["view"] == "running")["serial"] == "PEN-GOOD-01", "the foot starts")
    step()
    b = page.until(view("verdict"))
    check(b["verdict"]["word"] == "pass", f"and stops nothing: {b['verdict']}")
    step()
    os.write(scanner, b"x" * 300 + b"\r")
    check(page.until(lambda b: b["refused"])["refused"].startswith("scan_"), "too long a code is refused, and the foot did nothing more")
    check(len(s.events()) == 1, "one run")
    shown = lit(light, b"G\n")
    check(shown.endswith(b"R\nO\nY\nG\n"), f"the light shows what the page shows, and nothing for a word that is not named: {shown}")
    os.close(scanner)
    os.close(scanner_end)
    while not page.station["devices_gone"]:
        page.next()
    s.order("scan", code="PEN-DEEP-01")
    s.order("start")
    shown = lit(light, b"X\n")
    check(b"Y\n" in shown and b"G" not in shown, f"a scanner that went is said, and takes no light with it: {shown}")
    s.kill()
    check(lit(light, b"O\n") == b"O\n", "a station that dies leaves no light on")
    s.start()
    lit(light, b"R\n")
    s.end()
    check(lit(light, b"O\n") == b"O\n", "nor one that ends")
    for change, why in (({"kind": "penrig/bench/1"}, "penrig/io/1"), ({"scanners": [], "switches": [], "lights": []}, "names no device"), ({"scanners": [{"baud": 9600}]}, "device"),
                        ({"lights": [{"device": "/dev/null", "words": {"off": "O", "purple": "P"}}]}, "ready, armed"),
                        ({"lights": [{"device": "/dev/null", "words": {"pass": "P"}}]}, '"off"'), ({"lights": [{"device": "/dev/null", "words": {"off": ""}}]}, "one character")):
        (folder / "io.json").write_text(json.dumps({**io, **change}))
        done = subprocess.run([str(rig.PENRIG), "io", str(folder / "io.json")], capture_output=True, text=True, timeout=LIMIT_S, stdin=subprocess.DEVNULL)
        check(done.returncode == 2 and why in done.stderr and "io.json:" in done.stderr, f"{change}: {done.returncode} {done.stderr}")
    (folder / "io.json").write_text(json.dumps({"kind": "penrig/io/1", "scanners": [{"device": str(folder / "none")}]}))
    done = subprocess.run([str(rig.PENRIG), "io", str(folder / "io.json")], capture_output=True, text=True, timeout=LIMIT_S, stdin=subprocess.DEVNULL)
    check(done.returncode == 4 and "No such file" in done.stderr, f"a device that is not there: {done.returncode} {done.stderr}")


def devices_come_and_go(check):
    """`penrig io` alone: each loss is said, takes nothing else with it, and is made good."""
    folder = Path(tempfile.mkdtemp(prefix="io"))
    named = folder / "light"

    def plug():
        ends = pty.openpty()
        for fd in ends:
            tty.setraw(fd)
        named.unlink(missing_ok=True)
        named.symlink_to(os.ttyname(ends[1]))
        return ends
    ends = plug()
    (folder / "io.json").write_text(json.dumps({"kind": "penrig/io/1", "scanners": [{"device": str(folder / "none")}], "lights": [{"device": str(named), "words": {"off": "O\n", "pass": "G\n"}}]}))
    p = subprocess.Popen([str(rig.PENRIG), "io", str(folder / "io.json")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1)

    def missing():
        return [Path(d).name for d in json.loads(p.stdout.readline())["missing"]]
    try:
        check(missing() == ["none"] and lit(ends[0], b"O\n") == b"O\n", "a scanner that is not there is said, and the light is off at first")
        p.stdin.write('{"light":"pass","bench":"Bench 1"}\n')
        check(lit(ends[0], b"G\n") == b"G\n", "and told")
        for fd in ends:
            os.close(fd)
        check(missing() == ["none", "light"], "a light that goes is said too")
        p.stdin.write('{"light":"held","bench":"Bench 1"}\n{"light":"pass","bench":"Bench 1"}\n')
        ends = plug()
        check(missing() == ["none"] and lit(ends[0], b"G\n") == b"G\n", "and told what stands when it is back")
        p.send_signal(signal.SIGTERM)
        check(lit(ends[0], b"O\n") == b"O\n", "off at the end")
        said = p.communicate(timeout=LIMIT_S)[1]
        check(p.returncode == 4 and "none" in said, f"what was missing at the end: {p.returncode} {said}")
    finally:
        p.kill()
        p.wait()
        for fd in ends:
            os.close(fd)


def main():
    check = rig.Checks()
    for test in (label, hooks_that_fail, own_devices, devices_come_and_go):
        try:
            test(check)
        except Exception as e:
            check(False, f"{test.__name__}: {type(e).__name__}: {e}")
        finally:
            Station.end_all()
    check.end()


if __name__ == "__main__":
    sys.exit(main())
