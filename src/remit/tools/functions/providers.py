"""Providers: where what is injected comes from, read from what was given for it."""

import contextlib
import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Concatenate, Literal, cast

from remit.core.errors import ConfigError
from remit.core.ports import ToolContext
from remit.tools.injection import Need, hints_of, parameters, shown

Lifetime = Literal["once", "tenant", "call"]
"""How long what was made is kept: while the toolset is open, for its calls of one tenant, or for one call."""

KEPT = 100
"""Tenants whose values are kept at the same time, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A value as it is: for a function or a class, which would be taken for a maker of values otherwise."""

    value: object


@dataclass(frozen=True, slots=True)
class PerTenant:
    """A value made once a tenant, at its first call, and closed with the toolset.

    The factory takes the tenant's name, and what it needs as `Injected` parameters. At most `keep` values are kept
    beside those in use; the least recently used is closed first.
    """

    factory: Callable[Concatenate[str, ...], object]
    keep: int = KEPT


Provide = Mapping[type[object] | str, Callable[[ToolContext], object] | object]
"""What provides, by the type or the parameter's name that it is for."""


@dataclass(frozen=True, slots=True, eq=False)
class Provider:
    """One source of something to inject."""

    key: type[object] | str
    """The type or the parameter's name that it is for."""
    lifetime: Lifetime
    make: Callable[..., object]
    """Gives the value, an awaitable of it, or an async context manager around it."""
    subject: str = ""
    """The parameter of `make` that takes the context of the call, or the tenant; empty when it takes neither."""
    needs: tuple[Need, ...] = ()
    opens: bool = False
    """Whether `make` surely gives an async context manager."""
    keep: int = KEPT

    def __str__(self) -> str:
        return repr(self.key) if isinstance(self.key, str) else shown(self.key)


def provider(key: type[object] | str, given: object) -> Provider:
    """Read what was given for a type or a name; raise `ConfigError` for what cannot provide."""
    what = f"the provider of {key!r}" if isinstance(key, str) else f"the provider of {shown(key)}"
    match given:
        case Ready(value):
            return Provider(key, "once", lambda: contextlib.nullcontext(value))
        case PerTenant(factory, keep):
            return _per_tenant(key, factory, keep, what)
        case _ if inspect.isroutine(given) or inspect.isclass(given) or isinstance(given, functools.partial):
            return _made(key, cast("Callable[..., Any]", given), what)
        case _:
            if inspect.isasyncgen(given) or inspect.iscoroutine(given) or _spent(given):
                raise ConfigError(f"{what} was called already; give the function itself, so that it can be opened anew")
            return Provider(key, "once", lambda: contextlib.nullcontext(given))


def _made(key: type[object] | str, function: Callable[..., Any], what: str) -> Provider:
    needs, subject = _taken(function, what, "the ToolContext")
    return Provider(
        key,
        "call" if subject else "once",
        _opening(function, what),
        subject,
        needs,
        opens=_opens(function),
    )


def _per_tenant(key: type[object] | str, factory: object, keep: int, what: str) -> Provider:
    if not callable(factory):
        raise ConfigError(f"{what}: PerTenant takes a function of the tenant, not {type(factory).__name__}")
    if keep < 1:
        raise ConfigError(f"{what}: PerTenant keeps at least 1, not {keep}")
    needs, subject = _taken(factory, what, "the tenant")
    if not subject:
        raise ConfigError(f"{what}: the factory of PerTenant takes the tenant's name; without one, give it as it is")
    return Provider(key, "tenant", _opening(factory, what), subject, needs, opens=_opens(factory), keep=keep)


def _taken(function: Callable[..., Any], what: str, subject: str) -> tuple[tuple[Need, ...], str]:
    """Give what a function needs, and the one parameter that takes the context or the tenant, if there is one."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{what}: nobody can tell what it takes; wrap it: `lambda: ...`") from error
    required = [one for one in signature.parameters.values() if one.default is one.empty and one.kind not in _OPEN]
    try:
        hints = hints_of(function)
    except (NameError, TypeError) as error:
        if required:
            raise ConfigError(f"{what}: an annotation cannot be read: {error}; define or import it first") from error
        hints = {}
    found = parameters(function, hints, what)
    subjects = [one.name for one in required if one.name in found.given]
    if found.context and subject == "the ToolContext":
        subjects.insert(0, found.context)
    elif found.context:
        raise ConfigError(f"{what}: it is kept for all calls of a tenant, so it cannot take the ToolContext of one")
    if len(subjects) > 1:
        raise ConfigError(f"{what} takes {subject} and nothing else; mark {subjects[1]!r} as `Injected[...]`")
    for name in subjects:
        hint = found.given.get(name, (inspect.Parameter.empty, None))[0]
        if subject == "the ToolContext" and hint is not inspect.Parameter.empty:
            raise ConfigError(f"{what}: mark {name!r} as `Injected[...]`, or annotate it `ToolContext`")
        if signature.parameters[name].kind is inspect.Parameter.POSITIONAL_ONLY:
            raise ConfigError(f"{what}: {name!r} must be possible to give by name; wrap it: `lambda {name}: ...`")
    return found.needs, "".join(subjects)


_OPEN = frozenset({inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD})


def _opening(function: Callable[..., Any], what: str) -> Callable[..., object]:
    if inspect.isgeneratorfunction(function) or inspect.isgeneratorfunction(getattr(function, "__wrapped__", None)):
        raise ConfigError(f"{what} is a generator; make it an `async def`")
    return contextlib.asynccontextmanager(function) if inspect.isasyncgenfunction(function) else function


def _opens(function: Callable[..., Any]) -> bool:
    return inspect.isasyncgenfunction(function) or inspect.isasyncgenfunction(getattr(function, "__wrapped__", None))


def _spent(given: object) -> bool:
    """Say whether this is what an `@asynccontextmanager` function returned, which can be entered only once."""
    return isinstance(given, contextlib.AsyncContextDecorator) and inspect.isasyncgen(getattr(given, "gen", None))
