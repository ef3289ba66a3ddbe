"""Canonical: one key for all requests that mean the same to a model, whichever session asks.

The ids of calls are replaced by their order of appearance. Each message is hashed once in a conversation.
"""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Protocol, Self

import msgspec

from remit.core.messages import AssistantMessage, Message, ToolMessage
from remit.core.ports import ModelSpec, Request
from remit.core.values import JsonValue


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...
    def copy(self) -> Self: ...


_encoder = msgspec.json.Encoder(order="sorted")


@dataclass(slots=True, eq=False)
class _Progress:
    """The hash of the first messages of a conversation, and the numbers of the calls in them."""

    messages: int = 0
    sha: _Hash = field(default_factory=hashlib.sha256)
    numbers: dict[str, int] = field(default_factory=dict[str, int])

    def add(self, message: Message) -> None:
        """Take in the next message."""
        self.messages += 1
        _update(self.sha, self._canonical(message))

    def _canonical(self, message: Message) -> list[JsonValue]:
        match message:
            case AssistantMessage(text=text, calls=calls, reasoning=reasoning):
                made: list[JsonValue] = [
                    [call.tool, call.args, call.malformed, self._number(call.id)] for call in calls
                ]
                return ["assistant", text, made, reasoning]
            case ToolMessage(outcome=outcome, tool=tool):
                return ["tool", tool, self._number(outcome.call), outcome.status, outcome.output, outcome.blob]
            case _:
                parts: list[JsonValue] = [[part.media, part.blob, part.url, part.name] for part in message.parts]
                return ["user", message.text, parts]

    def _number(self, call: str) -> int:
        return self.numbers.setdefault(call, len(self.numbers))


def canonical_key(request: Request, spec: ModelSpec) -> bytes:
    """Hash (SHA-256) all that decides an answer: the question; the role, which may route it; the model; the tenant."""
    progress = _progress(request)
    for place in range(progress.messages, len(request.messages)):
        progress.add(request.messages[place])
    sha = progress.sha.copy()
    tools: list[JsonValue] = [[tool.name, tool.description, tool.schema] for tool in request.tools]
    shape = request.shape.schema if request.shape else None
    rest: list[JsonValue] = [request.instructions, tools, shape, request.max_output, request.sample]
    _update(sha, [*rest, request.role, spec.name, spec.variant, request.tenant])
    return sha.digest()


def _progress(request: Request) -> _Progress:
    if request.memo is None:
        return _Progress()
    found = request.memo.get(_Progress)
    if not isinstance(found, _Progress) or found.messages > len(request.messages):
        found = request.memo[_Progress] = _Progress()
    return found


def _update(sha: _Hash, value: list[JsonValue]) -> None:
    try:
        body = _encoder.encode(value)
    except UnicodeEncodeError:
        # Half a surrogate pair, which JSON in ASCII can say and UTF-8 cannot.
        body = json.dumps(value, sort_keys=True).encode()
    # With its length, so that no two lists of values run together to the same bytes.
    sha.update(len(body).to_bytes(8, "big"))
    sha.update(body)
