"""Problems: HumanEval (Chen et al., 2021, arXiv:2107.03374), read from a file that is not part of this repository."""

import ast
import doctest
import gzip
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.launch import HERE

VARIABLE = "REMIT_HUMANEVAL"
"""Name of the environment variable that says where the file is."""

FILE = HERE.parent / "shared" / "data" / "humaneval" / "HumanEval.jsonl.gz"
"""Where it is looked for otherwise."""

ABSENT = "HumanEval is not here"

HOW_TO = f"""\
HumanEval is not here, so the workflow table is left out. To have it, download HumanEval.jsonl.gz from
https://github.com/openai/human-eval (folder data/, MIT licence), and either put it at
{os.path.relpath(FILE, HERE)} (as seen from this repository) or say where it is with {VARIABLE}=PATH
or `--humaneval PATH`."""

_BETWEEN = re.compile(
    r"\s*(?:[#,]\s*)?(?:={1,2}>|==|=|[➞➡:]|-+>)?\s*(?:(?:should|will|must)?\s*(?:return|output|be|equal)(?:s|ed)?"
    r"(?:\s+(?:to|be))?)?\s*:?\s*"
)
"""What the authors write between a call and its result."""


_LOWER = re.compile(r"\A(?:true|false)\b")


@dataclass(frozen=True, slots=True)
class Example:
    """A call and its result, as the problem's own text shows them."""

    call: str
    result: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem: what a model is told, the reference solution, and the hidden tests that decide."""

    id: str
    prompt: str
    entry: str
    solution: str
    """The whole reference program, without its docstrings."""
    tests: str
    """A program that calls `check` on the entry point."""
    half: str
    """The same with every other of its assertions, the first included."""
    examples: tuple[Example, ...]

    @property
    def task(self) -> str:
        """Say what a model is asked to do; the id stands in it so that anybody can tell which problem it is."""
        return (
            f"Write this Python function. Answer with the whole program and nothing else.\n# {self.id}\n{self.prompt}"
        )


def place(given: str = "") -> Path | None:
    """Find the file: the one given, that of the environment, or the usual place; `None` when there is none."""
    path = Path(given or os.environ.get(VARIABLE, "") or FILE)
    return path if path.is_file() else None


def problems(path: Path) -> list[Problem]:
    """Read all problems."""
    body = path.read_bytes()
    text = (gzip.decompress(body) if path.suffix == ".gz" else body).decode()
    return [_problem(json.loads(line)) for line in text.splitlines() if line.strip()]


def _problem(row: dict[str, str]) -> Problem:
    tests = ast.unparse(ast.parse(f"{row['test']}\ncheck({row['entry_point']})"))
    solution = _undocumented(row["prompt"] + row["canonical_solution"])
    shown = tuple(dict.fromkeys(_examples(row["prompt"], row["entry_point"])))
    return Problem(row["task_id"], row["prompt"], row["entry_point"], solution, tests, _halved(tests), shown)


def _halved(tests: str) -> str:
    """Keep every other assertion of `check`; one that stands alone is kept, or nothing would be tested."""
    tree = ast.parse(tests)
    check = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "check")
    asserted = [statement for statement in check.body if isinstance(statement, ast.Assert)]
    check.body = [statement for statement in check.body if statement not in asserted[1::2]]
    return ast.unparse(tree)


def _undocumented(text: str) -> str:
    """Write a program anew without docstrings and comments, so that only what it does tells it from a mutation."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def _examples(prompt: str, entry: str) -> Iterator[Example]:
    text = _documentation(prompt, entry)
    try:
        tested = doctest.DocTestParser().get_examples(text)
    except ValueError:
        # Examples that are not laid out as doctest wants them are read line by line below.
        tested = []
    for example in tested:
        if entry in example.source and _is_expression(example.source) and _is_literal(example.want):
            yield Example(example.source.strip(), example.want.strip())
    for line in text.splitlines():
        yield from _shown(line, entry)


def _documentation(prompt: str, entry: str) -> str:
    defined = (node for node in ast.walk(ast.parse(prompt)) if isinstance(node, ast.FunctionDef))
    return next((ast.get_docstring(node) or "" for node in defined if node.name == entry), "")


def _shown(line: str, entry: str) -> Iterator[Example]:
    """Yield the example of a line such as `add(1, 2) => 3`, if there is one."""
    start = line.find(f"{entry}(")
    if start < 0 or line[:start].rstrip().endswith("def"):
        return
    for end in (place for place, sign in enumerate(line) if sign == ")" and place > start):
        call = line[start : end + 1]
        if _is_expression(call):
            rest = line[end + 1 :]
            between = _BETWEEN.match(rest)
            result = _literal(rest[between.end() :]) if between and between.group().strip() else ""
            if result:
                yield Example(call, result)
            return


def _literal(text: str) -> str:
    """Return the longest beginning of a text that is a literal; empty when there is none."""
    text = _LOWER.sub(lambda found: found.group().title(), text)
    return next((text[:end].strip() for end in range(len(text), 0, -1) if _is_literal(text[:end])), "")


def _is_expression(text: str) -> bool:
    try:
        ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError):
        return False
    return True


def _is_literal(text: str) -> bool:
    try:
        ast.literal_eval(text.strip())
    except (SyntaxError, ValueError, TypeError, MemoryError):
        return False
    return True
