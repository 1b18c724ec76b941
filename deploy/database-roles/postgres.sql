-- The role and the table that the exporter uses in PostgreSQL (10 or later). Run it on the primary, as a superuser, in
-- the database that the dsn names; standbys get it by replication. Running it again changes nothing.
--
--     psql -d orders -f postgres.sql
--     psql -d orders -c '\password dr_probe'
--
-- Why each right is needed, and what is lost without it, stands in README.md beside this file.

\set ON_ERROR_STOP on
BEGIN;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'dr_probe') THEN
        -- The limit keeps a mistake of ours from taking the sessions of the users.
        CREATE ROLE dr_probe LOGIN CONNECTION LIMIT 20;
    END IF;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO dr_probe', current_database());
END
$$;

GRANT pg_read_all_stats TO dr_probe;

CREATE SCHEMA IF NOT EXISTS rto_rpo;
GRANT USAGE ON SCHEMA rto_rpo TO dr_probe;

-- Small records that we write and look for: one row a marker, removed by us after 15 minutes.
CREATE TABLE IF NOT EXISTS rto_rpo.canary (
    vantage text        NOT NULL,
    seq     bigint      NOT NULL,
    sent_at timestamptz NOT NULL,
    PRIMARY KEY (vantage, seq)
);
GRANT SELECT, INSERT, DELETE ON rto_rpo.canary TO dr_probe;

COMMIT;
