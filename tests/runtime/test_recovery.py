"""Taking up what somebody else left: other processes, dead workers, second crashes, and calls that were under way."""

import asyncio
import fcntl
import sys
from pathlib import Path

import pytest
from tests.runtime.rig import Acting, Rig, agent, gives, scripted

from remit.core.agent import Agent
from remit.core.errors import ConflictError, SessionBusyError
from remit.core.events import MessageReceived, ModelFailed, RunOpened
from remit.core.messages import Call
from remit.core.moves import Brief, GiveUp, Strategy, fork, run
from remit.core.ports import Probe, Reply, Request
from remit.home import Home
from remit.journal import MemoryJournal
from remit.policy import Secrets
from remit.runtime import FileWorkers, settle
from remit.runtime.recorder import Recorder
from remit.testing import EffectCounter, ScriptedModel, calls, says, use
from remit.testing.crash import Died, DyingStore

HOLDER = """
import asyncio, sys
from remit import Agent, Home
from remit.testing import ScriptedModel, calls, use
from remit.testing import EffectCounter

class Stuck(EffectCounter):
    async def call(self, args, context):
        print(context.session, flush=True)
        await asyncio.Event().wait()

async def main():
    async with Home.open(sys.argv[1]) as home:
        await home.run(Agent("a", ScriptedModel([calls(use("effect"))]), tools=[Stuck("read")]), "go")

asyncio.run(main())
"""


async def test_a_session_of_a_living_process_is_busy_and_of_a_dead_one_is_taken_over(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    session = (await process.stdout.readline()).decode().strip()
    declared = Agent("a", ScriptedModel([says("done")]), tools=[EffectCounter("read")])
    async with Home.open(tmp_path) as home:
        with pytest.raises(SessionBusyError, match=f"{session!r} is being driven by worker"):
            await home.resume(declared, session)
        process.kill()
        await process.wait()
        assert (await home.resume(declared, session)).output == "done"
        assert [path.name for path in (tmp_path / "workers").iterdir()] != []


def test_those_who_look_for_a_dead_worker_at_the_same_time_do_not_take_each_other_for_it(tmp_path: Path) -> None:
    workers = FileWorkers(tmp_path)
    dead = tmp_path / "dead"
    with dead.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        assert not workers.alive("dead")
    assert not dead.exists()
    workers.close()


def test_a_worker_is_alive_until_it_closes(tmp_path: Path) -> None:
    one, two = FileWorkers(tmp_path), FileWorkers(tmp_path)
    assert one.alive(one.me)
    assert one.alive(two.me)
    two.close()
    assert not one.alive(two.me)
    assert not one.alive("nobody")
    one.close()


async def test_a_call_of_a_model_that_was_under_way_counts_as_spent_and_is_made_again(rig: Rig) -> None:
    with pytest.raises(KeyboardInterrupt):
        await rig.run(agent(scripted(KeyboardInterrupt())))
    result = await rig.resume(agent(scripted(says("x"))))
    assert result.output == "x"
    failed = [event for event in await rig.events() if isinstance(event, ModelFailed)]
    assert [(event.final, event.error.startswith("the worker died")) for event in failed] == [(False, True)]


async def died_during(store: MemoryJournal, tool: EffectCounter | Acting, *more: Acting) -> None:
    """Leave a session whose worker died just after the effect of its first call."""
    rig = Rig(store=store)
    with pytest.raises(Died):
        await rig.run(agent(scripted(calls(use(tool.spec.name))), tool, *more))


async def test_a_probe_says_after_a_crash_that_it_happened(rig: Rig) -> None:
    assert isinstance(rig.store, MemoryJournal)
    tool = Acting(gives(Died()), "act", "once", {"reconciles": True})
    await died_during(rig.store, tool)
    tool.find = lambda: Probe(happened=True, output="found")
    assert (await rig.resume(agent(scripted(says("x")), tool))).output == "x"
    assert [outcome.output for outcome in await rig.outcomes()] == ["found"]
    assert len(tool.seen) == 1


async def test_a_probe_says_after_a_crash_that_it_did_not_happen_and_so_it_is_made_again(rig: Rig) -> None:
    assert isinstance(rig.store, MemoryJournal)
    tool = Acting(gives(Died()), "act", "once", {"reconciles": True})
    await died_during(rig.store, tool)
    tool.find = lambda: Probe(happened=False)
    tool.act = gives("now")
    assert (await rig.resume(agent(scripted(says("x")), tool))).output == "x"
    assert [type(event).__name__ for event in await rig.events()].count("EffectStarted") == 2
    assert [outcome.output for outcome in await rig.outcomes()] == ["now"]


@pytest.mark.parametrize("effect", ["read", "idempotent"])
async def test_what_may_be_repeated_is_repeated_with_the_same_key(rig: Rig, effect: str) -> None:
    assert isinstance(rig.store, MemoryJournal)
    counter = EffectCounter("read" if effect == "read" else "idempotent")

    def dies(moment: str) -> None:
        if moment == "after":
            raise Died

    counter.around = dies
    await died_during(rig.store, counter)
    counter.around = lambda moment: None
    assert (await rig.resume(agent(scripted(says("x")), counter))).output == "x"
    assert counter.called() == ["s-c1_0_0"] * 2


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("at", range(1, 6))
async def test_a_crash_around_a_fallback_repeats_nothing(at: int, moment: str) -> None:
    store = MemoryJournal()
    first = Acting(gives(OSError("down")), "first", "idempotent", {"fallback": "second", "retries": 0})
    second = EffectCounter("once", name="second", reconciles=True)

    def answers(request: Request) -> Reply:
        return says("done") if len(request.messages) > 2 else calls(use("first"))

    declared = agent(ScriptedModel([answers] * 9), first, second)
    rig = Rig(store=DyingStore(store, at, "before" if moment == "before" else "after"))
    try:
        await rig.run(declared)
    except Died:
        rig = Rig(store=store)
        if not await rig.events():
            return
        assert (await rig.resume(declared)).output == "done"
    assert len(second.called()) == 1
    await rig.check()


async def test_a_doubt_in_one_branch_is_asked_about_before_another_branch_may_give_up(rig: Rig) -> None:
    def branch() -> Strategy:
        yield from run([Call("act", {})])
        return "x"

    def quitter() -> Strategy:
        yield from run([])
        raise GiveUp("no")

    def branches(brief: Brief) -> Strategy:
        yield from fork([quitter(), branch()])
        return "x"

    act = Acting(gives(OSError("gone")), "act", "once")
    declared = agent(scripted(), act, strategy=branches)
    assert (await rig.run(declared)).status == "waiting"
    await settle(rig.store, "s", "", happened=True, by="ann")
    assert (await rig.resume(declared)).status == "failed"
    assert [outcome.status for outcome in await rig.outcomes()] == ["ok"]


async def test_a_write_that_failed_is_still_to_be_written() -> None:
    store = DyingStore(MemoryJournal(), 1)
    recorder = Recorder("s", store, Secrets(), lambda tail: None)
    recorder.record(MessageReceived("a"))
    with pytest.raises(Died):
        await recorder.flush()
    store.dead = False
    recorder.record(MessageReceived("b"))
    await recorder.flush()
    assert len(await store.read("s")) == 2
    assert recorder.tail == 2


async def test_another_drivers_events_are_a_conflict_even_among_those_of_people() -> None:
    store = MemoryJournal()
    recorder = Recorder("s", store, Secrets(), lambda tail: None)
    recorder.record(MessageReceived("a"))
    await recorder.flush()
    await store.append("s", [MessageReceived("b"), RunOpened(1, "react@1", "w", 1)], after=1)
    recorder.record(MessageReceived("c"))
    with pytest.raises(ConflictError):
        await recorder.flush()
