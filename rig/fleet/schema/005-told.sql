-- What became of each bench, plans that insist on their lease, and a whole bench since a day from an index. Programs of version 4 go on
-- with these tables: every function that they call is still there, and takes what it took.

-- By bench and start, as `history` and `trend` ask; COLLATE "C": by which text is compared everywhere.
CREATE INDEX run_bench ON run (bench, started COLLATE "C");

-- ---------- strict ----------
-- A plan that says {"fleet": {"strict": true}}: the clock decides, not the fence alone. Behind the end of its lease a run answers nothing.
ALTER TABLE job ADD strict_lease boolean NOT NULL DEFAULT false;
CREATE FUNCTION is_strict(p_plan text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
  RETURN coalesce(p_plan::jsonb #> '{fleet,strict}' = 'true', false);
EXCEPTION WHEN data_exception THEN RETURN p_plan ~ '"strict"\s*:\s*true'; END $$; -- it has comments: wherever it says so
CREATE FUNCTION job_strict() RETURNS trigger LANGUAGE plpgsql SET search_path = penrig, pg_temp AS $$ BEGIN
  NEW.strict_lease := is_strict(NEW.plan); RETURN NEW; END $$;
CREATE TRIGGER job_strict BEFORE INSERT ON job FOR EACH ROW EXECUTE FUNCTION job_strict();

CREATE OR REPLACE FUNCTION renew(p_bench text, p_epoch bigint, p_job bigint, p_fence bigint, p_lease interval) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = penrig, pg_temp AS $$
DECLARE v_bench bench := bench_of(p_bench, p_epoch); v_until timestamptz; v_cancelled boolean; BEGIN
  UPDATE bench SET seen_at = clock_timestamp() WHERE bench_id = v_bench.bench_id;
  UPDATE job j SET ready_at = clock_timestamp() + p_lease WHERE j.job_id = p_job AND j.fence = p_fence AND j.state = 'leased'
     AND (NOT j.strict_lease OR j.ready_at > clock_timestamp())
     AND EXISTS (SELECT FROM attempt a WHERE a.job_id = p_job AND a.fence = p_fence AND a.bench_id = v_bench.bench_id)
   RETURNING j.ready_at, j.cancelled INTO v_until, v_cancelled;
  IF NOT FOUND THEN RETURN 'lost'; END IF;
  UPDATE attempt SET lease_until = v_until WHERE job_id = p_job AND fence = p_fence;
  RETURN CASE WHEN v_cancelled THEN 'stop' ELSE 'held' END; END $$;

-- As before, but for a strict job: one whose lease is over is held by nobody, and is there for whoever claims it next. A failure that was
-- proven answers it all the same: else the next bench's pass would, for whoever waits.
CREATE OR REPLACE FUNCTION answer(p_job job, p_fence bigint, p_run uuid, p_verdict text, p_status text, p_exit int, p_why text) RETURNS text
LANGUAGE plpgsql SET search_path = penrig, pg_temp AS $$
DECLARE v_failed boolean := p_verdict IN ('fail', 'conditional_fail');
  v_cut boolean := (p_status = 'interrupted' OR p_exit = 5) AND NOT v_failed;
  v_late boolean := p_job.strict_lease AND NOT v_failed AND coalesce(p_job.ready_at <= clock_timestamp(), true);
  v_label text := CASE WHEN v_cut THEN 'aborted' ELSE 'superseded' END;
  v_held boolean := p_job.state = 'leased' AND p_job.fence = p_fence AND NOT v_late;
  v_last boolean := p_job.fence = p_fence AND NOT v_late AND p_job.state IN ('expired', 'failed', 'cancelled')
    AND EXISTS (SELECT FROM attempt a WHERE a.job_id = p_job.job_id AND a.fence = p_fence AND a.state = 'expired'); BEGIN
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

-- ---------- images ----------
-- What is to be on the unit, by its SHA-256: how it gets there is the bench's own affair, and only a bench that knows how gets the job.
ALTER TABLE job ADD image text NOT NULL DEFAULT '' CHECK (image ~ '^([0-9a-f]{64})?$');
CREATE FUNCTION submit(p_token uuid, p_site text, p_need text[], p_plan_name text, p_plan text, p_dut text, p_lot text, p_reports text[],
  p_priority int, p_deadline interval, p_max_attempts int, p_wait interval, p_exclusive text, p_reservation bigint, p_at_most interval,
  p_image text) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = penrig, pg_temp AS $$
DECLARE v_id bigint := submit(p_token, p_site, p_need || 'image=by-sha256'::text, p_plan_name, p_plan, p_dut, p_lot, p_reports, p_priority,
  p_deadline, p_max_attempts, p_wait, p_exclusive, p_reservation, p_at_most); BEGIN
  UPDATE job SET image = p_image WHERE job_id = v_id AND image <> p_image; -- nobody sees it before
  RETURN v_id; END $$;
CREATE FUNCTION job_image(p_bench text, p_epoch bigint, p_job bigint, p_fence bigint) RETURNS text LANGUAGE plpgsql SECURITY DEFINER
SET search_path = penrig, pg_temp AS $$
DECLARE v_bench bench := bench_of(p_bench, p_epoch); BEGIN
  RETURN (SELECT j.image FROM job j JOIN attempt a USING (job_id) WHERE a.job_id = p_job AND a.fence = p_fence AND a.bench_id = v_bench.bench_id);
END $$;

-- ---------- what became of each bench ----------
CREATE TABLE bench_event (bench_id int NOT NULL REFERENCES bench, site_id smallint NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(), said_by name NOT NULL DEFAULT session_user,
  what text NOT NULL CHECK (what IN ('agent', 'disabled', 'enabled', 'state')), why text NOT NULL DEFAULT ''); -- of 'state': which
CREATE INDEX bench_event_at ON bench_event (bench_id, at);
-- A bench that runs or idles does so all day: what is told is whatever else it says, and that it no longer does.
CREATE FUNCTION told_state(p_health jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN coalesce(p_health->>'state', 'idle') IN ('idle', 'running') THEN 'in service' ELSE p_health->>'state' END $$;
CREATE FUNCTION note_bench() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = penrig, pg_temp AS $$ BEGIN
  INSERT INTO bench_event (bench_id, site_id, what, why) SELECT NEW.bench_id, NEW.site_id, e.what, coalesce(e.why, '') FROM (VALUES
    ('agent', NEW.health->>'version', NEW.epoch <> OLD.epoch),
    ('disabled', NEW.disabled_why, NEW.disabled_why IS NOT NULL AND NEW.disabled_why IS DISTINCT FROM OLD.disabled_why),
    ('enabled', OLD.disabled_why, NEW.disabled_why IS NULL AND OLD.disabled_why IS NOT NULL),
    ('state', told_state(NEW.health), told_state(NEW.health) <> told_state(OLD.health))) e(what, why, here) WHERE e.here;
  RETURN NULL; END $$;
CREATE TRIGGER bench_noted AFTER UPDATE OF epoch, disabled_why, health ON bench FOR EACH ROW EXECUTE FUNCTION note_bench();

CREATE TRIGGER bench_event_stays BEFORE UPDATE OR DELETE ON bench_event FOR EACH ROW EXECUTE FUNCTION no_change();
CREATE TRIGGER bench_event_kept BEFORE TRUNCATE ON bench_event FOR EACH STATEMENT EXECUTE FUNCTION no_change();
ALTER TABLE bench_event ENABLE ROW LEVEL SECURITY;
CREATE POLICY by_site ON bench_event FOR SELECT USING (site_id = ANY ((SELECT my_sites())::smallint[]));
REVOKE EXECUTE ON FUNCTION is_strict(text), job_strict(), told_state(jsonb), note_bench(), job_image(text, bigint, bigint, bigint),
  submit(uuid, text, text[], text, text, text, text, text[], int, interval, int, interval, text, bigint, interval, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION job_image(text, bigint, bigint, bigint) TO penrig_agent;
GRANT EXECUTE ON FUNCTION submit(uuid, text, text[], text, text, text, text, text[], int, interval, int, interval, text, bigint, interval, text)
  TO penrig_submitter;
GRANT SELECT ON bench_event TO penrig_viewer, penrig_submitter;
