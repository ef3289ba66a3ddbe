"""Served: the agents of a process that goes on until it is stopped, the settings they share, and how it is stopped."""

import asyncio
import contextlib
import importlib
import os
import signal
import sys
from collections.abc import AsyncGenerator, Generator, Sequence
from typing import Protocol, cast

from remit.cli import exits
from remit.cli.agents import Loaded, load
from remit.cli.options import Driving
from remit.cli.places import driven, settled
from remit.cli.resuming import DESK
from remit.core.agent import Agent
from remit.core.errors import ConfigError
from remit.core.limits import Tenant
from remit.home import Settings
from remit.journal import Durability

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def loaded(refs: Sequence[str], place: str, wish: Driving) -> list[Loaded]:
    """Load agents by where they are declared, with the model that the command line names, if it names one."""
    # Standard output says what the command does, so what an agent's module prints goes elsewhere.
    with contextlib.redirect_stdout(sys.stderr):
        return [driven(_loaded(ref, place), wish) for ref in refs]


def _loaded(ref: str, place: str) -> Loaded:
    if ref != DESK:
        return load(ref)
    # Servers and mail come with it, which no other agent should have to load.
    return cast("_Opening", importlib.import_module("remit.cli.desk.opening")).loaded(place)


def shared_settings(found: Sequence[Loaded], tenant: str, durability: Durability | None) -> Settings:
    """Give the settings of the one home that all live in; raise `ConfigError` when two agents want different ones."""
    said = [one for one in found if one.settings is not None]
    if any(one.settings is not said[0].settings for one in said):
        raise ConfigError("agents with different `settings` cannot live in one home; serve them one by one")
    if not found:
        return Settings(tenants=(Tenant(name=tenant or "default"),), durability=durability or "process")
    return settled(said[0] if said else found[0], tenant, durability)


@contextlib.asynccontextmanager
async def ready(one: Loaded) -> AsyncGenerator[Agent]:
    """Give an agent with all that it works with, which is let go of afterwards."""
    if one.ready is None:
        yield one.agent
        return
    async with one.ready() as agent:
        yield agent


@contextlib.contextmanager
def stopping() -> Generator[asyncio.Event]:
    """Say when somebody wants us to stop; the second time, stop at once: the journal has every intent."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def heard() -> None:
        if stop.is_set():
            os._exit(exits.PAUSED)
        stop.set()

    for number in _SIGNALS:
        loop.add_signal_handler(number, heard)
    try:
        yield stop
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


def seconds(name: str, said: float) -> float:
    """Give a number of seconds that can be meant; raise `ConfigError` for any other."""
    if not 0 <= said < float("inf"):
        raise ConfigError(f"{name} is in seconds, 0 or more, not {said}")
    return said


class _Opening(Protocol):
    def loaded(self, place: str) -> Loaded: ...
