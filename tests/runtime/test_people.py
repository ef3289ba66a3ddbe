"""What people do while a session is driven, sleeps, or is gone: all of it is folded in where the journal has it."""

import asyncio
from pathlib import Path

import pytest
from tests.runtime.rig import Acting, Interrupted, Rig, agent, gives, scripted

from remit.core.errors import ApprovalError, ConflictError, SessionBusyError, UnknownSessionError
from remit.core.events import EffectInDoubt, RunEnded, SessionClosed
from remit.core.limits import Limits
from remit.core.moves import Brief, Strategy, ask
from remit.core.ports import SessionQuery, ToolContext
from remit.journal import SqliteJournal
from remit.policy import AskBefore
from remit.runtime import cancel, close, decide, doubted, raise_limit, send, settle, waiting
from remit.testing import EffectCounter, calls, says, use


def asks_twice(brief: Brief) -> Strategy:
    yield from ask("one")
    yield from ask("two")
    return "done"


async def test_a_cancel_during_a_tool_call_ends_the_run_before_another_question(rig: Rig) -> None:
    async def cancelling(context: ToolContext) -> str:
        await cancel(rig.store, "s", by="ann", reason="enough")
        return "done"

    model = scripted(calls(use("act")), says("never"))
    result = await rig.run(agent(model, Acting(cancelling)))
    assert (result.status, result.reason) == ("cancelled", "cancelled by ann: enough")
    assert model.asked == 1


async def test_a_cancel_during_a_question_comes_before_the_act(rig: Rig) -> None:
    counter = EffectCounter("once")
    model = Interrupted(lambda: cancel(rig.store, "s", by="ann"), calls(use("effect")))
    result = await rig.run(agent(model, counter))
    assert (result.status, result.reason) == ("cancelled", "cancelled by ann")
    assert counter.called() == []
    assert [outcome.output for outcome in await rig.outcomes()] == ["not run: the run was cancelled"]


async def test_a_run_that_sleeps_is_cancelled_at_once(rig: Rig) -> None:
    session = await rig.open(agent(scripted()), "go")
    session.pause()
    await session.run()
    await cancel(rig.store, "s", by="ann", reason="enough")
    result = await rig.resume(agent(scripted()))
    assert (result.status, result.reason) == ("cancelled", "cancelled by ann: enough")


async def test_a_cancel_that_comes_while_the_run_falls_asleep_is_heeded(rig: Rig) -> None:
    async def both() -> None:
        session.pause()
        await cancel(rig.store, "s", by="ann")

    session = await rig.open(agent(Interrupted(both, says("x"), says("never")), strategy=asks_twice), "go")
    result = await session.run()
    assert result.status == "cancelled"
    assert [type(event) for event in (await rig.events())[-1:]] == [RunEnded]


async def test_an_approval_that_comes_while_a_neighbour_still_works_is_used_at_once(rig: Rig) -> None:
    counter = EffectCounter("once")

    async def approving(context: ToolContext) -> str:
        await decide(rig.store, "s", "c1_0_0", granted=True, by="ann")
        return "done"

    model = scripted(calls(use("effect"), use("act")), says("done"))
    result = await rig.run(agent(model, counter, Acting(approving), guards=[AskBefore("effect")]))
    assert result.output == "done"
    assert len(counter.called()) == 1
    assert (await rig.kinds()).count("RunResumed") == 1


async def test_a_doubt_that_is_settled_while_a_neighbour_still_works_is_used_at_once(rig: Rig) -> None:
    lost = Acting(gives(OSError("gone")), "lost", "once")

    async def settling(context: ToolContext) -> str:
        await settle(rig.store, "s", "c1_0_0", happened=True, by="ann", output="it did")
        return "done"

    async def later(context: ToolContext) -> str:
        async for record in rig.store.follow("s"):
            if isinstance(record.event, EffectInDoubt):
                break
        return await settling(context)

    model = scripted(calls(use("lost"), use("act")), says("done"))
    result = await rig.run(agent(model, lost, Acting(later)))
    assert result.output == "done"
    assert sorted(str(outcome.output) for outcome in await rig.outcomes()) == ["done", "it did"]


async def test_a_limit_raised_during_a_run_counts_from_then_on(rig: Rig) -> None:
    async def raising(context: ToolContext) -> str:
        await raise_limit(rig.store, "s", "steps", 10, by="ann")
        return "done"

    wish = calls(use("act"))
    declared = agent(scripted(wish, wish, wish, says("done")), Acting(raising), limits=Limits(steps=4))
    result = await rig.run(declared)
    assert result.output == "done"


async def test_events_of_people_stand_before_what_a_driver_had_not_written_yet(rig: Rig) -> None:
    async def meanwhile() -> None:
        await send(rig.store, "s", "psst", by="bob")
        await raise_limit(rig.store, "s", "tokens", 5000, by="bob")

    await rig.run(agent(Interrupted(meanwhile, says("one"), says("two"))))
    kinds = await rig.kinds()
    assert kinds.index("LimitRaised") < kinds.index("ModelAnswered")
    assert kinds[-1] == "RunEnded"
    assert kinds.count("RunOpened") == 2


@pytest.mark.parametrize("to", [-1.0, float("inf"), float("nan"), 1.5])
async def test_a_limit_cannot_be_raised_to_what_is_no_count(rig: Rig, to: float) -> None:
    await rig.run(agent(scripted(says("done"))))
    with pytest.raises(ApprovalError, match="whole number"):
        await raise_limit(rig.store, "s", "max_output", to, by="ann")
    assert "LimitRaised" not in await rig.kinds()


@pytest.mark.parametrize("limit", ["unpriced", "depth", "nonsense"])
async def test_only_known_limits_can_be_raised(rig: Rig, limit: str) -> None:
    await rig.run(agent(scripted(says("done"))))
    with pytest.raises(ApprovalError, match=f"no limit named '{limit}'; there are: calls"):
        await raise_limit(rig.store, "s", limit, 3, by="ann")


async def test_a_raised_count_stays_a_count_for_whoever_reads_it_later(rig: Rig) -> None:
    await rig.run(agent(scripted(says("done"))))
    await raise_limit(rig.store, "s", "max_output", 9000, by="ann")
    await raise_limit(rig.store, "s", "usd", 2.5, by="ann")
    limits = (await rig.state()).limits
    assert (limits.max_output, limits.usd) == (9000, 2.5)
    assert isinstance(limits.max_output, int)
    rig.forget()


async def test_nobody_can_talk_to_a_session_that_never_was(rig: Rig) -> None:
    with pytest.raises(UnknownSessionError, match="no session 'nobody'"):
        await send(rig.store, "nobody", "hello?", by="ann")


async def test_an_idle_session_has_nothing_to_cancel(rig: Rig) -> None:
    await rig.run(agent(scripted(says("done"))))
    with pytest.raises(ApprovalError, match="no run under way"):
        await cancel(rig.store, "s", by="ann")
    assert waiting(await rig.state()) == ()
    assert doubted(await rig.state()) == ()


async def test_an_older_driver_is_fenced_before_it_acts(rig: Rig) -> None:
    counter = EffectCounter("once")
    declared = agent(scripted(calls(use("effect")), says("done")), counter)

    async def taken_over() -> None:
        await (await rig.load(declared)).run()

    zombie = await rig.open(agent(Interrupted(taken_over, calls(use("effect"))), counter), "go")
    with pytest.raises(ConflictError):
        await zombie.run()
    assert len(counter.called()) == 1
    assert (await rig.kinds())[-1] == "RunEnded"


async def test_of_two_that_resume_at_the_same_time_one_is_fenced(rig: Rig) -> None:
    declared = agent(scripted(says("done"), says("done")))
    session = await rig.open(declared, "go")
    session.pause()
    await session.run()
    first, second = await rig.load(declared), await rig.load(declared)
    assert (await first.run()).status == "done"
    with pytest.raises(ConflictError):
        await second.run()
    rig.living["s"] = first


async def test_a_session_that_a_living_worker_drives_is_busy(rig: Rig) -> None:
    async def looks(context: ToolContext) -> str:
        with pytest.raises(SessionBusyError, match="being driven by worker"):
            await other.load(declared)
        return "done"

    declared = agent(scripted(calls(use("act")), says("done")), Acting(looks))
    other = Rig(store=rig.store, workers=Both(rig.workers.me))
    await rig.run(declared)


class Both:
    """A worker who sees another one live."""

    me = "other"

    def __init__(self, living: str) -> None:
        self._living = living

    def alive(self, worker: str) -> bool:
        return worker == self._living


async def test_a_message_for_a_closed_session_is_refused(rig: Rig) -> None:
    await rig.run(agent(scripted(says("done"))))
    await rig.store.append("s", [SessionClosed("ann")], after=len(await rig.events()))
    with pytest.raises(ApprovalError, match="is closed"):
        await send(rig.store, "s", "hello?", by="ann")
    rig.forget()


async def test_two_people_who_write_at_the_same_time_are_both_heard(tmp_path: Path) -> None:
    rig = Rig(store=SqliteJournal(tmp_path / "journal.db"))
    await rig.run(agent(scripted(says("done"))))
    await asyncio.gather(*(send(rig.store, "s", f"hello {n}", by="ann") for n in range(5)))
    assert (await rig.kinds()).count("MessageReceived") == 6
    await rig.store.close()


async def test_a_message_that_came_before_its_session_was_closed_may_be_sent_again(rig: Rig) -> None:
    await rig.run(agent(scripted(says("done"))))
    await send(rig.store, "s", "hello", by="ann", key="k1")
    await close(rig.store, "s", by="ann")
    before = len(await rig.events())
    await send(rig.store, "s", "hello", by="ann", key="k1")
    assert len(await rig.events()) == before
    with pytest.raises(ApprovalError, match="is closed"):
        await send(rig.store, "s", "hello", by="ann", key="k2")
    rig.forget()


async def test_a_session_is_closed_for_good_once_nothing_runs_in_it(rig: Rig) -> None:
    declared = agent(scripted(calls(use("act"))), Acting(gives(OSError("cut off")), "act", "once"))
    await rig.run(declared)
    with pytest.raises(ApprovalError, match="has a run under way"):
        await close(rig.store, "s", by="ann")
    await cancel(rig.store, "s", by="ann")
    state = await close(rig.store, "s", by="ann", reason="done with it")
    assert state.closed is not None
    assert (await close(rig.store, "s", by="bob")).seq == state.seq
    assert [row.status for row in await rig.store.sessions(SessionQuery())] == ["closed"]
    with pytest.raises(ApprovalError, match="is closed"):
        await send(rig.store, "s", "hello?", by="cy")
    rig.forget()
