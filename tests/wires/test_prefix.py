"""What providers see of a run: a prefix that never changes, requests that really end, connections that are shared."""

import asyncio
from collections.abc import Mapping
from itertools import pairwise, takewhile
from pathlib import Path

import msgspec
import pytest
from tests.faults.hearing import hear

from remit import Agent, Home, Limits, RejectedError, Settings, Shape, shape, tool
from remit.core.ports import Reply
from remit.core.values import JsonObject, JsonValue
from remit.journal import MemoryJournal
from remit.models import FREE
from remit.models.http.pooled import Pooled
from remit.models.wires.anthropic import AnthropicMessages
from remit.models.wires.client import WireModel
from remit.models.wires.openai_chat import OpenAIChat
from remit.models.wires.openai_responses import OpenAIResponses
from remit.models.wires.port import Wire
from remit.models.wires.profiles import COMPATIBLE, LLAMACPP, OLLAMA, OPENAI, VLLM
from remit.runtime import LocalWorkers
from remit.testing import says, use
from remit.testing.server import Faulty, Hang, ModelServer, Overloaded, Received

MADE: Mapping[str, Wire] = {
    "chat": OpenAIChat("gpt-4.1", profile=OPENAI),
    "chat, compatible": OpenAIChat("m", profile=COMPATIBLE),
    "chat, Ollama": OpenAIChat("m", profile=OLLAMA),
    "chat, vLLM": OpenAIChat("m", profile=VLLM),
    "chat, llama.cpp": OpenAIChat("m", profile=LLAMACPP),
    "responses": OpenAIResponses("gpt-5"),
    "anthropic": AnthropicMessages("claude-sonnet-5"),
}
THREE = ("chat", "responses", "anthropic")
STEPS = 6


@tool(effect="read")
async def measure(city: str, n: int) -> JsonObject:
    """Measure something — até de noite."""
    return {"city": city, "n": n, "sky": ["☀", None, 1.5], "html": "<b>&</b>"}


class Word(msgspec.Struct):
    """What the last answer says."""

    word: str


@tool(effect="read", retries=0)
async def fail(why: str) -> str:
    """Fail."""
    raise RejectedError(why)


def works(received: Received) -> Reply:
    """Call tools in every way there is, six times a run; then say a word."""
    heard = hear(received)
    step = len(heard.outcomes) // 3 % STEPS
    if heard.outcomes and not step and len(heard.outcomes) // 3 == STEPS * heard.whole.count("begin"):
        return Reply('{"word": "done"}', reasoning="Enough — é.")
    wished = (use("measure", city="São", n=step), use("fail", why=f'"{step}"'), use("measure", city="", n=-1))
    thought = f"Step {step}: 日本 \\ \n" if step % 2 else None
    return Reply("" if step % 3 else f"Now {step}.", wished, reasoning=thought)


def model(wire: str, url: str, transport: Pooled | None = None) -> WireModel:
    """Make a model of a server that costs nothing."""
    return WireModel(
        MADE[wire], name=f"{wire}:m", url=f"{url}/v1", key=lambda: "sk-prefix", price=FREE, transport=transport
    )


def turns(body: JsonObject) -> list[JsonValue]:
    """Give the messages of a body."""
    found = body.get("messages", body.get("input"))
    assert isinstance(found, list)
    return found


def held(before: bytes, after: bytes) -> list[JsonValue]:
    """Give the messages that two bodies share, byte for byte from their beginning on."""
    pairs = zip(before, after, strict=False)
    common = bytes(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return turns(msgspec.json.decode(common + b"]}"))


async def stable(wire: str, shape_of: Shape | None) -> None:
    """Run twice in one session, the second time in another home, where all is read from the journal again."""
    store = MemoryJournal()
    async with ModelServer(works) as server:
        made = model(wire, server.url)
        agent = Agent("a", made, "Be brief — é.", [measure, fail], output=shape_of, detectors=())
        for text in ("begin", "begin again"):
            home = Home(store, LocalWorkers(), bytes(32), Settings())
            result = await home.run(agent, text, session="s")
            await home.close()
            assert result.status == "done", result
        sent = server.requests
    assert len(sent) == 2 * (STEPS + 1)
    for before, after in pairwise(sent):
        assert held(before.body, after.body) == turns(before.json), "every message of a request begins the next one"


@pytest.mark.parametrize("wire", MADE)
async def test_what_was_sent_before_is_sent_again_byte_for_byte(wire: str) -> None:
    await stable(wire, None)


@pytest.mark.parametrize("wire", [wire for wire in MADE if wire != "chat, compatible"])
async def test_the_shape_of_an_answer_leaves_the_prefix_alone(wire: str) -> None:
    await stable(wire, shape(Word))


async def test_a_shape_that_is_told_stands_after_all_that_is_sent_again() -> None:
    async with ModelServer(works) as server:
        agent = Agent(
            "a", model("chat, compatible", server.url), tools=[measure, fail], output=shape(Word), detectors=()
        )
        async with Home.open("memory") as home:
            assert (await home.run(agent, "begin")).status == "done"
        sent = [turns(request.json) for request in server.requests]
    for before, after in pairwise(sent):
        assert before[:-1] == after[: len(before) - 1]
        assert before[-1] == after[-1]


@pytest.mark.parametrize("wire", THREE)
async def test_an_ask_that_is_repeated_is_the_same_to_the_last_byte(wire: str) -> None:
    async with ModelServer([Overloaded(0), Overloaded(0), says("ok")]) as server:
        made = model(wire, server.url)
        agent = Agent("a", made, "Be brief.", [measure])
        async with Home.open("memory") as home:
            results = [await home.run(agent, "go") for _ in range(3)]
    assert [result.status for result in results] == ["failed", "failed", "done"]
    assert len({request.body for request in server.requests}) == 1


# -- cancellation ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("events", [0, 3])
@pytest.mark.parametrize("wire", THREE)
async def test_a_run_that_is_cancelled_closes_its_request(wire: str, events: int) -> None:
    hanging = Faulty(says("one two three four five"), Hang(events))
    async with ModelServer([hanging, says("ok")]) as server:
        agent = Agent("a", model(wire, server.url))
        async with Home.open("memory") as home:
            run = asyncio.create_task(home.run(agent, "go", session="s"))
            received = await server.arrival()
            run.cancel()
            with pytest.raises(asyncio.CancelledError):
                await run
            assert await received.end() == "closed_early"
            assert (await home.resume(agent, "s")).output == "ok"


@pytest.mark.parametrize("wire", THREE)
async def test_a_run_whose_time_is_over_closes_its_request(wire: str) -> None:
    async with ModelServer([Hang()]) as server:
        agent = Agent("a", model(wire, server.url), limits=Limits(seconds=0.2))
        async with Home.open("memory") as home:
            result = await home.run(agent, "go")
        assert await server.requests[0].end() == "closed_early"
    assert (result.status, result.reason) == ("stopped", "stopped: the run's 0.2 s were over")


# -- connections -------------------------------------------------------------------------------------------------------


def sockets() -> int:
    """Count the sockets of this process: two for a connection, since the server is here too."""
    found = 0
    for handle in Path("/proc/self/fd").iterdir():
        try:
            found += handle.readlink().name.startswith("socket:")
        except OSError:
            continue
    return found


@pytest.mark.parametrize("wire", THREE)
async def test_sessions_one_after_the_other_share_a_connection(wire: str) -> None:
    most = [0]

    def counts(received: Received) -> Reply:
        most[0] = max(most[0], sockets())
        return says("ok") if hear(received).outcomes else says("", use("measure", city="x", n=1))

    async with ModelServer(counts) as server:
        before = sockets()
        agent = Agent("a", model(wire, server.url), tools=[measure])
        async with Home.open("memory") as home:
            results = [await home.run(agent, "go") for _ in range(20)]
    assert [result.output for result in results] == ["ok"] * 20
    assert len(server.requests) == 40
    assert most[0] - before == 2


@pytest.mark.parametrize("wire", THREE)
async def test_fifty_sessions_at_the_same_time_share_four_connections(wire: str) -> None:
    most = [0]

    def counts(received: Received) -> Reply:
        most[0] = max(most[0], sockets())
        return says("ok") if hear(received).outcomes else says("", use("measure", city="x", n=1))

    pool = Pooled(limit=4)
    async with ModelServer(counts) as server:
        before = sockets()
        agent = Agent("a", model(wire, server.url, pool), tools=[measure])
        async with Home.open("memory") as home:
            results = await asyncio.gather(*(home.run(agent, "go") for _ in range(50)))
            await pool.close()
    assert [result.output for result in results] == ["ok"] * 50
    assert len(server.requests) == 100
    assert most[0] - before == 8


@pytest.mark.parametrize("wire", THREE)
async def test_fifty_sessions_open_no_more_connections_than_there_are_sessions(wire: str) -> None:
    most = [0]

    def counts(received: Received) -> Reply:
        most[0] = max(most[0], sockets())
        return says("ok") if len(hear(received).outcomes) == 4 else says("", use("measure", city="x", n=1))

    async with ModelServer(counts) as server:
        before = sockets()
        agent = Agent("a", model(wire, server.url), tools=[measure], detectors=())
        async with Home.open("memory") as home:
            results = await asyncio.gather(*(home.run(agent, "go") for _ in range(50)))
    assert [result.output for result in results] == ["ok"] * 50
    assert len(server.requests) == 250
    assert most[0] - before <= 2 * 50
    assert sockets() <= before


@pytest.mark.parametrize("wire", THREE)
async def test_sessions_that_are_cancelled_give_their_connections_to_those_that_wait(wire: str) -> None:
    pool = Pooled(limit=2)
    async with ModelServer(lambda received: Hang() if hear(received).whole == "hang" else says("ok")) as server:
        agent = Agent("a", model(wire, server.url, pool))
        async with Home.open("memory") as home:
            hanging = [asyncio.create_task(home.run(agent, "hang")) for _ in range(4)]
            await server.arrival(2)
            waiting = [asyncio.create_task(home.run(agent, "go")) for _ in range(4)]
            for run in hanging:
                run.cancel()
            assert [result.output for result in await asyncio.gather(*waiting)] == ["ok"] * 4
            await asyncio.wait(hanging)
        await pool.close()
    assert all(run.cancelled() for run in hanging)
    assert all([await request.end() for request in server.requests])
