"""Order: how guards in a row come to one verdict. What they leave open is allowed, unless the tool is dangerous."""

from collections.abc import Sequence
from typing import assert_never

import msgspec

from remit.core.messages import Call
from remit.core.ports import ALLOW, Guard, ToolSpec, Verdict
from remit.core.state import State


def judge(guards: Sequence[Guard], call: Call, spec: ToolSpec, state: State, *, approved: bool = False) -> Verdict:
    """Ask the guards in order and say what holds; the verdict names the guard it comes from.

    The first `deny` or `simulate` decides. A `redact` changes the arguments that later guards see. An `ask` decides
    only when no later guard forbids, so nobody is asked for what may not be; its `args`, if set, are the ones to
    approve and run. A dangerous tool is denied unless a guard allows it with a reason or asks. A guard that raises
    denies. Once a person has approved the call, every `ask` is answered and all else holds as before.
    """
    asked: Verdict | None = None
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
                permitted = permitted or approved
                asked = asked or verdict
            case "redact":
                redacted = _merge(redacted, verdict)
                call = msgspec.structs.replace(call, args=redacted.args)
            case _:
                assert_never(verdict.kind)
    if asked is not None and approved:
        permitted = True
    elif asked is not None:
        return msgspec.structs.replace(asked, args=redacted.args) if redacted else asked
    if not permitted:
        return Verdict("deny", f"`{spec.name}` is dangerous and no permission names it", "dangerous")
    return redacted or ALLOW


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
