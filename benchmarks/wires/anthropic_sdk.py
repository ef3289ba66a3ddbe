"""The official `anthropic` package, streaming, as its documentation shows it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from anthropic import AsyncAnthropic

from benchmarks.wires.ruler import INSTRUCTIONS, MAX_OUTPUT, TASK, TOOL, Conversation, Talk, Wire, result, serve

TOOLS: list[Any] = [{"name": TOOL[0], "description": TOOL[1], "input_schema": TOOL[2]}]


class Talking:
    """Messages; the history is a list of plain dicts."""

    def __init__(self, client: AsyncAnthropic) -> None:
        self._client = client
        self._messages: list[Any] = [{"role": "user", "content": TASK}]

    def step(self, number: int) -> None:
        name = f"c1_{2 * number}_0"
        use = {"type": "tool_use", "id": name, "name": TOOL[0], "input": {"order": number}}
        self._messages += [
            {"role": "assistant", "content": [use]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": name, "content": result(number)}]},
        ]

    async def ask(self) -> str:
        stream = await self._client.messages.create(
            model="bench",
            system=INSTRUCTIONS,
            messages=self._messages,
            tools=TOOLS,
            max_tokens=MAX_OUTPUT,
            stream=True,
        )
        events = [event async for event in stream if event.type == "content_block_delta"]
        return "".join(event.delta.text for event in events if event.delta.type == "text_delta")


@asynccontextmanager
async def open_client(url: str, wire: Wire) -> AsyncGenerator[Talk]:
    async with AsyncAnthropic(base_url=url, api_key="bench", max_retries=0) as client:

        def talk() -> Conversation:
            return Talking(client)

        yield talk


if __name__ == "__main__":
    serve(open_client)
