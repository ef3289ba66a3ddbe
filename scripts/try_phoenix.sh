#!/bin/sh
# Installs Arize Phoenix into an environment of its own (about 1 GB) and has the tests look at a session of the desk there.
# Usage: scripts/try_phoenix.sh [FOLDER], where FOLDER is the environment; build/phoenix unless it is named.
set -eu
cd "$(dirname "$0")/.."
folder=${1:-build/phoenix}
if [ ! -x "$folder/bin/phoenix" ]; then
    .venv/bin/python -m venv "$folder"
    "$folder/bin/pip" install --quiet "arize-phoenix>=20,<21"
fi
REMIT_TEST_PHOENIX="$(cd "$folder" && pwd)/bin/python" .venv/bin/python -m pytest -q tests/server/exporting/test_phoenix.py
