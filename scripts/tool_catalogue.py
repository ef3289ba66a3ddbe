"""A catalogue of tools for measuring their search: 500 of 25 systems, and what people say when they want one of them.

All of it follows from the tables of `tool_catalogue.toml`; nothing is drawn by lot.
"""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import msgspec

from remit.core.toolspec import ToolSpec
from remit.core.values import JsonObject

TABLES = Path(__file__).with_name("tool_catalogue.toml")

Kind = Literal["own words", "other verb", "other words", "wish", "wish, no system"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""How a wish is said: as the documentation says it; with other words for the operation; with other words for the
operation and the thing; as a situation that names neither; the same without the system, when the tool of any system
that has it is right."""

SHOWN = {"ec2": "EC2", "github": "GitHub", "gitlab": "GitLab", "hubspot": "HubSpot", "dhl": "DHL"}
READS = frozenset({"get", "list", "export"})
WRITES = frozenset({"create", "update", "send"})


class Verb(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One operation: how tools are named after it, how it is documented, how people say it."""

    names: tuple[str, str, str]
    told: tuple[str, str, str]
    others: tuple[str, ...]


class Thing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What operations are done to; see the head of the tables."""

    noun: str
    what: str
    arguments: tuple[str, ...]
    verbs: tuple[str, ...]
    others: tuple[str, ...]
    wishes: dict[str, str]
    called: dict[str, str] = {}


class Family(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"things": "object"}):
    """Systems that do the same things."""

    systems: tuple[str, ...]
    things: tuple[Thing, ...]


class Tables(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"families": "family"}):
    """The whole file."""

    verbs: dict[str, Verb]
    arguments: dict[str, str]
    families: tuple[Family, ...]


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody says, and the tools that are right."""

    kind: Kind
    said: str
    right: frozenset[str]


@dataclass(frozen=True, slots=True)
class Operation:
    """One tool of the catalogue, before it is written down."""

    system: str
    number: int
    """Which of all systems it is; what the style of its documentation hangs on."""
    thing: Thing
    verb: str

    @property
    def noun(self) -> str:
        """What the system calls the thing."""
        return self.thing.called.get(self.system, self.thing.noun)

    @property
    def style(self) -> int:
        """Which of the three ways of naming and documenting the system follows."""
        return self.number % 3


def tables() -> Tables:
    """Read the tables."""
    return msgspec.convert(tomllib.loads(TABLES.read_text(encoding="utf-8")), Tables)


def operations(source: Tables, copies: int = 1) -> Iterator[Operation]:
    """List the operations of all systems; of further copies the systems have numbers in their names."""
    for copy in range(copies):
        number = 0
        for family in source.families:
            for system in family.systems:
                named = system if copy == 0 else f"{system}{copy + 1}"
                for thing in family.things:
                    called = thing.called.get(system, thing.noun)
                    kept = msgspec.structs.replace(thing, called={named: called})
                    yield from (Operation(named, number, kept, verb) for verb in thing.verbs)
                number += 1


def catalogue(source: Tables, copies: int = 1) -> list[ToolSpec]:
    """Write all tools down; `copies` times 500."""
    return [written(source, one) for one in operations(source, copies)]


def written(source: Tables, one: Operation) -> ToolSpec:
    """Write one tool as its system documents it."""
    verb = source.verbs[one.verb]
    noun = one.noun.replace("_", " ")
    told = verb.told[one.style].format(noun=noun, a_noun=article(noun), system=shown(one.system))
    if one.style == 1 and noun[0] in "aeiou":
        told = told.replace(f" a {noun}", f" an {noun}")
    return ToolSpec(
        name=name(source, one),
        description=f"{plural(told, noun)} {one.thing.what}.",
        schema=schema(source, one),
        effect="read" if one.verb in READS else "once",
        source=f"openapi:{one.system}",
    )


def name(source: Tables, one: Operation) -> str:
    """Name a tool in the style of its system: snake_case, camelCase, or kebab-case with the operation last."""
    verb = source.verbs[one.verb].names[one.style]
    match one.style:
        case 0:
            return f"{one.system}_{verb}_{one.noun}"
        case 1:
            return one.system + verb.title() + "".join(word.title() for word in one.noun.split("_"))
        case _:
            return f"{one.system}-{one.noun}-{verb}".replace("_", "-")


def schema(source: Tables, one: Operation) -> JsonObject:
    """Write the arguments of an operation."""
    of = one.noun.replace("_", " ")
    known: JsonObject = {"id": {"type": "string", "description": f"Identifier of the {of}"}}
    given: JsonObject = {key: {"type": "string", "description": source.arguments[key]} for key in one.thing.arguments}
    if one.verb in {"create", "send"}:
        return {"type": "object", "properties": given, "required": [*list(given)[:2]]}
    if one.verb in WRITES:
        return {"type": "object", "properties": {**known, **given}, "required": ["id"]}
    if one.verb == "list":
        paging: JsonObject = {
            "text": {"type": "string", "description": "Text to match"},
            "limit": {"type": "integer", "minimum": 1, "maximum": 100, "description": "How many at most"},
            "cursor": {"type": "string", "description": "Where the page before ended"},
        }
        return {"type": "object", "properties": paging}
    further: dict[str, JsonObject] = {
        "assign": {"user": {"type": "string", "description": "User name"}},
        "move": {"target": {"type": "string", "description": source.arguments["target"]}},
        "export": {"format": {"enum": ["pdf", "csv", "json"], "description": "Format of the result"}},
        "cancel": {"reason": {"type": "string", "description": source.arguments["reason"]}},
    }
    extra = further.get(one.verb, {})
    return {"type": "object", "properties": {**known, **extra}, "required": ["id"]}


def wishes(source: Tables) -> list[Wish]:
    """List what people say: every tool in its own words and in others, and every situation."""
    found: list[Wish] = []
    twins: dict[tuple[str, str], set[str]] = {}
    for place, one in enumerate(operations(source)):
        right = name(source, one)
        key = one.thing.wishes.get(one.verb, "")
        twins.setdefault((one.thing.what, key), set()).add(right)
        verb = source.verbs[one.verb]
        noun = one.noun.replace("_", " ")
        system = shown(one.system)
        found.append(
            Wish("own words", f"{verb.names[one.style].replace('_', ' ')} {noun} {system}", frozenset({right}))
        )
        other = one.thing.others[place % len(one.thing.others)]
        said = verb.others[place % len(verb.others)]
        pairs: tuple[tuple[Kind, str], ...] = (("other verb", noun), ("other words", other))
        for kind, thing in pairs:
            found.append(Wish(kind, f"{said.format(a=article(thing), o=thing)} in {system}", frozenset({right})))
        if key:
            found.append(Wish("wish", f"{key} ({system})", frozenset({right})))
    whole = [Wish("wish, no system", said, frozenset(right)) for (_, said), right in twins.items() if said]
    return [*found, *whole]


def of_kind(found: Sequence[Wish], kind: Kind) -> list[Wish]:
    """Take the wishes of one kind."""
    return [wish for wish in found if wish.kind == kind]


def shown(system: str) -> str:
    """Write the name of a system as people do."""
    return SHOWN.get(system, system.capitalize())


def article(noun: str) -> str:
    """Put `a` or `an` before a noun, unless it has no article."""
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def plural(text: str, noun: str) -> str:
    """Mend the plural of a noun that ends in `y`."""
    return text.replace(f"{noun}s", f"{noun[:-1]}ies") if noun.endswith(("ny", "ty", "ry")) else text
