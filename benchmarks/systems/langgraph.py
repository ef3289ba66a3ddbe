"""LangGraph: its documented agent graph (model node, `ToolNode`) over its own savers, durability "sync"."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import Command, interrupt
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from benchmarks.child import serve
from benchmarks.rig import Place, Rig
from benchmarks.world import LOOKUP_DOC, PAY_DOC, WORLD, Call, hold_prompt, run_prompt

RECURSION_LIMIT = 2_000


class ScriptedChat(BaseChatModel):
    """A chat model that asks the world what to do next."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: object,
    ) -> ChatResult:
        raise NotImplementedError("async only")

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: object,
    ) -> ChatResult:
        move = await WORLD.think(str(messages[0].content), len(messages) // 2)
        return ChatResult(generations=[ChatGeneration(message=spoken(move))])


def spoken(move: Call | str) -> AIMessage:
    """Return a move of the script as LangChain's message."""
    if isinstance(move, str):
        return AIMessage(move)
    call = {"name": move.tool, "args": {"order": move.order}, "id": move.id, "type": "tool_call"}
    return AIMessage("", tool_calls=[call])


@tool(description=LOOKUP_DOC)
async def lookup(order: int) -> str:
    return await WORLD.lookup(order)


@tool(description=PAY_DOC)
async def pay(order: int) -> str:
    if not interrupt({"approve": "pay", "order": order}):
        return "refused"
    return await WORLD.pay(order)


class LangGraphRig:
    """The agent graph compiled over one saver; a session is a thread."""

    def __init__(self, saver: BaseCheckpointSaver[str] | None) -> None:
        model = ScriptedChat()

        async def ask(state: MessagesState) -> dict[str, Sequence[BaseMessage]]:
            return {"messages": [await model.ainvoke(state["messages"])]}

        graph = StateGraph(MessagesState)
        graph.add_node("model", ask)
        graph.add_node("tools", ToolNode([lookup, pay]))
        graph.add_edge(START, "model")
        graph.add_conditional_edges("model", tools_condition)
        graph.add_edge("tools", "model")
        self._graph = graph.compile(checkpointer=saver)

    async def _invoke(self, session: str, given: dict[str, object] | Command[None]) -> dict[str, list[BaseMessage]]:
        config = {"configurable": {"thread_id": session}, "recursion_limit": RECURSION_LIMIT}
        durability = "sync" if self._graph.checkpointer else None
        return await self._graph.ainvoke(given, config, durability=durability)

    async def run(self, session: str, steps: int) -> str:
        state = await self._invoke(session, {"messages": [("user", run_prompt(steps))]})
        return str(state["messages"][-1].content)

    async def suspend(self, session: str, steps: int) -> None:
        state = await self._invoke(session, {"messages": [("user", hold_prompt(steps))]})
        assert state["__interrupt__"], f"thread {session!r} was not interrupted"

    async def approve(self, session: str) -> str:
        state = await self._invoke(session, Command(resume=True))
        return str(state["messages"][-1].content)

    def fsyncs(self) -> int | None:
        return None


@asynccontextmanager
async def open_rig(place: Place) -> AsyncGenerator[Rig]:
    """Open the graph over its SQLite saver, its PostgreSQL saver, or its saver in memory."""
    if place is None:
        yield LangGraphRig(InMemorySaver())
    elif isinstance(place, Path):
        async with AsyncSqliteSaver.from_conn_string(str(place / "threads.db")) as saver:
            yield LangGraphRig(saver)
    else:
        # A pool as its documentation has it; over the one connection of `from_conn_string` W2 would stand in line.
        options = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
        async with AsyncConnectionPool(place, max_size=20, kwargs=options, open=False) as pool:
            saver = AsyncPostgresSaver(pool)
            await saver.setup()
            yield LangGraphRig(saver)


if __name__ == "__main__":
    serve(open_rig)
