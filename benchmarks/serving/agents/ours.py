"""Ours: the agent that `remit serve` serves."""

from benchmarks.serving.words import answer
from remit import Agent, Limits
from remit.core.messages import Usage, UserMessage
from remit.core.ports import Delta, Emit, ModelSpec, Reply, Request
from remit.models import FlatPrice

USAGE = Usage(120, 20)


class Speaking:
    """A model that answers at once, piece by piece."""

    spec = ModelSpec("scripted", FlatPrice(input=0.15, output=0.6))

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Answer the last message."""
        last = request.messages[-1]
        assert isinstance(last, UserMessage)
        said: list[str] = []
        async for piece in answer(last.text):
            emit(Delta(piece))
            said.append(piece)
        return Reply("".join(said), usage=USAGE)


agent = Agent("bench", Speaking(), limits=Limits(usd=1000.0))
