"""Several requests in one session: each is answered for itself, and nobody ends the work of somebody else."""

import asyncio
from typing import Any

import openai
import pytest
from tests.server.agents import HeldModel, echo
from tests.server.openai.clients import served, told

from remit.core.agent import Agent

NAMED: Any = {"X-Remit-Session": "acme.one"}


def user(text: str) -> Any:
    return {"role": "user", "content": text}


async def queued(ann: Any, rig: Any, model: HeldModel) -> list[asyncio.Task[Any]]:
    """Ask twice in one session while the first is under way."""

    def ask(text: str) -> asyncio.Task[Any]:
        asked = ann.chat.completions.create(model="held", messages=[user(text)], extra_headers=NAMED)
        return asyncio.create_task(asked)

    first = ask("a")
    await model.asked.wait()
    second = ask("b")
    await rig.until("acme.one", "MessageReceived", after=2)
    return [first, second]


async def test_of_two_requests_in_a_row_each_has_its_own_answer() -> None:
    model = HeldModel(pieces=["yes"])
    async with served(Agent("held", model)) as (rig, ann):
        asking = await queued(ann, rig, model)
        for _ in asking:
            model.go.release()
        first, second = await asyncio.gather(*asking)
        assert [one.choices[0].message.content for one in (first, second)] == ["yes", "yes"]


async def test_who_cancels_what_waits_its_turn_does_not_end_what_is_before_it() -> None:
    model = HeldModel(pieces=["yes"])
    async with served(Agent("held", model)) as (rig, ann):
        first = await ann.responses.create(model="held", input="a", background=True)
        await model.asked.wait()
        second = await ann.responses.create(model="held", input="b", previous_response_id=first.id, background=True)
        with pytest.raises(openai.ConflictError, match="turn"):
            await ann.responses.cancel(second.id)
        for _ in "ab":
            model.go.release()
        kinds = [one["fields"] for one in await rig.until(told(first)["session"], "RunEnded")]
        assert kinds[-1]["status"] == "done"


async def test_two_first_messages_to_one_named_session_are_both_said() -> None:
    async with served(echo()) as (rig, ann):
        both = await asyncio.gather(
            *(
                ann.chat.completions.create(model="echo", messages=[user(text)], extra_headers=NAMED)
                for text in ("a", "b", "c")
            )
        )
        assert {told(one)["session"] for one in both} == {"acme.one"}
        said = [one["fields"]["text"] for one in await rig.past("acme.one") if one["kind"] == "MessageReceived"]
        assert sorted(said) == ["a", "b", "c"]


async def test_a_key_finds_the_first_message_of_a_named_session_again() -> None:
    async with served(echo()) as (_, ann):
        messages: list[Any] = [{"role": "system", "content": "Be brief."}, user("hi")]
        headers = {**NAMED, "Idempotency-Key": "k"}
        first, again = [
            await ann.chat.completions.create(model="echo", messages=messages, extra_headers=headers) for _ in "ab"
        ]
        assert first.id == again.id


TRIED: Any = {"X-Stainless-Retry-Count": "1"}
PAST: Any = [user("hi"), {"role": "assistant", "content": "hi"}, user("more")]


async def test_a_second_try_finds_its_message_though_another_conversation_began_alike_meanwhile() -> None:
    async with served(echo()) as (_, ann):
        await ann.chat.completions.create(model="echo", messages=PAST[:1])
        first = await ann.chat.completions.create(model="echo", messages=PAST)
        await ann.chat.completions.create(model="echo", messages=PAST[:1])
        again = await ann.chat.completions.create(model="echo", messages=PAST, extra_headers=TRIED)
        assert again.id == first.id


@pytest.mark.parametrize("alike", [1, 2])
async def test_a_second_try_finds_its_message_though_a_session_was_closed_meanwhile(alike: int) -> None:
    async with served(echo()) as (rig, ann):
        begun = [await ann.chat.completions.create(model="echo", messages=PAST[:1]) for _ in range(alike)]
        first = await ann.chat.completions.create(model="echo", messages=PAST)
        await rig.good("DELETE", f"/v1/sessions/{told(begun[0])['session']}")
        again = await ann.chat.completions.create(model="echo", messages=PAST, extra_headers=TRIED)
        assert again.id == first.id
