"""Found: a tool of the registry, compared with what was reviewed, and what an agent is given of it."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
from msgspec.structs import replace

from remit.core.errors import ConfigError
from remit.core.ports import Tool
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonValue
from remit.tools.contracts import Change, Contract, Drift, DriftVerdict, Lock, contract_of, suspicions
from remit.tools.registry.contracted import Contracted
from remit.tools.registry.ground import Taken
from remit.tools.registry.settings import applied

Status = Literal["current", "deprecated", "new", "drifted", "withheld"]
"""As reviewed; so, but no longer to be used; never reviewed; changed, and allowed; kept from agents."""

_UNLOCKED = "unlocked"
"""The rule by which a tool was never reviewed."""

_FIELD = re.compile(r"[\w.\[\]$-]{1,80}")
_DEEPEST = 100
_MOST = 5
"""Fields that are named in the reason for which a tool is kept from a session."""


@dataclass(frozen=True, slots=True)
class Found:
    """A tool, as an agent gets it, and how it stands to what was reviewed."""

    tool: Tool
    """With the contract an agent is shown: the reviewed one, or the one of now where a breaking change is allowed.

    One that is withheld and that nobody has reviewed has no words, no arguments and no answer.
    """
    now: ToolSpec
    """What its source and the project say of it now."""
    contract: Contract
    """What of this is to be reviewed, or was. That the project deprecates it is not."""
    source: str
    """The name of its source."""
    verdict: DriftVerdict
    status: Status

    @property
    def name(self) -> str:
        """What it is called."""
        return self.now.name

    @property
    def changes(self) -> tuple[Change, ...]:
        """What is to be looked at; that it is new is no change of it."""
        return tuple(change for change in self.verdict.changes if change.rule != _UNLOCKED)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All tools of a project, as far as their sources can be opened."""

    found: tuple[Found, ...]
    broken: Mapping[str, str]
    """Why sources cannot be used, by their names; also what is said of tools that no source has, by `tools.NAME`."""
    left_out: Mapping[str, Mapping[str, str]]
    """Why tools of a source cannot be offered, by the source's names."""


def specified(taken: Taken, source: str) -> ToolSpec:
    """Give a tool's contract with all that its source and the project say; `source` is as `openapi:jira`."""
    spec = taken.tool.spec
    found = applied(taken.settings, replace(spec, source=source))
    # Where its source says that it goes it goes, whatever else is said.
    found = replace(found, hosts=tuple(dict.fromkeys((*found.hosts, *taken.hosts))))
    problem = _unfit(found)
    if problem:
        raise ConfigError(f"tool {found.name!r} {problem}, so nobody can review it; mend it at its source")
    return found


def _unfit(spec: ToolSpec) -> str:
    """Say why a contract can neither be compared nor written down."""
    if depth([spec.schema, spec.output], _DEEPEST) > _DEEPEST:
        return f"has a schema that is nested more than {_DEEPEST} deep"
    try:
        msgspec.json.encode(contract_of(spec))
    except (UnicodeEncodeError, TypeError, ValueError, OverflowError) as error:
        return f"has a contract that is no JSON ({type(error).__name__})"
    return ""


def depth(value: JsonValue, most: int) -> int:
    """Count how deep a value is nested; one more than `most` for all that is deeper."""
    deepest, todo = 0, [(value, 1)]
    while todo and deepest <= most:
        here, level = todo.pop()
        deepest = max(deepest, level)
        inner = here.values() if isinstance(here, dict) else here if isinstance(here, list) else ()
        todo.extend((one, level + 1) for one in inner)
    return deepest


def judged(taken: Taken, spec: ToolSpec, source: str, lock: Lock, drift: Drift, known: Collection[str]) -> Found:
    """Compare a tool with what was reviewed, and give it as the policy wants it."""
    locked = lock.get(spec.name)
    contract = contract_of(replace(spec, deprecated=taken.tool.spec.deprecated))
    if taken.standing_in and locked is not None:
        contract = replace(contract, hosts=locked.contract.hosts)
    verdict = drift.judge(locked, contract, known)
    shown = _shown(spec, verdict, taken.settings.deprecated)
    status = _status(shown, verdict, new=locked is None)
    return Found(Contracted(taken.tool, shown), spec, contract, source, verdict, status)


def refusal(refused: Sequence[Found]) -> ConfigError:
    """Say that an agent cannot be started with tools."""
    lines = [f"tool {one.name!r} of source {one.source!r} is refused: {one.verdict.why()}" for one in refused]
    names = " ".join(one.name for one in refused)
    return ConfigError(
        "\n".join((*lines, f"look at it with `remit tools diff {names}`, review it with `remit tools lock {names}`"))
    )


def _shown(spec: ToolSpec, verdict: DriftVerdict, deprecated: str) -> ToolSpec:
    reviewed = verdict.reviewed
    if reviewed is not None:
        spec = replace(
            spec,
            description=reviewed.description,
            schema=reviewed.schema,
            output=reviewed.output,
            deprecated=deprecated or reviewed.deprecated,
        )
    elif verdict.action != "allow":
        # Whoever forgets to look whether it is withheld must not pass on what nobody has read.
        spec = replace(spec, description="", schema={"type": "object"}, output=None, deprecated="", degraded=None)
    if spec.deprecated:
        spec = replace(spec, description=f"Deprecated: {spec.deprecated}\n{spec.description}")
    return replace(spec, withheld=_why(verdict, spec.name)) if verdict.action != "allow" else spec


def _why(verdict: DriftVerdict, name: str) -> str:
    """Say which fields and rules keep a tool from agents. A model may read it, so no words of the source are in it."""
    serious = [change for change in verdict.changes if change.kind != "compatible"] or verdict.changes
    fields = [
        f"{change.where} ({change.rule})" if _nameable(change.where) else change.rule
        for change in serious
        if change.rule != _UNLOCKED
    ]
    named = ", ".join(dict.fromkeys(fields[:_MOST]))
    new = any(change.rule == _UNLOCKED for change in serious)
    what = "it was never reviewed" if new else "it is not what was reviewed"
    return f"{what}{f': {named}' if named else ''}; a person must look at it with `remit tools diff {name}`"


def _nameable(where: str) -> bool:
    """Say whether a place may be told to a model; a source may have called a field what it wants the model to do."""
    return _FIELD.fullmatch(where) is not None and not suspicions(where)


def _status(shown: ToolSpec, verdict: DriftVerdict, *, new: bool) -> Status:
    if shown.withheld:
        return "new" if new and not _suspicious(verdict) else "withheld"
    if new:
        return "new"
    if verdict.changes:
        return "drifted"
    return "deprecated" if shown.deprecated else "current"


def _suspicious(verdict: DriftVerdict) -> bool:
    return any(change.kind == "suspicious" for change in verdict.changes)
