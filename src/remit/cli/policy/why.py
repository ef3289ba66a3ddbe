"""`remit policy why`: asks every guard of an agent again about a call, as things stood when it was first judged."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, cast

import msgspec

from remit.cli import exits
from remit.cli.places import find, stored
from remit.cli.policy.judgements import Judgement, judgements
from remit.cli.resuming import know
from remit.cli.screen import Screen
from remit.core.agent import Agent
from remit.core.messages import Call
from remit.core.ports import Guard, Verdict
from remit.core.state import State
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonObject
from remit.policy import judge
from remit.runtime import Toolsets
from remit.telemetry import call_text, json_text


class _Policy(Protocol):
    id: str
    place: str
    text: str


class _Explained(Protocol):
    verdict: Verdict
    policies: Sequence[_Policy]
    others: Sequence[_Policy]
    errors: Sequence[str]
    request: JsonObject


class _Explaining(Protocol):
    """A guard that can say more: policies in Cedar, which an agent may lack, and their extra with them."""

    def explain(self, call: Call, spec: ToolSpec, state: State, *, at: float) -> _Explained: ...


@dataclass(frozen=True, slots=True)
class _Heard:
    """What a guard says."""

    guard: str
    verdict: Verdict
    explained: _Explained | None = None

    def check(self, call: Call, spec: ToolSpec, state: State) -> Verdict:
        """Say it again."""
        return msgspec.structs.replace(self.verdict, guard=self.verdict.guard or self.guard)


async def main(args: argparse.Namespace) -> int:
    """Say it for each call that is meant."""
    screen = Screen(out=args.out, json=args.json)
    async with stored(args.store) as store:
        session = await find(store, args.session)
        records = await store.read(session)
    found = judgements(records, args.step)
    known = await know(args.store, session, args.agent)
    agent = known.agent.agent
    specs = await _specs(agent, {judgement.call.tool for judgement in found})
    for judgement in found:
        _tell(screen, judgement, (*known.settings.guards, *agent.guards), specs.get(judgement.call.tool))
    return exits.DONE


async def _specs(agent: Agent, wanted: set[str]) -> dict[str, ToolSpec]:
    own = {tool.spec.name: tool.spec for tool in agent.tools}
    if wanted <= own.keys() or not agent.toolsets:
        return own
    toolsets = Toolsets()
    try:
        return {name: tool.spec for name, tool in (await toolsets.tools(agent)).items()}
    finally:
        await toolsets.close()


def _tell(screen: Screen, judgement: Judgement, guards: Sequence[Guard], spec: ToolSpec | None) -> None:
    state = judgement.state()
    heard = [] if spec is None else _heard(guards, judgement, spec, state)
    total = None if spec is None else judge(heard, judgement.call, spec, state)
    if screen.json:
        screen.result(_told(judgement, heard, total))
        return
    moment = datetime.fromtimestamp(judgement.at / 1000, UTC)
    screen.say(f"{judgement.call.id}  {call_text(judgement.call)}  {moment:%Y-%m-%d %H:%M:%S} UTC", "bold")
    if spec is None:
        screen.say(f"the agent has no tool {judgement.call.tool!r}, so no guard can be asked", "yellow")
    for one in heard:
        screen.say(f"  {one.guard}: {_words(one.verdict)}")
        if one.explained is not None:
            _explain(screen, one.explained)
    if total is not None:
        screen.say(f"so today: {_words(total)}{f' ({total.guard})' if total.guard else ''}", "bold")
    _recall(screen, judgement)


def _heard(guards: Sequence[Guard], judgement: Judgement, spec: ToolSpec, state: State) -> list[_Heard]:
    call, heard = judgement.call, list[_Heard]()
    for guard in guards:
        one = _ask(guard, call, spec, state, judgement.at / 1000)
        heard.append(one)
        if one.verdict.kind == "redact" and one.verdict.args is not None:
            call = msgspec.structs.replace(call, args=one.verdict.args)
    return heard


def _ask(guard: Guard, call: Call, spec: ToolSpec, state: State, at: float) -> _Heard:
    name = type(guard).__name__
    try:
        if hasattr(guard, "explain"):
            explained = cast("_Explaining", guard).explain(call, spec, state, at=at)
            return _Heard(name, explained.verdict, explained)
        return _Heard(name, guard.check(call, spec, state))
    except Exception as error:  # noqa: BLE001 - a rule that cannot be read is a no
        return _Heard(
            name, Verdict("deny", f"{name} could not judge this call ({type(error).__name__}: {error})", name)
        )


def _explain(screen: Screen, explained: _Explained) -> None:
    for policy in explained.policies:
        screen.say(f"    decided by `{policy.id}` in {policy.place}")
        for line in policy.text.splitlines():
            screen.say(f"      {line}", "dim")
    for policy in explained.others:
        screen.say(f"    not met: `{policy.id}` in {policy.place}")
    for error in explained.errors:
        screen.say(f"    {error}", "red")
    for name, value in explained.request.items():
        if name != "entities":
            screen.say(f"    {name}: {json_text(value)}", "dim")
    entities = explained.request.get("entities")
    for entity in entities if isinstance(entities, list) else ():
        screen.say(f"    entity: {json_text(entity)}", "dim")


def _recall(screen: Screen, judgement: Judgement) -> None:
    """Tell what the journal holds, which no later change to a policy changes."""
    said = list(judgement.said())
    for one in said:
        screen.say(f"journal: {one['by']} said {one['said']}{_because(str(one['reason']))}")
    outcome = judgement.outcome
    if not judgement.records:
        screen.say("journal: it has not been judged yet")
    elif not said and (outcome is None or outcome.status in {"ok", "simulated"} or judgement.unreached):
        screen.say("journal: no guard objected")
    if judgement.unreached:
        screen.say(f"journal: the host policy refused it: {judgement.unreached}")
    elif outcome is not None:
        screen.say(f"journal: {outcome.status}: {json_text(outcome.output)}")


def _told(judgement: Judgement, heard: Sequence[_Heard], total: Verdict | None) -> JsonObject:
    outcome = judgement.outcome
    return {
        "call": judgement.call.id,
        "tool": judgement.call.tool,
        "args": judgement.call.args,
        "at": judgement.at,
        "guards": [_told_guard(one) for one in heard],
        "now": None if total is None else {"verdict": total.kind, "reason": total.reason, "guard": total.guard},
        "recorded": list(judgement.said()),
        "outcome": None if outcome is None else {"status": outcome.status, "output": outcome.output},
        "unreached": judgement.unreached,
    }


def _told_guard(heard: _Heard) -> JsonObject:
    told: JsonObject = {"guard": heard.guard, "verdict": heard.verdict.kind, "reason": heard.verdict.reason}
    found = heard.explained
    if found is not None:
        told |= {
            "policies": [{"policy": one.id, "place": one.place, "text": one.text} for one in found.policies],
            "others": [{"policy": one.id, "place": one.place} for one in found.others],
            "errors": list(found.errors),
            "request": found.request,
        }
    return told


def _words(verdict: Verdict) -> str:
    return f"{verdict.kind}{_because(verdict.reason)}"


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""
