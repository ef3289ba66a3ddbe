"""The stage of the demo: a store, a desk with local stand-ins, a screen, and the claims that are checked at the end."""

import asyncio
import sys
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.text import Text

from remit.apps.desk.handling import SAMPLES, Findings, Handled, find, handle
from remit.apps.desk.mail import Mail, read_mail
from remit.apps.desk.standins import JiraStandIn, MailStandIn, WebhookStandIn
from remit.cli.desk.opening import Opened
from remit.cli.screen import visible
from remit.core.agent import Agent
from remit.core.events import Record
from remit.home import Home

_BREATH = 0.4


@dataclass(frozen=True, slots=True)
class Claim:
    """Something the demo says, and whether it is so."""

    text: str
    holds: bool
    seen: str = ""
    """What was found instead, or as a proof."""


@dataclass(slots=True)
class Stage:
    """Where the scenes play."""

    store: Path
    home: Home
    desk: Opened
    jira: JiraStandIn
    mail: MailStandIn
    webhook: WebhookStandIn
    console: Console
    breath: float = _BREATH
    claims: list[Claim] = field(default_factory=list[Claim])
    commands: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """What to look at next, and why."""

    # -- saying ----------------------------------------------------------------------------------------------------

    async def scene(self, number: int, title: str) -> None:
        """Begin a scene."""
        if number > 1 and self.breath:
            await asyncio.sleep(self.breath)
        self._print("")
        self._print(f"{number}. {title}", "bold cyan")

    def say(self, text: str, style: str = "") -> None:
        """Tell the story."""
        self._print(text, style)

    def show(self, label: str, text: str, style: str = "") -> None:
        """Show something that is so, indented under its name."""
        first, *more = text.splitlines() or [""]
        self._print(f"   {label:<11} {first}", style)
        for line in more:
            self._print(f"   {'':<11} {line}", style)

    def claim(self, text: str, *, holds: bool, seen: str = "") -> None:
        """Say something and check it at once."""
        self.claims.append(Claim(text, holds, seen))
        mark, style = ("✓", "green") if holds else ("✗ NOT SO:", "bold red")
        self._print(f"   {mark} {text}" + (f" ({seen})" if seen else ""), style)

    def _print(self, text: str, style: str = "") -> None:
        self.console.print(Text(visible(text), style), soft_wrap=not self.console.is_terminal)

    # -- doing -----------------------------------------------------------------------------------------------------

    async def take(self, name: str, agent: Agent | None = None) -> tuple[Handled, Mail]:
        """Handle one of the sample mails and show who wrote what."""
        raw = sample(name).read_bytes()
        mail = read_mail(raw)
        assert isinstance(mail, Mail)
        self.show("mail", f"{mail.sender.name or mail.sender.address}: {mail.subject}")
        self.show("says", head(mail.text), "dim")
        return await handle(self.home, agent or self.desk.agent, name, raw), mail

    async def records(self, session: str) -> list[Record]:
        """Give the journal of a session."""
        return await self.home.store.read(session)

    async def findings(self, session: str) -> Findings:
        """Give what a case came to."""
        return find(await self.records(session))

    def sent(self, address: str) -> list[str]:
        """Give the texts of the mails that this address received, oldest first."""
        return [str(one.message().get_content()) for one in self.mail.received if address in one.recipients]

    def recipients(self) -> set[str]:
        """Give everybody who ever received a mail."""
        return {address for one in self.mail.received for address in one.recipients}

    def tickets_of(self, address: str) -> int:
        """Count the tickets at Jira's side whose description names this address."""
        return sum(f"<{address}>" in str(issue["fields"]["description"]) for issue in self.jira.issues())


def sample(name: str) -> Path:
    """Find a mail of the sample inbox."""
    return SAMPLES / name


def head(text: str, lines: int = 4, width: int = 100) -> str:
    """Give the beginning of a text."""
    found = [line for line in text.splitlines() if line.strip()]
    shown = [line if len(line) <= width else line[: width - 1] + "…" for line in found[:lines]]
    return "\n".join(shown + (["…"] if len(found) > lines else []))


def console(*, json: bool) -> Console:
    """Make the console of the story, which is silent when a machine listens."""
    return Console(file=sys.stdout, quiet=json, highlight=False, markup=False, emoji=False)
