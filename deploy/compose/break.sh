#!/usr/bin/env bash
# Kills the primary as a power cut would, waits as somebody who has to decide would, and promotes the standby.
#   ./break.sh [SECONDS]     how long to wait before the promotion; 5
set -euo pipefail
cd "$(dirname "$0")"

ask() { docker compose exec -T "$1" psql --no-psqlrc -U postgres -Atqc "$2" 2>/dev/null || true; }

primary="" standby=""
for site in hk sg; do
    case "$(ask "$site" 'select pg_is_in_recovery()')" in
        f) primary=$site ;;
        t) standby=$site ;;
    esac
done
if [ -z "$primary" ] || [ -z "$standby" ]; then
    echo "there is no primary with a standby now (primary: ${primary:-none}, standby: ${standby:-none}); try ./mend.sh" >&2
    exit 1
fi

echo "killing $primary; watch http://127.0.0.1:9720"
docker compose kill "$primary"
sleep "${1:-5}"
echo "promoting $standby"
docker compose exec -T "$standby" psql --no-psqlrc -U postgres -Atqc 'select pg_promote()'
echo "done; ./mend.sh brings $primary back as the standby"
