"""LangGraph without a saver: the same graph, nothing kept. The fastest it can be, hence the bar for W1 in memory."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from benchmarks.child import serve
from benchmarks.rig import Place, Rig, UnsupportedError
from benchmarks.systems.langgraph import LangGraphRig


@asynccontextmanager
async def open_rig(place: Place) -> AsyncGenerator[Rig]:
    """Open the graph with no saver."""
    if place is not None:
        raise UnsupportedError("without a saver nothing is stored")
    yield LangGraphRig(None)


if __name__ == "__main__":
    serve(open_rig)
