"""Notice: what people are told of a call that waits for them."""

from typing import Literal

import msgspec

from remit.core.events import SessionOpened
from remit.core.messages import Call
from remit.core.values import JsonObject

Asking = Literal["approval", "escalation"]
Kind = Literal["approval", "question", "doubt", "escalation"]

_LARGEST = 8_000
"""Bytes of arguments that are told."""

_json = msgspec.json.Encoder()


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """A call that waits. Without content there is nothing in it that a model or a person wrote but names."""

    id: str
    """The idempotency key: the same notice again has the same."""
    kind: Kind
    session: str
    call: str
    tool: str
    agent: str
    tenant: str
    at: int
    """Since when it waits, or when it escalated, in milliseconds since the epoch."""
    expires: int | None
    """When the question lapses; `null` for never."""
    persons: int
    """How many different people must allow it; 0 for what is not allowed but answered."""
    link: str
    """Where it is decided in the console."""
    question: str | None = None
    """`null` unless content is told, like `args`."""
    args: JsonObject | None = None

    def body(self) -> bytes:
        """Write it as it is sent."""
        return _json.encode(self)


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a call when it begins to wait."""

    kind: Kind
    seq: int
    at: int
    call: str
    made: Call | None = None
    question: str = ""
    expires: int | None = None
    persons: int = 0


def notice(session: str, opened: SessionOpened, heard: Heard, *, console: str, content: bool) -> Notice:
    """Word a notice."""
    made = heard.made
    args = made.args if content and made is not None and len(_json.encode(made.args)) <= _LARGEST else None
    tool = made.tool if made is not None else ""
    return Notice(
        id=f"{session}-{heard.seq}",
        kind=heard.kind,
        session=session,
        call=heard.call,
        # A model may wish for tools by names of its own invention, which would be its words.
        tool=tool if content or tool in opened.tools else "",
        agent=opened.agent,
        tenant=opened.tenant,
        at=heard.at,
        expires=heard.expires,
        persons=heard.persons,
        link=f"{console.rstrip('/')}/approvals",
        question=heard.question if content else None,
        args=args,
    )
