"""Answers that change a call, and the same answer from several places at once: what runs is what somebody allowed."""

import asyncio
import itertools
from pathlib import Path

from tests.server.agui.clients import BOB, agui, answered, essence, refunding, refused, run, user, wanted
from tests.server.rig import bearer

from remit.core.agent import Agent
from remit.core.errors import InputRequiredError
from remit.core.events import ApprovalGiven
from remit.core.ports import ToolContext
from remit.core.values import JsonValue
from remit.policy import AskBefore
from remit.testing import EffectCounter, ScriptedModel, says, use
from remit.tools import tool

CAROL = bearer(name="carol", role="operator")


def _paying(paid: list[int], *, persons: int = 1) -> Agent:
    @tool(effect="once")
    async def pay(usd: int) -> str:
        """Pay."""
        paid.append(usd)
        return f"paid {usd}"

    script = ScriptedModel(itertools.cycle([says("", use("pay", usd=70)), says("so be it")]))
    return Agent("clerk", script, tools=[pay], guards=[AskBefore("pay", persons=persons)])


async def test_a_call_runs_with_the_arguments_that_a_person_gave_it_and_the_client_is_shown_them() -> None:
    paid: list[int] = []
    async with agui(_paying(paid)) as rig:
        first = await run(rig, wanted(user("go")))
        (interrupt,) = first.interrupts
        call = {"id": interrupt["toolCallId"], "type": "function", "function": {"name": "pay", "arguments": "{}"}}
        had = {"id": first.of("TOOL_CALL_START")[0]["parentMessageId"], "role": "assistant", "toolCalls": [call]}
        less = answered(interrupt["id"], {"approved": True, "editedArgs": {"usd": 7}})
        body = wanted(user("go"), had, run="r2", resume=less)
        second = await run(rig, body, who=BOB)
        assert (paid, second.last["result"]) == ([7], "so be it")
        shown = second.of("MESSAGES_SNAPSHOT")[0]["messages"][1]["toolCalls"][0]["function"]["arguments"]
        assert shown == '{"usd":7}'
        assert essence(await run(rig, body, who=BOB)) == essence(second)
        # Who allows it as it was, or with yet others, has said something else.
        for payload in ({"approved": True}, {"approved": True, "editedArgs": {"usd": 8}}):
            other = wanted(user("go"), run="r2", resume=answered(interrupt["id"], payload))
            status, why = await refused(rig, other, who=BOB)
            assert (status, "bob has allowed it with other arguments" in why) == (409, True)
        assert paid == [7]


async def test_arguments_that_the_tool_does_not_take_or_that_who_asked_gives_decide_nothing() -> None:
    paid: list[int] = []
    async with agui(_paying(paid)) as rig:
        (interrupt,) = (await run(rig, wanted(user("go")))).interrupts
        for args, who, status in (({"usd": "x"}, BOB, 409), ({"eur": 7}, BOB, 409), ({"usd": 7}, bearer(), 403)):
            resume = answered(interrupt["id"], {"approved": True, "editedArgs": args})
            assert (await refused(rig, wanted(user("go"), run="r2", resume=resume), who=who))[0] == status
        assert (await run(rig, wanted(user("go")))).interrupts == [interrupt]
        assert paid == []


async def test_arguments_that_are_sent_back_as_they_were_are_no_change_also_when_they_are_sent_again() -> None:
    paid: list[int] = []
    async with agui(_paying(paid)) as rig:
        (interrupt,) = (await run(rig, wanted(user("go")))).interrupts
        resume = answered(interrupt["id"], {"approved": True, "editedArgs": {"usd": 70}})
        body = wanted(user("go"), run="r2", resume=resume)
        second = await run(rig, body, who=BOB)
        assert essence(await run(rig, body, who=BOB)) == essence(second)
        assert (paid, second.of("MESSAGES_SNAPSHOT")) == ([70], [])


async def test_where_two_must_allow_it_other_arguments_are_another_question_for_the_second() -> None:
    paid: list[int] = []
    async with agui(_paying(paid, persons=2)) as rig:
        (interrupt,) = (await run(rig, wanted(user("go")))).interrupts
        less = answered(interrupt["id"], {"approved": True, "editedArgs": {"usd": 7}})
        (next_one,) = (await run(rig, wanted(user("go"), run="r2", resume=less), who=BOB)).interrupts
        assert next_one["id"] != interrupt["id"]
        kept = next_one["metadata"]["remit"]
        assert (kept["args"], kept["granted_by"], kept["persons"]) == ({"usd": 7}, ["bob"], 2)
        # A yes to the first question is none to this one.
        stale = wanted(user("go"), run="r3", resume=answered(interrupt["id"], {"approved": True}))
        assert (await refused(rig, stale, who=CAROL))[0] == 409
        yes = wanted(user("go"), run="r3", resume=answered(next_one["id"], {"approved": True}))
        assert (await run(rig, yes, who=CAROL)).last["result"] == "so be it"
        assert paid == [7]


async def test_a_denial_that_is_sent_again_is_one_although_somebody_had_allowed_it() -> None:
    paid: list[int] = []
    async with agui(_paying(paid, persons=2)) as rig:
        (interrupt,) = (await run(rig, wanted(user("go")))).interrupts
        await run(rig, wanted(user("go"), run="r2", resume=answered(interrupt["id"], {"approved": True})), who=BOB)
        no = wanted(user("go"), run="r3", resume=answered(interrupt["id"], {"approved": False}))
        denied = await run(rig, no, who=CAROL)
        assert essence(await run(rig, no, who=CAROL)) == essence(denied)
        assert paid == []


async def test_the_same_answer_many_times_at_once_is_one_answer(tmp_path: Path) -> None:
    effect = EffectCounter()
    async with agui(refunding(effect), place=str(tmp_path)) as rig:
        first = await run(rig, wanted(user("do it")))
        body = wanted(user("do it"), run="r2", resume=answered(first.interrupts[0]["id"], {"approved": True}))
        runs = await asyncio.gather(*(run(rig, body, who=BOB) for _ in range(6)))
        assert {one.last["result"] for one in runs} == {"It is done now."}
        records = await rig.service.home.store.read(first.events[0]["metadata"]["remit"]["session"])
        assert sum(isinstance(record.event, ApprovalGiven) for record in records) == len(effect.called()) == 1


async def test_where_one_of_several_answers_may_not_be_given_none_is() -> None:
    effect = EffectCounter()
    script = [says("", use("effect", number=1), use("effect", number=2)), says("done")]
    agent = Agent("clerk", ScriptedModel(iter(script)), tools=[effect], guards=[AskBefore("effect")])
    async with agui(agent) as rig:
        interrupts = (await run(rig, wanted(user("go")))).interrupts
        no, yes = (answered(one["id"], {"approved": yes}) for one, yes in zip(interrupts, (False, True), strict=True))
        assert (await refused(rig, wanted(user("go"), run="r2", resume=no + yes)))[0] == 403
        assert (await run(rig, wanted(user("go")))).interrupts == interrupts


@tool(effect="read")
async def measure(context: ToolContext) -> JsonValue:
    """Ask a person for figures."""
    if context.resume is None:
        raise InputRequiredError("how much?", {"type": "object", "additionalProperties": True})
    return context.resume.given


async def test_a_number_that_no_journal_holds_is_the_same_answer_when_it_is_sent_again() -> None:
    script = ScriptedModel(iter([says("", use("measure")), says("measured")]))
    async with agui(Agent("clerk", script, tools=[measure])) as rig:
        (interrupt,) = (await run(rig, wanted(user("go")))).interrupts
        body = wanted(user("go"), run="r2", resume=answered(interrupt["id"], {"much": 10**30}))
        second = await run(rig, body, who=BOB)
        assert essence(await run(rig, body, who=BOB)) == essence(second)
