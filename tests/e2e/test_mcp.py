"""penrig mcp: the Model Context Protocol on standard streams. Both of its ways, what is no message, what no client may ask for, and
that a tool's answer is what the command prints; and runs: allowed by a person on a pseudo-terminal, refused by all else."""
import contextlib
import json
import os
import pty
import select
import sqlite3
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

import jsonschema

import old_runs
import rig
from fleet import until

LIMIT_S = 60  # of any wait: a test that reaches it has failed
MODERN = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
PLAN = {
    "kind": "penrig/plan/1", "name": "short",
    "limits": [{"measurand": "stroke_rate_error_pct", "unit": "%", "lower": -10, "upper": 10}],
    "steps": [{"name": "one", "depth_mm": [1.0], "rate_hz": [120], "phantom": ["SIL-STD-01"], "tare_s": 0.25, "settle_s": 0.4, "measure_s": 1.0}],
}


class Server:
    """One penrig mcp, and the lines that it answers with."""

    def __init__(self, *args, before=(), cwd=None):
        self.child = subprocess.Popen([*map(str, before), str(rig.PENRIG), "mcp", *map(str, args)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd)
        self.last = 0
        self.text = b""

    def raw(self, data):
        self.child.stdin.write(data if isinstance(data, bytes) else data.encode())
        self.child.stdin.flush()

    def line(self):
        while b"\n" not in self.text:
            ready, _, _ = select.select([self.child.stdout], [], [], LIMIT_S)
            piece = os.read(self.child.stdout.fileno(), 65536) if ready else b""
            if not piece:
                raise AssertionError(f"no answer: {self.text[-200:]}")
            self.text += piece
        line, self.text = self.text.split(b"\n", 1)
        return json.loads(line)

    def send(self, method, params=None, **more):
        self.last += 1
        message = {"jsonrpc": "2.0", "id": self.last, "method": method, **({} if params is None else {"params": params}), **more}
        self.raw(json.dumps(message) + "\n")
        return message["id"]

    def ask(self, method, params=None, **more):
        wanted = self.send(method, params, **more)
        answer = self.line()
        assert answer.get("id") == more.get("id", wanted), f"{method}: {answer}"
        return answer

    def call(self, tool, **arguments):
        return self.ask("tools/call", {"name": tool, "arguments": arguments})

    def end(self):
        self.child.stdin.close()
        status = self.child.wait(LIMIT_S)
        self.child.stdout.close()
        said = self.child.stderr.read().decode()
        self.child.stderr.close()
        return status, said


def begun(*args, **kw):
    server = Server(*args, **kw)
    server.ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "a test", "version": "7"}})
    server.raw('{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
    return server


def code(answer):
    return answer.get("error", {}).get("code")


def failed(answer):
    """The text of a tool that could not, or None."""
    result = answer.get("result", {})
    return result["content"][0]["text"] if result.get("isError") else None


def versions(check):
    for asked, told in (("2025-11-25", "2025-11-25"), ("2025-06-18", "2025-06-18"), ("2024-11-05", "2024-11-05"), ("1999-01-01", "2025-11-25"), ("2026-07-28", "2025-11-25")):
        server = Server()
        result = server.ask("initialize", {"protocolVersion": asked, "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}})["result"]
        check(result["protocolVersion"] == told and result["serverInfo"]["name"] == "penrig" and "tools" in result["capabilities"], f"{asked}: {result}")
        check(server.ask("ping")["result"] == {} and server.end() == (0, ""), f"{asked}: ping and end")
    server = Server()
    check(code(server.ask("tools/list")) == -32600, "tools before a handshake")
    check(code(server.ask("initialize", {"capabilities": {}})) == -32602, "a handshake without a version")
    found = server.ask("server/discover", {"_meta": MODERN})["result"]
    check(found["supportedVersions"] == ["2026-07-28"] and found["resultType"] == "complete" and found["ttlMs"] >= 0 and found["cacheScope"] == "private", f"discover: {found}")
    check("result" in server.ask("server/discover"), "a probe without _meta is answered")
    tools = server.ask("tools/list", {"_meta": MODERN})["result"]
    check(tools["resultType"] == "complete" and tools["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "penrig", f"tools: {tools.keys()}")
    later = server.ask("tools/list", {"_meta": {**MODERN, "io.modelcontextprotocol/protocolVersion": "2031-01-01"}})
    check(code(later) == -32022 and later["error"]["data"] == {"supported": ["2026-07-28"], "requested": "2031-01-01"}, f"a later version: {later}")
    check(code(server.ask("tools/list", {"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}})) == -32602, "without abilities")
    check(code(server.ask("ping", {"_meta": MODERN})) == -32601, "the newer way has no ping")
    server.end()


def no_messages(check):
    server = begun()
    for data, wanted in (
        (b"x" * (2 << 20), -32700), (b"[" * 40 + b"]" * 40, -32700), (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":NaN}}', -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping"} // said', -32700), (b'{"jsonrpc":"2.0","id":1,"method":"p\xff"}', -32700), (b'{"id":1,"id":2}', -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping"} {}', -32700), (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600), (b'"ping"', -32600),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600), (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":{"a":1},"method":"ping"}', -32600), (b'{"jsonrpc":"2.0","id":1e300,"method":"ping"}', -32600),
        (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600), (b'{"jsonrpc":"2.0","id":1,"method":7}', -32600), (b'{"jsonrpc":"2.0","id":1}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}', -32602), (b'{"jsonrpc":"2.0","id":1,"method":"tools/lost"}', -32601),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call"}', -32602), (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":["list"]}}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"2"}}', -32602),
    ):
        server.raw(data + b"\n")
        answer = server.line()
        check(code(answer) == wanted, f"{data[:70]}: {answer}")
    server.raw(b'\n\r\n{"jsonrpc":"2.0","method":"notifications/nobody","params":[1]}\n{"jsonrpc":"2.0","id":9,"result":{}}\n')
    check(server.ask("ping", id="an id of letters")["id"] == "an id of letters", "goes on, and none of these is answered")
    server.raw(b'{"jsonrpc":"2.0","id":77,"method":"ping"}')
    check(server.end()[0] == 0, "a line without an end, and the end")


def tool_answers(check):
    where = Path(tempfile.mkdtemp(prefix="pr"))
    kept = sorted(old_runs.DATA.glob("runs-*"))[-1]
    (where / "runs").mkdir()
    for name in ("pass-20-khz", "fail-slow"):
        old_runs.unpack(kept, name, where / "runs")
    penrig = lambda *args: subprocess.run([str(rig.PENRIG), *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=where)
    penrig("history", "--rebuild", "runs", "--history", "history")
    runs, bench = sorted((where / "runs").glob("*.penrig")), rig.own_bench("virtual-usb.json", where)
    server = begun("--root", where, "--root", rig.FIXTURES / "plans", "--bench", bench, "--history", "history", "--state", ".", cwd=where)
    tools = {t["name"]: t for t in server.ask("tools/list")["result"]["tools"]}
    check(list(tools) == ["list", "check", "show", "history", "trend", "compare"], f"tools: {list(tools)}")
    at, plan = ["--history=history", "--state=."], rig.FIXTURES / "plans/demo.json"
    for tool, arguments, command in (
        ("list", {}, ["list"]), ("show", {"run": str(runs[0])}, ["show", runs[0]]), ("history", {}, ["history", *at]),
        ("history", {"units": True, "results": False, "dut": "PEN-*"}, ["history", "--units", "--dut=PEN-*", *at]),
        ("check", {"plan": str(plan)}, ["check", plan, "--bench", bench, *at]),
        ("trend", {"measurand": "stroke_rate_hz", "chart": "ewma", "lambda": 0.3}, ["trend", "stroke_rate_hz", "--chart=ewma", "--lambda=0.3", *at]),
        ("compare", {"base": [str(runs[0])], "new": [str(runs[1])], "margin": ["stroke_rate_hz=0.5"]}, ["compare", "--margin=stroke_rate_hz=0.5", runs[0], "--", runs[1]]),
    ):
        jsonschema.validate(arguments, tools[tool]["inputSchema"])
        answer = server.call(tool, **arguments)
        own = penrig(command[0], "--json", *command[1:])
        result = answer["result"]
        check(not result["isError"] and result["structuredContent"]["exit_code"] == own.returncode and result["structuredContent"]["output"] == json.loads(own.stdout), f"{tool}: {str(answer)[:300]} {own.stderr}")
        check(json.loads(result["content"][0]["text"]) == result["structuredContent"], f"{tool}: its text says the same")
        jsonschema.validate(result["structuredContent"], tools[tool]["outputSchema"])
    (where / "out.penrig").symlink_to("/etc/hostname")
    for tool, arguments, why in (
        ("show", {"run": "/etc/hostname"}, "--root"), ("show", {"run": str(where / "../../etc/hostname")}, "--root"), ("show", {"run": str(where / "out.penrig")}, "--root"),
        ("show", {"run": str(where / "nobody")}, "--root"), ("show", {"run": 7}, "path"), ("show", {"run": ""}, "path"), ("show", {}, "needs the argument"),
        ("show", {"ruin": str(runs[0])}, 'did you mean "run"'), ("show", {"run": str(runs[0]), "journal": True}, "no argument"), ("show", [], "object"),
        ("history", {"dut": ["a"]}, "text"), ("history", {"dut": "a\u0007"}, "text"), ("history", {"dut": "x" * 201}, "text"), ("history", {"units": "yes"}, "true or false"),
        ("trend", {"measurand": "--svg=x"}, "one of the words"), ("trend", {"measurand": "stroke_rate_hz", "subgroup": 2.5}, "integer"), ("trend", {"measurand": "stroke_rate_hz", "lambda": 0}, "above 0"),
        ("compare", {"base": [], "new": [str(runs[0])]}, "list"), ("compare", {"base": str(runs[0]), "new": [str(runs[0])]}, "list"), ("compare", {"base": [7], "new": [str(runs[0])]}, "path"),
        ("check", {"plan": str(plan), "bench": str(bench)}, "no argument"), ("show", {"run": str(bench)}, "exit code 6"),
    ):
        answer = server.ask("tools/call", {"name": tool, "arguments": arguments})
        check(why in (failed(answer) or ""), f"{tool} {arguments}: {answer}")
    check(server.call("history", dut="--rebuild=/")["result"]["structuredContent"]["output"] == [], "an option as a value is a value")
    check(code(server.call("run", plan=str(plan), dut="X")) == -32602 and code(server.call("purge")) == -32602, "no runs, no other commands")
    cancelled(check, server, where)
    server.end()
    bare = begun()
    check("--root" in failed(bare.call("show", run=str(runs[0]))), "no root, no file")
    bare.end()


def cancelled(check, server, where):
    """A plan that nobody writes: the command waits for it until it is ended."""
    os.mkfifo(where / "plan.json")
    waiting = server.send("tools/call", {"name": "check", "arguments": {"plan": str(where / "plan.json")}})
    check(code(server.ask("ping", id=waiting)) == -32600, "an id that is in use")
    server.raw(json.dumps({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": waiting}}) + "\n")
    check(server.ask("ping")["result"] == {}, "goes on, and what was cancelled is not answered")
    sent = [server.send("tools/call", {"name": "check", "arguments": {"plan": str(where / "plan.json")}}) for _ in range(9)]
    check("eight calls" in failed(server.line()), "a ninth at once")
    for i in sent:
        server.raw(json.dumps({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": i}}) + "\n")
    ping = server.send("ping")
    while server.line()["id"] != ping:  # the one cancelled before may have counted, so that two were refused
        pass


class Terminal:
    """The bench's, and the person at it."""

    def __init__(self):
        self.us, self.them = pty.openpty()
        how = termios.tcgetattr(self.them)
        how[3] &= ~termios.ECHO
        termios.tcsetattr(self.them, termios.TCSANOW, how)
        self.name, self.text = os.ttyname(self.them), ""

    def wait(self, words):
        while words not in self.text:
            ready, _, _ = select.select([self.us], [], [], LIMIT_S)
            piece = os.read(self.us, 4096).decode() if ready else ""
            if not piece:
                raise AssertionError(f"no {words!r} on the terminal: {self.text[-300:]}")
            self.text += piece
        before, self.text = self.text.split(words, 1)
        return before

    def type(self, line):
        os.write(self.us, f"{line}\n".encode())


SERIAL, NAME = "anything else: no run: ", "q: no run: "


def two_servers(check, started, ask, terminal):
    """An order to stop must reach the server whose run it is: one at a time has the terminal."""
    first, second = started(), started()
    first.send("tools/call", ask)
    terminal.wait(SERIAL)
    check("another program asks" in failed(second.ask("tools/call", ask)), "the terminal is the first one's")
    terminal.type("no")
    check("no run" in failed(first.line()), "the first one has its answer")
    second.send("tools/call", ask)
    terminal.wait(SERIAL)
    terminal.type("no")
    check("no run" in failed(second.line()), "then the second one")
    first.end(), second.end()


def measures(out):
    """Whether a run that begins now is in its window, by its journal. (The truth file comes in pieces of many strokes.)"""
    before = set(out.glob("*.penrig"))

    def told():
        for f in set(out.glob("*.penrig")) - before:
            with contextlib.closing(sqlite3.connect(f"file:{f}?mode=ro", uri=True)) as journal, contextlib.suppress(sqlite3.OperationalError):
                if any(json.loads(text).get("stage") == "measuring" for (text,) in journal.execute("SELECT json FROM journal WHERE kind = 'stage'")):
                    return True
        return False
    return told


def deaf(check, started, ask, terminal, out):
    """A client that asks and does not read keeps nobody from stopping the pen."""
    server, running = started(), measures(out)
    server.send("tools/call", ask)
    for question, line in ((SERIAL, "PEN-GOOD-01"), (NAME, "A. Meier")):
        terminal.wait(question)
        terminal.type(line)
    until("it measures", running)
    for _ in range(300):
        server.send("tools/list")
    reports = lambda: len(list(out.glob("*.report.json")))
    ended = reports()
    terminal.type("q")
    until("the run has ended", lambda: reports() > ended)
    answers = [server.line() for _ in range(301)]
    check([a["result"]["structuredContent"]["exit_code"] for a in answers if "structuredContent" in a.get("result", {})] == [143], "all is answered once it reads")
    server.end()


def runs(check):
    where, terminal = Path(tempfile.mkdtemp(prefix="pr")), Terminal()
    bench = rig.own_bench("virtual-usb.json", where)
    truth = where / "truth.jsonl"
    plan, plan_text = where / "plan.json", json.dumps(PLAN)
    plan.write_text(plan_text)
    started = lambda *more: begun("--root", where, "--bench", bench, "--allow-run", "--terminal", terminal.name, "-o", where / "out", "--state", where, *more, before=(rig.VIRTUAL, "--bench", bench, "--dut", "PEN-GOOD-01", "--truth", truth, "--"))
    ask = {"name": "run", "arguments": {"plan": str(plan), "dut": "PEN-GOOD-01"}}
    server = started()
    check([t["annotations"]["readOnlyHint"] for t in server.ask("tools/list")["result"]["tools"] if t["name"] == "run"] == [False], "run is listed, and not as harmless")
    server.send("tools/call", ask)
    asked = terminal.wait(SERIAL)
    check("a test 7" in asked and str(plan) in asked and "PEN-GOOD-01" in asked, f"the question: {asked}")
    check("already" in failed(server.call("run", plan=str(plan), dut="PEN-GOOD-01")), "one run at a time")
    terminal.type("yes")
    check("no run" in failed(server.line()), "yes is no serial number")
    terminal.wait("no run.")
    for answers, why in ((["PEN-GOOD-02"], "not that of the pen"), (["PEN-GOOD-01", "y"], "name"), (["PEN-GOOD-01", "q"], "name"), (["PEN-GOOD-01", ""], "name")):
        server.send("tools/call", ask)
        for question, line in zip((SERIAL, NAME), answers):
            terminal.wait(question)
            terminal.type(line)
        check(why in failed(server.line()), f"{answers} is no yes")
    number = server.send("tools/call", ask)
    terminal.wait(SERIAL)
    server.raw(json.dumps({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": number}}) + "\n")
    terminal.wait("withdrawn")
    server.send("tools/call", ask)
    terminal.wait(SERIAL)
    plan.write_text(plan_text + " ")
    terminal.type("PEN-GOOD-01")
    terminal.wait(NAME)
    terminal.type("A. Meier")
    check("--exactly: the plan" in failed(server.line()), "another plan than the one that was asked about")
    bench_text = bench.read_text()
    for changed in (bench, where / "phantom.json"):
        bench.write_text(bench_text.replace(str(rig.FIXTURES / "phantoms/SIL-STD-01.json"), "phantom.json"))
        (where / "phantom.json").write_text((rig.FIXTURES / "phantoms/SIL-STD-01.json").read_text())
        server.send("tools/call", ask)
        terminal.wait(SERIAL)
        changed.write_text(changed.read_text() + "\n")
        terminal.type("PEN-GOOD-01")
        terminal.wait(NAME)
        terminal.type("A. Meier")
        check("--exactly" in failed(server.line()), f"another {changed.name} than the one that was asked about")
    bench.write_text(bench_text)
    check(not list(where.glob("out/*")), "no run so far")
    server.send("tools/call", ask)
    for question, line in ((SERIAL, "PEN-GOOD-01"), (NAME, "A. Meier")):
        terminal.wait(question)
        terminal.type(line)
    result = server.line()["result"]
    report = result["structuredContent"]["output"]
    check(result["structuredContent"]["exit_code"] == 0 and report["dut_verdict"] == "pass", f"the run: {str(result)[:400]}")
    told = report["run"] if "run" in report else report
    check("A. Meier" in json.dumps(told) and "confirmed_by" in json.dumps(report) and "a test 7" in json.dumps(report), "on whose word stands in the report")
    terminal.wait("has ended")
    plan.write_text(plan_text.replace('"measure_s": 1.0', '"measure_s": 600'))
    for end in ("the person", "the client"):
        running = measures(where / "out")
        server.send("tools/call", ask)
        for question, line in ((SERIAL, "PEN-GOOD-01"), (NAME, "A. Meier")):
            terminal.wait(question)
            terminal.type(line)
        until("it measures", running)
        if end == "the person":
            terminal.type("q")
            result = server.line()["result"]
            check(result["structuredContent"]["exit_code"] == 143 and result["structuredContent"]["output"]["run_status"] == "interrupted" and result["structuredContent"]["output"]["stop"]["verified"], f"stopped at the bench: {str(result)[:300]}")
    check(server.end()[0] == 0, "a client that goes away ends its run first")
    left = rig.report_form.read(sorted((where / "out").glob("*.report.json"))[-1].read_text())
    check(left["exit_code"] == 143 and left["stop"]["verified"], f"and the pen stands: {left['stop']}")
    two_servers(check, started, ask, terminal)
    deaf(check, started, ask, terminal, where / "out")
    hasty = started("--answer-within", "0.2s")
    check("in time" in failed(hasty.ask("tools/call", ask)), "no answer, no run")
    hasty.end()
    for args, why in ((("--allow-run",), "needs --bench"), (("--terminal", "/dev/tty"), "--allow-run"), (("--root", "/nowhere"), "/nowhere"), (("--answer-within", "1h", "--allow-run"), "10m")):
        refused = subprocess.run([str(rig.PENRIG), "mcp", *args], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        check(refused.returncode == 2 and why in refused.stderr, f"{args}: {refused}")
    seat = Terminal()
    refused = subprocess.run([str(rig.PENRIG), "mcp", "--allow-run", "--bench", bench, "--root", where, "-o", where], stdin=seat.them, capture_output=True, text=True)
    check(refused.returncode == 2 and "whoever asks" in refused.stderr, f"a person as client: {refused}")


def main():
    check = rig.Checks()
    versions(check)
    no_messages(check)
    tool_answers(check)
    runs(check)
    check.end()


if __name__ == "__main__":
    sys.exit(main())
