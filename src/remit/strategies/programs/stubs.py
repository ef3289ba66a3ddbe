"""Stubs: tools as functions of Python, for the model that calls them in a program and for the box that offers them."""

import builtins
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from remit.core.moves import Function, ToolCard
from remit.core.values import JsonValue
from remit.strategies.programs.annotations import Annotations, Writer, identifier, is_whole, unique

_RESERVED = frozenset({"ToolError", "Any", "Literal", "NotRequired", "TypedDict", *dir(builtins)})
_DEFAULT = 40
"""Characters of a default value that is shown."""


@dataclass(frozen=True, slots=True)
class _Detail:
    """How much is told of each tool."""

    about: int
    """Characters of its description."""
    parameter: int
    """Characters of the description of a parameter; 0 for none at all."""
    deepest: int
    """Levels of its types."""
    parameters: int = 60
    """Parameters that are shown."""


_DETAILS = (
    _Detail(1200, 200, 6),
    _Detail(300, 80, 3),
    _Detail(160, 0, 2),
    _Detail(80, 0, 0, 20),
    _Detail(0, 0, 0, 0),
)


@dataclass(frozen=True, slots=True)
class Stubs:
    """Functions as a model is told of them."""

    text: str
    functions: Mapping[str, Function]
    """By the name that a program calls."""


def stubs(cards: Iterable[ToolCard], *, taken: Collection[str] = (), most: int = 24_000) -> Stubs:
    """Write tools as functions, with names that are neither taken nor Python's own.

    The text has at most so many characters, by telling less of each tool, as long as their bare names fit.
    """
    functions: dict[str, Function] = {}
    kept: list[tuple[Function, ToolCard]] = []
    used: dict[str, None] = dict.fromkeys((*_RESERVED, *taken))
    for card in cards:
        name = identifier(card.name)
        name = unique(f"{name}_" if name in used and name not in functions else name, used)
        used[name] = None
        functions[name] = Function(name, card.name, _parameters(card))
        kept.append((functions[name], card))
    text = ""
    for detail in _DETAILS:
        text = _text(kept, used, detail)
        if len(text) <= most:
            break
    return Stubs(text, functions)


def _parameters(card: ToolCard) -> tuple[tuple[str, str], ...]:
    names: dict[str, str] = {}
    needed = [name for name in card.arguments if name in card.required]
    for argument in [*needed, *(name for name in card.arguments if name not in card.required)]:
        names[unique(identifier(argument), names)] = argument
    return tuple(names.items())


def _text(kept: Sequence[tuple[Function, ToolCard]], used: Mapping[str, object], detail: _Detail) -> str:
    types = Annotations(used, deepest=detail.deepest)
    functions = [_function(function, card, types, detail) for function, card in kept]
    return "\n\n".join([*types.classes.values(), *functions])


def _function(function: Function, card: ToolCard, types: Annotations, detail: _Detail) -> str:
    if len(function.parameters) > detail.parameters:
        head = f"def {function.name}({'**arguments: Any' if function.parameters else ''}) -> Any:"
        return f"{head}\n    {_docstring([_short(card.description, detail.about)])}"
    title = "".join(word[:1].upper() + word[1:] for word in function.name.split("_"))
    properties = card.schema.get("properties")
    known = properties if isinstance(properties, dict) else {}
    shown: list[str] = []
    lines = [_short(card.description, detail.about)]
    writer = Writer(types, card.schema)
    for name, argument in function.parameters:
        schema = known.get(argument)
        annotation = writer.of(schema, f"{title}{name[:1].upper()}{name[1:]}")
        shown.append(f"{name}: {annotation}{'' if argument in card.required else f' = {_default(schema)}'}")
        about = schema.get("description") if isinstance(schema, dict) else None
        if detail.parameter and isinstance(about, str):
            lines.append(f"{name}: {_short(about, detail.parameter)}")
    returned = "Any" if card.output is None else Writer(types, card.output).of(card.output, f"{title}Result")
    return f"def {function.name}({', '.join(shown)}) -> {returned}:\n    {_docstring(lines)}"


def _default(schema: JsonValue) -> str:
    if not isinstance(schema, dict) or "default" not in schema:
        # Not None, which the tool may refuse: left out is left out.
        return "..."
    default = schema["default"]
    plain = default is None or isinstance(default, str) or is_whole(default)
    finite = isinstance(default, float) and isfinite(default)
    empty = isinstance(default, list | dict) and not default
    shown = ascii(default) if plain or finite or empty else "..."
    return shown if len(shown) <= _DEFAULT else "..."


def _short(text: str, most: int) -> str:
    words = " ".join("".join(mark if mark.isprintable() else " " for mark in text[: 4 * most]).split())
    return words if len(words) <= most else f"{words[: max(0, most - 3)]}..."


def _docstring(lines: Sequence[str]) -> str:
    """Write lines as a docstring that none of them can end."""
    said = [line.replace("\\", "\\\\").replace('"', "'") for line in lines if line]
    body = "\n    ".join(said) or "A tool."
    return f'"""{body}"""' if len(said) < 2 else f'"""{body}\n    """'
