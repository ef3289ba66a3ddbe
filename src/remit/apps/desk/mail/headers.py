"""Header fields of a mail as plain text, whatever was done to them on the way."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.errors import MessageError
from email.message import Message
from email.utils import getaddresses

from remit.apps.desk.mail.charsets import decode_text, visible
from remit.apps.desk.mail.message import Address

# What the standard library raises on malformed mail depends on its version; the set is closed here, in one place.
BROKEN = (
    MessageError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    RecursionError,
    OverflowError,
    OSError,
)
_LONGEST = 10_000
_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*)\?=")
_ADDRESS = re.compile(r"[^\s@<>\"(),:;\\\[\]]{1,64}@[^\s@<>\"(),:;\\\[\]]{1,255}")
_IDS = re.compile(r"<[^<>\s]{1,250}>")


@dataclass(frozen=True)
class Headers:
    """All header fields by lower-case name; encoded words are still encoded, so that addresses split correctly."""

    fields: Mapping[str, Sequence[str]]

    def raw(self, name: str) -> str:
        """The first field of this name, undecoded."""
        return next(iter(self.fields.get(name, ())), "")

    def text(self, name: str) -> str:
        """The first field of this name, readable, on one line."""
        return one_line(decode_words(self.raw(name)))

    def ids(self, name: str) -> tuple[str, ...]:
        """The message ids in this field."""
        return tuple(_IDS.findall(self.raw(name)))

    def addresses(self, name: str) -> tuple[Address, ...]:
        """The mailboxes in all fields of this name; those without a usable address are left out."""
        found = [box for value in self.fields.get(name, ()) for box in _boxes(value)]
        return tuple(box for box in found if box.address)


def read_headers(message: "Message[str, str]", note: Callable[[str], None]) -> Headers:
    """The header fields of `message`; repairs are told to `note`."""
    fields: dict[str, list[str]] = {}
    for name, value in message.raw_items():
        fields.setdefault(str(name).lower(), []).append(_repaired(str(name), str(value), note))
    return Headers(fields)


def _repaired(name: str, value: str, note: Callable[[str], None]) -> str:
    if "\0" in value:
        note(f"the header {name[:40]} held nul bytes; they were left out")
    if len(value) > _LONGEST:
        note(f"the header {name[:40]} was longer than {_LONGEST} characters and was cut")
        value = value[:_LONGEST]
    if not value.isascii():
        raw = value.encode("utf-8", "surrogateescape")
        value, _ = decode_text(raw, "")
        note(f"the header {name[:40]} held raw 8-bit characters")
    return value.replace("\0", "")


def decode_words(value: str) -> str:
    """`value` with its encoded words decoded; what cannot be decoded stays as it is."""
    pieces: list[str] = []
    waiting, charset, end = b"", "", 0
    for word in _WORD.finditer(value):
        gap = value[end : word.start()]
        raw = _word_bytes(word[2], word[3])
        if raw is None:
            continue
        joined = bool(waiting) and not gap.strip()
        if not joined or word[1] != charset:
            pieces.append(decode_text(waiting, charset)[0])
            waiting = b""
        if not joined:
            pieces.append(gap)
        # One character may be cut in two by a careless sender: bytes are joined before they are decoded.
        waiting, charset, end = waiting + raw, word[1], word.end()
    pieces += [decode_text(waiting, charset)[0], value[end:]]
    return "".join(pieces)


def _word_bytes(encoding: str, content: str) -> bytes | None:
    ascii_content = content.encode("ascii", "replace")
    try:
        if encoding in "qQ":
            return binascii.a2b_qp(ascii_content, header=True)
        return base64.b64decode(ascii_content + b"=" * (-len(ascii_content) % 4))
    except (binascii.Error, ValueError):
        return None


def one_line(value: str) -> str:
    """`value` without line breaks, control or invisible characters."""
    return " ".join(visible(value.replace("\r", " ").replace("\n", " "), lambda _: None).split())


def _boxes(value: str) -> list[Address]:
    try:
        pairs = getaddresses([value])
    except BROKEN:
        pairs = []
    boxes = [Address(usable(address), one_line(decode_words(name))) for name, address in pairs]
    if not any(box.address for box in boxes):
        # An encoded word may hide the whole mailbox, or the syntax is beyond the parser.
        boxes = [Address(usable(found)) for found in _ADDRESS.findall(decode_words(value))]
    return boxes


def usable(address: str) -> str:
    """`address` in lower case when mail can be sent there, else nothing."""
    return address.lower() if _ADDRESS.fullmatch(address) else ""
