"""Sessions: a model is offered a few tools, finds others and calls them, also after a crash."""

import contextlib
from collections.abc import Sequence
from typing import get_args

import pytest
from tests.tools.search.tools import SPECS, Plain, spec

from remit import Agent, Home
from remit.core.events import EffectEnded
from remit.core.messages import Call, Outcome, ToolMessage
from remit.core.ports import Reply, Request, Store, ToolSpec, Verdict
from remit.core.state import State
from remit.home import MEMORY, Settings
from remit.journal import MemoryJournal
from remit.runtime import LocalWorkers
from remit.testing import ScriptedModel, says, use
from remit.testing.crash import Died, DyingStore, Moment
from remit.tools.search import Searchable

FEW = ["find_tools", "track_shipment"]
FOUND = [*FEW, "refund_payment"]
SCRIPT = (
    says("", use("find_tools", query="refund payment", limit=1)),
    says("", use("refund_payment", id="7")),
    says("done"),
)


class Never:
    """Denies one tool."""

    def __init__(self, tool: str) -> None:
        self.tool = tool

    def check(self, call: Call, spec: ToolSpec, state: State) -> Verdict:
        return Verdict("deny", "never") if spec.name == self.tool else Verdict()


def offers(requests: Sequence[Request]) -> list[list[str]]:
    return [[one.name for one in request.tools] for request in requests]


async def outcomes(store: Store, session: str) -> list[Outcome]:
    return [record.event.outcome for record in await store.read(session) if isinstance(record.event, EffectEnded)]


async def test_a_model_is_offered_a_few_finds_another_and_calls_it() -> None:
    tools = [Plain(one) for one in SPECS]
    model = ScriptedModel(SCRIPT, keep=True)
    agent = Agent("clerk", model=model, toolsets=[Searchable(tools, always=["track_*"])])
    async with Home.open(MEMORY) as home:
        result = await home.run(agent, "Give the money back.", session="s")
        assert (result.output, (await home.session("s")).revealed) == ("done", ("refund_payment",))
    assert offers(model.requests) == [FEW, FOUND, FOUND]
    assert tools[-1].calls == [{"id": "7"}]


async def test_what_was_found_stays_on_offer_in_the_next_run_in_the_order_it_was_found() -> None:
    find = [says("", use("find_tools", query=query, limit=1)) for query in ("refund payment", "merge", "refund payer")]
    model = ScriptedModel([*find, says("one"), says("two")], keep=True)
    agent = Agent("clerk", model=model, toolsets=[Searchable([Plain(one) for one in SPECS], always=["track_*"])])
    async with Home.open(MEMORY) as home:
        await home.run(agent, "first", session="s")
        await home.run(agent, "second", session="s")
    assert offers(model.requests)[-1] == [*FOUND, "githubMergePullRequest"]
    assert offers(model.requests)[-1] == offers(model.requests)[2]


async def crashed(at: int, moment: Moment) -> bool:
    """Run, die at an append, resume; say whether there was one to die at."""
    tools = [Plain(one) for one in SPECS]
    store = MemoryJournal()
    asked: dict[int, list[str]] = {}

    def reply(request: Request) -> Reply:
        done = sum(isinstance(message, ToolMessage) for message in request.messages)
        names = [one.name for one in request.tools]
        assert asked.setdefault(done, names) == names
        return SCRIPT[done]

    def agent() -> Agent:
        model = ScriptedModel([reply] * len(SCRIPT))
        return Agent("clerk", model=model, toolsets=[Searchable(tools, always=["track_*"])])

    dying = DyingStore(store, at=at, moment=moment)
    async with Home(dying, LocalWorkers(), bytes(32), Settings()) as home:
        with contextlib.suppress(Died):
            await home.run(agent(), "Give the money back.", session="s")
    async with Home(store, LocalWorkers(), bytes(32), Settings()) as home:
        begun = len(await store.read("s")) > 1
        again = home.resume(agent(), "s") if begun else home.run(agent(), "Give the money back.", session="s")
        assert (await again).output == "done"
        assert (await home.session("s")).revealed == ("refund_payment",)
    assert list(asked.values()) == [FEW, FOUND, FOUND]
    return dying.dead


@pytest.mark.parametrize("moment", get_args(Moment))
async def test_a_crash_and_a_resume_offer_the_same(moment: Moment) -> None:
    at = 1
    while await crashed(at, moment):
        at += 1
    assert at > len(SCRIPT)


async def test_a_tool_that_was_not_found_may_be_called_by_name_under_its_guards() -> None:
    tools = {one.name: Plain(one) for one in SPECS}
    denied, allowed = use("jira_delete_issue", id="1"), use("refund_payment", id="2")
    model = ScriptedModel([says("", denied, allowed), says("done")], keep=True)
    search = Searchable(list(tools.values()))
    agent = Agent("clerk", model=model, toolsets=[search], guards=[Never("jira_delete_issue")])
    async with Home.open(MEMORY) as home:
        await home.run(agent, "go", session="s")
        ended = {one.status: one.output for one in await outcomes(home.store, "s")}
    assert ended == {"denied": "not allowed: never", "ok": {"did": "refund_payment", "id": "2"}}
    assert (tools["jira_delete_issue"].calls, tools["refund_payment"].calls) == ([], [{"id": "2"}])
    assert offers(model.requests) == [["find_tools"]] * 2


async def test_a_withheld_tool_is_neither_found_nor_called() -> None:
    bad = Plain(spec("refund_payment_fast", "Refund.", withheld="nobody reviewed it"))
    find = use("find_tools", query="refund_payment_fast", limit=20)
    model = ScriptedModel([says("", find), says("", use("refund_payment_fast", id="1")), says("done")], keep=True)
    agent = Agent("clerk", model=model, toolsets=[Searchable([bad, *(Plain(one) for one in SPECS)])])
    async with Home.open(MEMORY) as home:
        await home.run(agent, "go", session="s")
        found, called = await outcomes(home.store, "s")
    assert "refund_payment_fast" not in str(found.output)
    assert (called.status, bad.calls) == ("denied", [])
    assert all("refund_payment_fast" not in names for names in offers(model.requests))
