"""Identity: ids of traces and spans that are always the same, so that exporting twice shows nothing twice.

A tree of sessions is one trace; its id follows from that of the root, unless whoever sent the message was in a trace:
then the run goes on with theirs. W3C Trace Context is https://www.w3.org/TR/trace-context-1/.
"""

import hashlib
import re

from remit.core.events import SessionOpened
from remit.core.values import Frozen

TRACEPARENT = "TRACEPARENT"
"""Name of the environment variable by which a child process is told in which trace it is."""

_HEADER = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")


class Context(Frozen, frozen=True):
    """A place in a trace, as one process tells it to another."""

    trace: bytes
    """16 bytes."""
    span: bytes
    """8 bytes."""
    sampled: bool = True


class Above(Frozen, frozen=True):
    """What a run stands below."""

    trace: bytes
    span: bytes | None = None
    """`None` at the top of its trace."""
    sampled: bool | None = None
    """Whether who began the trace wants it recorded; `None` for a trace that began here, which is ours to say."""


def above(session: str, opened: SessionOpened | None, said: str = "") -> Above:
    """Say what a run stands below: who sent its message by the traceparent `said`, else who began the session."""
    own = trace_id(root_of(opened, session) if opened else session)
    for header in (said, opened.tree.trace if opened else ""):
        found = parse_traceparent(header) if header else None
        if found is not None:
            return Above(found.trace, found.span, None if found.trace == own else found.sampled)
    return Above(own)


class Callers:
    """Writes the traceparent of each call of a run that wants it, with the id that its span will have."""

    __slots__ = ("_below", "_opened", "_said", "_session", "run")

    def __init__(self, session: str, run: int, opened: SessionOpened | None, said: str) -> None:
        """Take the run and what came with its message."""
        self.run = run
        self._session, self._opened, self._said = session, opened, said
        self._below: Above | None = None

    def of(self, call: str) -> str:
        """Give the traceparent of the span of a call."""
        if self._below is None:
            self._below = above(self._session, self._opened, self._said)
        span = span_id(self._session, self.run, "tool", call)
        return traceparent(Context(self._below.trace, span, self._below.sampled is not False))


def heard(header: str) -> str:
    """Give a `traceparent` that came with a message as it is kept; empty for one that must be ignored."""
    found = parse_traceparent(header) if header else None
    return traceparent(found) if found else ""


def trace_id(root: str) -> bytes:
    """Give the id of the trace of a tree of sessions: 16 bytes, never all zero."""
    return _hashed(["trace", root], 16)


def span_id(session: str, *place: str | int) -> bytes:
    """Give the id of a span of a session: 8 bytes, never all zero."""
    return _hashed([session, *map(str, place)], 8)


def root_of(opened: SessionOpened, session: str) -> str:
    """Name the root of a session's tree."""
    return opened.tree.root or session


def traceparent(context: Context) -> str:
    """Write the header `traceparent`."""
    return f"00-{context.trace.hex()}-{context.span.hex()}-{int(context.sampled):02x}"


def parse_traceparent(header: str) -> Context | None:
    """Read the header `traceparent`; `None` for one that must be ignored."""
    found = _HEADER.fullmatch(header.strip())
    if found is None or found[1] == "ff" or (found[1] == "00" and len(header.strip()) != 55):
        return None
    trace, span = bytes.fromhex(found[2]), bytes.fromhex(found[3])
    if not any(trace) or not any(span):
        return None
    return Context(trace, span, bool(int(found[4], 16) & 1))


def sampled(trace: bytes, share: float) -> bool:
    """Say whether a trace is among so large a share of all; every process says the same."""
    # The last 7 bytes, as consistent sampling takes them: https://www.w3.org/TR/trace-context-2/#randomness-of-trace-id
    return int.from_bytes(trace[-7:], "big") < share * (1 << 56)


def _hashed(parts: list[str], size: int) -> bytes:
    body = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
    return hashlib.sha256(b"remit spans 1" + body).digest()[:size]
