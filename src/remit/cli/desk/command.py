"""`remit desk`: handle support mail. The same mail a second time does nothing twice."""

import argparse
import asyncio
import hashlib
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import msgspec

from remit.apps.desk.handling import SAMPLES, Findings, Handled, find, handle
from remit.apps.desk.mail import read_inbox
from remit.cli import exits
from remit.cli.agents import load_model
from remit.cli.desk.opening import LOCAL, OFFLINE, Opened, Setup, opened, remember, settings, setup_of
from remit.cli.desk.telling import Sum, Told, finish, head, tell
from remit.cli.interrupts import Interrupts
from remit.cli.options import add_store
from remit.cli.places import folded, home
from remit.cli.screen import Screen
from remit.cli.standing import stand
from remit.cli.stores import beside
from remit.core.errors import ConfigError
from remit.core.values import now_ms
from remit.home import Home

STDIN = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "--inbox", metavar="PLACE", default="", help="a folder of .eml files, a Maildir, one file, or - for one mail"
    )
    parser.add_argument("--jira-url", metavar="URL", default="", help="the Jira site; JIRA_EMAIL and JIRA_TOKEN log in")
    parser.add_argument(
        "--smtp-url", metavar="URL", default="", help="the mail server; SMTP_USER, SMTP_PASSWORD log in"
    )
    parser.add_argument("--webhook-url", metavar="URL", default="", help="takes what mail cannot deliver")
    parser.add_argument("--knowledge", metavar="DIR", default="", help="Markdown articles (default: the samples')")
    parser.add_argument("--model", metavar="NAME", default=OFFLINE, help="such as openai:NAME (default: %(default)s)")
    parser.add_argument("--budget", metavar="USD", type=float, default=0.50, help="for one mail (default: %(default)s)")
    parser.add_argument("--limit", metavar="N", type=int, default=0, help="handle at most so many mails")
    parser.add_argument("--tickets", metavar="FILE", default="", help="where the local Jira keeps its tickets")
    add_store(parser)


async def main(args: argparse.Namespace) -> int:
    """Handle an inbox and say what became of each mail."""
    setup, store = _setup(args), beside(args.store)
    mails = await _mails(args.inbox)
    screen = Screen(out=args.out, json=args.json)
    known = settings(setup, os.environ)
    async with home(args.store, known) as opened_home:
        remember(store, setup)
        async with opened(store, setup, os.environ) as desk:
            _introduce(screen, args, setup, desk)
            at_work = Pass(opened_home, desk, args.store, screen)
            chosen = islice(mails, args.limit) if args.limit else mails
            return await at_work.over(chosen)


def _setup(args: argparse.Namespace) -> Setup:
    if args.budget < 0 or args.limit < 0:
        raise ConfigError("--budget and --limit are not below 0")
    setup = setup_of(args.jira_url, args.smtp_url, args.webhook_url, os.environ)
    return msgspec.structs.replace(
        setup,
        knowledge=str(Path(args.knowledge).resolve()) if args.knowledge else "",
        tickets=str(Path(args.tickets).resolve()) if args.tickets else "",
        model=OFFLINE if args.model == OFFLINE else load_model(args.model)[1],
        budget=args.budget,
    )


async def _mails(place: str) -> Iterable[tuple[str, bytes]]:
    if place == STDIN:
        return [("stdin", await asyncio.to_thread(sys.stdin.buffer.read))]
    return await asyncio.to_thread(read_inbox, Path(place) if place else SAMPLES)


def _introduce(screen: Screen, args: argparse.Namespace, setup: Setup, desk: Opened) -> None:
    if not args.inbox:
        screen.hint("No --inbox given: this is the sample inbox that ships with Remit.")
    thinker = "rules and a small classifier on this machine; no language model, no network"
    screen.hint(
        f"model: {desk.agent.model if isinstance(desk.agent.model, str) else desk.agent.model.spec.name}"
        + (f" (offline: {thinker})" if setup.model == OFFLINE else "")
    )
    if setup.jira == LOCAL:
        outbox = beside(args.store) / "outbox"
        screen.hint(f"Jira, mail and webhook are local stand-ins; nothing leaves this machine. Mails go to {outbox}")
    else:
        screen.hint(f"Jira: {setup.jira}, mail: {setup.smtp}, webhook: {setup.webhook or 'none'}")


@dataclass(slots=True)
class Pass:
    """One pass over an inbox. Ctrl-C stops it after the step under way, and a second one at once."""

    home: Home
    desk: Opened
    store: str
    screen: Screen
    total: Sum = field(default_factory=Sum)

    async def over(self, mails: Iterable[tuple[str, bytes]]) -> int:
        """Handle mails until there are no more or somebody wants it to stop; give the exit status."""
        head(self.screen)
        interrupts = Interrupts(self.home, "the same command goes on")
        with interrupts.heeded():
            for source, raw in mails:
                if interrupts.asked:
                    break
                since = now_ms()
                handled = await handle(self.home, self.desk.agent, source, raw)
                if handled.status == "unreadable":
                    handled = self._set_aside(handled, raw)
                told = await self._told(handled, since)
                self.total.told.append(told)
                tell(self.screen, told)
        finish(self.screen, self.total, self.store)
        if interrupts.asked:
            self.screen.hint("stopped; the same command goes on where this one was", "yellow")
            return exits.PAUSED
        return exits.FAILED if self.total.count("failed") else exits.DONE

    async def _told(self, handled: Handled, since: int) -> Told:
        if not handled.session:
            return Told(handled, Findings(), Findings())
        records = await self.home.store.read(handled.session)
        findings, fresh = find(records), find(records, since=since)
        if handled.status != "waiting":
            return Told(handled, findings, fresh)
        state = await folded(self.home.store, handled.session)
        return Told(handled, findings, fresh, stand(handled.session, state, self.store, alive=False))

    def _set_aside(self, handled: Handled, raw: bytes) -> Handled:
        """Keep what could not be read where a person finds it."""
        folder = beside(self.store) / "unreadable"
        folder.mkdir(parents=True, exist_ok=True)
        place = folder / f"{hashlib.sha256(raw).hexdigest()[:12]}-{Path(handled.source).name}"
        place.write_bytes(raw)
        return Handled(handled.source, handled.status, f"{handled.detail}; kept as {place}")
