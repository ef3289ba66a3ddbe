"""A clerk in a process of its own: speaks word by word, and files what is counted where it arrives."""

import asyncio
import itertools
import os
from dataclasses import dataclass, field

from remit import Agent
from remit.core.messages import UserMessage
from remit.core.ports import Delta, Emit, ModelSpec, Reply, Request, ToolContext
from remit.models.prices import FREE
from remit.policy import AskBefore
from remit.testing import says, use
from remit.tools import tool

_WORDS = tuple(f"w\u00f6rd{number} " for number in range(8))
ONE_MORE = "one more"
"""A message for which it files but one paper."""


@dataclass(eq=False)
class Clerk:
    """Files so many papers for each message, then says that it is done; takes so many seconds for each answer."""

    papers: int
    seconds: float
    spec: ModelSpec = field(default_factory=lambda: ModelSpec("clerk", FREE))

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """See `Model.complete`."""
        for word in _WORDS:
            emit(Delta(word))
            await asyncio.sleep(self.seconds / len(_WORDS))
        since = list(itertools.takewhile(lambda one: not isinstance(one, UserMessage), reversed(request.messages)))
        task = request.messages[-1 - len(since)]
        papers = 1 if isinstance(task, UserMessage) and task.text == ONE_MORE else self.papers
        said = "".join(_WORDS)
        return says(said) if len(since) >= 2 * papers else says(said, use("file_paper", number=len(since) // 2))


@tool(effect="once")
async def file_paper(number: int, context: ToolContext) -> str:
    """File the paper of this number."""
    # One write to a file opened for appending is atomic, and survives the death of the process.
    cabinet = os.open(os.environ["CLERK_CABINET"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(cabinet, f"{context.session} {context.call} {context.key}\n".encode())
    finally:
        os.close(cabinet)
    await asyncio.sleep(float(os.environ.get("CLERK_FILING", "0.02")))
    return f"filed {number}"


agent = Agent(
    "clerk",
    Clerk(int(os.environ.get("CLERK_PAPERS", "3")), float(os.environ.get("CLERK_SECONDS", "0.1"))),
    tools=[file_paper],
    guards=[AskBefore("file_paper")] if "CLERK_ASKS" in os.environ else [],
    version=os.environ.get("CLERK_VERSION", "1"),
)
