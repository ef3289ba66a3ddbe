"""Fitting: whether a value fits a schema, and if not where and why, by the exact path."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import msgspec

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue
from remit.tools.checking.schemas import Path, members, shown

try:
    import jsonschema_rs
except ImportError as error:
    raise ConfigError(f"checking tools needs an extra: pip install 'remit[contracts]' ({error})") from error

_SHOWN = 80
_MOST = 20
"""Problems of one value that are told."""
_DEEPEST = 6


class Problem(msgspec.Struct, frozen=True):
    """What is wrong at one place of a value."""

    path: Path
    text: str

    @property
    def rule(self) -> tuple[Path, str]:
        """What tells it from others: the same at another item of a list is the same problem."""
        return tuple(0 if isinstance(part, int) else part for part in self.path), self.text.partition(";")[0]


class Fitting:
    """One schema, compiled."""

    def __init__(self, schema: JsonObject) -> None:
        """Compile a schema, which may refer only to itself; raise `ConfigError` when it is none."""
        try:
            self._compiled = jsonschema_rs.Draft202012Validator(schema, offline=True)
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"it is not JSON Schema: {str(error)[:200]}") from error

    def fits(self, value: JsonValue) -> bool:
        """Say whether a value fits."""
        try:
            return self._compiled.is_valid(value)
        except (ValueError, TypeError, OverflowError):
            return False

    def problems(self, value: JsonValue) -> list[Problem]:
        """Say what is wrong, one for each place and rule."""
        found: dict[object, Problem] = {}
        try:
            for error in self._compiled.iter_errors(value):
                for problem in _told(error, value):
                    found.setdefault(problem.rule, problem)
        except (ValueError, TypeError, OverflowError) as error:
            return [Problem((), f"is no JSON: {str(error)[:200]}")]
        return list(found.values())[:_MOST]


def _told(error: jsonschema_rs.ValidationError, whole: JsonValue, depth: int = 0) -> Iterator[Problem]:
    path, kind, detail = tuple(error.instance_path), error.kind.name, error.kind.as_dict()
    instance = cast("JsonValue", error.instance)
    got = value_of(instance)
    match kind:
        case "required":
            yield Problem((*path, str(detail["property"])), f"is missing; there is {_names(instance)}")
        case "additionalProperties" | "unevaluatedProperties":
            for name in detail["unexpected"]:
                yield Problem((*path, name), f"is not in the schema; it is {value_of(_at(instance, name))}")
        case "type":
            yield Problem(path, f"should be {' or '.join(detail['types'])}; it is {got}")
        case "enum":
            yield Problem(path, f"is none of the values that the schema lists; it is {got}")
        case "falseSchema":
            yield Problem(path, f"may not be there; it is {got}")
        case "oneOf" | "anyOf" if error.message.endswith("keyword") and depth < _DEEPEST:
            yield from _nearest(error, detail["context"], whole, depth)
        case _:
            yield Problem(path, f"breaks `{kind}`; {error.message[:200]}")


def _nearest(error: Any, context: Sequence[Sequence[Any]], whole: JsonValue, depth: int) -> Iterator[Problem]:
    """Tell of the form that came nearest: with the fewest mistakes at the top, and then at all."""
    here = len(error.instance_path)
    branches = [branch for branch in context if branch]
    if len(branches) < len(context) or not branches:
        yield Problem(tuple(error.instance_path), f"fits several of {len(context)} forms; it must fit one")
        return
    best = min(branches, key=lambda branch: (sum(len(one.instance_path) == here for one in branch), len(branch)))
    for inner in best:
        yield from _told(inner, whole, depth + 1)


def value_of(value: JsonValue) -> str:
    """Write a value in a few characters."""
    try:
        text = msgspec.json.encode(value).decode()
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def _names(value: JsonValue) -> str:
    names = list(value) if isinstance(value, dict) else []
    return ", ".join(f"`{name}`" for name in names[:12]) or "nothing"


def _at(value: JsonValue, name: str) -> JsonValue:
    return value.get(name) if isinstance(value, dict) else None


def difference(one: JsonValue, other: JsonValue, path: Path = ()) -> Path | None:
    """Give the first place where two values differ; `None` when they are the same."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in dict.fromkeys([*one, *other]):
            if name not in one or name not in other:
                return (*path, name)
            found = difference(one[name], other[name], (*path, name))
            if found is not None:
                return found
        return None
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        found = (difference(*pair, (*path, place)) for place, pair in enumerate(zip(one, other, strict=True)))
        return next((path for path in found if path is not None), None)
    return None if one == other and isinstance(one, bool) == isinstance(other, bool) else path


def unlisted(schema: JsonObject, value: JsonValue) -> Iterator[str]:
    """Say which names an object of an answer has that its schema does not list, where one that it lists is not there.

    A schema that demands nothing cannot be broken by a renamed field; this is how such a one shows.
    """
    known = members(schema)
    if known and isinstance(value, dict):
        strange, gone = [name for name in value if name not in known], [name for name in known if name not in value]
        if strange and gone:
            yield (
                f"an answer has {', '.join(f'`{name}`' for name in strange[:5])}, which its schema does not list, and "
                f"not {', '.join(f'`{name}`' for name in gone[:5])}; was it renamed?"
            )


def places_text(path: Path) -> str:
    """Write a place in an answer."""
    return shown(path) or "the answer"
