"""What came of a request reads the same whenever it is read, and says what somebody must do."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import openai
import pytest
from tests.server.agents import acting, echo
from tests.server.openai.clients import served, told

from remit.core.agent import Agent
from remit.core.errors import OverloadedError
from remit.core.events import CancelAsked, Record
from remit.core.ports import Delta, Emit, ModelSpec, Reply, Request
from remit.models.prices import FREE
from remit.server.openai.marks import Mark
from remit.server.openai.turns import Turn
from remit.testing import EffectCounter


@dataclass
class Broken:
    """A model that breaks in the middle of its words."""

    spec: ModelSpec = field(default_factory=lambda: ModelSpec("broken", FREE))

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """See `Model.complete`."""
        emit(Delta("half a"))
        await asyncio.sleep(0)
        raise OverloadedError("too much to do")


async def test_a_message_that_was_never_finished_is_incomplete_and_the_response_failed() -> None:
    async with served(Agent("broken", Broken())) as (_, ann):
        events: list[Any] = [one async for one in await ann.responses.create(model="broken", input="go", stream=True)]
        assert events[-1].type == "response.failed"
        assert "too much to do" in events[-1].response.error.message
        (done,) = [one for one in events if one.type == "response.output_item.done"]
        assert (done.item.status, done.item.content[0].text) == ("incomplete", "half a")
        # It never became part of the journal.
        assert events[-1].response.output == []


async def test_a_run_that_was_paused_says_who_did_it_and_how_it_goes_on() -> None:
    effect = EffectCounter(pause=0.05)
    async with served(acting(effect, times=20)) as (rig, ann):
        asking = asyncio.create_task(ann.responses.create(model="clerk", input="go"))
        while not effect.called():
            await rig.ask("GET", "/health/live")
        (one,) = (await rig.good("GET", "/v1/sessions"))["sessions"]
        assert (await rig.ask("POST", f"/v1/sessions/{one['id']}/pause", {"reason": "lunch"})).status_code == 202
        paused = await asking
        assert "paused by ann: lunch" in paused.output_text
        assert f"/v1/sessions/{one['id']}/resume" in paused.output_text
        assert told(paused)["session"] == one["id"]


async def test_a_closed_session_takes_no_more_and_the_conversation_goes_on_in_a_new_one() -> None:
    async with served(echo()) as (rig, ann):
        first = await ann.responses.create(model="echo", input="hi")
        session = told(first)["session"]
        assert (await rig.ask("DELETE", f"/v1/sessions/{session}")).status_code == 204
        with pytest.raises(openai.ConflictError):
            await ann.responses.create(model="echo", input="more", previous_response_id=first.id)
        assert (await ann.responses.retrieve(first.id)).output_text == "hi"
        messages: Any = [{"role": "user", "content": "hi"}]
        chat = await ann.chat.completions.create(model="echo", messages=messages)
        await rig.ask("DELETE", f"/v1/sessions/{told(chat)['session']}")
        messages += [{"role": "assistant", "content": "hi"}, {"role": "user", "content": "more"}]
        more = await ann.chat.completions.create(model="echo", messages=messages)
        assert told(more)["session"] != told(chat)["session"]


async def test_requests_alike_at_the_same_moment_have_answers_of_their_own() -> None:
    effect = EffectCounter()
    async with served(acting(effect)) as (rig, ann):
        messages: Any = [{"role": "user", "content": "go"}]
        many = await asyncio.gather(
            *(ann.chat.completions.create(model="clerk", messages=messages) for _ in range(8)),
        )
        assert len({one.id for one in many}) == 8
        assert len((await rig.good("GET", "/v1/sessions"))["sessions"]) == len(effect.called()) == 8


async def test_a_turn_reads_the_same_at_any_later_time() -> None:
    async with served(acting(EffectCounter(), asks=True)) as (rig, ann):
        asked = await ann.responses.create(model="clerk", input="go")
        session = told(asked)["session"]
        records = await rig.service.home.store.read(session)
        turn = Turn(Mark(session, 2, 2))
        for record in records:
            turn.take(record)
        pieces, end = list(turn.pieces), turn.end
        assert end == len(records)
        turn.take(Record(end + 1, 1, CancelAsked("ann")))
        assert (turn.pieces, turn.end, turn.status) == (pieces, end, "completed")
