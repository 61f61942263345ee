-- Files of a site in a folder or an object store of its own. Programs of version 2 go on with these tables: they send pieces, as
-- before, and those are taken.

ALTER TABLE site ADD store text NOT NULL DEFAULT ''; -- URL; '': in pieces, here
-- A file that a site has in its store. Beside it the database may have it in pieces, of another site or of a program of version 2.
CREATE TABLE file_place (sha256 bytea NOT NULL REFERENCES file, site_id smallint NOT NULL REFERENCES site, store text NOT NULL,
  bench_id int NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (sha256, site_id));
CREATE TRIGGER file_place_kept BEFORE TRUNCATE ON file_place FOR EACH STATEMENT EXECUTE FUNCTION no_change();
CREATE TRIGGER file_place_stays BEFORE DELETE ON file_place FOR EACH ROW EXECUTE FUNCTION no_change();

CREATE FUNCTION store_of(p_bench text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = penrig, pg_temp AS $$
DECLARE v_bench bench := bench_of(p_bench, NULL); BEGIN
  RETURN (SELECT store FROM site WHERE site_id = v_bench.site_id); END $$;

-- It is in the store, whole. Nobody here can look: whoever reads it holds it against its SHA-256.
CREATE FUNCTION file_stored(p_bench text, p_sha256 bytea, p_size bigint, p_store text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = penrig, pg_temp AS $$
DECLARE v_bench bench := bench_of(p_bench, NULL); BEGIN
  IF p_store = '' OR p_store IS DISTINCT FROM (SELECT store FROM site WHERE site_id = v_bench.site_id) THEN
    RAISE EXCEPTION 'the site has its files elsewhere by now' USING ERRCODE = '55000'; END IF;
  INSERT INTO file (sha256, size) VALUES (p_sha256, p_size) ON CONFLICT DO NOTHING;
  IF (SELECT size FROM file WHERE sha256 = p_sha256) <> p_size THEN
    RAISE EXCEPTION 'a file with this SHA-256 has another size' USING ERRCODE = '23514'; END IF;
  INSERT INTO file_place (sha256, site_id, store, bench_id) VALUES (p_sha256, v_bench.site_id, p_store, v_bench.bench_id)
    ON CONFLICT (sha256, site_id) DO UPDATE SET store = excluded.store, bench_id = excluded.bench_id, at = clock_timestamp()
    WHERE file_place.store <> excluded.store;
  RETURN true; END $$;

-- A file has arrived that is here in pieces, or in the store of the run's site.
CREATE OR REPLACE FUNCTION put_files(p_no bigint, p_files jsonb) RETURNS void LANGUAGE plpgsql SET search_path = penrig, pg_temp AS $$
DECLARE v_name text; v_site smallint; BEGIN
  SELECT r.site_id INTO v_site FROM run_key k JOIN run r USING (run_no, recorded_at) WHERE k.run_no = p_no;
  SELECT f.name INTO v_name FROM jsonb_to_recordset(p_files) AS f(name text, sha256 text)
   WHERE NOT EXISTS (SELECT FROM file k WHERE k.sha256 = decode(f.sha256, 'hex') AND k.complete)
     AND NOT EXISTS (SELECT FROM file_place h WHERE h.sha256 = decode(f.sha256, 'hex') AND h.site_id = v_site) LIMIT 1;
  IF FOUND THEN RAISE EXCEPTION 'file % has not arrived', v_name USING ERRCODE = 'PR003'; END IF;
  INSERT INTO run_file (run_no, name, sha256)
    SELECT p_no, f.name, decode(f.sha256, 'hex') FROM jsonb_to_recordset(p_files) AS f(name text, sha256 text);
END $$;

-- As job_files(), and where each is: '' here, in pieces.
CREATE FUNCTION job_places(p_job bigint) RETURNS TABLE (name text, sha256 text, size bigint, store text) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = penrig, pg_temp AS $$
#variable_conflict use_column
DECLARE v_job job := own_job(p_job); BEGIN
  RETURN QUERY SELECT rf.name, encode(rf.sha256, 'hex'), f.size, CASE WHEN f.complete THEN '' ELSE h.store END
    FROM run_key k JOIN run_file rf USING (run_no) JOIN file f ON f.sha256 = rf.sha256
    LEFT JOIN file_place h ON h.sha256 = rf.sha256 AND h.site_id = v_job.site_id
    WHERE k.run_id = v_job.run_id ORDER BY 1; END $$;

-- As run_file_of(), and where it is.
CREATE FUNCTION run_places(p_run uuid) RETURNS TABLE (name text, sha256 text, size bigint, store text) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = penrig, pg_temp AS $$
#variable_conflict use_column
DECLARE v_no bigint := seen_run(p_run); BEGIN
  RETURN QUERY SELECT rf.name, encode(rf.sha256, 'hex'), f.size, CASE WHEN f.complete THEN '' ELSE h.store END
    FROM run_file rf JOIN file f ON f.sha256 = rf.sha256 JOIN run r ON r.run_no = rf.run_no
    LEFT JOIN file_place h ON h.sha256 = rf.sha256 AND h.site_id = r.site_id
    WHERE rf.run_no = v_no AND rf.name = r.name || '.penrig'; END $$;

-- For who keeps a store, or looks for a file in it; with the owner's rights, because nobody else sees files by their names.
CREATE VIEW stored_file WITH (security_barrier = true) AS
  SELECT s.name AS site, r.name AS run, r.dut, f.name, encode(f.sha256, 'hex') AS sha256, k.size, h.store
    FROM run r JOIN run_file f USING (run_no) JOIN file k USING (sha256) JOIN file_place h ON h.sha256 = f.sha256 AND h.site_id = r.site_id
    JOIN site s ON s.site_id = r.site_id WHERE r.site_id = ANY ((SELECT my_sites())::smallint[]);
ALTER TABLE file_place ENABLE ROW LEVEL SECURITY;
CREATE POLICY by_site ON file_place FOR SELECT USING (site_id = ANY ((SELECT my_sites())::smallint[]));
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA penrig FROM PUBLIC;
GRANT SELECT ON file_place, stored_file TO penrig_viewer, penrig_submitter;
GRANT EXECUTE ON FUNCTION store_of(text), file_stored(text, bytea, bigint, text) TO penrig_agent;
GRANT EXECUTE ON FUNCTION job_places(bigint) TO penrig_submitter;
GRANT EXECUTE ON FUNCTION run_places(uuid) TO penrig_viewer, penrig_submitter;
