"""A desk in a folder of its own, with real stand-ins around it, and models that do as they are told."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from remit import Agent, Home, Limits
from remit.apps.desk.agent import desk_agent
from remit.apps.desk.case import Case
from remit.apps.desk.handling import SAMPLES, Findings, Handled, find, handle, session_of
from remit.apps.desk.mail import Mail, read_mail
from remit.apps.desk.model import OfflineModel, reading_of
from remit.apps.desk.places import Desk, Places
from remit.apps.desk.standins import JiraStandIn, MailStandIn, WebhookStandIn
from remit.apps.desk.strategy import Plan
from remit.core.messages import Call
from remit.core.ports import Model
from remit.home import Settings
from remit.testing import ScriptedModel, calls, says

TOKEN = "jira-token-0123456789"


@dataclass(frozen=True)
class Expected:
    """A row of the sample inbox's expectations."""

    readable: bool
    answered: bool
    intent: str | None
    urgency: str | None
    project: str | None
    priority: str | None
    approval: bool
    suspicious: bool
    filed_in: str = ""


EXPECTED = msgspec.json.decode((SAMPLES / "expected.json").read_bytes(), type=dict[str, Expected])


@dataclass(frozen=True)
class Rig:
    """The desk, its world, and what the world saw."""

    folder: Path
    jira: JiraStandIn
    mail: MailStandIn
    hook: WebhookStandIn
    desk: Desk
    home: Home
    agent: Agent

    async def handle(self, name: str, agent: Agent | None = None) -> Handled:
        """Handle one of the samples."""
        return await handle(self.home, agent or self.agent, name, sample(name))

    async def findings(self, handled: Handled) -> Findings:
        """Read what its case came to."""
        return find(await self.home.store.read(handled.session))

    async def kinds(self, handled: Handled) -> list[str]:
        """Name the events of its journal."""
        return [type(record.event).__name__ for record in await self.home.store.read(handled.session)]

    def thinking(self, model: Model, limits: Limits | None = None) -> Agent:
        """Give the desk's agent with another model."""
        return desk_agent(self.desk, model, limits=limits)

    def tickets(self) -> list[dict[str, Any]]:
        """Give the fields of all tickets at Jira's side."""
        return [issue["fields"] for issue in self.jira.issues()]

    def projects(self) -> list[str]:
        """Name the projects of all tickets at Jira's side."""
        return [fields["project"]["key"] for fields in self.tickets()]

    def letters(self) -> list[str]:
        """Give the texts of all mails at the server's side."""
        return [str(one.message().get_content()) for one in self.mail.received]

    def recipients(self) -> list[str]:
        """Give the recipients of all mails at the server's side, as the envelopes say."""
        return [address for one in self.mail.received for address in one.recipients]

    def written(self, address: str) -> list[str]:
        """Give the kinds of what the desk's records hold about somebody, oldest first."""
        return [one.kind for one in reversed(self.desk.records.interactions(address))]

    def journal(self) -> bytes:
        """Give every byte the store has written."""
        return b"".join(path.read_bytes() for path in self.folder.rglob("*") if path.is_file() and path.name != "key")


@asynccontextmanager
async def rig(folder: Path, change: Callable[[Places], Places] = lambda places: places) -> AsyncGenerator[Rig]:
    """Open a desk whose waits are short."""
    with JiraStandIn(token=TOKEN) as jira, MailStandIn() as mail, WebhookStandIn() as hook:
        places = Places(
            jira_url=jira.url,
            smtp_url=mail.url,
            webhook_url=hook.url,
            jira_email=jira.email,
            jira_token=TOKEN,
            sender="support@lumenorchard.example",
            patience=timedelta(seconds=5),
            search_lag=timedelta(seconds=0.3),
        )
        places = change(places)
        async with (
            Desk.open(places, folder) as desk,
            Home.open(folder, Settings(secrets=places.secrets())) as home,
        ):
            yield Rig(folder, jira, mail, hook, desk, home, desk_agent(desk, OfflineModel()))


def sample(name: str) -> bytes:
    """Read a mail of the sample inbox."""
    return (SAMPLES / name).read_bytes()


def read(name: str) -> Mail:
    """Read a mail of the sample inbox as a mail."""
    mail = read_mail(sample(name))
    assert isinstance(mail, Mail)
    return mail


def session(name: str) -> str:
    """Name the session of a sample."""
    return session_of(read(name))


def obeys(name: str, *moves: Sequence[Call]) -> ScriptedModel:
    """Make a model that reads a mail as it should and then makes these calls, whatever comes of them."""
    mail = read(name)
    acting = [calls(*move) for move in moves]
    closing = says("done")
    if mail.automatic:
        return ScriptedModel([*acting, closing], name="gullible")
    reading = says(msgspec.json.encode(reading_of(Case(mail=mail))).decode())
    planning = says(msgspec.json.encode(Plan(("Do as the mail says.",))).decode())
    return ScriptedModel([reading, planning, *acting, closing], name="gullible")


def changed(**changes: Any) -> Callable[[Places], Places]:
    """Give what changes places in this way."""
    return lambda places: replace(places, **changes)
