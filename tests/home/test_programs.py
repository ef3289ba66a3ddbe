"""A home gives programs a place to run, and keeps tenants out of each other's."""

from pathlib import Path

from remit import Agent, Home, Settings, tool
from remit.core.events import ProgramEnded, ProgramPaused
from remit.core.limits import Tenant
from remit.core.moves import Brief, Function, Strategy, execute
from remit.core.values import JsonValue
from remit.policy import AskBefore
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
    assert refused[0] == "killed"
    assert served == ["ok", 600, "interpreter"]
