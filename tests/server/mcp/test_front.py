"""The front itself: what it needs is loaded only when it is wanted, and no agent takes a name of its own tools."""

import subprocess
import sys

import pytest
from tests.server.mcp.clients import served

from remit.core.agent import Agent
from remit.core.errors import ConfigError
from remit.testing import EchoModel

_WITHOUT = """
import sys
from remit.core.errors import ConfigError
from remit.server.mcp import front
assert "mcp" not in sys.modules
sys.modules["mcp"] = None
try:
    front(None)
except ConfigError as error:
    assert "pip install 'remit[mcp]'" in str(error), error
else:
    raise AssertionError
"""


def test_it_is_imported_without_its_package_and_says_which_extra_it_needs() -> None:
    subprocess.run([sys.executable, "-c", _WITHOUT], check=True, timeout=60)


async def test_an_agent_that_is_named_like_a_tool_of_the_server_is_refused() -> None:
    with pytest.raises(ConfigError, match="rename one"):
        async with served(Agent("remit_resume", EchoModel())):
            pass
