"""Edits by several people: who saw one question decides on no other, and what runs is what enough of them allowed."""

import asyncio

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.runtime.rig import Acting, Rig, agent, gives, scripted

from remit.core.errors import ApprovalError, InputRequiredError
from remit.core.events import ApprovalAsked
from remit.core.messages import Call
from remit.core.ports import ALLOW, ToolContext, ToolSpec, Verdict
from remit.core.state import State
from remit.core.values import JsonObject
from remit.policy import AskBefore
from remit.runtime import Shown, answer, decide, edit, replay, waiting
from remit.testing import ScriptedModel, calls, says, use

WISH = calls(use("pay", to="bob", usd=500))
LESS: JsonObject = {"to": "bob", "usd": 5}


def acting() -> Acting:
    return Acting(gives({"id": 7}), "pay", "once")


async def questions(rig: Rig) -> list[ApprovalAsked]:
    return [event for event in await rig.events() if isinstance(event, ApprovalAsked)]


async def test_whoever_saw_one_question_decides_on_no_other(rig: Rig) -> None:
    act = acting()
    who = agent(scripted(WISH, says("done")), act, guards=[AskBefore("pay", persons=2)])
    await rig.run(who)
    (first,) = await questions(rig)
    seen = Shown("c1_0_0", first.digest)
    await edit(rig.store, "s", seen, LESS, by="ann")
    await rig.resume(who)
    rig.forget()
    for said in (
        decide(rig.store, "s", seen, granted=True, by="bob"),
        decide(rig.store, "s", seen, granted=False, by="bob"),
        edit(rig.store, "s", seen, {"to": "bob", "usd": 6}, by="bob"),
    ):
        with pytest.raises(ApprovalError, match=r"pay \(c1_0_0\) waits with other arguments by now; look again"):
            await said
    now = Shown("c1_0_0", (await questions(rig))[-1].digest)
    await decide(rig.store, "s", now, granted=True, by="bob")
    assert (await rig.resume(who)).output == "done"
    assert act.seen == [LESS]


class AsksLater:
    """Asks about a call only once it has asked a person something itself."""

    def check(self, call: Call, spec: ToolSpec, state: State) -> Verdict:
        effect = state.run.effects.get(call.id) if state.run is not None else None
        return ALLOW if effect is None or effect.wants is None else Verdict("ask", "sure?")


async def test_what_was_answered_to_a_call_is_no_answer_to_another(rig: Rig) -> None:
    async def asks(context: ToolContext) -> object:
        if context.resume is None:
            raise InputRequiredError("which account?", {"type": "object"}, "quoted 500")
        return [context.resume.given, context.resume.memo]

    act = Acting(asks, "pay", "once")
    who = agent(scripted(WISH, says("done")), act, guards=[AsksLater()])
    await rig.run(who)
    await answer(rig.store, "s", "", {"account": "A"}, by="ann")
    await rig.resume(who)
    await edit(rig.store, "s", "", LESS, by="ann")
    assert (await rig.resume(who)).reason == "pay (c1_0_0) asks: which account?"
    await answer(rig.store, "s", "", {"account": "B"}, by="ann")
    assert (await rig.resume(who)).output == "done"
    (told_of,) = await rig.outcomes()
    assert told_of.output == {"changed_by": "ann", "args": LESS, "output": [{"account": "B"}, "quoted 500"]}
    assert act.seen == [{"to": "bob", "usd": 500}, LESS, LESS]


ACTS = st.lists(st.tuples(st.sampled_from(["a", "A ", "b", "c"]), st.sampled_from(["yes", "no", 1, 2])), max_size=8)


def allowed(acts: list[tuple[str, str | int]], persons: int) -> list[JsonObject]:
    """Say, by the law itself, what runs: what so many different people allowed of one thing, before anybody says no."""
    usd: str | int = 1
    names: set[str] = set()
    for name, act in acts:
        if act == "no":
            return []
        if act not in {"yes", usd}:
            usd, names = act, set()
        names.add(name.strip().lower())
        if len(names) == persons:
            return [{"usd": usd}]
    return []


@given(acts=ACTS, persons=st.integers(1, 3), each=st.booleans())
@example(acts=[("a", 2), ("b", 1), ("a", "yes")], persons=2, each=True)
@settings(max_examples=80, deadline=None)
def test_a_call_runs_with_what_so_many_people_allowed_whoever_changed_it_in_between(
    acts: list[tuple[str, str | int]],
    persons: int,
    each: bool,  # noqa: FBT001
) -> None:
    async def life() -> list[JsonObject]:
        rig, act = Rig(), acting()
        model = ScriptedModel([calls(use("pay", usd=1)), says("done")])
        who = agent(model, act, guards=[AskBefore("pay", persons=persons)])
        await rig.run(who)
        for name, said in acts:
            if not waiting(await rig.state()):
                continue
            try:
                if isinstance(said, int):
                    await edit(rig.store, "s", "", {"usd": said}, by=name)
                else:
                    await decide(rig.store, "s", "", granted=said == "yes", by=name)
            except ApprovalError as error:
                assert "already" in str(error)  # noqa: PT017 - a person who said yes twice
            if each or isinstance(said, int):
                await rig.resume(who)
        await rig.resume(who)
        await rig.check()
        found = await replay(await rig.store.read("s"), who, rig.world(who))
        assert [one.divergence for one in found] == [""]
        return act.seen

    assert asyncio.run(life()) == allowed(acts, persons)
