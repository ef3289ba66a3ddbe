"""Decisions over HTTP: what waits for a person, and what they say. Signed with who authentication says they are."""

from typing import Annotated

import msgspec

from remit.core.values import JsonObject, JsonValue
from remit.runtime import Shown
from remit.server.api.declaring import Answer, Endpoint, Heard
from remit.server.api.sessions import Count, Cursor, Reason
from remit.server.service.views import SessionView, Waiting, Waits

Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}$")]


class Decision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether a call may run, with exactly the arguments it has or with others."""

    granted: bool
    reason: Reason = ""
    args: JsonObject | None = None
    """Arguments to run it with instead: then it is another call, and checked again before it runs."""
    digest: Digest | None = None
    """What was shown with the call when somebody decided on it: refused if it waits with other arguments by now."""


class Given(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a call asked for."""

    given: JsonObject | None
    """An object of the form that was asked for; `null` declines."""


class Found(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody found out about a call in doubt."""

    happened: bool
    output: JsonValue = None
    """What it gave, for the agent to read, if it happened."""


class WaitingPage(msgspec.Struct, frozen=True, kw_only=True):
    """Calls that wait for a person, of the newest sessions first."""

    waiting: tuple[Waiting, ...]
    next: str | None
    """The cursor of the next part; `null` after the last."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of a list is wanted."""

    limit: Count = 100
    """Sessions that are looked through."""
    cursor: Cursor | None = None


async def _page(heard: Heard, kind: Waits) -> Answer:
    part = heard.query(Part)
    found, after = await heard.service.people.waiting(heard.principal, kind, limit=part.limit, after=part.cursor or "")
    return WaitingPage(waiting=found, next=after or None)


async def _approvals(heard: Heard) -> Answer:
    return await _page(heard, "approval")


async def _doubts(heard: Heard) -> Answer:
    return await _page(heard, "doubt")


async def _questions(heard: Heard) -> Answer:
    return await _page(heard, "question")


async def _decide(heard: Heard) -> Answer:
    decision, session, call = heard.body(Decision), heard.path["session"], heard.path["call"]
    await heard.service.people.decide(
        heard.principal,
        session,
        Shown(call, decision.digest) if decision.digest else call,
        granted=decision.granted,
        reason=decision.reason,
        args=decision.args,
    )
    return await heard.service.get(heard.principal, session)


async def _answer(heard: Heard) -> Answer:
    session = heard.path["session"]
    await heard.service.people.answer(heard.principal, session, heard.path["call"], heard.body(Given).given)
    return await heard.service.get(heard.principal, session)


async def _settle(heard: Heard) -> Answer:
    found, session = heard.body(Found), heard.path["session"]
    await heard.service.people.settle(
        heard.principal, session, heard.path["call"], happened=found.happened, output=found.output
    )
    return await heard.service.get(heard.principal, session)


_ONE = "/v1/sessions/{session}"

ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/approvals",
        action="look",
        summary="List the calls that wait for approval",
        handle=_approvals,
        query=Part,
        refuses=(404,),
        gives=WaitingPage,
    ),
    Endpoint(
        method="POST",
        path=f"{_ONE}/approvals/{{call}}",
        action="decide",
        summary="Allow or deny a call, for exactly the arguments it has, or allow it with others",
        handle=_decide,
        body=Decision,
        gives=SessionView,
        refuses=(409,),
    ),
    Endpoint(
        method="GET",
        path="/v1/questions",
        action="look",
        summary="List the calls that ask a person for input",
        handle=_questions,
        query=Part,
        refuses=(404,),
        gives=WaitingPage,
    ),
    Endpoint(
        method="POST",
        path=f"{_ONE}/answers/{{call}}",
        action="decide",
        summary="Answer what a call asks, or decline",
        handle=_answer,
        body=Given,
        gives=SessionView,
        refuses=(409,),
    ),
    Endpoint(
        method="GET",
        path="/v1/doubts",
        action="look",
        summary="List the calls of which nobody knows whether they happened",
        handle=_doubts,
        query=Part,
        refuses=(404,),
        gives=WaitingPage,
    ),
    Endpoint(
        method="POST",
        path=f"{_ONE}/doubts/{{call}}",
        action="decide",
        summary="Say whether a call in doubt happened; if not, it is made again",
        handle=_settle,
        body=Found,
        gives=SessionView,
        refuses=(409,),
    ),
)
