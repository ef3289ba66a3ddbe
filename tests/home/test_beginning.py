"""Beginning: a session is there with its message, or not at all, and nobody drives it yet."""

import pytest

from remit.core.agent import Agent
from remit.core.errors import ConfigError, ConflictError
from remit.core.limits import Tenant
from remit.home import Home, Settings
from remit.testing import EchoModel

ECHO = Agent("echo", EchoModel())
SETTINGS = Settings(tenants=(Tenant(name="acme"), Tenant(name="other")))


async def test_a_session_begins_with_its_message_and_is_driven_when_it_is_resumed() -> None:
    async with Home.open("memory", SETTINGS) as home:
        name = await home.begin(ECHO, "hello", tenant="other", by="ann", key="k")
        state = await home.session(name)
        assert state.opened is not None
        assert (state.opened.tenant, state.run, state.keys) == ("other", None, {"k"})
        assert [(message.text, message.by) for message in state.inbox] == [("hello", "ann")]
        assert (await home.resume(ECHO, name)).output == "hello"


async def test_a_name_that_is_taken_and_one_that_is_none_are_refused() -> None:
    async with Home.open("memory", SETTINGS) as home:
        assert await home.begin(ECHO, tenant="acme", session="one") == "one"
        with pytest.raises(ConflictError):
            await home.begin(ECHO, "hello", tenant="other", session="one")
        assert (await home.session("one")).inbox == []
        with pytest.raises(ConfigError, match="cannot name a session"):
            await home.begin(ECHO, tenant="acme", session="../one")
        with pytest.raises(ConfigError, match="no tenant"):
            await home.begin(ECHO, tenant="nobody")


async def test_nothing_begins_outside_of_the_remit_that_this_process_is_inside_of() -> None:
    async with Home.open("memory", SETTINGS) as home:
        assert set(home.tenants) == {"acme", "other"}
