"""`remit settle`: say whether a call in doubt happened, and go on. One that did not happen is made again."""

import argparse

import msgspec

from remit.cli import exits
from remit.cli.options import add_going_on, add_session, add_store, driving, login
from remit.cli.places import find, folded, stored
from remit.cli.resuming import foreseen, go_on, know, reference, secrets_of
from remit.cli.screen import Screen
from remit.core.errors import ConfigError
from remit.core.values import JsonValue
from remit.runtime import settle


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_session(parser)
    parser.add_argument("call", metavar="CALL", nargs="?", default="", help="the call's id, if several are in doubt")
    found = parser.add_mutually_exclusive_group(required=True)
    found.add_argument("--happened", dest="happened", action="store_true", help="it happened: never make it again")
    found.add_argument("--not-happened", dest="happened", action="store_false", help="it did not: make it again")
    parser.add_argument("--output", metavar="JSON", default="", help="with --happened: what it gave")
    parser.add_argument("--by", metavar="NAME", default=login(), help="who looked (default: %(default)s)")
    add_store(parser)
    add_going_on(parser)


async def main(args: argparse.Namespace) -> int:
    """Write down what a person found out, then go on unless told not to."""
    output = _output(args.output)
    screen = Screen(out=args.out, json=args.json, quiet=args.quiet)
    known = await foreseen(args.store, args.session, args.agent, going_on=not args.no_resume)
    async with stored(args.store, secrets_of(known)) as store:
        session = await find(store, args.session)
        await settle(store, session, args.call, happened=args.happened, by=args.by, output=output)
        ref = args.agent or reference(await folded(store, session))
    screen.hint(
        f"written down for session {session} by {args.by}: it {'happened' if args.happened else 'did not happen'}"
    )
    if args.no_resume or not ref:
        if screen.json:
            screen.result({"session": session, "happened": args.happened, "by": args.by, "resumed": False})
        screen.hint(f"go on with: remit resume {session}" + ("" if ref else " --agent FILE.py:NAME"))
        return exits.DONE
    return await go_on(args.store, await know(args.store, session, ref, driving(args)), screen)


def _output(text: str) -> JsonValue:
    if not text:
        return None
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ConfigError(f"--output is not JSON: {error}") from None
