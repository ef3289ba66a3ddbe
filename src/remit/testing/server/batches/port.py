"""What the batches of both providers share: how one request of a batch is answered, and how JSON lines are written."""

from collections.abc import Callable, Iterable

import msgspec

from remit.core.values import JsonObject, JsonValue
from remit.testing.server.dialects.port import Answer, Dialect, encoded
from remit.testing.server.http import Received

Play = Callable[[Received, Dialect, JsonObject], Answer | None]
"""Answers one request of a batch, its body apart; `None` when no time was left for it, which a hang becomes."""


def lines(rows: Iterable[JsonObject]) -> bytes:
    """Write JSON lines."""
    return b"".join(encoded(row) + b"\n" for row in rows)


def decoded(answer: Answer) -> JsonObject:
    """Read the body of an answer; what is no JSON object becomes an error that says so."""
    body = b"".join(answer.pieces)
    try:
        value: JsonValue = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        value = None
    if isinstance(value, dict):
        return value
    return {"error": {"message": "The answer could not be read.", "type": "server_error", "param": None, "code": None}}
