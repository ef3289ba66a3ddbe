#!/bin/sh
# Run the suites of @modelcontextprotocol/conformance against our MCP client and server, as the tests do:
# scripts/mcp_conformance.sh [setup]. `setup` only installs the suites into build/, which is all that needs a network.
set -eu
cd "$(dirname "$0")/.."
PYTHONPATH=. exec "${PYTHON:-.venv/bin/python}" tests/tools/mcp/conformance/suite.py "$@"
