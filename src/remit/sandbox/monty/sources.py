"""Sources: what stands before a call in the text of a program."""

import re

_NAME_BEFORE = re.compile(rb"(?<![A-Za-z0-9_])(await|gather|create_task|wait_for)\s*\Z")
_WAITING = frozenset({b"gather", b"create_task", b"wait_for"})
"""Functions that want what a call will give, and not what it gave."""
_LOOK_BACK = 2000


def awaits(source: bytes, start: int) -> bool:
    """Say whether the answer of the call that begins there is awaited."""
    return awaited(source[max(0, start - _LOOK_BACK) : start])


def awaited(before: bytes) -> bool:
    """Say whether the answer of a call is awaited, by what stands before it; linear, since programs are hostile."""
    found = _NAME_BEFORE.search(before.rstrip(b" \t\r\n("))
    if found is not None and found[1] == b"await":
        return True
    closed = 0
    for place in range(len(before) - 1, -1, -1):
        mark = before[place : place + 1]
        if mark == b")":
            closed += 1
        elif mark == b"(" and closed:
            closed -= 1
        elif mark == b"(":
            found = _NAME_BEFORE.search(before[max(0, place - 40) : place])
            if found is not None and found[1] in _WAITING:
                return True
    return False
