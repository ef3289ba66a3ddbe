"""Asking: what the input of a response says: messages, and decisions on calls that wait for approval."""

from collections.abc import Sequence
from dataclasses import dataclass

from remit.core.values import JsonObject, JsonValue
from remit.server.openai import contents
from remit.server.openai.contents import Message
from remit.server.openai.fields import text
from remit.server.openai.marks import Request, request
from remit.server.openai.problems import UnfitError

_OURS = frozenset({"mcp_approval_request", "mcp_call", "mcp_list_tools", "reasoning"})
"""What clients send back as they got it; the session has it."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody says to a call that waits."""

    request: Request
    granted: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Input:
    """What a request says."""

    messages: Sequence[Message]
    decisions: Sequence[Decision]


def read(fields: JsonObject) -> Input:
    """Read the input; raise `UnfitError` for what no agent could be told."""
    said = fields.get("input")
    items: list[JsonValue] = [{"role": "user", "content": said}] if isinstance(said, str) else []
    if isinstance(said, list):
        items = said
    messages: list[Message] = []
    decisions: list[Decision] = []
    for place, item in enumerate(items):
        where = f"input[{place}]"
        kind = item.get("type", "message") if isinstance(item, dict) else None
        if not isinstance(item, dict) or kind not in {"message", "mcp_approval_response", *_OURS}:
            raise UnfitError(where, f"an item of type {kind!r} cannot be taken: there are messages and decisions")
        if kind == "message":
            messages.append(contents.message(item, where))
        elif kind == "mcp_approval_response":
            decisions.append(_decision(item, where))
            if not fields.get("previous_response_id"):
                # What a client without a memory here sent before it was said before.
                messages.clear()
    # The same decision twice is one, whatever a client makes of what it has.
    once = tuple(dict.fromkeys(decisions))
    if len({(one.request.session, one.request.call) for one in once}) < len(once):
        raise UnfitError("input", "a call is decided on twice, and not alike; nothing was decided")
    return Input(_checked(messages, once, text(fields, "instructions")), once)


def _checked(messages: list[Message], decisions: Sequence[Decision], rules: str) -> Sequence[Message]:
    if not messages and decisions:
        return ()
    last = messages[-1] if messages else None
    if last is None or last.by != "user" or not (last.text.strip() or last.attached):
        raise UnfitError("input", "the last message must be the user's, and say something: the agent is told it")
    return [Message("system", rules), *messages] if rules else messages


def _decision(item: JsonObject, where: str) -> Decision:
    named, approve, reason = item.get("approval_request_id"), item.get("approve"), item.get("reason") or ""
    if not isinstance(named, str) or not isinstance(approve, bool) or not isinstance(reason, str):
        raise UnfitError(where, "a decision has `approval_request_id`, `approve` (true or false) and maybe `reason`")
    found = request(named)
    if found is None:
        raise UnfitError(f"{where}.approval_request_id", f"no approval request {named!r}", status=404)
    return Decision(found, approve, reason[:10_000])
