"""Bodies: request bodies in the media types that forms, files and JSON travel in.

Source: OpenAPI 3.1.1, "Media Type Object" and "Encoding Object"; RFC 7578 for multipart.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Literal

import msgspec

from remit.core.values import JsonObject, JsonValue
from remit.tools.openapi.styles import Style, Writing, header, in_form, text

Form = Literal["json", "form", "multipart", "text", "bytes"]

FILE: JsonObject = {
    "type": "object",
    "description": "A file: its text, or its bytes as base64.",
    "properties": {
        "name": {"type": "string", "description": "File name."},
        "media": {"type": "string", "description": "Media type, such as image/png."},
        "text": {"type": "string"},
        "base64": {"type": "string"},
    },
    "oneOf": [{"required": ["text"]}, {"required": ["base64"]}],
    "additionalProperties": False,
}
"""How a model gives a file."""


class Encoding(msgspec.Struct, frozen=True):
    """How one field of a form or one part of a multipart body is written."""

    media: str = ""
    style: Style | None = None
    explode: bool = True
    file: bool = False
    """Whether it, or each item of it, is a file."""


class Body(msgspec.Struct, frozen=True):
    """How a request body is written."""

    argument: str
    media: str
    form: Form
    required: bool
    schema: JsonValue
    fields: Mapping[str, Encoding] = {}


def form_of(media: str) -> Form | None:
    """Say how a media type or range is written; `None` when it cannot be."""
    kind = media.partition(";")[0].strip().lower()
    known: dict[str, Form] = {
        "application/x-www-form-urlencoded": "form",
        "multipart/form-data": "multipart",
        "application/octet-stream": "bytes",
        "application/*": "json",
        "*/*": "json",
    }
    if kind in known:
        return known[kind]
    if kind == "application/json" or kind.endswith("+json"):
        return "json"
    if kind.startswith("text/"):
        return "text"
    return "bytes" if kind.startswith(("image/", "audio/", "video/", "font/")) or kind in _BINARY else None


_BINARY = frozenset({"application/zip", "application/gzip", "application/pdf", "application/x-tar"})


def encode(body: Body, value: JsonValue) -> tuple[bytes, str]:
    """Write a body and say its content type; raise `ValueError` for a value that it cannot say."""
    match body.form:
        case "json":
            return msgspec.json.encode(value), "application/json" if "*" in body.media else body.media
        case "form":
            return _urlencoded(body, value), body.media
        case "multipart":
            return _multipart(body, value)
        case "text":
            return text(value).encode(), body.media if "*" not in body.media else "text/plain; charset=utf-8"
        case "bytes":
            content, media, _ = _file(value)
            return content, media or (body.media if "*" not in body.media else "application/octet-stream")


def _urlencoded(body: Body, value: JsonValue) -> bytes:
    pieces: list[str] = []
    for name, item in _members(value, "an object, whose members are the fields of a form").items():
        encoding = body.fields.get(name, Encoding())
        if encoding.style is None and isinstance(item, dict):
            pieces += in_form(Writing(name, "form", explode=True), text(item))
        else:
            pieces += in_form(Writing(name, encoding.style or "form", explode=encoding.explode), item)
    return "&".join(pieces).encode()


def _multipart(body: Body, value: JsonValue) -> tuple[bytes, str]:
    parts: list[bytes] = []
    for name, given in _members(value, "an object, whose members are the parts").items():
        encoding = body.fields.get(name, Encoding())
        items = given if isinstance(given, list) and not encoding.media.endswith("json") else [given]
        parts += [_part(name, item, encoding) for item in items]
    # From the content, so that the same call is the same bytes whenever it is made.
    mark = hashlib.sha256(b"".join(parts)).hexdigest()[:40].encode()
    whole = b"".join(b"--" + mark + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + mark + b"--\r\n"
    return whole, f"{body.media.partition(';')[0]}; boundary={mark.decode()}"


def _part(name: str, item: JsonValue, encoding: Encoding) -> bytes:
    disposition = f'form-data; name="{_in_quotes(name)}"'
    if encoding.file:
        content, media, filename = _file(item)
        disposition += f'; filename="{_in_quotes(filename or name)}"'
        media = media or encoding.media or "application/octet-stream"
    elif isinstance(item, (dict, list)):
        content, media = msgspec.json.encode(item), encoding.media or "application/json"
    else:
        content, media = text(item).encode(), encoding.media
    head = f"Content-Disposition: {disposition}\r\n"
    if media:
        head += f"Content-Type: {header(media.partition(',')[0])}\r\n"
    return head.encode() + b"\r\n" + content


def _file(value: JsonValue) -> tuple[bytes, str, str]:
    """Give a file's bytes, media type and name."""
    file = _members(value, 'a file: an object with "text" or "base64"')
    media, name = text(file.get("media")), text(file.get("name"))
    if "base64" not in file:
        return text(file.get("text")).encode(), header(media), name
    try:
        return base64.b64decode(text(file["base64"]), validate=True), header(media), name
    except binascii.Error:
        raise ValueError("`base64` of a file is not valid base64") from None


def _members(value: JsonValue, wanted: str) -> JsonObject:
    match value:
        case dict():
            return value
        case _:
            raise ValueError(f"should be {wanted}")


def _in_quotes(name: str) -> str:
    return name.replace("\\", "_").replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
