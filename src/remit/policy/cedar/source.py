"""Source: policy text cut into single policies, each with its place, so that whatever is wrong is found again."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from remit.policy.cedar import engine

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*|::|==|!=|<=|>=|&&|\|\||@|\w+|[^\s\w]', re.DOTALL)
_COMMENT = "//"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a policy."""

    file: str
    line: int
    policy: str
    """Its id; empty when it cannot be read."""
    text: str
    """What is wrong, and what to do."""

    def __str__(self) -> str:
        """Write it as compilers do."""
        name = f" policy `{self.policy}`:" if self.policy else ""
        return f"{self.file}:{self.line}:{name} {self.text}"


@dataclass(frozen=True, slots=True)
class Piece:
    """The text of one policy, to its semicolon."""

    file: str
    line: int
    text: str


def pieces(file: str, text: str) -> Iterator[Piece | Problem]:
    """Cut a file into its policies; what cannot be one is a problem."""
    hidden = _hidden(file, text)
    if hidden is not None:
        yield hidden
        return
    begin: int | None = None
    for token in _TOKEN.finditer(text):
        if token.group().startswith(_COMMENT):
            continue
        begin = token.start() if begin is None else begin
        if token.group() == ";":
            yield _piece(file, text, begin, token.end())
            begin = None
    if begin is not None:
        yield _piece(file, text, begin, len(text))


def _piece(file: str, text: str, begin: int, end: int) -> Piece | Problem:
    piece = Piece(file, _line(text, begin), text[begin:end].rstrip())
    complaint = engine.complaint(piece.text)
    if not complaint:
        return piece
    if engine.incomplete(piece.text):
        return Problem(file, piece.line, "", "the policy that begins here has no end; close it with `;`")
    place = begin + _offence(piece.text)
    line = _line(text, place)
    column = place - text.rfind("\n", 0, place)
    return Problem(file, line, "", f"syntax error at column {column}: {complaint}")


def _offence(text: str) -> int:
    """Find where a text stops being the beginning of any policy: that is where its author must look."""
    tokens = (token for token in _TOKEN.finditer(text) if not token.group().startswith(_COMMENT))
    return next((token.start() for token in tokens if not engine.incomplete(text[: token.end()])), 0)


def _hidden(file: str, text: str) -> Problem | None:
    """Find a character that makes a text look other than it is, such as one that turns its direction."""
    if text.startswith("\ufeff"):
        return Problem(file, 1, "", "begins with a byte order mark; save it as UTF-8 without one")
    for number, line in enumerate(text.split("\n"), 1):
        for character in line.removesuffix("\r"):
            if character != "\t" and unicodedata.category(character) in {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}:
                code = f"U+{ord(character):04X}"
                return Problem(
                    file, number, "", f"holds the invisible character {code}; write `\\u{{{ord(character):x}}}`"
                )
    return None


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1
