"""History: finds the session that a client's own record of a conversation is of, by what was said in it.

A session is the one only if everything in it was said to this client, word for word, and nothing after. Of several
that fit none is taken: what an agent did in them may differ though the words are the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from remit.core.events import MessageReceived, Record, SessionClosed
from remit.core.values import JsonValue
from remit.server.access.port import Principal
from remit.server.openai.contents import Message, said, words
from remit.server.openai.marks import Mark
from remit.server.openai.sending import Attempt, Slots, digest
from remit.server.openai.turns import Turn
from remit.server.service import Service

_ROOTS = 64
"""Of the messages with which a session may have begun, how many are tried; the earliest first."""

_FAR = 1 << 60
"""An event that no session has."""


@dataclass(frozen=True, slots=True)
class Found:
    """The session of a conversation."""

    session: str
    since: int
    """The last event of which the client was told though its run went on; 0 for none."""
    again: bool = False
    """Whether the same request left its message there before."""


@dataclass(frozen=True, slots=True)
class _Told:
    """A message in a session, and what its sender was told."""

    seq: int
    key: str
    asked: str
    turn: Turn | None

    @property
    def since(self) -> int:
        """The event after which the run went on of which the sender was told; 0 when it was over."""
        return self.turn.end if self.turn is not None and self.turn.how is None else 0


class Talks:
    """The conversation of one principal with one agent, as the client tells it."""

    def __init__(
        self, service: Service, principal: Principal, agent: str, who: JsonValue, messages: Sequence[Message]
    ) -> None:
        """Take what was said; `who` is what else tells conversations apart, such as whom a client speaks for."""
        self.service, self.principal, self._agent, self.messages = service, principal, agent, messages
        # Each goes on from the one before, so that a long history is hashed once and not once for each beginning.
        self._roots = [digest(principal.name, who)]
        for one in messages:
            self._roots.append(digest(self._roots[-1], _plain(one)))

    def slots(self, count: int) -> Slots:
        """Give the sessions that began with the first so many messages."""
        return Slots(self.service, self.principal, self._agent, self._roots[count])

    async def find(self, tried: Attempt) -> Found | None:
        """Find the session in which all but the last message were said; `None` when there is not exactly one."""
        messages, found = self.messages, list[Found]()
        roots = [place for place, one in enumerate(messages[:-1]) if one.by == "user"]
        for place in roots[:_ROOTS]:
            begun, rest = messages[: place + 1], messages[place + 1 :]
            if not _alternates(rest):
                continue
            async for session, records in self.slots(place + 1).newest():
                fit = _fits(session, records, [words(said(begun)), *(one.text for one in rest)], tried)
                if fit is not None and fit.again:
                    return fit
                found += [fit] if fit is not None else []
                if len(found) > 1 and not tried.again:
                    return None
        if len(found) != 1 or await self.slots(len(messages)).left(tried) is not None:
            # The same request may have begun one of its own before.
            return None
        return found[0]


def untold(session: str, records: Sequence[Record], message: int) -> int:
    """Give the last event before a message of which its sender was told though the run went on; 0 for none."""
    since = 0
    for one in _told(session, records):
        if one.seq >= message:
            break
        since = one.since
    return since


def _alternates(rest: Sequence[Message]) -> bool:
    """Say whether each message was answered, and the last one is yet to be."""
    speakers = [one.by for one in rest]
    return speakers == ["assistant", "user"] * (len(rest) // 2) and bool(rest)


def _plain(one: Message) -> JsonValue:
    attached: list[JsonValue] = [[part.media, part.url, part.name, digest(part.data.hex())] for part in one.attached]
    return [one.by, one.text, *attached]


def _fits(session: str, records: Sequence[Record], lines: Sequence[str], tried: Attempt) -> Found | None:
    """Say from where on the last of these lines is answered in a session that holds all before; `None` if it is not."""
    again = tried.before(records)
    closed = isinstance(records[-1].event, SessionClosed)
    if closed and not again:
        return None
    place, since = 0, 0
    for one in _told(session, records):
        last = place == len(lines) - 1
        if last and one.key == again != "":
            return Found(session, since, again=True)
        if not last and one.asked == lines[place] and _answered(one, lines[place + 1]):
            since = one.since
            place += 2
        elif one.turn is None or one.turn.how in {None, "done"}:
            return None
    return Found(session, since) if place == len(lines) - 1 and not closed else None


def _answered(one: _Told, line: str) -> bool:
    return one.turn is not None and one.turn.end > 0 and one.turn.text.strip() == line.strip()


def _told(session: str, records: Sequence[Record]) -> list[_Told]:
    """List the messages of a session with what came of them; one that came while another had no answer has none."""
    told: list[_Told] = []
    turn, asked = Turn(Mark(session, _FAR, _FAR)), False
    for record in records:
        event = record.event
        if isinstance(event, MessageReceived):
            if not asked:
                # Whoever was told that a run waits was not told how it went on.
                turn.mark = Mark(session, min(turn.mark.since, record.seq), record.seq)
            told.append(_Told(record.seq, event.key, event.text, None if asked else turn))
            asked = True
        turn.take(record)
        if turn.end:
            turn, asked = turn.again(Mark(session, turn.end if turn.how is None else _FAR, _FAR)), False
    return told
