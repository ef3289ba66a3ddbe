"""Agents that talk, and readers who write down what they were shown beside what became of it."""

import asyncio
from dataclasses import dataclass, field

from remit.core.agent import Agent
from remit.core.events import ModelAnswered, ModelAsked, ModelFailed, Record, RunEnded, RunResumed
from remit.core.ports import Delta, Emit, ModelSpec, Reply, Request
from remit.models.prices import FREE
from remit.server.service.streams import Stream


@dataclass(eq=False)
class Talker:
    """A model that says words, one by one, each after a turn of the loop or when it is let."""

    words: tuple[str, ...] = tuple(f"w\u00f6rd{number} " for number in range(60))
    held: bool = False
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    spec: ModelSpec = field(default_factory=lambda: ModelSpec("talker", FREE))

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """See `Model.complete`."""
        self.asked.set()
        for word in self.words:
            if self.held:
                await self.go.acquire()
            else:
                await asyncio.sleep(0)
            emit(Delta(word))
        return Reply("".join(self.words))

    def let(self, count: int) -> None:
        """Let it say so many words."""
        for _ in range(count):
            self.go.release()


def talking(model: Talker) -> Agent:
    """An agent that says what its model says."""
    return Agent("talker", model)


@dataclass(eq=False)
class Shown:
    """What a reader was shown."""

    text: str = ""
    """Of the answer that is being written."""
    answers: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """What was shown of answers, and what they became."""
    void: list[str] = field(default_factory=list[str])
    """What was shown of answers that came to nothing."""
    seqs: list[int] = field(default_factory=list[int])
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def read(self, stream: Stream, *, runs: int = 1) -> "Shown":
        """Read until so many runs have ended."""
        async for item in stream:
            if isinstance(item.what, Record):
                self.take(item.what)
                runs -= isinstance(item.what.event, RunEnded)
            else:
                self.text = item.what.text if item.what.fresh else self.text + item.what.text
            async with self.changed:
                self.changed.notify_all()
            if runs == 0:
                break
        return self

    def take(self, record: Record) -> None:
        """Take in a record."""
        self.seqs.append(record.seq)
        match record.event:
            case ModelAnswered():
                self.answers.append((self.text, record.event.text))
                self.text = ""
            case ModelAsked() | ModelFailed() | RunResumed():
                if self.text:
                    self.void.append(self.text)
                self.text = ""
            case _:
                pass

    async def until(self, text: str) -> None:
        """Wait until exactly this is shown."""
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(lambda: self.text == text)
