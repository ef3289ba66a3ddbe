"""Checked: what can be said of a program before it runs, so that most mistakes cost an answer and not a half-done task.

It is defence in depth and a help for honest programs. It holds nobody: the box does.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from remit.core.moves import Brief, Function
from remit.core.values import JsonValue, Nanos
from remit.strategies.programs.bounds import bounds, cost, imports, is_plain, plain_attribute
from remit.strategies.programs.calls import Place, places
from remit.strategies.programs.constants import Constants, bindings
from remit.strategies.programs.languages import ALLOWED_DUNDERS, FORBIDDEN, FORBIDDEN_PARTS, Language, unsupported
from remit.strategies.programs.parsing import Problem, parents, parse

_PROBLEMS = 12
"""Problems that are told at once."""
_CLOCKS = frozenset({"now", "today", "utcnow"})
_SEEDS = frozenset({"seed", "Random", "default_rng", "RandomState"})


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found."""

    problems: tuple[Problem, ...] = ()
    """It must not run like this."""
    places: tuple[Place, ...] = ()
    """Where it calls tools."""
    calls: Mapping[str, int | None] | None = None
    """How often it calls each tool at most, by the tool's name; `None` for one that nobody can say."""
    cost: Nanos | None = 0
    """What its calls cost at most; `None` when nobody can say."""
    names: frozenset[str] = frozenset()
    """The names that it uses."""

    @property
    def asks(self) -> tuple[Place, ...]:
        """Give the places whose calls policy would refuse or ask a person for."""
        return tuple(place for place in self.places if place.asks)

    def as_json(self) -> dict[str, JsonValue]:
        """Give what a reader of the journal wants to know of it."""
        asks: list[JsonValue] = [{"line": one.line, "tool": one.tool, "why": one.asks} for one in self.asks]
        return {"calls": {**(self.calls or {})}, "cost": self.cost, "asks": asks}


def check(
    code: str,
    brief: Brief,
    functions: Mapping[str, Function],
    language: Language,
    inputs: Mapping[str, JsonValue] | None = None,
) -> Report:
    """Check a program that is given these functions and inputs."""
    given = inputs or {}
    tree = parse(code)
    if isinstance(tree, Problem):
        return Report((tree,))
    constants = Constants(tree, inputs=given, taken=functions, plain=is_plain(tree))
    found, problems = places(tree, brief, functions, constants)
    problems += _problems(tree, functions, language, given)
    if found:
        problems += (Problem(line, text) for line, text in _unrepeatable(tree))
    calls = {functions[name].tool: count for name, count in bounds(tree, functions, given).items()}
    prices = {name: card.price for name, card in brief.tools.items()}
    ordered = sorted(dict.fromkeys(problems), key=lambda problem: problem.line)
    names = frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
    return Report(tuple(ordered[:_PROBLEMS]), tuple(found), calls, cost(calls, prices), names)


def _problems(
    tree: ast.Module, functions: Mapping[str, Function], language: Language, inputs: Mapping[str, JsonValue]
) -> Iterator[Problem]:
    bound = list(bindings(tree))
    for name, line in bound:
        if name in functions:
            yield Problem(line, f"{name!r} is a tool; choose another name")
    for module, line in imports(tree):
        if not _importable(module, language):
            near = ", ".join(sorted(language.modules))
            yield Problem(line, f"the module {module!r} cannot be imported; there are: {near}")
    for node in ast.walk(tree):
        for text in _forbidden(node, language):
            yield Problem(getattr(node, "lineno", 0), text)
    if language.subset:
        yield from (Problem(line, text) for line, text in unsupported(tree))
    yield from _unknown(tree, {name for name, _ in bound} | functions.keys() | inputs.keys(), language)
    yield from _waiting(tree)
    yield from _endless(tree)


def _importable(module: str, language: Language) -> bool:
    # A package brings all its parts, a module of the standard library only itself.
    return module in language.modules or module.partition(".")[0] in language.packages


def _forbidden(node: ast.AST, language: Language) -> Iterator[str]:
    match node:
        case ast.Name(id="open") if not language.files:
            yield "there are no files here: leave `open` out"
        case ast.Name(id=name) if name in FORBIDDEN:
            yield f"`{name}` is not allowed: {FORBIDDEN[name]}"
        case ast.Attribute(attr=name) | ast.Name(id=name) if name.startswith("__") and name not in ALLOWED_DUNDERS:
            yield f"`{name}` is not allowed: programs do without the inside of Python"
        case ast.Attribute(attr=name) if name in FORBIDDEN_PARTS:
            yield f"`.{name}` is not allowed: programs do without the inside of Python"
        case ast.ImportFrom(names=names):
            for alias in names:
                if alias.name == "*" or alias.name in FORBIDDEN_PARTS or alias.name.startswith("__"):
                    yield f"`import {alias.name}` is not allowed: import what you need by its name"
        case ast.Call(func=ast.Name(id="getattr"), args=args) if not plain_attribute(args):
            yield "`getattr` needs a name that is written out: write `value.name`"
        case ast.Call(func=ast.Name(id="type"), args=args) if len(args) != 1:
            yield "`type` makes no classes here: write `class`"
        case _:
            pass


def _unknown(tree: ast.Module, known: Iterable[str], language: Language) -> Iterator[Problem]:
    names = sorted({*known, *language.builtins})
    seen: set[str] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Name) or node.id in seen or node.id in FORBIDDEN or node.id.startswith("__"):
            continue
        seen.add(node.id)
        if node.id not in names and node.id != "open":
            near = get_close_matches(node.id, names, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            yield Problem(node.lineno, f"{node.id!r} is neither defined nor a tool{hint}")


def _waiting(tree: ast.Module) -> Iterator[Problem]:
    # One call after the other, so that a program that is run again over its calls comes by them in the same order.
    for node in ast.walk(tree):
        if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith | ast.AsyncFunctionDef):
            yield Problem(node.lineno, "nothing is async here: tools are plain functions, call them without `await`")


def _endless(tree: ast.Module) -> Iterator[Problem]:
    if not tree.body:
        yield Problem(0, "the program is empty")
    elif not isinstance(tree.body[-1], ast.Expr) and not any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
        for node in ast.walk(tree)
    ):
        line = tree.body[-1].lineno
        yield Problem(
            line, "the program gives no answer: its last line must be an expression whose value is the answer"
        )


def _unrepeatable(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Find what would let a program do something else when it is run again over the calls that it made."""
    imported = [(module, line) for module, line in imports(tree) if module in {"random", "numpy.random", "uuid"}]
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    if imported and not (attributes | names) & _SEEDS:
        yield imported[0][1], "a program that calls tools must do the same whenever it runs: seed what it draws"
    around = parents(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in _CLOCKS:
            outer = around[node]
            if isinstance(outer, ast.Call) and outer.func is node:
                text = "a program that calls tools must do the same whenever it runs: it has no clock"
                yield node.lineno, f"{text}, so `{node.attr}` is not allowed"
