"""Sending answers and notices."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest
from tests.certificates import Certificate

from remit.apps.desk.mail import Mail, read_mail
from remit.apps.desk.post import PostError, compose_reply, mail_server, message_id, notify, reply_subject, send_mail
from remit.apps.desk.standins import Cut, HttpStandIn, MailFault, MailStandIn, WebhookStandIn
from remit.core.errors import ConfigError

DESK = "support@lumenorchard.example"


@pytest.fixture
def server() -> Iterator[MailStandIn]:
    with MailStandIn() as started:
        yield started


def mail(extra: str = "") -> Mail:
    read = read_mail(f"From: Änn Lee <ann@example.org>\nMessage-ID: <1@example.org>\n{extra}\n\nhi".encode())
    assert isinstance(read, Mail)
    return read


def reply(key: str = "k", body: str = "Grüße\n.\n..two dots") -> EmailMessage:
    return compose_reply(mail("Subject: Hi"), body, sender=DESK, key=key)


async def failed(server: MailStandIn, fault: MailFault) -> PostError:
    server.fail(fault)
    with pytest.raises(PostError) as caught:
        await send_mail(server.url, reply(), patience=timedelta(seconds=2))
    return caught.value


async def test_an_answer_arrives_as_it_was_written(server: MailStandIn) -> None:
    sent = await send_mail(server.url, reply())
    (received,) = server.received
    assert (received.sender, received.recipients) == (DESK, ("ann@example.org",))
    message = received.message()
    assert message["Message-ID"] == sent
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["In-Reply-To"] == message["References"] == "<1@example.org>"
    assert message.get_content().splitlines() == ["Grüße", ".", "..two dots"]
    assert received.raw.isascii()


def test_an_answer_is_a_mail_that_another_desk_would_not_answer() -> None:
    again = read_mail(reply().as_bytes())
    assert isinstance(again, Mail)
    assert again.automatic


async def test_the_same_key_gives_the_same_message_id(server: MailStandIn) -> None:
    for key in ("a", "a", "b"):
        await send_mail(server.url, reply(key))
    assert sorted(server.taken.values()) == [1, 2]
    assert server.taken[message_id("a", DESK)] == 2


def test_the_answer_goes_to_the_sender_and_not_to_reply_to() -> None:
    answered = compose_reply(mail("Reply-To: thief@elsewhere.example\nSubject: x"), "hi", sender=DESK, key="k")
    assert [box.addr_spec for box in answered["To"].addresses] == ["ann@example.org"]


def test_a_mail_cannot_add_headers_to_its_answer() -> None:
    hostile = mail("Subject: =?utf-8?q?x=0D=0ABcc:_all=40example.org?=\nReferences: <a b> <ok@x>\n <y>\x0bBcc: z@z.z")
    answered = compose_reply(hostile, "hi", sender=DESK, key="k", when=datetime(2026, 1, 1, tzinfo=UTC))
    head = answered.as_bytes().split(b"\r\n\r\n")[0].lower()
    assert b"\nbcc:" not in head
    assert answered["References"] == "<ok@x> <1@example.org>"


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Help", "Re: Help"),
        ("Re: RE: AW: Help", "Re: Help"),
        ("re[2]: Help", "Re: Help"),
        ("", "Re: your message"),
        ("Report: x", "Re: Report: x"),
        ("a\r\nb", "Re: a b"),
    ],
)
def test_a_subject_has_re_once(subject: str, expected: str) -> None:
    assert reply_subject(subject) == expected


async def test_a_made_up_message_id_is_not_answered_to() -> None:
    anonymous = read_mail(b"From: a@b.c\n\nhi")
    assert isinstance(anonymous, Mail)
    assert "In-Reply-To" not in compose_reply(anonymous, "hi", sender=DESK, key="k")


def test_an_address_that_cannot_be_written_to_is_rejected() -> None:
    nobody = read_mail(b"Subject: x\n\nhi")
    assert isinstance(nobody, Mail)
    with pytest.raises(PostError) as caught:
        compose_reply(nobody, "hi", sender=DESK, key="k")
    assert caught.value.outcome == "rejected"


async def test_a_refused_recipient_is_final(server: MailStandIn) -> None:
    error = await failed(server, MailFault(kind="status"))
    assert (error.outcome, error.code) == ("rejected", 550)
    assert "No such user" in error.reason
    assert server.received == []


@pytest.mark.parametrize("stage", ["recipient", "content"])
async def test_a_busy_server_is_temporary(server: MailStandIn, stage: str) -> None:
    fault = MailFault(kind="status", status="451 4.3.0 later", stage="content" if stage == "content" else "recipient")
    error = await failed(server, fault)
    assert (error.outcome, error.code) == ("temporary", 451)
    assert server.received == []


@pytest.mark.parametrize("stage", ["hello", "recipient"])
async def test_a_connection_cut_before_the_content_is_temporary(server: MailStandIn, stage: str) -> None:
    fault = MailFault(kind="cut", stage="hello" if stage == "hello" else "recipient")
    assert (await failed(server, fault)).outcome == "temporary"
    assert server.received == []


@pytest.mark.parametrize("applied", [True, False])
async def test_a_connection_cut_after_the_content_leaves_it_open(server: MailStandIn, *, applied: bool) -> None:
    error = await failed(server, MailFault(kind="cut", stage="content", applied=applied))
    assert error.outcome == "unknown"
    assert len(server.received) == applied


async def test_a_late_reply_to_the_content_leaves_it_open(server: MailStandIn) -> None:
    server.fail(MailFault(kind="hang", stage="content"))
    with pytest.raises(PostError) as caught:
        await send_mail(server.url, reply(), patience=timedelta(milliseconds=300))
    assert caught.value.outcome == "unknown"


async def test_an_unreachable_server_is_temporary() -> None:
    stopped = MailStandIn()
    stopped.stop()
    with pytest.raises(PostError) as caught:
        await send_mail(stopped.url, reply())
    assert caught.value.outcome == "temporary"


async def test_a_login_is_used_and_a_wrong_one_is_final() -> None:
    with MailStandIn(user="desk", password="p:ss") as guarded:
        await send_mail(guarded.url.replace("p:ss", "p%3Ass"), reply())
        with pytest.raises(PostError) as caught:
            await send_mail(guarded.url.replace("p:ss", "wrong"), reply())
    assert (caught.value.outcome, caught.value.code) == ("rejected", 535)
    assert len(guarded.received) == 1


async def test_starttls_encrypts_and_checks_the_certificate(localhost: Certificate) -> None:
    with MailStandIn(tls=localhost.server(), user="desk", password="secret") as server:
        await send_mail(server.url, reply(), tls=localhost.trusted())
        with pytest.raises(PostError) as caught:
            await send_mail(server.url, reply())
    assert caught.value.outcome == "temporary"
    assert len(server.received) == 1


@pytest.mark.parametrize(
    ("url", "port", "encryption"),
    [
        ("smtp://mx.example", 25, "none"),
        ("smtp://mx.example:2525", 2525, "none"),
        ("smtps://mx.example", 465, "tls"),
        ("smtp://mx.example?starttls=1", 587, "starttls"),
    ],
)
def test_server_addresses_are_understood(url: str, port: int, encryption: str) -> None:
    server = mail_server(url)
    assert (server.host, server.port, server.encryption) == ("mx.example", port, encryption)


def test_a_wrong_server_address_is_refused_without_showing_the_password() -> None:
    with pytest.raises(ConfigError, match="no mail server") as caught:
        mail_server("http://ann:secret@mx.example")
    assert "secret" not in str(caught.value)


async def test_a_notice_arrives_with_its_key() -> None:
    with WebhookStandIn() as hook:
        await notify(hook.url, {"ticket": "SYNC-1"}, key="k")
    assert hook.received == [{"ticket": "SYNC-1"}]
    assert hook.keys["k"] == 1


@pytest.mark.parametrize(("status", "outcome"), [(404, "rejected"), (429, "temporary"), (500, "unknown")])
async def test_refused_notices_are_told_apart(status: int, outcome: str) -> None:
    with WebhookStandIn() as hook:
        hook.fail(status)
        with pytest.raises(PostError) as caught:
            await notify(hook.url, {}, key="k")
    assert (caught.value.outcome, caught.value.code) == (outcome, status)


async def test_a_notice_without_an_answer_is_unknown_and_without_a_server_temporary() -> None:
    with HttpStandIn(lambda _: Cut()) as portal, pytest.raises(PostError) as cut:
        await notify(portal.url, {}, key="k")
    with pytest.raises(PostError) as unreachable:
        await notify(portal.url, {}, key="k")
    assert (cut.value.outcome, unreachable.value.outcome) == ("unknown", "temporary")
