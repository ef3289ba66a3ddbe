"""Mailboxes: what every kind of them must do, and what is true of one kind only."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import pytest
from tests.server.beginnings.imap_servers import PASSWORD, USER, ImapServer

from remit.core.errors import ConfigError
from remit.server.beginnings import ImapSettings
from remit.server.beginnings.imap import ImapMailbox
from remit.server.beginnings.mailbox import BATCH, Letter, Mailbox, MailboxError
from remit.server.beginnings.maildir import Maildir

FIRST = b"From: ann@example.com\r\nSubject: one\r\n\r\nhello\r\n"
SECOND = b"From: bob@example.com\r\nSubject: two\r\n\r\n\xff\xfe odd\r\n"


@dataclass
class Kind:
    """A kind of mailbox, with a way to fill it and to look into it."""

    open: Callable[[], Mailbox]
    put: Callable[..., None]
    marks: Callable[[], list[str]]
    """For each mail in order: nothing, S for put away, FS for put away and marked for a person."""


def maildir(folder: Path) -> Path:
    for name in ("new", "cur", "tmp"):
        (folder / name).mkdir(parents=True)
    return folder


def filled(folder: Path) -> Callable[..., None]:
    def put(*mails: bytes) -> None:
        before = sum(1 for part in ("new", "cur") for _ in (folder / part).iterdir())
        for number, mail in enumerate(mails, before):
            (folder / "new" / f"17000000{number:03}.M1P1.host").write_bytes(mail)

    return put


def settings(server: ImapServer, **more: str) -> ImapSettings:
    said = {"url": server.secure, "ca": str(server.cert), **more}
    return ImapSettings(name="box", agent="echo", kind="imap", user=USER, secret="S", timeout=10, **said)  # type: ignore[arg-type]


async def password() -> str:
    return PASSWORD


@pytest.fixture(params=["maildir", "imap"])
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Kind:
    if request.param == "imap":
        server: ImapServer = request.getfixturevalue("imap")

        def shown() -> list[str]:
            short = {r"\Seen": "S", r"\Flagged": "F"}
            return ["".join(short[one] for one in marks.split()) for marks in server.flags()]

        return Kind(lambda: ImapMailbox(settings(server), password), server.put, shown)
    folder = maildir(tmp_path / "box")

    def marks() -> list[str]:
        names = sorted(file.name for part in ("new", "cur") for file in (folder / part).iterdir())
        return [name.partition(":2,")[2] for name in names]

    return Kind(lambda: Maildir(folder), filled(folder), marks)


@contextlib.asynccontextmanager
async def opened(kind: Kind) -> AsyncGenerator[Mailbox]:
    mailbox = kind.open()
    try:
        yield mailbox
    finally:
        await mailbox.close()


async def test_mails_wait_in_their_order_until_they_are_put_away(kind: Kind) -> None:
    kind.put(FIRST)
    kind.put(SECOND)
    async with opened(kind) as box:
        first, second = await box.waiting()
        assert (first.size, second.size) == (len(FIRST), len(SECOND))
        assert [await box.read(first), await box.read(second)] == [FIRST, SECOND]
        assert await box.waiting() == [first, second]
        assert kind.marks() == ["", ""]
        await box.done(first)
        assert await box.waiting() == [second]
        await box.aside(second)
        assert await box.waiting() == []
    assert kind.marks() == ["S", "FS"]


async def test_what_one_process_put_away_another_finds_gone(kind: Kind) -> None:
    kind.put(FIRST)
    async with opened(kind) as one, opened(kind) as two:
        [mine], [theirs] = await one.waiting(), await two.waiting()
        await one.done(mine)
        await two.done(theirs)
        assert await two.waiting() == []
    assert kind.marks() == ["S"]


async def test_mail_that_comes_later_is_found_by_the_same_mailbox(kind: Kind) -> None:
    async with opened(kind) as box:
        assert await box.waiting() == []
        kind.put(FIRST)
        assert len(await box.waiting()) == 1


async def test_many_mails_come_in_batches(kind: Kind) -> None:
    kind.put(*(b"Subject: %d\r\n\r\n" % number for number in range(BATCH + 3)))
    async with opened(kind) as box:
        first = await box.waiting()
        assert len(first) == BATCH
        for letter in first:
            await box.done(letter)
        assert len(await box.waiting()) == 3


# -- Maildir -----------------------------------------------------------------------------------------------------------


async def test_a_mail_that_a_reader_of_mail_moved_without_seeing_it_waits_too(tmp_path: Path) -> None:
    folder = maildir(tmp_path / "box")
    (folder / "cur" / "1.host:2,").write_bytes(FIRST)
    (folder / "cur" / "2.host:2,RS").write_bytes(FIRST)
    (folder / "cur" / "3.host").write_bytes(FIRST)
    (folder / "cur" / "4.host:2,F").write_bytes(FIRST)
    box = Maildir(folder)
    waiting = await box.waiting()
    assert [letter.name for letter in waiting] == ["cur/1.host:2,", "cur/3.host", "cur/4.host:2,F"]
    for letter in waiting:
        await box.done(letter)
    names = sorted(file.name for file in (folder / "cur").iterdir())
    assert names == ["1.host:2,S", "2.host:2,RS", "3.host:2,S", "4.host:2,FS"]


async def test_what_is_no_file_of_the_mailbox_is_no_mail(tmp_path: Path) -> None:
    folder = maildir(tmp_path / "box")
    secret = tmp_path / "secret"
    secret.write_text("private")
    (folder / "new" / "1.link").symlink_to(secret)
    (folder / "new" / "2.folder").mkdir()
    os.mkfifo(folder / "new" / "3.pipe")
    (folder / "new" / ".hidden").write_bytes(FIRST)
    box = Maildir(folder)
    assert await box.waiting() == []
    # It was a mail when it was listed.
    with pytest.raises(MailboxError, match="cannot be read"):
        await box.read(Letter("new/1.link", 7))
    assert await box.read(Letter("new/3.pipe", 7)) is None
    assert await box.read(Letter("new/4.gone", 7)) is None


async def test_a_mail_that_grows_is_read_as_far_as_it_was_said_to_go(tmp_path: Path) -> None:
    folder = maildir(tmp_path / "box")
    (folder / "new" / "1").write_bytes(b"x" * 1000)
    assert await Maildir(folder).read(Letter("new/1", 10)) == b"x" * 11


async def test_a_folder_that_is_gone_is_tried_again_and_one_that_is_no_maildir_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no Maildir"):
        Maildir(tmp_path)
    folder = maildir(tmp_path / "box")
    box = Maildir(folder)
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(MailboxError, match="cannot be read"):
        await box.waiting()
    folder.mkdir()
    (folder / "new").mkdir()
    (folder / "new" / "1").write_bytes(FIRST)
    with pytest.raises(MailboxError, match="cannot be read"):
        await box.waiting()


# -- IMAP --------------------------------------------------------------------------------------------------------------


async def test_a_mail_can_be_moved_to_another_folder(imap: ImapServer) -> None:
    imap.put(FIRST, SECOND)
    with imap.client() as line:
        line.create('"Done things"')
    box = ImapMailbox(settings(imap, move_to="Done things"), password)
    first, _ = await box.waiting()
    await box.done(first)
    await box.done(first)
    assert len(await box.waiting()) == 1
    await box.close()
    assert (imap.flags(), imap.flags('"Done things"')) == ([""], [""])


async def test_a_connection_that_was_lost_is_opened_again(imap: ImapServer) -> None:
    imap.put(FIRST)
    box = ImapMailbox(settings(imap), password)
    [letter] = await box.waiting()
    imap.stop()
    with pytest.raises(MailboxError):
        await box.read(letter)
    with pytest.raises(MailboxError):
        await box.waiting()
    imap.start()
    [letter] = await box.waiting()
    assert await box.read(letter) == FIRST
    await box.close()


async def emptied(box: Mailbox) -> None:
    for letter in await box.waiting():
        await box.done(letter)


async def test_a_wrong_password_a_strange_certificate_and_no_such_folder_are_told_without_the_password(
    imap: ImapServer,
) -> None:
    imap.put(FIRST)

    async def wrong() -> str:
        return "another one"

    for box, why in (
        (ImapMailbox(settings(imap), wrong), "Authentication failed"),
        (ImapMailbox(settings(imap, ca=""), password), "certificate verify failed"),
        (ImapMailbox(settings(imap, url=f"imaps://127.0.0.2:{imap.tls}"), password), "IP address mismatch"),
        (ImapMailbox(settings(imap, folder="Nowhere"), password), "doesn't exist"),
        (ImapMailbox(settings(imap, move_to="Nowhere"), password), "doesn't exist"),
    ):
        with pytest.raises(MailboxError, match=why) as refusal:
            await emptied(box)
        assert PASSWORD not in str(refusal.value)
        assert "another one" not in str(refusal.value)
        await box.close()
    assert imap.flags() == [""]


async def test_in_the_open_it_goes_to_this_machine(imap: ImapServer) -> None:
    imap.put(FIRST)
    box = ImapMailbox(settings(imap, url=imap.url), password)
    assert len(await box.waiting()) == 1
    await box.close()


async def test_certificates_that_cannot_be_read_are_told(imap: ImapServer, tmp_path: Path) -> None:
    missing = settings(imap, ca=str(tmp_path / "nothing"))
    with pytest.raises(ConfigError, match="cannot be read"):
        ImapMailbox(missing, password)


@contextlib.contextmanager
def saying(*lines: bytes) -> Generator[str]:
    """Serve one connection with these lines, each after one of the client's, and then silence."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kept: list[socket.socket] = []

        def serve() -> None:
            with contextlib.suppress(OSError):
                line, _ = listener.accept()
                kept.append(line)
                for number, text in enumerate(lines):
                    asked = line.recv(10_000) if number else b""
                    line.sendall(text.replace(b"TAG", asked.partition(b" ")[0]))

        thread = Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"imap://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            for line in kept:
                line.close()
            thread.join(5)


async def test_a_server_that_falls_silent_is_given_up(imap: ImapServer) -> None:
    for lines in ((), (b"* OK hello\r\n",), (b"* OK hello\r\n", b"* CAPABILITY IMAP4rev1\r\nTAG OK done\r\n")):
        with saying(*lines) as url:
            quick = ImapSettings(name="box", agent="echo", kind="imap", user=USER, secret="S", url=url, timeout=1)
            box = ImapMailbox(quick, password)
            with pytest.raises(MailboxError, match="timed out"):
                await box.waiting()
            await box.close()


async def test_a_server_that_speaks_something_else_is_given_up() -> None:
    for line in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"* BYE go away\r\n", b"\x00\xff\r\n", b"x" * 2_000_000):
        with saying(line) as url:
            box = ImapMailbox(
                ImapSettings(name="box", agent="echo", kind="imap", user=USER, secret="S", url=url, timeout=1), password
            )
            with pytest.raises(MailboxError):
                await box.waiting()
            await box.close()


async def test_nobody_waits_for_a_server_that_is_silent_when_it_is_over() -> None:
    greeting, able = b"* OK hello\r\n", b"* CAPABILITY IMAP4rev1\r\nTAG OK done\r\n"
    for lines in ((), (greeting, able), (greeting, able, b"TAG OK in\r\n", b"TAG OK selected\r\n")):
        with saying(*lines) as url:
            slow = ImapSettings(name="box", agent="echo", kind="imap", user=USER, secret="S", url=url, timeout=3600)
            box = ImapMailbox(slow, password)
            looking = asyncio.create_task(box.waiting())
            await asyncio.sleep(0.1)
            looking.cancel()
            async with asyncio.timeout(20):
                await asyncio.gather(looking, return_exceptions=True)
                await box.close()
            assert looking.cancelled()
