#!/usr/bin/python3
"""Many benches and many jobs against the very SQL that hands them out: who waits how long, and what a claim costs as the queue grows.
Time is simulated: jobs arrive and end on a clock of their own, and only the order of claims is the server's.
usage: fleet_queue.py [--benches N] [--jobs N] [--waiting N] [--seed N] [--by-priority-alone]"""
import argparse
import heapq
import random
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import fleet  # noqa: E402
import rig  # noqa: E402

JOB_S = 300.0  # a job takes about so long
STEP_S = 600   # docs/fleet.md: what a step of priority is worth
EPOCH = "'2026-01-01T00:00:00Z'::timestamptz"
SITES = 4


def world(server, benches):
    """Benches of four kinds, all of one login."""
    server.sql("SET ROLE penrig_owner; SET search_path = penrig;"
               "INSERT INTO site (name) SELECT 's' || i FROM generate_series(1, %d) i;"
               "INSERT INTO bench (name, site_id, login, epoch, labels, seen_at) SELECT 'b' || i, 1, 'crowd', 1, ARRAY['kind=' || i %% 4], now() FROM generate_series(0, %d) i" % (SITES, benches - 1))


def arrive(c, now_s, count, rng, made):
    """Nine tenths are urgent and come without end; the others have priority 0, and one in twenty a group."""
    rows = []
    for _ in range(count):
        kind, urgent = rng.randrange(4), rng.random() < 0.9
        group = f"g{rng.randrange(20)}" if rng.random() < 0.05 else ""
        rows.append((f"{{kind={kind}}}", 6 if urgent else 0, now_s, group))
    c.execute("SET ROLE penrig_owner; SET search_path = penrig")
    args = b",".join(c.mogrify(f"(1, %s, 'p', '', '', 'd', %s, {EPOCH} + %s * interval '1 s', %s, gen_random_uuid())", row) for row in rows).decode()
    c.execute("WITH new AS (INSERT INTO job (site_id, need, plan_name, plan, plan_sha256, dut, priority, submitted_at, exclusive, token, turn_at) "
              f"SELECT v.a, v.b::text[], v.c, v.d, v.e, v.f, v.g, v.h, v.i, v.j, turn(v.h, v.g) FROM (VALUES {args}) v(a, b, c, d, e, f, g, h, i, j) RETURNING job_id, priority) SELECT * FROM new")
    for job, priority in c.fetchall():
        made[job] = (priority, now_s)
    c.execute("RESET ROLE")


class Sim:
    def __init__(self, f, o):
        import psycopg2
        self.o, self.rng = o, random.Random(o.seed)
        self.admin, self.crowd = (psycopg2.connect(f.db(user)) for user in ("admin", "crowd"))
        self.admin.autocommit = self.crowd.autocommit = True
        self.a, self.c = self.admin.cursor(), self.crowd.cursor()
        self.c.execute("SET search_path = penrig")
        self.made, self.waits, self.claims = {}, {0: [], 6: []}, 0

    def claim(self, bench):
        self.claims += 1
        self.c.execute("SELECT job_id, fence FROM claim(%s, 1, gen_random_uuid(), '1 h')", (f"b{bench}",))
        return self.c.fetchone()

    def run(self):
        """As many arrive as can be done, and one in fifty more, so that the queue is never empty."""
        o, now, free, busy, submitted, done = self.o, 0.0, list(range(self.o.benches)), [], 0, 0
        arrive(self.a, 0.0, o.waiting, self.rng, self.made)
        submitted = o.waiting
        while done < o.jobs:
            idle = []
            for bench in free:
                row = self.claim(bench)
                if row is None:
                    idle.append(bench)
                    continue
                priority, at = self.made[row[0]]
                self.waits[priority].append(now - at)
                heapq.heappush(busy, (now + JOB_S * self.rng.uniform(0.5, 1.5), bench, row))
            now, bench, row = heapq.heappop(busy)
            ended = [(bench, row)]
            while busy and busy[0][0] < now + 2:
                _, bench, row = heapq.heappop(busy)
                ended.append((bench, row))
            for bench, (job, fence) in ended:
                self.c.execute("SELECT give_back(%s, %s, %s, 0, '', true, '0 s')", (f"b{bench}", job, fence))
            done += len(ended)
            free = idle + [bench for bench, _ in ended]
            if submitted < o.jobs:
                arrive(self.a, now, len(ended), self.rng, self.made)
                submitted += len(ended)
        return now


def quantile(values, p):
    return sorted(values)[min(len(values) - 1, int(p * len(values)))]


def main():
    parser = argparse.ArgumentParser()
    for name, default in (("benches", 1000), ("jobs", 20000), ("waiting", 5000), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--by-priority-alone", action="store_true", help="as if waiting were worth nothing: what this program has to find")
    o = parser.parse_args()
    fleet.skip_without_postgres()
    server = fleet.Server()
    try:
        subprocess.run([rig.PENRIG, "fleet", "init", "--db", server.db()], check=True, stdout=subprocess.DEVNULL)
        server.sql("CREATE ROLE crowd LOGIN; GRANT penrig_agent TO crowd")
        world(server, o.benches)
        if o.by_priority_alone:
            server.sql("SET ROLE penrig_owner; CREATE OR REPLACE FUNCTION penrig.turn(p_submitted timestamptz, p_priority int) RETURNS timestamptz LANGUAGE sql STABLE AS "
                       "$$ SELECT p_submitted - p_priority * interval '1 year' $$")
        sim = Sim(server, o)
        end = sim.run()
        print(f"{o.benches} benches, {o.jobs} jobs, {o.waiting} waiting, seed {o.seed}: {end / 3600:.1f} h of simulated time, {sim.claims} claims")
        for priority, waits in sim.waits.items():
            print(f"  priority {priority}: {len(waits)} begun, waited p50 {quantile(waits, 0.5):.0f} s, p99 {quantile(waits, 0.99):.0f} s, most {max(waits):.0f} s")
        left = int(server.sql("SELECT count(*) FROM penrig.job WHERE closed_at IS NULL AND priority = 0 AND NOT EXISTS (SELECT FROM penrig.attempt a WHERE a.job_id = job.job_id)")[0][0])
        gap = quantile(sim.waits[0], 0.5) - quantile(sim.waits[6], 0.5)
        print(f"  the difference of the medians is {gap:.0f} s; six steps of priority are worth {6 * STEP_S} s; {left} of priority 0 left at the end")
        starved = max(sim.waits[0]) > max(sim.waits[6]) + 6 * STEP_S + 3 * JOB_S
        print("  starvation" if starved else f"  no job waited longer than an urgent one and {6 * STEP_S} s and three jobs' time")
        sys.exit(1 if starved else 0)
    finally:
        server.end()


if __name__ == "__main__":
    main()
