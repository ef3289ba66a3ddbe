"""A home gives programs a place to run, and keeps tenants out of each other's."""

import asyncio
from pathlib import Path

import pytest

from remit import Agent, Home, Settings, tool
from remit.core.events import ProgramEnded, ProgramPaused
from remit.core.limits import Tenant
from remit.core.moves import Brief, Function, Strategy, execute
from remit.core.ports import ToolContext
from remit.core.programs import SandboxPolicy, Tier
from remit.core.values import JsonValue
from remit.policy import AskBefore
from remit.runtime import waiting
from remit.sandbox.choosing import Deferred, standard
from remit.sandbox.monty import MontySandbox
from remit.sandbox.pool import Pool, Terms
from remit.testing import EffectCounter, ScriptedModel

PAYS = "total = 0\nfor cents in [100, 200, 300]:\n    effect(cents=cents)\n    total += cents\ntotal"
EFFECT = Function("effect", "effect", (("cents", "cents"),))


def pays(brief: Brief) -> Strategy:
    """Run a program that pays three times."""
    ran = yield from execute(PAYS, functions=[EFFECT])
    return [ran.status, ran.value, ran.tier]


async def test_a_program_runs_in_what_this_machine_has_without_any_settings() -> None:
    effect = EffectCounter()
    async with Home.open("memory") as home:
        result = await home.run(Agent("payer", ScriptedModel([]), tools=[effect], strategy=pays), "pay them")
    assert result.output == ["ok", 600, "interpreter"]
    assert len(effect.lines) == len(set(effect.lines)) == 3


async def test_a_program_that_waits_for_approvals_costs_nothing_and_goes_on_in_another_home(tmp_path: Path) -> None:
    effect = EffectCounter()
    agent = Agent("payer", ScriptedModel([]), tools=[effect], strategy=pays, guards=[AskBefore("effect")])
    async with Home.open(f"{tmp_path}/home") as home:
        result = await home.run(agent, "pay them", session="s")
    for paid in range(3):
        assert (result.status, len(effect.lines)) == ("waiting", paid)
        async with Home.open(f"{tmp_path}/home") as home:
            await home.approve("s", by="ann")
            result = await home.resume(agent, "s")
    assert result.output == ["ok", 600, "interpreter"]
    assert len(set(effect.lines)) == 3
    async with Home.open(f"{tmp_path}/home") as home:
        events = [record.event for record in await home.store.read("s")]
        assert sum(isinstance(event, ProgramPaused) for event in events) == 3
        assert sum(isinstance(event, ProgramEnded) for event in events) == 1
        assert [found.divergence for found in await home.replay(agent, "s")] == [""]


async def test_a_tenant_with_all_its_boxes_in_use_is_told_so_and_others_are_not() -> None:
    pool = Pool(MontySandbox(), Terms(tenant=1, queue=0))
    inner = Agent("inner", ScriptedModel([]), tools=[EffectCounter()], strategy=pays)

    def outer(brief: Brief) -> Strategy:
        ran = yield from execute("again()", functions=[Function("again", "again")])
        return ran.value

    async with Home.open("memory", Settings(sandbox=pool, tenants=(Tenant(name="a"), Tenant(name="b")))) as home:

        @tool(effect="read")
        async def again() -> JsonValue:
            """Run another program while this one holds a box."""
            return (await home.run(inner, "go", tenant="a")).output

        agent = Agent("outer", ScriptedModel([]), tools=[again], strategy=outer)
        refused, served = [(await home.run(agent, "go", tenant=tenant)).output for tenant in ("a", "b")]
    assert isinstance(refused, list)
    assert refused[0] == "busy"
    assert served == ["ok", 600, "interpreter"]


BESIDE = """
import asyncio

async def waits():
    return await effect(cents=1)

async def does():
    return effect(cents=2)

async def both():
    return await asyncio.gather(waits(), does())

await both()
effect(cents=3)
len("abc")
"""


async def test_calls_that_were_begun_at_the_same_time_are_each_made_once_when_a_program_goes_on(tmp_path: Path) -> None:
    effect = EffectCounter()

    def beside(brief: Brief) -> Strategy:
        ran = yield from execute(BESIDE, functions=[EFFECT])
        return [ran.status, ran.value, [made.args for made in ran.made]]

    agent = Agent("payer", ScriptedModel([]), tools=[effect], strategy=beside, guards=[AskBefore("effect")])
    async with Home.open(f"{tmp_path}/home") as home:
        result = await home.run(agent, "pay them", session="s")
        while result.status == "waiting":
            for call in waiting(await home.session("s")):
                await home.approve("s", call.call.id, by="ann")
            result = await home.resume(agent, "s")
    assert result.output == ["ok", 3, [{"cents": 1}, {"cents": 2}, {"cents": 3}]]
    assert len(effect.lines) == len(set(effect.lines)) == 3


@pytest.mark.parametrize("tier", ["wasm", "native", "bubblewrap"])
async def test_a_program_that_cannot_be_kept_is_run_again_over_its_calls(tier: Tier, tmp_path: Path) -> None:
    known = next(one for one in standard().sandboxes if isinstance(one, Deferred) and one.tier == tier)
    if not known.capabilities().available:
        pytest.skip("; ".join(known.capabilities().missing))
    effect = EffectCounter()

    def pays_there(brief: Brief) -> Strategy:
        ran = yield from execute(PAYS, functions=[EFFECT], policy=SandboxPolicy(least=tier))
        return [ran.status, ran.value, ran.why]

    agent = Agent("payer", ScriptedModel([]), tools=[effect], strategy=pays_there, guards=[AskBefore("effect")])
    async with Home.open(f"{tmp_path}/home") as home:
        result = await home.run(agent, "pay them", session="s")
        while result.status == "waiting":
            await home.approve("s", by="ann")
            result = await home.resume(agent, "s")
    assert result.output == ["ok", 600, ""]
    assert len(effect.lines) == len(set(effect.lines)) == 3


async def test_programs_that_begin_programs_do_not_wait_for_each_other_for_ever() -> None:
    inner = Agent("inner", ScriptedModel([]), tools=[EffectCounter()], strategy=pays)
    there = asyncio.Barrier(12)

    def outer(brief: Brief) -> Strategy:
        ran = yield from execute("again()", functions=[Function("again", "again")])
        return ran.value

    async with Home.open("memory", Settings(tenants=(Tenant(name="a"), Tenant(name="b"), Tenant(name="c")))) as home:

        @tool(effect="read")
        async def again(context: ToolContext) -> JsonValue:
            """Run another program while this one holds a box."""
            await there.wait()
            return (await home.run(inner, "go", tenant=context.tenant)).output

        agent = Agent("outer", ScriptedModel([]), tools=[again], strategy=outer)
        running = (home.run(agent, "go", tenant=tenant) for tenant in ("a", "b", "c") * 4)
        results = await asyncio.gather(*running)
    assert [result.output for result in results] == [["ok", 600, "interpreter"]] * 12
