"""Telling: a response as the events of OpenAI's stream, while the agent works on it."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import msgspec

from remit.core.events import ModelAsked, Record
from remit.core.ports import Delta
from remit.server.openai.problems import event
from remit.server.openai.responses.items import CallItem, Echo, Item, MessageItem, Words, items, message_id, response
from remit.server.openai.speaking import Voice
from remit.server.openai.turns import Spoke, Turn
from remit.server.service import RefusedError, Stream

_LAST = {"completed": "response.completed", "failed": "response.failed"}


@dataclass(slots=True)
class Telling:
    """The events of one response."""

    turn: Turn
    echo: Echo
    voice: Voice = field(default_factory=Voice)
    number: int = 0
    place: int = 0
    """Of the next item of its output."""
    begun: bool = False
    open: str = ""
    """The id of the message that is being written."""

    async def of(self, stream: Stream) -> AsyncIterator[bytes]:
        """Write what comes of a session, up to the end of the turn."""
        self.voice.past = stream.past[-1].seq if stream.past else 0
        async for item in stream:
            for one in self._take(item.what):
                yield one
            if self.turn.end:
                return
        yield event(RefusedError("unready", "this server is stopping; ask for the response by its id later"))

    def _take(self, what: Record | Delta) -> Iterator[bytes]:
        if isinstance(what, Delta):
            more = self.voice.hear(what, aloud=self.turn.aloud)
            if more:
                yield from self._more(more)
            return
        pieces = self.turn.take(what)
        if not self.begun and what.seq == self.turn.mark.since:
            self.begun = True
            yield from self._begin()
        for piece, item in zip(pieces, items(self.turn, pieces), strict=True):
            yield from self._said(piece) if isinstance(piece, Spoke) else self._whole(item)
        if isinstance(what.event, ModelAsked):
            yield from self._cut()
            self.voice.begin(what.seq)
        if self.turn.end:
            yield from self._cut()
            last = _LAST.get(self.turn.status, "response.incomplete")
            yield self._event(last, response=response(self.turn, self.echo))

    def _begin(self) -> Iterator[bytes]:
        now = response(self.turn, self.echo)
        # What was over as soon as it began is told as one that began.
        now = msgspec.structs.replace(now, status="in_progress", output=(), usage=None, completed_at=None, error=None)
        yield self._event("response.created", response=now)
        yield self._event("response.in_progress", response=now)

    # -- messages ----------------------------------------------------------------------------------------------------

    def _more(self, text: str) -> Iterator[bytes]:
        if not self.open:
            yield from self._open(message_id(self.turn, self.turn.asked))
        yield self._of_text("response.output_text.delta", delta=text, logprobs=())

    def _open(self, name: str) -> Iterator[bytes]:
        self.open = name
        item = MessageItem(id=name, status="in_progress", content=())
        yield self._event("response.output_item.added", output_index=self.place, item=item)
        yield self._of_text("response.content_part.added", part=Words(text=""))

    def _said(self, piece: Spoke) -> Iterator[bytes]:
        if not self.open:
            yield from self._open(message_id(self.turn, piece.seq))
        _, rest = self.voice.finish(piece.text)
        if rest:
            yield self._of_text("response.output_text.delta", delta=rest, logprobs=())
        yield from self._close(piece.text, "completed")

    def _close(self, text: str, status: str) -> Iterator[bytes]:
        yield self._of_text("response.output_text.done", text=text, logprobs=())
        yield self._of_text("response.content_part.done", part=Words(text=text))
        item = MessageItem(id=self.open, status=status, content=(Words(text=text),))
        yield self._event("response.output_item.done", output_index=self.place, item=item)
        self.open, self.place = "", self.place + 1

    def _cut(self) -> Iterator[bytes]:
        """End a message that never came to its end, as its model failed."""
        if self.open:
            yield from self._close(self.voice.shown, "incomplete")

    def _of_text(self, kind: str, **more: object) -> bytes:
        return self._event(kind, item_id=self.open, output_index=self.place, content_index=0, **more)

    # -- all else ----------------------------------------------------------------------------------------------------

    def _whole(self, item: Item) -> Iterator[bytes]:
        """Tell of something that came in one piece."""
        # The models' text that led to it is over.
        yield from self._cut()
        yield self._event("response.output_item.added", output_index=self.place, item=item)
        if isinstance(item, CallItem):
            of = {"item_id": item.id, "output_index": self.place}
            yield self._event("response.mcp_call.in_progress", **of)
            yield self._event("response.mcp_call_arguments.done", **of, arguments=item.arguments)
            yield self._event(f"response.mcp_call.{item.status}", **of)
        yield self._event("response.output_item.done", output_index=self.place, item=item)
        self.place += 1

    def _event(self, kind: str, **more: object) -> bytes:
        said = {"type": kind, "sequence_number": self.number, **more}
        self.number += 1
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), msgspec.json.encode(said))
