"""`remit cost` says where the money went, and adds up to what the sessions say."""

import asyncio
from typing import cast

import pytest
from tests.cli.bench import Bench

from remit.core import events as ev
from remit.core.limits import Limits
from remit.core.messages import Usage
from remit.core.values import JsonObject
from remit.journal import SqliteJournal
from remit.models.prices import known_price

PRICED = """
from remit.models import FlatPrice
from remit.testing import EchoModel
import itertools
from remit.core.messages import Usage
from remit.core.ports import Reply
said = itertools.repeat(Reply("hi", usage=Usage(100, 10)))
paid = Agent("paid", model=ScriptedModel(said, price=FlatPrice(1e3, 1e3)))
"""


def lines(told: JsonObject) -> list[JsonObject]:
    return cast("list[JsonObject]", told["lines"])


def priced(bench: Bench) -> None:
    with (bench.folder / "agent.py").open("a", encoding="utf-8") as file:
        file.write(PRICED)


def test_the_lines_add_up_to_what_was_spent(bench: Bench) -> None:
    priced(bench)
    bench.run("paid")
    bench.run("paid")
    bench.run("clerk")
    told = bench("cost", "--json").json
    total = cast("JsonObject", told["total"])
    assert total["cost_usd"] == 0.22
    assert {str(line["name"]): line["cost_usd"] for line in lines(told)} == {"paid": 0.22, "clerk": 0.0}
    assert told["sessions"] == 3


def test_it_is_broken_down_by_what_is_asked_for(bench: Bench) -> None:
    bench.run("doubter")
    session = bench.run("mute").session
    by_kind = bench("cost", "--json", "--by", "kind").json
    assert [line["name"] for line in lines(by_kind)] == ["model"]
    by_session = bench("cost", "--json", session[:8], "--by", "session").json
    assert [line["name"] for line in lines(by_session)] == [session]
    assert cast("JsonObject", by_session["total"])["failures"] == 1


def test_a_person_is_told_what_the_same_question_again_cost(bench: Bench) -> None:
    priced(bench)
    bench.run("paid")
    bench.run("paid")
    said = bench("cost")
    assert said.status == 0
    assert "$0.22 in 2 sessions: 2 calls of models and tools, 200+20 tokens" in said.out
    assert "answers: $0.11 (1 call, 100 input tokens)" in said.out
    assert "paid\t2\t200\t0\t20\t0\t0\t$0.22\t100%" in said.out


def test_only_what_came_since_then_counts(bench: Bench) -> None:
    bench.run("agent")
    assert cast("JsonObject", bench("cost", "--json", "--since", "1h").json["total"])["calls"] == 1
    nothing = bench("cost", "--json", "--since", "2999-01-01").json
    assert (nothing["sessions"], nothing["lines"], nothing["savings"]) == (0, [], [])


def test_a_time_that_is_none_is_refused(bench: Bench) -> None:
    bench.run("agent")
    said = bench("cost", "--since", "yesterday")
    assert said.status == 2
    assert "write 90m, 24h, 7d" in said.err


async def recorded(bench: Bench, model: str, *, session: str = "s1", parent: str = "", cost: int | None = None) -> None:
    """Record a session of two questions to a model of a price list."""
    (bench.folder / "store").mkdir(exist_ok=True)
    store = SqliteJournal(bench.folder / "store/journal.db")
    price, usage = known_price("openai:gpt-4o-mini"), Usage(2000, 100)
    assert price is not None
    paid = price.cost(usage) if cost is None else cost
    models = {"default": model, "cheap": "ollama:small"}
    opened = ev.SessionOpened("a", "1", "react@1", {}, "t", ev.Tree("s1", parent), Limits(), models)
    story: list[ev.Event] = [opened, ev.MessageReceived("hi"), ev.RunOpened(1, "react@1", "w", 0)]
    for step in ("0", "1"):
        story += [ev.ModelAsked(step, hold=paid, say=step), ev.ModelAnswered(step, "so", usage=usage, cost=paid)]
    try:
        await store.append(session, [*story, ev.ModelAsked("2", hold=paid), ev.ModelFailed("2", "busy", paid),
                                     ev.ModelAsked("2", hold=paid), ev.ModelAnswered("2", "so", hit=True),
                                     ev.RunEnded(1, "done", "so")], after=0)  # fmt: skip
    finally:
        await store.close()


def ways(told: JsonObject) -> dict[str, JsonObject]:
    return {str(saving["way"]): saving for saving in cast("list[JsonObject]", told["savings"])}


async def run(bench: Bench, *words: str) -> JsonObject:
    return (await asyncio.to_thread(bench, "cost", "--json", *words)).json


async def test_the_price_list_says_what_caching_and_batches_save(bench: Bench) -> None:
    await recorded(bench, "openai:gpt-4o-mini")
    found = ways(await run(bench))
    assert set(found) == {"prefix", "batching", "routing"}
    # The other model it declares is on a server of its own, which costs nothing.
    assert found["routing"]["cost_usd"] == 2 * cast("float", found["batching"]["cost_usd"])
    assert found["prefix"]["tokens"] == 2000
    assert cast("float", found["prefix"]["cost_usd"]) > 0
    assert (found["batching"]["calls"], found["batching"]["unpriced"]) == (2, 0)


@pytest.mark.parametrize("model", ["openai@http://127.0.0.1:1/v1:mine", "mine", "nobody:mine"])
async def test_a_model_that_is_on_no_list_has_tokens_and_no_money(bench: Bench, model: str) -> None:
    await recorded(bench, model)
    (saving,) = ways(await run(bench)).values()
    assert (saving["way"], saving["cost_usd"], saving["unpriced"]) == ("prefix", 0, 1)
    said = (await asyncio.to_thread(bench, "cost")).out
    assert "1 of unknown price not counted" in said
    assert "; 1 failed, which cost $" in said
    assert "; 1 retry; 1 answer from the cache" in said


async def test_what_a_session_began_is_part_of_its_cost(bench: Bench) -> None:
    await recorded(bench, "openai:gpt-4o-mini")
    await recorded(bench, "openai:gpt-4o-mini", session="s2", parent="s1")
    await recorded(bench, "openai:gpt-4o-mini", session="x3")
    assert {str(line["name"]) for line in lines(await run(bench, "s1", "--by", "session"))} == {"s1", "s2"}


async def test_a_store_without_money_has_no_shares(bench: Bench) -> None:
    await recorded(bench, "mine", cost=0)
    assert [line["share"] for line in lines(await run(bench))] == [0.0]
    assert "nothing" not in (await asyncio.to_thread(bench, "cost", "--since", "2999-01-01T00:00:00+02:00")).out
