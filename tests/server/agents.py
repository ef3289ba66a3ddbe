"""Agents for the tests of the server: one that echoes, one that needs people, one that can be watched at work."""

import asyncio
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field

from remit.core.agent import Agent
from remit.core.errors import InputRequiredError
from remit.core.messages import ToolMessage
from remit.core.ports import Delta, Emit, Guard, ModelSpec, Reply, Request, ToolContext
from remit.core.values import JsonObject, JsonValue
from remit.models.prices import FREE
from remit.policy import AskBefore
from remit.testing import EchoModel, EffectCounter, ScriptedModel, says, use
from remit.tools import tool


def echo() -> Agent:
    """An agent that says what it was told."""
    return Agent("echo", EchoModel())


def acting(
    effect: EffectCounter, *, times: int = 1, asks: bool = False, name: str = "clerk", guard: Guard | None = None
) -> Agent:
    """An agent that has an effect so many times in each run, after a person allowed it if `asks`."""

    def turn(request: Request) -> Reply:
        done = len(list(itertools.takewhile(lambda one: not _is_user(one), reversed(request.messages))))
        acts = done // 2
        return says("done") if acts >= times else says("", use("effect", number=acts))

    guards = [AskBefore("effect")] if asks else [guard] if guard else []
    return Agent(name, ScriptedModel(itertools.repeat(turn)), tools=[effect], guards=guards)


def _is_user(message: object) -> bool:
    return type(message).__name__ == "UserMessage"


@tool(effect="read")
async def ask(context: ToolContext) -> JsonValue:
    """Ask a person for a colour."""
    if context.resume is None:
        schema: JsonObject = {"type": "object", "properties": {"colour": {"type": "string"}}, "required": ["colour"]}
        raise InputRequiredError("which colour?", schema)
    return context.resume.given


def asking() -> Agent:
    """An agent whose tool asks a person something."""

    def turn(request: Request) -> Reply:
        last = request.messages[-1]
        return says(f"so {last.outcome.output}") if isinstance(last, ToolMessage) else says("", use("ask"))

    return Agent("asking", ScriptedModel(itertools.repeat(turn)), tools=[ask])


@dataclass(eq=False)
class HeldModel:
    """A model that writes a text piece by piece, each when it is let."""

    pieces: Iterable[str] = ("one ", "two ", "three")
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    spec: ModelSpec = field(default_factory=lambda: ModelSpec("held", FREE))

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """See `Model.complete`."""
        self.asked.set()
        text = ""
        for piece in self.pieces:
            await self.go.acquire()
            emit(Delta(piece))
            text += piece
        return Reply(text)
