"""`remit fork`: begin a new session with the past of another, up to an event."""

import argparse

from remit.cli import exits
from remit.cli.driving import explain
from remit.cli.options import add_session, add_store
from remit.cli.places import find, home, standing, stored
from remit.cli.screen import Screen
from remit.home import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_session(parser)
    parser.add_argument("--at", type=int, metavar="N", help="the last event to take, as `remit show` numbers them")
    add_store(parser)


async def main(args: argparse.Namespace) -> int:
    """Copy the past; the id of the new session is the output."""
    screen = Screen(out=args.out, json=args.json)
    async with stored(args.store) as store:
        source = await find(store, args.session)
    # Through a home, which knows whether this command runs inside somebody's remit.
    async with home(args.store, Settings()) as opened:
        name = await opened.fork(source, at=args.at)
        first = (await opened.session(name)).opened
        taken = int(first.forked.rpartition("@")[2]) if first else 0
        stands = await standing(args.store, opened.store, name)
    if screen.json:
        screen.result({"session": name, "from": source, "events": taken, "next": list(stands.commands)})
        return exits.DONE
    screen.say(name)
    screen.hint(f"forked from {source} after event {taken}")
    explain(screen.hint, stands)
    return exits.DONE
