"""Pydantic AI: a plain agent in memory; durable with DBOS on its system database, the tools as DBOS steps.

`DBOSAgent` is deprecated in favour of the `DBOSDurability` capability, which is used here. The capability makes steps
of model calls only; as its documentation advises, tools that touch the world are made steps by the decorator.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from dbos import DBOS, SetWorkflowID
from pydantic_ai import Agent, DeferredToolRequests, DeferredToolResults, Tool, UsageLimits
from pydantic_ai.durable_exec.dbos import DBOSDurability
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart, ToolCallPart, UserPromptPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.usage import RequestUsage

from benchmarks.child import serve
from benchmarks.rig import Place, Rig, UnsupportedError
from benchmarks.world import LOOKUP_DOC, PAY_DOC, WORLD, Call, hold_prompt, run_prompt

LIMITS = UsageLimits(request_limit=None)
APPROVAL_SECONDS = 7 * 86_400.0
APPROVAL = "approval"


def first_prompt(messages: list[ModelMessage]) -> str:
    """Return the prompt the session began with."""
    first = messages[0]
    assert isinstance(first, ModelRequest)
    part = first.parts[0]
    assert isinstance(part, UserPromptPart)
    return str(part.content)


async def scripted(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    """Ask the world what to do next."""
    move = await WORLD.think(first_prompt(messages), len(messages) // 2)
    # Without a usage of its own the test double would count the whole history's tokens at every step.
    return ModelResponse(parts=[spoken(move)], usage=RequestUsage(input_tokens=100, output_tokens=20))


def spoken(move: Call | str) -> TextPart | ToolCallPart:
    """Return a move of the script as Pydantic AI's part."""
    if isinstance(move, str):
        return TextPart(move)
    return ToolCallPart(move.tool, {"order": move.order}, tool_call_id=move.id)


async def lookup(order: int) -> str:
    return await WORLD.lookup(order)


@DBOS.step()
async def lookup_step(order: int) -> str:
    return await WORLD.lookup(order)


@DBOS.step()
async def pay_step(order: int) -> str:
    return await WORLD.pay(order)


LOOKUP = Tool(lookup, name="lookup", description=LOOKUP_DOC)
LOOKUP_STEP = Tool(lookup_step, name="lookup", description=LOOKUP_DOC)
PAY_STEP = Tool(pay_step, name="pay", description=PAY_DOC, requires_approval=True)

PLAIN = Agent(FunctionModel(scripted), tools=[LOOKUP])
DURABLE = Agent(FunctionModel(scripted), name="bench", tools=[LOOKUP_STEP], capabilities=[DBOSDurability()])
# Apart from the others, because a second tool and a second type of output make every step dearer.
ASKING = Agent(
    FunctionModel(scripted),
    name="bench-asking",
    output_type=[str, DeferredToolRequests],
    tools=[LOOKUP_STEP, PAY_STEP],
    capabilities=[DBOSDurability()],
)

WAITING: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
"""Set when a workflow begins to wait; for the bench, which must know when a session sleeps."""


@DBOS.workflow()
async def converse(prompt: str) -> str:
    """Run the agent to its answer."""
    result = await DURABLE.run(prompt, usage_limits=LIMITS)
    return result.output


@DBOS.workflow()
async def converse_asking(session: str, prompt: str) -> str:
    """Run the agent to its answer; where it defers a call, wait for a message that approves it."""
    result = await ASKING.run(prompt, usage_limits=LIMITS)
    while isinstance(result.output, DeferredToolRequests):
        calls = result.output.approvals
        WAITING[session].set()
        granted = await DBOS.recv_async(APPROVAL, timeout_seconds=APPROVAL_SECONDS) == "granted"
        results = DeferredToolResults(approvals={call.tool_call_id: granted for call in calls})
        history = result.all_messages()
        result = await ASKING.run(message_history=history, deferred_tool_results=results, usage_limits=LIMITS)
    return str(result.output)


class PlainRig:
    """The agent without durability."""

    async def run(self, session: str, steps: int) -> str:
        result = await PLAIN.run(run_prompt(steps), usage_limits=LIMITS)
        return result.output

    async def suspend(self, session: str, steps: int) -> None:
        raise UnsupportedError("nothing waits without a store")

    async def approve(self, session: str) -> str:
        raise UnsupportedError("nothing waits without a store")

    def fsyncs(self) -> int | None:
        return None


class DbosRig:
    """The agent inside a DBOS workflow; a session is a workflow id."""

    async def run(self, session: str, steps: int) -> str:
        with SetWorkflowID(session):
            return await converse(run_prompt(steps))

    async def suspend(self, session: str, steps: int) -> None:
        WAITING.pop(session, None)
        with SetWorkflowID(session):
            await DBOS.start_workflow_async(converse_asking, session, hold_prompt(steps))
        await WAITING[session].wait()

    async def approve(self, session: str) -> str:
        await DBOS.send_async(session, "granted", APPROVAL)
        handle = await DBOS.retrieve_workflow_async(session)
        return str(await handle.get_result())

    def fsyncs(self) -> int | None:
        return None


@asynccontextmanager
async def open_rig(place: Place) -> AsyncGenerator[Rig]:
    """Open DBOS over a SQLite file or a database, or the plain agent."""
    if place is None:
        yield PlainRig()
        return
    url = place if isinstance(place, str) else f"sqlite:///{place / 'dbos.sqlite'}"
    DBOS(config={"name": "bench", "system_database_url": url, "log_level": "ERROR", "application_version": "1"})
    DBOS.launch()
    try:
        yield DbosRig()
    finally:
        DBOS.destroy()


if __name__ == "__main__":
    serve(open_rig)
