"""How far a run may go: steps, tokens, time, depth, children, and a bomb of sessions that stays in its tree."""

import asyncio
import sys
from itertools import repeat
from pathlib import Path

import pytest
from tests.runtime.rig import Acting, Rig, agent, gives, scripted

from remit.core.agent import Agent
from remit.core.errors import OverLimitError
from remit.core.events import Flagged, ModelAnswered
from remit.core.limits import Limits, Tenant
from remit.core.messages import Usage
from remit.core.ports import Emit, ModelSpec, Reply, Request, SessionQuery, ToolContext
from remit.home import Home, Settings
from remit.journal import MemoryJournal
from remit.models import FlatPrice
from remit.policy import Velocity
from remit.runtime import LocalWorkers, raise_limit
from remit.runtime.ledger import children_account
from remit.testing import EffectCounter, ScriptedModel, calls, says, use

WISH = calls(use("effect"))


async def test_a_run_has_only_so_many_steps(rig: Rig) -> None:
    result = await rig.run(agent(ScriptedModel(repeat(WISH)), EffectCounter("read"), limits=Limits(steps=5)))
    assert (result.status, result.reason) == (
        "stopped",
        "limit `steps`: 5 of 5 steps are made; raise `Limits.steps` to go further",
    )


async def test_calls_at_the_same_time_are_one_step(rig: Rig) -> None:
    wish = calls(use("effect", n=1), use("effect", n=2), use("effect", n=3))
    result = await rig.run(agent(scripted(wish, says("done")), EffectCounter("read"), limits=Limits(steps=3)))
    assert result.output == "done"


async def test_a_run_has_only_so_many_tokens(rig: Rig) -> None:
    model = ScriptedModel(repeat(WISH), usage=Usage(input=60, output=40))
    result = await rig.run(agent(model, EffectCounter("read"), limits=Limits(tokens=150)))
    assert (result.status, model.asked) == ("stopped", 2)
    assert "200 of 150 tokens" in result.reason


class Endless:
    """A model that thinks until it is cut off."""

    spec = ModelSpec("endless", FlatPrice(1.0, 1.0))

    async def complete(self, request: Request, emit: Emit) -> Reply:
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_model_that_thinks_for_too_long_is_cut_off_and_counts_as_billed(rig: Rig) -> None:
    result = await rig.run(agent(Endless(), limits=Limits(seconds=0.02)))
    assert (result.status, result.reason) == ("stopped", "stopped: the run's 0.02 s were over")
    assert result.spent > 0


async def test_no_move_begins_when_the_time_is_over(rig: Rig) -> None:
    async def dawdles(context: ToolContext) -> str:
        await asyncio.sleep(0.03)
        return "late"

    model = scripted(calls(use("act")), says("never"))
    result = await rig.run(agent(model, Acting(dawdles), limits=Limits(seconds=0.02)))
    assert (result.status, model.asked) == ("stopped", 1)
    assert "of 0.02 seconds are over" in result.reason


async def test_a_limit_that_is_raised_lets_the_session_go_on(rig: Rig) -> None:
    declared = agent(scripted(WISH, says("done")), EffectCounter("read"), limits=Limits(steps=2))
    assert (await rig.run(declared)).status == "stopped"
    await raise_limit(rig.store, "s", "steps", 10, by="ann")
    session = await rig.load(declared)
    await session.hear("go on")
    assert (await session.run()).output == "done"


async def test_spending_too_fast_pauses_the_session_and_a_person_may_go_on(rig: Rig) -> None:
    def watched() -> Velocity:
        return Velocity(0.5, clock=lambda: 0.0)

    wish = Reply("", (use("effect"),), Usage(input=1_000_000))
    model = ScriptedModel([wish, says("done")], price=FlatPrice(1.0, 1.0))
    base = agent(model, EffectCounter("read"))
    declared = Agent("a", model, tools=base.tools, strategy=base.strategy, detectors=[watched])
    result = await rig.run(declared)
    assert (result.status, result.reason) == (
        "waiting",
        "$1.00 spent within a minute, above $0.50; `Limits.usd_per_minute`",
    )
    assert [event.level for event in await rig.events() if isinstance(event, Flagged)] == ["pause"]
    assert (await rig.resume(declared)).output == "done"


async def test_a_detector_that_breaks_is_a_notice(rig: Rig) -> None:
    class Broken:
        sees = frozenset((ModelAnswered,))

        async def see(self, event: object, state: object) -> None:
            raise ZeroDivisionError

    base = agent(scripted(says("done")))
    result = await rig.run(Agent("a", base.model, strategy=base.strategy, detectors=[Broken]))
    assert result.status == "done"
    assert {event.kind for event in await rig.events() if isinstance(event, Flagged)} == {"detector"}


async def test_a_loop_is_warned_then_made_to_answer_then_stopped() -> None:
    async with Home.open("memory") as home:
        model = ScriptedModel(repeat(WISH), keep=True)
        result = await home.run(Agent("a", model, tools=[Acting(gives("same"), "effect")]), "go")
        assert result.status in {"stopped", "done"}
        said = [request.messages[-1] for request in model.requests]
        texts = [str(getattr(message, "text", "")) for message in said]
        assert any(text.startswith("You are repeating yourself") for text in texts)
        assert any(text.startswith("Answer now") for text in texts)


# -- trees -------------------------------------------------------------------------------------------------------------


def brooding(home: Home, children: list[object]) -> Agent:
    """Make an agent that starts itself once more, as deep as it may."""

    async def again(context: ToolContext) -> str:
        try:
            await home.run(brooding(home, children), "again", token=context.token)
        except OverLimitError as error:
            children.append(str(error))
            return "no room"
        return "ran"

    model = ScriptedModel([calls(use("act")), says("done")])
    return Agent("brood", model, tools=[Acting(again)], limits=Limits(depth=3, children=20))


async def test_a_tree_is_only_so_deep() -> None:
    async with Home.open("memory") as home:
        refused: list[object] = []
        result = await home.run(brooding(home, refused), "go")
        assert len(await home.sessions()) == 4
        assert refused == [
            f"no room in depth/tree/{result.session}: 1 more, and 3 of 3 are used; `Limits.depth` of the root caps it"
        ]
        assert (await home.session(result.session)).opened is not None


async def test_a_tree_has_only_so_many_children_ever() -> None:
    async with Home.open("memory") as home:
        child = Agent("child", ScriptedModel(repeat(says("x"))))
        refusals: list[OverLimitError] = []

        async def spawns(context: ToolContext) -> str:
            for _ in range(5):
                try:
                    await home.run(child, "go", token=context.token)
                except OverLimitError as error:
                    refusals.append(error)
            return "done"

        model = ScriptedModel([calls(use("act")), says("done")])
        root = Agent("root", model, tools=[Acting(spawns)], limits=Limits(children=3))
        result = await home.run(root, "go")
        assert len(await home.sessions()) == 4
        assert len(refusals) == 2
        assert await home.store.used(children_account(result.session)) == 3


async def test_children_live_for_the_tenant_of_their_parent() -> None:
    settings = Settings(tenants=(Tenant(name="x"), Tenant(name="y")))
    home = Home(MemoryJournal(), LocalWorkers(), bytes(32), settings)
    child = Agent("child", ScriptedModel(repeat(says("x"))))

    async def spawns(context: ToolContext) -> str:
        await home.run(child, "go", token=context.token, tenant="x")
        return "done"

    root = Agent("root", ScriptedModel([calls(use("act")), says("done")]), tools=[Acting(spawns)])
    await home.run(root, "go", tenant="y")
    assert {row.tenant for row in await home.sessions()} == {"y"}


SCRIPT = """
import asyncio
import os
import subprocess
import sys

from remit import Agent, Home, Limits, ToolContext, tool
from remit.core.errors import OverLimitError
from remit.testing import ScriptedModel, calls, says, use


@tool(effect="idempotent")
async def clean_up(context: ToolContext) -> str:
    \"\"\"Clean up the old logs.\"\"\"
    command = [sys.executable, __file__, sys.argv[1]]
    each = [subprocess.Popen(command, env={**os.environ, **context.environ()}) for _ in range(2)]
    return str([await asyncio.to_thread(one.wait) for one in each])


async def main() -> int:
    model = ScriptedModel([calls(use("clean_up")), says("clean")])
    agent = Agent("cleaner", model, tools=[clean_up], limits=Limits(depth=3, children=5))
    async with Home.open(sys.argv[1]) as home:
        try:
            await home.run(agent, "clean up the old logs")
        except OverLimitError:
            return 3
    return 0


sys.exit(asyncio.run(main()))
"""


async def test_a_script_that_starts_its_agent_again_stays_inside_its_tree(tmp_path: Path) -> None:
    script = tmp_path / "clean_up.py"
    script.write_text(SCRIPT)
    process = await asyncio.create_subprocess_exec(sys.executable, str(script), str(tmp_path / "home"))
    assert await process.wait() == 0
    async with Home.open(tmp_path / "home") as home:
        rows = await home.sessions(SessionQuery())
        assert len(rows) == 6
        roots = [row for row in rows if not row.parent]
        assert len(roots) == 1
        depths = [(await home.session(row.id)).opened for row in rows]
        assert max(opened.tree.depth for opened in depths if opened) <= 3
        assert await home.store.used(children_account(roots[0].id)) == 5


@pytest.mark.parametrize("limits", [Limits(), Limits(seconds=60, tokens=10_000, usd=1.0)])
async def test_a_run_inside_its_limits_does_not_notice_them(rig: Rig, limits: Limits) -> None:
    assert (await rig.run(agent(scripted(says("x")), limits=limits))).status == "done"
