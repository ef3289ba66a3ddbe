"""Drift: what happens to a tool that is not what was reviewed."""

from collections.abc import Collection
from typing import Literal, assert_never

import msgspec

from remit.tools.contracts.changes import Change, worst
from remit.tools.contracts.contract import Contract
from remit.tools.contracts.differences import differences, review
from remit.tools.contracts.lock import Locked

Action = Literal["allow", "withhold", "refuse"]
"""Offer the tool; keep it from the agent and go on without it; or do not start at all."""

_STRICTNESS: dict[Action, int] = {"allow": 0, "withhold": 1, "refuse": 2}


class DriftVerdict(msgspec.Struct, frozen=True):
    """What to do with a tool, and why."""

    action: Action
    changes: tuple[Change, ...] = ()
    reviewed: Contract | None = None
    """What the model is to be shown in place of what the tool says now: the reviewed description and schema.

    `None` for what the tool says now: it was never reviewed, or the policy allows a breaking change of it.
    """

    def why(self) -> str:
        """Say in one line why the tool is not allowed; empty when it is."""
        if self.action == "allow":
            return ""
        bad = worst(self.changes)
        return "; ".join(f"{change.where} {change.what}" for change in self.changes if change.kind == bad)


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """A policy: what each kind of change leads to; the strictest of all changes decides.

    An allowed compatible change brings no new words to a model: it is shown what was reviewed.
    """

    compatible: Action = "allow"
    breaking: Action = "withhold"
    suspicious: Action = "withhold"
    unlocked: Action = "withhold"
    """For a tool that nobody has reviewed; when it is suspicious as well, the stricter of both decides."""

    def judge(self, locked: Locked | None, now: Contract, known: Collection[str] = ()) -> DriftVerdict:
        """Say what to do with a tool as it is now; `known` are the names of all tools."""
        if locked is None:
            unlocked = Change("breaking", now.name, "was never reviewed: review it and lock it", "unlocked")
            suspect = review(now, known)
            return DriftVerdict(_strictest(self.unlocked, *map(self._action, suspect)), (*suspect, unlocked))
        changes = differences(locked.contract, now, known=known)
        action = _strictest("allow", *map(self._action, changes))
        breaks = any(change.kind == "breaking" for change in changes)
        return DriftVerdict(action, changes, None if breaks and action == "allow" else locked.contract)

    def _action(self, change: Change) -> Action:
        match change.kind:
            case "compatible":
                return self.compatible
            case "breaking":
                return self.breaking
            case "suspicious":
                return self.suspicious
            case _:
                assert_never(change.kind)


def _strictest(*actions: Action) -> Action:
    strictest: Action = "allow"
    for action in actions:
        if _STRICTNESS[action] > _STRICTNESS[strictest]:
            strictest = action
    return strictest
