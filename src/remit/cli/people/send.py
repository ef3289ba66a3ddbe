"""`remit send`: leave a message for a session; whoever drives it takes it up."""

import argparse
import os

from remit.cli import exits
from remit.cli.driving import explain
from remit.cli.options import add_session, add_store, login
from remit.cli.places import find, standing, stored
from remit.cli.resuming import foreseen, secrets_of
from remit.cli.screen import Screen
from remit.core.errors import ConfigError
from remit.runtime import send
from remit.telemetry.spans import TRACEPARENT


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_session(parser)
    parser.add_argument("message", help="what to tell the agent")
    parser.add_argument("--by", metavar="NAME", default=login(), help="who says it (default: %(default)s)")
    parser.add_argument("--key", metavar="KEY", default="", help="the same key again is the same message")
    add_store(parser)


async def main(args: argparse.Namespace) -> int:
    """Write the message down."""
    if not args.message.strip():
        raise ConfigError("the message is empty")
    screen = Screen(out=args.out, json=args.json)
    secrets = secrets_of(await foreseen(args.store, args.session))
    async with stored(args.store, secrets) as store:
        session = await find(store, args.session)
        await send(store, session, args.message, by=args.by, key=args.key, trace=os.environ.get(TRACEPARENT, ""))
        stands = await standing(args.store, store, session)
    if screen.json:
        screen.result({"session": session, "status": stands.status, "next": list(stands.commands)})
    screen.hint(f"left for session {session}")
    explain(screen.hint, stands)
    return exits.DONE
