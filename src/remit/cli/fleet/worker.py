"""`remit worker`: drives the sessions of a database, beside any number of others, until it is stopped."""

import argparse
import contextlib
import importlib
import os
import threading
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from typing import cast

from remit.cli import exits
from remit.cli.options import add_driving, add_store, driving
from remit.cli.places import home
from remit.cli.resuming import ready
from remit.cli.screen import Screen
from remit.cli.serving import telemetry
from remit.cli.serving.calm import calm
from remit.cli.serving.served import add_grace, loaded, seconds, shared_settings, stopping
from remit.cli.stores import is_url
from remit.core.agent import Agent
from remit.core.errors import ConfigError
from remit.home import Home, shared_key
from remit.server.access import PostgresAccessStore
from remit.server.fleet import FleetDriver, ProcrastinateJobs, Worker, shared
from remit.server.fleet.worker import AT_ONCE
from remit.server.switches import Board, guarded

_CLOSING = 15.0
"""Seconds after the grace for what is cut off and closed; who needs more is ended, and found as after a crash."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "agents",
        metavar="FILE.py:NAME",
        nargs="+",
        help="an Agent, or a function giving one; also module:NAME, or `desk`",
    )
    parser.add_argument(
        "--sessions", metavar="N", type=int, default=AT_ONCE, help="to drive at the same time (default: %(default)s)"
    )
    parser.add_argument("--tenant", metavar="NAME", default="", help="the one there is, where the agents name none")
    add_grace(parser)
    parser.add_argument(
        "--adopt",
        metavar="AGENT@VERSION",
        action="append",
        default=[],
        help="drive sessions of this older version too, which nobody serves any more; may be repeated",
    )
    telemetry.add_metrics(parser, "the queue's metrics, and whether this worker lives and is ready,")
    add_store(parser)
    add_driving(parser)


async def main(args: argparse.Namespace) -> int:
    """Drive until we are interrupted; then have every session stop after its step, and hand it back."""
    screen = Screen(out=args.out, json=args.json, quiet=args.quiet)
    place, wish, grace = str(args.store), driving(args), seconds("--grace", args.grace)
    if not is_url(place):
        raise ConfigError(
            f"workers share a database, and {place!r} is a folder: --store postgresql://USER@HOST/DATABASE, or "
            "REMIT_STORE; `remit serve` drives what is in a folder by itself"
        )
    if args.sessions < 1:
        raise ConfigError(f"--sessions is at least 1, not {args.sessions}")
    where = telemetry.place(args)
    # Before anything is made in the database.
    shared_key()
    found = loaded(args.agents, place, wish)
    settings = shared_settings(found, str(args.tenant), wish.durability)
    async with contextlib.AsyncExitStack() as closing:
        deadline = closing.enter_context(_deadline(grace + _CLOSING))
        closing.enter_context(calm())
        store = PostgresAccessStore(place)
        closing.push_async_callback(store.close)
        switches = await closing.enter_async_context(Board(store.switches).kept())
        opened = await closing.enter_async_context(home(place, guarded(settings, switches)))
        agents = [await closing.enter_async_context(ready(one)) for one in found]
        known = {agent.name: agent for agent in agents}
        worker = Worker(
            opened,
            known,
            ProcrastinateJobs(place),
            held=switches.why,
            at_once=args.sessions,
            adopts=adopted(args.adopt, known),
        )
        driver = FleetDriver(opened, known, worker)
        switches.watch(driver.switched)
        stop = closing.enter_context(stopping())
        await driver.start()
        try:
            async with _told(opened, driver, where) as url:
                me = shared(opened).workers.me
                screen.result({"working": me, "metrics": url} if url else {"working": me})
                screen.hint("working; Ctrl-C stops after the steps under way, a second one at once")
                await stop.wait()
                deadline.start()
                screen.hint("stopping: sessions are handed back after the step they are in")
                await driver.drain(grace)
        except BaseException:
            await driver.drain(0)
            raise
    return exits.DONE


def adopted(said: Sequence[str], known: Mapping[str, Agent]) -> list[tuple[str, str]]:
    """Read which older versions are driven too; raise `ConfigError` for those of an agent that is not served here."""
    found = [tuple(one.rsplit("@", 1)) for one in said]
    for pair in found:
        if len(pair) != 2 or pair[0] not in known:
            raise ConfigError(f"--adopt is AGENT@VERSION of an agent that is driven here, not {'@'.join(pair)!r}")
    return [(agent, version) for agent, version in found]


@contextlib.contextmanager
def _deadline(after: float) -> Generator[threading.Timer]:
    """Give what, once it is started, ends the process so many seconds later, should it still be there.

    It is a thread: what holds up the loop, such as a database that is away, does not hold it up.
    """
    timer = threading.Timer(after, os._exit, (exits.PAUSED,))
    timer.daemon = True
    try:
        yield timer
    finally:
        timer.cancel()


def _unready(home: Home, driver: FleetDriver) -> str:
    """Say why this process takes up no work, if it does not."""
    if driver.draining:
        return "stopping"
    return "" if shared(home).workers.heard else "the database does not answer"


@contextlib.asynccontextmanager
async def _told(home: Home, driver: FleetDriver, where: tuple[str, int]) -> AsyncGenerator[str]:
    """Tell how the queue stands, if somebody wants to know."""
    if not where[0]:
        yield ""
        return
    try:
        api = cast("telemetry.Serving", importlib.import_module("remit.server.api"))
        async with telemetry.scraped(home, api, where, [], lambda: _unready(home, driver)) as url:
            yield url
    except ImportError as error:
        raise ConfigError(f"--metrics needs extras: pip install 'remit[server,prometheus]' ({error})") from error
