"""Views: what is shown of keys, of people and of the audit log. Never a secret, never its hash."""

from typing import Literal

import msgspec

from remit.server.access.keys import Key
from remit.server.access.port import Role

KeyState = Literal["valid", "ending", "rotated", "revoked", "expired"]


class KeyView(msgspec.Struct, frozen=True, kw_only=True):
    """A key. Times are milliseconds since the epoch."""

    id: str
    name: str
    """What decisions made with it are signed with."""
    role: Role
    state: KeyState
    """`ending` for one that was rotated and is good for a while yet."""
    made: int
    by: str
    expires: int | None
    ends: int | None
    """When it was revoked, or stops after its rotation."""
    used: int | None
    """When it was last used, to ten minutes."""
    heir: str
    """The key that takes its place; empty for none."""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who has a key or was here of late."""

    name: str
    role: str
    """As last seen; of a key for who was not seen."""
    how: tuple[str, ...]
    """How they showed who they are."""
    keys: int
    """Their keys that are valid."""
    seen: int | None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the audit log."""

    seq: int
    at: int
    allowed: bool
    what: str
    """An action, what was done, or why it was refused."""
    name: str
    """Who; empty for nobody known."""
    role: str
    how: str
    key: str
    method: str
    path: str
    peer: str
    times: int
    """How many such requests it stands for."""


class Lines(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the log, newest first."""

    lines: tuple[Line, ...]
    next: int | None
    """What to ask for as `before` for what is older; `null` at the beginning of the log."""


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was done, as everybody of a tenant may know."""

    at: int
    by: str
    what: str


def key_view(key: Key, at: int) -> KeyView:
    """Show a key as it is at a time."""
    return KeyView(
        id=key.id,
        name=key.name,
        role=key.role,
        state=_state(key, at),
        made=key.made,
        by=key.by,
        expires=key.expires or None,
        ends=key.ends or None,
        used=key.used or None,
        heir=key.heir,
    )


def _state(key: Key, at: int) -> KeyState:
    if key.valid(at):
        return "ending" if key.ends else "valid"
    if 0 < key.ends <= at:
        return "rotated" if key.heir else "revoked"
    return "expired"
