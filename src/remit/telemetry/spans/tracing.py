"""Tracing: fed with records of any number of sessions, it gives the spans that end, with the times that are recorded.

A run is a span `invoke_agent`, in it `chat` for each question to a model, `execute_tool` for each call and for each
program, with the program's own calls below it. All sessions of a tree are one trace: a sub-agent's runs stand below the
call that began it, which its journal names. For journals that do not, the call is looked for among those of the parent
that were under way when the session was opened.
"""

from remit.core import events as ev
from remit.telemetry.spans.content import Content
from remit.telemetry.spans.identity import heard
from remit.telemetry.spans.life import Life
from remit.telemetry.spans.span import Span

LONGEST = 8192
"""Characters of a captured value."""


class Tracing:
    """Remembers of each session what is under way."""

    def __init__(self, *, content: bool = False, longest: int = LONGEST) -> None:
        """Capture what was said and done only with `content`, each value cut to the `longest` number of characters."""
        self._content, self._longest = content, longest
        self._lives: dict[str, Life] = {}

    def see(self, session: str, record: ev.Record) -> list[Span]:
        """Take in a session's next record; give the spans that ended with it, what a fork was given left out."""
        life = self._lives.get(session)
        if life is None:
            life = self._lives[session] = Life(session, Content(self._content, self._longest))
        spans = life.see(record)
        event = record.event
        if isinstance(event, ev.SessionOpened) and event.tree.parent and not heard(event.tree.trace):
            parent = self._lives.get(event.tree.parent)
            life.parent = parent.caller(record.at) if parent else None
        return spans if record.seq > life.copied else []

    def forget(self, session: str) -> None:
        """Let go of a session that is at rest; before its next record it must be shown all of it again."""
        self._lives.pop(session, None)
