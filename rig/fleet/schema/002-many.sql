-- Reservations, a queue in which waiting counts, groups of which one runs at a time, and the rest of what a history knows of a run.
-- Programs of version 1 go on with these tables: every function that they call is still there, and takes what it took.

-- A limit was for it, and it could not be judged: it has no value, and is a result all the same.
ALTER TABLE result ALTER value DROP NOT NULL;

-- ---------- reservations ----------
CREATE TABLE reservation (
  reservation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, site_id smallint NOT NULL REFERENCES site,
  bench_id int NOT NULL REFERENCES bench, token uuid NOT NULL UNIQUE, -- drawn by the holder
  holder name NOT NULL DEFAULT session_user, why text NOT NULL DEFAULT '',
  lasts interval NOT NULL CHECK (lasts > '0 s' AND lasts <= '7 days'), -- from granted_at on
  asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  granted_at timestamptz,                     -- NULL: the bench still does what it did before
  until timestamptz NOT NULL DEFAULT 'infinity', keep_until timestamptz NOT NULL, -- the holder's lease
  ended_at timestamptz) WITH (fillfactor = 70);
CREATE INDEX reservation_now ON reservation (bench_id) WHERE ended_at IS NULL;

-- The one that holds now; NULL: none. Not by ended_at alone: a holder that is gone writes nothing.
CREATE FUNCTION reserved_now(p_bench int) RETURNS bigint LANGUAGE sql VOLATILE SET search_path = penrig, pg_temp AS $$
  SELECT reservation_id FROM reservation WHERE bench_id = p_bench AND ended_at IS NULL AND until > clock_timestamp()
     AND keep_until > clock_timestamp() $$;
-- When a bench last said what it does: seen_at is later than that.
ALTER TABLE bench ADD health_at timestamptz;
CREATE FUNCTION health_now() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.health_at := clock_timestamp(); RETURN NEW; END $$;
CREATE TRIGGER bench_health BEFORE UPDATE OF health ON bench FOR EACH ROW EXECUTE FUNCTION health_now();
-- Whether its pen may still run: by a lease, or by one that ran out while nobody told how it ended. No run starts its pen behind the
-- lease's end: what a bench says after it holds, and what it said before does not, for a run may have begun since.
CREATE FUNCTION pen_may_run(p_attempt attempt) RETURNS boolean LANGUAGE sql VOLATILE SET search_path = penrig, pg_temp AS $$
  SELECT p_attempt.state = 'open' OR (p_attempt.state = 'expired' AND NOT EXISTS (SELECT FROM bench b WHERE b.bench_id = p_attempt.bench_id
    AND b.health_at > p_attempt.lease_until AND b.health->>'state' <> 'running')) $$;
CREATE FUNCTION may_run(p_bench int) RETURNS boolean LANGUAGE sql VOLATILE SET search_path = penrig, pg_temp AS $$
  SELECT EXISTS (SELECT FROM attempt a WHERE a.bench_id = p_bench AND a.state IN ('open', 'expired') AND pen_may_run(a)) $$;
CREATE INDEX attempt_expired ON attempt (bench_id) WHERE state = 'expired';
CREATE INDEX attempt_out ON attempt (job_id) WHERE state IN ('open', 'expired');

-- Takes a bench that has these labels, one that is idle before one that runs. Claims of that bench wait for the lock: none that
-- began before sees a queue without this reservation behind it.
CREATE FUNCTION reserve(p_token uuid, p_site text, p_need text[], p_lasts interval, p_keep interval, p_why text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = penrig, pg_temp AS $$
DECLARE v_site smallint := site_of(p_site); v_id bigint; v_bench bench; v_fit int := 0; BEGIN
  SELECT reservation_id INTO v_id FROM reservation WHERE token = p_token AND holder = session_user;
  IF FOUND THEN RETURN v_id; END IF;
  FOR v_bench IN SELECT * FROM bench b WHERE b.site_id = v_site AND p_need <@ b.labels ORDER BY may_run(b.bench_id), b.name LOOP
    v_fit := v_fit + 1;
    CONTINUE WHEN v_bench.disabled_why IS NOT NULL OR v_bench.seen_at IS NULL OR v_bench.seen_at < clock_timestamp() - interval '90 s';
    PERFORM pg_advisory_xact_lock(hashtext('penrig.bench'), v_bench.bench_id);
    CONTINUE WHEN reserved_now(v_bench.bench_id) IS NOT NULL;
    INSERT INTO reservation (site_id, bench_id, token, why, lasts, keep_until)
      VALUES (v_site, v_bench.bench_id, p_token, p_why, p_lasts, clock_timestamp() + p_keep) RETURNING reservation_id INTO v_id;
    RETURN v_id;
  END LOOP;
  RAISE EXCEPTION '%', CASE v_fit WHEN 0 THEN 'no bench has these labels'
    ELSE format('of %s that fit no bench is there, in service and not reserved', v_fit) END USING ERRCODE = 'PR005'; END $$;

-- Says that its holder lives. 'held': nothing else runs or begins there; 'waits': what was given out before still runs; 'over'.
CREATE FUNCTION reserved(p_id bigint, p_keep interval) RETURNS TABLE (state text, bench text, left_s float8)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = penrig, pg_temp AS $$
#variable_conflict use_column
DECLARE v_own reservation; v_now timestamptz := clock_timestamp(); BEGIN
  SELECT * INTO v_own FROM reservation WHERE reservation_id = p_id AND holder = session_user FOR UPDATE;
  IF NOT FOUND THEN RAISE EXCEPTION 'this role has no reservation %', p_id USING ERRCODE = '42501'; END IF;
  IF v_own.ended_at IS NULL AND v_own.until > v_now AND v_own.keep_until > v_now THEN
    IF v_own.granted_at IS NULL AND NOT may_run(v_own.bench_id) THEN
      v_own.granted_at := v_now; v_own.until := v_now + v_own.lasts; END IF;
    UPDATE reservation SET keep_until = v_now + p_keep, granted_at = v_own.granted_at, until = v_own.until WHERE reservation_id = p_id;
    RETURN QUERY SELECT CASE WHEN v_own.granted_at IS NULL THEN 'waits' ELSE 'held' END, b.name,
        CASE WHEN v_own.granted_at IS NULL THEN NULL ELSE extract(epoch FROM v_own.until - v_now)::float8 END
      FROM bench b WHERE b.bench_id = v_own.bench_id;
  ELSE
    RETURN QUERY SELECT 'over', b.name, 0::float8 FROM bench b WHERE b.bench_id = v_own.bench_id;
  END IF; END $$;

CREATE FUNCTION release(p_id bigint) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = penrig, pg_temp AS $$
DECLARE v_site smallint; BEGIN
  UPDATE reservation SET ended_at = clock_timestamp() WHERE reservation_id = p_id AND holder = session_user AND ended_at IS NULL
    RETURNING site_id INTO v_site;
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM pg_notify('penrig_job', v_site::text);
  RETURN true; END $$;

-- ---------- the queue ----------
-- A step of priority is worth ten minutes of waiting. So the order of two jobs never changes, an index keeps it, and no job waits
-- for one that came later than ten minutes times the difference of their priorities.
CREATE FUNCTION turn(p_submitted timestamptz, p_priority int) RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT p_submitted - p_priority * interval '10 min' $$;
ALTER TABLE job ADD turn_at timestamptz, ADD exclusive text NOT NULL DEFAULT '', -- of a group of which one runs at a time
  ADD reservation_id bigint REFERENCES reservation; -- NULL: any bench that nobody has reserved
UPDATE job SET turn_at = turn(submitted_at, priority);
ALTER TABLE job ALTER turn_at SET NOT NULL;
DROP INDEX job_queue;
CREATE INDEX job_queue ON job (site_id, turn_at, job_id) WHERE closed_at IS NULL;
CREATE INDEX job_exclusive ON job (site_id, exclusive) WHERE exclusive <> '';

CREATE FUNCTION submit(p_token uuid, p_site text, p_need text[], p_plan_name text, p_plan text, p_dut text, p_lot text, p_reports text[],
  p_priority int, p_deadline interval, p_max_attempts int, p_wait interval, p_exclusive text, p_reservation bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = penrig, pg_temp AS $$
DECLARE v_site smallint := site_of(p_site); v_id bigint; v_now timestamptz := clock_timestamp(); v_held reservation; BEGIN
  IF p_reservation IS NOT NULL THEN
    SELECT * INTO v_held FROM reservation WHERE reservation_id = p_reservation AND holder = session_user;
    IF NOT FOUND OR reserved_now(v_held.bench_id) IS DISTINCT FROM p_reservation THEN
      RAISE EXCEPTION 'reservation % is over, or another login''s', p_reservation USING ERRCODE = 'PR005'; END IF;
    v_site := v_held.site_id;
  END IF;
  INSERT INTO job (token, site_id, need, plan_name, plan, plan_sha256, dut, lot, reports, priority, deadline, max_attempts, wait_until,
      submitted_at, turn_at, exclusive, reservation_id)
    VALUES (p_token, v_site, p_need, p_plan_name, p_plan, encode(sha256(convert_to(p_plan, 'UTF8')), 'hex'), p_dut, p_lot, p_reports,
            p_priority, least(v_now + p_deadline, nullif(v_held.until, 'infinity')), p_max_attempts, v_now + p_wait, v_now,
            turn(v_now, p_priority), p_exclusive, p_reservation)
    ON CONFLICT (token) DO NOTHING RETURNING job_id INTO v_id;
  IF v_id IS NULL THEN SELECT job_id INTO v_id FROM job WHERE token = p_token AND submitted_by = session_user; END IF;
  PERFORM pg_notify('penrig_job', v_site::text);
  RETURN v_id; END $$;
CREATE OR REPLACE FUNCTION submit(p_token uuid, p_site text, p_need text[], p_plan_name text, p_plan text, p_dut text, p_lot text,
  p_reports text[], p_priority int, p_deadline interval, p_max_attempts int, p_wait interval) RETURNS bigint LANGUAGE sql SECURITY DEFINER
SET search_path = penrig, pg_temp AS $$
  SELECT submit(p_token, p_site, p_need, p_plan_name, p_plan, p_dut, p_lot, p_reports, p_priority, p_deadline, p_max_attempts, p_wait, '', NULL) $$;

-- Whether no other job of the group is out. Whoever is asked about the same group at this moment gets no; whoever had it has
-- committed, and the statement behind the lock sees that. A job that is closed still counts while its pen may run.
CREATE FUNCTION group_free(p_site smallint, p_group text, p_job bigint) RETURNS boolean LANGUAGE plpgsql VOLATILE
SET search_path = penrig, pg_temp AS $$ BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtext('penrig.exclusive'), hashtext(p_site || '/' || p_group)) THEN RETURN false; END IF;
  RETURN NOT EXISTS (SELECT FROM job j JOIN attempt a USING (job_id) WHERE j.site_id = p_site AND j.exclusive = p_group
    AND j.exclusive <> '' AND j.job_id <> p_job AND a.state IN ('open', 'expired') AND pen_may_run(a)); END $$;

-- The right to speak for the bench first; then its lock, behind which nobody reserves it and no second claim for it runs.
CREATE OR REPLACE FUNCTION claim(p_bench text, p_epoch bigint, p_token uuid, p_lease interval) RETURNS SETOF claimed_job
LANGUAGE plpgsql SECURITY DEFINER SET search_path = penrig, pg_temp AS $$
#variable_conflict use_column
DECLARE v_bench bench := bench_of(p_bench, p_epoch); v_held bigint; v_skip text[] := '{}'; v_job bigint; v_fence bigint; v_group text;
  v_now timestamptz;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('penrig.bench'), v_bench.bench_id);
  v_now := clock_timestamp();
  IF EXISTS (SELECT FROM bench WHERE bench_id = v_bench.bench_id AND disabled_why IS NOT NULL)
     OR EXISTS (SELECT FROM attempt a WHERE a.bench_id = v_bench.bench_id AND a.state = 'open' AND a.lease_until > v_now) THEN RETURN; END IF;
  v_held := reserved_now(v_bench.bench_id);
  LOOP
    SELECT j.job_id, j.fence, j.exclusive INTO v_job, v_fence, v_group FROM job j
     WHERE j.closed_at IS NULL AND j.ready_at <= v_now AND j.site_id = v_bench.site_id AND j.need <@ v_bench.labels
       AND (j.deadline IS NULL OR j.deadline > v_now) AND (j.wait_until IS NULL OR j.wait_until > v_now)
       AND j.fence < j.max_attempts AND NOT j.cancelled AND j.reservation_id IS NOT DISTINCT FROM v_held AND NOT j.exclusive = ANY (v_skip)
     ORDER BY j.turn_at, j.job_id LIMIT 1 FOR UPDATE OF j SKIP LOCKED;
    IF NOT FOUND THEN RETURN; END IF;
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

CREATE OR REPLACE FUNCTION expire() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = penrig, pg_temp AS $$
  WITH r AS (UPDATE reservation SET ended_at = least(until, keep_until) WHERE ended_at IS NULL
               AND (until <= statement_timestamp() OR keep_until <= statement_timestamp()) RETURNING pg_notify('penrig_job', site_id::text)),
  p AS MATERIALIZED (
    SELECT job_id, CASE WHEN cancelled THEN 'cancelled' WHEN deadline <= statement_timestamp() THEN 'expired'
                        WHEN wait_until <= statement_timestamp() OR is_over THEN 'cancelled' ELSE 'failed' END AS state,
           CASE WHEN cancelled THEN reason WHEN deadline <= statement_timestamp() THEN 'its deadline has passed'
                WHEN wait_until <= statement_timestamp() THEN 'whoever waited for it is gone'
                WHEN is_over THEN 'the reservation that it was for is over'
                ELSE 'it was given out ' || fence || ' times' || CASE reason WHEN '' THEN '' ELSE '; last: ' || reason END END AS why
      FROM job j, LATERAL (SELECT j.reservation_id IS NOT NULL AND NOT EXISTS (SELECT FROM reservation h WHERE h.reservation_id = j.reservation_id
             AND h.ended_at IS NULL AND h.until > statement_timestamp() AND h.keep_until > statement_timestamp()) AS is_over) o
     WHERE closed_at IS NULL AND ready_at <= statement_timestamp()
       AND (cancelled OR deadline <= statement_timestamp() OR wait_until <= statement_timestamp() OR fence >= max_attempts OR is_over)
     FOR UPDATE OF j SKIP LOCKED LIMIT 100),
  a AS (UPDATE attempt SET state = 'expired', ended_at = clock_timestamp() FROM p WHERE attempt.job_id = p.job_id AND attempt.state = 'open'),
  u AS (UPDATE job SET state = p.state, reason = p.why, ready_at = NULL, closed_at = clock_timestamp() FROM p WHERE job.job_id = p.job_id
        RETURNING pg_notify('penrig_done', job.job_id::text))
  SELECT count(*)::int FROM u $$;

-- ---------- runs ----------
-- What else a history has of it: the head of its chain, attributes, build, method and so on.
CREATE TABLE run_more (run_no bigint PRIMARY KEY REFERENCES run_key, more jsonb NOT NULL);
-- What was decided of it later, on the bench: how many later verdicts were formed, the worst of them, and every disposition. Each
-- time that there is more of either, a row; what stood before stays.
CREATE TABLE run_decided (run_no bigint NOT NULL REFERENCES run_key, judged int NOT NULL, disposed int NOT NULL,
  said_at timestamptz NOT NULL DEFAULT clock_timestamp(), bench_id int NOT NULL, later text NOT NULL, later_reason text NOT NULL,
  dispositions jsonb NOT NULL, digest bytea NOT NULL, -- of the three: what was decided on two copies of a file differs in nothing else
  PRIMARY KEY (run_no, judged, disposed, digest));

CREATE FUNCTION put_decided(p_no bigint, p_bench int, p_decided jsonb) RETURNS void LANGUAGE sql SET search_path = penrig, pg_temp AS $$
  INSERT INTO run_decided (run_no, judged, disposed, bench_id, later, later_reason, dispositions, digest)
    SELECT p_no, (p_decided->>'judged')::int, jsonb_array_length(p_decided->'dispositions'), p_bench, p_decided->>'later',
           p_decided->>'later_reason', p_decided->'dispositions', sha256(convert_to(jsonb_build_array(p_decided->'later',
           p_decided->'later_reason', p_decided->'dispositions')::text, 'UTF8'))
     WHERE (p_decided->>'judged')::int > 0 OR jsonb_array_length(p_decided->'dispositions') > 0 ON CONFLICT DO NOTHING $$;

-- Where each copy of the run's file stands: lists of dispositions that are no beginning of another.
CREATE VIEW run_disposed WITH (security_invoker = true) AS
  SELECT DISTINCT r.run_no, r.disposed, r.dispositions, r.dispositions->-1->>'decision' AS decision FROM run_decided r
   WHERE r.disposed > 0 AND NOT EXISTS (SELECT FROM run_decided o WHERE o.run_no = r.run_no AND o.disposed > r.disposed
     AND (SELECT jsonb_agg(e ORDER BY i) FROM jsonb_array_elements(o.dispositions) WITH ORDINALITY AS t(e, i) WHERE i <= r.disposed) = r.dispositions);

ALTER FUNCTION record(text, bigint, bigint, jsonb) RENAME TO record_run;
REVOKE EXECUTE ON FUNCTION record_run(text, bigint, bigint, jsonb) FROM penrig_agent;
-- A run that is known already may bring what was decided of it since: from its own bench, and from no other.
CREATE FUNCTION record(p_bench text, p_job bigint, p_fence bigint, p_run jsonb) RETURNS text LANGUAGE plpgsql SECURITY DEFINER
SET search_path = penrig, pg_temp AS $$
DECLARE v_label text := record_run(p_bench, p_job, p_fence, p_run); v_no bigint; v_at timestamptz; BEGIN
  IF v_label = 'CONFLICT' THEN RETURN v_label; END IF;
  SELECT run_no, recorded_at INTO v_no, v_at FROM run_key WHERE run_id = (p_run->>'run')::uuid;
  IF NOT EXISTS (SELECT FROM run JOIN bench USING (bench_id) WHERE run_no = v_no AND recorded_at = v_at AND bench.name = p_bench) THEN
    RAISE EXCEPTION 'run % is another bench''s', p_run->>'run' USING ERRCODE = '42501'; END IF;
  IF p_run->'more' IS NOT NULL THEN
    INSERT INTO run_more (run_no, more) VALUES (v_no, (p_run->'more') || jsonb_build_object('head', p_run->>'head')) ON CONFLICT DO NOTHING; END IF;
  IF p_run->'decided' IS NOT NULL THEN PERFORM put_decided(v_no, (SELECT bench_id FROM bench WHERE name = p_bench), p_run->'decided'); END IF;
  IF v_label = 'known' THEN -- without a file it may be that arrives now
    PERFORM put_files(v_no, (SELECT coalesce(jsonb_agg(f), '[]') FROM jsonb_array_elements(p_run->'files') f
      WHERE NOT EXISTS (SELECT FROM run_file h WHERE h.run_no = v_no AND h.name = f->>'name')));
    IF (SELECT count(DISTINCT decision) FROM run_disposed WHERE run_no = v_no) > 1 THEN
      PERFORM pg_notify('penrig_alarm', p_run->>'run');
      v_label := 'OTHERWISE'; END IF;
  END IF;
  RETURN v_label; END $$;
-- Whether it was recorded with its run file: then its files need not be sent again.
CREATE FUNCTION recorded(p_bench text, p_run uuid) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = penrig, pg_temp AS $$
DECLARE v_bench bench := bench_of(p_bench, NULL); BEGIN
  RETURN EXISTS (SELECT FROM run_key k JOIN run r USING (run_no, recorded_at) JOIN run_file f USING (run_no)
    WHERE k.run_id = p_run AND f.name = r.name || '.penrig'); END $$;

-- Of a verdict; '' there is none.
CREATE FUNCTION badness(p_verdict text) RETURNS int LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(array_position('{"",pass,pass_on_statement,conditional_pass}', p_verdict),
                  CASE WHEN p_verdict IN ('fail', 'conditional_fail') THEN 6 ELSE 5 END) $$;
-- A run as an agent tells it (docs/fleet-protocol.md), for whoever keeps a history of several benches.
CREATE VIEW run_told WITH (security_invoker = true) AS
  SELECT r.run_no, r.recorded_at, r.taken_at, r.dut, r.lot, r.plan, r.bench, r.operator, r.status, r.started, r.label,
    jsonb_build_object('run', r.run_id, 'head', coalesce(m.more->>'head', ''), 'name', r.name, 'host', r.host, 'started', r.started,
      'ended', r.ended, 'dut', r.dut, 'lot', r.lot, 'plan', r.plan, 'plan_sha256', r.plan_sha256, 'bench', r.bench,
      'bench_sha256', r.bench_sha256, 'operator', r.operator, 'verdict', r.verdict, 'status', r.status, 'exit_code', r.exit_code,
      'reason', r.reason, 'software', r.software, 'more', m.more,
      'results', (SELECT coalesce(jsonb_agg(jsonb_build_object('measurand', q.measurand, 'method', q.method, 'unit', q.unit, 'place', x.place,
          'sweep', x.sweep, 'step', x.step, 'phantom', x.phantom, 'depth_mm', x.depth_mm, 'rate_hz', x.rate_hz, 'attempt', x.attempt,
          'value', x.value, 'u', x.u, 'expanded_u', x.expanded_u, 'n', x.n, 'outcome', x.outcome, 'lower', x.lower, 'upper', x.upper)
          ORDER BY x.place, q.measurand, q.method), '[]') FROM result x JOIN quantity q USING (quantity_id)
        WHERE x.run_no = r.run_no AND x.recorded_at = r.recorded_at),
      'devices', (SELECT coalesce(jsonb_agg(jsonb_build_object('number', u.number, 'role', u.role, 'driver', d.driver, 'model', u.model,
          'serial', d.serial, 'firmware', u.firmware, 'certificate', u.certificate, 'due', u.due) ORDER BY u.number), '[]')
        FROM device_use u JOIN device d USING (device_id) WHERE u.run_no = r.run_no),
      'decided', (SELECT jsonb_build_object('judged', max(judged), 'later', (array_agg(later ORDER BY badness(later) DESC, judged DESC))[1],
          'later_reason', (array_agg(later_reason ORDER BY badness(later) DESC, judged DESC))[1],
          'dispositions', coalesce((SELECT d.dispositions FROM run_disposed d WHERE d.run_no = r.run_no
            ORDER BY array_position('{reject,retest,accept}', d.decision), d.disposed DESC, d.dispositions::text LIMIT 1), '[]'))
        FROM run_decided c WHERE c.run_no = r.run_no HAVING count(*) > 0)
    ) AS told
    FROM run r LEFT JOIN run_more m USING (run_no);

-- ---------- who may do what ----------
DO $$ DECLARE t text; BEGIN
  FOREACH t IN ARRAY ARRAY['run_more', 'run_decided'] LOOP
    EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION no_change()', t || '_stays', t);
    EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION no_change()', t || '_kept', t);
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY by_site ON %I FOR SELECT USING (EXISTS (SELECT FROM run WHERE run.run_no = %I.run_no))', t, t);
  END LOOP; END $$;
ALTER TABLE reservation ENABLE ROW LEVEL SECURITY;
CREATE POLICY by_site ON reservation FOR SELECT USING (site_id = ANY ((SELECT my_sites())::smallint[]));
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA penrig FROM PUBLIC;
GRANT SELECT (reservation_id, site_id, bench_id, holder, why, asked_at, granted_at, until, keep_until, ended_at) ON reservation
  TO penrig_viewer, penrig_submitter, penrig_agent;
GRANT SELECT ON run_more, run_decided, run_disposed, run_told TO penrig_viewer, penrig_submitter;
GRANT EXECUTE ON FUNCTION record(text, bigint, bigint, jsonb), recorded(text, uuid) TO penrig_agent;
GRANT EXECUTE ON FUNCTION badness(text) TO penrig_viewer, penrig_submitter;
GRANT EXECUTE ON FUNCTION submit(uuid, text, text[], text, text, text, text, text[], int, interval, int, interval, text, bigint),
  reserve(uuid, text, text[], interval, interval, text), reserved(bigint, interval), release(bigint) TO penrig_submitter;
