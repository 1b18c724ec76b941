#!/bin/sh
# Usage: make-venv.sh PYTHON VENV
# Makes the virtual environment with everything that developing needs. Debian keeps python3-venv apart from python3: as
# root it is installed, otherwise the sentence says what to ask for.
set -eu
python=$1
venv=$2

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
    else
        echo "python3 has no venv here; install it first, on Debian: apt-get install python3-venv" >&2
        exit 1
    fi
fi
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable '.[all]' --group dev
