"""Reader: finds in journals which calls begin to wait for people, and takes back what is decided before it was told.

What waited before this process began is told again, with the same key: who was told by the one before, nobody knows,
unless servers share `Claims`, which remember it.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from remit.core import events as ev
from remit.core.effect import person
from remit.core.messages import Call
from remit.core.ports import SessionRow
from remit.server.notices.notice import Asking, Heard, Kind, notice
from remit.server.notices.sending import Webhook
from remit.server.notices.settings import NoticeSettings
from remit.telemetry.metrics import Measured, Sample
from remit.telemetry.metrics import families as fam

_KNOWN = 100_000
"""Notices of which it is kept that they were handed on, for sessions that are shown again from their beginning."""


@dataclass(slots=True)
class _Life:
    opened: ev.SessionOpened | None = None
    calls: dict[str, Call] = field(default_factory=dict[str, Call])
    asked: dict[str, ev.ApprovalAsked] = field(default_factory=dict[str, ev.ApprovalAsked])
    names: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    """Who has allowed each call that waits."""


class Notices:
    """A reader that tells people over webhooks what waits for them. Run it, and close it at the end."""

    def __init__(self, settings: NoticeSettings, first: Webhook, escalated: Webhook | None = None) -> None:
        """Take where what begins to wait is told, and where what escalates is; the first when `None`."""
        self._settings, self._first, self._escalated = settings, first, escalated or first
        self._lives: dict[str, _Life] = {}
        self._told: OrderedDict[str, None] = OrderedDict()

    # -- what a follower calls -------------------------------------------------------------------------------------

    def see(self, session: str, record: ev.Record, *, fresh: bool = True) -> None:
        """Take in a session's next record; what is not `fresh` is told too, if it still waits in a while."""
        life = self._lives.setdefault(session, _Life())
        match record.event:
            case ev.SessionOpened():
                life.opened = record.event
            case ev.ModelAnswered(calls=calls):
                life.calls.update((call.id, call) for call in calls)
            case ev.EffectStarted(call=call, made=made):
                self._know(life, made)
                self._over(session, call)
            case ev.RunEnded() | ev.SessionClosed():
                self._over(session)
                self._lives[session] = _Life(life.opened)
            case _:
                heard = self._ask(session, life, record)
                if heard is not None:
                    self._tell(session, life, heard, fresh=fresh)

    def forget(self, session: str) -> None:
        """Let go of a session that is at rest."""
        self._lives.pop(session, None)

    def survey(self, rows: Iterable[SessionRow]) -> None:
        """Do nothing: a list has no calls."""

    def _ask(self, session: str, life: _Life, record: ev.Record) -> Heard | None:
        event = record.event
        match event:
            case ev.ApprovalAsked():
                self._know(life, event.made)
                self._over(session, event.call)
                life.asked[event.call] = event
                life.names[event.call] = set()
                return self._approval("approval", life, record, event)
            case ev.ApprovalEscalated():
                asked = life.asked.get(event.call)
                return None if asked is None else self._approval("escalation", life, record, asked)
            case ev.InputAsked():
                return self._heard("question", life, record, event)
            case ev.EffectInDoubt():
                return self._heard("doubt", life, record, event)
            case ev.ApprovalGiven():
                self._give(session, life, event)
            case ev.InputGiven() | ev.EffectReconciled():
                self._over(session, event.call)
            case ev.EffectEnded():
                self._know(life, event.made)
                self._over(session, event.outcome.call)
            case _:
                pass
        return None

    @staticmethod
    def _heard(kind: Kind, life: _Life, record: ev.Record, event: ev.InputAsked | ev.EffectInDoubt) -> Heard:
        made = life.calls.get(event.call)
        return Heard(kind=kind, seq=record.seq, at=record.at, call=event.call, made=made, question=event.question)

    @staticmethod
    def _approval(kind: Asking, life: _Life, record: ev.Record, asked: ev.ApprovalAsked) -> Heard:
        return Heard(
            kind=kind, seq=record.seq, at=record.at, call=asked.call, made=life.calls.get(asked.call),
            question=asked.reason, expires=asked.expires, persons=asked.persons,
        )  # fmt: skip

    def _give(self, session: str, life: _Life, event: ev.ApprovalGiven) -> None:
        names, asked = life.names.setdefault(event.call, set()), life.asked.get(event.call)
        names.add(person(event.by))
        if asked is None or not event.granted or event.args is not None or len(names) >= asked.persons:
            self._over(session, event.call)

    @staticmethod
    def _know(life: _Life, made: Call | None) -> None:
        if made is not None:
            life.calls[made.id] = made

    def _tell(self, session: str, life: _Life, heard: Heard, *, fresh: bool) -> None:
        if life.opened is None:
            return
        worded = notice(session, life.opened, heard, console=self._settings.console, content=self._settings.content)
        if worded.id in self._told:
            return
        self._told[worded.id] = None
        if len(self._told) > _KNOWN:
            self._told.popitem(last=False)
        (self._escalated if heard.kind == "escalation" else self._first).put(worded, fresh=fresh)

    def _over(self, session: str, call: str = "") -> None:
        for hook in self._hooks():
            for key in hook.drop(session, call):
                # It was not told: should it be shown again and wait after all, it must be.
                self._told.pop(key, None)

    # -- sending ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Send what there is, again and again, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for hook in self._hooks():
                group.create_task(hook.run())

    async def close(self) -> None:
        """Send what waits, each once more and for a bounded time."""
        await asyncio.gather(*(hook.close() for hook in self._hooks()))

    def measured(self, now: int) -> list[Measured]:
        """Tell how telling goes: a source of metrics."""
        del now
        hooks = self._hooks()
        ends = {
            "sent": sum(hook.sent for hook in hooks),
            "failed": sum(hook.failed for hook in hooks),
            "lost": sum(hook.lost for hook in hooks),
        }
        waiting = float(sum(hook.waiting() for hook in hooks))
        return [
            Measured(fam.NOTICES, tuple(Sample((end,), float(count)) for end, count in ends.items())),
            Measured(fam.NOTICES_WAITING, (Sample((), waiting),)),
        ]

    def _hooks(self) -> tuple[Webhook, ...]:
        return (self._first,) if self._escalated is self._first else (self._first, self._escalated)
