-- Roles belong to the whole server, not to one database: made once, whichever database comes first. None can log in; what a
-- person or a bench logs in as is made a member (penrig fleet admit).
DO $$ DECLARE r text; BEGIN
  FOREACH r IN ARRAY ARRAY['penrig_owner', 'penrig_agent', 'penrig_submitter', 'penrig_viewer'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN EXECUTE format('CREATE ROLE %I NOLOGIN', r); END IF;
  END LOOP; END $$;
CREATE SCHEMA IF NOT EXISTS penrig AUTHORIZATION penrig_owner;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
SET ROLE penrig_owner;
CREATE TABLE IF NOT EXISTS penrig.migration (version int PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL,
  min_client int NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp(), applied_by name NOT NULL DEFAULT session_user);
RESET ROLE;
