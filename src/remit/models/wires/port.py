"""The port of a wire: how one provider's language is written and read. It holds no connection and does no I/O."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from remit.core.errors import ModelError
from remit.core.messages import Message
from remit.core.ports import Reply, Request
from remit.models.http.sse import ServerSentEvent

Blobs = Mapping[str, bytes]
"""The bytes of the parts in the messages at hand, by blob id."""


class Reader(Protocol):
    """Takes in one streamed answer, event by event."""

    def feed(self, event: ServerSentEvent) -> str:
        """Take in an event and give the text it adds, often none.

        Raise the error the provider reports within the stream, or `UnreadableAnswerError` for what is no answer.
        """
        ...

    @property
    def done(self) -> bool:
        """Whether the provider has said that this is all."""
        ...

    def reply(self) -> Reply:
        """Give the whole answer; raise `CutStreamError` when the stream ended before it was said to be complete."""
        ...


class Wire(Protocol):
    """A provider's language. A request's body is `head + turn,turn,...,turn + tail`; each part is cached and joined.

    The bytes of `head` and of all turns but the last are the same from call to call as a conversation grows, so that a
    provider finds the stable prefix in its prompt cache.
    """

    @property
    def name(self) -> str:
        """Such as `openai-chat`; reasoning is kept under this name and sent back to no other wire."""
        ...

    @property
    def path(self) -> str:
        """What follows the base URL, such as `/chat/completions`."""
        ...

    def headers(self, key: str) -> dict[str, str]:
        """The headers of a call; no credential when the key is empty."""
        ...

    def head(self, request: Request) -> bytes:
        """Everything before the first turn: model, instructions, tools; ends with the opened list of messages."""
        ...

    def turn(self, messages: Sequence[Message], blobs: Blobs) -> bytes:
        """Write one turn, without brackets: one assistant message alone, or all that came between two of them."""
        ...

    def tail(self, request: Request, *, stream: bool) -> bytes:
        """Everything after the last turn: closes the list; shape, length, streaming, options."""
        ...

    def reader(self) -> Reader:
        """Begin to read a streamed answer."""
        ...

    def whole(self, body: bytes) -> Reply:
        """Read an answer that was not streamed; raise `UnreadableAnswerError`."""
        ...

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> ModelError:
        """Say in the one tree what a refusal means; in at most 500 of the provider's characters."""
        ...
