"""The official conformance suites, for clients and for servers; what cannot pass is listed in `expected.yml`, with why.

They fail for what fails and is not expected, and for what is expected to fail and passes.
"""

from pathlib import Path

import pytest
from tests.tools.mcp.conformance import suite


@pytest.fixture(scope="module", autouse=True)
def _here() -> None:
    try:
        suite.installed()
    except suite.UnreachableError as error:
        pytest.skip(f"the MCP conformance suites are not installed, and npm cannot get them: {error}")


@pytest.mark.slow
def test_our_client_conforms(tmp_path: Path) -> None:
    code, said = suite.client(tmp_path)
    assert code == 0, said[said.rfind("SUMMARY") :]
    passed, failed = suite.totals(said)
    # How many there are depends on how often a client comes.
    assert (passed >= 502, failed) == (True, 11)


def test_our_server_conforms(tmp_path: Path) -> None:
    code, said = suite.server(tmp_path)
    assert code == 0, said[said.rfind("SUMMARY") :]
    assert suite.totals(said) == (160, 58)
