"""`remit close`: end a session for good; what happened in it stays to be read."""

import argparse

from remit.cli import exits
from remit.cli.options import add_person, add_session, add_store
from remit.cli.places import find, stored
from remit.cli.resuming import foreseen, secrets_of
from remit.cli.screen import Screen
from remit.runtime import close


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_session(parser)
    add_person(parser)
    add_store(parser)


async def main(args: argparse.Namespace) -> int:
    """Write it down."""
    screen = Screen(out=args.out, json=args.json)
    secrets = secrets_of(await foreseen(args.store, args.session))
    async with stored(args.store, secrets) as store:
        session = await find(store, args.session)
        await close(store, session, by=args.by, reason=args.reason)
    if screen.json:
        screen.result({"session": session, "status": "closed"})
    screen.hint(f"session {session} is closed")
    return exits.DONE
