"""Agno: its `Agent`; durable with its SQLite database and a checkpoint after every batch of tools.

The database is the synchronous one: at W2 it took half the time of `AsyncSqliteDb`, at W1 as long.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from json import dumps
from pathlib import Path

from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.models.base import Model
from agno.models.message import Message
from agno.models.response import ModelResponse
from agno.run.agent import RunOutput
from agno.tools import Function, tool

from benchmarks.child import serve
from benchmarks.rig import Place, Rig, UnsupportedError
from benchmarks.world import LOOKUP_DOC, PAY_DOC, WORLD, Call, hold_prompt, run_prompt


class ScriptedModel(Model):
    """A model that asks the world what to do next."""

    async def ainvoke(self, messages: list[Message], assistant_message: Message, **kwargs: object) -> ModelResponse:
        assistant_message.metrics.start_timer()
        move = await WORLD.think(str(messages[0].content), len(messages) // 2)
        assistant_message.metrics.stop_timer()
        return spoken(move)

    def invoke(self, *args: object, **kwargs: object) -> ModelResponse:
        raise NotImplementedError("async only")

    def invoke_stream(self, *args: object, **kwargs: object) -> Iterator[ModelResponse]:
        raise NotImplementedError("async only")

    def ainvoke_stream(self, *args: object, **kwargs: object) -> AsyncIterator[ModelResponse]:
        raise NotImplementedError("not streamed")

    def _parse_provider_response(self, response: object, **kwargs: object) -> ModelResponse:
        raise NotImplementedError("no provider")

    def _parse_provider_response_delta(self, response: object) -> ModelResponse:
        raise NotImplementedError("no provider")


def spoken(move: Call | str) -> ModelResponse:
    """Return a move of the script as Agno's response."""
    if isinstance(move, str):
        return ModelResponse(role="assistant", content=move)
    function = {"name": move.tool, "arguments": dumps({"order": move.order})}
    return ModelResponse(role="assistant", tool_calls=[{"id": move.id, "type": "function", "function": function}])


@tool(description=LOOKUP_DOC)
async def lookup(order: int) -> str:
    return await WORLD.lookup(order)


@tool(description=PAY_DOC, requires_confirmation=True)
async def pay(order: int) -> str:
    return await WORLD.pay(order)


def agent(db: SqliteDb | None, tools: list[Function]) -> Agent:
    """Return an agent that, over a database, stores its run after every batch of tools."""
    checkpoint = None if db is None else "tool-batch"
    return Agent(model=ScriptedModel(id="scripted"), tools=tools, db=db, checkpoint=checkpoint, telemetry=False)


class AgnoRig:
    """Agents over one database; a session of the bench is a session of Agno."""

    def __init__(self, db: SqliteDb | None) -> None:
        self._agent = agent(db, [lookup])
        self._asking = agent(db, [lookup, pay])

    async def run(self, session: str, steps: int) -> str:
        output: RunOutput = await self._agent.arun(run_prompt(steps), session_id=session)
        return str(output.content)

    async def suspend(self, session: str, steps: int) -> None:
        output: RunOutput = await self._asking.arun(hold_prompt(steps), session_id=session, run_id=f"{session}-run")
        if not output.is_paused:
            raise UnsupportedError(f"the run is {output.status}, not paused")

    async def approve(self, session: str) -> str:
        run_id = f"{session}-run"
        paused = await self._asking.aget_run_output(run_id=run_id, session_id=session)
        assert isinstance(paused, RunOutput), f"run {run_id!r} was not stored"
        for requirement in paused.active_requirements:
            requirement.confirm()
        output: RunOutput = await self._asking.acontinue_run(
            run_id=run_id, session_id=session, requirements=paused.requirements
        )
        return str(output.content)

    def fsyncs(self) -> int | None:
        return None


@asynccontextmanager
async def open_rig(place: Place) -> AsyncGenerator[Rig]:
    """Open the agent over its SQLite database, or without one."""
    if not isinstance(place, Path):
        yield AgnoRig(None)
        return
    db = SqliteDb(db_file=str(place / "agno.db"))
    yield AgnoRig(db)
    db.close()


if __name__ == "__main__":
    serve(open_rig)
