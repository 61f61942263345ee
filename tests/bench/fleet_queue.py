#!/usr/bin/python3
"""Many benches and many jobs against the very SQL that hands them out: who waits how long, whether each claim gives the job whose turn it
is, and what it costs as the queue grows. Time is simulated: jobs arrive and end on a clock of their own; the order is the server's, and is
held against a model of it that knows no SQL.
usage: fleet_queue.py [--benches N] [--jobs N] [--waiting N] [--seed N] [--by-priority-alone]"""
import argparse
import heapq
import itertools
import math
import random
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import fleet  # noqa: E402
import rig  # noqa: E402

JOB_S = 300.0  # a job takes about so long
STEP_S = 600   # docs/fleet.md: what a step of priority is worth
EPOCH = "'2026-01-01T00:00:00Z'::timestamptz"
SITES, KINDS, GROUPS = 4, 4, 40
URGENT = 6     # nine tenths of the jobs, without end
ROUND_S = 3.0  # what ends within it is told together
MEMORY = ["-c", "shared_buffers=512MB", "-c", "full_page_writes=off", "-c", "max_wal_size=4GB"]

# For each bench whose job has ended: that is told, and the next one asked for, in the functions that agents call.
CROWD = """CREATE FUNCTION crowd(p_bench text[], p_job bigint[], p_fence bigint[]) RETURNS TABLE (bench text, job bigint, fence bigint, us int) LANGUAGE plpgsql
SET search_path = penrig AS $$
DECLARE v_at timestamptz; BEGIN
  FOR i IN 1 .. array_length(p_bench, 1) LOOP
    IF p_job[i] IS NOT NULL THEN PERFORM give_back(p_bench[i], p_job[i], p_fence[i], 0, '', true, '0 s'); END IF;
    bench := p_bench[i]; job := NULL; v_at := clock_timestamp();
    SELECT c.job_id, c.fence INTO job, fence FROM claim(bench, 1, gen_random_uuid(), '1 day') c;
    us := extract(epoch FROM clock_timestamp() - v_at) * 1e6;
    RETURN NEXT;
  END LOOP; END $$"""


def world(server, benches):
    """Benches of four kinds, all of one login."""
    server.sql("SET ROLE penrig_owner; SET search_path = penrig;"
               f"INSERT INTO site (name) SELECT 's' || i FROM generate_series(1, {SITES}) i;"
               f"INSERT INTO bench (name, site_id, login, epoch, labels, seen_at) SELECT 'b' || i, 1, 'crowd', 1, ARRAY['kind=' || i % {KINDS}], now() FROM generate_series(0, {benches - 1}) i;"
               "INSERT INTO bench (name, site_id, login, epoch, labels, seen_at) VALUES ('none', 1, 'crowd', 1, '{}', now())")
    server.sql("CREATE SCHEMA crowd AUTHORIZATION crowd; SET ROLE crowd; SET search_path = crowd; " + CROWD)


class Model:
    """Whose turn it is: by submission less STEP_S for each step of priority, then by number; of a group one at a time."""

    def __init__(self):
        self.queue, self.job, self.busy = [{} for _ in range(KINDS)], {}, set()  # queue: of each kind, by group

    def put(self, job, kind, priority, now_s, group):
        turn = now_s - priority * STEP_S
        self.job[job] = (kind, priority, now_s, group)
        heapq.heappush(self.queue[kind].setdefault(group, []), (turn, job))

    def take(self, kind):
        """None: nothing may begin."""
        heads = [(q[0], group) for group, q in self.queue[kind].items() if group not in self.busy]
        if not heads:
            return None
        (_, job), group = min(heads)
        heapq.heappop(self.queue[kind][group])
        if not self.queue[kind][group]:
            del self.queue[kind][group]
        if group:
            self.busy.add(group)
        return job

    def end(self, job):
        self.busy.discard(self.job.pop(job)[3])


class Sim:
    def __init__(self, f, o):
        import psycopg2
        self.o, self.rng, self.model = o, random.Random(o.seed), Model()
        self.admin, self.crowd = (psycopg2.connect(f.db(user)) for user in ("admin", "crowd"))
        self.admin.autocommit = self.crowd.autocommit = True
        self.a, self.c = self.admin.cursor(), self.crowd.cursor()
        for cursor in (self.a, self.c):
            cursor.execute("SET jit = off; SET synchronous_commit = off")
        self.a.execute("SET ROLE penrig_owner; SET search_path = penrig")
        self.waits, self.left, self.us, self.empty, self.wrong = {0: [], URGENT: []}, {0: 0.0, URGENT: 0.0}, [], 0, 0

    def arrive(self, now_s, kinds):
        rows = [(kind, URGENT if self.rng.random() < 0.9 else 0, f"g{self.rng.randrange(GROUPS)}" if self.rng.random() < 0.01 else "") for kind in kinds]
        self.a.execute("INSERT INTO job (site_id, need, plan_name, plan, plan_sha256, dut, priority, submitted_at, exclusive, token, turn_at) "
                       f"SELECT 1, ARRAY['kind=' || k], 'p', '', '', 'd', p, {EPOCH} + %(now)s * interval '1 s', g, gen_random_uuid(), turn({EPOCH} + %(now)s * interval '1 s', p) "
                       "FROM unnest(%(k)s, %(p)s, %(g)s) WITH ORDINALITY AS t(k, p, g, n) ORDER BY n RETURNING job_id",
                       {"now": round(now_s, 6), "k": [r[0] for r in rows], "p": [r[1] for r in rows], "g": [r[2] for r in rows]})
        for (job,), (kind, priority, group) in zip(self.a.fetchall(), rows):
            self.model.put(job, kind, priority, round(now_s, 6), group)

    def begin(self, now_s, ended, busy):
        """ended: (bench, job, fence) of each; job None: it had none. Gives the benches for which there was nothing."""
        self.c.execute("SELECT * FROM crowd.crowd(%s, %s::bigint[], %s::bigint[])", ([f"b{b}" for b, _, _ in ended], [j for _, j, _ in ended], [f for _, _, f in ended]))
        idle = []
        for (bench, last, _), (_, job, fence, us) in zip(ended, self.c.fetchall()):
            if last is not None:
                self.model.end(last)
            self.wrong += self.model.take(bench % KINDS) != job
            self.us.append(us)
            if job is None:
                idle.append((bench, None, None))
                self.empty += 1
                continue
            _, priority, at, _ = self.model.job[job]
            self.waits[priority].append(now_s - at)
            heapq.heappush(busy, (now_s + JOB_S * self.rng.uniform(0.5, 1.5), bench, job, fence))
        return idle

    def in_vain(self):
        """What a claim takes that reads over all that waits, since none of it fits."""
        self.c.execute("SELECT us, job FROM crowd.crowd(array_fill('none'::text, ARRAY[50]), array_fill(NULL::bigint, ARRAY[50]), array_fill(NULL::bigint, ARRAY[50]))")
        rows = self.c.fetchall()
        assert not any(job for _, job in rows)
        return quantile([us for us, _ in rows], 0.5)

    def run(self):
        """As many of each kind arrive as are done, to the end: no queue is ever empty."""
        o, now_s, busy, done, told = self.o, 0.0, [], 0, time.monotonic()
        self.arrive(0.0, [i % KINDS for i in range(o.waiting)])
        idle = [(bench, None, None) for bench in range(o.benches)]
        while done < o.jobs:
            ended = idle
            if busy:
                now_s = busy[0][0] + ROUND_S
                while busy and busy[0][0] < now_s:
                    ended = [*ended, heapq.heappop(busy)[1:]]
            kinds = [bench % KINDS for bench, job, _ in ended if job is not None]
            done += len(kinds)
            if kinds:
                self.arrive(now_s, kinds)
            idle = self.begin(now_s, ended, busy)
            if time.monotonic() > told + 60:
                told = time.monotonic()
                print(f"  {done} jobs done, {self.wrong} claims other than the model says", flush=True)
        for queues in self.model.queue:  # what waits at the end has waited, too
            for _, job in itertools.chain.from_iterable(queues.values()):
                if job not in self.model.job:  # claimed before its turn, and done
                    continue
                _, priority, at, _ = self.model.job[job]
                self.left[priority] = max(self.left[priority], now_s - at)
        return now_s


def quantile(values, p):
    return sorted(values)[min(len(values) - 1, int(p * len(values)))] if values else math.nan


def count(server, sql):
    return int(server.sql(sql)[0][0])


READ = "SELECT sum(idx_tup_fetch) FROM pg_stat_user_indexes WHERE relname = 'job'"
WHOLE = "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'job'"


def tell(sim, server, o, end_s):
    print(f"{o.benches} benches, {o.jobs} jobs, {o.waiting} waiting, seed {o.seed}: {end_s / 3600:.1f} h of simulated time, {len(sim.us)} claims, {sim.empty} of them in vain, "
          f"{sim.wrong} other than the model says")
    parts = [sim.us[len(sim.us) * i // 10:len(sim.us) * (i + 1) // 10] for i in (0, 9)]
    for name, us in zip(("first", "last"), parts):
        print(f"  a claim, {name} tenth: p50 {quantile(us, 0.5) / 1000:.2f} ms, p99 {quantile(us, 0.99) / 1000:.2f} ms, in the server")
    print(f"  a claim of a bench to which none of {o.waiting} fits: p50 {sim.in_vain() / 1000:.2f} ms")
    whole = count(server, WHOLE) - sim.whole
    print(f"  rows of jobs read for each, from claim to end, in the mean: {count(server, READ) / len(sim.us):.1f}; the whole table: {whole} times")
    for priority, waits in sim.waits.items():
        print(f"  priority {priority}: {len(waits)} begun, waited p50 {quantile(waits, 0.5):.0f} s, p99 {quantile(waits, 0.99):.0f} s, most {max(waits, default=0):.0f} s; "
              f"of those that wait still, {sim.left[priority]:.0f} s")
    gap = quantile(sim.waits[0], 0.5) - quantile(sim.waits[URGENT], 0.5)
    print(f"  the difference of the medians is {gap:.0f} s; {URGENT} steps of priority are worth {URGENT * STEP_S} s")
    starved = max(*sim.waits[0], sim.left[0]) > max(*sim.waits[URGENT], sim.left[URGENT]) + URGENT * STEP_S + 3 * JOB_S
    print("  starvation" if starved else f"  no job waited longer than an urgent one and {URGENT * STEP_S} s and three jobs' time")
    return starved or 100 * whole > len(sim.us)


def main():
    parser = argparse.ArgumentParser()
    for name, default in (("benches", 1000), ("jobs", 20000), ("waiting", 5000), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--by-priority-alone", action="store_true", help="as if waiting were worth nothing: what this program has to find")
    o = parser.parse_args()
    fleet.skip_without_postgres()
    server = fleet.Server(MEMORY)
    try:
        subprocess.run([rig.PENRIG, "fleet", "init", "--db", server.db()], check=True, stdout=subprocess.DEVNULL)
        server.sql("CREATE ROLE crowd LOGIN; GRANT penrig_agent TO crowd")
        world(server, o.benches)
        if o.by_priority_alone:
            server.sql("SET ROLE penrig_owner; CREATE OR REPLACE FUNCTION penrig.turn(p_submitted timestamptz, p_priority int) RETURNS timestamptz LANGUAGE sql STABLE AS "
                       "$$ SELECT p_submitted - p_priority * interval '1 year' $$")
        sim = Sim(server, o)
        sim.whole = count(server, WHOLE)
        starved = tell(sim, server, o, sim.run())
    finally:
        server.end()
    sys.exit(1 if starved or sim.wrong else 0)


if __name__ == "__main__":
    main()
