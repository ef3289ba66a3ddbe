"""Calls: the places of a program where it calls tools, and whether the tools take what it gives them."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from remit.core.messages import Call
from remit.core.moves import Brief, Function, ToolCard
from remit.core.values import JsonObject
from remit.strategies.programs.constants import Constants, UnknownError
from remit.strategies.programs.parsing import Problem


@dataclass(frozen=True, slots=True)
class Place:
    """A place where a program calls a tool."""

    line: int
    tool: str
    args: JsonObject | None
    """What it gives, when that is known before it runs."""
    asks: str = ""
    """Why policy would refuse the call or ask a person first; empty when it would not, as far as can be told."""


def places(
    tree: ast.Module, brief: Brief, functions: Mapping[str, Function], constants: Constants
) -> tuple[list[Place], list[Problem]]:
    """Find the calls of tools, and those that no tool takes."""
    found: list[Place] = []
    problems: list[Problem] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in functions:
            function = functions[node.func.id]
            wrong = list(_wrong(node, function, brief.tools[function.tool]))
            problems += (Problem(node.lineno, f"{function.name}: {text}") for text in wrong)
            if not wrong:
                args = _args(node, function, constants)
                asks = brief.preview(Call(function.tool, args or {}))
                found.append(Place(node.lineno, function.tool, args, asks))
    return found, problems


def _wrong(node: ast.Call, function: Function, card: ToolCard) -> Iterator[str]:
    names = [name for name, _ in function.parameters]
    given, sure = _given(node)
    if len(node.args) > len(names):
        yield f"it takes {len(names)} arguments ({', '.join(names) or 'none'}), and {len(node.args)} are given"
        return
    placed = [] if any(isinstance(item, ast.Starred) for item in node.args) else names[: len(node.args)]
    for name in given:
        if name not in names:
            yield f"it has no argument {name!r}; it has: {', '.join(names) or 'none'}"
        elif name in placed or given.count(name) > 1:
            yield f"the argument {name!r} is given twice"
    if sure:
        needed = {name for name, argument in function.parameters if argument in card.required}
        for name in names:
            if name in needed and name not in given and name not in placed:
                yield f"it needs the argument {name!r}"


def _given(node: ast.Call) -> tuple[list[str], bool]:
    """Give the arguments that have names, and whether these are all."""
    given: list[str] = []
    sure = not any(isinstance(item, ast.Starred) for item in node.args)
    for keyword in node.keywords:
        if keyword.arg is not None:
            given.append(keyword.arg)
        else:
            sure = False
    return given, sure


def _args(node: ast.Call, function: Function, constants: Constants) -> JsonObject | None:
    named = dict(function.parameters)
    given, sure = _given(node)
    if not sure:
        return None
    values = dict(zip(named, node.args, strict=False))
    values |= dict(zip(given, (keyword.value for keyword in node.keywords), strict=True))
    try:
        return {named[name]: constants.fold(value) for name, value in values.items()}
    except UnknownError:
        return None
