"""One call: an agent that makes exactly the call it is told to, through the gateway, with everything written down."""

from dataclasses import replace

import msgspec

from remit.core.agent import Agent
from remit.core.errors import ModelRequestError
from remit.core.messages import Call
from remit.core.moves import Brief, GiveUp, Strategy, run, versioned
from remit.core.ports import Emit, ModelSpec, Reply, Request
from remit.core.values import JsonObject


class Wanted(msgspec.Struct):
    """The call that somebody outside wants made."""

    tool: str
    args: JsonObject


@versioned("1")
def one_call(brief: Brief) -> Strategy:
    """Make the call that the task describes and give how it ended."""
    try:
        wanted = msgspec.json.decode(brief.task, type=Wanted)
    except msgspec.MsgspecError:
        raise GiveUp("the task is not one call") from None
    (outcome,) = yield from run([Call(wanted.tool, wanted.args)])
    return {"status": outcome.status, "output": outcome.output, "blob": outcome.blob}


def caller(agent: Agent) -> Agent:
    """Make the agent that calls another's tools: the same guards and limits, and no model."""
    return replace(agent, model=_NoModel(), roles={}, strategy=one_call, output=None, detectors=())


class _NoModel:
    @property
    def spec(self) -> ModelSpec:
        return ModelSpec("none")

    async def complete(self, request: Request, emit: Emit) -> Reply:
        raise ModelRequestError("whoever makes single calls has no model to ask")
