"""Checks: feedback on an output from outside of the one who made it: from code, from a tool, from a model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import cast

import msgspec

from remit.core.errors import ConfigError
from remit.core.messages import Call
from remit.core.moves import Brief, Door, GiveUp, run
from remit.core.shape import shape
from remit.core.values import JsonObject, JsonValue
from remit.strategies.doors import ask_alone, succeeded
from remit.strategies.prompts import Prompts
from remit.strategies.template import as_text, items


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong with an output."""

    text: str
    """What, so that a model can put it right."""
    weight: float = 1.0
    """How bad, above 0: the output whose findings weigh least is the best."""

    def __post_init__(self) -> None:
        """Refuse a weight that could not be compared."""
        if not 0 < self.weight < inf:
            raise ValueError(f"a weight is above 0 and finite, not {self.weight!r}")


class _Critique(msgspec.Struct, frozen=True):
    """What a critic answers."""

    findings: tuple[Finding, ...]


CodeCheck = Callable[[JsonValue], Sequence[Finding]]
"""A pure function of an output: a replay calls it again and must get the same."""


@dataclass(frozen=True, slots=True)
class ToolCheck:
    """A call whose outcome is the feedback; see `by_tool`."""

    tool: str
    args: Callable[[JsonValue], JsonObject]
    read: CodeCheck


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """A model that is shown the task and the output, and nothing else; see `by_model`."""

    role: str


Check = CodeCheck | ToolCheck | ModelCheck


def by_tool(tool: str, args: Callable[[JsonValue], JsonObject], *, read: CodeCheck | None = None) -> ToolCheck:
    """Make a check of a tool call with arguments made from the output; it goes through the gateway as every call does.

    A call that fails is one finding; `read` finds more in what a call gives that went well. Both functions are pure.
    """
    return ToolCheck(tool, args, read or _nothing)


def by_model(role: str = "critic") -> ModelCheck:
    """Make a check of a model's critique; a role without a model of its own is played by the default one."""
    return ModelCheck(role)


def as_checks(check: Check | Sequence[Check] | None, role: str) -> tuple[Check, ...]:
    """Give what was declared as a row of checks: a critic when nothing was; raise `ConfigError` for an empty row."""
    if check is None:
        return (by_model(role),)
    checks = tuple(cast("Sequence[Check]", check)) if isinstance(check, Sequence) else (check,)
    if not checks:
        raise ConfigError("no check is given; leave `check` out for a critic")
    return checks


def findings(checks: Sequence[Check], brief: Brief, output: JsonValue, prompts: Prompts) -> Door[tuple[Finding, ...]]:
    """Make all checks of an output, for only then do two outputs compare; give up when one cannot be made."""
    found: list[Finding] = []
    try:
        for check in checks:
            found.extend((yield from _found(check, brief, output, prompts)))
    except GiveUp as stop:
        raise GiveUp(f"the output could not be checked: {stop.reason}", {"unchecked": output}) from stop
    return tuple(found)


def weight(found: Sequence[Finding]) -> float:
    """Say how bad findings are together; 0 when there are none."""
    return sum(finding.weight for finding in found)


def listed(found: Sequence[Finding]) -> str:
    """Write findings for a model, the gravest first."""
    return items(finding.text for finding in sorted(found, key=lambda finding: -finding.weight))


def as_json(found: Sequence[Finding]) -> JsonValue:
    """Give findings as plain JSON, equal to what a journal gives back."""
    return [{"text": finding.text, "weight": float(finding.weight)} for finding in found]


def _found(check: Check, brief: Brief, output: JsonValue, prompts: Prompts) -> Door[Sequence[Finding]]:
    match check:
        case ToolCheck(tool):
            if tool not in brief.tools:
                raise GiveUp(f"the agent has no tool {tool!r}; it has: {', '.join(brief.tools) or 'none'}")
            return (yield from _called(check, output))
        case ModelCheck(role):
            say = prompts.text("critique", task=brief.task, output=as_text(output))
            return cast("_Critique", (yield from ask_alone(shape(_Critique), say, role=role))).findings
        case _:
            return check(output)


def _called(check: ToolCheck, output: JsonValue) -> Door[Sequence[Finding]]:
    (outcome,) = yield from run([Call(check.tool, check.args(output))])
    if outcome.status == "denied":
        # It says something of the check, and nothing of the output.
        raise GiveUp(f"{check.tool}: {as_text(outcome.output)}")
    if not succeeded(outcome):
        return (Finding(f"{check.tool} failed: {as_text(outcome.output)}"),)
    if outcome.blob and check.read is not _nothing:
        # Half a report would be read as a whole one.
        head = as_text(outcome.output)
        return (Finding(f"{check.tool} gave {outcome.size} bytes, too many to read. They begin: {head}"),)
    return check.read(outcome.output)


def _nothing(output: JsonValue) -> Sequence[Finding]:
    """Find nothing."""
    return ()
