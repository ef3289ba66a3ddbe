"""Reading: an OpenAPI document from a file, a text or a dictionary, as plain JSON."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue
from remit.tools.results import jsonable

try:
    import yaml
except ImportError as error:
    raise ConfigError(f"OpenAPI tools need an extra: pip install 'remit[openapi]' ({error})") from error

_MOST_NODES = 20_000_000
"""Values a document may have when its YAML aliases are written out, which a few lines can make astronomical."""

Source = Path | str | Mapping[str, JsonValue]
"""A file's path, a document's text (JSON or YAML), or what was read of one."""


def read(source: Source) -> tuple[JsonObject, str]:
    """Give a document as a JSON object, and what to call it; raise `ConfigError` when it cannot be read."""
    if not isinstance(source, str | Path):
        return dict(source), "the document"
    if isinstance(source, str) and ("\n" in source or source.lstrip().startswith("{")):
        return _parsed(source.encode(), "the document"), "the document"
    try:
        body = Path(source).read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read the OpenAPI document {str(source)!r}: {error.strerror}") from error
    return _parsed(body, str(source)), str(source)


def _parsed(body: bytes, name: str) -> JsonObject:
    try:
        found: JsonValue = msgspec.json.decode(body)
    except msgspec.DecodeError:
        found = _yaml(body, name)
    match found:
        case dict():
            return found
        case _:
            raise ConfigError(f"{name} is no OpenAPI document: it is a {type(found).__name__}, not an object")


def _yaml(body: bytes, name: str) -> JsonValue:
    try:
        found = yaml.load(body, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{name} is neither JSON nor YAML: {' '.join(str(error).split())[:300]}") from error
    _bounded(found, name)
    try:
        return jsonable(found)
    except ValueError as error:
        raise ConfigError(f"{name} has no JSON form: {error}") from error


def _bounded(root: object, name: str) -> None:
    """Refuse what grows beyond measure when its aliases are written out, or holds itself."""
    sizes: dict[int, int] = {}
    todo: list[tuple[object, bool]] = [(root, False)]
    under_way: set[int] = set()
    while todo:
        node, done = todo.pop()
        members = _members(node)
        if done:
            under_way.discard(id(node))
            sizes[id(node)] = 1 + sum(sizes.get(id(member), 1) for member in members)
            if sizes[id(node)] > _MOST_NODES:
                raise ConfigError(f"{name} is too large: its YAML aliases make more than {_MOST_NODES} values of it")
        elif id(node) in under_way:
            raise ConfigError(f"{name} holds itself by a YAML alias; use a $ref instead")
        elif members and id(node) not in sizes:
            under_way.add(id(node))
            todo.append((node, True))
            todo.extend((member, False) for member in members)


def _members(node: object) -> list[object]:
    match node:
        case dict():
            return list(node.values())  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType] - YAML's own
        case list():
            return list(node)  # pyright: ignore[reportUnknownArgumentType] - YAML's own
        case _:
            return []
