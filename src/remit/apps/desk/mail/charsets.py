"""Bytes to text when the declared character set is missing, unknown or a lie."""

import codecs
import re
from collections.abc import Callable

from charset_normalizer import from_bytes

# Python also has codecs which are no character sets (zlib, rot13, unicode_escape, undefined ...).
_CHARSET = re.compile(
    r"^(utf[_-]?(8|16|32)|us-?ascii|ascii|iso|latin|cp|windows|koi|mac|gb|big5|euc|shift|hz|johab|tis|viscii|ptcp|kz)",
    re.IGNORECASE,
)
# What senders call a set, and the superset they really use.
_WIDER = {"iso8859-1": "cp1252", "ascii": "cp1252", "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932"}
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_SAMPLE = 16_384
_INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\u00ad]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_TAGS = re.compile("[\U000e0020-\U000e007e]+")


def decode_text(raw: bytes, declared: str) -> tuple[str, str]:
    """The text of `raw`, and what was wrong with the declared character set (empty when nothing was)."""
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return raw.decode(encoding, "replace"), ""
    known = _known(declared)
    if known.startswith("utf-16") or known.startswith("utf-32"):
        return raw.decode(known, "replace"), ""
    nul = "nul bytes were left out" if b"\0" in raw else ""
    raw = raw.replace(b"\0", b"")
    text, problem = _decoded(raw, declared, known)
    return text, "; ".join(part for part in (problem, nul) if part)


def _decoded(raw: bytes, declared: str, known: str) -> tuple[str, str]:
    if raw.isascii() and not known.startswith(("iso2022", "hz")):
        return raw.decode("ascii"), "" if known or not declared else f"unknown character set {declared[:40]!r}"
    strict_utf8 = _strict(raw, "utf-8")
    if strict_utf8 is not None and known in {"", "utf-8", "ascii", "iso8859-1", "cp1252"}:
        # Legal UTF-8 that is not ASCII is practically never anything else.
        lie = bool(declared) and known != "utf-8"
        return strict_utf8, f"declared {declared[:40]!r}, read as 'utf-8'" if lie else ""
    if known:
        text = _strict(raw, _WIDER.get(known, known))
        if text is not None:
            return text, ""
    encoding = _guessed(raw[:_SAMPLE])
    return raw.decode(encoding, "replace"), f"declared {declared[:40] or 'no character set'!r}, read as {encoding!r}"


def _guessed(sample: bytes) -> str:
    high = sum(byte > 127 for byte in sample)
    if high < 0.2 * len(sample) and _strict(sample, "cp1252") is not None:
        # A few accents among ASCII are too little for statistics, and nearly always Western European.
        return "cp1252"
    guess = from_bytes(sample).best()
    return guess.encoding if guess else "cp1252"


def _known(declared: str) -> str:
    name = declared.strip().strip("\"'").partition("*")[0]
    if not _CHARSET.match(name) or not name.isascii() or len(name) > 40:
        return ""
    try:
        return codecs.lookup(name).name
    except (LookupError, ValueError):
        return ""


def _strict(raw: bytes, encoding: str) -> str | None:
    try:
        return raw.decode(encoding)
    except (UnicodeError, LookupError):
        return None


def visible(text: str, hide: Callable[[str], None]) -> str:
    """`text` without characters that have no shape; what Unicode tag characters spell is given to `hide`."""

    def spell(found: re.Match[str]) -> str:
        hide("".join(chr(ord(mark) - 0xE0000) for mark in found[0]))
        return ""

    return _CONTROL.sub("", _INVISIBLE.sub("", _TAGS.sub(spell, text)))
