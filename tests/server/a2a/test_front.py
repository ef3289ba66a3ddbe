"""The front itself: what it needs is loaded only when it is wanted, and its cards say what they are told to."""

import functools
import subprocess
import sys

import httpx
from tests.server.agents import echo

from remit.home import MEMORY, Home
from remit.server.a2a import front
from remit.server.access import LocalAccess
from remit.server.api import Bind, serving, site
from remit.server.service import Service

_WITHOUT = """
import sys
from remit.core.errors import ConfigError
from remit.server.a2a import front
assert "a2a" not in sys.modules
sys.modules["a2a"] = None
try:
    front(None)
except ConfigError as error:
    assert "pip install 'remit[a2a]'" in str(error), error
else:
    raise AssertionError
"""


def test_it_is_imported_without_its_package_and_says_which_extra_it_needs() -> None:
    subprocess.run([sys.executable, "-c", _WITHOUT], check=True, timeout=60)


async def test_cards_say_the_address_that_they_are_told_to() -> None:
    async with Home.open(MEMORY) as home:
        service = Service(home, [echo()])
        app = site(service, LocalAccess(), fronts=[functools.partial(front, url="https://agents.example.com/")])
        async with serving(app, service, Bind(port=0)) as url, httpx.AsyncClient() as http:
            card = (await http.get(f"{url}/a2a/echo/.well-known/agent-card.json")).json()
    assert {one["url"] for one in card["supportedInterfaces"]} == {"https://agents.example.com/a2a/echo"}
