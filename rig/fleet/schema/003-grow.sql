-- As a fleet grows old: what a run holds comes free though its bench never comes back, and what a viewer asks takes the time of its
-- answer, not of all that there is. Programs of version 2 go on with these tables: their runs have no bound.

-- ---------- what never comes back ----------
-- By a bound that the run itself keeps, or by the word of somebody who has looked at its pen.
ALTER TABLE job ADD at_most interval CHECK (at_most > '0 s' AND at_most <= '30 days'); -- its run lasts no longer; NULL: no bound
ALTER TABLE attempt ADD ends_by timestamptz;  -- its pen stands still then; NULL: its run was told of no bound

-- Somebody has looked: the pen of this attempt stands still. What was said stays.
CREATE TABLE pen_release (job_id bigint NOT NULL, fence bigint NOT NULL, bench_id int NOT NULL REFERENCES bench,
  said_at timestamptz NOT NULL DEFAULT clock_timestamp(), said_by name NOT NULL DEFAULT session_user, why text NOT NULL CHECK (why <> ''),
  PRIMARY KEY (job_id, fence, said_at), FOREIGN KEY (job_id, fence) REFERENCES attempt);

-- Of an attempt that is open or expired: while its lease goes on, whatever else is said. Behind the lease's end until its bench says
-- that nothing runs there, or somebody who has looked; or the bound has passed, and its bench has not said since that it runs.
CREATE OR REPLACE FUNCTION pen_may_run(p_attempt attempt) RETURNS boolean LANGUAGE sql VOLATILE SET search_path = penrig, pg_temp AS $$
  SELECT p_attempt.state IN ('open', 'expired') AND (p_attempt.lease_until > clock_timestamp() OR NOT (
    EXISTS (SELECT FROM bench b WHERE b.bench_id = p_attempt.bench_id AND b.health_at > p_attempt.lease_until AND b.health->>'state' <> 'running')
    OR (p_attempt.ends_by IS NOT NULL AND p_attempt.ends_by <= clock_timestamp() AND NOT EXISTS (SELECT FROM bench b
      WHERE b.bench_id = p_attempt.bench_id AND b.health_at > p_attempt.ends_by AND b.health->>'state' = 'running'))
    OR EXISTS (SELECT FROM pen_release r WHERE r.job_id = p_attempt.job_id AND r.fence = p_attempt.fence AND r.said_at > p_attempt.lease_until))) $$;

-- An earlier attempt of the job itself holds its group, too: what the group shares may be in that one's hands.
CREATE OR REPLACE FUNCTION group_free(p_site smallint, p_group text, p_job bigint) RETURNS boolean LANGUAGE plpgsql VOLATILE
SET search_path = penrig, pg_temp AS $$ BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtext('penrig.exclusive'), hashtext(p_site || '/' || p_group)) THEN RETURN false; END IF;
  RETURN NOT EXISTS (SELECT FROM job j JOIN attempt a USING (job_id) WHERE j.site_id = p_site AND j.exclusive = p_group
    AND j.exclusive <> '' AND a.state IN ('open', 'expired') AND pen_may_run(a)); END $$;

-- Between claim and start: for how long the run may last from the moment at which this was asked, in seconds; NULL: no bound. A minute
-- more is for the pen to be seen standing still.
CREATE FUNCTION begins(p_bench text, p_epoch bigint, p_job bigint, p_fence bigint) RETURNS float8 LANGUAGE plpgsql SECURITY DEFINER
SET search_path = penrig, pg_temp AS $$
DECLARE v_bench bench := bench_of(p_bench, p_epoch); v_most interval; BEGIN
  SELECT at_most INTO v_most FROM job WHERE job_id = p_job;
  UPDATE attempt SET ends_by = clock_timestamp() + v_most + interval '1 min'
   WHERE job_id = p_job AND fence = p_fence AND bench_id = v_bench.bench_id;
  IF NOT FOUND THEN RAISE EXCEPTION 'job %/% was never given to bench %', p_job, p_fence, p_bench USING ERRCODE = 'PR002'; END IF;
  RETURN extract(epoch FROM v_most)::float8; END $$;

-- A bench that speaks says itself what runs; one whose lease goes on may still begin a run.
CREATE FUNCTION release_pens(p_bench text, p_why text) RETURNS int LANGUAGE plpgsql SECURITY DEFINER SET search_path = penrig, pg_temp AS $$
DECLARE v_bench bench; v_left interval; v_count int; BEGIN
  SELECT b.* INTO v_bench FROM bench b JOIN site_role r USING (site_id) WHERE b.name = p_bench AND r.rolname = session_user;
  IF NOT FOUND THEN RAISE EXCEPTION 'this role knows no bench %', p_bench USING ERRCODE = '42501'; END IF;
  PERFORM pg_advisory_xact_lock(hashtext('penrig.bench'), v_bench.bench_id);
  SELECT seen_at INTO v_bench.seen_at FROM bench WHERE bench_id = v_bench.bench_id; -- behind the lock: it may have spoken meanwhile
  SELECT max(lease_until) - clock_timestamp() INTO v_left FROM attempt WHERE bench_id = v_bench.bench_id AND state = 'open';
  IF v_left > '0 s' THEN
    RAISE EXCEPTION 'bench % holds a job for another % s: cancel that, or wait', p_bench, ceil(extract(epoch FROM v_left)) USING ERRCODE = 'PR006'; END IF;
  IF v_bench.seen_at > clock_timestamp() - interval '90 s' THEN
    RAISE EXCEPTION 'bench % was heard of % s ago, and says itself what runs there', p_bench,
      floor(extract(epoch FROM clock_timestamp() - v_bench.seen_at)) USING ERRCODE = 'PR006'; END IF;
  INSERT INTO pen_release (job_id, fence, bench_id, why)
    SELECT job_id, fence, bench_id, p_why FROM attempt a WHERE bench_id = v_bench.bench_id AND state IN ('open', 'expired') AND pen_may_run(a);
  GET DIAGNOSTICS v_count = ROW_COUNT;
  PERFORM pg_notify('penrig_job', v_bench.site_id::text);
  RETURN v_count; END $$;

-- p_at_most: NULL no bound.
CREATE FUNCTION submit(p_token uuid, p_site text, p_need text[], p_plan_name text, p_plan text, p_dut text, p_lot text, p_reports text[],
  p_priority int, p_deadline interval, p_max_attempts int, p_wait interval, p_exclusive text, p_reservation bigint, p_at_most interval)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = penrig, pg_temp AS $$
DECLARE v_id bigint := submit(p_token, p_site, p_need, p_plan_name, p_plan, p_dut, p_lot, p_reports, p_priority, p_deadline, p_max_attempts,
  p_wait, p_exclusive, p_reservation); BEGIN
  UPDATE job SET at_most = p_at_most WHERE job_id = v_id AND at_most IS DISTINCT FROM p_at_most; -- nobody sees it before
  RETURN v_id; END $$;

-- ---------- the queue ----------
-- What runs stands before what waits, in the order of turns, and would be passed over by every claim: so it is not in the index. What
-- ran out is found by its own, at the price that a renewal writes to it.
DROP INDEX job_queue;
CREATE INDEX job_queue ON job (site_id, turn_at, job_id) WHERE state = 'ready';
CREATE INDEX job_lapsed ON job (site_id, ready_at) WHERE state = 'leased';

-- Whether this bench may have the job now; v_held: the reservation that holds the bench.
CREATE FUNCTION fits(p_job job, p_labels text[], p_held bigint, p_skip text[], p_now timestamptz) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT p_job.ready_at <= p_now AND p_job.need <@ p_labels AND (p_job.deadline IS NULL OR p_job.deadline > p_now)
    AND (p_job.wait_until IS NULL OR p_job.wait_until > p_now) AND p_job.fence < p_job.max_attempts AND NOT p_job.cancelled
    AND p_job.reservation_id IS NOT DISTINCT FROM p_held AND NOT p_job.exclusive = ANY (p_skip) $$;

-- As before, but for the choice: the first of what waits, or what ran out where that has an earlier turn. The planner takes what
-- fits for one row of all, and would read and sort the whole queue to find it: here the index has the order, and the first rows fit.
CREATE OR REPLACE FUNCTION claim(p_bench text, p_epoch bigint, p_token uuid, p_lease interval) RETURNS SETOF claimed_job
LANGUAGE plpgsql SECURITY DEFINER SET search_path = penrig, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
SET jit = off AS $$
#variable_conflict use_column
DECLARE v_bench bench := bench_of(p_bench, p_epoch); v_held bigint; v_skip text[] := '{}'; v_job bigint; v_fence bigint; v_group text;
  v_now timestamptz; v_out job;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('penrig.bench'), v_bench.bench_id);
  v_now := clock_timestamp();
  IF EXISTS (SELECT FROM bench WHERE bench_id = v_bench.bench_id AND disabled_why IS NOT NULL)
     OR EXISTS (SELECT FROM attempt a WHERE a.bench_id = v_bench.bench_id AND a.state = 'open' AND a.lease_until > v_now) THEN RETURN; END IF;
  v_held := reserved_now(v_bench.bench_id);
  LOOP
    v_job := NULL;
    SELECT * INTO v_out FROM job j WHERE j.state = 'leased' AND j.site_id = v_bench.site_id AND j.ready_at <= v_now
       AND fits(j, v_bench.labels, v_held, v_skip, v_now) ORDER BY j.turn_at, j.job_id LIMIT 1;
    IF FOUND AND NOT EXISTS (SELECT FROM job j WHERE j.state = 'ready' AND j.site_id = v_bench.site_id
       AND (j.turn_at, j.job_id) < (v_out.turn_at, v_out.job_id) AND fits(j, v_bench.labels, v_held, v_skip, v_now)) THEN
      SELECT j.job_id, j.fence, j.exclusive INTO v_job, v_fence, v_group FROM job j
       WHERE j.job_id = v_out.job_id AND j.state = 'leased' AND fits(j, v_bench.labels, v_held, v_skip, v_now) FOR UPDATE OF j SKIP LOCKED;
    END IF;
    IF v_job IS NULL THEN
      SELECT j.job_id, j.fence, j.exclusive INTO v_job, v_fence, v_group FROM job j
       WHERE j.state = 'ready' AND j.site_id = v_bench.site_id AND fits(j, v_bench.labels, v_held, v_skip, v_now)
       ORDER BY j.turn_at, j.job_id LIMIT 1 FOR UPDATE OF j SKIP LOCKED;
    END IF;
    IF v_job IS NULL THEN RETURN; END IF;
    EXIT WHEN v_group = '' OR group_free(v_bench.site_id, v_group, v_job);
    v_skip := v_skip || v_group;
  END LOOP;
  RETURN QUERY
  WITH old AS (UPDATE attempt a SET state = 'expired', ended_at = clock_timestamp()
           WHERE a.job_id = v_job AND a.fence = v_fence AND a.state = 'open'),
  upd AS (UPDATE job j SET state = 'leased', fence = j.fence + 1, ready_at = clock_timestamp() + p_lease WHERE j.job_id = v_job RETURNING j.*),
  att AS (INSERT INTO attempt (job_id, fence, bench_id, epoch, token, lease_until)
          SELECT upd.job_id, upd.fence, v_bench.bench_id, v_bench.epoch, p_token, upd.ready_at FROM upd)
  SELECT upd.job_id, upd.fence, upd.plan_name, upd.plan, upd.plan_sha256, upd.dut, upd.lot, upd.reports,
         extract(epoch FROM upd.ready_at - clock_timestamp())::float8, extract(epoch FROM upd.deadline - clock_timestamp())::float8 FROM upd;
END $$;

-- ---------- whose rows ----------
-- A row that says itself whose it is needs no look at every run. Known where the run is: it stands there before them.
ALTER TABLE device_use ADD site_id smallint;
ALTER TABLE run_more ADD site_id smallint;
ALTER TABLE run_decided ADD site_id smallint;
CREATE FUNCTION site_of_run() RETURNS trigger LANGUAGE plpgsql SET search_path = penrig, pg_temp AS $$ BEGIN
  IF NEW.site_id IS NULL THEN
    SELECT r.site_id INTO NEW.site_id FROM run_key k JOIN run r ON r.run_no = k.run_no AND r.recorded_at = k.recorded_at WHERE k.run_no = NEW.run_no;
  END IF;
  RETURN NEW; END $$;
DO $$ DECLARE t text; BEGIN
  FOREACH t IN ARRAY ARRAY['device_use', 'run_more', 'run_decided'] LOOP
    EXECUTE format('ALTER TABLE %I DISABLE TRIGGER %I', t, t || '_stays');
    EXECUTE format('UPDATE %I x SET site_id = r.site_id FROM run r WHERE r.run_no = x.run_no', t);
    EXECUTE format('ALTER TABLE %I ENABLE TRIGGER %I', t, t || '_stays');
    EXECUTE format('CREATE TRIGGER %I BEFORE INSERT ON %I FOR EACH ROW EXECUTE FUNCTION site_of_run()', t || '_site', t);
    EXECUTE format('DROP POLICY by_site ON %I', t);
    EXECUTE format('CREATE POLICY by_site ON %I FOR SELECT USING (site_id = ANY ((SELECT my_sites())::smallint[]))', t);
  END LOOP; END $$;
CREATE INDEX device_use_site ON device_use (device_id, site_id);
-- A subselect for each row that is shown, and not, as EXISTS may be, one for all that there are.
DROP POLICY by_site ON attempt;
CREATE POLICY by_site ON attempt FOR SELECT USING ((SELECT j.site_id FROM job j WHERE j.job_id = attempt.job_id) = ANY ((SELECT my_sites())::smallint[]));

-- ---------- run files, for whoever sees the run ----------
CREATE FUNCTION seen_run(p_run uuid) RETURNS bigint LANGUAGE plpgsql STABLE SET search_path = penrig, pg_temp AS $$
DECLARE v_no bigint; BEGIN
  SELECT k.run_no INTO v_no FROM run_key k JOIN run r ON r.run_no = k.run_no AND r.recorded_at = k.recorded_at
   WHERE k.run_id = p_run AND r.site_id = ANY (my_sites());
  IF NOT FOUND THEN RAISE EXCEPTION 'this role knows no run %', p_run USING ERRCODE = '42501'; END IF;
  RETURN v_no; END $$;
CREATE FUNCTION run_file_of(p_run uuid) RETURNS TABLE (name text, sha256 text) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = penrig, pg_temp AS $$
#variable_conflict use_column
DECLARE v_no bigint := seen_run(p_run); BEGIN
  RETURN QUERY SELECT f.name, encode(f.sha256, 'hex') FROM run_file f JOIN run r ON r.run_no = f.run_no
    WHERE f.run_no = v_no AND f.name = r.name || '.penrig'; END $$; -- not that of a run beside it whose name goes on with a dot
CREATE FUNCTION run_piece(p_run uuid, p_name text, p_n int) RETURNS bytea LANGUAGE plpgsql SECURITY DEFINER
SET search_path = penrig, pg_temp AS $$
DECLARE v_no bigint := seen_run(p_run); BEGIN
  RETURN (SELECT p.data FROM run_file f JOIN file_piece p ON p.sha256 = f.sha256 WHERE f.run_no = v_no AND f.name = p_name AND p.n = p_n); END $$;

-- ---------- who may do what ----------
CREATE TRIGGER pen_release_stays BEFORE UPDATE OR DELETE ON pen_release FOR EACH ROW EXECUTE FUNCTION no_change();
CREATE TRIGGER pen_release_kept BEFORE TRUNCATE ON pen_release FOR EACH STATEMENT EXECUTE FUNCTION no_change();
ALTER TABLE pen_release ENABLE ROW LEVEL SECURITY;
CREATE POLICY by_site ON pen_release FOR SELECT USING ((SELECT j.site_id FROM job j WHERE j.job_id = pen_release.job_id) = ANY ((SELECT my_sites())::smallint[]));
GRANT SELECT ON pen_release TO penrig_viewer, penrig_submitter;
REVOKE EXECUTE ON FUNCTION fits(job, text[], bigint, text[], timestamptz), site_of_run(), seen_run(uuid), run_file_of(uuid), run_piece(uuid, text, int), begins(text, bigint, bigint, bigint), release_pens(text, text),
  submit(uuid, text, text[], text, text, text, text, text[], int, interval, int, interval, text, bigint, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION begins(text, bigint, bigint, bigint) TO penrig_agent;
GRANT EXECUTE ON FUNCTION release_pens(text, text),
  submit(uuid, text, text[], text, text, text, text, text[], int, interval, int, interval, text, bigint, interval) TO penrig_submitter;
GRANT EXECUTE ON FUNCTION run_file_of(uuid), run_piece(uuid, text, int) TO penrig_viewer, penrig_submitter;
