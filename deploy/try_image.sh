#!/bin/sh
# Tries an image as the chart and the compose file run it: deploy/try_image.sh [IMAGE]
# ENGINE names docker or podman, with options if it needs any; the image has a shell and Python, nothing else is asked of it.
set -eu
image=${1:-remit:0.1.0}
engine=${ENGINE:-docker}
here=$(cd "$(dirname "$0")" && pwd)
name=remit-try-$$

fail() { printf 'try_image: %s\n' "$*" >&2; exit 1; }
end() { $engine rm --force "$name" >/dev/null 2>&1 || true; }
trap end EXIT

# shellcheck disable=SC2086 # options, and an engine that may have some
held() {
    $engine run --read-only --tmpfs /tmp --tmpfs /var/lib/remit:mode=1777 --cap-drop ALL \
        --security-opt no-new-privileges ${OPTIONS:-} "$@"
}

held --rm --entrypoint sh "$image" -c '
    [ "$(id -u)" = 65532 ] || exit 2
    touch /app/x 2>/dev/null && exit 3
    touch /var/lib/remit/x /tmp/x || exit 4
    for tool in gcc cc make uv curl git; do command -v $tool >/dev/null && exit 5; done
    python - <<END
import json
listed = {one["name"] for one in json.load(open("/opt/remit/sbom.cdx.json"))["components"]}
import importlib.metadata as metadata
there = {one.name.lower().replace("_", "-") for one in metadata.distributions(path=__import__("site").getsitepackages())}
missing = there - listed - {"remit", "pip", "setuptools"}
assert not missing, f"not in the bill of materials: {missing}"
END
' || fail "it is not held, writes where it should not, has tools, or its bill of materials lacks something (status $?)"

held --rm "$image" --version >/dev/null || fail "remit does not start"
held --rm --volume "$here/agents/agent.py:/app/agent.py:ro" "$image" run agent.py "Please refund order X-9." --quiet |
    grep -q "no such order" || fail "the example agent does not answer"

# An API that only its own container reaches needs no key.
held --detach --name "$name" --volume "$here/agents/agent.py:/app/agent.py:ro" "$image" serve agent.py >/dev/null
probe="import urllib.request as r; print(r.urlopen('http://127.0.0.1:8000/health/ready', timeout=2).read().decode())"
tries=0
until $engine exec "$name" python -c "$probe" 2>/dev/null | grep -q ready; do
    tries=$((tries + 1))
    [ $tries -lt 60 ] || { $engine logs "$name" >&2; fail "it does not become ready"; }
    sleep 0.5
done
$engine stop --time 20 "$name" >/dev/null
status=$($engine inspect --format '{{.State.ExitCode}}' "$name")
[ "$status" = 0 ] || fail "it was told to end and ended with status $status"
echo "try_image: $image is held, answers, and stops in order"
