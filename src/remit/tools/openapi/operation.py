"""Operations: what one operation of a document takes and gives, read once, before it is ever called."""

import re
from collections.abc import Iterator, Mapping

import msgspec

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue
from remit.tools.openapi.bodies import FILE, Body, Encoding, form_of
from remit.tools.openapi.dialect import Dialect
from remit.tools.openapi.document import Entry, OpenAPI
from remit.tools.openapi.styles import PLACES, STYLES, Place, Writing, style_of
from remit.tools.schema import tidy

_IGNORED = frozenset({"accept", "content-type", "authorization"})
"""Headers that the standard says are not parameters."""
_NO_BODY: JsonObject = {
    "type": "object",
    "properties": {"status": {"type": "integer"}, "location": {"type": "string"}},
    "required": ["status"],
    "additionalProperties": False,
}
_BYTES: JsonObject = {
    "type": "object",
    "properties": {"media": {"type": "string"}, "bytes": {"type": "integer"}},
    "required": ["media", "bytes"],
}
_ORDER = ("json", "form", "multipart", "text", "bytes")


class Parameter(msgspec.Struct, frozen=True):
    """One parameter."""

    argument: str
    """What a model calls it."""
    place: Place
    writing: Writing
    required: bool
    schema: JsonValue
    json: bool = False
    """Whether it is written as JSON, whatever its style."""


class Operation(msgspec.Struct, frozen=True):
    """One operation, ready to be written as a request."""

    entry: Entry
    parameters: tuple[Parameter, ...]
    body: Body | None
    schema: JsonObject
    """Of the arguments: parameters by name, and `body`."""
    key_header: str
    """The header of the idempotency key, when the document declares one."""


def operation(document: OpenAPI, key: str, media: str = "") -> Operation:
    """Read an operation, with the body in a media type if it has several; raise `ConfigError` saying what is wrong."""
    entry = document.entry(key)
    dialect = Dialect(document, "request")
    nodes = _parameters(document, entry)
    keyed = next((name for name, place in nodes if place == "header" and name.lower() == "idempotency-key"), "")
    nodes = {pair: node for pair, node in nodes.items() if not (keyed and pair == (keyed, "header"))}
    named = _arguments(nodes)
    parameters = tuple(_parameter(named[pair], pair, node, dialect) for pair, node in nodes.items())
    missing = set(re.findall(r"\{([^{}]+)\}", entry.path)) - {name for name, place in nodes if place == "path"}
    if missing:
        raise ConfigError(f"its path names {', '.join(sorted(missing))}, which are not among its parameters")
    body = _body(document, entry, media, dialect, taken=frozenset(named.values()))
    return Operation(entry, parameters, body, _schema(parameters, body, dialect), keyed)


def output(document: OpenAPI, key: str) -> JsonObject | None:
    """Give the JSON Schema of an operation's good answer; `None` when the document does not say, or it is not JSON."""
    entry = document.entry(key)
    responses = document.resolve(entry.node.get("responses", {}))
    statuses = sorted(status for status in responses if status.startswith("2")) or ["default"]
    found = document.resolve(responses.get(statuses[0], {})).get("content")
    for media, node in found.items() if isinstance(found, dict) else ():
        schema = document.resolve(node).get("schema")
        if schema is not None and form_of(media) == "json":
            dialect = Dialect(document, "response")
            converted = dialect.schema(schema)
            return tidy({**_object(converted), "$defs": dialect.defs})
    return None


def promise(document: OpenAPI, key: str) -> JsonObject | None:
    """Give the JSON Schema of what a call of an operation gives, which is more than its good answers' bodies.

    An answer without a body is told as its status, and one that is neither JSON nor text as its media type and size.
    `None` when the document leaves one of the good answers open.
    """
    entry = document.entry(key)
    responses = document.resolve(entry.node.get("responses", {}))
    statuses = sorted(status for status in responses if status.startswith("2"))
    dialect = Dialect(document, "response")
    forms: list[JsonValue] = []
    for status in statuses:
        for form in _given(document.resolve(responses[status]), dialect, bodiless=entry.method == "HEAD"):
            if form in ({}, True):
                return None
            forms += [form] if form not in forms else []
    if not forms:
        return output(document, key) if not statuses else None
    whole: JsonObject = _object(forms[0]) if len(forms) == 1 else {"anyOf": forms}
    return tidy({**whole, "$defs": dialect.defs})


def _given(response: JsonObject, dialect: Dialect, *, bodiless: bool) -> Iterator[JsonValue]:
    content = response.get("content")
    if bodiless or not isinstance(content, dict) or not content:
        yield _NO_BODY
        return
    for media, node in content.items():
        form = form_of(media)
        if form == "json":
            schema = dialect.document.resolve(node).get("schema")
            yield {} if schema is None or "*" in media else dialect.schema(schema)
        else:
            yield {"type": "string"} if _is_text(media) else _BYTES


def _is_text(media: str) -> bool:
    kind = media.partition(";")[0].strip().lower()
    return kind.startswith("text/") or kind.endswith(("xml", "yaml", "javascript", "x-ndjson"))


def _parameters(document: OpenAPI, entry: Entry) -> dict[tuple[str, str], JsonObject]:
    """Give the parameters by name and place; an operation's own go before its path's."""
    found: dict[tuple[str, str], JsonObject] = {}
    for owner in (entry.shared, entry.node):
        listed = owner.get("parameters", [])
        for node in listed if isinstance(listed, list) else ():
            parameter = document.resolve(node)
            name, place = parameter.get("name"), parameter.get("in")
            if not isinstance(name, str) or place not in PLACES:
                raise ConfigError(f"a parameter has no name, or is in {place!r}, not in {', '.join(PLACES)}")
            if place != "header" or name.lower() not in _IGNORED:
                found[name, str(place)] = parameter
    return found


def _arguments(nodes: Mapping[tuple[str, str], JsonObject]) -> dict[tuple[str, str], str]:
    """Name parameters so that any provider takes the names, and no two are the same."""
    named: dict[tuple[str, str], str] = {}
    for name, place in nodes:
        plain = re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip("_")[:64] or "argument"
        tries = [plain, f"{plain[:57]}_{place}", *(f"{plain[:57]}_{number}" for number in range(2, 100))]
        named[name, place] = next(argument for argument in tries if argument not in named.values())
    return named


def _parameter(argument: str, pair: tuple[str, str], node: JsonObject, dialect: Dialect) -> Parameter:
    name, where = pair
    place = PLACES[where]
    content = node.get("content")
    if isinstance(content, dict) and content:
        media = next(iter(content))
        if form_of(media) not in {"json", "text"}:
            raise ConfigError(f"parameter {name!r} is written as {media}, which cannot be a parameter")
        schema: JsonValue = dialect.document.resolve(content[media]).get("schema", {})
    else:
        media, schema = "", node.get("schema", {})
    style = style_of(place, node.get("style", STYLES[place][0]))
    if style is None:
        known = ", ".join(STYLES[place])
        raise ConfigError(f"parameter {name!r} in {place} has the style {node.get('style')!r}; known: {known}")
    explode = node.get("explode", style == "form")
    writing = Writing(name, style, explode=bool(explode), reserved=bool(node.get("allowReserved", False)))
    required = place == "path" or node.get("required") is True
    described = _exemplified(_described(dialect.schema(schema), node.get("description")), node)
    return Parameter(argument, place, writing, required, described, form_of(media) == "json" if media else False)


def _body(document: OpenAPI, entry: Entry, media: str, dialect: Dialect, taken: frozenset[str]) -> Body | None:
    if "requestBody" not in entry.node:
        return None
    node = document.resolve(entry.node["requestBody"])
    content = node.get("content")
    if not isinstance(content, dict) or not content:
        return None
    chosen = _media(content, media)
    form = form_of(chosen)
    assert form is not None
    said = document.resolve(content[chosen])
    source = said.get("schema", {})
    if form == "json" and "*" in chosen and _is_file(document, source):
        form = "bytes"
    fields = _fields(document, source, said.get("encoding")) if form in {"form", "multipart"} else {}
    schema = FILE if form == "bytes" else dialect.schema(source)
    if form == "multipart":
        schema = _with_files(schema, dialect, fields)
    argument = "body" if "body" not in taken else "request_body"
    required = node.get("required") is True
    return Body(argument, chosen, form, required, _described(schema, node.get("description")), fields)


def _media(content: JsonObject, wanted: str) -> str:
    if wanted:
        if wanted not in content or form_of(wanted) is None:
            raise ConfigError(f"its body cannot be written as {wanted}; it has {', '.join(content)}")
        return wanted
    known = [media for media in content if form_of(media) is not None]
    if not known:
        raise ConfigError(f"its body is {', '.join(content)}, which cannot be written from JSON")
    return min(known, key=lambda media: _ORDER.index(str(form_of(media))))


def _fields(document: OpenAPI, source: JsonValue, said: JsonValue) -> dict[str, Encoding]:
    encodings = said if isinstance(said, dict) else {}
    fields: dict[str, Encoding] = {}
    for name, node in _properties(document, source):
        encoding = encodings.get(name)
        given = encoding if isinstance(encoding, dict) else {}
        style = style_of("query", given.get("style"))
        if style is None and "explode" in given:
            style = "form"
        items = document.resolve(node).get("items") if isinstance(node, dict) else None
        media = str(given.get("contentType", ""))
        file = _is_file(document, node) or (isinstance(items, dict) and _is_file(document, items))
        fields[name] = Encoding(media, style, explode=bool(given.get("explode", style in {None, "form"})), file=file)
    return fields


def _properties(document: OpenAPI, source: JsonValue, depth: int = 0) -> Iterator[tuple[str, JsonValue]]:
    node = document.resolve(source) if isinstance(source, dict) else {}
    properties, parents = node.get("properties"), node.get("allOf")
    for parent in parents if isinstance(parents, list) and depth < 8 else ():
        yield from _properties(document, parent, depth + 1)
    yield from properties.items() if isinstance(properties, dict) else ()


def _is_file(document: OpenAPI, source: JsonValue) -> bool:
    if not isinstance(source, dict):
        return False
    node = document.resolve(source)
    if node.get("format") == "binary":
        return True
    return "contentMediaType" in node and node.get("type") == "string" and "contentEncoding" not in node


def _with_files(schema: JsonValue, dialect: Dialect, fields: Mapping[str, Encoding]) -> JsonValue:
    """Let files be given as files: written out here, since the same schema may be JSON elsewhere."""
    files = [name for name, encoding in fields.items() if encoding.file]
    if not files or not isinstance(schema, dict):
        return schema
    written: JsonObject = schema
    pointer = schema.get("$ref")
    if isinstance(pointer, str):
        written = {**_object(dialect.defs[pointer.rpartition("/")[2]]), **schema}
        del written["$ref"]
    members = written.get("allOf")
    if isinstance(members, list):
        parents: list[JsonValue] = [_with_files(member, dialect, fields) for member in members]
        written = {**written, "allOf": parents}
    properties = written.get("properties")
    if not isinstance(properties, dict):
        return written
    changed: JsonObject = {name: _file_or_files(node) if name in files else node for name, node in properties.items()}
    return {**written, "properties": changed}


def _file_or_files(node: JsonValue) -> JsonValue:
    source = _object(node)
    if source.get("type") == "array":
        return {**source, "items": FILE}
    return {**FILE, "description": source.get("description", FILE["description"])}


def _schema(parameters: tuple[Parameter, ...], body: Body | None, dialect: Dialect) -> JsonObject:
    takers = [*parameters, *([body] if body else [])]
    schema: JsonObject = {
        "type": "object",
        "properties": {taker.argument: taker.schema for taker in takers},
        "additionalProperties": False,
    }
    required: list[JsonValue] = [taker.argument for taker in takers if taker.required]
    if required:
        schema["required"] = required
    if dialect.defs:
        schema["$defs"] = dialect.defs
    return tidy(schema)


def _described(schema: JsonValue, description: JsonValue) -> JsonValue:
    if not isinstance(description, str) or not description.strip():
        return schema
    return {**_object(schema), "description": " ".join(description.split())[:400]}


def _exemplified(schema: JsonValue, node: JsonObject) -> JsonValue:
    """Take the examples of a parameter, which a document gives beside its schema, into it."""
    named = node.get("examples")
    several = (
        [one["value"] for one in named.values() if isinstance(one, dict) and "value" in one]
        if isinstance(named, dict)
        else []
    )
    examples = [node["example"]] if "example" in node else several
    return {**_object(schema), "examples": examples} if examples else schema


def _object(schema: JsonValue) -> JsonObject:
    if isinstance(schema, dict):
        return schema
    return {} if schema else {"not": {}}
