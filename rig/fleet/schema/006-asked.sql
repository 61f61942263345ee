-- What was asked with a token stays what was asked: with anything else the same token is refused, where before it named a job that
-- was put for something else, or changed the job. Programs of version 5 go on with these tables: every function that they call is
-- still there, and takes what it took.

-- Not held against it: how long it waits for whoever waits, which follow() says anew. The deadline counts from the first time.
CREATE FUNCTION same_job(p_job job, p_asked job) RETURNS void LANGUAGE plpgsql SET search_path = penrig, pg_temp AS $$
DECLARE v_others text; BEGIN
  IF p_job.submitted_by <> session_user THEN RAISE EXCEPTION 'this token is another login''s' USING ERRCODE = 'PR007'; END IF;
  SELECT string_agg(o.what, ', ') INTO v_others FROM (VALUES
    ('site', p_job.site_id IS DISTINCT FROM p_asked.site_id), ('labels', p_job.need IS DISTINCT FROM p_asked.need),
    ('plan', (p_job.plan_name, p_job.plan) IS DISTINCT FROM (p_asked.plan_name, p_asked.plan)),
    ('unit', p_job.dut IS DISTINCT FROM p_asked.dut), ('lot', p_job.lot IS DISTINCT FROM p_asked.lot),
    ('image', p_job.image IS DISTINCT FROM p_asked.image), ('reports', p_job.reports IS DISTINCT FROM p_asked.reports),
    ('priority', p_job.priority IS DISTINCT FROM p_asked.priority), ('deadline', p_job.deadline IS DISTINCT FROM p_asked.deadline),
    ('attempts', p_job.max_attempts IS DISTINCT FROM p_asked.max_attempts),
    ('exclusive group', p_job.exclusive IS DISTINCT FROM p_asked.exclusive),
    ('reservation', p_job.reservation_id IS DISTINCT FROM p_asked.reservation_id),
    ('bound', p_job.at_most IS DISTINCT FROM p_asked.at_most)) o(what, is_other) WHERE o.is_other;
  IF v_others IS NOT NULL THEN
    RAISE EXCEPTION 'this token is that of job %, which was put with another %: draw a new one', p_job.job_id, v_others USING ERRCODE = 'PR007';
  END IF; END $$;

CREATE FUNCTION put_job(p_token uuid, p_site text, p_need text[], p_plan_name text, p_plan text, p_dut text, p_lot text, p_reports text[],
  p_priority int, p_deadline interval, p_max_attempts int, p_wait interval, p_exclusive text, p_reservation bigint, p_at_most interval,
  p_image text) RETURNS bigint LANGUAGE plpgsql SET search_path = penrig, pg_temp AS $$
DECLARE v_now timestamptz := clock_timestamp(); v_there job; v_asked job; v_held reservation; v_id bigint; BEGIN
  SELECT * INTO v_there FROM job WHERE token = p_token;
  IF p_reservation IS NULL THEN v_asked.site_id := site_of(p_site);
  ELSE
    SELECT * INTO v_held FROM reservation WHERE reservation_id = p_reservation AND holder = session_user;
    IF NOT FOUND OR (v_there.job_id IS NULL AND reserved_now(v_held.bench_id) IS DISTINCT FROM p_reservation) THEN
      RAISE EXCEPTION 'reservation % is over, or another login''s', p_reservation USING ERRCODE = 'PR005'; END IF;
    v_asked.site_id := v_held.site_id;
  END IF;
  v_asked.need := p_need; v_asked.plan_name := p_plan_name; v_asked.plan := p_plan; v_asked.dut := p_dut; v_asked.lot := p_lot;
  v_asked.reports := p_reports; v_asked.priority := p_priority; v_asked.max_attempts := p_max_attempts; v_asked.exclusive := p_exclusive;
  v_asked.reservation_id := p_reservation; v_asked.at_most := p_at_most; v_asked.image := p_image;
  v_asked.deadline := least(v_now + p_deadline, nullif(v_held.until, 'infinity'));
  INSERT INTO job (token, site_id, need, plan_name, plan, plan_sha256, dut, lot, reports, priority, deadline, max_attempts, wait_until,
      submitted_at, turn_at, exclusive, reservation_id, at_most, image)
    SELECT p_token, v_asked.site_id, p_need, p_plan_name, p_plan, encode(sha256(convert_to(p_plan, 'UTF8')), 'hex'), p_dut, p_lot,
           p_reports, p_priority, v_asked.deadline, p_max_attempts, v_now + p_wait, v_now, turn(v_now, p_priority), p_exclusive,
           p_reservation, p_at_most, p_image WHERE v_there.job_id IS NULL
    ON CONFLICT (token) DO NOTHING RETURNING job_id INTO v_id;
  IF v_id IS NOT NULL THEN PERFORM pg_notify('penrig_job', v_asked.site_id::text); RETURN v_id; END IF;
  SELECT * INTO v_there FROM job WHERE token = p_token; -- by now, where another one with it was put at this moment
  v_asked.deadline := CASE WHEN coalesce(p_reservation, v_there.reservation_id) IS NULL THEN v_there.submitted_at + p_deadline
    ELSE v_there.deadline END; -- a reservation's end cuts it short
  PERFORM same_job(v_there, v_asked);
  RETURN v_there.job_id; END $$;

CREATE OR REPLACE FUNCTION submit(p_token uuid, p_site text, p_need text[], p_plan_name text, p_plan text, p_dut text, p_lot text,
  p_reports text[], p_priority int, p_deadline interval, p_max_attempts int, p_wait interval, p_exclusive text, p_reservation bigint)
RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = penrig, pg_temp AS $$
  SELECT put_job(p_token, p_site, p_need, p_plan_name, p_plan, p_dut, p_lot, p_reports, p_priority, p_deadline, p_max_attempts, p_wait,
    p_exclusive, p_reservation, NULL, '') $$;
CREATE OR REPLACE FUNCTION submit(p_token uuid, p_site text, p_need text[], p_plan_name text, p_plan text, p_dut text, p_lot text,
  p_reports text[], p_priority int, p_deadline interval, p_max_attempts int, p_wait interval, p_exclusive text, p_reservation bigint,
  p_at_most interval) RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = penrig, pg_temp AS $$
  SELECT put_job(p_token, p_site, p_need, p_plan_name, p_plan, p_dut, p_lot, p_reports, p_priority, p_deadline, p_max_attempts, p_wait,
    p_exclusive, p_reservation, p_at_most, '') $$;
CREATE OR REPLACE FUNCTION submit(p_token uuid, p_site text, p_need text[], p_plan_name text, p_plan text, p_dut text, p_lot text,
  p_reports text[], p_priority int, p_deadline interval, p_max_attempts int, p_wait interval, p_exclusive text, p_reservation bigint,
  p_at_most interval, p_image text) RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = penrig, pg_temp AS $$
  SELECT put_job(p_token, p_site, p_need || 'image=by-sha256'::text, p_plan_name, p_plan, p_dut, p_lot, p_reports, p_priority, p_deadline,
    p_max_attempts, p_wait, p_exclusive, p_reservation, p_at_most, p_image) $$;

-- A reservation as well: whoever asks for another bench with its token would flash the first one.
ALTER TABLE reservation ADD need text[]; -- NULL: asked for before version 6
ALTER FUNCTION reserve(uuid, text, text[], interval, interval, text) RENAME TO take_bench;
ALTER FUNCTION take_bench(uuid, text, text[], interval, interval, text) SECURITY INVOKER;
REVOKE EXECUTE ON FUNCTION take_bench(uuid, text, text[], interval, interval, text) FROM PUBLIC, penrig_submitter;
CREATE FUNCTION reserve(p_token uuid, p_site text, p_need text[], p_lasts interval, p_keep interval, p_why text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = penrig, pg_temp AS $$
DECLARE v_site smallint := site_of(p_site); v_there reservation; v_id bigint; BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('reserve ' || p_token, 0)); -- two with one token: the second one sees the first
  SELECT * INTO v_there FROM reservation WHERE token = p_token;
  IF FOUND AND (v_there.holder, v_there.site_id, coalesce(v_there.need, p_need), v_there.lasts, v_there.why)
      IS DISTINCT FROM (session_user, v_site, p_need, p_lasts, p_why) THEN
    RAISE EXCEPTION 'this token is that of another reservation: draw a new one' USING ERRCODE = 'PR007'; END IF;
  v_id := take_bench(p_token, p_site, p_need, p_lasts, p_keep, p_why);
  UPDATE reservation SET need = p_need WHERE reservation_id = v_id AND v_there.reservation_id IS NULL;
  RETURN v_id; END $$;

REVOKE EXECUTE ON FUNCTION same_job(job, job), reserve(uuid, text, text[], interval, interval, text),
  put_job(uuid, text, text[], text, text, text, text, text[], int, interval, int, interval, text, bigint, interval, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION reserve(uuid, text, text[], interval, interval, text) TO penrig_submitter;
