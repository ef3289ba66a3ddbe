"""People in the middle of a response: what they see stays what it was, and a decision is about exactly that."""

import itertools
from typing import Any

import openai
import pytest
from openai.types.responses import ResponseStreamEvent
from openai.types.responses.response_output_item import McpApprovalRequest
from pydantic import TypeAdapter
from tests.server.agents import acting
from tests.server.openai.clients import client, served, told
from tests.server.rig import bearer

from remit.core.agent import Agent
from remit.policy import AskBefore
from remit.testing import EffectCounter, ScriptedModel, says, use


def request_of(response: Any) -> McpApprovalRequest:
    (item,) = [one for one in response.output if isinstance(one, McpApprovalRequest)]
    return item


def decision(response: Any, *, approve: bool, **more: Any) -> Any:
    named = request_of(response).id
    return {"type": "mcp_approval_response", "approval_request_id": named, "approve": approve, **more}


async def test_a_response_stays_what_it_was_when_the_call_is_given_other_arguments_later() -> None:
    effect = EffectCounter()
    async with served(acting(effect, asks=True)) as (rig, ann), client(rig, name="bob") as bob:
        asked = await ann.responses.create(model="clerk", input="go")
        session, call = told(asked)["session"], told(asked)["waits"][0]["call"]
        path = f"/v1/sessions/{session}/approvals/{call}"
        answer = await rig.ask("POST", path, {"granted": True, "args": {"number": 7}}, bearer(name="bob"))
        assert answer.status_code == 200, answer.text
        await rig.until(session, "RunEnded", "ApprovalAsked", after=answer.json()["seq"])
        kept = await ann.responses.retrieve(asked.id)
        assert kept.output == asked.output
        with pytest.raises(openai.ConflictError, match="with these arguments"):
            await bob.responses.create(model="clerk", input=[decision(asked, approve=True)])


async def test_what_was_allowed_meanwhile_is_streamed_after_the_response_began() -> None:
    effect = EffectCounter()
    async with served(acting(effect, asks=True)) as (rig, ann), client(rig, name="bob") as bob:
        asked = await ann.responses.create(model="clerk", input="go")
        await bob.responses.create(model="clerk", input=[decision(asked, approve=True)])
        events = [
            one
            async for one in await ann.responses.create(
                model="clerk", input="again", previous_response_id=asked.id, stream=True
            )
        ]
        kinds = [one.type for one in events]
        assert kinds[:2] == ["response.created", "response.in_progress"]
        assert kinds.count("response.mcp_call.completed") == 1
        last: Any = events[-1]
        assert [one.type for one in last.response.output] == ["mcp_call", "message", "mcp_approval_request"]
        # Whatever the client makes of an event without looking, it is of the declared type.
        adapter: Any = TypeAdapter(ResponseStreamEvent)
        for one in events:
            adapter.validate_python(one.to_dict())


async def test_who_says_yes_and_no_at_once_decides_nothing_and_the_same_twice_is_once() -> None:
    effect = EffectCounter()
    async with served(acting(effect, asks=True)) as (rig, ann), client(rig, name="bob") as bob:
        asked = await ann.responses.create(model="clerk", input="go")
        both: Any = [decision(asked, approve=True), decision(asked, approve=False)]
        with pytest.raises(openai.BadRequestError, match="twice"):
            await bob.responses.create(model="clerk", input=both)
        assert effect.called() == []
        twice: Any = [decision(asked, approve=True)] * 2
        done = await bob.responses.create(model="clerk", input=twice)
        assert done.output_text == "done"
        assert len(effect.called()) == 1


async def test_who_decides_and_says_more_reads_one_stream() -> None:
    effect = EffectCounter()
    async with served(acting(effect, asks=True), own=True, streams=1) as (_, ann):
        asked = await ann.responses.create(model="clerk", input="go")
        said: Any = [decision(asked, approve=True), {"role": "user", "content": "again"}]
        more = await ann.responses.create(model="clerk", input=said, previous_response_id=asked.id)
        assert [one.type for one in more.output] == ["mcp_call", "message", "mcp_approval_request"]


async def test_who_may_not_allow_one_call_denies_none_beside_it() -> None:
    effect = EffectCounter()
    both = ScriptedModel(itertools.repeat(says("", use("effect", number=0), use("effect", number=1))))
    clerk = Agent("clerk", both, tools=[effect], guards=[AskBefore("effect")])
    async with served(clerk) as (rig, ann):
        asked = await ann.responses.create(model="clerk", input="go")
        one, two = [item.id for item in asked.output]
        said: Any = [
            {"type": "mcp_approval_response", "approval_request_id": one, "approve": False},
            {"type": "mcp_approval_response", "approval_request_id": two, "approve": True},
        ]
        with pytest.raises(openai.PermissionDeniedError):
            await ann.responses.create(model="clerk", input=said)
        kinds = [item["kind"] for item in await rig.past(told(asked)["session"])]
        assert "ApprovalGiven" not in kinds


async def test_how_a_call_ended_is_told_with_the_next_message_to_a_session_that_is_named() -> None:
    effect = EffectCounter()
    async with served(acting(effect, asks=True)) as (rig, ann), client(rig, name="bob") as bob:
        headers: dict[str, str] = {"X-Remit-Session": "acme.one"}
        go: Any = [{"role": "user", "content": "go"}]
        first = await ann.chat.completions.create(model="clerk", messages=go, extra_headers=headers)
        path = f"/v1/sessions/acme.one/approvals/{told(first)['waits'][0]['call']}"
        answer = await rig.ask("POST", path, {"granted": True}, bearer(name="bob"))
        await rig.until("acme.one", "RunEnded", after=answer.json()["seq"] - 1)
        more: Any = [{"role": "user", "content": "and now?"}]
        after = await bob.chat.completions.create(model="clerk", messages=more, extra_headers=headers)
        assert (after.choices[0].message.content or "").startswith("done\n\n")
        assert len(effect.called()) == 1
