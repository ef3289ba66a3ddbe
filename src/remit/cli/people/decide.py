"""`remit approve` and `remit deny`: decide on a call that waits, for exactly the arguments it has, and go on."""

import argparse

from remit.cli import exits
from remit.cli.options import add_going_on, add_person, add_session, add_store, driving
from remit.cli.places import find, folded, stored
from remit.cli.resuming import foreseen, go_on, know, reference, secrets_of
from remit.cli.screen import Screen
from remit.runtime import decide


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the commands take."""
    add_session(parser)
    parser.add_argument("call", metavar="CALL", nargs="?", default="", help="the call's id, if several wait")
    add_person(parser)
    add_store(parser)
    add_going_on(parser)


async def main(args: argparse.Namespace) -> int:
    """Write the decision down, then go on unless told not to."""
    granted = args.command == "approve"
    screen = Screen(out=args.out, json=args.json, quiet=args.quiet)
    known = await foreseen(args.store, args.session, args.agent, going_on=not args.no_resume)
    async with stored(args.store, secrets_of(known)) as store:
        session = await find(store, args.session)
        state = await decide(store, session, args.call, granted=granted, by=args.by, reason=args.reason)
        ref = args.agent or reference(await folded(store, session))
    decided = [effect.given for effect in state.run.effects.values() if effect.given] if state.run else []
    word = "approved" if granted else "denied"
    screen.hint(f"{word} {decided[-1].call if decided else args.call} of session {session} by {args.by}")
    if args.no_resume or not ref:
        if screen.json:
            screen.result({"session": session, "granted": granted, "by": args.by, "resumed": False})
        screen.hint(f"go on with: remit resume {session}" + ("" if ref else " --agent FILE.py:NAME"))
        return exits.DONE
    return await go_on(args.store, await know(args.store, session, ref, driving(args)), screen)
