"""`remit resume`: go on with a session after a crash, a decision or a pause."""

import argparse

from remit.cli.options import add_driving, add_session, add_store, driving
from remit.cli.resuming import go_on, know
from remit.cli.screen import Screen


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_session(parser)
    parser.add_argument("--agent", metavar="FILE.py:NAME", default="", help="the agent, if it has moved")
    add_store(parser)
    add_driving(parser)


async def main(args: argparse.Namespace) -> int:
    """Load its agent and go on."""
    known = await know(args.store, args.session, args.agent, driving(args))
    return await go_on(args.store, known, Screen(out=args.out, json=args.json, quiet=args.quiet))
