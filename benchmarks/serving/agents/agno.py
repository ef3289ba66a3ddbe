"""Agno: the agent under AgentOS, over its SQLite database. `python -m benchmarks.serving.agents.agno PORT FOLDER`."""

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import uvicorn
from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.models.base import Model
from agno.models.message import Message
from agno.models.response import ModelResponse
from agno.os import AgentOS

from benchmarks.serving.words import answer


class Speaking(Model):
    """A model that answers at once, piece by piece."""

    async def ainvoke_stream(
        self, messages: list[Message], assistant_message: Message, **kwargs: object
    ) -> AsyncIterator[ModelResponse]:
        """Answer the last message."""
        async for piece in answer(str(messages[-1].content)):
            yield ModelResponse(role="assistant", content=piece)

    def invoke(self, *args: object, **kwargs: object) -> ModelResponse:
        """Refuse."""
        raise NotImplementedError("streamed only")

    async def ainvoke(self, *args: object, **kwargs: object) -> ModelResponse:
        """Refuse."""
        raise NotImplementedError("streamed only")

    def invoke_stream(self, *args: object, **kwargs: object) -> Iterator[ModelResponse]:
        """Refuse."""
        raise NotImplementedError("async only")

    def _parse_provider_response(self, response: object, **kwargs: object) -> ModelResponse:
        raise NotImplementedError("no provider")

    def _parse_provider_response_delta(self, response: object) -> ModelResponse:
        raise NotImplementedError("no provider")


def main() -> None:
    """Serve until killed."""
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    db = SqliteDb(db_file=str(folder / "agno.db"))
    agent = Agent(id="bench", model=Speaking(id="scripted"), db=db, add_history_to_context=True, telemetry=False)
    app = AgentOS(agents=[agent], telemetry=False).get_app()
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False, backlog=2048)


if __name__ == "__main__":
    main()
