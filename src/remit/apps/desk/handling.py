"""Handling: mails in, one session each. The same mail has the same session, so a second pass does nothing twice."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Literal

from remit.apps.desk.case import task_of
from remit.apps.desk.mail import Mail, Unreadable, read_mail
from remit.core.agent import Agent
from remit.core.errors import RemitError, UnknownSessionError
from remit.home import Home
from remit.runtime import RunResult

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


def session_of(mail: Mail) -> str:
    """Name the session of a mail by its content, which a sender cannot choose freely as they can a Message-ID."""
    return f"mail-{mail.digest[:16]}"


async def handle_inbox(home: Home, agent: Agent, mails: Iterable[tuple[str, bytes]]) -> AsyncIterator[Handled]:
    """Handle mails one after the other; one that goes wrong does not stop the others."""
    for source, raw in mails:
        yield await handle(home, agent, source, raw)


async def handle(home: Home, agent: Agent, source: str, raw: bytes) -> Handled:
    """Handle one mail, or go on with it where an earlier pass was cut off."""
    mail = read_mail(raw)
    if isinstance(mail, Unreadable):
        return Handled(source, "unreadable", mail.reason)
    session = session_of(mail)
    try:
        result = await _run(home, agent, session, mail)
    except RemitError as error:
        return Handled(source, "failed", str(error), session, mail)
    if result is None:
        return Handled(source, "known", "handled before", session, mail)
    status: Status = "waiting" if result.status == "waiting" else "handled" if result.status == "done" else "failed"
    return Handled(source, status, str(result.output or result.reason), session, mail, result)


async def _run(home: Home, agent: Agent, session: str, mail: Mail) -> RunResult | None:
    try:
        state = await home.session(session)
    except UnknownSessionError:
        return await home.run(agent, task_of(mail), session=session)
    if state.run is not None or state.inbox:
        return await home.resume(agent, session)
    return None
