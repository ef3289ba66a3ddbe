"""Resuming: finds the agent of a session again and goes on with it, as `resume` does and what follows a decision."""

import importlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol, cast

from remit.cli.agents import Loaded, load
from remit.cli.driving import Driver, resumed
from remit.cli.options import Driving
from remit.cli.places import driven, find, folded, home, settled, stored
from remit.cli.screen import Screen
from remit.core.agent import Agent
from remit.core.errors import ConfigError, RemitError
from remit.core.state import State
from remit.home import Settings
from remit.policy import Secrets

AS_DECLARED = Driving()

DESK = "desk"
"""The reference of the agent that ships and needs no file."""


class _Opening(Protocol):
    def loaded(self, place: str) -> Loaded: ...


@dataclass(frozen=True, slots=True)
class Known:
    """A session that exists, and its agent."""

    session: str
    agent: Loaded
    settings: Settings
    model: str = ""
    """What is used instead of the agent's own."""


async def know(place: str, session: str, ref: str, wish: Driving = AS_DECLARED) -> Known:
    """Find a session and load its agent, from `ref` when it has moved; raise `ConfigError` when nobody can."""
    async with stored(place) as store:
        name = await find(store, session)
        state = await folded(store, name)
    where = ref or reference(state)
    if not where:
        raise ConfigError(f"session {name!r} does not know where its agent is; add --agent FILE.py:NAME")
    found = load_any(where, place)
    loaded = found if where == DESK else driven(found, wish)
    tenant = state.opened.tenant if state.opened else ""
    return Known(name, loaded, settled(loaded, tenant, wish.durability), wish.model)


async def foreseen(place: str, session: str, ref: str = "", *, going_on: bool = False) -> Known | None:
    """Load the agent of a session that a person is about to write to; `None` when that cannot be and need not be.

    Its settings say what must not enter the journal. Who will go on afterwards learns of a problem before, not after.
    """
    async with stored(place) as store:
        found = ref or reference(await folded(store, await find(store, session)))
    if not found:
        return None
    try:
        return await know(place, session, found)
    except RemitError:
        if going_on:
            raise
        return None


def secrets_of(known: Known | None) -> Secrets:
    """Give the values that an agent's settings register."""
    return known.settings.secrets if known else Secrets()


async def go_on(place: str, known: Known, screen: Screen) -> int:
    """Go on with a session and show it; give the exit status."""
    async with ready(known.agent) as agent, home(place, known.settings) as opened:
        past = await opened.store.read(known.session)
        return await Driver(opened, place, screen, known.model).drive(resumed(opened, agent, known.session), past)


def load_any(ref: str, place: str) -> Loaded:
    """Load an agent by where it is declared, also the desk of a store."""
    if ref != DESK:
        return load(ref)
    # Servers and mail come with it, which no other agent should have to load.
    return cast("_Opening", importlib.import_module("remit.cli.desk.opening")).loaded(place)


@asynccontextmanager
async def ready(loaded: Loaded) -> AsyncGenerator[Agent]:
    """Give an agent with all that it works with, which is let go of afterwards."""
    if loaded.ready is None:
        yield loaded.agent
        return
    async with loaded.ready() as agent:
        yield agent


def reference(state: State) -> str:
    """Give where the agent of a session was found; empty when a program opened it."""
    return state.opened.ref if state.opened else ""
