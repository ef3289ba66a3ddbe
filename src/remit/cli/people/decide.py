"""`remit approve` and `remit deny`: decide on a call that waits, for exactly the arguments it has, and go on.

An approval may also give the call other arguments; then it is another call, which is checked again.
"""

import argparse

import msgspec

from remit.cli import exits
from remit.cli.options import add_going_on, add_person, add_session, add_store, driving
from remit.cli.places import find, folded, stored
from remit.cli.resuming import Known, foreseen, go_on, know, reference, secrets_of
from remit.cli.screen import Screen
from remit.core.errors import ApprovalError, ConfigError
from remit.core.ports import Store
from remit.core.state import Effect, State
from remit.core.values import JsonObject, JsonValue
from remit.runtime import decide, edit, misfit, missing, waiting


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the commands take."""
    add_session(parser)
    parser.add_argument("call", metavar="CALL", nargs="?", default="", help="the call's id, if several wait")
    parser.add_argument(
        "--args",
        metavar="JSON",
        dest="given",
        default="",
        help="with `approve`: other arguments, judged as another call",
    )
    add_person(parser)
    add_store(parser)
    add_going_on(parser)


async def main(args: argparse.Namespace) -> int:
    """Write the decision down, then go on unless told not to or more people must approve."""
    granted = args.command == "approve"
    screen = Screen(out=args.out, json=args.json, quiet=args.quiet)
    given = _read(args.given, granted=granted)
    known = await foreseen(args.store, args.session, args.agent, going_on=not args.no_resume)
    async with stored(args.store, secrets_of(known)) as store:
        session = await find(store, args.session)
        before = await folded(store, session)
        state = await _decided(store, session, before, args, given, known)
        ref = args.agent or reference(await folded(store, session))
    effect = _about(before, state, args.call)
    more = missing(effect)
    word = "denied" if not granted else "approved" if given is None else "approved with other arguments"
    screen.hint(f"{word}: {effect.call.id} of session {session} by {args.by}")
    if more:
        people = "1 more person" if more == 1 else f"{more} more people"
        screen.hint(f"{people} must approve it: remit approve {session} {effect.call.id} --by NAME")
    if args.no_resume or not ref or more:
        if screen.json:
            said: JsonObject = {"session": session, "granted": granted, "by": args.by, "resumed": False}
            screen.result(said | ({"missing": more} if more else {}))
        if not more:
            screen.hint(f"go on with: remit resume {session}" + ("" if ref else " --agent FILE.py:NAME"))
        return exits.WAITING if more and not args.no_resume else exits.DONE
    return await go_on(args.store, await know(args.store, session, ref, driving(args)), screen)


async def _decided(
    store: Store, session: str, before: State, args: argparse.Namespace, given: JsonObject | None, known: Known | None
) -> State:
    if given is None:
        granted = args.command == "approve"
        return await decide(store, session, args.call, granted=granted, by=args.by, reason=args.reason)
    for effect in waiting(before):
        tools = known.agent.agent.tools if known is not None and args.call in {"", effect.call.id} else ()
        problems = [misfit(tool, given) for tool in tools if tool.spec.name == effect.call.tool]
        if any(problems):
            raise ApprovalError(f"{effect.call.tool} ({effect.call.id}) does not take these arguments: {problems[0]}")
    return await edit(store, session, args.call, given, by=args.by, reason=args.reason)


def _about(before: State, after: State, call: str) -> Effect:
    """Give the call that was decided on, as it is now."""
    name = call or waiting(before)[0].call.id
    assert after.run is not None
    return after.run.effects[name]


def _read(text: str, *, granted: bool) -> JsonObject | None:
    if not text:
        return None
    if not granted:
        raise ConfigError("a call that is denied gets no other arguments; leave --args out")
    try:
        return msgspec.json.decode(text, type=dict[str, JsonValue])
    except msgspec.MsgspecError as error:
        raise ConfigError(f"--args is no JSON object: {error}") from None
