#!/usr/bin/env bash
# Starts whichever site is dead: it finds the other one serving and becomes its standby.
set -euo pipefail
cd "$(dirname "$0")"
docker compose up --detach --wait hk sg
