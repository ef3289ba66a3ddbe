"""Inboxes: each mail has one session, as `remit desk` would begin it, whoever dies between which two steps."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from tests.apps.desk.rig import Rig, rig, sample
from tests.server.agents import echo
from tests.server.beginnings.imap_servers import PASSWORD, USER, ImapServer
from tests.server.beginnings.lives import ONE, Life, StandingClock, at, declared, living, sessions, until
from tests.server.beginnings.test_mailboxes import filled, maildir
from tests.server.rig import TENANTS, principal

from remit.apps.desk.case import case_of
from remit.apps.desk.handling import handle, session_of
from remit.apps.desk.mail import Mail, read_mail
from remit.core.agent import Agent
from remit.core.errors import RemitError
from remit.core.events import RunEnded
from remit.core.ports import Store
from remit.journal import MemoryJournal, SqliteJournal
from remit.server.beginnings import MaildirSettings
from remit.server.beginnings.inboxes import Inbox
from remit.server.beginnings.mailbox import BATCH, Letter, Mailbox
from remit.server.beginnings.maildir import Maildir
from remit.server.beginnings.starting import Source, Starter
from remit.server.service import RefusedError, Wish
from remit.testing.crash import Died, DyingStore

MAIL = b"From: ann@example.com\r\nMessage-ID: <1@example.com>\r\nSubject: printer\r\n\r\nIt is on fire.\r\n"


@dataclass
class DyingMailbox:
    """A mailbox whose process dies at the `at`-th thing that is done with it (from 1), before or after it is done."""

    mailbox: Mailbox
    at: int
    moment: str
    done_so_far: int = 0

    async def _step(self, *, before: bool) -> None:
        self.done_so_far += before
        if self.done_so_far == self.at and (self.moment == "before") is before:
            raise Died(f"{self.moment} step {self.at}")

    async def waiting(self) -> Sequence[Letter]:
        """See `Mailbox.waiting`."""
        await self._step(before=True)
        found = await self.mailbox.waiting()
        await self._step(before=False)
        return found

    async def read(self, letter: Letter) -> bytes | None:
        """See `Mailbox.read`."""
        await self._step(before=True)
        found = await self.mailbox.read(letter)
        await self._step(before=False)
        return found

    async def done(self, letter: Letter) -> None:
        """See `Mailbox.done`."""
        await self._step(before=True)
        await self.mailbox.done(letter)
        await self._step(before=False)

    async def aside(self, letter: Letter) -> None:
        """See `Mailbox.aside`."""
        await self._step(before=True)
        await self.mailbox.aside(letter)
        await self._step(before=False)

    async def close(self) -> None:
        """See `Mailbox.close`."""


def inbox(life: Life, mailbox: Mailbox, *, agent: str = "echo", **more: object) -> Inbox:
    settings = MaildirSettings(name="support", agent=agent, kind="maildir", path=".", tenant="acme", **more)  # type: ignore[arg-type]
    source = Source("inbox", "support", agent, "acme")
    return Inbox(Starter(life.service, life.audit), source, settings, mailbox, len(life.tenants) > 1)


def parsed(raw: bytes) -> Mail:
    mail = read_mail(raw)
    assert isinstance(mail, Mail)
    return mail


@pytest.fixture
def box(tmp_path: Path) -> Path:
    return maildir(tmp_path / "box")


def names(box: Path) -> list[str]:
    return [file.name.partition(":2,")[2] for file in sorted((box / "cur").iterdir())]


async def test_a_mail_is_the_message_of_its_session_as_data(box: Path) -> None:
    store = MemoryJournal()
    filled(box)(MAIL)
    async with living(store, tenants=ONE) as life:
        assert not await inbox(life, Maildir(box)).turn()
        await inbox(life, Maildir(box)).turn()
    [(name, [said])] = (await sessions(store)).items()
    mail = parsed(MAIL)
    assert name == session_of(mail)
    case = case_of(said.text)
    assert case is not None
    assert (case.mail, said.by) == (mail, "inbox:support")
    assert names(box) == ["S"]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", [1, 2, 3])
async def test_a_process_that_dies_between_any_two_steps_leaves_one_session_and_a_mail_put_away(
    box: Path, step: int, moment: str
) -> None:
    store = MemoryJournal()
    filled(box)(MAIL)
    async with living(store) as life:
        with pytest.raises(Died):
            await inbox(life, DyingMailbox(Maildir(box), step, moment)).turn()
    async with living(store) as life:
        await inbox(life, Maildir(box)).turn()
    [(name, [_])] = (await sessions(store)).items()
    assert name == f"acme.{session_of(parsed(MAIL))}"
    assert names(box) == ["S"]


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_process_that_dies_while_it_writes_leaves_the_mail_where_it_was(box: Path, moment: str) -> None:
    store = MemoryJournal()
    filled(box)(MAIL)
    async with living(DyingStore(store, at=1, moment="before" if moment == "before" else "after")) as life:
        with pytest.raises(Died):
            await inbox(life, Maildir(box)).turn()
    assert names(box) == []
    async with living(store) as life:
        await inbox(life, Maildir(box)).turn()
    [[_]] = (await sessions(store)).values()
    assert names(box) == ["S"]


async def test_processes_beside_each_other_take_each_mail_once(box: Path, tmp_path: Path) -> None:
    store, other = SqliteJournal(tmp_path / "journal.db"), SqliteJournal(tmp_path / "journal.db")
    put = filled(box)
    for number in range(20):
        put(MAIL.replace(b"printer", b"printer %d" % number))
    try:
        async with living(store) as one, living(other) as two:
            lines = [inbox(life, Maildir(box)) for life in (one, two, one, two)]
            await asyncio.gather(*(line.turn() for line in lines))
        found = await sessions(store)
        assert len(found) == 20
        assert all(len(said) == 1 for said in found.values())
        assert names(box) == ["S"] * 20
    finally:
        await store.close()
        await other.close()


async def test_nobody_can_keep_a_mail_out_by_taking_its_message_id(box: Path) -> None:
    store = MemoryJournal()
    put = filled(box)
    put(MAIL.replace(b"on fire", b"well"))
    put(MAIL)
    put(b"From: ann@example.com\r\nSubject: no Message-ID\r\n\r\nx\r\n")
    async with living(store) as life:
        await inbox(life, Maildir(box)).turn()
    assert len(await sessions(store)) == 3


async def test_what_cannot_be_a_mail_is_set_aside_where_a_person_sees_it_and_keeps_nothing_waiting(box: Path) -> None:
    store = MemoryJournal()
    put = filled(box)
    for mail in (b"", b"\0\0\0", b"just words\r\n", MAIL + b"x" * (2 << 20), b"Subject: whose?\r\n\r\n", MAIL):
        put(mail)
    async with living(store) as life:
        line = inbox(life, Maildir(box), most_mb=1)
        await line.turn()
        assert not await line.turn()
        told = [record.what for record in await life.audit.read()]
    assert names(box) == ["FS"] * 5 + ["S"]
    assert len(await sessions(store)) == 1
    assert len(told) == 5
    assert all("was set aside, flagged for a person" in one for one in told)
    assert "bytes, and at most 1 MB are read" in told[3]


@pytest.mark.parametrize("sample_name", ["21-out-of-office.eml", "22-bounce.eml", "24-no-reply-robot.eml"])
async def test_mail_of_machines_begins_nothing_for_agents_that_may_answer_it(box: Path, sample_name: str) -> None:
    store = MemoryJournal()
    filled(box)(sample(sample_name))
    async with living(store) as life:
        await inbox(life, Maildir(box)).turn()
        assert (await sessions(store), names(box)) == ({}, ["S"])
        filled(box)(sample(sample_name))
        await inbox(life, Maildir(box), automatic="begin").turn()
        assert len(await sessions(store)) == 1


async def test_mail_waits_while_its_agent_is_switched_off(box: Path) -> None:
    store = MemoryJournal()
    filled(box)(MAIL)
    async with living(store) as life:
        await life.service.switching.switch_off(principal(), "agent", "echo")
        with pytest.raises(RefusedError, match="off"):
            await inbox(life, Maildir(box)).turn()
        assert (names(box), await sessions(store)) == ([], {})
        await life.service.switching.switch_on(principal(), "agent", "echo")
        await inbox(life, Maildir(box)).turn()
    assert (names(box), len(await sessions(store))) == (["S"], 1)


async def test_a_name_that_another_agent_has_sets_the_mail_aside(box: Path) -> None:
    store = MemoryJournal()
    filled(box)(MAIL)
    other = Agent("other", echo().model)
    async with living(store, echo(), other) as life:
        await life.service.begin(principal(), Wish("other", "x", session=f"acme.{session_of(parsed(MAIL))}"))
        await inbox(life, Maildir(box)).turn()
        assert names(box) == ["FS"]
        assert len(await life.audit.read()) == 1


class StuckMailbox(DyingMailbox):
    """A mailbox where nothing can be put away."""

    async def done(self, letter: Letter) -> None:
        """Do nothing."""


async def test_many_mails_are_taken_without_a_pause_but_not_where_none_can_be_put_away(box: Path) -> None:
    filled(box)(*(MAIL + b"%d" % number for number in range(BATCH + 1)))
    async with living(MemoryJournal()) as life:
        stuck = inbox(life, StuckMailbox(Maildir(box), 0, "before"))
        assert [await stuck.turn(), await stuck.turn()] == [True, False]
        line = inbox(life, Maildir(box))
        assert [await line.turn(), await line.turn()] == [True, False]
    assert names(box) == ["S"] * (BATCH + 1)


async def test_a_mail_that_is_longer_than_it_was_said_to_be_is_set_aside(box: Path) -> None:
    class Lying(DyingMailbox):
        async def read(self, letter: Letter) -> bytes | None:
            return MAIL + bytes(1 << 20)

    filled(box)(MAIL)
    async with living(MemoryJournal()) as life:
        await inbox(life, Lying(Maildir(box), 0, "before"), most_mb=1).turn()
    assert names(box) == ["FS"]


# -- the desk ----------------------------------------------------------------------------------------------------------


async def holds(store: Store, wanted: Collection[str]) -> bool:
    return set(wanted) <= set(await sessions(store))


async def finished(store: Store, name: str) -> str:
    while True:
        for record in await store.read(name):
            if isinstance(record.event, RunEnded):
                return record.event.status
        await asyncio.sleep(0.02)


async def test_the_desk_works_on_the_mail_of_an_inbox_and_never_answers_machines(tmp_path: Path) -> None:
    world: Rig
    folder = maildir(tmp_path / "box")
    put = filled(folder)
    for name in ("09-invoice-vat.eml", "21-out-of-office.eml", "22-bounce.eml"):
        put(sample(name))
    file = declared(
        tmp_path, '[[inbox]]\nname = "support"\nagent = "desk"\nkind = "maildir"\npath = "box"\nevery = 1\n'
    )
    async with (
        rig(tmp_path / "store") as world,
        living(world.home.store, world.agent, tenants=(next(iter(world.home.tenants.values())),)) as life,
        life.beginning(file, StandingClock(at("2026-11-21T00:00Z"))) as made,
        made.running(),
    ):
        wanted = {session_of(parsed(sample(name))) for name in ("09-invoice-vat.eml", "22-bounce.eml")}
        await until(partial(holds, world.home.store, wanted))
        for name in await sessions(world.home.store):
            assert await finished(world.home.store, name) == "done"
        recipients = [str(one.message()["To"]) for one in world.mail.received]
        assert len(recipients) == 1
        # As `remit desk` finds it: the same mail in a file is known.
        known = await handle(world.home, world.agent, "a file", sample("09-invoice-vat.eml"))
        assert known.status == "known"
    assert names(folder) == ["S", "S", "S"]


async def test_a_mail_that_remit_desk_has_handled_is_only_put_away(tmp_path: Path) -> None:
    folder = maildir(tmp_path / "box")
    filled(folder)(sample("11-thanks.eml"))
    async with rig(tmp_path / "store") as world:
        tenants = tuple(world.home.tenants.values())
        await handle(world.home, world.agent, "a file", sample("11-thanks.eml"))
        before = await sessions(world.home.store)
        async with living(world.home.store, world.agent, tenants=tenants) as life:
            line = inbox(life, Maildir(folder), agent="desk")
            line.source = Source("inbox", "support", "desk", tenants[0].name)
            await line.turn()
        assert await sessions(world.home.store) == before
    assert names(folder) == ["S"]


async def test_an_inbox_on_a_server_is_run_from_the_projects_file(imap: ImapServer, tmp_path: Path) -> None:
    store = MemoryJournal()
    imap.put(MAIL)
    (tmp_path / "secrets").mkdir(mode=0o700)
    (tmp_path / "secrets" / "IMAP").write_text(PASSWORD)
    (tmp_path / "secrets" / "IMAP").chmod(0o600)
    (tmp_path / "ca.pem").write_bytes(imap.cert.read_bytes())
    file = declared(
        tmp_path,
        f"""
        [secrets]
        sources = ["files:secrets"]

        [[inbox]]
        name = "support"
        agent = "echo"
        kind = "imap"
        url = "{imap.secure}"
        user = "{USER}"
        secret = "IMAP"
        ca = "ca.pem"
        every = 1
        """,
    )
    async with living(store, tenants=TENANTS) as life, life.beginning(file, StandingClock()) as made:
        async with made.running():

            async def taken(mails: int) -> bool:
                return len(await sessions(store)) == mails and imap.flags() == [r"\Seen"] * mails

            await until(partial(taken, 1))
            # While it runs: the server goes away, comes back, and has more.
            imap.stop()
            imap.start()
            imap.put(MAIL.replace(b"printer", b"scanner"))
            await until(partial(taken, 2))
        [told] = made.told
        assert told["where"] == f"INBOX of {USER} at {imap.secure}"
        assert PASSWORD not in str(made.told)
    assert all(len(said) == 1 for said in (await sessions(store)).values())


async def test_an_inbox_that_breaks_is_tried_again_and_closed(tmp_path: Path) -> None:
    class Broken(DyingMailbox):
        closed = False
        tries = 0

        async def waiting(self) -> Sequence[Letter]:
            self.tries += 1
            raise RemitError("out of reach") if self.tries > 1 else ZeroDivisionError

        async def close(self) -> None:
            self.closed = True

    async with living(MemoryJournal()) as life:
        broken = Broken(Maildir(maildir(tmp_path / "box")), 0, "before")
        line = inbox(life, broken)
        task = asyncio.create_task(line.run())

        async def tried() -> bool:
            return broken.tries >= 2

        await until(tried)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert broken.closed
        assert line.starter.counted["inbox", "support", "failed"] >= 2
