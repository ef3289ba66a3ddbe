"""Homes in a database: one URL, one key, on any machine."""

import asyncio
from dataclasses import dataclass, field

import pytest

from remit.core.agent import Agent
from remit.core.errors import ConfigError, SessionBusyError
from remit.core.ports import Emit, ModelSpec, Reply, Request
from remit.home import SHARED_KEY, Home, Settings
from remit.testing import ScriptedModel, says

KEY = "0123456789abcdef" * 4


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    """Set the key of the home, as an operator does."""
    monkeypatch.setenv(SHARED_KEY, KEY)
    return KEY


def agent() -> Agent:
    """Give one that answers."""
    return Agent("helper", ScriptedModel([says("hello")]))


@dataclass
class Held:
    """A model that answers when it is let."""

    model: ScriptedModel
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    on: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def spec(self) -> ModelSpec:
        """As of the one within."""
        return self.model.spec

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Wait, then answer."""
        self.asked.set()
        await self.on.wait()
        return await self.model.complete(request, emit)


async def test_an_agent_lives_in_a_database_and_another_process_sees_it(url: str, key: str) -> None:
    async with Home.open(url) as here, Home.open(url) as there:
        result = await here.run(agent(), "hi", session="s")
        assert (result.status, result.output) == ("done", "hello")
        assert [row.id for row in await there.sessions()] == ["s"]
        assert (await there.session("s")).run is None


async def test_a_session_that_one_home_drives_is_busy_for_another(url: str, key: str) -> None:
    held = Held(ScriptedModel([says("hello")]))
    async with Home.open(url) as here, Home.open(url) as there:
        driving = asyncio.create_task(here.run(Agent("helper", held), "hi", session="s"))
        await held.asked.wait()
        with pytest.raises(SessionBusyError):
            await there.resume(agent(), "s")
        held.on.set()
        assert (await driving).status == "done"


@pytest.mark.parametrize("given", ["", "abc", "zz" * 32, "00" * 31])
async def test_without_the_key_that_all_machines_share_a_home_says_how_to_make_one(
    given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SHARED_KEY, given)
    with pytest.raises(ConfigError, match=r"openssl rand -hex 32"):
        Home.open("postgresql://nobody@127.0.0.1/none")


async def test_neither_the_password_nor_the_key_enters_a_journal(url: str, key: str) -> None:
    settings = Settings()
    async with Home.open("postgresql://nobody:correct-horse@127.0.0.1/none", settings):
        told = settings.secrets.redact(f"the key is {KEY}, the password correct-horse")
    assert told == "the key is [secret:REMIT_KEY], the password [secret:database_password]"
