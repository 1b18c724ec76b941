#!/usr/bin/env bash
# One PostgreSQL site: becomes the standby of the other site if that is a primary, else what it was before.
#
# SITE: its name; OTHER: how to connect to the other site (libpq keywords, like "host=sg"); FIRST=yes: it makes the database when
# there is none at either site; REPLICATOR_PASSWORD_FILE: the password of the role `replicator`.
set -euo pipefail

PGPASSWORD=$(cat "$REPLICATOR_PASSWORD_FILE")
export PGPASSWORD PGCONNECT_TIMEOUT=3

other_is_primary() {
    [ "$(psql --no-psqlrc -Atq -d "$OTHER user=replicator dbname=postgres" -c 'select not pg_is_in_recovery()' 2>/dev/null)" = t ]
}

clone() {
    echo "$SITE: becomes the standby of $OTHER"
    find "$PGDATA" -mindepth 1 -delete
    # What is written keeps the password too: the server that starts below does not get this script's environment.
    pg_basebackup --pgdata="$PGDATA" --dbname="$OTHER user=replicator application_name=$SITE" \
        --write-recovery-conf --wal-method=stream --checkpoint=fast
    chmod 0700 "$PGDATA"
}

if [ -s "$PGDATA/PG_VERSION" ]; then
    # A primary that died comes back to find that the other took over: what only it had is lost, and was counted.
    if [ ! -f "$PGDATA/standby.signal" ] && other_is_primary; then clone; fi
elif [ "${FIRST:-no}" != yes ]; then
    until other_is_primary; do sleep 1; done
    clone
elif other_is_primary; then
    clone
fi

unset PGPASSWORD PGCONNECT_TIMEOUT
exec docker-entrypoint.sh postgres -c cluster_name="$SITE" -c wal_log_hints=on -c wal_keep_size=256MB \
    -c max_wal_senders=6 -c hot_standby_feedback=on -c wal_retrieve_retry_interval=500ms "$@"
