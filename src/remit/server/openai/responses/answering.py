"""Responses: each is what came of a message or a decision in a session; its id says of which."""

import contextlib
from collections.abc import Sequence

from starlette.responses import Response

from remit.core.errors import UnknownSessionError
from remit.core.events import ApprovalGiven, MessageReceived, Record
from remit.core.state import State
from remit.runtime import Shown, waiting
from remit.server.entrance import EventStream
from remit.server.openai import contents
from remit.server.openai.door import Heard
from remit.server.openai.fields import RESPONSES, flag, text
from remit.server.openai.marks import Mark, parsed
from remit.server.openai.problems import UnfitError, unbroken, written
from remit.server.openai.responses.asking import Decision, Input, read
from remit.server.openai.responses.items import RESPONSE, Echo, response
from remit.server.openai.responses.telling import Telling
from remit.server.openai.sending import Attempt, Slots, attempt, digest, post, reader
from remit.server.openai.turns import Turn
from remit.server.service import RefusedError, Stream


async def create(heard: Heard) -> Response:
    """Say something to an agent, or decide on what it waits for, and give what comes of it."""
    fields = await heard.fields(RESPONSES)
    asked = read(fields)
    if asked.decisions:
        await heard.may("decide")
    if asked.messages:
        await heard.may("work")
    agent = heard.worker(text(fields, "model"))
    previous = text(fields, "previous_response_id")
    metadata = fields.get("metadata")
    echo = Echo(metadata if isinstance(metadata, dict) else {}, previous or None, flag(fields, "background"))
    streamed = flag(fields, "stream")
    tried = attempt(heard.principal, heard.guest.headers, "response", fields)
    async with contextlib.AsyncExitStack() as leaving:
        mark, stream = await _left(heard, agent, asked, previous, tried, leaving)
        if streamed:
            return _told(heard, stream, Turn(mark), echo, leaving)
        turn = Turn(mark)
        if echo.background:
            turn = await _turn(heard, mark)
        else:
            await heard.settled(stream, turn)
        return written(response(turn, echo), 200, {"x-remit-session": mark.session})


async def show(heard: Heard) -> Response:
    """Show a response as it is now, or stream it."""
    mark = _mark(str(heard.request.path_params["response"]))
    turn = await _turn(heard, mark)
    query = heard.request.query_params
    if query.get("starting_after"):
        raise UnfitError("starting_after", "a stream begins at its beginning; leave out starting_after")
    if query.get("stream") == "true":
        async with contextlib.AsyncExitStack() as leaving:
            following = heard.service.streams.follow(heard.principal, mark.session, 0)
            stream = await leaving.enter_async_context(following)
            return _told(heard, stream, Turn(mark), Echo({}), leaving)
    return written(response(turn, Echo({})), 200, {"x-remit-session": mark.session})


async def cancel(heard: Heard) -> Response:
    """End the run that a response is about."""
    mark = _mark(str(heard.request.path_params["response"]))
    turn = await _turn(heard, mark)
    run = turn.state.run
    if not turn.end and not turn.run:
        # There may be a run under way, which somebody else asked for.
        raise RefusedError(
            "conflict", f"response {mark.written(RESPONSE)!r} waits for its turn; cancel it once it runs"
        )
    if run is None or turn.how is not None or turn.run != run.number:
        raise RefusedError("conflict", f"response {mark.written(RESPONSE)!r} is over")
    await heard.service.cancel(heard.principal, mark.session, reason="cancelled as a response")
    return written(response(await _turn(heard, mark), Echo({})), 200, {"x-remit-session": mark.session})


async def keep(heard: Heard) -> Response:
    """Refuse to delete a response."""
    session = _mark(str(heard.request.path_params["response"])).session
    await heard.service.owned.check(heard.principal, session)
    what = f"a response is part of a journal, which is kept; DELETE /v1/sessions/{session} closes the session"
    raise UnfitError("", what, status=405)


def _told(heard: Heard, stream: Stream, turn: Turn, echo: Echo, leaving: contextlib.AsyncExitStack) -> EventStream:
    pieces = unbroken(Telling(turn, echo).of(stream))
    answer = EventStream(stream, pieces, leaving.pop_all(), heard.guest.again, heard.entrance.bounds)
    answer.headers["x-remit-session"] = turn.mark.session
    return answer


async def _left(
    heard: Heard, agent: str, asked: Input, previous: str, tried: Attempt, leaving: contextlib.AsyncExitStack
) -> tuple[Mark, Stream]:
    """Leave what a request says where it belongs, and give where the answer begins, with a reader of it."""
    front, said = (heard.service, heard.principal), contents.said(asked.messages) if asked.messages else ""
    if not previous and not asked.decisions:
        slots = Slots(*front, agent, digest(tried.name or tried.body))
        left = await slots.begin(said, tried, leaving)
        return left.mark(), left.stream
    session, since = await _session(heard, agent, asked.decisions, previous, tried)
    stream = await reader(*front, session, leaving)
    if not asked.decisions:
        return (await post(*front, stream, said, tried)).mark(since), stream
    places = await _decide(heard, session, asked.decisions)
    if not asked.messages:
        return Mark(session, min(places), max(places)), stream
    left = await post(*front, stream, said, tried)
    return left.mark(min(places)), stream


async def _session(
    heard: Heard, agent: str, decisions: Sequence[Decision], previous: str, tried: Attempt
) -> tuple[str, int]:
    """Find the session that a request is about, and the last event of it that was told though its run went on.

    Raise `UnfitError` when there is none of theirs.
    """
    named = {one.request.session for one in decisions}
    mark = _mark(previous, "previous_response_id") if previous else None
    turn = await _turn(heard, mark) if mark is not None else None
    named |= {mark.session} if mark is not None else set()
    if len(named) > 1:
        raise UnfitError("input", "all that a request says must be about one session")
    session = named.pop()
    records = await _records(heard, session, previous)
    known = await heard.service.owned.check(heard.principal, session)
    if known != agent:
        raise UnfitError("model", f"this goes on with the agent {known!r}, not with {agent!r}")
    gone_on = mark is not None and any(isinstance(one.event, MessageReceived) for one in records[mark.floor :])
    if gone_on and not decisions and not tried.before(records):
        raise RefusedError(
            "conflict",
            f"session {session!r} has gone on since response {previous!r}: take the last one, or fork the session "
            f"with POST /v1/sessions/{session}/fork",
        )
    return session, turn.end if turn is not None and turn.how is None else 0


async def _decide(heard: Heard, session: str, decisions: Sequence[Decision]) -> Sequence[int]:
    """Decide on calls, each once, and give the numbers of these events; nothing is decided unless all can be."""
    records = await _records(heard, session, "")
    state = State.fold(record.event for record in records)
    open_ = [one for one in decisions if _open(state, one, heard.principal.name)]
    for one in decisions:
        if one not in open_ and not _decided(heard, records, one):
            what = f"call {one.request.call!r} of session {session!r} does not wait for approval with these arguments"
            raise RefusedError("conflict", what)
    # Who may not allow one may allow none of them, and is told so before anything is denied.
    for one in sorted(open_, key=lambda one: not one.granted):
        shown, people = Shown(one.request.call, one.request.digest), heard.service.people
        await people.decide(heard.principal, session, shown, granted=one.granted, reason=one.reason)
    records = await _records(heard, session, "")
    return [_decided(heard, records, one) for one in decisions]


def _open(state: State, one: Decision, by: str) -> bool:
    """Say whether a call waits for this decision, and for one by this person."""
    for effect in waiting(state):
        if effect.call.id == one.request.call and effect.asked is not None:
            had = one.granted and effect.allowed_by(by)
            return effect.asked.digest.startswith(one.request.digest) and not had
    return False


def _decided(heard: Heard, records: Sequence[Record], one: Decision) -> int:
    """Give the number of this very decision, 0 when it was not made yet."""
    for record in reversed(records):
        event = record.event
        if isinstance(event, ApprovalGiven) and (event.call, event.by) == (one.request.call, heard.principal.name):
            same = event.granted is one.granted and event.args is None and event.digest.startswith(one.request.digest)
            return record.seq if same else 0
    return 0


def _mark(said: str, param: str = "response_id") -> Mark:
    mark = parsed(RESPONSE, said)
    if mark is None:
        raise _unknown(said, param)
    return mark


async def _turn(heard: Heard, mark: Mark) -> Turn:
    """Read a turn as it is now."""
    said = mark.written(RESPONSE)
    records = await _records(heard, mark.session, said)
    asked = records[mark.floor - 1].event if mark.since <= mark.floor <= len(records) else None
    if not isinstance(asked, MessageReceived | ApprovalGiven):
        raise _unknown(said)
    turn = Turn(mark)
    for record in records:
        turn.take(record)
    return turn


async def _records(heard: Heard, session: str, said: str) -> Sequence[Record]:
    try:
        return await heard.service.owned.records(heard.principal, session)
    except UnknownSessionError:
        if not said:
            raise
        # In the same words, whether there is none or it is somebody else's.
        raise _unknown(said) from None


def _unknown(said: str, param: str = "response_id") -> UnfitError:
    return UnfitError(param, f"no response {said!r}", code="response_not_found", status=404)
