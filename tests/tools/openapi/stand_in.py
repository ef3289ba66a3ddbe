"""Stand-ins: a sender that answers from a list, documents in a few lines, and a reader of what was sent."""

import asyncio
from collections.abc import Sequence
from email import message_from_bytes
from email.message import Message
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from remit.core.ports import Tool, ToolContext
from remit.core.values import JsonObject, JsonValue
from remit.tools.http.port import Incoming, Outgoing
from remit.tools.openapi import Choice, OpenAPI, OpenAPITools

SERVER = "https://api.example.com/v1"
CONTEXT = ToolContext(key="k-1", tenant="acme", call="c1")

Said = Incoming | Exception


class Listening:
    """A sender that keeps what it is given and answers from a list, the last answer for ever."""

    def __init__(self, *answers: Said) -> None:
        self.sent: list[Outgoing] = []
        self._answers = list(answers) or [answer({"ok": True})]

    async def send(self, request: Outgoing) -> Incoming:
        self.sent.append(request)
        await asyncio.sleep(0)
        said = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(said, Exception):
            raise said
        return said if said.url else msgspec.structs.replace(said, url=request.url)


def answer(value: JsonValue = None, status: int = 200, **headers: str) -> Incoming:
    """Make an answer with a JSON body, or with none."""
    said = {"content-type": "application/json"} | {name.replace("_", "-"): text for name, text in headers.items()}
    return Incoming(status, said, b"" if value is None else msgspec.json.encode(value), "")


def raw(body: bytes, media: str, status: int = 200, **headers: str) -> Incoming:
    """Make an answer of other media."""
    return Incoming(status, {"content-type": media, **headers}, body, "")


def document(paths: JsonObject, version: str = "3.1.0", **more: JsonValue) -> OpenAPI:
    """Make a document of some paths."""
    return OpenAPI.read(
        {"openapi": version, "info": {"title": "Shop"}, "servers": [{"url": SERVER}], "paths": paths, **more}
    )


def one(
    operation: JsonObject, *, method: str = "get", path: str = "/things", version: str = "3.1.0", **more: JsonValue
) -> OpenAPI:
    """Make a document of one operation, named `do`."""
    return document({path: {method: {"operationId": "do", **operation}}}, version, **more)


async def tool_of(api: OpenAPI, sender: Listening, choice: Choice | None = None, key: str = "do") -> Tool:
    """Make the tool of one operation."""
    (tool,) = await OpenAPITools(api, sender, only={key: choice or Choice()}).open()
    return tool


def parameter(name: str, place: str = "query", schema: JsonValue = None, **more: JsonValue) -> JsonObject:
    """Declare a parameter."""
    declared: JsonObject = {"name": name, "in": place, "schema": {} if schema is None else schema, **more}
    return declared | ({"required": True} if place == "path" else {})


def query(request: Outgoing) -> list[tuple[str, str]]:
    """Read a query as servers do."""
    return parse_qsl(urlsplit(request.url).query, keep_blank_values=True, strict_parsing=True)


def segments(request: Outgoing) -> list[str]:
    """Read the segments of a path as servers do."""
    return [unquote(part) for part in urlsplit(request.url).path.split("/")[1:]]


def header(request: Outgoing, name: str) -> str | None:
    """Read a header."""
    return next((value for key, value in request.headers if key.lower() == name.lower()), None)


def parts(request: Outgoing) -> "Sequence[Message[str, str]]":
    """Read a multipart body with the standard library's mail parser."""
    head = f"Content-Type: {header(request, 'content-type')}\r\nMIME-Version: 1.0\r\n\r\n".encode()
    whole = message_from_bytes(head + request.body)
    assert whole.is_multipart()
    return list(whole.walk())[1:]
