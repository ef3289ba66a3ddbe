"""Laws of reading mail: no bytes can make it raise, take long, or put hidden text into the text."""

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remit.apps.desk import mail as mail_package
from remit.apps.desk.mail import Mail, read_mail
from remit.apps.desk.mind import suspicion, understand

INBOX = Path(mail_package.__file__).parent.parent / "data" / "inbox"
SAMPLES = [file.read_bytes()[:4_000] for file in sorted(INBOX.glob("*.eml"))]
FIELDS = ["From", "Subject", "Date", "Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "References"]
relaxed = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def survives(raw: bytes) -> None:
    mail = read_mail(raw)
    assert mail == read_mail(raw)
    if isinstance(mail, Mail):
        assert len(mail.text) <= 200_000
        assert "\n" not in mail.subject + mail.sender.address + mail.sender.name + mail.message_id
        understand(mail)
        suspicion(mail)


@relaxed
@given(st.binary(max_size=2000))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    survives(raw)


@relaxed
@given(st.lists(st.tuples(st.sampled_from(FIELDS), st.binary(max_size=200)), max_size=8), st.binary(max_size=500))
def test_any_header_values_are_read_or_refused(fields: list[tuple[str, bytes]], body: bytes) -> None:
    survives(b"".join(name.encode() + b": " + value + b"\r\n" for name, value in fields) + b"\r\n" + body)


@relaxed
@given(
    st.sampled_from(SAMPLES),
    st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=20), st.integers(0, 50)), min_size=1, max_size=6),
)
def test_damaged_real_mails_are_read_or_refused(raw: bytes, damages: list[tuple[float, bytes, int]]) -> None:
    for where, inserted, removed in damages:
        position = int(where * len(raw))
        raw = raw[:position] + inserted + raw[position + removed :]
    survives(raw)


@relaxed
@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_text_inside_a_hidden_element_never_reaches_the_text(secret: str) -> None:
    markup = f"<p>shown</p><div style='display:none'>{secret.replace('<', '').replace('>', '')}</div>"
    mail = read_mail(b"From: a@b.c\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + markup.encode())
    assert isinstance(mail, Mail)
    assert mail.text in {"shown", ""}


HOSTILE = {
    "unclosed tags": b"Content-Type: text/html\r\n\r\n" + b"<a " * 100_000,
    "unclosed comments": b"Content-Type: text/html\r\n\r\n" + b"<!--" * 100_000,
    "unclosed quotes": b"Content-Type: text/html\r\n\r\n" + b'<a "' * 100_000,
    "deep elements": b"Content-Type: text/html\r\n\r\n" + b"<b>" * 100_000 + b"</i>" * 100_000,
    "nested parts": b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (level, level) for level in range(2000)
    ),
    "nested mails": b"Content-Type: message/rfc822\r\n\r\n" * 20_000,
    "many small parts": b"Content-Type: multipart/digest; boundary=a\r\n\r\n" + b"--a\r\n\r\n" * 20_000,
    "attributions": b"\r\n" + b"On 1\r\n" * 50_000,
    "closings": b"\r\n" + b"thanks,\r\n" * 50_000,
    "blank lines": b"\r\n" + b"\r\n" * 200_000,
    "spaces after a word": b"\r\norder " + b" " * 200_000,
    "digits": b"\r\n" + b"111 " * 50_000,
    "parentheses": b"To: " + b"(" * 30_000 + b"\r\n\r\n",
    "parameters": b"Content-Type: text/plain; " + b"a*0=;" * 5_000 + b"\r\n\r\nx",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_mails_built_to_be_slow_are_read_quickly(name: str) -> None:
    started = time.process_time()
    survives(b"From: a@b.c\r\nSubject: x\r\n" + HOSTILE[name])
    assert time.process_time() - started < 10
