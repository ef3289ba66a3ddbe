#!/usr/bin/env bash
# Runs the tests beside each other, and the few that failed again, alone: `scripts/run_tests.sh PYTHON [PYTEST ARGUMENTS]`.
#
# They start databases, browsers, containers and machines on whatever cores there are. One that passes alone is in the
# way of another, or has a race; both runs are shown, so that it is found and mended, but it stops nobody's change.
set -uo pipefail

readonly FEW=5 KEPT=.pytest_cache/v/cache/lastfailed
readonly python=$1
shift

rm -f "$KEPT"
"$python" -m pytest -n 4 -q -rs "$@"
status=$?
failed=$(grep -c '"' "$KEPT" 2>/dev/null)
if [ "$status" -ne 1 ] || [ "${failed:-0}" -eq 0 ] || [ "$failed" -gt "$FEW" ]; then
    exit "$status"
fi
echo "tests: $failed failed beside others; now alone. Mend those that pass: they are in each other's way, or have a race"
"$python" -m pytest -q -rA --no-header --last-failed --last-failed-no-failures none "$@" || exit
echo "tests: all passed, but $failed of them only alone"
