"""`remit cancel`: end a session's run, at once when it sleeps, at its next step when a worker drives it."""

import argparse

from remit.cli import exits
from remit.cli.driving import explain
from remit.cli.options import add_person, add_session, add_store
from remit.cli.places import find, standing, stored
from remit.cli.resuming import foreseen, secrets_of
from remit.cli.screen import Screen
from remit.runtime import cancel


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_session(parser)
    add_person(parser)
    add_store(parser)


async def main(args: argparse.Namespace) -> int:
    """Write the wish down."""
    screen = Screen(out=args.out, json=args.json)
    secrets = secrets_of(await foreseen(args.store, args.session))
    async with stored(args.store, secrets) as store:
        session = await find(store, args.session)
        state = await cancel(store, session, by=args.by, reason=args.reason)
        stands = await standing(args.store, store, session)
    over = state.run is None
    if screen.json:
        screen.result({"session": session, "cancelled": over, "status": stands.status, "next": list(stands.commands)})
    screen.hint(f"session {session}: " + ("its run is cancelled" if over else "its run ends at its next step"))
    if not over:
        explain(screen.hint, stands)
    return exits.DONE
