"""The parts of a mail: which text a reader saw, what was hidden beside it, and which files came along."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from typing import TypeAlias, cast

from remit.apps.desk.mail.charsets import decode_text, visible
from remit.apps.desk.mail.headers import BROKEN, decode_words, one_line
from remit.apps.desk.mail.hypertext import read_html
from remit.apps.desk.mail.message import Attachment

Part: TypeAlias = "Message[str, str]"
_DEEPEST = 20
_MOST_PARTS = 200
_BOUNDARY = re.compile(rb"^--([A-Za-z0-9'()+_,./:=?-]{1,70})[ \t]*\r?\n(?=content-)", re.MULTILINE | re.IGNORECASE)
_STUB = re.compile(r"html", re.IGNORECASE)


@dataclass
class Body:
    """What is gathered while the parts are walked."""

    hidden: list[str] = field(default_factory=list[str])
    attachments: list[Attachment] = field(default_factory=list[Attachment])
    problems: list[str] = field(default_factory=list[str])
    parts: int = 0

    def note(self, problem: str) -> None:
        """Keeps `problem` once."""
        if problem and problem not in self.problems:
            self.problems.append(problem)


def read_body(message: Part, body: Body, depth: int = 0) -> str:
    """The text of `message` and all its parts as a reader would have seen it; the rest goes to `body`."""
    body.parts += 1
    if depth > _DEEPEST or body.parts > _MOST_PARTS:
        body.note("too many or too deeply nested parts; the rest was left out")
        return ""
    for defect in message.defects:
        body.note(f"malformed structure: {type(defect).__name__.removesuffix('Defect')}")
    kind = message.get_content_type()
    if kind.startswith("message/"):
        _attach(message, _whole(message), body)
        return ""
    if message.is_multipart():
        return _several(message, body, depth)
    if kind.startswith("multipart/"):
        return _unsplit(message, body, depth)
    return _single(message, kind, body)


def _several(message: Part, body: Body, depth: int) -> str:
    children = cast("list[Part]", message.get_payload())
    if message.get_content_type() != "multipart/alternative":
        return "\n\n".join(text for child in children if (text := read_body(child, body, depth + 1).strip()))
    plain, rich = "", ""
    for child in children:
        text = read_body(child, body, depth + 1)
        if child.get_content_type() == "text/plain":
            plain = plain if plain.strip() else text
        else:
            rich = text if text.strip() else rich
    return _better(plain, rich, body.note)


def _better(plain: str, rich: str, note: Callable[[str], None]) -> str:
    if not plain.strip() or not rich.strip():
        return plain if plain.strip() else rich
    said, shown = set(plain.lower().split()), set(rich.lower().split())
    if len(said) < 25 and _STUB.search(plain) and len(shown) > len(said):
        return rich
    if len(said & shown) < 0.3 * min(len(said), len(shown)):
        # People look at the HTML; a different plain text is written for machines.
        note("the plain text says something else than the HTML; the HTML was read")
        return rich
    return plain


def _unsplit(message: Part, body: Body, depth: int) -> str:
    """A multipart whose boundary is missing or wrong: the boundary that is really used is looked for."""
    payload = str(message.get_payload()).encode("utf-8", "surrogateescape")
    found = _BOUNDARY.search(payload)
    if found and depth == 0:
        body.note(f"wrong MIME boundary; {found[1][:40].decode()!r} was used instead")
        head = b'Content-Type: multipart/mixed; boundary="' + found[1] + b'"\r\n\r\n'
        repaired = message_from_bytes(head + payload)
        if repaired.is_multipart():
            return read_body(repaired, body, depth + 1)
    body.note("a multipart without parts was read as plain text")
    return _shown(decode_text(payload, "")[0], body)


def _single(message: Part, kind: str, body: Body) -> str:
    content = _content(message, body)
    name = _file_name(message)
    is_text = kind in {"text/plain", "text/html"} and not name and _disposition(message) != "attachment"
    if not is_text:
        _attach(message, content, body)
        return ""
    text, problem = decode_text(content, _charset(message))
    body.note(problem)
    if kind == "text/plain":
        return _shown(text, body)
    page = read_html(text)
    body.hidden += page.hidden
    for trouble in page.problems:
        body.note(trouble)
    return _shown(page.text, body)


def _shown(text: str, body: Body) -> str:
    return visible(text.replace("\r\n", "\n"), body.hidden.append)


def _content(message: Part, body: Body) -> bytes:
    try:
        content = message.get_payload(decode=True)
    except BROKEN as error:
        body.note(f"the content could not be decoded ({type(error).__name__})")
        content = str(message.get_payload()).encode("utf-8", "surrogateescape")
    for defect in message.defects:
        body.note(f"malformed structure: {type(defect).__name__.removesuffix('Defect')}")
    return content if isinstance(content, bytes) else b""


def _whole(message: Part) -> bytes:
    try:
        return message.as_bytes()
    except BROKEN:
        return b""


def _attach(message: Part, content: bytes, body: Body) -> None:
    digest = hashlib.sha256(content).hexdigest()
    body.attachments.append(Attachment(_file_name(message), message.get_content_type(), len(content), digest))


def _file_name(message: Part) -> str:
    try:
        return one_line(decode_words(str(message.get_filename() or "")))[:255]
    except BROKEN:
        return "unnamed"


def _disposition(message: Part) -> str:
    try:
        return message.get_content_disposition() or ""
    except BROKEN:
        return ""


def _charset(message: Part) -> str:
    try:
        return str(message.get_content_charset() or "")
    except BROKEN:
        return ""
