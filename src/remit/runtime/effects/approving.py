"""Approving: what people have allowed of a call, and how a model learns that they changed its arguments."""

import msgspec

from remit.core.effect import Effect, person
from remit.core.messages import Call
from remit.core.values import JsonObject, JsonValue, digest

_json = msgspec.json.Encoder()


def allowed(effect: Effect, call: Call) -> int:
    """Count the people who allowed a call with exactly these arguments, while the question stood."""
    asked, edit = effect.asked, effect.given
    if asked is None:
        return 0
    wanted = digest([call.tool, call.args])
    names = {person(one.by) for one in effect.yes if one.digest == wanted and one.at <= asked.expires}
    # Whoever gave it other arguments has allowed exactly those, and answered exactly this question.
    if edit is not None and edit.args is not None and edit.digest == asked.digest and edit.at <= asked.expires:
        names |= {person(edit.by)} if digest([call.tool, edit.args]) == wanted else set()
    return len(names)


def undecided(effect: Effect) -> str:
    """Say that a question lapsed, and who had allowed it by then."""
    names = " and ".join(one.by for one in effect.yes)
    return f"only {names} allowed it in time" if names else "nobody decided in time"


def shown(effect: Effect | None, call: Call, output: JsonValue) -> JsonValue:
    """Give what came of a call, with the arguments it had if a person changed them."""
    if effect is None or effect.edited is None:
        return output
    by, args = effect.edited.by, call.args
    if isinstance(output, str):
        return f"{by} changed the arguments of this call to {_json.encode(args).decode()}. What came of it: {output}"
    changed: JsonObject = {"changed_by": by, "args": args, "output": output}
    return changed
