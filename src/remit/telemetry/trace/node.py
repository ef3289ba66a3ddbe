"""Node: one part of what a session did, as a line of its tree."""

from typing import Literal

import msgspec

from remit.core.values import Nanos

Kind = Literal["message", "run", "model", "tool", "program", "note", "person", "guard", "flag"]

Mood = Literal["plain", "good", "warn", "bad"]


class Node(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A line of the tree. It is written as an array, since a session may have thousands."""

    parent: int
    """The place of the node it stands below, from 0; -1 for none."""
    kind: Kind
    name: str
    """A tool, a model, a run's strategy, who spoke."""
    text: str
    """The beginning of what was said, asked or given, at most 80 characters."""
    seq: int
    """The event it begins with."""
    began: int
    """Milliseconds since the epoch."""
    took: int | None
    """Milliseconds; 0 for what takes none, `null` for what is under way."""
    mood: Mood
    status: str
    """How it ended: of a tool `ok`, `failed`, `denied`, ...; of a run `done`, ...; empty for what has no end."""
    cost: Nanos = 0
    tokens: int = 0
    """Those that went in and came out."""
