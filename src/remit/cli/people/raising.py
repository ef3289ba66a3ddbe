"""`remit raise`: give a session more room."""

import argparse
import math

from remit.cli import exits
from remit.cli.driving import explain
from remit.cli.options import add_session, add_store, login
from remit.cli.places import find, standing, stored
from remit.cli.resuming import foreseen, secrets_of
from remit.cli.screen import Screen
from remit.core.errors import ConfigError
from remit.runtime import raise_limit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_session(parser)
    parser.add_argument("limit", help="such as usd, session_usd, steps, tokens, seconds")
    parser.add_argument("to", type=float, help="the new limit: dollars, seconds or a number")
    parser.add_argument("--by", metavar="NAME", default=login(), help="who raises it (default: %(default)s)")
    add_store(parser)


async def main(args: argparse.Namespace) -> int:
    """Write the new limit down."""
    if not math.isfinite(args.to) or args.to < 0:
        raise ConfigError(f"a limit is a finite number from 0 up, not {args.to:g}")
    screen = Screen(out=args.out, json=args.json)
    secrets = secrets_of(await foreseen(args.store, args.session))
    async with stored(args.store, secrets) as store:
        session = await find(store, args.session)
        await raise_limit(store, session, args.limit, args.to, by=args.by)
        stands = await standing(args.store, store, session)
    if screen.json:
        screen.result({"session": session, "limit": args.limit, "to": args.to, "next": list(stands.commands)})
    screen.hint(f"session {session}: {args.limit} is now {args.to:g}")
    explain(screen.hint, stands)
    return exits.DONE
