"""Fragments: a request's body, joined from parts that were written once. No call writes an old message again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from remit.core.errors import JournalError, ModelRequestError
from remit.core.messages import AssistantMessage, Message, Outcome, Part, ToolMessage, UserMessage
from remit.core.ports import Request, ToolSpec
from remit.core.shape import Shape
from remit.models.wires.legible import output
from remit.models.wires.port import Blobs, Wire

_FRAMES = 32
"""Heads and tails that are kept; an agent asks with few combinations of tools and shapes."""

_NOT_RUN = "not run"
_SILENCE = UserMessage("")


class _Frame(msgspec.Struct, frozen=True):
    """What stands around the turns, and what it was made from: that keeps the identities alive which it is found by."""

    tools: tuple[ToolSpec, ...]
    shape: Shape | None
    head: bytes
    tail: bytes


class Bodies:
    """Writes the bodies of a wire's requests.

    The `memo` of a request keeps what was written of its conversation. A message is known again by identity, so none
    may be changed in place; another conversation under the same memo is written anew.
    """

    def __init__(self, wire: Wire) -> None:
        """Write for this wire, whose `head` and `tail` may look at all of a request but its messages."""
        self._wire = wire
        self._frames: dict[tuple[object, ...], _Frame] = {}

    async def body(self, request: Request, *, stream: bool) -> bytes:
        """Join a body; raise `ModelRequestError` when nothing was said or a part of a message cannot be had."""
        if not request.messages:
            raise ModelRequestError("a request needs at least one message")
        frame = self._frame(request, stream=stream)
        while True:
            # A new look each time, for the other question may have been put to another conversation.
            written = self._written(request)
            version = written.version
            new = tuple(request.messages[written.count :])
            blobs = await _load(new[written.reused(new) :], request)
            # While bytes were fetched, another question to the same conversation may have been written.
            if version == written.version:
                break
        last = written.add(new, self._wire, blobs)
        return b"".join((frame.head, written.joined, b"," if written.joined else b"", last, frame.tail))

    def _written(self, request: Request) -> "_Written":
        memo = request.memo
        if memo is None:
            return _Written()
        found = memo.get(self)
        if not isinstance(found, _Written) or not found.begins(request.messages):
            found = memo[self] = _Written()
        return found

    def _frame(self, request: Request, *, stream: bool) -> _Frame:
        key = (request.instructions, id(request.tools), id(request.shape), request.max_output, stream)
        found = self._frames.get(key)
        if found is None:
            head, tail = self._wire.head(request), self._wire.tail(request, stream=stream)
            found = _Frame(request.tools, request.shape, head, tail)
            if len(self._frames) >= _FRAMES:
                del self._frames[next(iter(self._frames))]
            self._frames[key] = found
        return found


@dataclass(slots=True)
class _Written:
    """What was written of one conversation: the settled turns, and the run after them, to which more may be added."""

    count: int = 0
    """Messages that are settled; the last of them is the model's."""
    joined: bytearray = field(default_factory=bytearray)
    first: Message | None = None
    last: AssistantMessage | None = None
    run: tuple[Message, ...] = ()
    turn: bytes = b""
    version: int = 0

    def begins(self, messages: Sequence[Message]) -> bool:
        """Say whether a conversation begins with what is settled."""
        if not self.count:
            return True
        return len(messages) >= self.count and messages[0] is self.first and messages[self.count - 1] is self.last

    def reused(self, new: Sequence[Message]) -> int:
        """Count the messages after the settled ones that make up the same run as the last time."""
        size = len(self.run)
        whole = len(new) == size or (len(new) > size and isinstance(new[size], AssistantMessage))
        return size if whole and all(old is now for old, now in zip(self.run, new, strict=False)) else 0

    def add(self, new: tuple[Message, ...], wire: Wire, blobs: Blobs) -> bytes:
        """Write what comes after the settled messages, settle what may be, and give the last run, which may not."""
        self.version += 1
        before, start, reused = self.count, 0, self.reused(new)
        for place, message in enumerate(new):
            if isinstance(message, AssistantMessage):
                turn = self.turn if place == reused > 0 else self._turn(new[start:place], wire, blobs)
                self._settle(turn, wire.turn((message,), blobs))
                self.first = self.first or new[0]
                start = place + 1
                self.last, self.count = message, before + start
                self.run, self.turn, reused = (), b"", 0
        rest = new[start:]
        if not reused:
            self.run, self.turn = rest, self._turn(rest, wire, blobs)
        return self.turn

    def _turn(self, run: Sequence[Message], wire: Wire, blobs: Blobs) -> bytes:
        # Providers refuse a conversation that the model begins, or that ends with what it said.
        return wire.turn(list(answered(self.last, run)) or [_SILENCE], blobs)

    def _settle(self, *turns: bytes) -> None:
        for turn in turns:
            self.joined += b"," + turn if self.joined else turn


def answered(before: AssistantMessage | None, run: Sequence[Message]) -> Iterator[Message]:
    """Give each call its outcome, in order and first of all: providers refuse a conversation in which one is missing.

    An outcome without its call, such as one that came too late, is told in words.
    """
    calls = before.calls if before else ()
    outcomes = {said.outcome.call: said for said in reversed(run) if isinstance(said, ToolMessage)}
    for call in calls:
        yield outcomes.pop(call.id, None) or ToolMessage(Outcome(call.id, "failed", _NOT_RUN), call.tool)
    for said in run:
        if not isinstance(said, ToolMessage):
            yield said
        elif outcomes.pop(said.outcome.call, None) is not None:
            yield UserMessage(f"{said.tool} ended: {output(said.outcome)}")


async def _load(messages: Sequence[Message], request: Request) -> Blobs:
    """Fetch the bytes of the parts of these messages."""
    loaded: dict[str, bytes] = {}
    for message in messages:
        if isinstance(message, UserMessage):
            for part in message.parts:
                if part.blob and part.blob not in loaded:
                    loaded[part.blob] = await _fetch(part, request)
    return loaded


async def _fetch(part: Part, request: Request) -> bytes:
    named = f"the {part.media} part {part.name or part.blob[:12]!r}"
    if request.blobs is None:
        raise ModelRequestError(f"{named} is in a blob, but the request came without blobs")
    try:
        return await request.blobs.get(part.blob)
    except JournalError as error:
        raise ModelRequestError(f"{named} cannot be read: {error}") from error
