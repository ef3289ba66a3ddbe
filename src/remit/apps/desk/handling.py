"""Handling: mails in, one session each. The same mail has the same session, so a second pass does nothing twice."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from remit.apps.desk.case import task_of
from remit.apps.desk.mail import Mail, Unreadable, read_mail
from remit.core.agent import Agent
from remit.core.errors import ConfigError, RemitError, UnknownSessionError
from remit.core.events import EffectEnded, Flagged, Judged, ModelAnswered, Noted, Record
from remit.core.messages import Call, Outcome
from remit.core.state import State
from remit.core.values import JsonObject, JsonValue
from remit.home import Home
from remit.runtime import RunResult

SAMPLES = Path(__file__).parent / "data" / "inbox"
"""The sample inbox; `expected.json` in it says what should come of each mail."""

Status = Literal["handled", "waiting", "failed", "unreadable", "known"]


@dataclass(frozen=True, slots=True)
class Handled:
    """What became of one mail."""

    source: str
    status: Status
    detail: str
    session: str = ""
    mail: Mail | None = None
    result: RunResult | None = None
    """`None` when this pass did nothing."""


@dataclass(slots=True)
class Findings:
    """What a case came to, read from its journal."""

    reading: JsonObject = field(default_factory=dict[str, JsonValue])
    """What the model took the mail to want; empty when it was not asked."""
    plan: tuple[str, ...] = ()
    suspicious: tuple[str, ...] = ()
    done: list[tuple[Call, Outcome]] = field(default_factory=list[tuple[Call, Outcome]])
    """Every call that has an outcome, in the order of the outcomes."""
    refused: list[str] = field(default_factory=list[str])
    """What guards forbade, and why."""
    flags: list[str] = field(default_factory=list[str])
    """What honeypots and detectors saw."""

    def ok(self, tool: str) -> list[JsonObject]:
        """Give the outputs of the calls of a tool that went well."""
        return [
            outcome.output if isinstance(outcome.output, dict) else {"output": outcome.output}
            for call, outcome in self.done
            if call.tool == tool and outcome.status == "ok"
        ]

    @property
    def ticket(self) -> str:
        """The key of the ticket that was filed, or empty."""
        return next((str(made["key"]) for made in self.ok("create_ticket")), "")


def session_of(mail: Mail) -> str:
    """Name the session of a mail by its content, which a sender cannot choose freely as they can a Message-ID."""
    return f"mail-{mail.digest[:16]}"


def find(records: Sequence[Record], *, since: int = 0) -> Findings:
    """Read what a case came to; of calls, those that ended from a moment on (milliseconds since the epoch)."""
    findings, wished = Findings(), dict[str, Call]()
    for record in records:
        match record.event:
            case Noted(kind="reading", body=dict() as body):
                findings.reading = body
            case Noted(kind="plan", body=list() as body):
                findings.plan = tuple(str(step) for step in body)
            case Noted(kind="suspicious", body=list() as body):
                findings.suspicious = tuple(str(reason) for reason in body)
            case ModelAnswered(calls=calls):
                wished.update({call.id: call for call in calls})
            case Judged(call=call, verdict="deny", reason=reason):
                findings.refused.append(f"{wished[call].tool if call in wished else call}: {reason}")
            case Flagged(kind=kind, reason=reason):
                findings.flags.append(f"{kind}: {reason}")
            case EffectEnded(outcome=outcome) if outcome.call in wished and record.at >= since:
                findings.done.append((wished[outcome.call], outcome))
            case _:
                pass
    return findings


async def handle_inbox(home: Home, agent: Agent, mails: Iterable[tuple[str, bytes]]) -> AsyncIterator[Handled]:
    """Handle mails one after the other; one that goes wrong does not stop the others."""
    for source, raw in mails:
        yield await handle(home, agent, source, raw)


async def handle(home: Home, agent: Agent, source: str, raw: bytes) -> Handled:
    """Handle one mail, or go on with it where an earlier pass was cut off.

    Raise `ConfigError` for what is declared wrong, since it is wrong for all mails.
    """
    mail = read_mail(raw)
    if isinstance(mail, Unreadable):
        return Handled(source, "unreadable", mail.reason)
    session = session_of(mail)
    try:
        result = await _run(home, agent, session, mail)
    except ConfigError:
        raise
    except RemitError as error:
        return Handled(source, "failed", str(error), session, mail)
    except Exception as error:  # noqa: BLE001 - a defect that one mail brings out must not keep the others waiting
        return Handled(source, "failed", f"{type(error).__name__}: {error}", session, mail)
    if isinstance(result, State):
        return _known(source, session, mail, result)
    status: Status = "waiting" if result.status == "waiting" else "handled" if result.status == "done" else "failed"
    detail = str(result.output or "") if status == "handled" else result.reason
    return Handled(source, status, detail, session, mail, result)


async def _run(home: Home, agent: Agent, session: str, mail: Mail) -> RunResult | State:
    """Run, go on, or give the state of what is over."""
    try:
        state = await home.session(session)
    except UnknownSessionError:
        return await home.run(agent, task_of(mail), session=session)
    if state.run is not None or state.inbox:
        return await home.resume(agent, session)
    return state


def _known(source: str, session: str, mail: Mail, state: State) -> Handled:
    """Say how an earlier pass ended. One that failed is not tried again: what it did would be done twice."""
    last = state.last
    if last is None or last.status == "done":
        return Handled(source, "known", "handled before", session, mail)
    return Handled(source, "failed", f"an earlier pass ended as {last.status}: {last.reason}", session, mail)
