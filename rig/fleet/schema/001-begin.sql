-- The fleet's tables and what may be done with them. docs/fleet-protocol.md says it in words; whoever changes this changes that.
-- Every step is one statement, a function call, in READ COMMITTED. Functions are SECURITY DEFINER with a search_path of their
-- own and ask session_user who calls; parameters begin with p_, variables with v_, so that none is taken for a column.

-- ---------- who, and where ----------
CREATE TABLE site (site_id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE TABLE site_role (rolname name NOT NULL, site_id smallint NOT NULL REFERENCES site, PRIMARY KEY (rolname, site_id));
CREATE TABLE bench (
  bench_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE, site_id smallint NOT NULL REFERENCES site,
  login name NOT NULL,                        -- the role that may speak for this bench
  epoch bigint NOT NULL DEFAULT 0,            -- grows with each agent that begins: fences two agents of one bench
  labels text[] NOT NULL DEFAULT '{}', health jsonb NOT NULL DEFAULT '{}', seen_at timestamptz,
  disabled_why text, disabled_by name, disabled_at timestamptz);

-- ---------- jobs ----------
CREATE TABLE job (
  job_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, site_id smallint NOT NULL REFERENCES site,
  need text[] NOT NULL DEFAULT '{}',          -- each must be among the bench's labels
  plan_name text NOT NULL, plan text NOT NULL, plan_sha256 text NOT NULL, dut text NOT NULL, lot text NOT NULL DEFAULT '',
  reports text[] NOT NULL DEFAULT '{}', priority int NOT NULL DEFAULT 0, deadline timestamptz, max_attempts int NOT NULL DEFAULT 5,
  wait_until timestamptz,                     -- NULL: nobody waits; else the lease of whoever does
  submitted_by name NOT NULL DEFAULT session_user, submitted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  ready_at timestamptz DEFAULT clock_timestamp(), -- may be taken from here on; while leased the lease's end; NULL: closed
  fence bigint NOT NULL DEFAULT 0,            -- the last fencing number that was given out
  cancelled boolean NOT NULL DEFAULT false,
  state text NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'leased', 'done', 'failed', 'expired', 'cancelled')),
  run_id uuid, exit_code int, reason text NOT NULL DEFAULT '', closed_at timestamptz,
  token uuid NOT NULL UNIQUE,                 -- drawn by the submitter
  CHECK ((closed_at IS NULL) = (state IN ('ready', 'leased'))), CHECK ((closed_at IS NULL) = (ready_at IS NOT NULL)))
  WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
-- By closed_at, not ready_at: what an index or its predicate names cannot be changed in place, and ready_at changes all the time.
CREATE INDEX job_queue ON job (priority DESC, job_id) WHERE closed_at IS NULL;
CREATE INDEX job_closed ON job (closed_at) WHERE closed_at IS NOT NULL;

CREATE TABLE attempt (
  job_id bigint NOT NULL REFERENCES job, fence bigint NOT NULL, bench_id int NOT NULL REFERENCES bench, epoch bigint NOT NULL,
  token uuid NOT NULL UNIQUE,                 -- drawn by the agent: a claim whose answer was lost is found again
  claimed_at timestamptz NOT NULL DEFAULT clock_timestamp(), lease_until timestamptz NOT NULL,
  ended_at timestamptz, run_id uuid, reason text NOT NULL DEFAULT '',
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'won', 'superseded', 'aborted', 'expired', 'given_back')),
  PRIMARY KEY (job_id, fence));
CREATE INDEX attempt_open ON attempt (bench_id) WHERE state = 'open';

-- ---------- runs ----------
-- A unique key of a table parted by time has to hold the time, so that a run's id would not be unique by itself: this one decides.
CREATE TABLE run_key (run_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, run_id uuid NOT NULL UNIQUE,
  chain_head bytea NOT NULL CHECK (octet_length(chain_head) IN (0, 32)), -- empty: of a run that was killed before its chain had an end
  recorded_at timestamptz NOT NULL);
CREATE TABLE run_conflict (at timestamptz NOT NULL DEFAULT clock_timestamp(), bench_id int NOT NULL, run_id uuid NOT NULL,
  have bytea NOT NULL, got bytea NOT NULL, PRIMARY KEY (run_id, got));
CREATE TABLE run (
  run_no bigint NOT NULL, recorded_at timestamptz NOT NULL, -- by the server's clock
  taken_at timestamptz NOT NULL,              -- the earlier of bench's and server's clock: never behind recorded_at
  bench_at timestamptz NOT NULL,              -- the bench's own clock, as it was
  run_id uuid NOT NULL, site_id smallint NOT NULL, bench_id int NOT NULL, job_id bigint, fence bigint,
  label text NOT NULL CHECK (label IN ('won', 'superseded', 'aborted', 'free')),
  name text NOT NULL, host text NOT NULL, dut text NOT NULL, lot text NOT NULL, plan text NOT NULL, plan_sha256 text NOT NULL,
  bench text NOT NULL, bench_sha256 text NOT NULL, operator text NOT NULL, verdict text NOT NULL, status text NOT NULL,
  exit_code int NOT NULL, reason text NOT NULL, software text NOT NULL, started text NOT NULL, ended text NOT NULL,
  PRIMARY KEY (run_no, recorded_at)) PARTITION BY RANGE (recorded_at);
CREATE INDEX run_job ON run (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX run_dut ON run (dut, taken_at);
CREATE TABLE quantity (quantity_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, measurand text NOT NULL, method text NOT NULL,
  unit text NOT NULL, UNIQUE (measurand, method, unit));
CREATE TABLE result (                         -- the widest first: least padding
  run_no bigint NOT NULL, recorded_at timestamptz NOT NULL, taken_at timestamptz NOT NULL,
  value float8 NOT NULL, u float8, expanded_u float8, lower float8, upper float8, depth_mm float8, rate_hz float8,
  n bigint NOT NULL, quantity_id int NOT NULL, place int NOT NULL, step int NOT NULL, attempt int NOT NULL, site_id smallint NOT NULL,
  sweep boolean NOT NULL, outcome text NOT NULL, phantom text NOT NULL) PARTITION BY RANGE (recorded_at);
CREATE INDEX result_run ON result (run_no);
CREATE INDEX result_quantity ON result (quantity_id, taken_at, recorded_at);
CREATE TABLE device (device_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, driver text NOT NULL, serial text NOT NULL,
  UNIQUE (driver, serial));
CREATE TABLE device_use (device_id int NOT NULL REFERENCES device, taken_at timestamptz NOT NULL, run_no bigint NOT NULL REFERENCES run_key,
  recorded_at timestamptz NOT NULL, number int NOT NULL, role text NOT NULL, model text NOT NULL, firmware text NOT NULL,
  certificate text NOT NULL, due text NOT NULL, PRIMARY KEY (run_no, number));
CREATE INDEX device_use_since ON device_use (device_id, taken_at);
CREATE INDEX device_use_certificate ON device_use (certificate, taken_at);

-- ---------- files, by what is in them ----------
CREATE TABLE file (sha256 bytea PRIMARY KEY CHECK (octet_length(sha256) = 32), size bigint NOT NULL CHECK (size > 0),
  complete boolean NOT NULL DEFAULT false);
CREATE TABLE file_piece (sha256 bytea NOT NULL REFERENCES file ON DELETE CASCADE, n int NOT NULL,
  data bytea NOT NULL CHECK (octet_length(data) BETWEEN 1 AND 262144), PRIMARY KEY (sha256, n));
ALTER TABLE file_piece ALTER data SET STORAGE EXTERNAL; -- run files are packed already
CREATE TABLE run_file (run_no bigint NOT NULL REFERENCES run_key, name text NOT NULL, sha256 bytea NOT NULL REFERENCES file,
  PRIMARY KEY (run_no, name));

-- ---------- months ----------
CREATE FUNCTION make_month(p_day date) RETURNS void LANGUAGE plpgsql SET search_path = penrig, pg_temp AS $$
DECLARE v_from date := date_trunc('month', p_day); v_to date := date_trunc('month', p_day) + interval '1 month'; v_table text; v_part text;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('penrig.make_month'));
  FOREACH v_table IN ARRAY ARRAY['run', 'result'] LOOP
    v_part := v_table || to_char(v_from, '_YYYYMM');
    IF to_regclass(format('penrig.%I', v_part)) IS NULL THEN
      -- Made apart and attached: that locks the table for nobody who reads or writes it.
      EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', v_part, v_table);
      EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', v_table, v_part,
        v_from::timestamp AT TIME ZONE 'UTC', v_to::timestamp AT TIME ZONE 'UTC');
      -- Triggers for each row come with the parent; those of a statement do not.
      EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION no_change()', v_part || '_kept', v_part);
    END IF;
  END LOOP; END $$;

-- ---------- what an agent may do ----------
CREATE FUNCTION bench_of(p_bench text, p_epoch bigint) RETURNS bench LANGUAGE plpgsql STABLE SET search_path = penrig, pg_temp AS $$
DECLARE v_bench bench; BEGIN
  SELECT * INTO v_bench FROM bench WHERE name = p_bench AND login = session_user;
  IF NOT FOUND THEN RAISE EXCEPTION 'this role may not speak for bench %', p_bench USING ERRCODE = '42501'; END IF;
  IF p_epoch IS NOT NULL AND v_bench.epoch <> p_epoch THEN
    RAISE EXCEPTION 'another agent has taken over bench %', p_bench USING ERRCODE = 'PR001'; END IF;
  RETURN v_bench; END $$;

CREATE FUNCTION register(p_bench text, p_labels text[], p_health jsonb) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = penrig, pg_temp AS $$
DECLARE v_bench bench := bench_of(p_bench, NULL); v_epoch bigint; BEGIN
  UPDATE bench SET epoch = epoch + 1, labels = ARRAY(SELECT DISTINCT x FROM unnest(p_labels) x ORDER BY 1), health = p_health,
    seen_at = clock_timestamp() WHERE bench_id = v_bench.bench_id RETURNING epoch INTO v_epoch;
  RETURN v_epoch; END $$;

CREATE FUNCTION heartbeat(p_bench text, p_epoch bigint, p_health jsonb) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = penrig, pg_temp AS $$
DECLARE v_bench bench := bench_of(p_bench, p_epoch); BEGIN
  UPDATE bench SET health = p_health, seen_at = clock_timestamp() WHERE bench_id = v_bench.bench_id; RETURN true; END $$;

CREATE TYPE claimed_job AS (job_id bigint, fence bigint, plan_name text, plan text, plan_sha256 text, dut text, lot text, reports text[],
  lease_s float8, deadline_s float8);

-- One statement chooses, locks, leases, fences, and writes the attempt. The right to speak for the bench is tested before it: as
-- a part of it, it would never be looked at while no job waits.
CREATE FUNCTION claim(p_bench text, p_epoch bigint, p_token uuid, p_lease interval) RETURNS SETOF claimed_job
LANGUAGE plpgsql SECURITY DEFINER SET search_path = penrig, pg_temp AS $$
DECLARE v_bench bench := bench_of(p_bench, p_epoch);
BEGIN RETURN QUERY
  WITH pick AS MATERIALIZED (
    SELECT j.job_id, j.fence FROM job j
     WHERE j.closed_at IS NULL AND j.ready_at <= statement_timestamp() AND j.site_id = v_bench.site_id AND j.need <@ v_bench.labels
       AND (j.deadline IS NULL OR j.deadline > statement_timestamp()) AND (j.wait_until IS NULL OR j.wait_until > statement_timestamp())
       AND j.fence < j.max_attempts AND NOT j.cancelled AND v_bench.disabled_why IS NULL
       AND NOT EXISTS (SELECT FROM attempt a WHERE a.bench_id = v_bench.bench_id AND a.state = 'open' AND a.lease_until > statement_timestamp())
     ORDER BY j.priority DESC, j.job_id LIMIT 1 FOR UPDATE OF j SKIP LOCKED),
  old AS (UPDATE attempt a SET state = 'expired', ended_at = clock_timestamp() FROM pick
           WHERE a.job_id = pick.job_id AND a.fence = pick.fence AND a.state = 'open'),
  upd AS (UPDATE job j SET state = 'leased', fence = j.fence + 1, ready_at = clock_timestamp() + p_lease FROM pick
           WHERE j.job_id = pick.job_id RETURNING j.*),
  att AS (INSERT INTO attempt (job_id, fence, bench_id, epoch, token, lease_until)
          SELECT upd.job_id, upd.fence, v_bench.bench_id, v_bench.epoch, p_token, upd.ready_at FROM upd)
  SELECT upd.job_id, upd.fence, upd.plan_name, upd.plan, upd.plan_sha256, upd.dut, upd.lot, upd.reports,
         extract(epoch FROM upd.ready_at - clock_timestamp())::float8, extract(epoch FROM upd.deadline - clock_timestamp())::float8 FROM upd;
END $$;

-- The answer to a claim was lost: had it happened? No row: it had not, and the same token may be used again.
CREATE FUNCTION claimed(p_bench text, p_epoch bigint, p_token uuid) RETURNS SETOF claimed_job
LANGUAGE plpgsql SECURITY DEFINER SET search_path = penrig, pg_temp AS $$
DECLARE v_bench bench := bench_of(p_bench, p_epoch);
BEGIN RETURN QUERY
  SELECT j.job_id, a.fence, j.plan_name, j.plan, j.plan_sha256, j.dut, j.lot, j.reports,
         extract(epoch FROM a.lease_until - clock_timestamp())::float8, extract(epoch FROM j.deadline - clock_timestamp())::float8
    FROM attempt a JOIN job j USING (job_id)
   WHERE a.bench_id = v_bench.bench_id AND a.token = p_token AND a.state = 'open' AND a.fence = j.fence AND j.state = 'leased';
END $$;

-- 'held': until another lease from now; 'stop': held, and whoever submitted it wants it no more; 'lost': another has the job, or it
-- is closed. A lease that ran out and that nobody took is held again: the fence decides, not the clock.
CREATE FUNCTION renew(p_bench text, p_epoch bigint, p_job bigint, p_fence bigint, p_lease interval) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = penrig, pg_temp AS $$
DECLARE v_bench bench := bench_of(p_bench, p_epoch); v_until timestamptz; v_cancelled boolean; BEGIN
  UPDATE bench SET seen_at = clock_timestamp() WHERE bench_id = v_bench.bench_id;
  UPDATE job j SET ready_at = clock_timestamp() + p_lease WHERE j.job_id = p_job AND j.fence = p_fence AND j.state = 'leased'
     AND EXISTS (SELECT FROM attempt a WHERE a.job_id = p_job AND a.fence = p_fence AND a.bench_id = v_bench.bench_id)
   RETURNING j.ready_at, j.cancelled INTO v_until, v_cancelled;
  IF NOT FOUND THEN RETURN 'lost'; END IF;
  UPDATE attempt SET lease_until = v_until WHERE job_id = p_job AND fence = p_fence;
  RETURN CASE WHEN v_cancelled THEN 'stop' ELSE 'held' END; END $$;

-- Without a run: it did not begin. p_final: no other bench would begin it either, and the job fails with that exit code; else it
-- waits for p_after. False: the job was not held any more.
CREATE FUNCTION give_back(p_bench text, p_job bigint, p_fence bigint, p_exit int, p_why text, p_final boolean, p_after interval)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = penrig, pg_temp AS $$
DECLARE v_bench bench := bench_of(p_bench, NULL); v_job job; BEGIN
  SELECT * INTO v_job FROM job WHERE job_id = p_job FOR UPDATE;
  UPDATE attempt SET state = 'given_back', ended_at = clock_timestamp(), reason = p_why
   WHERE job_id = p_job AND fence = p_fence AND bench_id = v_bench.bench_id AND state IN ('open', 'expired');
  IF NOT FOUND OR v_job.state <> 'leased' OR v_job.fence <> p_fence THEN RETURN false; END IF;
  IF p_final OR v_job.cancelled THEN
    UPDATE job SET state = CASE WHEN v_job.cancelled THEN 'cancelled' ELSE 'failed' END, ready_at = NULL, exit_code = p_exit,
      reason = p_why, closed_at = clock_timestamp() WHERE job_id = p_job;
    PERFORM pg_notify('penrig_done', p_job::text);
  ELSE
    UPDATE job SET state = 'ready', ready_at = clock_timestamp() + p_after, reason = p_why WHERE job_id = p_job;
    PERFORM pg_notify('penrig_job', v_job.site_id::text);
  END IF;
  RETURN true; END $$;

-- What a run makes of its job. Called by record() alone, with the job's row locked. A failure that was proven answers it, however
-- the run ended. Where the last lease ran out and expire() closed the job, nobody else took it: its run answers all the same.
CREATE FUNCTION answer(p_job job, p_fence bigint, p_run uuid, p_verdict text, p_status text, p_exit int, p_why text) RETURNS text
LANGUAGE plpgsql SET search_path = penrig, pg_temp AS $$
DECLARE v_cut boolean := (p_status = 'interrupted' OR p_exit = 5) AND p_verdict NOT IN ('fail', 'conditional_fail'); -- 5: the bench was in use, or it came too late
  v_label text := CASE WHEN v_cut THEN 'aborted' ELSE 'superseded' END;
  v_held boolean := p_job.state = 'leased' AND p_job.fence = p_fence;
  v_last boolean := p_job.fence = p_fence AND EXISTS (SELECT FROM attempt a WHERE a.job_id = p_job.job_id AND a.fence = p_fence AND a.state = 'expired')
    AND p_job.state IN ('expired', 'failed', 'cancelled'); BEGIN
  IF v_held AND v_cut AND NOT p_job.cancelled THEN
    UPDATE job SET state = 'ready', ready_at = clock_timestamp(), reason = p_why WHERE job_id = p_job.job_id;
    PERFORM pg_notify('penrig_job', p_job.site_id::text);
  ELSIF v_held OR (v_last AND NOT v_cut) THEN
    v_label := CASE WHEN v_cut THEN 'aborted' ELSE 'won' END;
    UPDATE job SET state = CASE WHEN v_cut THEN 'cancelled' ELSE 'done' END, ready_at = NULL, run_id = p_run, exit_code = p_exit,
      reason = p_why, closed_at = clock_timestamp() WHERE job_id = p_job.job_id;
    PERFORM pg_notify('penrig_done', p_job.job_id::text);
  END IF;
  UPDATE attempt SET state = v_label, ended_at = clock_timestamp(), run_id = p_run WHERE job_id = p_job.job_id AND fence = p_fence;
  RETURN v_label; END $$;

CREATE FUNCTION put_results(p_no bigint, p_site smallint, p_recorded timestamptz, p_taken timestamptz, p_results jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = penrig, pg_temp AS $$
BEGIN
  INSERT INTO quantity (measurand, method, unit)
    SELECT DISTINCT q.measurand, q.method, q.unit FROM jsonb_to_recordset(p_results) AS q(measurand text, method text, unit text)
     WHERE NOT EXISTS (SELECT FROM quantity k WHERE (k.measurand, k.method, k.unit) = (q.measurand, q.method, q.unit))
     ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING;
  INSERT INTO result (run_no, recorded_at, taken_at, value, u, expanded_u, lower, upper, depth_mm, rate_hz, n, quantity_id, place, step,
      attempt, site_id, sweep, outcome, phantom)
    SELECT p_no, p_recorded, p_taken, q.value, q.u, q.expanded_u, q.lower, q.upper, q.depth_mm, q.rate_hz, q.n, k.quantity_id, q.place,
           q.step, q.attempt, p_site, q.sweep, q.outcome, q.phantom
      FROM jsonb_to_recordset(p_results) AS q(measurand text, method text, unit text, value float8, u float8, expanded_u float8,
           lower float8, upper float8, depth_mm float8, rate_hz float8, n bigint, place int, step int, attempt int, sweep boolean,
           outcome text, phantom text)
      JOIN quantity k USING (measurand, method, unit);
END $$;

CREATE FUNCTION put_devices(p_no bigint, p_recorded timestamptz, p_taken timestamptz, p_devices jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = penrig, pg_temp AS $$
BEGIN
  INSERT INTO device (driver, serial)
    SELECT DISTINCT d.driver, d.serial FROM jsonb_to_recordset(p_devices) AS d(driver text, serial text)
     WHERE NOT EXISTS (SELECT FROM device k WHERE (k.driver, k.serial) = (d.driver, d.serial)) ORDER BY 1, 2 ON CONFLICT DO NOTHING;
  INSERT INTO device_use (device_id, taken_at, run_no, recorded_at, number, role, model, firmware, certificate, due)
    SELECT k.device_id, p_taken, p_no, p_recorded, d.number, d.role, d.model, d.firmware, d.certificate, d.due
      FROM jsonb_to_recordset(p_devices) AS d(number int, driver text, serial text, role text, model text, firmware text, certificate text,
           due text) JOIN device k USING (driver, serial);
END $$;

CREATE FUNCTION put_files(p_no bigint, p_files jsonb) RETURNS void LANGUAGE plpgsql SET search_path = penrig, pg_temp AS $$
DECLARE v_name text; BEGIN
  SELECT f.name INTO v_name FROM jsonb_to_recordset(p_files) AS f(name text, sha256 text)
   WHERE NOT EXISTS (SELECT FROM file k WHERE k.sha256 = decode(f.sha256, 'hex') AND k.complete) LIMIT 1;
  IF FOUND THEN RAISE EXCEPTION 'file % has not arrived', v_name USING ERRCODE = 'PR003'; END IF;
  INSERT INTO run_file (run_no, name, sha256)
    SELECT p_no, f.name, decode(f.sha256, 'hex') FROM jsonb_to_recordset(p_files) AS f(name text, sha256 text);
END $$;

-- Records a run and answers its job, in one transaction; may be sent any number of times. 'won', 'superseded', 'aborted', 'free'
-- (no job): recorded now. 'known': it was before. 'CONFLICT': another run has this id. No epoch: the run of an agent that was
-- replaced is evidence all the same.
CREATE FUNCTION record(p_bench text, p_job bigint, p_fence bigint, p_run jsonb) RETURNS text LANGUAGE plpgsql SECURITY DEFINER
SET search_path = penrig, pg_temp AS $$
DECLARE v_bench bench := bench_of(p_bench, NULL); v_id uuid := (p_run->>'run')::uuid; v_head bytea := decode(p_run->>'head', 'hex');
  v_no bigint; v_now timestamptz := clock_timestamp(); v_label text := 'free'; v_have bytea; v_job job;
  v_bench_at timestamptz := (p_run->>'ended')::timestamptz; v_taken timestamptz; BEGIN
  INSERT INTO run_key (run_id, chain_head, recorded_at) VALUES (v_id, v_head, v_now) ON CONFLICT (run_id) DO NOTHING RETURNING run_no INTO v_no;
  IF v_no IS NULL THEN
    SELECT chain_head INTO v_have FROM run_key WHERE run_id = v_id; -- a statement of its own: it sees the row that stood in the way
    IF v_have = v_head THEN RETURN 'known'; END IF;
    INSERT INTO run_conflict (bench_id, run_id, have, got) VALUES (v_bench.bench_id, v_id, v_have, v_head) ON CONFLICT DO NOTHING;
    PERFORM pg_notify('penrig_alarm', v_id::text);
    RETURN 'CONFLICT';
  END IF;
  IF p_job IS NOT NULL THEN
    SELECT * INTO v_job FROM job WHERE job_id = p_job FOR UPDATE;
    IF NOT FOUND OR NOT EXISTS (SELECT FROM attempt a WHERE a.job_id = p_job AND a.fence = p_fence AND a.bench_id = v_bench.bench_id) THEN
      RAISE EXCEPTION 'job %/% was never given to bench %', p_job, p_fence, p_bench USING ERRCODE = 'PR002'; END IF;
    v_label := answer(v_job, p_fence, v_id, coalesce(p_run->>'verdict', ''), p_run->>'status', (p_run->>'exit_code')::int, coalesce(p_run->>'reason', ''));
  END IF;
  v_taken := least(v_bench_at, v_now);
  -- A month that is missing would be a refusal (23514) of a good run.
  IF to_regclass('penrig.result_' || to_char(v_now AT TIME ZONE 'UTC', 'YYYYMM')) IS NULL THEN
    PERFORM make_month((v_now AT TIME ZONE 'UTC')::date); END IF;
  INSERT INTO run (run_no, recorded_at, taken_at, bench_at, run_id, site_id, bench_id, job_id, fence, label, name, host, dut, lot, plan,
      plan_sha256, bench, bench_sha256, operator, verdict, status, exit_code, reason, software, started, ended)
    SELECT v_no, v_now, v_taken, v_bench_at, v_id, v_bench.site_id, v_bench.bench_id, p_job, p_fence, v_label, r.name, r.host, r.dut, r.lot,
           r.plan, r.plan_sha256, r.bench, r.bench_sha256, r.operator, r.verdict, r.status, r.exit_code, r.reason, r.software, r.started, r.ended
      FROM jsonb_to_record(p_run) AS r(name text, host text, dut text, lot text, plan text, plan_sha256 text, bench text, bench_sha256 text,
           operator text, verdict text, status text, exit_code int, reason text, software text, started text, ended text);
  PERFORM put_results(v_no, v_bench.site_id, v_now, v_taken, p_run->'results');
  PERFORM put_devices(v_no, v_now, v_taken, p_run->'devices');
  PERFORM put_files(v_no, p_run->'files');
  RETURN v_label; END $$;

-- The number of the next piece that is wanted, from 0; -1: it is there already.
CREATE FUNCTION file_begin(p_bench text, p_sha256 bytea, p_size bigint) RETURNS int LANGUAGE plpgsql SECURITY DEFINER
SET search_path = penrig, pg_temp AS $$
DECLARE v_bench bench := bench_of(p_bench, NULL); v_complete boolean; BEGIN
  INSERT INTO file (sha256, size) VALUES (p_sha256, p_size) ON CONFLICT DO NOTHING;
  SELECT complete INTO v_complete FROM file WHERE sha256 = p_sha256;
  RETURN CASE WHEN v_complete THEN -1 ELSE coalesce((SELECT max(n) + 1 FROM file_piece WHERE sha256 = p_sha256), 0) END; END $$;
CREATE FUNCTION file_put(p_bench text, p_sha256 bytea, p_n int, p_data bytea) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = penrig, pg_temp AS $$
DECLARE v_bench bench := bench_of(p_bench, NULL); BEGIN
  IF EXISTS (SELECT FROM file WHERE sha256 = p_sha256 AND complete) THEN RETURN false; END IF;
  INSERT INTO file_piece (sha256, n, data) VALUES (p_sha256, p_n, p_data) ON CONFLICT DO NOTHING;
  RETURN true; END $$;
-- Whether what arrived is what was announced; if not, it is thrown away, to be sent again.
CREATE FUNCTION file_done(p_bench text, p_sha256 bytea) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = penrig, pg_temp AS $$
DECLARE v_bench bench := bench_of(p_bench, NULL); v_file file; BEGIN
  SELECT * INTO v_file FROM file WHERE sha256 = p_sha256 FOR UPDATE;
  IF v_file.complete THEN RETURN true; END IF;
  IF (SELECT sha256(string_agg(data, ''::bytea ORDER BY n)) = p_sha256 AND sum(octet_length(data)) = v_file.size
        FROM file_piece WHERE sha256 = p_sha256) THEN
    UPDATE file SET complete = true WHERE sha256 = p_sha256;
    RETURN true;
  END IF;
  DELETE FROM file_piece WHERE sha256 = p_sha256;
  RETURN false; END $$;

-- ---------- what a submitter may do ----------
CREATE FUNCTION site_of(p_site text) RETURNS smallint LANGUAGE plpgsql STABLE SET search_path = penrig, pg_temp AS $$
DECLARE v_sites smallint[]; BEGIN
  SELECT array_agg(s.site_id) INTO v_sites FROM site s JOIN site_role r USING (site_id)
   WHERE r.rolname = session_user AND (p_site IS NULL OR s.name = p_site);
  IF v_sites IS NULL THEN RAISE EXCEPTION 'this role may not submit to %', coalesce('site ' || p_site, 'any site') USING ERRCODE = '42501'; END IF;
  IF array_length(v_sites, 1) > 1 THEN
    RAISE EXCEPTION 'this role may submit to several sites: name one (site=NAME)' USING ERRCODE = 'PR004'; END IF;
  RETURN v_sites[1]; END $$;

-- p_token: drawn by the submitter, so that a submission whose answer was lost is not made twice.
CREATE FUNCTION submit(p_token uuid, p_site text, p_need text[], p_plan_name text, p_plan text, p_dut text, p_lot text, p_reports text[],
  p_priority int, p_deadline interval, p_max_attempts int, p_wait interval) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = penrig, pg_temp AS $$
DECLARE v_site smallint := site_of(p_site); v_id bigint; BEGIN
  INSERT INTO job (token, site_id, need, plan_name, plan, plan_sha256, dut, lot, reports, priority, deadline, max_attempts, wait_until)
    VALUES (p_token, v_site, p_need, p_plan_name, p_plan, encode(sha256(convert_to(p_plan, 'UTF8')), 'hex'), p_dut, p_lot, p_reports,
            p_priority, clock_timestamp() + p_deadline, p_max_attempts, clock_timestamp() + p_wait)
    ON CONFLICT (token) DO NOTHING RETURNING job_id INTO v_id;
  IF v_id IS NULL THEN SELECT job_id INTO v_id FROM job WHERE token = p_token AND submitted_by = session_user; END IF;
  PERFORM pg_notify('penrig_job', v_site::text);
  RETURN v_id; END $$;

CREATE FUNCTION own_job(p_job bigint) RETURNS job LANGUAGE plpgsql STABLE SET search_path = penrig, pg_temp AS $$
DECLARE v_job job; BEGIN
  SELECT j.* INTO v_job FROM job j JOIN site_role r USING (site_id) WHERE j.job_id = p_job AND r.rolname = session_user;
  IF NOT FOUND THEN RAISE EXCEPTION 'this role knows no job %', p_job USING ERRCODE = '42501'; END IF;
  RETURN v_job; END $$;

-- Says that somebody still waits, and how it stands. Seldom writes: while it holds the row, a claim passes the job by, and is not
-- told of it again.
CREATE FUNCTION follow(p_job bigint, p_wait interval) RETURNS TABLE (state text, exit_code int, reason text, run_id uuid, bench text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = penrig, pg_temp AS $$
#variable_conflict use_column
DECLARE v_job job := own_job(p_job); BEGIN
  UPDATE job j SET wait_until = clock_timestamp() + p_wait WHERE j.job_id = p_job AND j.closed_at IS NULL
     AND j.wait_until < clock_timestamp() + p_wait * 0.7;
  RETURN QUERY SELECT j.state, j.exit_code, j.reason, j.run_id,
      (SELECT b.name FROM attempt a JOIN bench b USING (bench_id) WHERE a.job_id = p_job AND a.fence = j.fence)
    FROM job j WHERE j.job_id = p_job; END $$;

-- One that waits is closed at once; one that runs is told so at the next renewal, and closed with its run.
CREATE FUNCTION cancel(p_job bigint, p_why text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = penrig, pg_temp AS $$
DECLARE v_job job := own_job(p_job); BEGIN
  SELECT * INTO v_job FROM job WHERE job_id = p_job FOR UPDATE;
  IF v_job.closed_at IS NULL AND v_job.state = 'ready' THEN
    UPDATE job SET state = 'cancelled', cancelled = true, ready_at = NULL, reason = p_why, closed_at = clock_timestamp() WHERE job_id = p_job;
    PERFORM pg_notify('penrig_done', p_job::text);
    RETURN 'cancelled';
  END IF;
  IF v_job.closed_at IS NULL THEN UPDATE job SET cancelled = true, reason = p_why WHERE job_id = p_job; END IF;
  PERFORM pg_notify('penrig_cancel', p_job::text);
  RETURN v_job.state; END $$;

CREATE FUNCTION job_files(p_job bigint) RETURNS TABLE (name text, sha256 text, size bigint) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = penrig, pg_temp AS $$
#variable_conflict use_column
DECLARE v_job job := own_job(p_job); BEGIN
  RETURN QUERY SELECT rf.name, encode(rf.sha256, 'hex'), f.size FROM run_key k JOIN run_file rf USING (run_no) JOIN file f ON f.sha256 = rf.sha256
    WHERE k.run_id = v_job.run_id ORDER BY 1; END $$;
CREATE FUNCTION job_piece(p_job bigint, p_name text, p_n int) RETURNS bytea LANGUAGE plpgsql SECURITY DEFINER
SET search_path = penrig, pg_temp AS $$
DECLARE v_job job := own_job(p_job); BEGIN
  RETURN (SELECT p.data FROM run_key k JOIN run_file rf USING (run_no) JOIN file_piece p ON p.sha256 = rf.sha256
    WHERE k.run_id = v_job.run_id AND rf.name = p_name AND p.n = p_n); END $$;

-- A bench for maintenance: p_why NULL takes it into service again.
CREATE FUNCTION disable_bench(p_bench text, p_why text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = penrig, pg_temp AS $$
DECLARE v_site smallint; BEGIN
  UPDATE bench b SET disabled_why = p_why, disabled_by = CASE WHEN p_why IS NULL THEN NULL ELSE session_user END,
    disabled_at = CASE WHEN p_why IS NULL THEN NULL ELSE clock_timestamp() END
   WHERE b.name = p_bench AND EXISTS (SELECT FROM site_role r WHERE r.site_id = b.site_id AND r.rolname = session_user) RETURNING b.site_id INTO v_site;
  IF NOT FOUND THEN RAISE EXCEPTION 'this role knows no bench %', p_bench USING ERRCODE = '42501'; END IF;
  PERFORM pg_notify('penrig_job', v_site::text);
  RETURN true; END $$;

-- Closes what nobody can take any more. Agents call it now and then, and whoever waits.
CREATE FUNCTION expire() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = penrig, pg_temp AS $$
  WITH p AS MATERIALIZED (
    SELECT job_id, CASE WHEN cancelled THEN 'cancelled' WHEN deadline <= statement_timestamp() THEN 'expired'
                        WHEN wait_until <= statement_timestamp() THEN 'cancelled' ELSE 'failed' END AS state,
           CASE WHEN cancelled THEN reason WHEN deadline <= statement_timestamp() THEN 'its deadline has passed'
                WHEN wait_until <= statement_timestamp() THEN 'whoever waited for it is gone'
                ELSE 'it was given out ' || fence || ' times' || CASE reason WHEN '' THEN '' ELSE '; last: ' || reason END END AS why
      FROM job WHERE closed_at IS NULL AND ready_at <= statement_timestamp()
       AND (cancelled OR deadline <= statement_timestamp() OR wait_until <= statement_timestamp() OR fence >= max_attempts)
     FOR UPDATE SKIP LOCKED LIMIT 100),
  a AS (UPDATE attempt SET state = 'expired', ended_at = clock_timestamp() FROM p WHERE attempt.job_id = p.job_id AND attempt.state = 'open'),
  u AS (UPDATE job SET state = p.state, reason = p.why, ready_at = NULL, closed_at = clock_timestamp() FROM p WHERE job.job_id = p.job_id
        RETURNING pg_notify('penrig_done', job.job_id::text))
  SELECT count(*)::int FROM u $$;

-- ---------- what nobody may do ----------
CREATE FUNCTION no_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE EXCEPTION '% on % is not allowed: what was recorded stays', TG_OP, TG_TABLE_NAME USING ERRCODE = '42501'; END $$;
DO $$ DECLARE t text; BEGIN
  FOREACH t IN ARRAY ARRAY['run_key', 'run', 'result', 'device_use', 'run_file', 'run_conflict'] LOOP
    EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION no_change()', t || '_stays', t);
    EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION no_change()', t || '_kept', t);
  END LOOP; END $$;

CREATE FUNCTION my_sites() RETURNS smallint[] LANGUAGE sql STABLE SECURITY DEFINER SET search_path = penrig, pg_temp AS $$
  SELECT coalesce(array_agg(site_id), '{}') FROM site_role WHERE rolname = session_user $$;
DO $$ DECLARE t text; BEGIN
  FOREACH t IN ARRAY ARRAY['job', 'run', 'result', 'bench', 'site'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    -- The inner SELECT makes it one call for each statement instead of one for each row.
    EXECUTE format('CREATE POLICY by_site ON %I FOR SELECT USING (site_id = ANY ((SELECT my_sites())::smallint[]))', t);
  END LOOP; END $$;
-- The owner's own functions see every row: SECURITY DEFINER runs as the owner, to whom a table's policy does not apply.
ALTER TABLE device_use ENABLE ROW LEVEL SECURITY;
CREATE POLICY by_site ON device_use FOR SELECT USING (EXISTS (SELECT FROM run WHERE run.run_no = device_use.run_no AND run.recorded_at = device_use.recorded_at));
-- Whose serial number it is may be seen where it was used; through device_use, which shows a site's own alone.
ALTER TABLE device ENABLE ROW LEVEL SECURITY;
CREATE POLICY by_use ON device FOR SELECT USING (EXISTS (SELECT FROM device_use u WHERE u.device_id = device.device_id));
ALTER TABLE attempt ENABLE ROW LEVEL SECURITY;
CREATE POLICY by_site ON attempt FOR SELECT USING (EXISTS (SELECT FROM job WHERE job.job_id = attempt.job_id));

-- Every result with the device behind it: "what did this sensor measure since then?" is asked here, by both times, so that
-- only the months that can hold an answer are looked at.
CREATE VIEW device_result WITH (security_invoker = true) AS
  SELECT d.driver, d.serial, u.role, u.certificate, u.taken_at, u.recorded_at, r.name AS run, r.dut, r.plan, r.verdict, b.name AS bench,
         q.measurand, q.method, q.unit, x.depth_mm, x.rate_hz, x.value, x.u, x.expanded_u, x.n, x.outcome, x.lower, x.upper
    FROM device d JOIN device_use u USING (device_id) JOIN run r ON r.run_no = u.run_no AND r.recorded_at = u.recorded_at
    JOIN bench b USING (bench_id) JOIN result x ON x.run_no = u.run_no AND x.recorded_at = u.recorded_at JOIN quantity q USING (quantity_id);

-- ---------- who may do what ----------
GRANT USAGE ON SCHEMA penrig TO penrig_agent, penrig_viewer, penrig_submitter;
-- Never on the months themselves: they have no policy of their own.
GRANT SELECT ON site, migration, quantity, device, device_use, job, attempt, run, result, bench, device_result TO penrig_viewer, penrig_submitter;
GRANT SELECT ON site, migration, job, bench TO penrig_agent;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA penrig FROM PUBLIC;
GRANT EXECUTE ON FUNCTION my_sites() TO penrig_agent, penrig_viewer, penrig_submitter;
GRANT EXECUTE ON FUNCTION register(text, text[], jsonb), heartbeat(text, bigint, jsonb), claim(text, bigint, uuid, interval),
  claimed(text, bigint, uuid), renew(text, bigint, bigint, bigint, interval), give_back(text, bigint, bigint, int, text, boolean, interval),
  record(text, bigint, bigint, jsonb), file_begin(text, bytea, bigint), file_put(text, bytea, int, bytea), file_done(text, bytea),
  expire() TO penrig_agent;
GRANT EXECUTE ON FUNCTION submit(uuid, text, text[], text, text, text, text, text[], int, interval, int, interval), follow(bigint, interval),
  cancel(bigint, text), job_files(bigint), job_piece(bigint, text, int), disable_bench(text, text), expire() TO penrig_submitter;
