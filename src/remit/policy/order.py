"""Order: how guards in a row come to one verdict. What they leave open is allowed, unless the tool is dangerous."""

from collections.abc import Sequence
from typing import assert_never

import msgspec

from remit.core.messages import Call
from remit.core.ports import ALLOW, Guard, ToolSpec, Verdict
from remit.core.state import State

APPROVAL_SECONDS = 24 * 3600.0
"""How long a question for approval stands, unless its guard says otherwise."""


def judge(guards: Sequence[Guard], call: Call, spec: ToolSpec, state: State, *, approved: int = 0) -> Verdict:
    """Ask the guards in order and say what holds; the verdict names the guard it comes from.

    The first `deny` or `simulate` decides. A `redact` changes the arguments that later guards see. An `ask` decides
    only when no later guard forbids, so nobody is asked for what may not be; its `args`, if set, are the ones to
    approve and run. Of several that ask, the first words the question; the most people, the earliest lapse and the
    earliest escalation count. A dangerous tool is denied unless a guard allows it with a reason or asks. A guard that
    raises denies. Once as many people as are wanted have `approved`, every `ask` is answered and all else holds.
    """
    asking: list[Verdict] = []
    redacted: Verdict | None = None
    permitted = not spec.dangerous
    for guard in guards:
        verdict = _consult(guard, call, spec, state)
        match verdict.kind:
            case "allow":
                permitted = permitted or bool(verdict.reason)
            case "deny" | "simulate":
                return verdict
            case "ask":
                asking.append(verdict)
            case "redact":
                redacted = _merge(redacted, verdict)
                call = msgspec.structs.replace(call, args=redacted.args)
            case _:
                assert_never(verdict.kind)
    if asking:
        asked = together(asking)
        if approved < asked.persons:
            return msgspec.structs.replace(asked, args=redacted.args) if redacted else asked
    elif not permitted:
        return Verdict("deny", f"`{spec.name}` is dangerous and no permission names it", "dangerous")
    return redacted or ALLOW


def together(asking: Sequence[Verdict]) -> Verdict:
    """Make one question of several: in the words of the first, and as strict as the strictest in every respect."""
    first = asking[0]
    if len(asking) == 1 and first.persons >= 1:
        return first
    lapses = [one.expires or APPROVAL_SECONDS for one in asking]
    return msgspec.structs.replace(
        first,
        expires=min(lapses) if any(one.expires for one in asking) else 0.0,
        persons=max(1, *(one.persons for one in asking)),
        escalate=min((one.escalate for one in asking if one.escalate), default=0.0),
    )


def _consult(guard: Guard, call: Call, spec: ToolSpec, state: State) -> Verdict:
    name = type(guard).__name__
    try:
        verdict = guard.check(call, spec, state)
        if verdict.kind == "redact" and verdict.args is None:
            return Verdict("deny", f"{name} redacts but gives no arguments", name)
        return msgspec.structs.replace(verdict, guard=verdict.guard or name)
    except Exception as error:  # noqa: BLE001  a rule that cannot be read is a no
        return Verdict("deny", f"{name} could not judge this call ({type(error).__name__}: {error})", name)


def _merge(before: Verdict | None, now: Verdict) -> Verdict:
    if before is None:
        return now
    return msgspec.structs.replace(now, guard=f"{before.guard}, {now.guard}", reason=f"{before.reason}; {now.reason}")
