"""Documents: OpenAPI 3.0 and 3.1, their references and their operations. A reference never leaves its document."""

from collections.abc import Iterator, Sequence
from typing import Literal
from urllib.parse import unquote

import msgspec

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue
from remit.tools.openapi.reading import Source, read

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_DIALECTS = frozenset(
    {"https://json-schema.org/draft/2020-12/schema", "https://spec.openapis.org/oas/3.1/dialect/base"}
)
_HOPS = 64
"""References that may lead to a reference."""

Version = Literal["3.0", "3.1"]


class Entry(msgspec.Struct, frozen=True):
    """An operation as it stands in a document."""

    key: str
    """Its `operationId`, or its method and path, such as `GET /pets/{id}`."""
    method: str
    """In upper case."""
    path: str
    node: JsonObject
    shared: JsonObject
    """The path item, whose parameters and servers hold for all its operations."""


class OpenAPI:
    """An OpenAPI document, version 3.0 or 3.1."""

    def __init__(self, root: JsonObject, name: str = "the document") -> None:
        """Take a document that was read; raise `ConfigError` when it is none, or of another version."""
        self.root, self.name = root, name
        self.version = _version(root, name)
        self._entries = {entry.key: entry for entry in self._operations()}

    @classmethod
    def read(cls, source: Source) -> "OpenAPI":
        """Read a document from a path, a text (JSON or YAML) or a dictionary; raise `ConfigError` when it is none."""
        return cls(*read(source))

    @property
    def keys(self) -> Sequence[str]:
        """The operations by `operationId`, or by method and path such as `GET /pets/{id}` for those without one."""
        return tuple(self._entries)

    @property
    def title(self) -> str:
        """What the API calls itself."""
        info = self.root.get("info")
        title = info.get("title") if isinstance(info, dict) else None
        return title if isinstance(title, str) else self.name

    def entry(self, key: str) -> Entry:
        """Give an operation by its `operationId` or its method and path; raise `ConfigError` when there is none."""
        found = self._entries.get(key)
        if found is None:
            method, _, path = key.partition(" ")
            places = (entry for entry in self._entries.values() if entry.path == path)
            found = next((entry for entry in places if entry.method == method.upper()), None)
        if found is None:
            near = ", ".join(known for known in self._entries if key.lower() in known.lower())[:200]
            raise ConfigError(f"{self.name} has no operation {key!r}" + (f"; there are {near}" if near else ""))
        return found

    def resolve(self, node: JsonValue) -> JsonObject:
        """Follow the references of a node to what they name; raise `ConfigError` when that cannot be."""
        for _ in range(_HOPS):
            if not isinstance(node, dict):
                raise ConfigError(f"{self.name}: an object is expected, not {str(node)[:60]!r}")
            pointer = node.get("$ref")
            if not isinstance(pointer, str):
                return node
            node = self.at(pointer)
        raise ConfigError(f"{self.name}: a $ref leads only to itself")

    def at(self, pointer: str) -> JsonValue:
        """Give what a local reference such as `#/components/schemas/Pet` names; raise `ConfigError` for another."""
        if pointer != "#" and not pointer.startswith("#/"):
            raise ConfigError(
                f"{self.name}: $ref {pointer!r} leads out of the document or names an anchor; "
                "bundle the document into one file first"
            )
        here: JsonValue = self.root
        for part in pointer.split("/")[1:]:
            name = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(here, dict) and name in here:
                here = here[name]
            elif isinstance(here, list) and name.isdecimal() and int(name) < len(here):
                here = here[int(name)]
            else:
                raise ConfigError(f"{self.name}: $ref {pointer!r} names nothing: there is no {name!r}")
        return here

    def _operations(self) -> Iterator[Entry]:
        paths = self.root.get("paths", {})
        if not isinstance(paths, dict):
            raise ConfigError(f"{self.name}: `paths` is not an object")
        seen: set[str] = set()
        for path, item in paths.items():
            if not path.startswith("/"):
                continue
            shared = self.resolve(item)
            for method in METHODS:
                node = shared.get(method)
                if not isinstance(node, dict):
                    continue
                place = f"{method.upper()} {path}"
                name = node.get("operationId")
                key = name if isinstance(name, str) and name and name not in seen else place
                seen.add(key)
                yield Entry(key, method.upper(), path, node, shared)


def _version(root: JsonObject, name: str) -> Version:
    version = root.get("openapi")
    if not isinstance(version, str):
        older = "it is Swagger 2.0; convert it to OpenAPI 3 first" if "swagger" in root else "it has no `openapi` field"
        raise ConfigError(f"{name} is no OpenAPI 3 document: {older}")
    dialect = root.get("jsonSchemaDialect")
    if dialect is not None and dialect not in _DIALECTS:
        raise ConfigError(f"{name} is written in the JSON Schema dialect {dialect!r}; only 2020-12 is known")
    if version.startswith("3.0"):
        return "3.0"
    if version.startswith("3.1"):
        return "3.1"
    raise ConfigError(f"{name} is OpenAPI {version}; 3.0 and 3.1 are known")
