"""Across sessions over HTTP: lists, figures, flags, and what changes, of the tenant of whoever asks."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Annotated, Literal

import msgspec

from remit.core.values import now_ms
from remit.server.api.declaring import Answer, Endpoint, Heard
from remit.server.api.sessions import Cursor
from remit.server.entrance import EventStream, ProblemError
from remit.server.projection.port import Changes, Figures, FlagKind, FlagPage, Listing, Overview, Summaries

_RESUME = "last-event-id"
_HOUR = 3_600_000
_SLACK = 10_000
"""Milliseconds: what changed shortly before a reader left may have been told to nobody yet."""
_MISSED = 200
"""Sessions that a reader who comes back is told of; of more it reads the list."""

Time = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Span(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stretch of time, in milliseconds since the epoch."""

    since: Time | None = None
    """A day before `until` when left out."""
    until: Time | None = None
    """Now when left out."""
    step: Annotated[int, msgspec.Meta(ge=1, le=2**53)] = _HOUR
    """Milliseconds that a bucket is long; rounded up to whole hours, and longer where there would be too many."""


class Flagged(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which flags are wanted."""

    kind: FlagKind | Literal[""] = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 50
    cursor: Cursor = ""
    """The cursor that a page gave."""


class Since(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From when on to tell changes."""

    since: Time | None = None
    """Begin with what changed since then, in milliseconds since the epoch; a `Last-Event-ID` goes before it."""
    follow: bool = True
    """Whether to wait for more."""


async def _summaries(heard: Heard) -> Answer:
    return await heard.service.projection.list(heard.principal.tenant, heard.query(Listing))


async def _overview(heard: Heard) -> Answer:
    return await heard.service.projection.overview(heard.principal.tenant)


async def _figures(heard: Heard) -> Answer:
    span = heard.query(Span)
    until = now_ms() if span.until is None else span.until
    since = max(until - 24 * _HOUR, 0) if span.since is None else span.since
    return await heard.service.projection.figures(heard.principal.tenant, since=since, until=until, step=span.step)


async def _flags(heard: Heard) -> Answer:
    wanted = heard.query(Flagged)
    kinds = (wanted.kind,) if wanted.kind else ()
    return await heard.service.projection.flags(
        heard.principal.tenant, kinds=kinds, limit=wanted.limit, after=wanted.cursor
    )


async def _changes(heard: Heard) -> Answer:
    wanted, tenant, projection = heard.query(Since), heard.principal.tenant, heard.service.projection
    since = _since(heard.headers.get(_RESUME, ""), wanted)
    async with contextlib.AsyncExitStack() as leaving:
        lookout = leaving.enter_context(heard.service.streams.lookout(heard.principal))
        following = await leaving.enter_async_context(projection.changes(tenant))
        missed = None
        if since is not None:
            listing = Listing(since=max(since - _SLACK, 1), limit=_MISSED)
            missed = Changes(sessions=(await projection.list(tenant, listing)).sessions)
        if not wanted.follow:
            lookout.over.set()
        pieces = _pieces(missed, following if wanted.follow else None, lookout.over)
        return EventStream(lookout, pieces, leaving.pop_all(), heard.again, heard.bounds)


async def _pieces(
    missed: Changes | None, following: AsyncIterator[Changes] | None, over: asyncio.Event
) -> AsyncIterator[bytes]:
    yield b"retry: 1000\n\n"
    if missed is not None and missed.sessions:
        yield written(missed)
    if following is not None:
        async for changes in _until(over, following):
            yield written(changes)


async def _until(over: asyncio.Event, following: AsyncIterator[Changes]) -> AsyncIterator[Changes]:
    """Give what comes, and end properly once nothing more will."""
    ending = asyncio.ensure_future(over.wait())
    coming = asyncio.ensure_future(_next(following))
    try:
        while True:
            await asyncio.wait({ending, coming}, return_when=asyncio.FIRST_COMPLETED)
            if ending.done():
                return
            yield coming.result()
            coming = asyncio.ensure_future(_next(following))
    finally:
        ending.cancel()
        coming.cancel()
        await asyncio.gather(ending, coming, return_exceptions=True)


async def _next(following: AsyncIterator[Changes]) -> Changes:
    return await anext(following)


def written(changes: Changes) -> bytes:
    """Write changes as one server-sent event, with the time of the last one."""
    last = max((one.changed for one in changes.sessions), default=0)
    return b"id: %d\nevent: changes\ndata: %b\n\n" % (last, msgspec.json.encode(changes))


def _since(last: str, wanted: Since) -> int | None:
    if not last:
        return wanted.since
    if not (last.isascii() and last.isdecimal() and len(last) < 16):
        raise ProblemError(422, "Last-Event-ID is the id of an event")
    return int(last)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/summaries",
        action="look",
        summary="List sessions by what they were about and came to, moments late",
        handle=_summaries,
        query=Listing,
        gives=Summaries,
        refuses=(404, 503),
    ),
    Endpoint(
        method="GET",
        path="/v1/overview",
        action="look",
        summary="Say how the tenant of whoever asks stands",
        handle=_overview,
        gives=Overview,
        refuses=(503,),
    ),
    Endpoint(
        method="GET",
        path="/v1/figures",
        action="look",
        summary="Say what a span of time came to, by agent, model and tool; empty buckets are left out",
        handle=_figures,
        query=Span,
        gives=Figures,
        refuses=(503,),
    ),
    Endpoint(
        method="GET",
        path="/v1/flags",
        action="look",
        summary="List what a person should look at, newest first",
        handle=_flags,
        query=Flagged,
        gives=FlagPage,
        refuses=(404, 503),
    ),
    Endpoint(
        method="GET",
        path="/v1/changes",
        action="look",
        summary="Read what sessions are that change, as server-sent events: `changes`, at most one a second",
        handle=_changes,
        query=Since,
        headers={"Last-Event-ID": "The id of the last event that the reader has"},
        media="text/event-stream",
        refuses=(503,),
    ),
)
