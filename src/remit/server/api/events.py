"""Events over HTTP: a session as a stream of server-sent events. A reader that comes back goes on where it was."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Annotated

import msgspec
from starlette.responses import Response

from remit.core.events import Record
from remit.core.ports import Delta
from remit.server.api.declaring import Answer, Endpoint, Heard
from remit.server.entrance import HEADERS, EventStream, ProblemError
from remit.server.service import Stream
from remit.telemetry import plain

_RESUME = "last-event-id"


class From(msgspec.Struct, frozen=True, kw_only=True):
    """From where on to read."""

    after: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0
    """The last event that the reader has; a `Last-Event-ID` goes before it."""
    follow: bool = True
    """Whether to wait for more after what is there."""


async def _pieces(stream: Stream) -> AsyncIterator[bytes]:
    yield b"retry: 1000\n\n"
    async for item in stream:
        yield item.written(written)


def written(what: Record | Delta) -> bytes:
    """Write a record with its number, or a delta without any, as one server-sent event."""
    if isinstance(what, Delta):
        return b"event: delta\ndata: %b\n\n" % msgspec.json.encode({"text": what.text, "fresh": what.fresh})
    return b"id: %d\nevent: record\ndata: %b\n\n" % (what.seq, msgspec.json.encode(plain(what)))


async def _events(heard: Heard) -> Answer:
    wanted, session = heard.query(From), heard.path["session"]
    await heard.service.owned.check(heard.principal, session)
    after = _after(heard.headers, wanted)
    async with contextlib.AsyncExitStack() as leaving:
        following = heard.service.streams.follow(heard.principal, session, after)
        stream = await leaving.enter_async_context(following)
        if stream.over.is_set() and not stream.past:
            # There will never be more, which tells a browser not to come back.
            return Response(None, 204, HEADERS)
        if not wanted.follow:
            stream.end()
        return EventStream(stream, _pieces(stream), leaving.pop_all(), heard.again, heard.bounds)


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
