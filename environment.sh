#!/bin/sh
# Make .venv with pinned dependencies, hashes verified: with uv where there is one, else with venv and pip.
#   environment.sh        what Askwell runs on (constraints.txt)
#   environment.sh server that, with PostgreSQL for Dagster's history and channels for alarms (constraints-server.txt)
#   environment.sh spark  that, and PySpark, to count on a cluster (constraints-spark.txt)
#   environment.sh dev    that, and what every extra, the tests and the benchmarks need (constraints-dev.txt)
# Each file lists the whole closure, so nothing is resolved here (--no-deps).
set -eu
case "${1:-}" in
    "") lock=constraints.txt stamp=.venv/.installed ;;
    server) lock=constraints-server.txt stamp=.venv/.installed-server ;;
    spark) lock=constraints-spark.txt stamp=.venv/.installed-spark ;;
    dev) lock=constraints-dev.txt stamp=.venv/.installed-dev ;;
    *) echo "usage: environment.sh [server|spark|dev]" >&2; exit 2 ;;
esac
PYTHON="${PYTHON:-python3}"

if ! command -v "$PYTHON" >/dev/null 2>&1; then
    echo "Askwell needs Python 3.11 or newer: install the package python3 (Debian, Ubuntu: apt install python3 python3-venv)." >&2
    exit 1
fi
if ! "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "Askwell needs Python 3.11 or newer, and $PYTHON is $("$PYTHON" -V 2>&1): install the package python3.11, then run make PYTHON=python3.11 demo." >&2
    exit 1
fi

started=$(date +%s)
if command -v uv >/dev/null 2>&1; then
    echo "Installing the environment .venv with uv (some seconds) ..."
    export UV_PYTHON_DOWNLOADS=never
    uv venv --quiet --allow-existing --python "$PYTHON" .venv
    uv pip install --quiet --compile-bytecode --python .venv/bin/python --no-deps --require-hashes -r "$lock"
    uv pip install --quiet --python .venv/bin/python --no-deps -e .
else
    if ! "$PYTHON" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        echo "Askwell needs Python's venv module: install the package python3-venv (Debian, Ubuntu: apt install python3-venv)." >&2
        exit 1
    fi
    echo "Installing the environment .venv with pip (about a minute) ..."
    "$PYTHON" -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$lock"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
fi
touch "$stamp"
echo "Installed in $(($(date +%s) - started)) s."
