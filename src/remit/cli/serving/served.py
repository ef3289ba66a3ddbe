"""Served: the agents of a process that goes on until it is stopped, the settings they share, and how it is stopped."""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Generator, Sequence

from remit.cli import exits
from remit.cli.agents import Loaded
from remit.cli.options import Driving
from remit.cli.places import driven, settled
from remit.cli.resuming import load_any
from remit.core.errors import ConfigError
from remit.core.limits import Tenant
from remit.home import Settings
from remit.journal import Durability

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def add_grace(parser: argparse.ArgumentParser) -> None:
    """Take `--grace`."""
    parser.add_argument(
        "--grace", metavar="S", type=float, default=30.0, help="seconds for a step under way when stopped (default: 30)"
    )


def loaded(refs: Sequence[str], place: str, wish: Driving) -> list[Loaded]:
    """Load agents by where they are declared, with the model that the command line names, if it names one."""
    # Standard output says what the command does, so what an agent's module prints goes elsewhere.
    with contextlib.redirect_stdout(sys.stderr):
        return [driven(load_any(ref, place), wish) for ref in refs]


def shared_settings(found: Sequence[Loaded], tenant: str, durability: Durability | None) -> Settings:
    """Give the settings of the one home that all live in; raise `ConfigError` when two agents want different ones."""
    said = [one for one in found if one.settings is not None]
    if any(one.settings is not said[0].settings for one in said):
        raise ConfigError("agents with different `settings` cannot live in one home; serve them one by one")
    if not found:
        return Settings(tenants=(Tenant(name=tenant or "default"),), durability=durability or "process")
    return settled(said[0] if said else found[0], tenant, durability)


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
