"""Telemetry of an agent: a real broker, and a reader that nobody here wrote; and every way in which a broker can be away, at which
each job goes on as if none had been named."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys

import fleet
import rig
from fleet import Fleet, until
from test_fleet_ci import certificates

PASSWORD = "sesame-opens-9"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Broker:
    def __init__(self, folder, *lines):
        self.folder, self.port, self.lines, self.process = folder, free_port(), lines, None
        self.folder.mkdir()

    def start(self):
        (self.folder / "conf").write_text("\n".join(("per_listener_settings true", f"listener {self.port} 127.0.0.1", *(self.lines or ["allow_anonymous true"]), *(["user root"] if os.getuid() == 0 else []))) + "\n")
        self.process = subprocess.Popen(["mosquitto", "-c", self.folder / "conf"], stdin=subprocess.DEVNULL, stdout=(self.folder / "log").open("a"), stderr=subprocess.STDOUT,
                                        preexec_fn=fleet.dies_with_us)
        until("a broker", self.answers)

    def answers(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        self.process.wait()


class Reader:
    """mosquitto_sub, from here on: a line for each message."""

    def __init__(self, broker, *more):
        self.file = broker.folder / f"heard{free_port()}"
        self.process = subprocess.Popen(["mosquitto_sub", "-h", "localhost", "-p", str(broker.port), "-t", "#", "-q", "1", "-F", "%r %t %p", *map(str, more)], stdin=subprocess.DEVNULL,
                                        stdout=self.file.open("w"), stderr=subprocess.STDOUT, preexec_fn=fleet.dies_with_us)

    def heard(self, topic=""):
        rows = [line.split(" ", 2) for line in self.file.read_text().splitlines() if line.endswith("}")]
        return [{**json.loads(text), "topic": at, "retained": flag == "1"} for flag, at, text in rows if at.endswith(topic)]

    def until_verdict(self, dut):
        return until(f"a verdict of {dut}", lambda: next((m for m in self.heard("/verdict") if m["dut"] == dut), None))

    def until_state(self, state):
        until(f"the state {state}", lambda: [m["state"] for m in self.heard("/state")][-1:] == [state])

    def end(self):
        self.process.kill()
        self.process.wait()


def done(f, dut="PEN-GOOD-01"):
    return f.until_job(f.submit(dut), lambda j: j["state"] == "done", "its end")


def told(check, f):
    """What a reader hears of two runs; what one that comes later finds; what it finds of an agent that is dead."""
    agent, broker = f.agents[0], Broker(f.folder / "told")
    broker.start()
    reader = Reader(broker)
    agent.start("--mqtt", f"mqtt://localhost:{broker.port}/lab/pens")
    jobs = {dut: done(f, dut) for dut in ("PEN-GOOD-01", "PEN-DEEP-01")}
    for dut, code, verdict in (("PEN-GOOD-01", 0, "pass"), ("PEN-DEEP-01", 1, "fail")):
        m = reader.until_verdict(dut)
        check(m["exit_code"] == code == jobs[dut]["exit_code"] and m["dut_verdict"] == verdict and m["job"] == jobs[dut]["job"] and not m["stop_unverified"], f"{dut}: {m}")
        check([r for r, in f.server.sql(f"SELECT run_id FROM penrig.job WHERE job_id = {m['job']}")] == [m["run_id"]], f"{dut}: it is the run that the server has")
    reader.until_state("idle")
    heard = reader.heard()
    check({m["topic"] for m in heard} == {f"lab/pens/bench-1/{kind}" for kind in ("state", "verdict", "progress")}, f"{ {m['topic'] for m in heard} }")
    check("running" in [m["state"] for m in reader.heard("/state")] and all(m["dut"] in jobs for m in reader.heard("/progress")), "running, and how far")
    check(len(reader.heard("/verdict")) == 2, f"each once: {reader.heard('/verdict')}")
    agent.kill()
    reader.until_state("offline")
    later = Reader(broker)
    until("what stays", lambda: later.heard("/state"))
    check([(m["state"], m["retained"]) for m in later.heard()] == [("offline", True)], f"who comes later sees that it is dead, and nothing else: {later.heard()}")
    agent.start("--mqtt", f"mqtt://localhost:{broker.port}/lab/pens")
    reader.until_state("idle")
    agent.end()
    reader.until_state("offline")
    as_published(check, reader.heard())
    for r in (reader, later):
        r.end()
    broker.stop()


def as_published(check, messages):
    try:
        import jsonschema
    except ImportError:
        print("no jsonschema (package python3-jsonschema): the messages are not held against their schema")
        return
    schema = json.loads((rig.ROOT / "reports/schema/telemetry.schema.json").read_text())
    schema["unevaluatedProperties"] = False
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    for m in messages:
        wrong = [e.message for e in validator.iter_errors({k: v for k, v in m.items() if k not in ("topic", "retained")})]
        check(not wrong, f"{m}: {wrong}")
    check(list(validator.iter_errors({"kind": "state", "version": 1, "bench": "b", "state": "asleep"})), "the schema refuses something")


def away(check, f):
    """No broker; then one: verdicts that were formed meanwhile arrive. One that is frozen. One that goes."""
    agent, broker = f.agents[0], Broker(f.folder / "away")
    agent.start("--mqtt", f"mqtt://localhost:{broker.port}", "--metrics", agent.folder / "agent.prom")
    check(done(f)["exit_code"] == 0, "no broker: the job is done")
    agent.until_said("no telemetry: ")
    broker.start()
    reader = Reader(broker)
    check(reader.until_verdict("PEN-GOOD-01")["dut_verdict"] == "pass", "what was formed meanwhile arrives")
    f.server.sql("NOTIFY penrig_job")
    until("a word of it", lambda: f.server.sql("NOTIFY penrig_job") == [] and "telemetry is back" in agent.said())
    check("penrig_bench_telemetry_up" in (agent.folder / "agent.prom").read_text(), "metrics tell of it, too")
    broker.process.send_signal(signal.SIGSTOP)
    check(done(f, "PEN-GOOD-02")["exit_code"] == 0, "a broker that is frozen: the job is done")
    broker.process.send_signal(signal.SIGCONT)
    check(reader.until_verdict("PEN-GOOD-02")["exit_code"] == 0, "awake again it hears of it")
    broker.stop(signal.SIGKILL)
    check(done(f, "PEN-GOOD-03")["exit_code"] == 0, "a broker that was killed: the job is done")
    broker.start()
    again = Reader(broker)
    again.until_state("idle")
    check(agent.end() == 0, "it ends")
    again.end()
    reader.end()
    broker.stop()


def half_open(check, f):
    """Something takes connections and says nothing: deadline, back-off, and jobs go on; so does the end."""
    agent = f.agents[0]
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(64)
        agent.start("--mqtt", f"mqtt://127.0.0.1:{deaf.getsockname()[1]}")
        check(done(f)["exit_code"] == 0, "the job is done")
        until("a word of it", lambda: f.server.sql("NOTIFY penrig_job") == [] and "no answer in time" in agent.said())
        check(agent.end() == 0, "it ends")


def locked(check, f):
    """A broker that asks for a password, over TLS that has to be verified: what is refused, and that no secret shows."""
    folder, agent = f.folder / "tls", f.agents[0]
    broker = Broker(folder, "allow_anonymous false", f"password_file {folder}/users", f"cafile {folder}/ca.pem", f"certfile {folder}/server.pem", f"keyfile {folder}/server.key")
    certificates(folder)
    (folder / "users").write_text(f"bench:{PASSWORD}\n")
    subprocess.run(["mosquitto_passwd", "-U", folder / "users"], check=True)
    secret, guess, open_one = folder / "secret", folder / "guess", folder / "open"
    for path, text, mode in ((secret, PASSWORD, 0o600), (guess, "guess-me", 0o600), (open_one, PASSWORD, 0o644)):
        path.write_text(text + "\n")
        path.chmod(mode)
    broker.start()
    url = f"mqtts://bench@localhost:{broker.port}"
    for words, why in (((url, folder / "ca.pem", guess), "not authorised"), ((url, folder / "other.pem", secret), "TLS"), ((url.replace("localhost", "127.0.0.1"), folder / "ca.pem", secret), "TLS"),
                       ((url.replace("mqtts", "mqtt"), None, secret), "no telemetry: ")):
        agent.start("--mqtt", words[0], "--mqtt-password", words[2], *(["--mqtt-ca", words[1]] if words[1] else []))
        until(why, lambda w=why: f.server.sql("NOTIFY penrig_job") == [] and w in agent.said())
        check(agent.end() == 0, f"{why}: nothing else")
        (agent.folder / "said").rename(agent.folder / f"said-{free_port()}")
    reader = Reader(broker, "--cafile", folder / "ca.pem", "-u", "bench", "-P", PASSWORD)
    agent.start("--mqtt", url, "--mqtt-password", secret, "--mqtt-ca", folder / "ca.pem")
    check(done(f)["exit_code"] == 0 and reader.until_verdict("PEN-GOOD-01")["exit_code"] == 0, "with password and certificate it is heard")
    check(PASSWORD not in open(f"/proc/{agent.process.pid}/cmdline").read() + open(f"/proc/{agent.process.pid}/environ").read(), "no list of processes shows the password")
    agent.end()
    reader.end()
    broker.stop()
    left = [p for p in agent.folder.rglob("*") if p.is_file() and PASSWORD.encode() in p.read_bytes()]
    check(not left, f"no log, report or run file holds it: {left}")
    bench = str(agent.bench)
    for argv, why in ((["--mqtt", "mqtts://bench:sesame@localhost"], "password"), (["--mqtt", "http://localhost"], "mqtt://"), (["--mqtt", "localhost:1883"], "SCHEME"),
                      (["--mqtt", "mqtts://localhost", "--mqtt-password", str(secret)], "USER@"), (["--mqtt", "mqtt://b@db.example", "--mqtt-password", str(secret)], "mqtts://"),
                      (["--mqtt", url, "--mqtt-password", str(open_one)], "chmod 600"), (["--mqtt", url, "--mqtt-ca", "/no/such"], "/no/such"), (["--mqtt-ca", "x"], "--mqtt URL"),
                      (["--mqtt", "mqtt://localhost/a/#"], "no +"), (["--mqtt", "mqtt://localhost:99999"], "SCHEME"), (["--mqtt", url, "--mqtt-password", "/no/such"], "/no/such")):
        said = subprocess.run([str(rig.PENRIG), "agent", bench, "--db", f.server.db("b1"), "--state", str(agent.folder / "state"), *argv], capture_output=True, text=True, timeout=fleet.LIMIT_S)
        check(said.returncode in (2, 6) and why in said.stderr and "sesame" not in said.stderr, f"{argv}: {said.returncode} {said.stderr}")


def main():
    fleet.skip_without_postgres()
    os.environ["PATH"] += ":/usr/sbin"
    if not shutil.which("mosquitto") or not shutil.which("mosquitto_sub"):
        print("no MQTT broker is installed (packages mosquitto, mosquitto-clients)")
        sys.exit(77)
    if "libmosquitto" not in subprocess.run([rig.PENRIG, "version"], capture_output=True, text=True).stdout:
        print("this penrig was built without libmosquitto (package libmosquitto-dev)")
        sys.exit(77)
    check = rig.Checks()
    f = Fleet(1)
    try:
        for test in (told, away, half_open, locked) if len(sys.argv) > 1 or "SEEDS" not in os.environ else (told, half_open):  # under sanitizers
            if len(sys.argv) > 1 and test.__name__ not in sys.argv[1:]:
                continue
            try:
                test(check, f)
            except Exception as e:
                check(False, f"{test.__name__}: {type(e).__name__}: {e}\n{f.agents[0].said()[-900:]}")
            f.agents[0].end()
            (f.agents[0].folder / "said").unlink(missing_ok=True)
    finally:
        f.end()
    check.end()


if __name__ == "__main__":
    main()
