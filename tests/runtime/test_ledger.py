"""Money: held before it is spent, on every account, through parallel calls, crashes and restarts."""

import asyncio
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from tests.runtime.rig import Acting, Rig, agent, gives, scripted

from remit.core.agent import Agent
from remit.core.errors import ModelTimeoutError, OverLimitError, RateLimitError, RejectedError
from remit.core.events import ModelAsked, Tree
from remit.core.limits import Limits, Tenant
from remit.core.messages import Usage
from remit.core.moves import Brief, Strategy, ask, fork
from remit.core.ports import Reply, ToolContext
from remit.core.values import nanos, now_ms, show_usd, usd
from remit.home import Home, Settings
from remit.journal import MemoryJournal
from remit.models import FlatPrice
from remit.runtime import LocalWorkers, RunResult, cancel, raise_limit, settle
from remit.runtime.ledger import Ledger, day, running_account, spent_account, tree_account
from remit.testing import EffectCounter, ScriptedModel, calls, says, use
from remit.testing.crash import Died, DyingStore

CALL = nanos(0.30)


class Priced:
    """A price of thirty cents a call at worst, whatever is said, and of what the reply says at best."""

    def __init__(self, cost: int = CALL) -> None:
        self._cost = cost

    def cost(self, usage: Usage) -> int:
        return self._cost

    def worst(self, input_tokens: int, output_tokens: int) -> int:
        return CALL


def costly(*replies: Reply | BaseException, cost: int = CALL, times: int = 1) -> ScriptedModel:
    return ScriptedModel([*replies] * times, price=Priced(cost))


def today(tenant: str = "default") -> str:
    return spent_account(tenant, day(now_ms()))


async def fifty(home: Home, declared: Agent, token: str = "") -> list[RunResult]:
    return list(await asyncio.gather(*(home.run(declared, "go", token=token) for _ in range(50))))


def statuses(results: list[RunResult]) -> dict[str, int]:
    found = [result.status for result in results]
    return {status: found.count(status) for status in sorted(set(found))}


async def test_fifty_runs_of_thirty_cents_spend_at_most_a_tenants_dollar(tmp_path: Path) -> None:
    settings = Settings(tenants=(Tenant(usd_per_day=1.0),))
    declared = Agent("a", costly(says("x"), times=50), detectors=())
    async with Home.open(tmp_path, settings) as home:
        results = await fifty(home, declared)
        assert statuses(results) == {"done": 3, "refused": 47}
        assert usd(await home.store.used(today())) == pytest.approx(0.9)
        reason = next(result.reason for result in results if result.status == "refused")
        assert reason.startswith("the model was not asked: no room in usd/tenant/default/")
    async with Home.open(tmp_path, settings) as home:
        assert statuses(await fifty(home, declared)) == {"refused": 50}
        assert await home.store.used(today()) == 3 * CALL


async def test_fifty_children_spend_at_most_their_trees_dollar(tmp_path: Path) -> None:
    results: list[RunResult] = []
    child = Agent("child", costly(says("x"), times=50), detectors=())

    async with Home.open(tmp_path) as home:

        async def spawns(context: ToolContext) -> str:
            results.extend(await fifty(home, child, context.token))
            return "done"

        root = Agent(
            "root",
            ScriptedModel([calls(use("act")), says("done")]),
            tools=[Acting(spawns)],
            limits=Limits(tree_usd=1.0, children=50),
        )
        outcome = await home.run(root, "go")
        assert outcome.output == "done"
        assert statuses(results) == {"done": 3, "refused": 47}
        assert await home.store.used(tree_account(outcome.session)) == 3 * CALL


async def test_what_a_call_did_not_cost_is_there_for_the_next(rig: Rig) -> None:
    rig.tenant = Tenant(usd_per_day=0.30)
    declared = agent(costly(says("x"), cost=nanos(0.10), times=9))
    for number in range(2):
        session = await rig.open(declared, "go", f"s{number}")
        result = await session.run()
        assert (result.status, result.cost) == (("done", 0.10) if number == 0 else ("refused", 0.0))
    assert await rig.store.used(today()) == nanos(0.10)


async def test_a_run_stops_before_the_call_that_may_break_its_budget(rig: Rig) -> None:
    declared = agent(costly(calls(use("effect")), times=9), EffectCounter("read"), limits=Limits(usd=0.70))
    result = await rig.run(declared)
    assert (result.status, result.cost) == ("refused", 0.60)
    assert "limit `usd`: this may cost $0.30, and of $0.70 there are $0.60 spent" in result.reason


async def test_a_session_has_one_budget_over_all_its_runs(rig: Rig) -> None:
    declared = agent(costly(says("x"), times=9), limits=Limits(session_usd=0.70))
    session = await rig.open(declared)
    found: list[str] = []
    for _ in range(3):
        await session.hear("more")
        found.append((await session.run()).status)
    assert found == ["done", "done", "refused"]
    await raise_limit(rig.store, "s", "session_usd", 1.0, by="ann")
    session = await rig.load(declared)
    await session.hear("now")
    assert (await session.run()).status == "done"


async def test_branches_at_the_same_time_share_the_runs_budget(rig: Rig) -> None:
    def branches(brief: Brief) -> Strategy:
        yield from fork([branch() for _ in range(5)])
        return "done"

    def branch() -> Strategy:
        answer = yield from ask("x", alone=True)
        return answer.text

    model = costly(says("x"), times=9)
    result = await rig.run(agent(model, strategy=branches, limits=Limits(usd=0.70)))
    assert (result.status, model.asked, result.cost) == ("refused", 2, 0.60)


async def test_branches_at_the_same_time_share_the_runs_steps(rig: Rig) -> None:
    def branches(brief: Brief) -> Strategy:
        yield from fork([branch() for _ in range(5)])
        return "done"

    def branch() -> Strategy:
        answer = yield from ask("x", alone=True)
        return answer.text

    model = costly(says("x"), times=9)
    result = await rig.run(agent(model, strategy=branches, limits=Limits(steps=2)))
    assert (result.status, model.asked) == ("stopped", 2)


async def test_priced_tools_at_the_same_time_share_the_runs_budget(rig: Rig) -> None:
    act = Acting(gives("ok"), options={"price": CALL})
    wish = calls(*(use("act", n=n) for n in range(5)))
    result = await rig.run(agent(scripted(wish, says("done")), act, limits=Limits(usd=0.70)))
    assert (result.output, result.cost, len(act.seen)) == ("done", 0.60, 2)
    assert sorted(outcome.status for outcome in await rig.outcomes()) == ["denied"] * 3 + ["ok"] * 2
    assert await rig.store.used(today()) == 2 * CALL


async def test_a_priced_tool_that_a_tenant_cannot_pay_is_denied(rig: Rig) -> None:
    rig.tenant = Tenant(usd_per_day=0.10)
    act = Acting(gives("ok"), options={"price": CALL})
    await rig.run(agent(scripted(calls(use("act")), says("done")), act))
    assert act.seen == []
    assert [outcome.status for outcome in await rig.outcomes()] == ["denied"]


async def test_a_tool_that_surely_did_nothing_costs_nothing(rig: Rig) -> None:
    act = Acting(gives(RejectedError("no")), options={"price": CALL})
    result = await rig.run(agent(scripted(calls(use("act")), says("done")), act))
    assert result.cost == 0.0
    assert await rig.store.used(today()) == 0


async def test_an_unknown_price_is_a_refusal_unless_the_limits_say_so(rig: Rig) -> None:
    unpriced = ScriptedModel([says("x")] * 9, price=None)
    result = await rig.run(agent(unpriced))
    assert (result.status, unpriced.asked) == ("refused", 0)
    assert "price of model 'scripted' is not known" in result.reason
    session = await rig.open(agent(unpriced, limits=Limits(unpriced="allow")), "go", "t")
    assert (await session.run()).status == "done"


@pytest.mark.parametrize(("error", "cost"), [(RateLimitError("slow"), 0), (ModelTimeoutError("gone"), CALL)])
async def test_a_failed_call_costs_what_it_may_have_cost(rig: Rig, error: Exception, cost: int) -> None:
    result = await rig.run(agent(costly(error)))
    assert (result.status, result.spent) == ("failed", cost)
    assert await rig.store.used(today()) == cost


async def test_a_models_own_timeout_is_no_end_of_the_runs_time(rig: Rig) -> None:
    result = await rig.run(agent(costly(TimeoutError())))
    assert (result.status, result.spent) == ("failed", CALL)
    assert "no answer in time" in result.reason


async def test_a_model_may_know_its_cost_better_than_its_price(rig: Rig) -> None:
    result = await rig.run(agent(costly(msgspec.structs.replace(says("x"), cost=nanos(0.05)))))
    assert result.cost == 0.05


async def test_a_conversation_of_another_branch_does_not_stand_in_for_this_one(rig: Rig) -> None:
    """The hold must grow with what is really sent, also when a later run has a branch at the same place."""

    def branch() -> Strategy:
        yield from ask("short")
        yield from ask("short")
        return "x"

    def branches(brief: Brief) -> Strategy:
        yield from fork([branch()])
        return "done"

    model = ScriptedModel([says("y")] * 9, price=FlatPrice(1.0, 1.0))
    declared = agent(model, strategy=branches)
    session = await rig.open(declared, "a")
    await session.run()
    await session.hear("b" * 20_000)
    await session.run()
    holds = [event.hold for event in await rig.events() if isinstance(event, ModelAsked)]
    assert min(holds[2:]) > 20_000 * 1000


async def test_money_in_doubt_counts_as_spent_when_its_run_is_cancelled(rig: Rig) -> None:
    act = Acting(gives(OSError("gone")), "act", "once", {"price": CALL})
    declared = agent(scripted(calls(use("act")), says("x")), act, limits=Limits(session_usd=0.50))
    assert (await rig.run(declared)).status == "waiting"
    await cancel(rig.store, "s", by="ann")
    assert await rig.store.used(today()) == CALL
    assert (await rig.state()).spent == CALL
    rig.forget()


async def test_a_doubt_that_is_settled_keeps_the_accounts_at_or_above_what_was_spent(rig: Rig) -> None:
    act = Acting(gives(OSError("gone")), "act", "once", {"price": CALL})
    declared = agent(scripted(calls(use("act")), says("x")), act)
    await rig.run(declared)
    await settle(rig.store, "s", "", happened=True, by="ann")
    result = await rig.resume(declared)
    assert (result.output, result.spent) == ("x", CALL)
    assert await rig.store.used(today()) == CALL


async def test_at_most_so_many_runs_of_a_tenant_go_on_at_once() -> None:
    going, full, gate = [0], asyncio.Event(), asyncio.Event()

    async def works(context: ToolContext) -> str:
        going[0] += 1
        if going[0] == 50:
            full.set()
        await gate.wait()
        return "ok"

    def one() -> Agent:
        return Agent("a", ScriptedModel([calls(use("act")), says("done")]), tools=[Acting(works)])

    home = Home(MemoryJournal(), LocalWorkers(), bytes(32), Settings(tenants=(Tenant(sessions=50),)))
    running = [asyncio.create_task(home.run(one(), "go")) for _ in range(50)]
    await full.wait()
    with pytest.raises(OverLimitError, match="no room in runs/tenant/default: 1 more, and 50 of 50 are used"):
        await home.run(one(), "go")
    gate.set()
    assert statuses(await asyncio.gather(*running)) == {"done": 50}
    assert await home.store.used(running_account("default")) == 0
    assert (await home.run(one(), "go")).status == "done"


async def test_a_run_that_waits_does_not_count_as_going_on(rig: Rig) -> None:
    rig.tenant = Tenant(sessions=1)
    declared = agent(scripted(says("x"), says("y")))
    first = await rig.open(declared, "go")
    first.pause()
    await first.run()
    second = await rig.open(declared, "go", "t")
    assert (await second.run()).status == "done"
    assert (await rig.resume(declared)).status == "done"
    assert await rig.store.used(running_account("default")) == 0


async def test_a_run_that_finds_no_room_takes_up_later(rig: Rig) -> None:
    rig.tenant = Tenant(sessions=1)
    declared = agent(scripted(says("x"), says("y")))
    first = await rig.open(declared, "go")
    first.pause()
    await first.run()

    async def other(context: ToolContext) -> str:
        with pytest.raises(OverLimitError):
            await rig.resume(declared)
        return "busy"

    second = await rig.open(agent(scripted(calls(use("act")), says("z")), Acting(other)), "go", "t")
    assert (await second.run()).output == "z"
    assert (await rig.resume(declared)).status == "done"


async def test_a_crash_never_frees_money_that_may_have_been_spent() -> None:
    """Whatever append the process dies at, the tenant's account shows at least what the model was paid."""
    paid = [0]

    def bills(request: object) -> Reply:
        paid[0] += CALL
        return says("done") if paid[0] % (2 * CALL) == 0 else calls(use("effect"))

    for at in range(1, 9):
        for moment in ("before", "after"):
            paid[0] = 0
            store = MemoryJournal()
            rig = Rig(store=DyingStore(store, at, moment))
            declared = agent(ScriptedModel([bills] * 9, price=Priced()), EffectCounter("read"))
            with suppress(Died):
                await rig.run(declared)
            assert await store.used(today()) >= paid[0], (at, moment)
            rows = await store.read("s")
            if rows:
                again = Rig(store=store)
                result = await again.resume(declared)
                await again.check()
                assert await store.used(today()) >= paid[0], (at, moment)
                assert result.spent >= paid[0] or result.status == "idle", (at, moment)


def test_amounts_are_shown_as_people_read_them() -> None:
    assert [show_usd(nanos(value)) for value in (0, 0.3, 1234.5, 0.000012)] == [
        "$0.00",
        "$0.30",
        "$1234.50",
        "$0.000012",
    ]


def test_nothing_is_held_for_what_is_free_and_nothing_settled_for_what_cost_as_held() -> None:
    ledger = Ledger(Tenant(), Tree("r"))
    assert ledger.hold(0, Limits()) == ()
    held = ledger.hold(5, Limits())
    assert ledger.settle(held, 5, 5) == ()
    assert [entry.amount for entry in ledger.settle(held, 5, 7)] == [2]


def test_a_child_counts_against_the_cap_its_root_had() -> None:
    ledger = Ledger(Tenant(), Tree("r", "r", 1, cap=100))
    assert [(entry.account, entry.cap) for entry in ledger.hold(5, Limits(tree_usd=9.0))] == [
        (today(), None),
        ("usd/tree/r", 100),
    ]


def test_a_root_counts_against_the_cap_it_has_now() -> None:
    entries = Ledger(Tenant(), Tree("r")).hold(5, Limits(tree_usd=0.5))
    assert [(entry.account, entry.cap) for entry in entries][1] == ("usd/tree/r", nanos(0.5))
