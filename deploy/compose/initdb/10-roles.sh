#!/usr/bin/env bash
# Once, in the database that was just made: who may replicate, and what the exporter's account may do.
set -euo pipefail

replicator=$(cat "$REPLICATOR_PASSWORD_FILE")
probe=$(cat "$PROBE_PASSWORD_FILE")
psql() { command psql --no-psqlrc --quiet -v ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname "$POSTGRES_DB" "$@"; }

psql --file "${DATABASE_ROLES:-/database-roles}/postgres.sql"
# Through standard input: an argument could be read by everybody on the machine.
psql <<SQL
CREATE ROLE replicator LOGIN REPLICATION PASSWORD '$replicator';
ALTER ROLE dr_probe PASSWORD '$probe';
SQL
echo "host replication replicator all scram-sha-256" >>"$PGDATA/pg_hba.conf"
