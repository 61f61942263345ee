"""What tests of the station share: a station of its own folder and port, and a page without a browser that listens and orders."""
import http.client
import json
import os
import signal
import subprocess
import tempfile
from pathlib import Path

import rig

LIMIT_S = int(os.environ.get("STATION_LIMIT_S", "120"))  # of any wait: a test that reaches it has failed
TWO_PHANTOMS = {
    "kind": "penrig/plan/1",
    "name": "two-phantoms",
    "limits": [{"measurand": "stroke_rate_error_pct", "unit": "%", "lower": -10, "upper": 10}],
    "steps": [{"name": "both", "depth_mm": [1.0], "rate_hz": [120], "phantom": ["SIL-STD-01", "SIL-SOFT-01"], "tare_s": 0.25,
               "settle_s": 0.4, "measure_s": 1.5}],
}


class Station:
    """fast: runs on the virtual clock; else in real time. plan: a shipped plan's name, or a plan."""

    made = []  # all that were not ended yet

    def __init__(self, plan="ci-smoke.json", fast=True, operators=(), start="on_order", bench="virtual-usb.json", world=(), **keys):
        self.folder = Path(tempfile.mkdtemp(prefix="station"))
        bench = rig.own_bench(bench, self.folder)
        if isinstance(plan, dict):
            (self.folder / "plan.json").write_text(json.dumps(plan))
            plan = self.folder / "plan.json"
        else:
            plan = rig.FIXTURES / "plans" / plan
        before = [str(rig.PENRIG_A), "--bench", str(bench), "--virtual-dut", "{dut}", *(w.format(folder=self.folder) for w in world), "--"] if fast else \
            [str(rig.VIRTUAL), "--bench", str(bench), "--dut", "{dut}", "--", str(rig.PENRIG)]
        config = {"kind": "penrig/station/1", "name": "Test line", "listen": "127.0.0.1:0", "state": "state", "output_dir": "runs", "history": "history", "command": before,
                  "benches": [{"file": str(bench), "label": "Bench 1"}],
                  "products": [{"name": "Pen S", "gtin": "04012345678901", "serial": "PEN-[A-Z]+-[0-9]+", "plan": str(plan), "start": start}], **keys}
        if operators:
            config["operators"] = [{"name": name, "badge": badge} for name, badge in operators]
        self.path = self.folder / "station.json"
        self.config = config
        self.process = None
        self.made.append(self)
        self.start()

    def start(self):
        self.path.write_text(json.dumps(self.config))
        self.process = subprocess.Popen([str(rig.PENRIG), "station", str(self.path)], stdout=subprocess.PIPE, stderr=(self.folder / "log").open("a"),
                                        stdin=subprocess.DEVNULL, text=True, start_new_session=True)
        line = self.process.stdout.readline()
        if "http://" not in line:
            raise RuntimeError(f"no address: {line!r} {(self.folder / 'log').read_text()}")
        self.host = line.split("http://")[1].strip().rstrip("/")
        self.port = int(self.host.split(":")[1])
        self.config["listen"] = self.host  # a restart comes back where pages look for it

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def end(self):
        """Ends the station, then what it left running: its children are in sessions of their own."""
        if self in self.made:
            self.made.remove(self)
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=LIMIT_S)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
            self.process.stdout.close()
        for fifo in (self.folder / "state").glob("*.answers"):
            try:
                fd = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                continue
            os.write(fd, b"stop\n")
            os.close(fd)
        for path in (self.folder / "state").glob("*.events.jsonl"):
            self.await_run(path)
        return self.process.returncode

    @staticmethod
    def await_run(path):
        """Until the run of these events has ended; one that does not is killed."""
        if subprocess.run(["flock", "-s", "-w", "60", path, "true"], check=False).returncode == 0:
            return
        for line in path.read_text().splitlines():
            if '"begin"' in line:
                os.kill(json.loads(line)["pid"], signal.SIGKILL)
        raise RuntimeError(f"{path.name}: a run that did not stop")

    @classmethod
    def end_all(cls):
        """What a test that threw has left."""
        for one in list(cls.made):
            one.end()

    def units(self):
        path = self.folder / "state/units.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def events(self):
        """Of each run: its lines."""
        return [[json.loads(line) for line in path.read_text().splitlines()] for path in sorted((self.folder / "state").glob("*.events.jsonl"))]

    def ask(self, method, path, body=None, headers=None, skip_host=False):
        """Status, headers, body of one request with exactly these headers."""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT_S)
        c.putrequest(method, path, skip_host=skip_host, skip_accept_encoding=True)
        for key, value in (headers or {}).items():
            for one in value if isinstance(value, list) else [value]:
                c.putheader(key, one)
        if body is not None and "Transfer-Encoding" not in (headers or {}) and "Content-Length" not in (headers or {}):
            c.putheader("Content-Length", str(len(body)))
        c.endheaders(body)
        reply = c.getresponse()
        data = reply.read()
        c.close()
        return reply.status, reply.headers, data

    def order(self, what, **more):
        headers = {"Origin": f"http://{self.host}", "X-Penrig": "1"}
        return self.ask("POST", "/do", json.dumps({"do": what, "bench": 0, **more}).encode(), headers)[0]


class Page:
    """Listens as a page does; `bench` is what it would show."""

    def __init__(self, station, last_id=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", station.port, timeout=LIMIT_S)
        self.connection.request("GET", "/events", headers={"Last-Event-ID": last_id} if last_id else {})
        self.reply = self.connection.getresponse()
        self.bench, self.station, self.last_id, self.seen = None, None, None, []

    def next(self):
        """One event: its kind."""
        kind, data = "", ""
        while True:
            line = self.reply.readline().decode().rstrip("\n")
            if line.startswith("event: "):
                kind = line[7:]
            elif line.startswith("data: "):
                data = line[6:]
            elif line.startswith("id: "):
                self.last_id = line[4:]
            elif not line and kind:
                if kind in ("bench", "station"):
                    setattr(self, kind, json.loads(data))
                self.seen.append(kind)
                return kind

    def until(self, what):
        """What the bench shows, once `what` holds for it."""
        beats = 0
        while not (self.bench and what(self.bench)):
            beats += self.next() == "beat"
            if beats > LIMIT_S:
                raise RuntimeError(f"it never came: {self.bench}")
        return self.bench

    def close(self):
        self.reply.close()
        self.connection.close()
