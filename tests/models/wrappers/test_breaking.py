"""Breaking: a provider that is down is left in peace."""

import asyncio
from dataclasses import dataclass, field

import pytest

from remit.core.errors import (
    AuthenticationError,
    CutStreamError,
    ModelError,
    ModelRequestError,
    ModelTimeoutError,
    OverloadedError,
    QuotaError,
    RateLimitError,
    UnreadableAnswerError,
)
from remit.core.messages import UserMessage
from remit.core.ports import Request
from remit.models import Breaking
from remit.policy import Breakers
from remit.testing import ScriptedModel, check_wrapper, says

HELLO = Request((UserMessage("hello"),))


@dataclass
class Notes:
    """A gate that writes down what it is told."""

    reason: str = ""
    told: list[tuple[str, bool]] = field(default_factory=list[tuple[str, bool]])

    def enter(self, name: str) -> "Noting | str":
        """Refuse for the reason there is."""
        return self.reason or Noting(self, name)


@dataclass
class Noting:
    """A pass that writes down what it is told."""

    notes: Notes
    name: str
    good: bool = True

    def report(self, *, ok: bool) -> None:
        """Write it down."""
        self.notes.told.append((self.name, ok))

    def release(self) -> None:
        """Write nothing down."""


async def test_it_is_a_model_like_the_one_inside() -> None:
    await check_wrapper(lambda model: Breaking(model, Notes()))


async def test_an_open_gate_refuses_without_a_call() -> None:
    inner = ScriptedModel([says("never")], name="openai:gpt")
    with pytest.raises(OverloadedError, match="openai is not called: it failed too often"):
        await Breaking(inner, Notes("it failed too often")).complete(HELLO, lambda _: None)
    assert inner.asked == 0


@pytest.mark.parametrize(
    ("error", "ok"),
    [
        (OverloadedError("x"), False),
        (ModelTimeoutError("x"), False),
        (ModelError("x"), False),
        (CutStreamError("x"), False),
        (UnreadableAnswerError("x"), False),
        (ModelRequestError("x"), True),
        (AuthenticationError("x"), True),
        (QuotaError("x"), True),
        (RateLimitError("x"), True),
    ],
)
async def test_the_gate_hears_of_failures_that_are_the_providers(error: ModelError, *, ok: bool) -> None:
    notes = Notes()
    with pytest.raises(type(error)):
        await Breaking(ScriptedModel([error], name="openai:gpt"), notes).complete(HELLO, lambda _: None)
    assert notes.told == [("openai", ok)]


async def test_the_gate_hears_of_answers_and_of_calls_that_were_given_up() -> None:
    notes = Notes()
    await Breaking(ScriptedModel([says("yes")], name="p:m"), notes).complete(HELLO, lambda _: None)
    hanging = asyncio.create_task(
        Breaking(ScriptedModel([says("late")], name="p:m", delay=3600.0), notes).complete(HELLO, lambda _: None)
    )
    await asyncio.sleep(0)
    hanging.cancel()
    await asyncio.wait([hanging])
    assert notes.told == [("p", True), ("p", False)]


async def test_with_real_breakers_a_provider_that_keeps_failing_is_no_longer_called() -> None:
    inner = ScriptedModel([OverloadedError("down")] * 50, name="p:m")
    model = Breaking(inner, Breakers())
    for _ in range(20):
        with pytest.raises(OverloadedError):
            await model.complete(HELLO, lambda _: None)
    assert inner.asked < 20


@pytest.mark.parametrize(
    ("name", "provider"),
    [
        ("openai:gpt", "openai"),
        ("ollama:llama3:8b", "ollama"),
        ("openai@http://127.0.0.1:8000/v1:llama3:8b", "openai@http://127.0.0.1:8000/v1"),
        ("scripted", "scripted"),
    ],
)
async def test_servers_of_one_prefix_have_a_breaker_each(name: str, provider: str) -> None:
    notes = Notes()
    await Breaking(ScriptedModel([says("yes")], name=name), notes).complete(HELLO, lambda _: None)
    assert notes.told == [(provider, True)]
