"""A stage for policies: a few tools, a session that stands somehow, and a guard over both."""

from collections.abc import Mapping, Sequence

from remit.core.events import (
    EffectEnded,
    Event,
    MessageReceived,
    ModelAnswered,
    ModelAsked,
    RunOpened,
    SessionOpened,
    Tree,
)
from remit.core.limits import Limits
from remit.core.messages import Call, Outcome
from remit.core.ports import Verdict
from remit.core.state import State
from remit.core.toolspec import EffectClass, ToolSpec
from remit.core.values import JsonObject, JsonValue, nanos
from remit.policy.cedar import CedarPolicies

FRIDAY = 1_767_953_096.5
"""2026-01-09 10:04:56.5 UTC, in seconds since the epoch."""


def spec(name: str, effect: EffectClass = "read", *, required: Sequence[str] = (), **properties: JsonValue) -> ToolSpec:
    """Make a contract."""
    schema: JsonObject = {"type": "object", "properties": dict(properties), "required": [*required]}
    return ToolSpec(name=name, description="", schema=schema, effect=effect)


ISSUE = ToolSpec(
    name="create_issue",
    description="",
    schema={
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "priority": {"type": "integer"},
            "budget": {"type": "number"},
            "labels": {"type": "array", "items": {"type": "string"}},
            "customer": {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
            "notify": {"type": "boolean", "default": True},
            "due": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        },
        "required": ["title"],
    },
    effect="once",
    owner="support",
    source="openapi:jira",
    hosts=("jira.test",),
    labels=("internal",),
)
FIND = spec("find", q={"type": "string"}, required=["q"])
WIPE = ToolSpec(name="wipe", description="", schema={"type": "object", "properties": {}}, dangerous=True)
TOOLS = (ISSUE, FIND, WIPE)


def opened(*, agent: str = "helper", tenant: str = "acme", users: Sequence[str] = ("ann",), depth: int = 0) -> State:
    """Open a session with a run of these people."""
    events: list[Event] = [
        SessionOpened(agent, "1", "react@1", {}, tenant, Tree("s-1", depth=depth), Limits(), {}),
        *(MessageReceived("hi", by=user) for user in users),
        RunOpened(1, "react@1", "w", 0),
    ]
    return State.fold(events)


def spent(usd: float, *, labels: Sequence[str] = ()) -> State:
    """Open a session that has spent so much on a model, and was given an answer with labels."""
    state = opened()
    state.apply(ModelAsked("0"))
    state.apply(ModelAnswered("0", "", (Call("find", {"q": "x"}, "c1_0_0"),), cost=nanos(usd)))
    state.apply(EffectEnded(Outcome("c1_0_0"), labels=tuple(labels)))
    return state


def guard(text: str, tools: Sequence[ToolSpec] = TOOLS) -> CedarPolicies:
    """Make a guard of one file, on a Friday morning."""
    return CedarPolicies({"a.cedar": text}, tools, clock=lambda: FRIDAY)


def judged(
    policies: CedarPolicies, tool: ToolSpec, args: Mapping[str, JsonValue] | None = None, state: State | None = None
) -> Verdict:
    """Judge a call."""
    return policies.check(Call(tool.name, dict(args or {}), "c1"), tool, state or opened())
