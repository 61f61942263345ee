"""All benches as one: runs without a job reach the server once, and what is asked of one bench's history is asked of all of them."""
import hashlib
import http.client
import importlib.util
import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import uuid

import fleet
import rig
import s3_servers
from fleet import Fleet, until

PLAN = {"kind": "penrig/plan/1", "name": "short", "limits": [{"measurand": "depth_error_mm", "unit": "mm", "lower": -0.15, "upper": 0.15}],
        "steps": [{"depth_mm": [0.5, 1.0], "rate_hz": 120, "measure_s": 1}]}


class Person:
    """Somebody at a bench who runs pens without any job; each run a day later."""

    def __init__(self, f, agent):
        self.fleet, self.agent, self.days = f, agent, 0
        self.folder, self.history = agent.folder / "own", agent.history
        self.folder.mkdir(exist_ok=True)

    def run(self, name, dut="PEN-GOOD-01", plan="short", faults=(), bench=None, attr=None, history=None, more=()):
        path = self.folder / f"{plan}.json"
        path.write_text(json.dumps({**PLAN, "name": plan}))
        self.days += 1
        done = rig.run_plan(path, bench=str(bench or self.agent.bench), dut=dut, folder=self.folder, faults=faults, world_extra=["--clock", 86400 * self.days],
                            extra=["--state", self.agent.folder / "state", "--name", name, "--attr", f"day={self.days}", *(["--attr", f"fleet.run={attr}"] if attr else []), *(["--history", history] if history else []), *more])
        return done, self.folder / f"{name}.penrig"

    def push(self, *runs, history=None, check=True):
        return self.fleet.penrig("push", *runs, "--history", history or self.history, user=f"b{self.agent.number}", check=check)

    def told(self, *args):
        return rig.penrig_a(*args, "--history", self.history).stdout


def there(f, sql):
    return f.server.sql(sql)[0][0]


def without_paths(text):
    return [{**row, "path": ""} for row in json.loads(text)]


def pushed_once(check, f):
    """A run that nobody submitted is recorded once, whoever pushes it, how often and from where; not while the server is away."""
    p = Person(f, f.agents[0])
    _, good = p.run("good")
    _, bad = p.run("bad", "PEN-DEEP-01")
    p.run("unjudged", "PEN-GOOD-02", faults=("stall@1",))
    f.server.stop()
    done = p.push(check=False)
    check(done.returncode == 6 and "server" in done.stderr, f"the server is away: {done.returncode} {done.stderr}")
    f.server.start()
    done = p.push(good)
    check(done.stdout == "good: recorded\n" and there(f, "SELECT count(*) FROM penrig.run") == "1", f"that one alone: {done.stdout}")
    done = p.push()
    check(done.stdout == "bad: recorded\nunjudged: recorded\n", f"the rest, oldest first: {done.stdout}")
    check(p.push().stdout == "the server has them all\n", "and no more")
    check(f.server.sql("SELECT label, verdict, job_id FROM penrig.run ORDER BY run_no")[:2] == [["free", "pass", ""], ["free", "fail", ""]], "as what they are")
    check(there(f, "SELECT count(*) FROM penrig.result WHERE value IS NULL") != "0", "what had a limit and could not be judged is there, too")
    other = p.folder / "other-history"
    done = p.push(bad, history=other)
    check(done.stdout == "bad: is there\n" and there(f, "SELECT count(*) FROM penrig.run") == "3", f"from another computer: {done.stdout}")
    names = sorted(n for n, in f.server.sql("SELECT name FROM penrig.run_file JOIN penrig.file USING (sha256) WHERE complete"))
    check("good.penrig" in names and "bad.report.json" in names, f"their files are there: {names}")
    body = f.server.sql("SELECT encode(f.sha256, 'hex') FROM penrig.run_file f WHERE name = 'good.penrig'")[0][0]
    check(body == subprocess.run(["sha256sum", good], capture_output=True, text=True).stdout.split()[0], "as they are here")
    broken = p.folder / "broken.penrig"
    broken.write_bytes(good.read_bytes()[:20000])
    done = p.push(broken, check=False)
    check(done.returncode != 0 and "broken.penrig" in done.stderr, f"a damaged file: {done.returncode} {done.stderr}")
    _, foreign = p.run("foreign", bench=f.agents[1].bench)
    done = p.push(check=False)
    check(done.returncode == 2 and '"bench-2"' in done.stderr, f"a bench that is not this login's: {done.returncode} {done.stderr}")
    check(f.penrig("push", "--history", p.history, user="ci", check=False).returncode == 2, "a submitter has no bench")


def killed_between(check, f):
    """Killed behind the server's answer and before the outbox was told: the next push finds it recorded."""
    p = Person(f, f.agents[0])
    _, run = p.run("once")
    p.push()
    with fleet.sqlite3.connect(p.history) as db:
        (run_id,) = db.execute("SELECT run_id FROM handed").fetchone()
        db.execute("DELETE FROM handed")
        db.execute("INSERT INTO outbox(run_id, bench, name, job, fence, begun, ended, exit_code, refused, head) SELECT ?, 'bench-1', name, 0, 0, 1, 1, exit_code, '', head FROM run", (run_id,))
    check(p.push().stdout == "once: is there\n" and there(f, "SELECT count(*) FROM penrig.run") == "1", "it is there once")
    with fleet.sqlite3.connect(p.history) as db:
        db.execute("DELETE FROM handed")
        db.execute("INSERT INTO outbox(run_id, bench, name, job, fence, begun, ended, exit_code, refused, head) SELECT ?, 'bench-1', name, 0, 0, 1, 1, exit_code, '', head FROM run", (run_id,))
    f.agents[0].start()
    f.agents[0].until_said("run once: known")
    f.agents[0].end()
    check(f.agents[0].rows("SELECT count(*) FROM outbox") == [(0,)], "the bench's agent sends it as well")


ID = "11111111-1111-4111-8111-111111111111"


def not_in_order(check, f):
    """What the server refused, or has without a file, or was decided of otherwise elsewhere, is told by every push until it is in order."""
    p = Person(f, f.agents[0])
    _, gone = p.run("gone")
    gone.rename(p.folder / "away")
    for turn in range(2):
        done = p.push(check=False)
        check(done.returncode == 6 and "gone.penrig cannot be sent" in done.stderr, f"{turn}, without its run file: {done.returncode} {done.stdout} {done.stderr}")
    (p.folder / "away").rename(gone)
    done = p.push()
    check("has them all" not in done.stdout and there(f, "SELECT count(*) FROM penrig.run_file JOIN penrig.file USING (sha256) WHERE complete AND name = 'gone.penrig'") == "1", f"then with it: {done.stdout} {done.stderr}")
    check(p.push().stdout == "the server has them all\n", "and that was that")
    p.run("first", attr=ID)
    p.push()
    other = p.folder / "other-history"
    p.run("second", attr=ID, history=other)
    for turn in range(2):
        done = p.push(history=other, check=False)
        check(done.returncode == 6 and "run second: ALARM: it has another run with this id" in done.stderr, f"{turn}, a conflict: {done.returncode} {done.stdout} {done.stderr}")
    _, bad = p.run("bad", "PEN-DEEP-01")
    copy, far = p.folder / "copy/bad.penrig", p.folder / "far-history"
    copy.parent.mkdir()
    shutil.copy(bad, copy)

    def dispose(path, decision, history):
        done = rig.penrig_a("dispose", path, "--decision", decision, "--by", "R", "--reason", "r", "--history", history)
        check(done.returncode == 0, f"{decision}: {done.stderr}")

    def stands():
        return [(r["stands"], r["dut"]) for r in json.loads(rig.penrig_a("history", "--db", f.server.db("reader"), "--units", "--json", "--dut", "PEN-DEEP-01").stdout)]

    dispose(bad, "accept", p.history)
    dispose(copy, "reject", far)
    check(p.push().returncode == 0 and stands()[0][0] == "conceded", f"accepted: {stands()}")
    for history, what in ((far, (copy,)), (p.history, ()), (far, ())):
        done = p.push(*what, history=history, check=False) if history == far else p.push(check=False)
        if history == far:
            check(done.returncode == 6 and "decided otherwise" in done.stderr, f"and rejected: {done.returncode} {done.stdout} {done.stderr}")
        check(stands()[0][0] != "conceded", f"the worse counts: {stands()}")
    dispose(copy, "accept", far)
    done = p.push(history=far, check=False)
    check(done.returncode == 0 and stands()[0][0] == "conceded" and there(f, "SELECT count(*) FROM penrig.run_decided") == "3", f"the same on both, and nothing was lost: {done.returncode} {done.stderr} {stands()}")


def gone_on_with(check, f):
    """The run that goes on with a job's is another one."""
    p = Person(f, f.agents[0])
    _, one = p.run("one", "PEN-DEEP-01", faults=("unplug:pen@3.4",), attr=ID)
    p.push()
    done = subprocess.run([rig.PENRIG_A, "--bench", p.agent.bench, "--clock", str(86400 * 2), "--virtual-dut", "PEN-DEEP-01", "--", "resume", one, "--bench", p.agent.bench, "--state", p.agent.folder / "state",
                           "--name", "two", "--no-input"], capture_output=True, text=True)
    check(done.returncode == 1, f"it goes on: {done.returncode} {done.stderr}")
    done = p.push()
    check(done.stdout == "two: recorded\n" and there(f, f"SELECT count(*) FROM penrig.run WHERE name = 'two' AND run_id <> '{ID}'") == "1", f"and is told: {done.stdout}")


def pen_of_a_closed_job(check, f):
    """A group, and a bench, are free when the bench has said behind the lease's end that nothing runs, or the run's end was told."""
    epoch = {n: f.server.sql(f"SELECT penrig.register('bench-{n}', '{{}}', '{{\"state\": \"idle\"}}')", user=f"b{n}")[0][0] for n in (1, 2)}
    first, second = (f.submit("PEN-GOOD-01", fleet.SMOKE, "--exclusive", "g", "--attempts", "1") for _ in range(2))

    def claim(n):
        return f.server.sql(f"SELECT job_id FROM penrig.claim('bench-{n}', {epoch[n]}, gen_random_uuid(), '1 h')", user=f"b{n}")

    def beat(state):
        f.server.sql(f"SELECT penrig.heartbeat('bench-1', {epoch[1]}, '{{\"state\": \"{state}\"}}')", user="b1")

    check(claim(1) == [[str(first)]], "the first")
    f.server.sql(f"UPDATE penrig.attempt SET lease_until = clock_timestamp() WHERE job_id = {first}; UPDATE penrig.job SET ready_at = now() WHERE job_id = {first}; SELECT penrig.expire()")
    check(f.jobs()[first]["state"] == "failed" and there(f, "SELECT penrig.may_run(1)") == "t" and claim(2) == [], "it is closed, and what the bench said before its run began is no word of it")
    beat("running")
    check(there(f, "SELECT penrig.may_run(1)") == "t" and claim(2) == [], "it runs")
    beat("idle")
    check(there(f, "SELECT penrig.may_run(1)") == "f" and claim(2) == [[str(second)]], "it does not any more")


def never_comes_back(check, f):
    """A bench dies with a group in its hands: nothing of the group runs, its own job neither, until somebody says that its pen stands still, or the bound that its run keeps has passed."""
    epoch = {n: f.server.sql(f"SELECT penrig.register('bench-{n}', '{{}}', '{{\"state\": \"idle\"}}')", user=f"b{n}")[0][0] for n in (1, 2)}
    first, second = (f.submit("PEN-GOOD-01", fleet.SMOKE, "--exclusive", "g", *more) for more in ((), ("--at-most", "2h")))

    def claim(n):
        rows = f.server.sql(f"SELECT job_id, fence FROM penrig.claim('bench-{n}', {epoch[n]}, gen_random_uuid(), '1 h')", user=f"b{n}")
        return [(int(job), f.server.sql(f"SELECT penrig.begins('bench-{n}', {epoch[n]}, {job}, {fence})", user=f"b{n}")[0][0]) for job, fence in rows]

    def lapse(job):
        f.server.sql(f"UPDATE penrig.attempt SET lease_until = clock_timestamp() WHERE job_id = {job}; UPDATE penrig.job SET ready_at = now() WHERE job_id = {job}")

    def release(*words, user="ci"):
        done = f.penrig("benches", "--release", "bench-1", *words, user=user, check=False)
        return done.returncode, done.stdout + done.stderr

    def beat(n, state):
        f.server.sql(f"SELECT penrig.heartbeat('bench-{n}', {epoch[n]}, '{{\"state\": \"{state}\"}}')", user=f"b{n}")

    def silent():
        f.server.sql("UPDATE penrig.bench SET seen_at = now() - interval '91 s' WHERE name = 'bench-1'")

    looked = ("--why", "its plug is pulled")
    check(claim(1) == [(first, "")], "the first, without a bound: nobody gave one")
    check(release(*looked)[0] == 2 and "holds a job for another" in release(*looked)[1], f"its lease goes on: {release(*looked)}")
    lapse(first)
    check(claim(2) == [], "the group is held, for its own job as well")
    check("says itself what runs there" in release(*looked)[1], f"it was just heard of: {release(*looked)}")
    f.server.sql(f"UPDATE penrig.attempt SET claimed_at = now() - interval '40 days', lease_until = now() - interval '39 days' WHERE job_id = {first}")
    f.server.sql("SET session_replication_role = replica; UPDATE penrig.bench SET health_at = now() - interval '40 days' WHERE name = 'bench-1'")
    silent()
    check("needs --why" in release()[1] and release(*looked, user="reader")[0] == 2 and claim(2) == [], f"not without a reason, nor by everybody, nor after any time: {release()}")
    with f.server.locked(f"hashtext('penrig.bench'), (SELECT bench_id FROM penrig.bench WHERE name = 'bench-1')"):
        late = subprocess.Popen([str(rig.PENRIG), "benches", "--release", "bench-1", *looked, "--db", f.server.db("ci")], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                preexec_fn=fleet.dies_with_us)
        until("it to wait", lambda: there(f, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") == "1")
        beat(1, "running")
    said = late.communicate(timeout=fleet.LIMIT_S)[0]
    check(late.returncode == 2 and "says itself what runs there" in said, f"it spoke while this waited for the bench: {late.returncode} {said}")
    silent()
    check(release(*looked) == (0, "bench-1: the pens of 1 runs count as standing still\n"), "somebody has looked")
    check(f.server.sql("SELECT job_id, fence, said_by, why FROM penrig.pen_release", user="reader") == [[str(first), "1", "ci", "its plug is pulled"]], "that is recorded")
    check("what was recorded stays" in f.server.sql("DELETE FROM penrig.pen_release", check=False), "and stays")
    check(f.server.sql(f"SELECT penrig.renew('bench-1', {epoch[1]}, {first}, 1, '1 h')", user="b1") == [["held"]] and claim(2) == [], "it comes back, and has its lease again: the word was of before")
    lapse(first)
    silent()
    check(claim(2) == [] and release(*looked)[0] == 0, "nor behind that lease, until somebody has looked again")
    check(claim(2) == [(first, "")], "its job goes to another bench")
    f.server.sql(f"SELECT penrig.give_back('bench-2', {first}, 2, 0, '', true, '0 s')", user="b2")
    check(claim(2) == [(second, "7200")], "the next one, for as long as it asked for")
    f.server.sql(f"UPDATE penrig.attempt SET ends_by = clock_timestamp() WHERE job_id = {second}")
    f.submit("PEN-GOOD-01", fleet.SMOKE, "--exclusive", "g")
    check(claim(1) == [], "its bound has passed, and its lease goes on: held")
    beat(2, "running")
    lapse(second)
    check(claim(1) == [], "its bench said behind the bound that it runs: held")
    check("not seen to stop" in (benches(f)["bench-2"]["why"] or "") and not benches(f)["bench-1"]["why"], f"and everybody is told: {benches(f)}")
    f.server.sql(f"UPDATE penrig.attempt SET ends_by = clock_timestamp() + interval '1 h' WHERE job_id = {second}")
    check(claim(1) == [], "the bound is not over: held")
    f.server.sql(f"UPDATE penrig.attempt SET ends_by = clock_timestamp() WHERE job_id = {second}")
    check(claim(1) == [(second, "7200")], "its run has ended by now, and nothing was heard of it since")
    check("not seen to stop" in (benches(f)["bench-2"]["why"] or ""), "its group is free, and its pen still unseen")
    beat(2, "idle")
    check(benches(f)["bench-2"]["why"] is None, "it says that nothing runs")
    report = rig.run_plan(str(fleet.SMOKE), extra=("--end-by", "1"))
    check((report.status, report.report["run_status"]) == (143, "interrupted") and "had to end has come" in report.report["status_reason"], f"a run keeps its bound: {report.outcome()}")
    check(rig.run_plan(str(fleet.SMOKE), extra=("--end-by", "999999999")).status == 0, "and is not bound before")


# What a bench says, or what became of it, by how it is changed: the columns of its row, and what is listed of it.
SAYS = (("seen_at = NULL, disabled_why = 'w'", {"state": "never seen", "seen_s": None}), ("disabled_why = 'w', disabled_by = 'ci', seen_at = now() - interval '2 h'", {"state": "disabled", "disabled_by": "ci", "disabled_why": "w", "why": "w"}),
        ("seen_at = now() - interval '91 s'", {"state": "silent"}), ("seen_at = now() - interval '45 s'", {"state": "idle"}), ("""health = '{"state": "running"}'""", {"state": "idle", "job": None}), ("health = '{}'", {"state": None, "why": None}),
        ("""health = '{"state": "disk full", "outbox": 3, "refused": 2, "version": "7"}'""", {"state": "disk full", "outbox": 3, "refused": 2, "version": "7", "why": None}))
RESERVED = (("granted_at = NULL", "reserved", None), ("granted_at = now()", "reserved", True), ("ended_at = now()", "idle", None), ("until = now()", "idle", None), ("keep_until = now()", "idle", None))
# An attempt's state, how its lease stands to what the bench said last, what that was, whether somebody has looked, and whether its pen counts as unseen.
SAID = (("open", "past", "before", "idle", None, True), ("expired", "past", "before", "idle", None, True), ("expired", "past", "behind", "idle", None, False), ("open", "past", "behind", "idle", None, False),
        ("expired", "past", "behind", "running", None, True), ("expired", "past", "behind", None, None, True), ("expired", "past", "never", "idle", None, True), ("open", "ahead", "before", "idle", None, False), ("won", "past", "before", "idle", None, False),
        ("expired", "past", "behind", None, "behind", False), ("expired", "past", "before", "idle", "behind", False), ("expired", "past", "before", "idle", "before", True), ("expired", "past", "before", "idle", "another", True))
WHEN = {"before": "now() - interval '3 h'", "past": "now() - interval '2 h'", "behind": "now() - interval '1 h'", "ahead": "now() + interval '1 h'", "never": "NULL", "another": "now() - interval '1 h'"}


def listed(check, f):
    """Each thing that is told of a bench and of a job, by rows that are made for it; a bench that does not say what it does has not said that its pen stands."""
    quiet = "SET session_replication_role = replica; "
    like_new = quiet + "UPDATE penrig.bench SET seen_at = now(), health = '{\"state\": \"idle\"}', health_at = now(), disabled_why = NULL, disabled_by = NULL; DELETE FROM penrig.attempt; DELETE FROM penrig.reservation; DELETE FROM penrig.pen_release"

    def attempt(job, fence, bench, state, until, ago="1 h"):
        return f"INSERT INTO penrig.attempt (job_id, fence, bench_id, epoch, token, claimed_at, lease_until, state) SELECT {job}, {fence}, bench_id, 1, gen_random_uuid(), now() - interval '{ago}', {until}, '{state}' FROM penrig.bench WHERE name = '{bench}'"

    def shown(what):
        f.server.sql(f"{like_new}; {quiet}{what}")
        rows = benches(f)
        return rows["bench-1"], rows["bench-2"]

    jobs = [f.submit() for _ in range(3)]  # whose attempt it is decides who sees it
    for change, told in SAYS:
        row, other = shown(f"UPDATE penrig.bench SET {change} WHERE name = 'bench-1'")
        check({k: row[k] for k in told} == told and (other["state"], other["why"]) == ("idle", None), f"{change}: {row} {other}")
    for change, state, until_told in RESERVED:
        row, other = shown("INSERT INTO penrig.reservation (site_id, bench_id, token, holder, why, lasts, granted_at, until, keep_until) SELECT site_id, bench_id, gen_random_uuid(), 'ci', 'flash', '1 h', now(), now() + interval '1 h', "
                           f"now() + interval '1 h' FROM penrig.bench WHERE name = 'bench-1'; UPDATE penrig.reservation SET {change}")
        mine = ("ci", "ci: flash") if state == "reserved" else (None, None)
        check((row["state"], row["reserved_by"], row["why"], bool(row["reserved_until"])) == (state, *mine, bool(until_told)) and other["state"] == "idle", f"{change}: {row}")
    for state, lease, heard, says, looked, unseen in SAID:
        row, other = shown(f"UPDATE penrig.bench SET health_at = {WHEN[heard]}, health = '{json.dumps({'state': says} if says else {})}' WHERE name = 'bench-1'; " + attempt(jobs[0], 2, "bench-1", state, WHEN[lease]) +
                           (f"; INSERT INTO penrig.pen_release (job_id, fence, bench_id, said_at, said_by, why) VALUES ({jobs[0]}, {3 if looked == 'another' else 2}, 1, {WHEN[looked]}, 'ci', 'w')" if looked else ""))
        told = "not seen to stop: look, then penrig benches --release bench-1" in (row["why"] or "")
        check(told == unseen and other["why"] is None, f"{state}, lease {lease}, heard {heard}, says {says}, looked {looked}: {row['why']}")
        check((row["state"], row["job"]) == (("running", jobs[0]) if state == "open" else (("idle" if says == "running" else says), None)), f"{state}: {row}")
    row, _ = shown("; ".join(attempt(job, 1, "bench-1", "open", WHEN["ahead"], ago) for job, ago in zip(jobs, ("1 h", "1 min", "2 h"))))
    check(row["job"] == jobs[1], f"the last one that it took: {row}")
    f.server.sql(f"{quiet}DELETE FROM penrig.attempt; DELETE FROM penrig.job")
    listed_jobs(check, f, quiet, attempt)


def listed_jobs(check, f, quiet, attempt):
    ready, out, ended, old = (f.submit() for _ in range(4))
    f.server.sql(f"{quiet}UPDATE penrig.job SET state = 'leased', fence = 2 WHERE job_id = {out}; UPDATE penrig.job SET state = 'done', exit_code = 1, ready_at = NULL, closed_at = now() - interval '23 h' WHERE job_id = {ended}; "
                 f"UPDATE penrig.job SET state = 'expired', ready_at = NULL, closed_at = now() - interval '25 h' WHERE job_id = {old}; " + attempt(out, 1, "bench-1", "expired", WHEN["past"]) + "; " + attempt(out, 2, "bench-2", "open", WHEN["ahead"]))
    here = json.loads(f.penrig("jobs", "--json", user="ci").stdout)
    check([(j["job"], j["state"], j["bench"], j["attempts"]) for j in here] == [(ready, "waiting", None, 0), (out, "running", "bench-2", 2), (ended, "done", None, 0)], f"each once, by its last attempt, in order: {here}")
    check(set(f.jobs()) == {ready, out, ended, old} and f.jobs()[old]["state"] == "expired", "all of them where that is asked for")


QUESTIONS = ((), ("--dut", "PEN-GOOD-01"), ("--dut", "PEN-*"), ("--dut", "PEN-[DG]*-01"), ("--lot", "none"), ("--plan", "sho?t"), ("--bench", "bench-1"), ("--verdict", "fail"), ("--status", "complete"),
             ("--device", "VB-LC-2001"), ("--device", "SIL*"), ("--certificate", "*"), ("--attr", "day=2"), ("--since", "2026-01-03"), ("--until", "2026-01-02"), ("--since", "1971-01-01", "--verdict", "pass"),
             ("--operator", "x"), ("--dut", "PEN_GOOD_01"), ("--dut", "PEN%"))


def asked_of_all(check, f):
    """The same questions to the bench and to the server have the same answers, decisions and later verdicts included."""
    p = Person(f, f.agents[0])
    for name, dut in (("a", "PEN-GOOD-01"), ("b", "PEN-DEEP-01"), ("c", "PEN-GOOD-01"), ("d", "PEN-DEEP-02")):
        p.run(name, dut)
    p.run("e", "PEN-GOOD-01", plan="other", faults=("stall@1",))
    p.push()
    db = f.server.db("reader")
    for words in QUESTIONS:
        for more in ((), ("--units",)):
            here, far = p.told("history", "--json", *more, *words), rig.penrig_a("history", "--db", db, "--json", *more, *words).stdout
            check(without_paths(here) == without_paths(far), f"{words} {more}: {here[-600:]} {far[-600:]}")
        here, far = p.told("trend", "depth_error_mm", *words), rig.penrig_a("trend", "depth_error_mm", "--db", db, *words).stdout
        check(here == far, f"trend {words}: {here[-600:]} {far[-600:]}")
    check(len(json.loads(rig.penrig_a("history", "--db", db, "--json").stdout)) == 5, "all of them")
    for name, decision in (("b", "reject"), ("d", "retest"), ("d", "accept")):
        done = rig.penrig_a("dispose", p.folder / f"{name}.penrig", "--decision", decision, "--by", "R. Chief", "--reason", "looked at", "--history", p.history)
        check(done.returncode == 0, f"{done.stderr}")
    limits = p.folder / "limits.json"
    limits.write_text(json.dumps({"kind": "penrig/limits/1", "name": "later", "limits": [{"measurand": "depth_error_mm", "unit": "mm", "lower": 1, "upper": 2}]}))
    done = rig.penrig_a("analyze", "-q", p.folder / "c.penrig", "--limits", limits, "--history", p.history)
    was = rig.penrig_a("history", "--db", db, "--json", "--units").stdout
    check(without_paths(was) != without_paths(p.told("history", "--json", "--units")), f"the server was not told yet: {done.stderr}")
    before = there(f, "SELECT count(*) FROM penrig.run_file")
    said = p.push().stdout
    check(sorted(said.splitlines()) == ["b: is there", "c: is there", "d: is there"] and there(f, "SELECT count(*) FROM penrig.run_file") == before, f"it is told, and no file goes again: {said}")
    for more in ((), ("--units",)):
        here, far = p.told("history", "--json", *more), rig.penrig_a("history", "--db", db, "--json", *more).stdout
        check(without_paths(here) == without_paths(far), f"decided {more}: {here} {far}")
    rows = f.penrig("fleet", "units", user="reader").stdout
    check("rejected" in rows and "conceded" in rows, f"{rows}")
    check(p.push().stdout == "the server has them all\n", "once")
    for argv, why in ((("history", "--db", db, "--rebuild", "/tmp"), "penrig push"), (("history", "--db", db, "--history", "x"), "own history")):
        done = rig.penrig_a(*argv)
        check(done.returncode == 2 and why in done.stderr, f"{argv}: {done.returncode} {done.stderr}")
    check(json.loads(rig.penrig_a("history", "--db", f.server.db("far"), "--json").stdout) == [], "another site sees none of it")


def studies(check, f):
    """compare and grr say the same of run files here and of the server's, wherever it has them and however they are chosen; and say so where there are none."""
    p, store = Person(f, f.agents[0]), f.folder / "store"
    store.mkdir()
    files = {}
    p.run("01-a1.2", plan="other")  # its files are beside the first one's, as if they were that one's
    for trial in (1, 2):
        for station in ("a", "b"):
            for dut in ("PEN-GOOD-01", "PEN-GOOD-02"):
                name = f"{dut[-2:]}-{station}{trial}"
                files[name] = p.run(name, dut, more=("--attr", f"station={station}", "--attr", f"fw=4.{trial}"))[1]
        p.push()
        f.penrig("fleet", "store", f"file://{store}", "--site", "A")  # the second half goes there
    placed = f.server.sql("SELECT run, sha256 FROM penrig.stored_file WHERE name LIKE '%.penrig' ORDER BY run", user="reader")
    check([run for run, _ in placed] == sorted(name for name in files if name.endswith("2")), f"one half in pieces, the other half in the store: {placed}")
    for run in ("01-a1", "01-a1.2"):
        rows = f.server.sql(f"SELECT p.name, f.name FROM penrig.run r, penrig.run_places(run_id) p, penrig.run_file_of(run_id) f WHERE r.name = '{run}'", user="reader")
        check(rows == [[f"{run}.penrig"] * 2], f"{run}: its own run file alone: {rows}")
    far = ("--db", f.server.db("reader"))

    def told(*args, code=None):
        done = rig.penrig_a(*args)
        check(code is None or done.returncode == code, f"{args}: {done.returncode} {done.stderr}")
        return (done.returncode, done.stdout) if code is None else done.stderr

    here = told("grr", "--appraiser", "station", "--json", *files.values())
    check("measurand" in here[1], f"a study: {here}")
    check(here == told("grr", "--appraiser", "station", "--json", *far, "plan=short"), "the same by a word")
    check(here == told("grr", "--appraiser", "station", "--json", *far, *files), "by their names")
    check(here == told("grr", "--appraiser", "station", "--json", *far, p.folder / "short.json"), "by their plan")
    check("no such run" in told("grr", "--appraiser", "station", *far, "--since", "2026-12-31", p.folder / "short.json", code=2), "since then there are none")
    old, new = ([file for name, file in files.items() if name.endswith(trial)] for trial in "12")
    here = told("compare", "--json", *old, "--", *new)
    check('"comparisons"' in here[1] and here == told("compare", "--json", *far, "fw=4.1", "--", "dut=PEN*,fw=4.2"), f"one build against another: {here}")
    check(here == told("compare", "--json", *far, "0?-?1", "--", *(n for n in files if n.endswith("2"))), "by patterns of their names")
    check("named before" in told("compare", *far, "fw=4.1", "--", "fw=4.*", code=2), "each once")
    check("no such run" in told("compare", *far, "fw=3.9", "--", "fw=4.2", code=2), "none of this build")
    check("no such run" in told("compare", "--db", f.server.db("far"), "fw=4.1", "--", "fw=4.2", code=2), "another site's are not seen")
    check("KEY=VALUE" in told("compare", *far, "fw=4.1,x", "--", "fw=4.2", code=2), "words that are none")
    run = there(f, "SELECT run_id FROM penrig.run LIMIT 1")
    refused = f.server.refusals([f"SELECT * FROM penrig.run_file_of('{run}')", f"SELECT penrig.run_piece('{run}', 'x', 0)", "SELECT * FROM penrig.file_piece", "SELECT * FROM penrig.run_file"], "far")
    check(len(refused) == 4, f"nor their files: {refused}")
    damaged(check, f, store, placed, lambda: rig.penrig_a("compare", "--json", *far, "fw=4.1", "--", "fw=4.2"))
    f.penrig("fleet", "store", "database", "--site", "A")


def damaged(check, f, store, placed, ask):
    """One file of a study is another one in the store, or none: no answer, and it is named."""
    run, sha256 = placed[0]
    piece = store / sha256[:2] / sha256 / "00000.zst"
    good = piece.read_bytes()
    for what, put in (("flipped", lambda: piece.write_bytes(good[:99] + bytes([good[99] ^ 1]) + good[100:])), ("gone", piece.unlink)):
        put()
        done = ask()
        check(done.returncode not in (0, 1) and not done.stdout and f"{run}.penrig" in done.stderr, f"{what}: {done.returncode} {done.stdout} {done.stderr}")
    piece.write_bytes(good)
    check(ask().returncode == 0 and not list(f.folder.rglob("*.part")), "whole again, it is answered")


def superseded_counts(check, f):
    """A failure on one bench stays, though another bench's pass answered the job; the agent tells by itself what was decided of a run."""
    one, two = f.agents
    one.start("--lease=3s", gate=True)
    job = f.submit("PEN-DEEP-01")
    one.until_said(f"job {job}, plan")
    two.start("--lease=3s", gate=True)  # it holds nobody up until the first one's lease is over
    one.process.send_signal(signal.SIGSTOP)
    f.server.sql(f"UPDATE penrig.job SET ready_at = clock_timestamp(); UPDATE penrig.attempt SET lease_until = clock_timestamp() WHERE state = 'open'; NOTIFY penrig_job")
    two.until_said(f"job {job}, plan")
    one.open_gate()
    two.open_gate()
    f.until_job(job, lambda j: j["state"] == "done", "its end")
    one.process.send_signal(signal.SIGCONT)
    until("both recorded", lambda: there(f, "SELECT count(*) FROM penrig.run") == "2")
    check([x for x, in f.server.sql("SELECT label FROM penrig.run ORDER BY label")] == ["superseded", "won"], "both are there")
    units = json.loads(rig.penrig_a("history", "--units", "--json", "--db", f.server.db("reader")).stdout)
    check([(u["dut"], u["stands"], u["runs"]) for u in units] == [("PEN-DEEP-01", "fail", 2)], f"{units}")
    run = next((one.folder / "state/agent/runs").glob("*.penrig"))
    done = rig.penrig_a("dispose", run, "--decision", "reject", "--by", "R. Chief", "--reason", "scrap", "--history", one.history)
    check(done.returncode == 0, f"{done.stderr}")
    one.end()
    one.start()  # its first beat
    until("the agent to tell it", lambda: there(f, "SELECT count(*) FROM penrig.run_decided") == "1")
    units = json.loads(rig.penrig_a("history", "--units", "--json", "--db", f.server.db("reader")).stdout)
    check(units[0]["stands"] == "rejected", f"{units}")


def tables_of_version_1(f):
    """As the program before this one made them."""
    schema = rig.ROOT / "rig/fleet/schema"
    text = (schema / "001-begin.sql").read_text()
    f.server.sql("DROP SCHEMA penrig CASCADE")
    f.server.sql((schema / "roles.sql").read_text())
    f.server.sql(f"BEGIN; SET LOCAL ROLE penrig_owner; SET LOCAL search_path = penrig, pg_temp;\n{text}\n"
                 f"INSERT INTO penrig.migration (version, name, sha256, min_client) VALUES (1, 'begin', '{hashlib.sha256(text.encode()).hexdigest()}', 1); COMMIT")
    f.penrig("fleet", "admit", "ci", "--as", "submitter", "--site", "A")
    f.penrig("fleet", "admit", "reader", "--as", "viewer", "--site", "A")
    f.penrig("fleet", "admit", "b1", "--as", "agent", "--site", "A", "--bench", "bench-1")


def one_version_apart(check, f):
    """This program on the tables before: what they can is done, what they cannot says what to do. They are brought up to date with what is in them, under a living agent."""
    tables_of_version_1(f)
    agent = f.agents[0]
    agent.start()
    jobs = {job: f.until_job(job, lambda j: j["state"] == "done", "its end") for job in (f.submit(), f.submit("PEN-DEEP-01"))}
    check([j["exit_code"] for j in jobs.values()] == [0, 1], f"jobs are done: {jobs}")
    check("bench-1" in f.penrig("benches", user="reader").stdout, "and benches are seen")
    for argv, user in ((("push", "--history", agent.history), "b1"), (("history", "--db", f.server.db("reader")), None), *NEED_2):
        done = f.penrig(*argv, user=user, check=False) if user else rig.penrig_a(*argv)
        check(done.returncode == 2 and "penrig fleet init renews them" in done.stderr, f"{argv}: {done.returncode} {done.stderr}")
    before = f.server.sql("SELECT md5(string_agg(r::text, '|' ORDER BY run_no)), (SELECT md5(string_agg(x::text, '|' ORDER BY run_no, place, quantity_id)) FROM penrig.result x) FROM penrig.run r")
    waiting = f.submit("PEN-GOOD-02", fleet.SMOKE, "--where", "bench=none", "--priority", "7")
    check("version 6 now" in f.penrig("fleet", "init").stdout, "brought up to date")
    after = f.server.sql("SELECT md5(string_agg(r::text, '|' ORDER BY run_no)), (SELECT md5(string_agg(x::text, '|' ORDER BY run_no, place, quantity_id)) FROM penrig.result x) FROM penrig.run r")
    check(before == after, "what was recorded is what it was")
    check(f.server.sql(f"SELECT submitted_at - turn_at FROM penrig.job WHERE job_id = {waiting}") == [["01:10:00"]], "a job that waits has its turn")
    check(f.until_job(f.submit(), lambda j: j["state"] == "done", "its end")["exit_code"] == 0, "the agent goes on")
    units = json.loads(rig.penrig_a("history", "--units", "--json", "--db", f.server.db("reader")).stdout)
    check([(u["dut"], u["stands"]) for u in units] == [("PEN-DEEP-01", "fail"), ("PEN-GOOD-01", "pass")], f"{units}")
    agent.end()


def bare_run(f, job, fence, status="complete", verdict="pass"):
    """The least that a run is, told by hand."""
    run = str(uuid.uuid4())
    texts = dict.fromkeys(("name", "host", "dut", "lot", "plan", "plan_sha256", "bench", "bench_sha256", "operator", "reason", "software", "started"), "x")
    body = {**texts, "run": run, "head": "0" * 64, "ended": "2026-11-29T00:00:00Z", "verdict": verdict, "status": status, "exit_code": int(verdict != "pass"), "results": [], "devices": [], "files": []}
    return f.server.sql(f"SELECT penrig.record('bench-1', {job}, {fence}, '{json.dumps(body)}')", user="b1")[0][0]


ASKED = {"token": "gen_random_uuid()", "site": "NULL", "need": "'{model=X2}'", "plan_name": "'p'", "plan": "'{}'", "dut": "'D'", "lot": "''", "reports": "'{junit}'", "priority": "0", "deadline": "'1 h'", "max_attempts": "3",
         "wait": "'1 min'", "exclusive": "'g'", "reservation": "NULL", "at_most": "'5 min'", "image": f"'{'a' * 64}'"}
# One after the other asked for otherwise, and by what name the refusal calls it.
OTHERWISE = {"site": ("'B'", "site"), "need": ("'{model=X3}'", "labels"), "plan_name": ("'q'", "plan"), "plan": ("'{ }'", "plan"), "dut": ("'E'", "unit"), "lot": ("'L'", "lot"), "reports": ("'{}'", "reports"), "priority": ("1", "priority"),
             "deadline": ("'2 h'", "deadline"), "max_attempts": ("4", "attempts"), "exclusive": ("''", "exclusive group"), "at_most": ("NULL", "bound"), "image": (f"'{'b' * 64}'", "image")}


def asking(words=16, **other):
    return "SELECT penrig.submit(" + ", ".join(list({**ASKED, **other}.values())[:words]) + ")"


def asked_again(check, f):
    """A token names what was asked with it: again it is the same job, and with anything else it is refused, and nothing is changed."""
    def ask(*words, user="ci", **other):
        return f.server.sql(asking(*words, **other), user=user, check=False)

    def job_now(job):
        return f.server.sql(f"SELECT j::text FROM penrig.job j WHERE job_id = {job}")

    f.penrig("fleet", "admit", "ci", "--as", "submitter", "--site", "B")
    for words in (12, 14, 15, 16):
        token = f"'{uuid.uuid4()}'"
        (job,), = ask(words, token=token, site="'A'")
        before = job_now(job)
        check(ask(words, token=token, site="'A'", wait="NULL") == [[job]] and job_now(job) == before, f"{words} words: asked again it is the same job")
        for key in list(ASKED)[:words]:
            if key in OTHERWISE:
                said = ask(words, **{"token": token, "site": "'A'", key: OTHERWISE[key][0]})
                check(isinstance(said, str) and f"with another {OTHERWISE[key][1]}: draw" in said and job_now(job) == before, f"{words} words, another {key}: {said}")
    said = ask(token=token, site="'A'", dut="'E'", image=f"'{'b' * 64}'")
    check("with another unit, image: draw" in said, f"it says all of them: {said}")
    said = ask(token=token, site="'A'", user="ci2")
    check("another login's" in said and job_now(job) == before, f"{said}")
    check(len(f.server.sql("SELECT * FROM penrig.job")) == 4, "no other job came of it")
    f.server.sql("DELETE FROM penrig.site_role WHERE rolname = 'ci' AND site_id = (SELECT site_id FROM penrig.site WHERE name = 'B')")


def reserved_again(check, f):
    """The same of a reservation; a job for one that is over by now is still the job that was put."""
    f.server.sql("SELECT penrig.register('bench-1', '{model=X2}', '{}')", user="b1")
    f.server.sql("SELECT penrig.register('bench-2', '{model=X3}', '{}')", user="b2")
    token, job_token = f"'{uuid.uuid4()}'", f"'{uuid.uuid4()}'"

    def reserve(need="'{model=X2}'", lasts="'1 h'", keep="'1 h'", why="'w'", user="ci"):
        return f.server.sql(f"SELECT penrig.reserve({token}, NULL, {need}, {lasts}, {keep}, {why})", user=user, check=False)
    (number,), = reserve()
    check(reserve(keep="'2 h'") == [[number]], "asked again it is the same")
    for other in ({"need": "'{model=X3}'"}, {"need": "'{}'"}, {"lasts": "'2 h'"}, {"why": "'v'"}, {"user": "ci2"}):
        said = reserve(**other)
        check(isinstance(said, str) and "another reservation" in said, f"{other}: {said}")
    check(len(f.server.sql("SELECT * FROM penrig.reservation")) == 1, "no other bench was taken")
    f.server.sql("SET session_replication_role = replica; UPDATE penrig.reservation SET need = NULL")
    check(reserve(need="'{model=X3}'") == [[number]], "of what was asked for before, nobody knows its labels")
    f.server.sql(f"SELECT penrig.reserved({number}, '1 h')", user="ci")
    (job,), = f.server.sql(asking(token=job_token, reservation=number), user="ci")
    f.server.sql(f"SELECT penrig.release({number})", user="ci")
    check(f.server.sql(asking(token=job_token, reservation=number), user="ci") == [[job]], "an answer that was lost is found again behind the reservation's end")
    said = f.server.sql(asking(token=job_token), user="ci", check=False)
    check("with another reservation: draw" in said, f"for any bench it is another job: {said}")
    said = f.server.sql(asking(reservation=number), user="ci", check=False)
    check("is over" in said, f"and a new one does not come in: {said}")


STRICT = (("", "won", "held"), ('"fleet": {"strict": false},', "won", "held"), ('"fleet": {"strict": true},', "superseded", "lost"), ('/* late? */ "fleet": {"strict": true},', "superseded", "lost"),
          ('/* or "strict": false */ "fleet": {"strict": true},', "superseded", "lost"))


def strict(check, f):
    """A lease that ran out and that nobody took answers; of a plan that is strict it does not, and the job is there for the next bench."""
    epoch = f.server.sql("SELECT penrig.register('bench-1', '{}', '{}')", user="b1")[0][0]
    plan = f.folder / "strict.json"
    for word, label, renewed in STRICT:
        plan.write_text(fleet.SMOKE.read_text().replace('"name"', f'{word} "name"', 1))
        job = f.submit("PEN-GOOD-01", plan)

        def claim():
            return f.server.sql(f"SELECT job_id, fence FROM penrig.claim('bench-1', {epoch}, gen_random_uuid(), '1 h')", user="b1")

        def lapse():
            f.server.sql(f"UPDATE penrig.attempt SET lease_until = clock_timestamp() WHERE job_id = {job}; UPDATE penrig.job SET ready_at = clock_timestamp() WHERE job_id = {job}")

        def renew(fence):
            return f.server.sql(f"SELECT penrig.renew('bench-1', {epoch}, {job}, {fence}, '1 h')", user="b1")[0][0]

        check(claim() == [[str(job), "1"]] and renew(1) == "held", f"{word}: held by its lease")
        lapse()
        check(renew(1) == renewed, f"{word}: and behind it {renewed}")
        lapse()
        check(bare_run(f, job, 1) == label, f"{word}: its run is {label}")
        if label == "superseded":
            check(claim() == [[str(job), "2"]] and bare_run(f, job, 2) == "won", f"{word}: the next one answers, in time")
        check(f.jobs()[job]["state"] == "done", f"{word}: {f.jobs()[job]}")
        for verdict in "fail", "conditional_fail":
            job = f.submit("PEN-GOOD-01", plan)
            check(claim() == [[str(job), "1"]], f"{word}: claimed")
            lapse()
            check(bare_run(f, job, 1, "interrupted", verdict) == "won" and f.jobs()[job]["exit_code"] == 1, f"{word}: a {verdict} that was proven answers, however late: {f.jobs()[job]}")


def images(check, f):
    """What is to be on a unit is named by its SHA-256: a bench that knows how it gets there has the job, its own words are told, and the record names it. Nothing that a job brings is carried out."""
    sha256, told = hashlib.sha256(b"firmware 4.2").hexdigest(), f.folder / "flashed"
    flash = f.folder / "flash"
    flash.write_text(f'#!/bin/sh\necho "$1" >>{told}\nshift\nexec "$@"\n')
    flash.chmod(0o755)
    plain, knows = f.agents
    argv = knows.argv
    knows.argv = lambda *more: [*argv(*more)[:2], f"--command={flash}", "--command={image}:{dut}:{image}", *argv(*more)[2:]]
    plain.start()
    job = f.submit("PEN-GOOD-01", fleet.SMOKE, "--image", sha256)
    check(f.until_job(f.submit(), lambda j: j["state"] == "done", "its end")["bench"] == "bench-1" and f.jobs()[job]["state"] == "waiting", "a bench that does not know how does not get it")
    plain.end()
    knows.start()
    done = f.until_job(job, lambda j: j["state"] == "done", "its end")
    check((done["bench"], done["exit_code"], told.read_text().split()) == ("bench-2", 0, [f"{sha256}:PEN-GOOD-01:{sha256}"]), f"{done} {told.read_text()}")
    more, = f.server.sql(f"SELECT more->'attributes' FROM penrig.run_more JOIN penrig.run USING (run_no) WHERE job_id = {job}")
    check({"key": "image", "value": sha256} in json.loads(more[0]), f"the record names it: {more}")
    f.until_job(f.submit(), lambda j: j["state"] == "done", "its end")
    check(told.read_text().splitlines()[1:] == [":PEN-GOOD-01:"], "a job without one is told as none")
    knows.end()
    knows.argv = argv
    alone = subprocess.run(knows.argv("--label", "image=by-sha256"), capture_output=True, text=True, check=False, timeout=fleet.LIMIT_S)
    check(alone.returncode == 2 and "{image}" in alone.stderr, f"nobody says that a bench knows how, but its own words: {alone.returncode} {alone.stderr}")
    check(f.penrig("submit", fleet.SMOKE, "--dut", "P", "--image", "$(reboot)", user="ci", check=False).returncode == 2, "not a SHA-256")
    check("violates check" in f.server.sql("SELECT penrig.submit(gen_random_uuid(), NULL, '{}', 'p', '', 'd', '', '{}', 0, NULL, 1, NULL, '', NULL, NULL, '; reboot')", user="ci", check=False), "nor past penrig")
    plan = f.folder / "brings.json"
    for word in ("command", "hooks", "before"):
        plan.write_text(fleet.SMOKE.read_text().replace('"name"', f'"{word}": ["touch", "{f.folder}/came"], "name"', 1))
        check(f.penrig("submit", plan, "--dut", "P", user="ci", check=False).returncode == 2, f"a plan with {word} is refused where it is submitted")
        text = plan.read_text().replace("'", "''")
        job = int(f.server.sql(f"SELECT penrig.submit(gen_random_uuid(), NULL, '{{}}', 'p', '{text}', 'PEN-GOOD-01', '', '{{}}', 0, NULL, 1, NULL)", user="ci")[0][0])
        plain.start()
        done = f.until_job(job, lambda j: j["state"] not in ("waiting", "running"), "its end")
        check((done["state"], done["exit_code"]) == ("failed", 2) and not (f.folder / "came").exists(), f"{word}: and at the bench: {done}")
        plain.end()


def told_of_benches(check, f):
    """What became of a bench is there, in order, and stays; not each time that it runs or idles."""
    epoch = f.server.sql("""SELECT penrig.register('bench-1', '{}', '{"state": "idle", "version": "7"}')""", user="b1")[0][0]
    for state in ("running", "idle", "disk full", "disk full", "idle"):
        f.server.sql(f"""SELECT penrig.heartbeat('bench-1', {epoch}, '{{"state": "{state}"}}')""", user="b1")
    f.penrig("benches", "--disable", "bench-1", "--why", "new load cell", user="ci")
    f.penrig("benches", "--enable", "bench-1", user="ci")
    seen = f.server.sql("SELECT what, why, said_by FROM penrig.bench_event ORDER BY at", user="reader")
    check(seen == [["agent", "7", "b1"], ["state", "disk full", "b1"], ["state", "in service", "b1"], ["disabled", "new load cell", "ci"], ["enabled", "new load cell", "ci"]], f"{seen}")
    check(f.server.sql("SELECT * FROM penrig.bench_event", user="far") == [], "another site's viewer sees none of it")
    check("what was recorded stays" in f.server.sql("DELETE FROM penrig.bench_event", check=False) and "permission denied" in f.server.sql("INSERT INTO penrig.bench_event DEFAULT VALUES", user="b1", check=False), "and it stays")


def watched(check, f):
    """Whoever watches is told of what begins and ends, also behind a server that was away."""
    lists = f.folder / "watched"
    watching = subprocess.Popen([str(rig.PENRIG), "jobs", "--watch", "--json", "--db", f.server.db("reader")], stdin=subprocess.DEVNULL, stdout=lists.open("w"), stderr=subprocess.PIPE, text=True,
                                preexec_fn=fleet.dies_with_us)

    def told(job):
        """Its states, one after the other."""
        text, at, found = lists.read_text(), 0, []
        while at < len(text):
            try:
                rows, at = json.JSONDecoder().raw_decode(text, at)
            except ValueError:  # half of it
                break
            at += len(text[at:]) - len(text[at:].lstrip())
            found += [row["state"] for row in rows if row["job"] == job]
        return list(dict.fromkeys(found))

    first = f.submit("PEN-GOOD-01", fleet.SMOKE, "--where", "bench=none")
    until("it waits", lambda: told(first) == ["waiting"])
    f.server.stop()
    f.server.start()
    f.server.sql(f"SELECT penrig.cancel({first}, 'x')", user="ci")
    until("it is cancelled", lambda: told(first) == ["waiting", "cancelled"])
    watching.terminate()
    said = watching.communicate(timeout=fleet.LIMIT_S)[1]
    check(watching.returncode == -signal.SIGTERM and said.count("\n") <= 1, f"{watching.returncode} {said}")
    check(f.penrig("benches", "--watch", "--csv", user="reader", check=False).returncode == 2, "not as one table")


def of_a_whole_bench(check, f):
    """A bench's runs since a day come from an index, through the policy of whoever asks."""
    f.server.sql("SET ROLE penrig_owner; SELECT penrig.make_month(current_date)")
    plan = " ".join(line[0] for line in f.server.sql("SET enable_seqscan = off; EXPLAIN SELECT run_no FROM penrig.run WHERE bench = 'bench-1' AND started COLLATE \"C\" >= '2026-01-01'", user="reader"))
    check("bench_started_idx" in plan and "Filter: (bench" not in plan, f"{plan}")


def held(f, *words, command=None, user="ci"):
    """A reservation under way; command: a shell's."""
    more = ["--", "sh", "-c", command] if command else []
    return subprocess.Popen([str(rig.PENRIG), "reserve", "--db", f.server.db(user), *words, *more], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            preexec_fn=fleet.dies_with_us)


def benches(f):
    return {b["bench"]: b for b in json.loads(f.penrig("benches", "--json", user="reader").stdout)}


def reservations(check, f):
    """Nobody else's job begins on a bench that is reserved, whatever its priority; its holder's do. It ends with the command, by itself, and when its holder is killed."""
    agent = f.agents[0]
    agent.start(gate=True)
    before = f.submit("PEN-GOOD-01", fleet.SMOKE, "--where", "bench=bench-1")
    agent.until_said(f"job {before}, plan")
    gate = f.folder / "hold"
    fleet.os.mkfifo(gate)
    script = (f'echo "$PENRIG_BENCH" >{f.folder}/inside; {rig.PENRIG} submit {fleet.SMOKE} --dut PEN-GOOD-02 --wait -q --output-dir {f.folder}/held --db "{f.server.db("ci")}" >&2 || exit 9; '
              f'echo done >>{f.folder}/inside; read x <{gate}; exit 7')
    holder = held(f, "--where", "bench=bench-1", "--for", "2h", command="exit 0")
    until("it to be asked for", lambda: benches(f)["bench-1"]["reserved_by"] == "ci")
    holder.send_signal(signal.SIGTERM)
    check(holder.wait(timeout=fleet.LIMIT_S) == 143, "a signal before it was held: its command did not run, and that is no success")
    holder = held(f, "--where", "bench=bench-1", "--for", "2h", "--why", "firmware 4.2", command=script)
    until("it to be asked for", lambda: benches(f)["bench-1"]["reserved_by"] == "ci")
    foreign = f.submit("PEN-GOOD-03", fleet.SMOKE, "--where", "bench=bench-1", "--priority", "1000")
    check(not (f.folder / "inside").exists() and benches(f)["bench-1"]["state"] == "running", "what was given out before goes on, and the command waits")
    agent.open_gate()
    until("its own job done", lambda: (f.folder / "inside").exists() and "done" in (f.folder / "inside").read_text())
    bench = benches(f)["bench-1"]
    check((f.folder / "inside").read_text().split()[0] == "bench-1" and bench["state"] == "reserved" and bench["reserved_until"] and "firmware 4.2" in bench["why"], f"{bench}")
    check((f.jobs()[foreign]["state"], f.jobs()[foreign]["attempts"]) == ("waiting", 0), f"no foreign job: {f.jobs()[foreign]}")
    check(f.jobs()[before]["state"] == "done", "the one before is done")
    for words, code, why in ((["--where", "bench=bench-1", "--for", "1h"], 8, "not reserved"), (["--where", "bench=none", "--for", "1h"], 8, "has these labels"),
                             (["--where", "bench", "--for", "1h"], 2, "KEY=VALUE"), (["--for", "soon"], 2, "--for"), ([], 2, "--for is missing"), (["--for", "200h"], 2, "168h")):
        done = f.penrig("reserve", *words, user="ci", check=False)
        check(done.returncode == code and why in done.stderr, f"{words}: {done.returncode} {done.stderr}")
    number = there(f, "SELECT max(reservation_id) FROM penrig.reservation")
    done = f.penrig("submit", fleet.SMOKE, "--dut", "P", "--reservation", number, user="ci2", check=False)
    check(done.returncode == 2 and "another login's" in done.stderr, f"another's: {done.returncode} {done.stderr}")
    done = f.penrig("reserve", "--where", "bench=bench-1", "--for", "1h", user="reader", check=False)
    check(done.returncode == 2, "a viewer reserves nothing")
    gate.write_text("go\n")
    check(holder.wait(timeout=fleet.LIMIT_S) == 7, f"its command's exit code: {holder.communicate()}")
    check(f.until_job(foreign, lambda j: j["state"] == "done", "its end")["exit_code"] == 0, "then it is everybody's")
    done = f.penrig("submit", fleet.SMOKE, "--dut", "P", "--reservation", number, user="ci", check=False)
    check(done.returncode == 2 and "is over" in done.stderr, f"nothing behind it: {done.stderr}")


def reservations_end(check, f):
    agent = f.agents[0]
    agent.start()
    until("the bench", lambda: benches(f)["bench-1"]["state"] == "idle")
    mark = f.folder / "told to end"
    told, go, saved = (f.folder / name for name in ("told", "go", "saved"))
    slow = held(f, "--where", "bench=bench-1", "--for", "1s", command=f"trap 'echo >>\"{told}\"' TERM; while [ ! -e \"{go}\" ]; do sleep 0.1; done; echo >\"{saved}\"")
    until("the command to be told", told.exists)
    for turn in (2, 3):
        slow.send_signal(signal.SIGTERM)
        until("the command to be told again", lambda: len(told.read_text()) == turn)
    go.touch()
    check(slow.wait(timeout=fleet.LIMIT_S) == 8 and saved.exists(), "the time is over, and the command, which may be stopping a pen, is not killed")
    short = held(f, "--where", "bench=bench-1", "--for", "2s", command=f"trap 'echo >\"{mark}\"; exit 0' TERM; while :; do sleep 0.1; done")
    check(short.wait(timeout=fleet.LIMIT_S) == 8 and "is over" in short.stderr.read() and mark.exists(), "the time is over: the command is told to end")
    holder = held(f, "--where", "bench=bench-1", "--for", "2h")
    said = holder.stdout.readline()
    check("bench-1, for 120 min" in said, f"{said}")
    own = f.submit("PEN-GOOD-01", fleet.SMOKE, "--where", "model=none", "--reservation", said.split()[1].rstrip(":"))
    job = f.submit("PEN-GOOD-01", fleet.SMOKE, "--where", "bench=bench-1")
    second = held(f, "--where", "bench=bench-1", "--for", "1h", "--within", "2m", command="exit 3")
    until("its refusal", lambda: "penrig" in there(f, "SELECT string_agg(application_name, ' ') FROM pg_stat_activity WHERE query LIKE '%reserve(%'"))
    check(second.poll() is None, "it tries again")
    holder.kill()
    holder.wait()
    f.server.sql("UPDATE penrig.reservation SET keep_until = clock_timestamp() WHERE ended_at IS NULL")  # a minute later
    check(second.wait(timeout=fleet.LIMIT_S) == 3, "a killed holder frees it for the next one")
    check(f.until_job(job, lambda j: j["state"] == "done", "its end")["exit_code"] == 0, "and for jobs")
    check("reservation" in f.until_job(own, lambda j: j["state"] == "cancelled", "its end")["reason"], "what was for it alone is cancelled")
    holder = held(f, "--where", "bench=bench-1", "--for", "2h")
    holder.stdout.readline()
    holder.send_signal(signal.SIGTERM)
    check(holder.wait(timeout=fleet.LIMIT_S) == 0 and there(f, "SELECT count(*) FROM penrig.reservation WHERE ended_at IS NULL") == "0", "a signal gives it back")
    done = subprocess.run([rig.PENRIG, "reserve", "--db", f.server.db("ci"), "--where", "bench=bench-1", "--for", "1h", "--", "/no/such"], capture_output=True, text=True)
    check(done.returncode == 2 and "/no/such" in done.stderr and there(f, "SELECT count(*) FROM penrig.reservation WHERE ended_at IS NULL") == "0", f"{done.returncode} {done.stderr}")


def queries(name):
    """Of a dashboard, or of alerts: title and SQL, as Grafana has them but for its macros."""
    found = []

    def look(node, title):
        if isinstance(node, dict):
            title = node.get("title", title)
            if "rawSql" in node:
                found.append((title, re.sub(r"\$__timeFilter\(([^)]+)\)", r"\1 BETWEEN now() - interval '7 days' AND now()", node["rawSql"])))
            for child in node.values():
                look(child, title)
        elif isinstance(node, list):
            for child in node:
                look(child, title)

    look(json.loads((rig.FIXTURES / "grafana" / name).read_text()), "")
    return found


def asked_over_http(check, port, sample):
    """The same over HTTP, as OpenMetrics where that is asked for; nothing else is there, and no other site's page may ask."""
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    def ask(path="/metrics", method="GET", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=fleet.LIMIT_S)
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read().decode()

    status, kind, text = ask(Accept="application/openmetrics-text;version=1.0.0,*/*;q=0.1")
    samples = [(s.name, s.labels, s.value) for family in text_string_to_metric_families(text) for s in family.samples]
    check(status == 200 and kind.startswith("application/openmetrics-text; version=1.0.0") and sample in samples, f"{status} {kind} {samples}")
    check(ask()[:2] == (200, "text/plain; version=0.0.4; charset=utf-8"), f"{ask()}")
    check(ask(Host="evil.example")[0] == 421 and ask(method="PUT")[0] == 405, "refused")
    return ask


def metrics(check, f):
    """OpenMetrics text, read by somebody else's parser: counts, the server away, a file that cannot be written."""
    if importlib.util.find_spec("prometheus_client") is None:
        print("no prometheus_client (package python3-prometheus-client): the metrics are not looked at")
        return
    from prometheus_client.openmetrics.parser import text_string_to_metric_families
    agent = f.agents[0]
    file = agent.folder / "agent.prom"

    def now():
        return {(s.name, *s.labels.values()): s.value for family in text_string_to_metric_families(file.read_text()) for s in family.samples}

    port = s3_servers.free_port()
    agent.start("--metrics", file, "--metrics-port", str(port))
    for dut in ("PEN-GOOD-01", "PEN-DEEP-01", "PEN-GOOD-02"):
        f.until_job(f.submit(dut), lambda j: j["state"] == "done", "its end")
    seen = until("three runs", lambda: (lambda m: m if m.get(("penrig_bench_runs_total", "bench-1", "0")) == 2 and m.get(("penrig_bench_runs_total", "bench-1", "1")) == 1 else None)(now()))
    check(seen[("penrig_agent_server_reached",)] == 1 and seen[("penrig_outbox_refused_runs",)] == 0 and seen[("penrig_bench_takes_jobs", "bench-1")] == 1, f"{seen}")
    over_http = asked_over_http(check, port, ("penrig_bench_runs_total", {"bench": "bench-1", "exit_code": "1"}, 1))
    check(file.read_text().endswith("# EOF\n") and not list(agent.folder.glob("*.part")), "it is whole")
    f.server.stop()
    check([over_http(path)[0] for path in ("/", "/events", "/reports/x", "/do")] == [404] * 4 and over_http("/do", "POST", Origin=f"http://127.0.0.1:{port}", **{"X-Penrig": "1"})[0] == 404, "an agent has no page")
    until("the server away", lambda: now()[("penrig_agent_server_reached",)] == 0)
    f.server.start()
    until("the server back", lambda: now()[("penrig_agent_server_reached",)] == 1)
    agent.end()
    agent.start("--metrics", "/no/such/folder/x.prom")
    agent.until_said("no metrics: /no/such/folder")
    check(f.until_job(f.submit(), lambda j: j["state"] == "done", "its end")["exit_code"] == 0, "nothing waits for it")


def dashboard(check, f):
    """Every query of the dashboard and of the alerts is asked, as a viewer; each alert is silent while all is well, and raised by what it is for."""
    agent = f.agents[0]
    agent.start()
    for dut in ("PEN-GOOD-01", "PEN-DEEP-01"):
        f.until_job(f.submit(dut), lambda j: j["state"] == "done", "its end")
    agent.end()
    f.submit("PEN-GOOD-02", fleet.SMOKE, "--where", "bench=none")
    f.server.sql("UPDATE penrig.bench SET seen_at = now() WHERE name <> 'bench-1'; INSERT INTO penrig.attempt (job_id, fence, bench_id, epoch, token, lease_until, state) "
                 "SELECT max(job_id), 9, 1, 1, gen_random_uuid(), now(), 'aborted' FROM penrig.job")
    panels, alerts = queries("fleet.json"), queries("alerts.json")
    check(len(panels) == 8 and len(alerts) == 4, f"{len(panels)} panels, {len(alerts)} alerts")
    for title, sql in panels:
        check(f.server.sql(sql, user="reader") != [], f"{title} shows nothing")
    ask = dict(alerts)
    wrong = {
        "Bench silent": "UPDATE penrig.bench SET seen_at = now() - interval '11 min' WHERE name = 'bench-1'",
        "Calibration due": "SET session_replication_role = replica; UPDATE penrig.device_use SET due = (current_date + 14)::text WHERE number = 0",
        "Cpk below 1.33": "SET session_replication_role = replica; INSERT INTO penrig.result SELECT r.run_no, r.recorded_at, r.taken_at, 0.1 * sin(i), 0, 0, -0.15, 0.15, 1, 1, 1, q.quantity_id, 1000 + i, 1, 1, r.site_id, "
                          "false, 'pass', '' FROM generate_series(1, 40) i, penrig.quantity q, penrig.run r WHERE q.measurand = 'depth_error_mm' AND r.run_no = (SELECT min(run_no) FROM penrig.run)",
        "Outbox old": "UPDATE penrig.bench SET health = health || '{\"outbox\": 2, \"outbox_oldest_s\": 3601}' WHERE name = 'bench-1'"}
    check(set(ask) == set(wrong), f"{list(ask)}")
    for title, change in wrong.items():
        was = f.server.sql(ask[title], user="reader")
        f.server.sql(change)
        now = f.server.sql(ask[title], user="reader")
        check(was == [] and now != [] and all(float(row[-1]) > 0 for row in now), f"{title}: {was}, then {now}")


def connect(f, user):
    import psycopg2
    return psycopg2.connect(f.server.db(user) + " options='-c search_path=penrig'")


def one(connection, sql):
    with connection.cursor() as c:
        c.execute(sql)
        return c.fetchone()


def begun_before(check, f):
    """A claim that meets a reservation, or another claim of the same group, on its way waits for it, or passes it by."""
    if not fleet.has_second_agent():
        print("no psycopg2: these two are not looked at")
        return
    epoch = {n: f.server.sql(f"SELECT penrig.register('bench-{n}', '{{}}', '{{}}')", user=f"b{n}")[0][0] for n in (1, 2)}
    claim = "SELECT job_id FROM claim('bench-{0}', {1}, gen_random_uuid(), '1 h')"
    job = f.submit()
    ci, b1 = connect(f, "ci"), connect(f, "b1")
    number = one(ci, "SELECT reserve(gen_random_uuid(), NULL, '{}', '1 h', '1 h', '')")[0]
    got = []
    thread = threading.Thread(target=lambda: got.append(one(b1, claim.format(1, epoch[1]))))
    thread.start()
    until("the claim to wait", lambda: there(f, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%claim(%'") == "1")
    check(not got, "it waits")
    ci.commit()
    thread.join(timeout=fleet.LIMIT_S)
    check(got == [None] and f.jobs()[job]["attempts"] == 0, f"and finds the bench reserved: {got}")
    b1.commit()
    check(f.server.sql(f"SELECT penrig.release({number})", user="ci") == [["t"]], "given back")
    f.server.sql(f"SELECT penrig.cancel({job}, '')", user="ci")
    first, second, third = (f.submit("PEN-GOOD-01", fleet.SMOKE, *more) for more in (("--exclusive", "ref-pen"), ("--exclusive", "ref-pen"), ()))
    b2 = connect(f, "b2")
    check(one(b1, claim.format(1, epoch[1])) == (first,), "the first of the group, not yet committed")
    check(one(b2, claim.format(2, epoch[2])) == (third,), "the other bench gets what is of no group")
    b1.commit(), b2.commit()
    f.server.sql(f"SELECT penrig.give_back('bench-2', {third}, 1, 2, '', true, '0 s')", user="b2")
    f.server.sql(f"UPDATE penrig.attempt SET lease_until = now() WHERE job_id = {first}; UPDATE penrig.job SET ready_at = now() + interval '1 h' WHERE job_id = {first}")
    check(one(b2, claim.format(2, epoch[2])) is None, "nor the second one while the first one's pen may run")
    b2.commit()
    f.server.sql(f"SELECT penrig.give_back('bench-1', {first}, 1, 2, '', true, '0 s')", user="b1")
    check(one(b2, claim.format(2, epoch[2])) == (second,), "then that")
    b2.rollback()
    for c in (ci, b1, b2):
        c.close()


def asked_at_once(check, f):
    """Two with one token at the same moment: the second one is held against the first."""
    f.server.sql("SELECT penrig.register('bench-1', '{model=X2}', '{}')", user="b1")
    f.server.sql("SELECT penrig.register('bench-2', '{model=X3}', '{}')", user="b2")
    token = f"'{uuid.uuid4()}'"
    reserve = f"SELECT penrig.reserve({token}, NULL, {{}}, '1 h', '1 h', 'w')"
    for once, other in ((asking(token=token), asking(token=token, image=f"'{'b' * 64}'")), (reserve.format("'{model=X2}'"), reserve.format("'{model=X3}'"))):
        first, second, got = connect(f, "ci"), connect(f, "ci"), []
        (number,) = one(first, once)

        def ask(second=second, other=other, got=got):
            try:
                got.append(one(second, other))
            except Exception as e:
                got.append(e.pgcode)
        thread = threading.Thread(target=ask)
        thread.start()
        until("the second to wait", lambda: there(f, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND (query LIKE '%submit(%' OR query LIKE '%reserve(%')") == "1")
        first.commit()
        thread.join(timeout=fleet.LIMIT_S)
        check(got == ["PR007"], f"refused: {got}")
        second.rollback()
        check(one(second, once) == (number,), "and the first one is as it was")
        for c in (first, second):
            c.close()


def turns(check, f):
    """Ten minutes of waiting are worth a step of priority; nothing else changes the order, and a job that failed to begin keeps its turn."""
    jobs = [f.submit("PEN-GOOD-01", fleet.SMOKE, "--priority", str(p)) for p in (0, 11, 13, 0, -5)]
    f.server.sql(f"UPDATE penrig.job SET submitted_at = submitted_at - interval '2 h', turn_at = penrig.turn(submitted_at - interval '2 h', priority) WHERE job_id = {jobs[0]}")
    epoch = f.server.sql("SELECT penrig.register('bench-1', '{}', '{}')", user="b1")[0][0]
    order = []
    for turn in range(6):
        job, fence = f.server.sql(f"SELECT job_id, fence FROM penrig.claim('bench-1', {epoch}, gen_random_uuid(), '1 h')", user="b1")[0]
        order.append(int(job))
        f.server.sql(f"SELECT penrig.give_back('bench-1', {job}, {fence}, NULL, '', {'false' if turn == 1 else 'true'}, '0 s')", user="b1")
    check(order == [jobs[2], jobs[0], jobs[0], jobs[1], jobs[3], jobs[4]], f"{order} of {jobs}")
    plan = " ".join(line[0] for line in f.server.sql("SET enable_seqscan = off; EXPLAIN SELECT job_id FROM penrig.job j WHERE state = 'ready' AND ready_at <= now() AND site_id = 1 AND need <@ '{}' ORDER BY turn_at, job_id LIMIT 1"))
    check("job_queue" in plan and "Sort" not in plan, f"the index has the order: {plan}")
    if fleet.has_second_agent():
        for more, code in (((), 0), (("--by-priority-alone",), 1)):
            done = subprocess.run([sys.executable, rig.ROOT / "tests/bench/fleet_queue.py", "--benches", "20", "--jobs", "600", "--waiting", "100", *more], capture_output=True, text=True)
            check(done.returncode == code and ("starvation" in done.stdout) == bool(code), f"nobody starves, and it would be seen: {done.stdout} {done.stderr[-500:]}")


NEED_2 = ((("fleet", "store", "database", "--site", "A"), "admin"), (("reserve", "--for", "1h"), "ci"), (("submit", fleet.SMOKE, "--dut", "P", "--exclusive", "g"), "ci"))
SHARED = (metrics, dashboard, reservations, reservations_end, begun_before, asked_at_once, turns)  # test_fleet_shared.py
TESTS = (pen_of_a_closed_job, never_comes_back, listed, pushed_once, not_in_order, gone_on_with, killed_between, asked_of_all, studies, superseded_counts, strict, asked_again, reserved_again, images, told_of_benches, watched, of_a_whole_bench, one_version_apart)
# Under sanitizers those that exercise the programs, and not the SQL or other people's parsers.
QUICK = (pushed_once, not_in_order, studies, pen_of_a_closed_job)
WHOLE = len(sys.argv) > 1 or "SEEDS" not in fleet.os.environ


def main(tests=TESTS if WHOLE else QUICK):
    fleet.skip_without_postgres()
    check = rig.Checks()
    f = Fleet(2)
    f.server.sql("CREATE ROLE far LOGIN; CREATE ROLE ci2 LOGIN")
    f.penrig("fleet", "admit", "ci2", "--as", "submitter", "--site", "A")
    f.penrig("fleet", "admit", "far", "--as", "viewer", "--site", "B")
    tables = ", ".join(f"penrig.{t}" for t in ("job", "attempt", "run_key", "run", "result", "device_use", "run_file", "run_conflict", "run_more", "run_decided", "reservation", "pen_release", "bench_event"))
    try:
        for test in tests:
            if len(sys.argv) > 1 and test.__name__ not in sys.argv[1:]:
                continue
            try:
                test(check, f)
            except Exception as e:
                check(False, f"{test.__name__}: {type(e).__name__}: {e}\n{[a.said()[-900:] for a in f.agents]}")
            for agent in f.agents:
                agent.end()
                shutil.rmtree(agent.folder / "state", ignore_errors=True)
                (agent.folder / "said").unlink(missing_ok=True)
            f.server.sql(f"SET session_replication_role = replica; TRUNCATE {tables}")
    finally:
        f.end()
    check.end()


if __name__ == "__main__":
    main()
