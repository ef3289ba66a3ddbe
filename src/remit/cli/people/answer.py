"""`remit answer`: answer what a call asks, or decline, and go on."""

import argparse
from collections.abc import Sequence

import msgspec

from remit.cli import exits
from remit.cli.options import add_going_on, add_person, add_session, add_store, driving
from remit.cli.places import find, folded, stored
from remit.cli.resuming import foreseen, go_on, know, reference, secrets_of
from remit.cli.screen import Screen
from remit.core.errors import ConfigError
from remit.core.state import State
from remit.core.values import JsonObject, JsonValue
from remit.runtime import answer, awaited
from remit.runtime.people import choices, kinds


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_session(parser)
    parser.add_argument(
        "words", metavar="[CALL] FIELD=VALUE ...", nargs="*", help="the call's id, if several ask, and the answer"
    )
    parser.add_argument("--decline", action="store_true", help="say that nobody will answer")
    add_person(parser)
    add_store(parser)
    add_going_on(parser)


async def main(args: argparse.Namespace) -> int:
    """Write the answer down, then go on unless told not to."""
    screen = Screen(out=args.out, json=args.json, quiet=args.quiet)
    known = await foreseen(args.store, args.session, args.agent, going_on=not args.no_resume)
    async with stored(args.store, secrets_of(known)) as store:
        session = await find(store, args.session)
        state = await folded(store, session)
        call, fields = _split(args.words)
        if args.decline == bool(fields):
            raise ConfigError("say FIELD=VALUE for each field that is asked, or --decline; not both and not neither")
        given = None if args.decline else read(fields, _schema(state, call))
        state = await answer(store, session, call, given, by=args.by)
        ref = args.agent or reference(state)
    screen.hint(f"{'declined' if given is None else 'answered'} in session {session} by {args.by}")
    if args.no_resume or not ref:
        if screen.json:
            screen.result({"session": session, "given": given, "by": args.by, "resumed": False})
        screen.hint(f"go on with: remit resume {session}" + ("" if ref else " --agent FILE.py:NAME"))
        return exits.DONE
    return await go_on(args.store, await know(args.store, session, ref, driving(args)), screen)


def _split(words: Sequence[str]) -> tuple[str, Sequence[str]]:
    if words and "=" not in words[0] and not words[0].startswith("{"):
        return words[0], words[1:]
    return "", words


def _schema(state: State, call: str) -> JsonObject:
    for effect in awaited(state):
        if call in {"", effect.call.id} and effect.wants is not None:
            return effect.wants.schema
    return {}


def read(words: Sequence[str], schema: JsonObject) -> JsonObject:
    """Read the fields of an answer, or one whole JSON object; a text needs no quotes."""
    if len(words) == 1 and words[0].startswith("{"):
        return _object(words[0])
    fields = schema.get("properties")
    given: JsonObject = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise ConfigError(f"{word!r} is no FIELD=VALUE")
        given[name] = _value(text, fields.get(name) if isinstance(fields, dict) else None)
    return given


def _object(text: str) -> JsonObject:
    try:
        return msgspec.json.decode(text, type=dict[str, JsonValue])
    except msgspec.MsgspecError as error:
        raise ConfigError(f"the answer is no JSON object: {error}") from None


def _value(text: str, field: JsonValue) -> JsonValue:
    named, may = kinds(field), choices(field) or ()
    if list(named) == ["string"] or text in may:
        return text
    try:
        value: JsonValue = msgspec.json.decode(text)
    except msgspec.MsgspecError:
        return text
    # Where a text or something else may stand, `007` and `1e5` are what was typed, and `null` is nothing.
    plain = "string" in named and isinstance(value, int | float) and "integer" not in named and "number" not in named
    return text if plain else value
