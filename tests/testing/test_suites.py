"""The conformance suites themselves: each breach of contract is seen."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from remit.core.errors import ModelRequestError
from remit.core.messages import Message, Usage, UserMessage
from remit.core.ports import Delta, Emit, Model, ModelSpec, Probe, Reply, Request, ToolContext, ToolSpec
from remit.core.values import JsonObject, JsonValue, Nanos
from remit.models import FREE
from remit.testing import ScriptedModel, check_model, check_tool, check_wrapper, says
from remit.testing.models import HELLO


class Gift:
    """A price whose worst case is below its cost."""

    def cost(self, usage: Usage) -> Nanos:
        """Cost something."""
        return usage.input

    def worst(self, input_tokens: int, output_tokens: int) -> Nanos:
        """Promise nothing."""
        return 0


class Meddling:
    """A model that changes what it is given."""

    spec = ModelSpec("meddling", FREE)

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Add a word to the conversation."""
        assert isinstance(request.messages, list)
        request.messages.append(UserMessage("more"))
        return Reply("done")


class Mumbling:
    """A model whose deltas are not its text."""

    spec = ModelSpec("mumbling", FREE)

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Say one thing and return another."""
        emit(Delta("this"))
        return Reply("that")


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (ScriptedModel([says("x")] * 4, name=""), "needs a name"),
        (ScriptedModel([says("x")] * 4, price=Gift()), "the worst case is 0"),
        (ScriptedModel([Reply("x", usage=Usage(-1))] * 4), "cannot be negative"),
        (ScriptedModel([Reply("x", usage=Usage(1, 1, 2))] * 4), "counts cached"),
        (ScriptedModel([Reply("x", usage=Usage(1, 1, reasoning=2))] * 4), "counts reasoning"),
        (ScriptedModel([Reply("x", cost=5)] * 4), "says it cost 5"),
        (Meddling(), "must not change"),
        (Mumbling(), "the deltas say 'this'"),
    ],
)
async def test_a_model_that_breaks_the_contract_is_caught(model: Model, why: str) -> None:
    thread: list[Message] = [*HELLO.messages]
    with pytest.raises(AssertionError, match=why):
        await check_model(model, Request(thread))


@dataclass
class Wrapped:
    """A wrapper that does something to what passes."""

    model: Model
    change: Callable[[Reply], Reply] = lambda reply: reply
    swallow: tuple[type[BaseException], ...] = ()
    name: str = ""

    @property
    def spec(self) -> ModelSpec:
        """The model's, or another name."""
        return msgspec.structs.replace(self.model.spec, name=self.name) if self.name else self.model.spec

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Answer, whatever happens."""
        try:
            return self.change(await self.model.complete(request, emit))
        except self.swallow:
            return Reply("all is well")


def only_text(reply: Reply) -> Reply:
    """Drop all but the text."""
    return Reply(reply.text)


def overpriced(reply: Reply) -> Reply:
    """Ask for more."""
    return msgspec.structs.replace(reply, cost=10**9)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"change": only_text}, "pass a reply on"),
        ({"change": overpriced}, "costs what it costs"),
        ({"name": "mine"}, "keeps the name"),
        ({"swallow": (ModelRequestError,)}, "must reach the caller"),
        ({"swallow": (KeyboardInterrupt,)}, "end of the process"),
        ({"swallow": (BaseExceptionGroup, asyncio.CancelledError)}, "end as cancelled"),
    ],
)
async def test_a_wrapper_that_breaks_the_contract_is_caught(options: dict[str, Any], why: str) -> None:
    await check_wrapper(Wrapped)
    with pytest.raises(AssertionError, match=why):
        await check_wrapper(lambda model: Wrapped(model, **options))


SPEC = ToolSpec(name="odd", description="", schema={"type": "object", "additionalProperties": False})


@dataclass
class Odd:
    """A tool that is right unless told to be wrong."""

    spec: ToolSpec = SPEC
    judge: Callable[[JsonObject], str] = lambda args: "" if not args else "unknown argument"
    result: JsonValue = None
    found: Probe | None = None
    refuses: bool = True
    seen: list[JsonObject] = field(default_factory=list[JsonObject])

    def check(self, args: JsonObject) -> str:
        """Judge."""
        return self.judge(args)

    async def call(self, args: JsonObject, context: ToolContext) -> JsonValue:
        """Act."""
        if self.refuses and self.judge(args):
            raise ModelRequestError("wrong kind of error")
        return self.result

    async def probe(self, args: JsonObject, context: ToolContext) -> Probe | None:
        """Say what was found."""
        return self.found


def refuse(args: JsonObject) -> str:
    """Refuse everything."""
    return "never"


def accept(args: JsonObject) -> str:
    """Accept everything."""
    return ""


def meddle(args: JsonObject) -> str:
    """Change the arguments."""
    args["x"] = 1
    return ""


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"spec": msgspec.structs.replace(SPEC, name="two words")}, "no provider takes"),
        ({"spec": msgspec.structs.replace(SPEC, schema={"type": "array"})}, "that of an object"),
        ({"spec": msgspec.structs.replace(SPEC, timeout=0.0)}, "above 0"),
        ({"spec": msgspec.structs.replace(SPEC, fallback="odd")}, "own fallback"),
        ({"judge": refuse}, "good arguments were refused"),
        ({"judge": accept}, "must be refused"),
        ({"judge": meddle}, "must not change"),
        ({"result": float("nan")}, "plain JSON"),
        ({"refuses": False}, "must raise a ToolError"),
        ({"found": Probe(happened=True), "refuses": True}, "cannot know"),
        ({"spec": msgspec.structs.replace(SPEC, reconciles=True), "found": Probe(happened=False)}, "has happened"),
        ({"spec": msgspec.structs.replace(SPEC, reconciles=True), "found": Probe(happened=True)}, "has not happened"),
    ],
)
async def test_a_tool_that_breaks_the_contract_is_caught(options: dict[str, Any], why: str) -> None:
    bad: list[JsonObject] = [{"x": 1}] if "refuses" in options and not options["refuses"] else []
    with pytest.raises(AssertionError, match=why):
        await check_tool(Odd(**options), {}, bad)
