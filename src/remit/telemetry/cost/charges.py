"""Charges: what each call of a model or a tool came to, told from a session's records, O(1) a record.

They add up to what the state of the session says was spent, but for the past that a fork was given, which its source
has paid for.
"""

import re
from typing import Literal

import msgspec
from msgspec.structs import replace

from remit.core import events as ev
from remit.core.messages import Call, Usage
from remit.core.values import Nanos

ChargeStatus = Literal["ok", "failed", "denied", "simulated", "hit", "unusable", "lost"]
"""How a call ended; `hit` is an answer from a cache of ours, `lost` one whose run ended before it did."""

_PLACE = re.compile(r"c\d+_(\d+(?:_\d+)*)_\d+f*")


class Charge(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One call that is over."""

    kind: Literal["model", "tool"]
    session: str
    agent: str
    tenant: str
    at: int
    """When it ended, in milliseconds since the epoch."""
    status: ChargeStatus
    began: int = 0
    """When it began; 0 for what ended without a beginning, such as a call that was denied."""
    step: str = ""
    role: str = ""
    """Of a model; empty for tools."""
    model: str = ""
    """Who answered; empty for tools."""
    tool: str = ""
    """Empty for models, and for a call that nobody recorded."""
    usage: Usage = Usage()
    cost: Nanos = 0
    retries: int = 0
    """Attempts after the first."""
    waited: int = 0
    """Milliseconds of it in which it waited for its turn."""


class Charges:
    """Reads the records of one session in their order."""

    def __init__(self, session: str) -> None:
        """Begin before the first record."""
        self.session = session
        self.opened: ev.SessionOpened | None = None
        self.held: Nanos = 0
        """What is reserved for calls under way."""
        self._copied = 0
        self._asked: dict[str, ev.Record] = {}
        self._tried: set[str] = set()
        self._calls: dict[str, Call] = {}
        self._holds: dict[str, Nanos] = {}
        self._started: dict[str, int] = {}

    def see(self, record: ev.Record) -> tuple[Charge, ...]:
        """Take in the next record; give what came to an end with it."""
        event = record.event
        match event:
            case ev.SessionOpened():
                self.opened, self._copied = event, copied(event)
                return ()
            case ev.RunOpened():
                self._clear()
                return ()
            case ev.RunEnded():
                charges = self._lost(record)
                self._clear()
            case ev.ModelAsked() | ev.ModelAnswered() | ev.ModelFailed():
                charges = self._model(record, event)
            case _:
                charges = self._effect(record, event)
        # The source of a fork has paid for what was copied.
        return charges if record.seq > self._copied else ()

    def call(self, name: str) -> Call | None:
        """Give a call of the run under way by its id."""
        return self._calls.get(name)

    def model(self, asked: ev.ModelAsked) -> str:
        """Name the model that a question is for."""
        models = self.opened.models if self.opened else {}
        return asked.model or models.get(asked.role or "default") or models.get("default", "")

    def _clear(self) -> None:
        self.held = 0
        self._asked, self._calls, self._holds, self._started = {}, {}, {}, {}
        self._tried = set()

    def _model(self, record: ev.Record, event: ev.ModelEvent) -> tuple[Charge, ...]:
        if isinstance(event, ev.ModelAsked):
            self._asked[event.step] = record
            self.held += event.hold
            return ()
        asked = self._asked.pop(event.step, None)
        question = asked.event if asked else None
        assert question is None or isinstance(question, ev.ModelAsked)
        self.held -= question.hold if question else 0
        again = event.step in self._tried
        model = self.model(question) if question else ""
        status: ChargeStatus = "failed"
        usage = Usage()
        if isinstance(event, ev.ModelFailed):
            self._tried.add(event.step)
        else:
            self._calls.update((call.id, call) for call in event.calls)
            status = "hit" if event.hit else "unusable" if event.problem else "ok"
            model, usage = event.model or model, event.usage
        return (
            replace(
                self._charge(record, "model", status),
                began=asked.at if asked else 0,
                step=event.step,
                role=(question.role if question else "") or "default",
                model=model,
                usage=usage,
                cost=event.cost,
                retries=int(again),
            ),
        )

    def _effect(self, record: ev.Record, event: ev.Event) -> tuple[Charge, ...]:
        match event:
            case ev.EffectStarted():
                self._know(event.call, event.made)
                self._started[event.call] = record.at
                self._holds[event.call] = self._holds.get(event.call, 0) + event.hold
                self.held += event.hold
            case ev.ApprovalAsked():
                self._know(event.call, event.made)
            case ev.InputAsked():
                # It stopped before it did anything, and is made again with the answer.
                self._let_go(event.call)
            case ev.EffectEnded():
                self._know(event.outcome.call, event.made)
                return (self._ended(record, event),)
            case _:
                pass
        return ()

    def _ended(self, record: ev.Record, event: ev.EffectEnded) -> Charge:
        name = event.outcome.call
        call = self._calls.get(name)
        return replace(
            self._charge(record, "tool", event.outcome.status),
            began=self._let_go(name),
            step=place(name),
            tool=call.tool if call else "",
            cost=event.cost,
            retries=max(event.attempts - 1, 0),
            waited=event.waited,
        )

    def _let_go(self, name: str) -> int:
        self.held -= self._holds.pop(name, 0)
        return self._started.pop(name, 0)

    def _lost(self, record: ev.Record) -> tuple[Charge, ...]:
        """Give what was still under way: it may have been spent, and nobody will come to settle it."""
        found: list[Charge] = []
        for step, asked in self._asked.items():
            question = asked.event
            assert isinstance(question, ev.ModelAsked)
            found.append(
                replace(
                    self._charge(record, "model", "lost"), began=asked.at, step=step, role=question.role or "default",
                    model=self.model(question), cost=question.hold,
                )
            )  # fmt: skip
        for name, began in self._started.items():
            call = self._calls.get(name)
            found.append(
                replace(
                    self._charge(record, "tool", "lost"), began=began, step=place(name), tool=call.tool if call else "",
                    cost=self._holds.get(name, 0),
                )
            )  # fmt: skip
        return tuple(found)

    def _know(self, name: str, made: Call | None) -> None:
        if made is not None:
            self._calls[name] = made

    def _charge(self, record: ev.Record, kind: Literal["model", "tool"], status: ChargeStatus) -> Charge:
        opened = self.opened
        agent, tenant = (opened.agent, opened.tenant) if opened else ("", "")
        return Charge(kind=kind, session=self.session, agent=agent, tenant=tenant, at=record.at, status=status)


def copied(opened: ev.SessionOpened) -> int:
    """Say how many of a session's first events were copied from the one it was forked from."""
    return int(opened.forked.rpartition("@")[2] or 0)


def place(call: str) -> str:
    """Find the step that a call belongs to in the id the runtime gave it; empty for ids of a strategy's own."""
    found = _PLACE.fullmatch(call)
    return found[1].replace("_", ".") if found else ""
