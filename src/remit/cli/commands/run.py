"""`remit run`: give an agent a message and drive it until it answers or waits."""

import argparse
import asyncio
import os
import sys

from remit.cli.agents import load
from remit.cli.driving import Driver
from remit.cli.options import add_driving, add_store, driving
from remit.cli.places import driven, find, folded, home, settled
from remit.cli.screen import Screen
from remit.core.errors import ConfigError
from remit.runtime import attach
from remit.telemetry.spans import TRACEPARENT


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("agent", metavar="FILE.py:NAME", help="an Agent, or a function giving one; also module:NAME")
    parser.add_argument("message", help="what to tell it; - reads standard input")
    parser.add_argument(
        "--attach", metavar="FILE", action="append", default=[], help="an image or document; repeatable"
    )
    parser.add_argument("--session", metavar="ID", default="", help="go on in this session instead of a new one")
    parser.add_argument("--tenant", metavar="NAME", default="", help="who pays and owns the data of a new session")
    add_store(parser)
    add_driving(parser)


async def main(args: argparse.Namespace) -> int:
    """Run it and show it."""
    message = await asyncio.to_thread(sys.stdin.read) if args.message == "-" else str(args.message)
    if not message.strip():
        raise ConfigError("the message is empty; say something, or - to read it from standard input")
    wish = driving(args)
    loaded = driven(load(args.agent), wish)
    tenant, session = str(args.tenant), str(args.session)
    settings = settled(loaded, tenant, wish.durability)
    screen = Screen(out=args.out, json=args.json, quiet=args.quiet)
    async with home(args.store, settings) as opened:
        past = []
        if session:
            session = await find(opened.store, session)
            past = await opened.store.read(session)
            state = await folded(opened.store, session)
            owner = state.opened.tenant if state.opened else ""
            if tenant and tenant != owner:
                raise ConfigError(f"session {session!r} belongs to tenant {owner!r}, not to {tenant!r}")
        said = [message, *map(attach, args.attach)]
        trace = os.environ.get(TRACEPARENT, "")
        items = opened.stream(loaded.agent, said, session=session, tenant=tenant, trace=trace)
        return await Driver(opened, args.store, screen, wish.model).drive(items, past)
