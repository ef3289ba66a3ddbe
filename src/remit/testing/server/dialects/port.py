"""The port of a dialect: one provider's side of a wire. It does no I/O."""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from remit.core.messages import Call
from remit.core.ports import Reply
from remit.core.values import JsonObject, JsonValue
from remit.testing.server.faults import BadRequest, Refusal

MOMENT = 1_760_000_000
"""When everything happens, in seconds since the epoch: the same script gives the same bytes each time."""

_WORDS = re.compile(r"\s*\S+|\s+")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: one body, or a stream of server-sent events."""

    status: int
    headers: Mapping[str, str]
    pieces: Iterable[bytes]
    """The events, or the one body."""
    streamed: bool = False


@dataclass(frozen=True, slots=True)
class Saying:
    """One answer as a provider says it: the reply with the names that only a provider gives."""

    reply: Reply
    number: int
    """The how-manieth answer of the server it is, from 1."""
    body: JsonObject
    """The request."""
    twins: bool = False
    """Whether all calls have the same id."""
    refused: bool = False
    """Whether the text is a refusal by the model."""
    grain: int = 0
    """Characters of one token; 0 for words."""

    @property
    def model(self) -> str:
        """The model's name."""
        return self.reply.model or str(self.body.get("model", ""))

    def id(self, kind: str) -> str:
        """Name a thing of this answer, such as the answer itself."""
        return f"{kind}_{self.number:08d}"

    def call_id(self, kind: str, index: int) -> str:
        """Name a call: as the script does, else by its place."""
        calls = self.reply.calls
        return calls[index].id or f"{kind}_{self.number:06d}{0 if self.twins else index:02d}"

    def tokens(self, text: str) -> Iterator[str]:
        """Cut a text into the pieces in which it is streamed; they add up to it exactly."""
        if not self.grain:
            return iter(_WORDS.findall(text))
        return (text[at : at + self.grain] for at in range(0, len(text), self.grain))


@dataclass(frozen=True, slots=True)
class Thought:
    """What a model thought before it answered, read from the reasoning of a scripted reply."""

    text: str = ""
    redacted: str = ""
    """What nobody may read, sent and taken back as it is."""
    extras: tuple[JsonValue, ...] = ()
    """What is attached to each call, such as Gemini's thought signatures."""
    seal: str = field(init=False, default="")
    """The provider's signature of the text."""

    def __post_init__(self) -> None:
        """Sign the text."""
        object.__setattr__(self, "seal", sealed(self.text) if self.text else "")


def thought(reasoning: JsonValue) -> Thought:
    """Read scripted reasoning: a text, or an object with `text`, `redacted` and `extra_content` (one for each call)."""
    if isinstance(reasoning, str):
        return Thought(reasoning)
    if not isinstance(reasoning, dict):
        return Thought()
    extras = reasoning.get("extra_content")
    return Thought(
        str(reasoning.get("text") or ""),
        str(reasoning.get("redacted") or ""),
        tuple(extras) if isinstance(extras, list) else (),
    )


def sealed(text: str) -> str:
    """Sign a thought, as providers do to know it again when it comes back."""
    return base64.b64encode(b"remit" + hashlib.sha256(text.encode()).digest()).decode()


def locked(text: str) -> str:
    """Encrypt a thought for the client to keep; only the server needs to believe that."""
    return f"{base64.b64encode(text.encode()).decode()}.{sealed(text)}"


def unlocked(content: str) -> str | None:
    """Read an encrypted thought; `None` when this server did not write it."""
    body, _, seal = content.partition(".")
    try:
        text = base64.b64decode(body, validate=True).decode()
    except ValueError:
        return None
    return text if sealed(text) == seal else None


def written(call: Call) -> str:
    """Write a call's arguments as a model does: the malformed text when there is one, else JSON."""
    return call.malformed or encoded(call.args).decode()


def slices(text: str, size: int = 12) -> Iterator[str]:
    """Cut arguments into the pieces in which they are streamed."""
    return (text[at : at + size] for at in range(0, len(text), size))


def encoded(value: JsonValue) -> bytes:
    """Write JSON."""
    return msgspec.json.encode(value)


def event(data: JsonValue, name: str = "") -> bytes:
    """Write a server-sent event."""
    body = b"data: " + encoded(data) + b"\n\n"
    return b"event: " + name.encode() + b"\n" + body if name else body


class Dialect(Protocol):
    """One provider's side of a wire."""

    @property
    def name(self) -> str:
        """Such as `openai-chat`."""
        ...

    def admits(self, headers: Mapping[str, str], key: str) -> Refusal | None:
        """Say why a client is not let in; an empty key stands for any."""
        ...

    def unknown(self, body: JsonObject) -> Iterator[BadRequest]:
        """Name the fields this provider does not know."""
        ...

    def problems(self, body: JsonObject) -> Iterator[BadRequest]:
        """Say what is not legal about a request; only the first problem counts."""
        ...

    def offered(self, body: JsonObject) -> tuple[str, ...]:
        """Name the tools on offer."""
        ...

    def whole(self, said: Saying) -> JsonObject:
        """Say an answer at once."""
        ...

    def events(self, said: Saying) -> Iterator[bytes]:
        """Say an answer token by token."""
        ...

    def refusal(self, fault: Refusal, model: str) -> Answer:
        """Say an error."""
        ...

    def midway(self, fault: Refusal, said: Saying, after: int) -> Iterator[bytes]:
        """Say an error within a stream, as its last events; `after` is how many came before."""
        ...

    def headers(self, number: int) -> dict[str, str]:
        """What stands above every answer."""
        ...
