"""Events over HTTP: a session as a stream of server-sent events. A reader that comes back goes on where it was."""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Mapping, Sequence
from typing import Annotated

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from remit.core.errors import RemitError
from remit.core.events import Record
from remit.core.ports import Delta
from remit.server.access.port import DeniedError
from remit.server.api.declaring import Answer, Endpoint, Heard
from remit.server.api.problems import ProblemError
from remit.server.service import Stream
from remit.telemetry import plain

_log = logging.getLogger("remit.server")

_RESUME = "last-event-id"
_PARTING = 5.0
"""Seconds that a reader has to take what is left when a stream ends."""

_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Accel-Buffering": "no",
}


class From(msgspec.Struct, frozen=True, kw_only=True):
    """From where on to read."""

    after: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0
    """The last event that the reader has; a `Last-Event-ID` goes before it."""
    follow: bool = True
    """Whether to wait for more after what is there."""


class EventStream(Response):
    """Writes a stream for as long as its reader keeps up with it."""

    media_type = "text/event-stream"

    def __init__(self, stream: Stream, closing: contextlib.AsyncExitStack, heard: Heard) -> None:
        """Take what to write, what to leave when it is over, and who reads it."""
        super().__init__(None, 200, _HEADERS)
        del self.headers["content-length"]
        self._stream, self._closing, self._heard = stream, closing, heard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write until the stream is over, its reader leaves, or it is dropped."""
        async with self._closing:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if scope["method"] == "HEAD":
                await _say(send, b"", more=False)
                return
            writing = asyncio.create_task(self._write(send))
            others = [asyncio.create_task(one) for one in self._others(receive, send)]
            try:
                await asyncio.wait({writing, *others}, return_when=asyncio.FIRST_COMPLETED)
                if self._stream.over.is_set() and not self._stream.dropped:
                    await asyncio.wait({writing}, timeout=_PARTING)
            finally:
                for task in (writing, *others):
                    task.cancel()
                await asyncio.gather(writing, *others, return_exceptions=True)

    async def _write(self, send: Send) -> None:
        await _say(send, b"retry: 1000\n\n")
        async for item in self._stream:
            await _say(send, item.written(written))
        if not self._stream.dropped:
            await _say(send, b"", more=False)

    def _others(self, receive: Receive, send: Send) -> Sequence[Coroutine[None, None, object]]:
        return _left(receive), self._stream.over.wait(), self._tick(send), self._denied()

    async def _denied(self) -> None:
        """Return once the reader may no longer read, as when their key was revoked."""
        while True:
            await asyncio.sleep(self._heard.bounds.recheck)
            try:
                await self._heard.again()
            except DeniedError as error:
                if error.status in {401, 403}:
                    return
            except RemitError as error:
                _log.warning("nobody can tell for now who reads a stream: %s", error)

    async def _tick(self, send: Send) -> None:
        while True:
            await asyncio.sleep(self._heard.bounds.beat)
            await _say(send, b": here\n\n")


def written(what: Record | Delta) -> bytes:
    """Write a record with its number, or a delta without any, as one server-sent event."""
    if isinstance(what, Delta):
        return b"event: delta\ndata: %b\n\n" % msgspec.json.encode({"text": what.text, "fresh": what.fresh})
    return b"id: %d\nevent: record\ndata: %b\n\n" % (what.seq, msgspec.json.encode(plain(what)))


async def _say(send: Send, body: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _events(heard: Heard) -> Answer:
    wanted, session = heard.query(From), heard.path["session"]
    await heard.service.owned.check(heard.principal, session)
    after = _after(heard.headers, wanted)
    async with contextlib.AsyncExitStack() as leaving:
        following = heard.service.streams.follow(heard.principal, session, after)
        stream = await leaving.enter_async_context(following)
        if stream.over.is_set() and not stream.past:
            # There will never be more, which tells a browser not to come back.
            return Response(None, 204, _HEADERS)
        if not wanted.follow:
            stream.end()
        return EventStream(stream, leaving.pop_all(), heard)


def _after(headers: Mapping[str, str], wanted: From) -> int:
    last = headers.get(_RESUME, "")
    if not last:
        return wanted.after
    if not (last.isascii() and last.isdecimal() and len(last) < 16):
        raise ProblemError(422, "Last-Event-ID is the number of an event")
    return int(last)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/sessions/{session}/events",
        action="look",
        summary="Read a session as server-sent events: `record` with its number as id, `delta` for text being written",
        handle=_events,
        query=From,
        headers={"Last-Event-ID": "The number of the last event that the reader has"},
        media="text/event-stream",
        also=(204,),
        refuses=(409, 503),
    ),
)
