"""Search: where in a text a form of a value stands, and from where on a text could still become one.

Of the places that overlap, the leftmost counts; of those that begin together, the longest. Base64 is also found across
the ends of its lines, when these have sixteen digits or more.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import groupby

from remit.policy.secrets.forms import apart, touches

WIDE = 16
"""Digits before the end of a line of base64, at least."""

_LONG = 512
_DIGITS = rb"[A-Za-z0-9+/_-]"
_ROW = rb"(?<=" + _DIGITS + rb"{16}"
_BLANK = rb"[ \t]{0,8}"
_GOES_ON = rb"(?=" + _DIGITS + rb")"
_LONGEST_BREAK = 14

# Ends of lines as they are, and as JSON escapes them once or twice.
_BREAK = (
    (rb"\n" + _ROW + rb"\n)", _BLANK),
    (rb"\r" + _ROW + rb"\r)", rb"\n" + _BLANK),
    (rb"\\" + _ROW + rb"\\)", rb"(?:\\?r\\{1,2}|\\?)n" + _BLANK),
)
_BEGUN = (_BLANK, rb"(?:\n" + _BLANK + rb")?", rb"(?:(?:\\?r\\{1,2}|\\?)n" + _BLANK + rb"|\\?(?:r\\{0,2})?)")
_END = re.compile(b"|".join(start + rest + _GOES_ON for start, rest in _BREAK))
_OPEN_END = re.compile(
    b"|".join(
        start + rb"(?:" + rest + _GOES_ON + rb"|" + begun + rb"\Z)"
        for (start, rest), begun in zip(_BREAK, _BEGUN, strict=True)
    )
)

# Whether there is any of them at all: what begins with a literal is searched for faster than a set of bytes is.
_LINES = re.compile(rb"\n(?:" + _ROW + rb"\n)|" + _ROW + rb"\r\n))")
_ESCAPED = re.compile(
    rb"\\n(?:" + b"|".join(_ROW + end + rb"\\n)" for end in (b"", rb"\\", rb"\\r", rb"\\\\r\\")) + rb")"
)

Span = tuple[int, int, bytes]
"""Where a form begins and ends, and the mark to put there."""


class Search:
    """All forms of all values, ready to be looked for."""

    def __init__(self, marks: Mapping[bytes, bytes], digits: Collection[bytes], numbers: Iterable[bytes]) -> None:
        """Look for the keys of `marks`, of which `digits` are base64; `numbers` only count for `holds`."""
        edge = apart(marks) if any(touches(form, mark) for form in marks for mark in {*marks.values()}) else b""
        self._marks = {form: edge + mark + edge for form, mark in marks.items()}
        self._needles = (*marks, *numbers)
        self._shortest = min(map(len, self._needles))
        self._base64 = sorted(digits)

    @cached_property
    def _any(self) -> re.Pattern[bytes]:
        return re.compile(_branches(sorted(self._needles)))

    @cached_property
    def _pattern(self) -> re.Pattern[bytes]:
        return _either(self._marks)

    @cached_property
    def _digits(self) -> re.Pattern[bytes]:
        return _either(self._base64)

    @cached_property
    def _sorted(self) -> list[bytes]:
        return sorted(self._marks)

    @cached_property
    def _heads(self) -> re.Pattern[bytes]:
        return re.compile(b"[" + b"".join(map(re.escape, sorted({form[:1] for form in self._marks}))) + b"]")

    @cached_property
    def _reaches(self) -> tuple[int, int]:
        """The most bytes that the beginning of a form has, in one line and in several."""
        digits = max(map(len, self._base64))
        return max(map(len, self._marks)) - 1, digits + (digits // WIDE + 1) * _LONGEST_BREAK

    def holds(self, body: bytes) -> bool:
        """Say whether a form is in a body; this runs for every event."""
        if len(body) < self._shortest:
            return False
        # One search for all pays off in short bodies, one search for each in long ones.
        if self._any.search(body) is not None if len(body) < _LONG else _contains(body, self._needles):
            return True
        return _lines(body) and _contains(_END.sub(b"", body), self._base64)

    def left(self, body: bytes) -> str:
        """Give the mark of a value that is in a body; empty when none is."""
        return next((mark for _, _, mark in self.spans(body)), b"").decode() if self.holds(body) else ""

    def spans(self, body: bytes, start: int = 0) -> Iterator[Span]:
        """Find all forms from a place on, without overlaps."""
        lines = _Unfolded(body, _END) if _lines(body) else None
        while True:
            found = self._pattern.search(body, start)
            span = (found.start(), found.end(), self._marks[found[0]]) if found else None
            folded = self._folded(lines, start) if lines else None
            if folded is not None and (span is None or (folded[0], -folded[1]) < (span[0], -span[1])):
                span = folded
            if span is None:
                return
            yield span
            start = span[1]

    def _folded(self, lines: "_Unfolded", start: int) -> Span | None:
        found = self._digits.search(lines.body, lines.inside(start))
        if found is None:
            return None
        return lines.outside(found.start()), lines.outside(found.end() - 1) + 1, self._marks[found[0]]

    def pending(self, body: bytes, start: int) -> int:
        """Give the first place from which on the rest could be the beginning of a form; the length when there is none.

        Before that place it is settled which forms the body holds, whatever comes after it.
        """
        one, several = self._reaches
        first = self._begins(body, max(start, len(body) - one), self._sorted)
        reach = max(start, len(body) - several)
        if _OPEN_END.search(body, reach) is None:
            return first
        lines = _Unfolded(body, _OPEN_END)
        inside = self._begins(lines.body, lines.inside(reach), self._base64)
        return min(first, lines.outside(inside)) if inside < len(lines.body) else first

    def _begins(self, body: bytes, start: int, forms: Sequence[bytes]) -> int:
        for head in self._heads.finditer(body, start):
            tail = body[head.start() :]
            at = bisect_left(forms, tail)
            at += at < len(forms) and forms[at] == tail
            if at < len(forms) and forms[at].startswith(tail):
                return head.start()
        return len(body)

    def marked(self, body: bytes) -> bytes:
        """Put marks in the places of all forms; give the same object back when there is none."""
        parts, at = list[bytes](), 0
        for start, end, mark in self.spans(body):
            parts += (body[at:start], mark)
            at = end
        return b"".join((*parts, body[at:])) if parts else body


class _Unfolded:
    """A body without the ends of lines between base64 digits, and what was where."""

    __slots__ = ("_added", "_ends", "body")

    def __init__(self, body: bytes, end: re.Pattern[bytes]) -> None:
        self._ends: list[int] = []
        self._added: list[int] = [0]
        for found in end.finditer(body):
            self._ends.append(found.start() - self._added[-1])
            self._added.append(self._added[-1] + found.end() - found.start())
        self.body = end.sub(b"", body)

    def outside(self, place: int) -> int:
        """Give the place in the body that a place without ends of lines had."""
        return place + self._added[bisect_right(self._ends, place)]

    def inside(self, place: int) -> int:
        """Give the first place without ends of lines that was not before a place in the body."""
        low, high = 0, len(self.body)
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self.outside(middle) >= place else (middle + 1, high)
        return low


def _lines(body: bytes) -> bool:
    """Say whether there is a line of base64 that ends."""
    return _LINES.search(body) is not None or _ESCAPED.search(body) is not None


def _contains(body: bytes, needles: Iterable[bytes]) -> bool:
    for needle in needles:  # noqa: SIM110 - twice as fast as `any` where most are not there
        if needle in body:
            return True
    return False


def _either(needles: Iterable[bytes]) -> re.Pattern[bytes]:
    # The longest first: where one value begins with another, the whole of it must go.
    return re.compile(b"|".join(re.escape(needle) for needle in sorted(needles, key=len, reverse=True)))


def _branches(needles: Sequence[bytes]) -> bytes:
    """Write sorted needles as a tree of what they have in common: it is left sooner where none of them is."""
    first, last = needles[0], needles[-1]
    stem = first[: next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))]
    if stem == first:
        return re.escape(stem)
    groups = [list(group) for _, group in groupby((one[len(stem) :] for one in needles), lambda rest: rest[:1])]
    return re.escape(stem) + b"(?:" + b"|".join(map(_branches, groups)) + b")"
