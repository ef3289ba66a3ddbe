"""Faults behind the models that a home makes from names, with the wrappers that it puts around them by itself."""

import pytest
from tests.faults.ward import WIRES

from remit import Agent, Home, Limits, Settings
from remit.core.events import ModelFailed
from remit.models import FREE
from remit.testing import says
from remit.testing.server import CloseAtOnce, EnormousAnswer, Fault, Faulty, ModelServer, RateLimited, Received

EVERY_WIRE = pytest.mark.parametrize("wire", WIRES)


def named(wire: str, server: ModelServer) -> tuple[Settings, Agent]:
    """Give an agent whose model is the name of a server, and the settings of its home."""
    name = f"{wire}@{server.url}/v1:gpt-4.1"
    return Settings(prices={name: FREE}, keys=lambda variable: "sk-home-0a1b2c"), Agent("a", name, limits=Limits(usd=1))


@EVERY_WIRE
async def test_a_named_model_is_asked_again_when_that_costs_nothing(wire: str) -> None:
    async with ModelServer([RateLimited(0), says("good")]) as server:
        settings, agent = named(wire, server)
        async with Home.open("memory", settings) as home:
            result = await home.run(agent, "go")
    assert (result.status, result.output, server.asked) == ("done", "good", 2)


@EVERY_WIRE
async def test_a_provider_that_keeps_failing_is_left_in_peace(wire: str) -> None:
    async with ModelServer(lambda received: CloseAtOnce()) as server:
        settings, agent = named(wire, server)
        async with Home.open("memory", settings) as home:
            results = [await home.run(agent, "go") for _ in range(6)]
    assert len(server.requests) == 5
    assert [result.status for result in results] == ["failed"] * 6
    assert "is not called" in results[-1].reason


@EVERY_WIRE
async def test_refusals_by_the_provider_do_not_break_the_circuit(wire: str) -> None:
    def refuses(received: Received) -> Fault | Faulty:
        return RateLimited(0) if len(server.requests) % 2 else Faulty(says("good"), EnormousAnswer(8))

    server = ModelServer(refuses)
    async with server:
        settings, agent = named(wire, server)
        async with Home.open("memory", settings) as home:
            results = [await home.run(agent, "go") for _ in range(2)]
    assert [result.output for result in results] == ["xxxxxxxx"] * 2


@EVERY_WIRE
async def test_an_answer_beyond_all_bounds_is_given_up_before_its_end(wire: str) -> None:
    async with ModelServer([EnormousAnswer(40 * 1024 * 1024)]) as server:
        settings, agent = named(wire, server)
        async with Home.open("memory", settings) as home:
            result = await home.run(agent, "go")
            records = await home.store.read(result.session)
        assert await server.requests[0].end() == "closed_early"
    failure = next(record.event for record in records if isinstance(record.event, ModelFailed))
    assert failure.error.startswith("UnreadableAnswerError: the answer is longer than 33554432 bytes")
