"""Scripted models: doubles that say what they are told to."""

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from remit.core.errors import ModelRequestError
from remit.core.messages import Call, Message, ToolMessage, Usage
from remit.core.ports import Delta, Emit, ModelSpec, Price, Reply, Request
from remit.core.values import JsonValue
from remit.models.prices import FREE

Item = Reply | BaseException | Callable[[Request], Reply]
"""What a script holds: an answer, an error to raise, or a function of the request."""

_NONE = Usage()
_WORDS = re.compile(r"\s*\S+|\s+")


def use(tool: str, /, **args: JsonValue) -> Call:
    """Make a call of a tool with these arguments."""
    return Call(tool, args)


def says(text: str, *calls: Call) -> Reply:
    """Make an answer of text, and of calls if there are any."""
    return Reply(text, calls)


def calls(*calls: Call) -> Reply:
    """Make an answer that only wants tools."""
    return Reply("", calls)


@dataclass(eq=False)
class ScriptedModel:
    """A model that gives the replies of a script in order, one an ask, however many ask at the same time."""

    replies: Iterable[Item]
    """May be endless, such as `itertools.repeat(says("yes"))`."""
    price: Price | None = FREE
    usage: Usage = _NONE
    """For replies that have none of their own."""
    delay: float = 0.0
    """Seconds before each answer."""
    name: str = "scripted"
    keep: bool = False
    """Whether `requests` collects what was asked."""
    requests: list[Request] = field(default_factory=list[Request], init=False)
    asked: int = field(default=0, init=False)
    """How often it was asked."""

    def __post_init__(self) -> None:
        """Open the script at its beginning."""
        self._script: Iterator[Item] = iter(self.replies)
        self._spec = ModelSpec(self.name, self.price)

    @property
    def spec(self) -> ModelSpec:
        """Name and price."""
        return self._spec

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Give the next reply of the script, its text word by word; raise `ModelRequestError` when there is none."""
        # All before the first await: what this ask gets is settled in the order of the asks.
        self.asked += 1
        if self.keep:
            self.requests.append(_copied(request))
        item = next(self._script, None)
        if item is None:
            raise ModelRequestError(
                f"the script of {self.name!r} ended after {self.asked - 1} replies, yet was asked: {_tail(request)}"
            )
        if self.delay:
            await asyncio.sleep(self.delay)
        if isinstance(item, BaseException):
            raise item
        reply = item if isinstance(item, Reply) else item(request)
        if reply.usage == _NONE:
            reply = msgspec.structs.replace(reply, usage=self.usage)
        speak(reply.text, emit)
        return reply


@dataclass(eq=False)
class EchoModel:
    """A model that says back the last thing it was told."""

    price: Price | None = FREE
    name: str = "echo"

    def __post_init__(self) -> None:
        """Fix the spec."""
        self._spec = ModelSpec(self.name, self.price)

    @property
    def spec(self) -> ModelSpec:
        """Name and price."""
        return self._spec

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Say the text of the last message; count one token a word."""
        text = _text(request.messages[-1]) if request.messages else ""
        speak(text, emit)
        return Reply(text, usage=Usage(sum(len(_text(m).split()) for m in request.messages), len(text.split())))


def speak(text: str, emit: Emit) -> None:
    """Emit a text word by word; the pieces add up to it exactly."""
    for word in _WORDS.findall(text):
        emit(Delta(word))


def _copied(request: Request) -> Request:
    return msgspec.structs.replace(request, messages=tuple(request.messages))


def _tail(request: Request) -> str:
    return repr(_text(request.messages[-1])[:200]) if request.messages else "nothing was said"


def _text(message: Message) -> str:
    match message:
        case ToolMessage():
            output = message.outcome.output
            return output if isinstance(output, str) else msgspec.json.encode(output).decode()
        case _:
            return message.text
