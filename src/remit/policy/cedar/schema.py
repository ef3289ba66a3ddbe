"""Schema: what policies may speak of, generated from the contracts of tools, so that a typing error cannot load."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from remit.core.errors import ConfigError
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonObject, JsonValue, digest
from remit.policy.cedar import engine
from remit.policy.cedar.kinds import Fields, declared, fields_of

PRINCIPAL = "Session"
CALLS = "Call"
"""The namespace of resources."""

_TEXTS: JsonObject = {"type": "Set", "element": {"type": "String"}}
_MONEY: JsonObject = {"type": "Extension", "name": "decimal"}
_CONTEXT: JsonObject = {
    "at": {"type": "Extension", "name": "datetime"},
    "depth": {"type": "Long"},
    "hour": {"type": "Long"},
    "labels": _TEXTS,
    "run_spent_usd": _MONEY,
    "spent_usd": _MONEY,
    "steps": {"type": "Long"},
    "weekday": {"type": "Long"},
}
_SESSION: JsonObject = {"tenant": {"type": "String"}, "agent": {"type": "String"}, "users": _TEXTS}
_WORDS = frozenset({"else", "false", "has", "if", "in", "is", "like", "then", "true", "__cedar"})
_KINDS = frozenset(
    {"Bool", "Boolean", "Entity", "Extension", "Long", "Record", "Set", "String"}
    | {"datetime", "decimal", "duration", "ipaddr"}
)
_RESERVED = _WORDS | _KINDS
"""Names that a type may not have, or that would hide one of Cedar's own."""
_OWN = re.compile(r'"(?:[^"\\]|\\.)*"|__cedar::')


@dataclass(frozen=True, slots=True)
class Offer:
    """A tool as policies see it."""

    spec: ToolSpec
    type: str
    """Of its calls, such as `Call::create_issue`."""
    groups: tuple[str, ...]
    """The groups its action is in."""
    args: Fields


def offers_of(specs: Iterable[ToolSpec]) -> dict[str, Offer]:
    """Say by name how policies see each tool; raise `ConfigError` when two have one name."""
    by_name: dict[str, ToolSpec] = {}
    for spec in specs:
        if spec.name in by_name:
            raise ConfigError(f"policies are made for two tools named {spec.name!r}; rename one")
        if ":" in spec.name:
            raise ConfigError(f"tool {spec.name!r} cannot be told from a group of tools in Cedar; take the `:` away")
        by_name[spec.name] = spec
    types = _types(by_name)
    return {
        name: Offer(spec, f"{CALLS}::{types[name]}", _groups(spec), fields_of(spec.schema))
        for name, spec in sorted(by_name.items())
    }


def schema_of(specs: Iterable[ToolSpec]) -> JsonObject:
    """Write Cedar's schema, in its JSON form, for policies over these tools."""
    return schema_for(offers_of(specs).values())


def schema_for(offers: Iterable[Offer]) -> JsonObject:
    """Write the schema for tools as policies see them."""
    offered = list(offers)
    groups = sorted({group for offer in offered for group in offer.groups})
    actions: JsonObject = {group: {} for group in groups}
    calls: JsonObject = {}
    for offer in offered:
        actions[offer.spec.name] = {
            "memberOf": [{"id": group} for group in offer.groups],
            "appliesTo": {
                "principalTypes": [PRINCIPAL],
                "resourceTypes": [offer.type],
                "context": {"type": "Context"},
            },
        }
        calls[offer.type.removeprefix(f"{CALLS}::")] = {"shape": _record(_resource(offer))}
    entities: JsonObject = {
        "Tenant": {},
        "Agent": {},
        PRINCIPAL: {"memberOfTypes": ["Agent", "Tenant"], "shape": _record(_SESSION)},
    }
    return {
        "": {"commonTypes": {"Context": _record(_CONTEXT)}, "entityTypes": entities, "actions": actions},
        CALLS: {"entityTypes": calls, "actions": {}},
    }


def schema_text(specs: Iterable[ToolSpec]) -> str:
    """Write Cedar's schema for policies over these tools as people read it."""
    text = str(engine.compiled_schema(schema_of(specs)))
    # Cedar writes out where its own types come from, which is needed only where another has the same name.
    return _OWN.sub(lambda found: found[0] if found[0].startswith('"') else "", text)


def _record(attributes: Mapping[str, JsonValue]) -> JsonObject:
    return {"type": "Record", "attributes": dict(attributes)}


def _resource(offer: Offer) -> JsonObject:
    return {"args": declared(offer.args), "text": {"type": "String"}, "hosts": _TEXTS}


def _groups(spec: ToolSpec) -> tuple[str, ...]:
    found = [f"effect:{spec.effect}", *(f"label:{label}" for label in spec.labels)]
    if spec.dangerous:
        found.append("tools:dangerous")
    if spec.owner:
        found.append(f"owner:{spec.owner}")
    if spec.source:
        found.append(f"source:{spec.source}")
    return tuple(dict.fromkeys(found))


def _types(names: Iterable[str]) -> dict[str, str]:
    """Turn names of tools into names of types; those that would be one another get a piece of their hash, all of them.

    So a tool that comes later never takes over what policies say of an older one: they no longer load instead.
    """
    wanted: dict[str, list[str]] = defaultdict(list)
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9_]", "_", name) or "_"
        wanted[f"{plain}_" if plain in _RESERVED else f"_{plain}" if plain[0].isdigit() else plain].append(name)
    types = {
        name: plain if len(same) == 1 else f"{plain}_{digest(name)[:8]}"
        for plain, same in wanted.items()
        for name in same
    }
    if len(set(types.values())) < len(types):
        raise ConfigError(f"the names of these tools cannot be told apart in Cedar; rename some: {', '.join(types)}")
    return types
