"""Leaving: whatever is interrupted, no room and no probe of a circuit is lost, and no bound is got around."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.runtime.rig import Acting, Rig, agent, gives, scripted

from remit.core.errors import RejectedError
from remit.core.events import CancelAsked, EffectStarted
from remit.core.limits import Flow, Limits
from remit.core.ports import ToolContext
from remit.core.toolspec import ToolSpec
from remit.policy import Breakers, Tolerance
from remit.runtime import Session, Traffic
from remit.runtime.people import cancel, settle
from remit.testing import calls, says, use
from remit.testing.crash import Died, DyingStore

WISH = calls(use("act"))


def trip(rig: Rig, name: str) -> None:
    entered = rig.gate.enter(name)
    assert not isinstance(entered, str)
    entered.report(ok=False)


async def breathe(times: int = 100) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


class Paused:
    """A turn that lasts until a test says so, and meanwhile something happens."""

    def __init__(self, waited: float = 5.0) -> None:
        self.waited, self.released = waited, 0
        self.gate = asyncio.Event()

    async def take(self, spec: ToolSpec) -> "Paused":
        await self.gate.wait()
        return self

    def release(self) -> None:
        self.released += 1


async def test_a_circuit_that_opens_while_a_turn_is_waited_for_leaves_the_probe_of_another_to_the_next(
    rig: Rig,
) -> None:
    now = [0.0]
    rig.gate = Breakers(Tolerance(failures=1, cooldown=10), clock=lambda: now[0])
    trip(rig, "host:api")
    now[0] = 11
    turn = rig.turns = Paused()
    tool = Acting(gives("ok"), options={"hosts": ("api",)})
    running = asyncio.create_task(rig.run(agent(scripted(WISH, says("x")), tool)))
    await breathe()
    trip(rig, "tool:act")
    turn.gate.set()
    await running
    assert tool.seen == []
    assert turn.released == 1
    assert not isinstance(rig.gate.enter("host:api"), str)


async def test_a_host_named_twice_is_one_host(rig: Rig) -> None:
    now = [0.0]
    rig.gate = Breakers(Tolerance(failures=1, cooldown=10), clock=lambda: now[0])
    trip(rig, "host:api")
    now[0] = 11
    rig.turns = Traffic({"host:api": Flow(at_once=1, wait=0)})
    await rig.run(agent(scripted(WISH, says("x")), Acting(gives("ok"), options={"hosts": ("api", "api")})))
    assert [outcome.status for outcome in await rig.outcomes()] == ["ok"]


async def test_two_agents_with_tools_of_one_name_and_different_flows_get_around_neither() -> None:
    traffic = Traffic()

    def spec(most: int) -> ToolSpec:
        return ToolSpec(name="act", description="", schema={}, flow=Flow(at_once=most, wait=0))

    taken = [await traffic.take(spec(most)) for most in (1, 2, 1, 2, 1, 2)]
    assert [isinstance(turn, str) for turn in taken] == [False, False, True, False, True, True]


async def test_sixteen_calls_of_one_move_go_through_a_door_for_one_one_by_one(rig: Rig) -> None:
    inside, most = [0], [0]

    async def acts(context: ToolContext) -> str:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        await breathe(3)
        inside[0] -= 1
        return "ok"

    rig.turns = Traffic()
    tool = Acting(acts, options={"flow": Flow(at_once=1)})
    result = await rig.run(agent(scripted(calls(*(use("act", n=n) for n in range(16))), says("x")), tool))
    assert (result.output, len(tool.seen), most) == ("x", 16, [1])


async def test_doors_of_tools_and_hosts_in_any_order_never_block_each_other(rig: Rig) -> None:
    rig.turns = Traffic({"host:a": Flow(at_once=1), "host:b": Flow(at_once=1)})

    async def acts(context: ToolContext) -> str:
        await breathe(2)
        return "ok"

    flow = Flow(at_once=1)
    one = Acting(acts, "one", options={"flow": flow, "hosts": ("a", "b")})
    two = Acting(acts, "two", options={"flow": flow, "hosts": ("b", "a")})
    wish = calls(*(use("one" if n % 2 else "two", n=n) for n in range(12)))
    await rig.run(agent(scripted(wish, says("x")), one, two))
    assert [outcome.status for outcome in await rig.outcomes()] == ["ok"] * 12


async def test_a_run_whose_time_goes_by_while_it_waits_for_a_turn_stops_before_the_act(rig: Rig) -> None:
    turn = rig.turns = Paused()
    tool = Acting(gives("ok"), "act", "once")
    running = asyncio.create_task(rig.run(agent(scripted(WISH, says("x")), tool, limits=Limits(seconds=1.0))))
    await breathe()
    run = rig.living["s"].state.run
    assert run is not None
    run.clock -= 5000
    turn.gate.set()
    result = await running
    assert result.status == "stopped"
    assert "of 1 seconds are over" in result.reason
    assert tool.seen == []
    assert turn.released == 1
    assert not any(isinstance(event, EffectStarted) for event in await rig.events())


async def test_who_cancels_a_run_that_waits_for_a_turn_is_heard_before_the_act(rig: Rig) -> None:
    turn = rig.turns = Paused()
    tool = Acting(gives("ok"), "act", "once")
    running = asyncio.create_task(rig.run(agent(scripted(WISH, says("x")), tool)))
    await breathe()
    await cancel(rig.store, "s", by="ann")
    turn.gate.set()
    assert (await running).status == "cancelled"
    assert tool.seen == []
    assert any(isinstance(event, CancelAsked) for event in await rig.events())


async def test_a_life_that_dies_before_a_call_is_made_again_leaves_its_turn(rig: Rig) -> None:
    tool = Acting(gives(OSError("gone")), "act", "once")
    declared = agent(scripted(WISH, says("x")), tool)
    await rig.run(declared)
    await settle(rig.store, "s", "", happened=False, by="ann")
    turn = rig.turns = Paused()
    turn.gate.set()
    store, rig.store = rig.store, DyingStore(rig.store, 2)
    with pytest.raises(Died):
        await rig.resume(declared)
    rig.store = store
    rig.forget()
    assert (turn.released, len(tool.seen)) == (1, 1)


# -- whatever is interrupted -------------------------------------------------------------------------------------------

Step = tuple[str, int]
_STEPS = st.lists(
    st.tuples(st.sampled_from(["breathe", "kill", "fail", "done", "time"]), st.integers(0, 5)), max_size=40
)


class Storm:
    """Six sessions that share a tool and a host; a test decides who dies when and how each call ends."""

    def __init__(self) -> None:
        self.now = 0.0
        self.rig = Rig(gate=Breakers(Tolerance(failures=2, cooldown=10), clock=lambda: self.now))
        self.traffic = Traffic({"host:api": Flow(at_once=2)})
        self.rig.turns = self.traffic
        self.ends: list[asyncio.Future[str]] = []

    async def act(self, context: ToolContext) -> str:
        end: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.ends.append(end)
        return await end

    async def begin(self, number: int) -> "asyncio.Task[object]":
        tool = Acting(self.act, options={"hosts": ("api",), "flow": Flow(at_once=3), "retries": 1})
        wish = calls(use("act", n=1), use("act", n=2))
        session: Session = await self.rig.open(agent(scripted(wish, wish, says("x")), tool), "go", f"s{number}")
        return asyncio.create_task(session.run())

    def end(self, number: int, error: Exception | None) -> None:
        going = [end for end in self.ends if not end.done()]
        if going:
            end = going[number % len(going)]
            end.set_result("ok") if error is None else end.set_exception(error)

    async def do(self, running: Sequence["asyncio.Task[object]"], step: Step) -> None:
        what, number = step
        match what:
            case "kill":
                running[number].cancel()
            case "fail":
                self.end(number, OSError("down") if number % 2 else RejectedError("busy", retryable=True))
            case "done":
                self.end(number, None)
            case "time":
                self.now += 11
            case _:
                await breathe(number)
        await breathe(2)

    async def is_free(self) -> None:
        """Go through each door as often at once as it lets anybody through."""
        for hosts, most in (((), 3), (("api",), 2)):
            spec = ToolSpec(name="act", description="", schema={}, flow=Flow(at_once=3), hosts=hosts)
            async with asyncio.timeout(5):
                turns = [await self.traffic.take(spec) for _ in range(most)]
            for turn in turns:
                assert not isinstance(turn, str), turn
                turn.release()

    async def settle(self, running: Sequence["asyncio.Task[object]"]) -> None:
        while not all(task.done() for task in running):
            self.end(0, None)
            await breathe(2)
        await asyncio.gather(*running, return_exceptions=True)


@settings(max_examples=60, deadline=None)
@given(_STEPS)
def test_after_any_interruptions_all_doors_are_free_and_a_circuit_can_be_probed(steps: list[Step]) -> None:
    async def play() -> None:
        storm = Storm()
        running = [await storm.begin(number) for number in range(6)]
        await breathe()
        for step in steps:
            await storm.do(running, step)
        await storm.settle(running)
        await storm.is_free()
        for name, status in storm.rig.gate.snapshot().items():
            assert status.state != "half_open", name
        storm.now += 1000
        entered = storm.rig.gate.enter("host:api")
        assert not isinstance(entered, str)

    asyncio.run(play())


@pytest.mark.parametrize("at", range(1, 12))
async def test_whoever_is_interrupted_at_any_moment_leaves_nothing_taken(at: int) -> None:
    storm = Storm()
    for name in ("tool:act", "host:api"):
        trip(storm.rig, name)
        trip(storm.rig, name)
    storm.now += 11
    running = await storm.begin(0)
    await breathe(at)
    running.cancel()
    await storm.settle([running])
    await storm.is_free()
    # Whether it was the probe or never came so far, the next may be it.
    for name in ("tool:act", "host:api"):
        assert not isinstance(storm.rig.gate.enter(name), str)
