"""Engine: Cedar itself, behind the few things that we ask of it. The only module that imports it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, assert_never, cast

import msgspec

from remit.core.errors import ConfigError
from remit.core.values import JsonObject

try:
    import cedarpy
    from cedarpy import PolicySet, Schema, policies_to_pst, pst
except ImportError as error:
    raise ConfigError(f"policies in Cedar need an extra: pip install 'remit[cedar]' ({error})") from error

_EARLY = "unexpected end of input"


class _Cedar(Protocol):
    """The functions whose own types are only half written."""

    def is_authorized(
        self, request: dict[str, object], policies: PolicySet, entities: str, schema: Schema
    ) -> cedarpy.AuthzResult: ...
    def validate_policies(self, policies: str, schema: Schema) -> cedarpy.ValidationResult: ...


_cedar = cast("_Cedar", cedarpy)

Compiled = PolicySet
"""Policies, ready to be asked."""
CompiledSchema = Schema
"""A schema, ready to be held against."""


class Parsed(msgspec.Struct, frozen=True):
    """One policy as Cedar understands it."""

    effect: str
    annotations: Mapping[str, str]
    actions: tuple[str, ...] | None
    """The actions and groups that its scope names; `None` when it covers all there are."""
    slots: bool = False
    """Whether it is a template, which holds for nobody until it is filled in."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What Cedar says of a request."""

    allowed: bool
    reasons: tuple[str, ...]
    """`policyN` by place in the set, of those that decided."""
    errors: tuple[str, ...]


def compiled_schema(schema: JsonObject) -> Schema:
    """Compile a schema; raise `ValueError` saying what is wrong."""
    return Schema.from_json_str(msgspec.json.encode(schema).decode())


def compiled(policies: str) -> PolicySet:
    """Compile policies; raise `ValueError` saying what is wrong."""
    return PolicySet.from_str(policies)


def parsed(policy: str) -> Parsed:
    """Read a text that holds one policy; raise `ValueError` saying what is wrong."""
    found = policies_to_pst(policy)
    (node,) = (*found.static_policies.values(), *found.templates.values())
    match node.action:
        case pst.ActionEq(entity=entity):
            actions = (entity.id,)
        case pst.ActionIn(entities=entities):
            actions = tuple(entity.id for entity in entities)
        case pst.ScopeAny():
            actions = None
        case _:
            assert_never(node.action)
    return Parsed(node.effect, dict(node.annotations), actions, bool(found.templates))


def complaint(policy: str) -> str:
    """Say what the parser dislikes in a text; empty when it can be read."""
    try:
        PolicySet.from_str(policy)
    except ValueError as error:
        return _line(error)
    return ""


def incomplete(policy: str) -> bool:
    """Say whether a text could still become a policy if more came after it."""
    return complaint(policy) in {"", _EARLY}


def violations(policies: str, schema: Schema) -> list[str]:
    """Say how policies violate a schema, in Cedar's words."""
    return [_line(error.error) for error in _cedar.validate_policies(policies, schema).errors]


def ask(request: Mapping[str, object], policies: PolicySet, entities: str, schema: Schema) -> Answer:
    """Put a request, which is held against the schema first, as are the entities; what does not fit is an error."""
    found = _cedar.is_authorized(dict(request), policies, entities, schema)
    said = found.diagnostics
    return Answer(found.allowed, tuple(said.reasons), tuple(said.errors))


def _line(said: object) -> str:
    return " ".join(str(said).split())
