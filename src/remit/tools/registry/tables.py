"""Tables: strict reading of TOML. What is not known is a mistake that is named, with what is known."""

import re
import tomllib
from collections.abc import Collection, Mapping
from types import UnionType
from typing import Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue

T = TypeVar("T")

_UNKNOWN = re.compile(r"Object contains unknown field `(.*?)`(?: - at `\$(.*)`)?", re.DOTALL)
_AT = re.compile(r"(.*?)(?: - at `\$\.?(.*)`)?", re.DOTALL)


def parsed(text: str, name: str) -> JsonObject:
    """Read TOML as plain JSON; raise `ConfigError` for what is none."""
    if text.startswith("\ufeff"):
        raise ConfigError(f"{name} begins with a byte order mark; save it as UTF-8 without one")
    try:
        return msgspec.convert(msgspec.to_builtins(tomllib.loads(text)), dict[str, JsonValue])
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name} is no TOML: {error}") from None


def table(value: JsonValue, where: str) -> JsonObject:
    """Give a table; raise `ConfigError` for anything else."""
    if not isinstance(value, dict):
        raise ConfigError(f"{where} is a table, not {value!r}")
    return value


def tables(value: JsonValue, where: str) -> Mapping[str, JsonObject]:
    """Give a table of tables."""
    return {key: table(inner, f"{where}.{key}") for key, inner in table(value, where).items()}


def known_keys(found: Mapping[str, object], known: Collection[str], where: str) -> None:
    """Raise `ConfigError` for a key that nobody knows."""
    for key in found:
        if key not in known:
            raise ConfigError(f"{where} has no key {key!r}; it has: {', '.join(sorted(known))}")


def converted(value: JsonObject, kind: type[T], where: str) -> T:
    """Make a struct of a table; raise `ConfigError` naming the key and what is known."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where} {_problem(str(error), kind)}") from None


def _problem(text: str, kind: type) -> str:
    unknown = _UNKNOWN.fullmatch(text)
    if unknown is not None:
        path = (unknown[2] or "").lstrip(".")
        found = sorted({name for one in _at(kind, path) for name in getattr(one, "__struct_fields__", ())})
        known = f"; it has: {', '.join(found)}" if found else ""
        return f"has no key {f'{path}.{unknown[1]}' if path else unknown[1]!r}{known}"
    found = _AT.fullmatch(text)
    assert found is not None
    said, path = found[1], found[2]
    missing = re.fullmatch(r"Object missing required field `(.*)`", said)
    if missing is not None:
        return f"needs {missing[1]!r}"
    return f"{path}: {said}{_options(kind, path)}" if path else said


def _options(kind: type, path: str) -> str:
    """List the words of which a key takes one; nothing when it takes others as well."""
    words = [str(word) for one in _at(kind, path) if get_origin(one) is Literal for word in get_args(one)]
    return f"; it is one of: {', '.join(words)}" if words else ""


def _at(kind: type, path: str) -> list[object]:
    """Give what stands at a place such as `flow.wait`, each kind of it."""
    found: list[object] = [kind]
    for name in path.split(".") if path else ():
        structs = [one for one in found if isinstance(one, type) and issubclass(one, msgspec.Struct)]
        found = [inner for one in structs for inner in _either(get_type_hints(one).get(name))]
    return found


def _either(kind: object) -> list[object]:
    return list(get_args(kind)) if get_origin(kind) in (Union, UnionType) else [kind]
