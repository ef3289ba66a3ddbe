"""Parsing: a program as a tree of bounded size and depth, so that walking over it is safe whoever wrote it."""

import ast
import warnings
from dataclasses import dataclass

LONGEST = 30_000
"""Characters of a program."""
DEEPEST = 60
"""Nodes within nodes."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a program that its writer must put right."""

    line: int
    """0 when it is about all of it."""
    text: str

    def __str__(self) -> str:
        """Write it for a model."""
        return f"line {self.line}: {self.text}" if self.line else self.text


def parse(code: str) -> ast.Module | Problem:
    """Read a program, or say why it cannot be read."""
    if len(code) > LONGEST:
        return Problem(0, f"the program has {len(code):,} characters; at most {LONGEST:,} are allowed")
    try:
        with warnings.catch_warnings():
            # Odd escapes in its strings are no business of whoever runs this process.
            warnings.simplefilter("ignore")
            tree = ast.parse(code)
    except SyntaxError as error:
        return Problem(error.lineno or 0, f"it does not parse: {error.msg}")
    except (ValueError, RecursionError, MemoryError):
        return Problem(0, "it does not parse: it is nested too deep, or has characters that no program has")
    if _deeper(tree):
        return Problem(0, f"it is nested more than {DEEPEST} deep; use more names and shorter expressions")
    return tree


def parents(tree: ast.AST) -> dict[ast.AST, ast.AST]:
    """Say in which node each node stands."""
    return {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def _deeper(tree: ast.AST) -> bool:
    level: list[ast.AST] = [tree]
    for _depth in range(DEEPEST):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return False
    return True
