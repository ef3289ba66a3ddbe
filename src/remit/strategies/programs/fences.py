"""Fences: get the program out of what a model said around it."""

import ast
import re
from collections.abc import Iterator, Sequence
from textwrap import dedent

from remit.strategies.programs.parsing import Problem, parse

_OPENING = re.compile(r"(?P<indent> *)(?P<fence>`{3,}|~{3,}) *(?P<tag>[\w+.-]*)[^`]*")
_PYTHON = frozenset({"python", "py", "python3", "tool_code", "code"})
_TRIES = 20
"""Lines that look like the end of a block, of which one is: text in a program may look like it too."""
_DOING = (
    ast.Call,
    ast.Assign,
    ast.AnnAssign,
    ast.AugAssign,
    ast.Import,
    ast.ImportFrom,
    ast.For,
    ast.While,
    ast.FunctionDef,
)

NONE = Problem(0, "there is no program in the answer; write it into one block that starts with ```python")
CUT = Problem(0, "the block with the program does not end: the answer was cut off; write a shorter program, whole")


def program_in(text: str) -> str | Problem:
    """Give the program of an answer: its last block of Python, else its last other block that is a program, else all.

    A block that does not end is a problem, for half a program must not run.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    blocks = list(_blocks(lines))
    tagged = [code for tag, code in blocks if tag in _PYTHON]
    if tagged:
        found = tagged[-1]
        return CUT if found is None else found if found.strip() else NONE
    plain = [code for tag, code in blocks if not tag]
    if plain and plain[-1] is None:
        return CUT
    for code in reversed(plain):
        if code is not None and _is_program(code):
            return code
    whole = "\n".join(lines).strip("\n")
    return whole if not blocks and _is_program(whole) else NONE


def _blocks(lines: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """Give the tag and the text of each block; no text for one that does not end."""
    at = 0
    while at < len(lines):
        opening = _OPENING.fullmatch(lines[at])
        at += 1
        if opening is None:
            continue
        end = _end(lines, at, opening["fence"], opening["tag"].lower())
        body = None if end is None else dedent("\n".join(lines[at:end])).strip("\n")
        yield opening["tag"].lower(), body
        at = len(lines) if end is None else end + 1


def _end(lines: Sequence[str], start: int, fence: str, tag: str) -> int | None:
    """Find the line that ends a block: the first with which it is a program, else the first."""
    closing = re.compile(rf" *{re.escape(fence[0])}{{{len(fence)},}} *")
    ends = [at for at in range(start, len(lines)) if closing.fullmatch(lines[at])]
    if tag and tag not in _PYTHON:
        return ends[0] if ends else None
    for end in ends[:_TRIES]:
        if not isinstance(parse(dedent("\n".join(lines[start:end]))), Problem):
            return end
    return ends[0] if ends else None


def _is_program(text: str) -> bool:
    # A word or two parse as well: only what does something is a program.
    tree = parse(text)
    if isinstance(tree, Problem):
        return False
    nodes = list(ast.walk(tree))
    if any(isinstance(node, _DOING) for node in nodes):
        return True
    return any(isinstance(node, ast.BinOp) for node in nodes) and not any(isinstance(node, ast.Name) for node in nodes)
