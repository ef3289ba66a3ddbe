"""Forms: the ways in which a value is written where it travels."""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus


def encoded(text: str) -> bytes:
    """Write any text as bytes, also one that is not quite Unicode."""
    return text.encode("utf-8", "surrogatepass")


def written(value: str) -> set[bytes]:
    """Give the value itself, quoted as in URLs, escaped as in JSON and in Python, and in hexadecimal digits."""
    raw = encoded(value)
    return {raw, raw.hex().encode(), *map(encoded, _quoted(raw)), *map(encoded, _escaped(value))}


def base64_digits(value: str) -> set[bytes]:
    """Give the digits that do not depend on what stands before and after, for each place in a group of three bytes."""
    raw, found = encoded(value), set[bytes]()
    for before in range(3):
        digits = base64.b64encode(bytes(before) + raw)
        sure = digits[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        found |= {sure, sure.translate(bytes.maketrans(b"+/", b"-_"))}
    return found


def touches(form: bytes, mark: bytes) -> bool:
    """Say whether a form can arise from a mark and what stands beside it."""
    if b"[" not in form and b"]" not in form:
        return False
    left = any(mark.startswith(form[at:]) or form.startswith(mark, at) for at in range(1, len(form)))
    return left or form.startswith(mark) or any(mark.endswith(form[:at]) for at in range(1, len(form)))


def apart(forms: Iterable[bytes]) -> bytes:
    """Give a character that is in none of these forms."""
    joined = b"".join(forms)
    plain = (bytes((code,)) for code in b" |~^*`_")
    return next((one for one in plain if one not in joined), None) or _rare(joined)


def _rare(joined: bytes) -> bytes:
    return next(one for one in map(encoded, map(chr, range(0x2500, 0x10FFFF))) if one not in joined)


def _quoted(raw: bytes) -> Iterator[str]:
    for form in (quote(raw), quote(raw, safe=""), quote_plus(raw)):
        yield form
        yield re.sub("%..", lambda code: code[0].lower(), form)


def _escaped(value: str) -> Iterator[str]:
    ascii_only, plain = json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]
    for form in (ascii_only, plain, plain.replace("/", "\\/")):
        yield form
        # JSON as text within JSON, as arguments of calls often are.
        yield json.dumps(form, ensure_ascii=False)[1:-1]
    yield repr(value)[1:-1]
