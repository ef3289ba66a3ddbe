"""Remit: its own clients, one for each wire."""

import gc
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

from benchmarks.wires.ruler import INSTRUCTIONS, MAX_OUTPUT, TASK, TOOL, Conversation, Talk, Wire, result, serve
from remit.core.messages import AssistantMessage, Call, Message, Outcome, ToolMessage, UserMessage
from remit.core.ports import Delta, Model, Request, ToolSpec
from remit.core.values import JsonObject
from remit.models.wires.anthropic import AnthropicMessages
from remit.models.wires.client import WireModel
from remit.models.wires.openai_chat import OpenAIChat
from remit.models.wires.openai_responses import OpenAIResponses
from remit.models.wires.port import Wire as Spoken

TOOLS = (ToolSpec(name=TOOL[0], description=TOOL[1], schema=cast("JsonObject", TOOL[2]), effect="read"),)


def wire(name: Wire) -> Spoken:
    """Return one of our wires."""
    match name:
        case "chat":
            return OpenAIChat("bench")
        case "responses":
            return OpenAIResponses("bench")
        case "messages":
            return AnthropicMessages("bench")


def exchanged(number: int) -> tuple[AssistantMessage, ToolMessage]:
    """Return a call of the tool and its result."""
    call = Call(TOOL[0], {"order": number}, f"c1_{2 * number}_0")
    return AssistantMessage("", (call,)), ToolMessage(Outcome(call.id, output=result(number)), TOOL[0])


def quiet(delta: Delta) -> None:
    """Let the text go by."""


class Talking:
    """A conversation as a session keeps it: its messages, and what the wire made of them."""

    def __init__(self, client: Model) -> None:
        self._client = client
        self._messages: list[Message] = [UserMessage(TASK)]
        self._memo: dict[object, object] = {}

    def step(self, number: int) -> None:
        self._messages += exchanged(number)

    async def ask(self) -> str:
        request = Request(self._messages, INSTRUCTIONS, TOOLS, max_output=MAX_OUTPUT, memo=self._memo)
        return (await self._client.complete(request, quiet)).text


@asynccontextmanager
async def open_client(url: str, name: Wire) -> AsyncGenerator[Talk]:
    # As the command line does: young garbage is looked for less often.
    gc.set_threshold(50_000, 20, 20)
    client = WireModel(wire(name), name="bench", url=f"{url}/v1", key=lambda: "bench")

    def talk() -> Conversation:
        return Talking(client)

    yield talk


if __name__ == "__main__":
    serve(open_client)
