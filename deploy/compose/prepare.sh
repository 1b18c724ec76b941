#!/usr/bin/env bash
# Makes the secrets of the stack, those that are not there yet. Nobody needs to know them but the containers.
set -euo pipefail
cd "$(dirname "$0")"

mkdir -p secrets
chmod 0700 secrets # the files inside are readable: the users of the containers are others than you
for name in postgres replicator dr-probe dr-api dr-hook grafana; do
    if [ ! -s "secrets/$name" ]; then
        head -c 24 /dev/urandom | base64 | tr '+/' '-_' >"secrets/$name"
        chmod 0444 "secrets/$name"
    fi
done
echo "secrets/ is ready; now: docker compose up --build --detach --wait"
