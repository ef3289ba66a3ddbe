"""Inboxes: a mail becomes a session, exactly as `remit desk` makes one of a file, and only then is it put away.

The session is named by a hash of the mail, which a sender cannot choose as they can a Message-ID: so the same mail
again is the same session, and nobody can keep a mail from being handled by sending another one of its name first.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass

from remit.apps.desk.agent import NAME as DESK
from remit.apps.desk.case import task_of
from remit.apps.desk.handling import session_of
from remit.apps.desk.mail import Mail, Unreadable, read_mail
from remit.core.errors import RemitError
from remit.server.beginnings.mailbox import BATCH, Letter, Mailbox
from remit.server.beginnings.settings import InboxSettings
from remit.server.beginnings.starting import Cause, Source, Starter, TakenError

_log = logging.getLogger("remit.beginnings")

_FIRST, _LONGEST = 1.0, 300.0
"""Seconds before a mailbox is tried again that is out of reach."""


@dataclass(slots=True)
class Inbox:
    """One mailbox and the agent that its mails are for."""

    starter: Starter
    source: Source
    settings: InboxSettings
    mailbox: Mailbox
    several: bool = False
    """Whether there are several tenants, so that names of sessions begin with theirs."""
    _before: Sequence[Letter] = ()

    async def run(self) -> None:
        """Take what comes, again and again, until cancelled."""
        failed = 0
        try:
            while True:
                try:
                    pause, failed = (0.0 if await self.turn() else self.settings.every), 0
                except RemitError as error:
                    failed += 1
                    pause = self._failed(failed, str(error))
                except Exception as error:  # noqa: BLE001 - what breaks must not end an inbox for good without a word
                    _log.exception("%s broke", self.source.by)
                    failed += 1
                    pause = self._failed(failed, type(error).__name__)
                await asyncio.sleep(pause)
        finally:
            with contextlib.suppress(RemitError):
                await self.mailbox.close()

    def _failed(self, times: int, why: str) -> float:
        pause = min(_FIRST * 2 ** min(times - 1, 20), _LONGEST) * random.uniform(0.8, 1.0)
        self.starter.count(self.source, "failed")
        _log.warning("%s is tried again in %.1f s: %s", self.source.by, pause, why)
        return pause

    async def turn(self) -> bool:
        """Take the mails that wait, up to a batch, and say whether there may be more.

        Raise what keeps all of them from being taken; they wait then.
        """
        letters = await self.mailbox.waiting()
        for letter in letters:
            await self._take(letter)
        # Where nothing can be put away the same ones come again, which is no reason to hurry.
        before, self._before = self._before, letters
        return len(letters) == BATCH and letters != before

    async def _take(self, letter: Letter) -> None:
        most = self.settings.most_mb
        if letter.size > most << 20:
            await self._aside(letter, f"it has {letter.size:,} bytes, and at most {most} MB are read")
            return
        raw = await self.mailbox.read(letter)
        if raw is None:
            return
        if len(raw) > most << 20:
            await self._aside(letter, f"it is longer than it was said to be, and at most {most} MB are read")
            return
        mail = await asyncio.to_thread(_read, raw)
        if isinstance(mail, Unreadable):
            await self._aside(letter, mail.reason)
        elif not mail.sender.address and not self._begins_automatic:
            await self._aside(letter, "nobody can tell who sent it")
        elif mail.automatic and not self._begins_automatic:
            self.starter.count(self.source, "skipped")
            _log.info("%s passed over mail %s: %s", self.source.by, letter.name, mail.automatic)
            await self.mailbox.done(letter)
        else:
            await self._begin(letter, mail)

    @property
    def _begins_automatic(self) -> bool:
        said = self.settings.automatic
        # Its guards answer no machine; nobody knows that of another agent.
        return said == "begin" or (not said and self.source.agent == DESK)

    async def _begin(self, letter: Letter, mail: Mail) -> None:
        name = session_of(mail)
        cause = Cause(self.source, mail.digest, f"{self.source.tenant}.{name}" if self.several else name)
        try:
            await self.starter.begin(cause, await asyncio.to_thread(task_of, mail))
        except TakenError as error:
            await self._aside(letter, str(error))
            return
        await self.mailbox.done(letter)

    async def _aside(self, letter: Letter, why: str) -> None:
        self.starter.count(self.source, "refused")
        # Before it is put away: rather told twice than never.
        await self.starter.tell(self.source, f"mail {letter.name} was set aside, flagged for a person: {why}")
        await self.mailbox.aside(letter)


def _read(raw: bytes) -> Mail | Unreadable:
    try:
        return read_mail(raw)
    except Exception as error:  # noqa: BLE001 - a defect that one mail brings out must not keep the others waiting
        _log.exception("a mail could not be read")
        return Unreadable(f"reading it broke ({type(error).__name__})", len(raw), "")
