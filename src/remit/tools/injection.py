"""Injection: parameters that a toolset fills in and of which a model never learns."""

import functools
import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias, TypeVar

from remit.core.errors import ConfigError
from remit.core.ports import ToolContext

T = TypeVar("T")


class Injection:
    """What `INJECTED` is: the mark of a parameter that a toolset fills in."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "INJECTED"


INJECTED = Injection()
"""Marks a parameter that a toolset fills in: `Annotated[Database, INJECTED]`."""

Injected: TypeAlias = Annotated[T, INJECTED]
"""Marks a parameter that a toolset fills in: `db: Injected[Database]`. A model never sees it and cannot set it."""


@dataclass(frozen=True, slots=True)
class Need:
    """A parameter that somebody must provide."""

    parameter: str
    kind: object
    """Its type, as annotated."""
    optional: bool = False
    """Whether it has a default, which stands when nobody provides it."""

    def __str__(self) -> str:
        return f"{self.parameter}: {shown(self.kind)}"


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of a function, by who fills them in."""

    given: dict[str, tuple[Any, Any]]
    """Type and default of those that a caller fills in; the type is `inspect.Parameter.empty` without an annotation."""
    needs: tuple[Need, ...] = ()
    context: str = ""
    """The one that takes the `ToolContext`; empty when there is none."""


def parameters(function: Callable[..., Any], hints: dict[str, Any], what: str) -> Parameters:
    """Sort the parameters of a function; raise `ConfigError` for an odd mark or a second context."""
    given: dict[str, tuple[Any, Any]] = {}
    needs: list[Need] = []
    context = ""
    for name, parameter in inspect.signature(function).parameters.items():
        hint = hints.get(name, parameter.empty)
        if hint is ToolContext or ToolContext in typing.get_args(hint):
            if context:
                raise ConfigError(f"{what}: {context!r} and {name!r} both take the ToolContext; leave out one")
            context = name
            continue
        kind = _injected(hint)
        if kind is not None:
            needs.append(Need(name, kind, parameter.default is not parameter.empty))
        elif _marked(hint):
            raise ConfigError(
                f"{what}: parameter {name!r} is marked inside its type; write `Injected[...]` around all of it"
            )
        else:
            given[name] = (hint, parameter.default)
    return Parameters(given, tuple(needs), context)


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Read the annotations of anything that can be called; raise `NameError` or `TypeError` for what cannot be read."""
    if isinstance(function, functools.partial):
        return hints_of(function.func)
    if inspect.isclass(function):
        return typing.get_type_hints(function.__init__, include_extras=True)
    # A callable object's annotations are those of its `__call__`.
    annotated = function if inspect.isroutine(function) else type(function).__call__
    return typing.get_type_hints(annotated, include_extras=True)


def shown(kind: object) -> str:
    """Write a type as people do."""
    return kind.__qualname__ if isinstance(kind, type) and not typing.get_args(kind) else inspect.formatannotation(kind)


def _injected(hint: object) -> object | None:
    """Give the type inside the mark; `None` without one."""
    if typing.get_origin(hint) is not Annotated:
        return None
    kind, *marks = typing.get_args(hint)
    return kind if any(isinstance(mark, Injection) for mark in marks) else None


def _marked(hint: object) -> bool:
    return _injected(hint) is not None or any(_marked(part) for part in typing.get_args(hint))
