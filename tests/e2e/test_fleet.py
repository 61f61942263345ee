"""The fleet on a PostgreSQL of its own: each run recorded once whatever dies, nothing started late, nobody does what he may not."""
import fcntl
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import uuid

import fleet
import rig
from fleet import SMOKE, Fleet, until

OVER = ("done", "failed", "expired", "cancelled")


def over(job):
    return job["state"] in OVER


def recorded(f, *columns, job=None):
    """Every run that the server has."""
    rows = f.server.sql(f"SELECT {', '.join(columns)} FROM penrig.run {f'WHERE job_id = {job}' if job else ''} ORDER BY run_no")
    return [tuple(row) for row in rows]


def waiting(f, dut="PEN-GOOD-01", *more):
    """A CI job: submit --wait, under way."""
    folder = f.folder / f"ci-{uuid.uuid4().hex[:8]}"
    return folder, subprocess.Popen([str(rig.PENRIG), "submit", str(SMOKE), "--dut", dut, "--wait", "--report", "junit", "--output-dir", str(folder),
                                     "--db", f.server.db("ci"), *more], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                    preexec_fn=fleet.dies_with_us)


def ran_out(f, job):
    """The lease of whoever has it, without waiting for that."""
    f.server.sql(f"UPDATE penrig.job SET ready_at = clock_timestamp() WHERE job_id = {job};"
                 f"UPDATE penrig.attempt SET lease_until = clock_timestamp() WHERE job_id = {job} AND state = 'open'; NOTIFY penrig_job")


def to_the_end(check, f):
    """A job without a rig ends in the run's own exit code, with its files; what the server has is what the bench has."""
    f.agents[0].start()
    runs = [(dut, code, *waiting(f, dut)) for dut, code in (("PEN-GOOD-01", 0), ("PEN-DEEP-01", 1))]
    for dut, code, folder, process in runs:
        out, err = process.communicate(timeout=fleet.LIMIT_S)
        check(process.returncode == code, f"{dut}: {process.returncode} {err}")
        names = sorted(p.name.split(".", 1)[1] for p in folder.iterdir())
        check(names == ["junit.xml", "penrig", "report.html", "report.json"], f"{dut}: its files are here: {names}")
        check(rig.penrig_a("show", *folder.glob("*.penrig")).returncode == 0, f"{dut}: the run file is whole")
        report = json.loads(next(folder.glob("*.report.json")).read_text())
        check(report["dut"] == dut and any(a["key"] == "fleet.run" and a["value"] in str(recorded(f, "run_id")) for a in report["attributes"]), f"{dut}: the run says which one it is")
    check(sorted(recorded(f, "label", "verdict", "dut")) == [("won", "fail", "PEN-DEEP-01"), ("won", "pass", "PEN-GOOD-01")], "both are recorded, once")
    local = f.agents[0].rows("SELECT count(*), round(sum(value), 9) FROM result")[0]
    there = f.server.sql("SELECT count(*), round(sum(value)::numeric, 9) FROM penrig.result", user="reader")[0]
    check((str(local[0]), float(local[1])) == (there[0], float(there[1])), f"every result arrived as it is: {local} {there}")
    used = f.server.sql("SELECT DISTINCT serial FROM penrig.device_use JOIN penrig.device USING (device_id)", user="reader")
    check(sorted(s for s, in used) == sorted(s for s, in f.agents[0].rows("SELECT DISTINCT serial FROM device")), f"and every device: {used}")
    check(f.agents[0].rows("SELECT * FROM outbox") == [], "the outbox is empty")
    check(f.agents[0].end() == 0, "SIGTERM ends an agent with 0")


def everything_dies(check, f):
    """Agent and server are killed while a run is under way, and the server is away when it ends: recorded once when all are back."""
    agent = f.agents[0]
    agent.start(gate=True)
    job = f.submit()
    agent.until_said(f"job {job}, plan")
    agent.kill()
    f.server.sql("UPDATE penrig.attempt SET lease_until = '2001-01-01'; UPDATE penrig.job SET ready_at = '2001-01-01'")
    f.server.stop(signal.SIGKILL)
    agent.start()
    agent.until_said("it is tried again")
    agent.open_gate()
    agent.until_said(f"job {job}, run", 1)
    check(agent.rows("SELECT ended, exit_code FROM outbox") == [(1, 0)], "it ended, and the outbox has it")
    f.server.start()
    j = f.until_job(job, over, "the job's end")
    check((j["state"], j["exit_code"], j["attempts"]) == ("done", 0, 1), f"one attempt, which went on: {j}")
    check(recorded(f, "label", job=job) == [("won",)], "recorded once")
    check(f.server.sql("SELECT 1 FROM penrig.attempt WHERE lease_until > claimed_at") == [["1"]], "its lease was renewed before its files went")
    until("an empty outbox", lambda: agent.rows("SELECT count(*) FROM outbox") == [(0,)])


def superseded(check, f):
    """Its lease ran out and another bench did the job: both runs happened, both are recorded, and both count for the unit."""
    first, second = f.agents
    first.start(gate=True)
    job = f.submit("PEN-DEEP-01")
    first.until_said(f"job {job}, plan")
    first.kill()
    second.start()
    ran_out(f, job)
    j = f.until_job(job, over, "the second bench's run")
    check((j["bench"], j["attempts"]) == ("bench-2", 2), f"the second one had it: {j}")
    first.start()
    first.open_gate()
    until("the first bench's run", lambda: len(recorded(f, "label", job=job)) == 2)
    check(recorded(f, "label", "fence", "verdict", job=job) == [("won", "2", "fail"), ("superseded", "1", "fail")], f"{recorded(f, 'label', 'fence', job=job)}")
    line = next(x for x in f.penrig("fleet", "units", "--dut", "PEN-DEEP-01", user="reader").stdout.splitlines() if x.startswith("PEN-DEEP"))
    runs = len([1 for dut, in recorded(f, "dut") if dut == "PEN-DEEP-01"])
    check(line.split()[1:5] == ["fail", str(runs), "0", str(runs)], f"the unit's status counts both: {line}")


def lost_before_it_moved(check, f):
    """Another bench has the job, and this one's pen has not moved: it is told to stop, and does not begin."""
    first, second = f.agents
    first.start("--lease=3s", gate=True)
    job = f.submit()
    first.until_said(f"job {job}, plan")
    second.start()
    # The first one lives, and renews it each second: whoever is quicker has it.
    until("the second bench's claim", lambda: f.server.sql(f"SELECT 1 FROM penrig.job WHERE job_id = {job} AND fence > 1") or ran_out(f, job))
    f.until_job(job, over, "the second bench's run")
    first.until_said("before the pen moved")
    first.open_gate()
    until("its end", lambda: first.rows("SELECT count(*) FROM outbox") == [(0,)])
    rows = recorded(f, "label", "status", "fence", job=job)
    check(rows[0] == ("won", "complete", "2") and rows[1:] in ([], [("aborted", "interrupted", "1")]), f"{rows}")
    for report in (first.folder / "state/agent/runs").glob(f"job{job}-1-*.report.json"):
        check(json.loads(report.read_text())["points"] == [], "no point was begun")


def back_in_time(check, f):
    """A lease that ran out and that nobody else took still counts: the fence decides, not the clock."""
    agent = f.agents[0]
    agent.start(gate=True)
    job = f.submit()
    agent.until_said(f"job {job}, plan")
    agent.kill()
    ran_out(f, job)
    agent.open_gate()
    agent.start()
    j = f.until_job(job, over, "its end")
    check((j["state"], j["attempts"]) == ("done", 1) and recorded(f, "label", job=job) == [("won",)], f"{j}")


def killed_run(check, f):
    """penrig itself is killed: no run, or half of one, is no answer; the job goes round again."""
    agent = f.agents[0]
    agent.start(gate=True)
    job = f.submit()
    agent.until_said(f"job {job}, plan")
    events = next((agent.folder / "state/agent").glob(f"job{job}-*.events.jsonl"))
    for pid in fleet.holders(events):
        if pid != agent.process.pid:
            os.kill(pid, signal.SIGKILL)
    agent.until_said("given_back")
    agent.gate.unlink()
    f.server.sql(f"UPDATE penrig.job SET ready_at = clock_timestamp() WHERE job_id = {job}; NOTIFY penrig_job")
    j = f.until_job(job, over, "its end")
    check((j["state"], j["attempts"]) == ("done", 2) and recorded(f, "label", "fence", job=job) == [("won", "2")], f"{j}")


def half_a_run(check, f):
    """penrig is killed while it measures: what its file holds is recorded, answers nothing, and the job goes round again."""
    agent = f.agents[0]
    agent.dies.touch()
    agent.start()
    job = f.submit("PEN-GOOD-01", rig.FIXTURES / "plans/demo.json")
    j = f.until_job(job, over, "its end")
    rows = recorded(f, "label", "status", "fence", "verdict", job=job)
    check((j["state"], j["exit_code"], j["attempts"]) == ("done", 0, 2), f"{j}")
    check(rows[0][:3] == ("aborted", "interrupted", "1") and rows[0][3] != "pass" and rows[1:] == [("won", "complete", "2", "pass")], f"{rows}")
    check(agent.rows("SELECT * FROM outbox") == [], "the outbox is empty")


def given_up(check, f):
    """A signal cancels; who dies is missed; what is late, wrong or cancelled is never started."""
    agent = f.agents[0]
    _, process = waiting(f)  # no agent is there
    job = int(process.stderr.readline().split()[1])
    until("its lease", lambda: f.server.sql(f"SELECT 1 FROM penrig.job WHERE job_id = {job} AND wait_until IS NOT NULL"))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=fleet.LIMIT_S)
    check(process.returncode == 143 and f.jobs()[job]["state"] == "cancelled", f"SIGTERM: {process.returncode} {f.jobs()[job]}")
    _, process = waiting(f)
    gone = int(process.stderr.readline().split()[1])
    process.kill()
    process.communicate()
    until("its last word's end", lambda: f.server.sql("SELECT 1 FROM pg_stat_activity WHERE usename = 'ci' AND application_name <> 'psql'") == [])
    f.server.sql(f"UPDATE penrig.job SET wait_until = clock_timestamp() WHERE job_id = {gone}")
    late = f.submit("PEN-GOOD-01", SMOKE, "--deadline", "1h")
    f.server.sql(f"UPDATE penrig.job SET deadline = clock_timestamp() WHERE job_id = {late}")
    elsewhere = f.submit("PEN-GOOD-01", SMOKE, "--where", "site=A model=other")
    # A plan that this penrig's submit would not take, as another program may send it.
    wrong = int(f.server.sql("SELECT penrig.submit(gen_random_uuid(), NULL, '{}', 'wrong', '{}', 'PEN-GOOD-01', '', '{}', 0, NULL, 5, NULL)", user="ci")[0][0])
    agent.start()
    j = f.until_job(wrong, over, "a plan that is wrong")
    check((j["state"], j["exit_code"]) == ("failed", 2) and "kind" in j["reason"], f"it says why: {j}")
    jobs = f.until_job(late, over, "the late one") and f.jobs()
    check([jobs[n]["state"] for n in (gone, late, elsewhere)] == ["cancelled", "expired", "waiting"], f"{jobs}")
    check(f.penrig("jobs", "--cancel", elsewhere, user="ci").returncode == 0 and f.jobs()[elsewhere]["state"] == "cancelled", "one that waits is cancelled")
    check(recorded(f, "job_id") == [], "nothing was started")
    agent.gate.exists() or os.mkfifo(agent.gate)
    running, process = waiting(f)[1], None
    job = int(running.stderr.readline().split()[1])
    agent.until_said(f"job {job}, plan")
    f.penrig("jobs", "--cancel", job, user="ci")
    agent.until_said("wanted no more")
    agent.open_gate()
    running.communicate(timeout=fleet.LIMIT_S)
    check(f.until_job(job, over, "the cancelled run")["state"] in ("cancelled", "done") and len(recorded(f, "label", job=job)) <= 1, f"{f.jobs()[job]}")


def maintenance(check, f):
    agent = f.agents[0]
    f.penrig("benches", "--disable", "bench-1", "--why", "new load cell", user="ci")
    agent.start()
    agent.until_said("waits for jobs")
    job = f.submit()
    bench = until("the bench", lambda: next((b for b in json.loads(f.penrig("benches", "--json", user="reader").stdout) if b["labels"] and b["bench"] == "bench-1"), None))
    check((bench["state"], bench["disabled_why"]) == ("disabled", "new load cell") and f.jobs()[job]["state"] == "waiting", f"out of service: {bench}")
    f.penrig("benches", "--enable", "bench-1", user="ci")
    check(f.until_job(job, over, "its end")["state"] == "done", "in service again")
    refused = f.penrig("benches", "--disable", "bench-1", user="ci", check=False)
    check(refused.returncode == 2 and "--why" in refused.stderr, "not without a reason")


def emergency_stop(check, f):
    """Behind it the bench is its person's: no job begins there before they say so, whatever closes, and whoever starts the agent again."""
    agent, other = f.agents
    kept, world = agent.bench.read_text(), agent.world
    text = (rig.FIXTURES / "benches/virtual-inputs.json").read_text().replace("../phantoms", str(rig.FIXTURES / "phantoms"))
    agent.bench.write_text(re.sub(r'"name": "[^"]*"', '"name": "bench-1"', text, count=1))
    note = agent.folder / "state/agent/bench-1.safety-stop"
    for fault, label in (("opens:box@2.6,input=1,for=0.2", "aborted"), ("opens:box@0,input=2,for=9", "given_back")):
        agent.world = ["--fault", fault]
        agent.start()
        job = f.submit()
        agent.until_said("ALARM: no further job begins here")
        ended = until("its attempt", lambda: f.server.sql(f"SELECT state FROM penrig.attempt WHERE job_id = {job} AND state <> 'open'"))
        check(ended == [[label]] or ended == [(label,)], f"{fault}: {ended}")
        check(note.exists() and f.jobs()[job]["state"] == "waiting", f"{fault}: its job waits: {f.jobs()[job]}")
        agent.end()
        agent.world = []
        agent.start()
        here = f.submit("PEN-GOOD-01", SMOKE, "--where", "bench=bench-1")
        until("its word", lambda: any((b["bench"], b["state"]) == ("bench-1", "safety stop") for b in json.loads(f.penrig("benches", "--json", user="ci").stdout)))
        other.start()
        check(f.until_job(job, over, "another bench")["bench"] == "bench-2" and f.jobs()[here]["state"] == "waiting", f"{fault}: {f.jobs()}")
        note.unlink()
        agent.end()
        agent.start()
        check(f.until_job(here, over, "released")["state"] == "done", f"{fault}: {f.jobs()[here]}")
        agent.end()
        other.end()
        (agent.folder / "said").unlink()
    tried = agent.bench.read_text().replace('"line": "cts"', '"line": "cts", "tried": true')
    agent.bench.write_text(tried)
    done = subprocess.run(agent.argv(), capture_output=True, text=True, timeout=fleet.LIMIT_S)
    check(done.returncode == 2 and "tried by hand" in done.stderr, f"tried: {done.returncode} {done.stderr}")
    agent.bench.write_text(kept)
    agent.world = world


def two_agents(check, f):
    """Of one bench: in one folder the second does not begin, on another computer the first ends."""
    agent = f.agents[0]
    agent.start()
    agent.until_said("waits for jobs")
    until("its registration", lambda: f.server.sql("SELECT 1 FROM penrig.bench WHERE name = 'bench-1' AND epoch > 0"))
    second = subprocess.run(agent.argv(), capture_output=True, text=True, timeout=fleet.LIMIT_S)
    check(second.returncode == 5 and "another agent has" in second.stderr, f"{second.returncode} {second.stderr}")
    f.server.sql("SELECT penrig.register('bench-1', '{}', '{}'); NOTIFY penrig_job", user="b1")
    check(agent.process.wait(timeout=fleet.LIMIT_S) == 5 and "another agent has taken over" in agent.said(), "the first one says so, and ends with 5")
    agent.process = None


def recorded_as(f, job, fence, verdict, status, code):
    """A run is put by an agent's own call; what the server says to it."""
    run = {"run": str(uuid.uuid4()), "head": "", "ended": "2026-11-29T00:00:00Z", "verdict": verdict, "status": status, "exit_code": code, "reason": "why", "results": [], "devices": [], "files": [],
           **{word: "" for word in ("name", "host", "started", "dut", "lot", "plan", "plan_sha256", "bench", "bench_sha256", "operator", "software")}}
    return f.server.sql(f"SELECT penrig.record('bench-1', {job}, {fence}, '{json.dumps(run)}')", user="b1")[0][0]


def claimed(f, *, attempts=5, wait="NULL"):
    """A job that bench-1 has; its number, and the first fence."""
    job = f.server.sql(f"SELECT penrig.submit(gen_random_uuid(), NULL, '{{}}', 'p', '{{}}', 'PEN', '', '{{}}', 0, '1 h', {attempts}, {wait})", user="ci")[0][0]
    epoch = f.server.sql("SELECT penrig.register('bench-1', '{}', '{}')", user="b1")[0][0]
    row = f.server.sql(f"SELECT job_id, fence FROM penrig.claim('bench-1', {epoch}, gen_random_uuid(), '1 h')", user="b1")[0]
    assert row == [job, "1"], row
    return job


def how_it_stands(f, job):
    return f.server.sql(f"SELECT state, coalesce(exit_code, -1), (SELECT string_agg(a.state, ' ' ORDER BY fence) FROM penrig.attempt a WHERE a.job_id = j.job_id) FROM penrig.job j WHERE job_id = {job}")[0]


def what_answers(check, f):
    """A failure that was proven closes its job however its run ended; the last attempt answers, though the job was closed over it."""
    for verdict, status, code, label, stands in (
            ("fail", "interrupted", 143, "won", ["done", "143", "won"]), ("conditional_fail", "interrupted", 137, "won", ["done", "137", "won"]),
            ("inconclusive", "interrupted", 143, "aborted", ["ready", "-1", "aborted"]), ("none", "refused", 5, "aborted", ["ready", "-1", "aborted"])):
        job = claimed(f)
        check(recorded_as(f, job, 1, verdict, status, code) == label, f"{verdict}, {status}: {label}")
        check(how_it_stands(f, job) == stands, f"{verdict}, {status}: {how_it_stands(f, job)}")
        f.server.sql(f"UPDATE penrig.job SET state = 'cancelled', ready_at = NULL, closed_at = now() WHERE job_id = {job} AND closed_at IS NULL")
    for closes, change, state in (({"attempts": 1}, "", "failed"), ({}, ", deadline = now()", "expired"), ({"wait": "'1 h'"}, ", wait_until = now()", "cancelled")):
        for verdict, status, code, label, stands in (("fail", "complete", 1, "won", ["done", "1", "won"]), ("inconclusive", "interrupted", 143, "aborted", [state, "-1", "aborted"])):
            job = claimed(f, **closes)
            f.server.sql(f"UPDATE penrig.job SET ready_at = now(){change} WHERE job_id = {job}; UPDATE penrig.attempt SET lease_until = now() WHERE job_id = {job}")
            f.server.sql("SELECT penrig.expire()", user="ci")
            check(how_it_stands(f, job) == [state, "-1", "expired"], f"closed over it: {how_it_stands(f, job)}")
            check(recorded_as(f, job, 1, verdict, status, code) == label and how_it_stands(f, job) == stands, f"{state}, then {verdict}: {how_it_stands(f, job)}")
            check(recorded_as(f, job, 1, "pass", "complete", 0) != "won" and how_it_stands(f, job)[:2] == stands[:2] or label == "aborted", "what has answered stays")
    job = claimed(f)
    check(f.server.sql(f"SELECT penrig.give_back('bench-1', {job}, 1, 2, 'no', true, '1 s')", user="b1") == [["t"]], "given back for good")
    check(recorded_as(f, job, 1, "pass", "complete", 0) == "superseded" and how_it_stands(f, job)[:2] == ["failed", "2"], f"what was given back answers nothing: {how_it_stands(f, job)}")


def left_behind(f, code, *, file=None, ended=1, folder=None, exists=True):
    """A row of bench-1's outbox whose run is not in its history, as an agent that died may leave it; the job, and the run's name."""
    job, run = claimed(f), str(uuid.uuid4())
    home = f.agents[0].folder / "state/agent"
    (home / "runs").mkdir(parents=True, exist_ok=True)
    name = f"job{job}-1-{run[:8]}"
    if file is not None:
        (home / "runs" / f"{name}.penrig").write_bytes(file)
    with sqlite3.connect(f.agents[0].history) as db:
        db.execute("INSERT INTO outbox(run_id, bench, name, job, fence, begun, ended, exit_code, refused, folder, output) VALUES(?,'bench-1',?,?,1,1,?,?,'',?,?)",
                   (run, name, job, ended, code, str(home) if folder is None else folder, str(home / "runs")))
    return job, name


def has_outbox(f):
    """Made by an agent, and by nobody else."""
    agent = f.agents[0]
    agent.start()
    until("its outbox", lambda: agent.history.exists() and agent.rows("SELECT count(*) FROM sqlite_schema WHERE name = 'outbox'") == [(1,)])
    agent.end()


def what_cannot_be_recorded(check, f):
    """A run with a verdict, or with a file that says something, is neither given back nor thrown away: its job fails, and it is set aside with an alarm."""
    has_outbox(f)
    agent = f.agents[0]
    cases = ((1, None, ["failed", "1"]), (0, None, ["failed", "6"]), (3, None, ["failed", "6"]), (-1, b"no run file, but something", ["failed", "6"]), (256, None, ["ready", "-1"]),
             (-1, b"", ["ready", "-1"]), (5, None, ["ready", "-1"]), (8, None, ["failed", "8"]))
    rows = []
    for code, file, _ in cases:
        rows.append(left_behind(f, code, file=file))
        f.server.sql("UPDATE penrig.attempt SET lease_until = now()")  # so that the bench may have the next one, too
        f.server.sql("UPDATE penrig.job SET ready_at = now() + interval '1 h' WHERE closed_at IS NULL")
    agent.start()
    until("its outbox sent", lambda: agent.rows("SELECT count(*) FROM outbox WHERE refused = ''") == [(0,)])
    lost = [name for (_, name), (_, _, stands) in zip(rows, cases) if stands[0] == "failed" and stands[1] != "8"]
    check([n for n, in agent.rows("SELECT name FROM outbox ORDER BY seq")] == lost and agent.said().count("ALARM") == len(lost), f"set aside, each with an alarm: {lost} {agent.said()}")
    for (job, _), (code, file, stands) in zip(rows, cases):
        check(how_it_stands(f, job)[:2] == stands, f"exit code {code}, {file}: {how_it_stands(f, job)}")
    agent.end()
    with sqlite3.connect(agent.history) as db:
        db.execute("DELETE FROM outbox")


def another_folder(check, f):
    """A run goes on when its agent is started again in another folder, and is taken over from where it is; not by a second agent beside the first."""
    agent = f.agents[0]
    agent.start(gate=True)
    job = f.submit("PEN-DEEP-01")
    agent.until_said(f"job {job}, plan")
    other = ("--folder", str(agent.folder / "elsewhere"))
    second = subprocess.run(agent.argv(*other), capture_output=True, text=True, timeout=fleet.LIMIT_S)
    check(second.returncode == 5 and "with the history" in second.stderr, f"two of them, two folders, one history: {second.returncode} {second.stderr}")
    agent.kill()
    agent.start(*other)
    until("the second beginning", lambda: agent.said().count("waits for jobs") == 2)
    check(agent.rows("SELECT ended FROM outbox") == [(0,)], f"it still runs: {agent.rows('SELECT * FROM outbox')}")
    agent.open_gate()
    j = f.until_job(job, over, "its end")
    check((j["state"], j["exit_code"], j["attempts"]) == ("done", 1, 1) and recorded(f, "label", "verdict", job=job) == [("won", "fail")], f"{j}")
    agent.end()
    job, name = left_behind(f, -1, ended=0, folder=str(agent.folder / "gone"))
    agent.start()
    agent.until_said(f"ALARM: what became of run {name}")
    check(agent.rows("SELECT ended, refused FROM outbox") == [(0, "")] and how_it_stands(f, job)[0] == "leased", "what cannot be seen is left alone")
    agent.end()
    with sqlite3.connect(agent.history) as db:
        db.execute("DELETE FROM outbox")


def lease_of(f, job):
    return f.server.sql(f"SELECT lease_until FROM penrig.attempt WHERE job_id = {job}")[0][0]


def adopts_the_next(check, f):
    """An agent that takes over two runs of a bench holds the first one's lease until the server has its end, also while the second one runs."""
    has_outbox(f)
    agent = f.agents[0]
    ended, first = left_behind(f, 1, ended=0)
    f.server.sql("UPDATE penrig.attempt SET lease_until = now(); UPDATE penrig.job SET ready_at = now() + interval '1 h'")
    _, second = left_behind(f, -1, ended=0)
    home = agent.folder / "state/agent"
    (home / f"{first}.events.jsonl").write_text('{"event": "end", "exit_code": 1}\n')
    runs = (home / f"{second}.events.jsonl").open("w")
    fcntl.flock(runs, fcntl.LOCK_EX)
    f.server.sql("ALTER FUNCTION penrig.give_back RENAME TO give_back_kept; CREATE FUNCTION penrig.give_back(text, bigint, bigint, int, text, boolean, interval) RETURNS boolean "
                 "LANGUAGE plpgsql AS $$ BEGIN RAISE 'not yet' USING ERRCODE = 'PR003'; END $$")
    agent.start("--lease=3s")
    agent.until_said(f"run {first} has ended")
    for _ in range(3):  # the first may have been before the second run was taken over
        was = lease_of(f, ended)
        until("its lease renewed", lambda: lease_of(f, ended) != was)
    check(agent.rows("SELECT ended FROM outbox ORDER BY seq") == [(1,), (0,)], "one waits to be sent, the other one runs")
    f.server.sql("DROP FUNCTION penrig.give_back; ALTER FUNCTION penrig.give_back_kept RENAME TO give_back")
    until("its end told", lambda: how_it_stands(f, ended)[:2] == ["failed", "1"])
    was = lease_of(f, ended)
    runs.close()
    agent.until_said(f"run {second} has ended")
    check(lease_of(f, ended) == was, "a lease that is over is renewed no more")
    agent.end()
    with sqlite3.connect(agent.history) as db:
        db.execute("DELETE FROM outbox")


def odd_files(check, f):
    """A folder, a FIFO or a link beside a run under its name is no file of it; an agent without its program takes no job."""
    agent = f.agents[0]
    agent.start(gate=True)
    job = f.submit()
    agent.until_said(f"job {job}, plan")
    name = agent.rows("SELECT name FROM outbox")[0][0]
    runs = agent.folder / "state/agent/runs"
    (runs / f"{name}.folder").mkdir()
    os.mkfifo(runs / f"{name}.fifo")
    (runs / f"{name}.link").symlink_to("/etc/hostname")
    agent.open_gate()
    check(f.until_job(job, over, "its end")["state"] == "done", "it is sent all the same")
    names = {n.split(".", 1)[1] for n, in f.server.sql("SELECT name FROM penrig.run_file")}
    check("penrig" in names and not names & {"folder", "fifo", "link"} and "ALARM" not in agent.said(), f"{names} {agent.said()}")
    held = agent.folder / "held"
    held.rename(agent.folder / "away")
    job = f.submit()
    agent.until_said("the program that does the jobs is gone")
    check(f.jobs()[job]["state"] == "waiting" and f.jobs()[job]["attempts"] == 0, f"{f.jobs()[job]}")
    (agent.folder / "away").rename(held)
    f.server.sql("NOTIFY penrig_job")
    check(f.until_job(job, over, "its end")["state"] == "done", "it is there again")


def unreadable(check, f):
    """A file that is not to be had any more when its run is told, because the server was away: the run is recorded with the others, with an alarm."""
    agent = f.agents[0]
    agent.start(gate=True)
    job = f.submit()
    agent.until_said(f"job {job}, plan")
    name = agent.rows("SELECT name FROM outbox")[0][0]
    f.server.stop()
    agent.open_gate()
    agent.until_said(f"run {name} has ended")
    check(agent.rows("SELECT ended FROM outbox") == [(1,)], "it has ended, and is in the outbox")
    (agent.folder / f"state/agent/runs/{name}.penrig").unlink()
    f.server.start()
    check(f.until_job(job, over, "its end")["exit_code"] == 0, "recorded")
    agent.until_said(f"{name}.penrig cannot be sent, and its run is without it")
    names = {n for n, in f.server.sql("SELECT name FROM penrig.run_file")}
    check(names and f"{name}.penrig" not in names, f"with the others: {names}")
    agent.end()
    shutil.rmtree(agent.folder / "state")  # it goes on to say what its run lacks


def renewed(check, f):
    """penrig is another file under a living agent: what runs goes on, and no further job is taken until the agent is started again, whatever program does the jobs."""
    agent = f.agents[0]
    argv, own, other = agent.argv, agent.folder / "penrig", agent.folder / "newer"
    shutil.copy(rig.PENRIG, own)
    agent.argv = lambda *more: [str(own), *argv(*more)[1:]]
    agent.start(gate=True)
    job = f.submit()
    agent.until_said(f"job {job}, plan")
    shutil.copy(rig.PENRIG, other)
    other.rename(own)
    agent.open_gate()
    check(f.until_job(job, over, "its end")["exit_code"] == 0, "what runs goes on, and is told")
    job = f.submit()
    agent.until_said("or was renewed: no job is taken")
    until("its word", lambda: any(b["state"] == "program gone" for b in json.loads(f.penrig("benches", "--json", user="ci").stdout)))
    check(f.jobs()[job]["state"] == "waiting" and f.jobs()[job]["attempts"] == 0, f"{f.jobs()[job]}")
    agent.end()
    agent.start()
    check(f.until_job(job, over, "its end")["state"] == "done", "the new one takes it")
    agent.end()
    agent.argv = argv


def not_taken(check, f):
    """A run that the server refuses for good stands in nobody's way: it is set aside with an alarm, counted, and still there; its job ends as it did."""
    agent = f.agents[0]
    f.server.sql("CREATE FUNCTION penrig.no_deep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not this one' USING ERRCODE = '22023'; END $$;"
                 "CREATE TRIGGER no_deep BEFORE INSERT ON penrig.run FOR EACH ROW WHEN (NEW.dut = 'PEN-DEEP-01') EXECUTE FUNCTION penrig.no_deep()")
    agent.start()
    refused = f.until_job(f.submit("PEN-DEEP-01"), over, "its end")
    check((refused["state"], refused["exit_code"], refused["attempts"]) == ("failed", 1, 1) and "cannot be recorded" in refused["reason"], f"no other run makes good what it had found: {refused}")
    agent.until_said("ALARM: the server does not take run")
    check(f.until_job(f.submit("PEN-GOOD-01", SMOKE), over, "its end")["exit_code"] == 0, "the next one goes on")
    agent.end()
    agent.start()
    until("the count", lambda: any((b["bench"], b["refused"]) == ("bench-1", 1) for b in json.loads(f.penrig("benches", "--json", user="ci").stdout)))
    check(recorded(f, "dut") == [("PEN-GOOD-01",)] and agent.rows("SELECT count(*) FROM outbox") == [(1,)], f"it is in the outbox: {recorded(f, 'dut')}")
    agent.end()
    f.server.sql(f"UPDATE penrig.job SET state = 'leased', ready_at = now() + interval '1 h', closed_at = NULL, exit_code = NULL WHERE job_id = {refused['job']};"
                 f"UPDATE penrig.attempt SET state = 'open', lease_until = now() + interval '1 h', ended_at = NULL WHERE job_id = {refused['job']}")  # as an older agent left it
    done = f.penrig("push", "--history", agent.history, user="b1", check=False)
    check(done.returncode == 6 and f"of job {refused['job']}: " in done.stderr, f"a push tells of it: {done.returncode} {done.stderr}")
    check(how_it_stands(f, refused["job"]) == ["failed", "1", "given_back"], f"and ends its job as the agent does: {how_it_stands(f, refused['job'])}")
    f.server.sql("DROP TRIGGER no_deep ON penrig.run; DROP FUNCTION penrig.no_deep")
    shutil.rmtree(agent.folder / "state")


# Of docs/fleet.md, by how its row begins: the tests that do it, here or as MODULE.function.
SWITCHED_OFF = {
    "the server, or the way to it": "everything_dies", "the agent (ended, killed, crashed)": "everything_dies another_folder adopts_the_next", "penrig itself, while the pen runs": "killed_run half_a_run what_answers",
    "the agent is frozen past its lease": "superseded lost_before_it_moved", "the bench's computer": "test_fleet_many.never_comes_back", "whoever waits": "given_up", "the same, killed or cut off": "given_up",
    "the disk of a bench is nearly full": "test_fleet_store.full", "the [broker]": "test_fleet_telemetry.away test_fleet_telemetry.half_open", "the [store of files]": "test_fleet_store.full test_fleet_store.not_mounted test_fleet_store.hung test_fleet_store.goes_on",
    "a [safety input]": "emergency_stop", "a bench, by `--disable`": "maintenance", "whoever holds a bench": "test_fleet_many.reservations test_fleet_many.reservations_end", "a second agent for the same bench": "two_agents another_folder",
    "a run with a verdict": "what_cannot_be_recorded", "a file beside a run": "unreadable", "penrig is renewed": "renewed", "the server will not take a run": "not_taken"}


def switched_off(check, f):
    """Each row of the table in docs/fleet.md has its tests, and each of them is there."""
    table = (rig.ROOT / "docs/fleet.md").read_text().split("## What happens when something is switched off")[1].split("\n\n")[1]
    rows = [line.split("|")[1].strip() for line in table.splitlines()[2:]]
    for row in rows:
        named = [tests for begin, tests in SWITCHED_OFF.items() if row.startswith(begin)]
        check(len(named) == 1, f"{row}: whose test is it? {named}")
    check(len(rows) == len(SWITCHED_OFF), f"a row that is gone: {rows}")
    for name in " ".join(SWITCHED_OFF.values()).split():
        module, _, function = name.rpartition(".")
        text = (rig.ROOT / f"tests/e2e/{module or 'test_fleet'}.py").read_text()
        check(re.search(rf"^(TESTS|SHARED|        for test) .*\b{function}\b", text, re.M), f"{name} is not run")


def who_may(check, f):
    """Each of these must fail, and change nothing."""
    f.agents[0].start()
    f.until_job(f.submit(), over, "a run")
    f.agents[0].end()
    before = f.server.sql("SELECT md5(string_agg(r::text, '|' ORDER BY run_no)) FROM penrig.run r")
    run = str(uuid.uuid4())
    body = f"'{{\"run\": \"{run}\", \"head\": \"{'0' * 64}\", \"ended\": \"2026-11-29T00:00:00Z\"}}'"
    month = f.server.sql("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'penrig.run'::regclass LIMIT 1")[0][0]
    (known, head), = recorded(f, "run_id", "(SELECT encode(chain_head, 'hex') FROM penrig.run_key k WHERE k.run_id = run.run_id)")
    forged = json.dumps({"run": known, "head": head, "ended": "2026-11-29T00:00:00Z", "decided": {"judged": 0, "later": "", "later_reason": "", "dispositions": [
        {"utc": "", "by": "nobody", "decision": "accept", "reason": "x"}]}})
    attempts = (
            ("b2", f"SELECT penrig.record('bench-2', NULL, NULL, '{forged}')", "is another bench"),
            ("b1", "UPDATE penrig.run SET verdict = 'pass'", "permission denied"), ("b1", "DELETE FROM penrig.result", "permission denied"),
            ("b1", "TRUNCATE penrig.run", "permission denied"), ("b1", "INSERT INTO penrig.run_key (run_id) VALUES (gen_random_uuid())", "permission denied"),
            ("b1", "UPDATE penrig.job SET state = 'done'", "permission denied"), ("b1", "SET ROLE penrig_owner", "permission denied"),
            ("b1", "CREATE TABLE penrig.mine (a int)", "permission denied"), ("b1", f"SELECT * FROM {month}", "permission denied"),
            ("b1", "SELECT penrig.register('bench-2', '{}', '{}')", "may not speak"), ("b1", "SELECT penrig.claim('bench-2', 1, gen_random_uuid(), '9 s')", "may not speak"),
            ("b1", f"SELECT penrig.record('bench-2', NULL, NULL, {body})", "may not speak"), ("b1", f"SELECT penrig.record('bench-1', 999, 1, {body})", "never given"),
            ("b1", "SELECT penrig.answer(NULL, 1, NULL, 'pass', 'complete', 0, '')", "permission denied"), ("b1", "SELECT penrig.cancel(1, '')", "permission denied"),
            ("reader", f"SELECT * FROM {month}", "permission denied"), ("reader", "SELECT penrig.expire()", "permission denied"),
            ("reader", "UPDATE penrig.bench SET disabled_why = ''", "permission denied"), ("ci", "SELECT penrig.record('bench-1', NULL, NULL, '{}')", "permission denied"),
            ("ci", "SELECT penrig.submit(gen_random_uuid(), 'B', '{}', '', '', '', '', '{}', 0, NULL, 1, NULL)", "may not submit"),
            ("other", "SELECT * FROM penrig.run", "permission denied"), ("admin", "UPDATE penrig.run SET verdict = 'pass'", "what was recorded stays"),
            ("admin", "DELETE FROM penrig.run_key", "what was recorded stays"), ("admin", "TRUNCATE penrig.result", "what was recorded stays"),
            ("admin", f"TRUNCATE {month}", "what was recorded stays"), ("admin", "UPDATE penrig.run_more SET more = '{}'", "what was recorded stays"),
            ("admin", "TRUNCATE penrig.run_decided", "what was recorded stays"), ("b1", f"SELECT penrig.record_run('bench-1', NULL, NULL, {body})", "permission denied"),
            ("b1", "SELECT penrig.reserve(gen_random_uuid(), NULL, '{}', '1 h', '1 h', '')", "permission denied"), ("b1", f"SELECT penrig.recorded('bench-2', '{run}')", "may not speak"),
            ("b1", "INSERT INTO penrig.run_decided DEFAULT VALUES", "permission denied"), ("reader", "SELECT penrig.release(1)", "permission denied"),
            ("reader", "SELECT token FROM penrig.reservation", "permission denied"), ("reader", "SELECT penrig.job_image('bench-1', 1, 1, 1)", "permission denied"),
            ("b1", "SELECT penrig.job_image('bench-2', NULL, 1, 1)", "may not speak"), ("b1", "INSERT INTO penrig.bench_event DEFAULT VALUES", "permission denied"),
            ("admin", "DELETE FROM penrig.bench_event", "what was recorded stays"), ("ci", "SELECT penrig.reserved(999, '1 h')", "no reservation"),
            ("ci", "SELECT penrig.reserve(gen_random_uuid(), 'B', '{}', '1 h', '1 h', '')", "may not submit"))
    for user in sorted({user for user, _, _ in attempts}):
        mine = [(sql, why) for who, sql, why in attempts if who == user]
        said = f.server.refusals([sql for sql, _ in mine], user)
        check(len(said) == len(mine), f"{user}: one of these was not refused: {mine} {said}")
        for (sql, why), line in zip(mine, said):
            check(why in line, f"{user}: {sql}: {line}")
    check(f.server.sql("SELECT md5(string_agg(r::text, '|' ORDER BY run_no)) FROM penrig.run r") == before, "nothing has changed")
    f.penrig("fleet", "admit", "other", "--as", "viewer", "--site", "B")
    counts = [f.server.sql("SELECT count(*) FROM penrig.run JOIN penrig.result USING (run_no)", user=user)[0][0] for user in ("reader", "other")]
    check(counts[0] != "0" and counts[1] == "0", f"a viewer sees its own site alone: {counts}")
    counts = [f.server.sql(f"SELECT count(*) FROM penrig.{table}", user="other")[0][0] for table in ("device_result", "device_use", "device", "job", "bench", "attempt", "result", "run_more", "run_told", "run_decided", "reservation", "bench_event")]
    check(counts == ["0"] * 12, f"by no table and no view: {counts}")


def the_same_id(check, f):
    """Another run with an id that is there is no update: the first stays, and it is an alarm."""
    f.agents[0].start()
    f.until_job(f.submit(), over, "a run")
    (run, head), = recorded(f, "run_id", "(SELECT encode(chain_head, 'hex') FROM penrig.run_key k WHERE k.run_id = run.run_id)")
    body = {"run": run, "head": head, "ended": "2026-11-29T00:00:00Z"}
    said = [f.server.sql(f"SELECT penrig.record('bench-1', NULL, NULL, '{json.dumps({**body, 'head': h})}')", user="b1")[0][0] for h in (head, "0" * 64)]
    check(said == ["known", "CONFLICT"] and len(recorded(f, "run_id")) == 1, f"{said}")
    check(len(f.server.sql("SELECT * FROM penrig.run_conflict")) == 1, "it is kept which it was")


def versions(check, f):
    """Old programs and new tables: one version apart works where the tables say so, else both say what to do."""
    again = f.penrig("fleet", "init")
    check("nothing to do" in again.stdout, f"{again.stdout}")
    f.server.sql("INSERT INTO penrig.migration (version, name, sha256, min_client) VALUES (7, 'later', '', 1)")
    check(f.penrig("jobs", user="reader", check=False).returncode == 0, "newer tables that still fit")
    f.server.sql("UPDATE penrig.migration SET min_client = 7 WHERE version = 7")
    done = f.penrig("jobs", user="reader", check=False)
    check(done.returncode == 2 and "renew penrig" in done.stderr, f"newer tables that do not: {done.stderr}")
    done = f.penrig("fleet", "init", check=False)
    check(done.returncode == 2 and "newer penrig" in done.stderr, f"nor are they made older: {done.stderr}")
    f.server.sql("DELETE FROM penrig.migration WHERE version = 7; UPDATE penrig.migration SET sha256 = '' WHERE version = 1")
    done = f.penrig("fleet", "init", check=False)
    check(done.returncode == 2 and "another program" in done.stderr, f"nor taken for what they are not: {done.stderr}")
    f.server.sql("DROP SCHEMA penrig CASCADE")
    done = f.penrig("jobs", user="reader", check=False)
    check(done.returncode == 2 and "penrig fleet init" in done.stderr, f"no tables: {done.stderr}")


def wrong_words(check, f):
    bench = str(f.agents[0].bench)
    for argv, code, why in (
            (["jobs", "--db", "host=/tmp password=secret"], 2, "password file"), (["jobs", "--db", "postgres://u:secret@h/d"], 2, "password file"),
            (["push", "--db", "host=/tmp password=secret"], 2, "password file"), (["reserve", "--for", "1h", "--db", "host=/tmp password=secret"], 2, "password file"),
            (["history", "--db", "host=/tmp password=secret"], 2, "password file"), (["trend", "depth_error_mm", "--db", "host=127.0.0.1 port=1 dbname=x"], 2, "verify-full"),
            (["jobs", "--db", "host=127.0.0.1 port=1 dbname=x"], 2, "verify-full"), (["jobs", "--db", "host=127.0.0.1 port=1 sslmode=require"], 2, "verify-full"),
            (["jobs", "--db", "no=such"], 2, "no"), (["jobs", "--db", "host=/nowhere dbname=x"], 6, "server"), (["submit", str(SMOKE), "--db", "host=/nowhere"], 2, "--dut"),
            (["submit", str(SMOKE), "--dut", "P", "--where", "model"], 2, "KEY=VALUE"), (["submit", str(SMOKE), "--dut", "P", "--priority", "high"], 2, "whole number"),
            (["agent", bench, "--lease", "1s"], 2, "3 s to"), (["agent", bench, "--label", "x"], 2, "KEY=VALUE"), (["agent", bench, bench], 2, "one name, one bench"),
            (["agent", str(rig.FIXTURES / "benches/bought-attended.json")], 2, "stand by"), (["agent", str(rig.FIXTURES / "benches/bought-supply.json")], 2, "hand at its dial"), (["fleet", "ini"], 2, "init makes"),
            (["fleet", "admit", "nobody", "--site", "A", "--bench", "x", "--db", f.server.db()], 2, "no login nobody"), (["run", str(SMOKE), "--start-within", "soon"], 2, "--start-within")):
        done = subprocess.run([str(rig.PENRIG), *argv], capture_output=True, text=True, timeout=fleet.LIMIT_S)
        check(done.returncode == code and why in done.stderr and "secret" not in done.stderr, f"{argv}: {done.returncode} {done.stderr}")


TESTS = (to_the_end, everything_dies, superseded, lost_before_it_moved, back_in_time, killed_run, half_a_run, given_up, maintenance, emergency_stop, two_agents, what_answers, what_cannot_be_recorded, another_folder, adopts_the_next, odd_files, unreadable, renewed, not_taken, switched_off, who_may, the_same_id, wrong_words, versions)
# Under sanitizers those that exercise the programs, and not the SQL.
QUICK = (to_the_end, half_a_run, given_up, odd_files, wrong_words)
WHOLE = len(sys.argv) > 1 or "SEEDS" not in os.environ


def main():
    fleet.skip_without_postgres()
    check = rig.Checks()
    f = Fleet(2)
    clean = "TRUNCATE penrig.job, penrig.attempt, penrig.run_key, penrig.run, penrig.result, penrig.device_use, penrig.run_file, penrig.run_conflict, penrig.run_more, penrig.run_decided, penrig.reservation, penrig.pen_release"
    try:
        for test in TESTS if WHOLE else QUICK:
            if len(sys.argv) > 1 and test.__name__ not in sys.argv[1:]:
                continue
            try:
                test(check, f)
            except Exception as e:
                check(False, f"{test.__name__}: {type(e).__name__}: {e}\n{[a.said()[-900:] for a in f.agents]}")
            for agent in f.agents:
                agent.end()
                (agent.folder / "said").unlink(missing_ok=True)
            if test is not versions:
                f.server.sql(f"SET session_replication_role = replica; {clean}")
    finally:
        f.end()
    check.end()


if __name__ == "__main__":
    main()
