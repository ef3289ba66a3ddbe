"""The official `openai` package, streaming, as its documentation shows it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from openai import AsyncOpenAI

from benchmarks.wires.ruler import INSTRUCTIONS, MAX_OUTPUT, TASK, TOOL, Conversation, Talk, Wire, result, serve

NAME, DESCRIPTION, SCHEMA = TOOL
CHAT_TOOLS: list[Any] = [
    {"type": "function", "function": {"name": NAME, "description": DESCRIPTION, "parameters": SCHEMA}}
]
RESPONSES_TOOLS: list[Any] = [
    {"type": "function", "name": NAME, "description": DESCRIPTION, "parameters": SCHEMA, "strict": False}
]


class Chatting:
    """Chat completions; the history is a list of plain dicts, which is what the package walks least slowly."""

    def __init__(self, client: AsyncOpenAI) -> None:
        self._client = client
        self._messages: list[Any] = [
            {"role": "system", "content": INSTRUCTIONS},
            {"role": "user", "content": TASK},
        ]

    def step(self, number: int) -> None:
        call = {"name": NAME, "arguments": f'{{"order": {number}}}'}
        name = f"c1_{2 * number}_0"
        self._messages += [
            {"role": "assistant", "tool_calls": [{"id": name, "type": "function", "function": call}]},
            {"role": "tool", "tool_call_id": name, "content": result(number)},
        ]

    async def ask(self) -> str:
        stream = await self._client.chat.completions.create(
            model="bench",
            messages=self._messages,
            tools=CHAT_TOOLS,
            max_completion_tokens=MAX_OUTPUT,
            stream=True,
            stream_options={"include_usage": True},
        )
        pieces = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
        return "".join(pieces)


class Responding:
    """Responses, with nothing stored at the provider."""

    def __init__(self, client: AsyncOpenAI) -> None:
        self._client = client
        self._items: list[Any] = [{"role": "user", "content": TASK}]

    def step(self, number: int) -> None:
        name = f"c1_{2 * number}_0"
        arguments = f'{{"order": {number}}}'
        self._items += [
            {"type": "function_call", "call_id": name, "name": NAME, "arguments": arguments},
            {"type": "function_call_output", "call_id": name, "output": result(number)},
        ]

    async def ask(self) -> str:
        stream = await self._client.responses.create(
            model="bench",
            instructions=INSTRUCTIONS,
            input=self._items,
            tools=RESPONSES_TOOLS,
            max_output_tokens=MAX_OUTPUT,
            store=False,
            stream=True,
        )
        return "".join([event.delta async for event in stream if event.type == "response.output_text.delta"])


@asynccontextmanager
async def open_client(url: str, wire: Wire) -> AsyncGenerator[Talk]:
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="bench", max_retries=0) as client:

        def talk() -> Conversation:
            return Chatting(client) if wire == "chat" else Responding(client)

        yield talk


if __name__ == "__main__":
    serve(open_client)
