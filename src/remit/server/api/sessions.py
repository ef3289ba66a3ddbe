"""Sessions over HTTP: begin, look, send, steer, fork, replay, close."""

from typing import Annotated, Literal

import msgspec
from starlette.responses import Response

from remit.core.ports import SessionStatus
from remit.server.api.declaring import Answer, Endpoint, Heard
from remit.server.service import Wish
from remit.server.service.views import Page, ReplayView, SessionView

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=500_000, pattern=r"\S")]
Key = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Name = Annotated[str, msgspec.Meta(max_length=64, pattern="^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Reason = Annotated[str, msgspec.Meta(max_length=10_000)]
Count = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Cursor = Annotated[str, msgspec.Meta(max_length=200)]


class NewSession(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A session that is to begin."""

    agent: str
    text: Text | None = None
    """What the agent is told; without it the session waits for a first message."""
    key: Key | None = None
    """The same key again is the same session."""
    session: Name | None = None
    """What it is to be called; begins with the tenant and a dot where there are several tenants."""


class NewMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something to tell the agent."""

    text: Text
    key: Key | None = None
    """The same key again is the same message."""


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is kept for good."""

    session: str
    seq: int
    """Its place: what comes of it is after this."""


class Why(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why somebody does something."""

    reason: Reason = ""


class ForkAt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a fork begins."""

    at: Annotated[float, msgspec.Meta(ge=1, le=2**53, multiple_of=1)] | None = None
    """The last event to take; all when `null`. JSON knows no whole numbers: 3.0 is 3."""


class Replays(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay found."""

    runs: tuple[ReplayView, ...]
    diverged: bool


class Which(msgspec.Struct, frozen=True, kw_only=True):
    """Which sessions to list."""

    status: Literal["idle", "running", "waiting", "closed"] | None = None
    agent: str | None = None
    limit: Count = 100
    cursor: Cursor | None = None


_TRACE = "traceparent"
"""W3C Trace Context: what comes of a message goes on with the trace of who sent it. It is no parameter of the API, as
whoever has tools made of its description must not have a model fill it in."""


async def _begin(heard: Heard) -> Answer:
    new = heard.body(NewSession)
    wish = Wish(new.agent, new.text or "", new.key or "", new.session or "", heard.headers.get(_TRACE, ""))
    begun = await heard.service.begin(heard.principal, wish)
    headers = {"Location": f"/v1/sessions/{begun.view.id}", "Cache-Control": "no-store"}
    return Response(msgspec.json.encode(begun.view), 201 if begun.new else 200, headers, media_type="application/json")


async def _list(heard: Heard) -> Answer:
    which = heard.query(Which)
    status: SessionStatus | None = which.status
    return await heard.service.list(
        heard.principal, status=status, agent=which.agent or "", limit=which.limit, after=which.cursor or ""
    )


async def _get(heard: Heard) -> Answer:
    return await heard.service.get(heard.principal, heard.path["session"])


async def _close(heard: Heard) -> Answer:
    await heard.service.close(heard.principal, heard.path["session"])


async def _post(heard: Heard) -> Answer:
    said, session = heard.body(NewMessage), heard.path["session"]
    seq = await heard.service.post(
        heard.principal, session, said.text, key=said.key or "", trace=heard.headers.get(_TRACE, "")
    )
    return Received(session=session, seq=seq)


async def _cancel(heard: Heard) -> Answer:
    await heard.service.cancel(heard.principal, heard.path["session"], reason=heard.body(Why).reason)
    return await _get(heard)


async def _pause(heard: Heard) -> Answer:
    await heard.service.pause(heard.principal, heard.path["session"], reason=heard.body(Why).reason)
    return await _get(heard)


async def _resume(heard: Heard) -> Answer:
    await heard.service.resume(heard.principal, heard.path["session"])
    return await _get(heard)


async def _fork(heard: Heard) -> Answer:
    at = heard.body(ForkAt).at
    return await heard.service.fork(heard.principal, heard.path["session"], at=None if at is None else int(at))


async def _replay(heard: Heard) -> Answer:
    found = await heard.service.replay(heard.principal, heard.path["session"])
    runs = tuple(ReplayView(run=one.run, moves=one.moves, divergence=one.divergence) for one in found)
    return Replays(runs=runs, diverged=any(run.divergence for run in runs))


_ALL = "/v1/sessions"
_ONE = "/v1/sessions/{session}"

ENDPOINTS = (
    Endpoint(
        method="POST",
        path=_ALL,
        action="work",
        summary="Begin a session",
        handle=_begin,
        body=NewSession,
        gives=SessionView,
        status=201,
        also=(200,),
        refuses=(409, 503),
    ),
    Endpoint(
        method="GET",
        path=_ALL,
        action="look",
        summary="List sessions, newest first",
        handle=_list,
        query=Which,
        gives=Page,
        refuses=(404,),
    ),
    Endpoint(method="GET", path=_ONE, action="look", summary="Show a session", handle=_get, gives=SessionView),
    Endpoint(
        method="DELETE",
        path=_ONE,
        action="stop",
        summary="Close a session for good; its journal stays",
        handle=_close,
        status=204,
        refuses=(409,),
    ),
    Endpoint(
        method="POST",
        path=f"{_ONE}/messages",
        action="work",
        summary="Tell the agent something; kept for good once this is answered",
        handle=_post,
        body=NewMessage,
        gives=Received,
        status=202,
        refuses=(409,),
    ),
    Endpoint(
        method="POST",
        path=f"{_ONE}/cancel",
        action="stop",
        summary="End the run, at once when it sleeps, at its next step otherwise",
        handle=_cancel,
        body=Why,
        optional=True,
        gives=SessionView,
        status=202,
        refuses=(409,),
    ),
    Endpoint(
        method="POST",
        path=f"{_ONE}/pause",
        action="stop",
        summary="Stop the run after the step it is in",
        handle=_pause,
        body=Why,
        optional=True,
        gives=SessionView,
        status=202,
        refuses=(409, 503),
    ),
    Endpoint(
        method="POST",
        path=f"{_ONE}/resume",
        action="stop",
        summary="Go on with a run that is paused or that an alarm stopped",
        handle=_resume,
        gives=SessionView,
        status=202,
        refuses=(409, 503),
    ),
    Endpoint(
        method="POST",
        path=f"{_ONE}/fork",
        action="work",
        summary="Begin a new session with the past of this one",
        handle=_fork,
        body=ForkAt,
        optional=True,
        gives=SessionView,
        status=201,
        refuses=(409,),
    ),
    Endpoint(
        method="POST",
        path=f"{_ONE}/replay",
        action="work",
        summary="Drive the strategy over what is recorded, without touching the world",
        handle=_replay,
        gives=Replays,
        refuses=(409, 503),
    ),
)
