"""Suspicion: signs that a description gives orders to the model instead of describing a tool.

A heuristic, not a wall: it makes a person look. What it does not know it does not find, so every changed description
needs a review, and guards must hold whatever a model was told.
"""

import base64
import binascii
import re
import unicodedata
from collections.abc import Collection, Iterator

from remit.tools.contracts.phrases import ORDER_AFTER, ORDER_BEFORE, PHRASES, WORDS

_SELECTORS = frozenset(map(chr, [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]))
_ORDINARY = frozenset("\n\t\r")
_BLOB = re.compile(r"(?<![\w/.-])(?:[0-9a-fA-F]{80,}|[A-Za-z0-9+/]{16,}={0,2})(?![\w/-])")
_WORD = re.compile(r"[^\W\d_]+")
_LATIN = re.compile(r"[A-Za-z]")
_LOOKALIKE = re.compile(
    "[\u0391\u0392\u0395-\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf\u0400-\u052f]"
)
"""Cyrillic letters, and those Greek ones that nobody tells from Latin ones."""
_GLUE = re.compile(r"[_.:/-]+|(?<=[a-z])(?=[A-Z])")
_LONG = 80
_LONGEST = 20_000
"""Characters that are looked at; a longer text is suspicious for its length."""
_SHORTEST = 12
"""Characters that an order has at least; names of members are often shorter."""


def suspicions(text: str, *, known: Collection[str] = ()) -> tuple[str, ...]:
    """Say why a text may be instructions to a model; `known` are the names of the other tools."""
    reasons = [*_unseen(text), *_mixed(text[:_LONGEST])]
    if len(text) > _LONGEST:
        reasons.append(f"it has {len(text)} characters")
    if len(text) < _SHORTEST:
        return tuple(reasons)
    plain = _plain(text[:_LONGEST])
    reasons += _phrases(plain)
    if not re.search(r"\s", plain):
        # A name may be a sentence as well.
        reasons += _phrases(_GLUE.sub(" ", plain))
    reasons += _tools(plain, known)
    reasons += _blobs(plain)
    return tuple(dict.fromkeys(reasons))


def hidden(char: str) -> bool:
    """Say whether a person would not see a character."""
    return unicodedata.category(char) in {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"} or char in _SELECTORS


def _unseen(text: str) -> Iterator[str]:
    found: list[str] = []
    before = ""
    for char in text:
        # A sign that joins or colours emoji is part of what is seen.
        joins = char in "\u200d\ufe0f" and bool(before) and unicodedata.category(before) in {"So", "Sk", "Mn"}
        if char not in _ORDINARY and char not in "\x1b\x9b" and not joins and hidden(char):
            found.append(f"U+{ord(char):04X}")
        before = char
    if found:
        shown = ", ".join(list(dict.fromkeys(found))[:4])
        yield f"it has {len(found)} hidden characters ({shown})"


def _mixed(text: str) -> Iterator[str]:
    """Find words that look like Latin ones and are not."""
    found = next((word for word in _WORD.findall(text) if _LATIN.search(word) and _LOOKALIKE.search(word)), None)
    if found is not None:
        yield f"it has a word of two alphabets: {_quoted(found)}"


def _plain(text: str) -> str:
    """Write a text as a model may read it: without hidden characters, in plain letters, a paragraph as a sentence."""
    seen = "".join(char for char in text if char in "\n\t\x1b\x9b" or not hidden(char))
    plain = re.sub(r"[ \t]+", " ", unicodedata.normalize("NFKC", seen)).replace("\u2019", "'")
    return re.sub(r"\n ?(?=\n)", ".\n", plain)


def _phrases(text: str) -> Iterator[str]:
    for reason, pattern in PHRASES:
        found = pattern.search(text)
        if found is not None:
            yield f"{reason}: {_quoted(found.group())}"


def _tools(text: str, known: Collection[str]) -> Iterator[str]:
    # A name that is an ordinary word is found everywhere.
    names = [re.escape(name) for name in sorted(known) if re.search(r"\w[_.:-]\w|[a-z][A-Z]", name)]
    if not names:
        return
    name = rf"(?<![\w-])(?:{'|'.join(names)})(?![\w-])"
    pattern = rf"\b{ORDER_BEFORE}\b{WORDS}{{0,5}}[\s`'\"]+{name}|{name}[`'\"]?{WORDS}{{0,4}}\s+{ORDER_AFTER}\b"
    found = re.search(pattern, text, re.IGNORECASE)
    if found is not None:
        yield f"it gives orders about another tool: {_quoted(found.group())}"


def _blobs(text: str) -> Iterator[str]:
    for found in _BLOB.finditer(text):
        blob = found.group()
        mixed = all(re.search(kind, blob) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
        if len(blob) >= _LONG and (mixed or re.fullmatch("[0-9a-fA-F]+", blob)):
            yield f"it has {len(blob)} characters that no person can read: {_quoted(blob)}"
        elif _decoded(blob):
            yield f"it has text in base64: {_quoted(_decoded(blob))}"


def _decoded(blob: str) -> str:
    try:
        text = base64.b64decode(blob + "=" * (-len(blob) % 4), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return ""
    return text if text.isprintable() and " " in text else ""


def _quoted(text: str) -> str:
    short = re.sub(r"\s+", " ", text).strip()
    return ascii(short if len(short) <= 60 else f"{short[:57]}...")
