"""Function tools: a typed Python function as a `Tool`."""

import asyncio
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, ParamSpec, TypeVar, Unpack, overload

from pydantic import ValidationError

from remit.core.errors import ConfigError, RejectedError
from remit.core.ports import Probe, ToolContext
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonObject, JsonValue
from remit.tools.injection import Need, Parameters, hints_of, parameters
from remit.tools.options import Reconcile, ToolOptions, contract
from remit.tools.results import jsonable
from remit.tools.signature import signature

P = ParamSpec("P")
R = TypeVar("R")


class FunctionTool(Generic[P, R]):
    """A function with its contract: validates arguments, injects the context, writes results as JSON."""

    def __init__(self, function: Callable[P, R], **options: Unpack[ToolOptions]) -> None:
        """Read the function's signature and docstring; raise `ConfigError` for what cannot be a tool."""
        functools.update_wrapper(self, function)
        self._function: Callable[..., Any] = function
        self._reconcile = options.get("reconcile")
        name = options.get("name") or getattr(function, "__name__", "")
        self._signature = signature(function, name)
        self._asks = Parameters({}) if self._reconcile is None else _asks(self._reconcile, name)
        self._injected = self._signature.needs
        self._awaits = _is_async(function)
        self._checked: tuple[JsonObject, dict[str, Any]] | None = None
        self._declared = frozenset(options)
        missing = dict.fromkeys(str(need) for need in self.needs if not need.optional)
        self._spec = contract(name, self._signature, tuple(missing), options)
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise ConfigError(f"tool {name!r} is a generator; return the whole result instead")

    @property
    def spec(self) -> ToolSpec:
        """The contract."""
        return self._spec

    @property
    def declared(self) -> frozenset[str]:
        """The options that were given; the others may be a toolset's."""
        return self._declared

    @property
    def needs(self) -> tuple[Need, ...]:
        """The parameters, of the function and of its `reconcile`, that a toolset fills in."""
        return (*self._injected, *self._asks.needs)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself, without validation, as if it had not been decorated."""
        return self._function(*args, **kwargs)

    def check(self, args: JsonObject) -> str:
        """Say what is wrong with these arguments, one line a problem; empty when nothing is."""
        try:
            values = self._signature.values(args)
        except ValidationError as error:
            return self._signature.explain(error, args)
        self._checked = args, values
        return ""

    async def call(
        self, args: JsonObject, context: ToolContext, provided: Mapping[str, object] | None = None
    ) -> JsonValue:
        """Validate, act, and give the result as JSON; raise `RejectedError` for wrong arguments, before acting.

        `provided` is what a toolset fills in, by parameter.
        """
        values = self._values(args)
        if self._signature.context:
            values[self._signature.context] = context
        if self._injected:
            values.update(self._wanted(provided))
        if self._awaits:
            result = await self._function(**values)
        else:
            result = await asyncio.to_thread(self._function, **values)
            if inspect.isawaitable(result):
                result = await result
        return _written(result)

    async def probe(
        self, args: JsonObject, context: ToolContext, provided: Mapping[str, object] | None = None
    ) -> Probe | None:
        """Ask `reconcile` whether this call happened; `None` when it cannot be told."""
        ask: Callable[..., Any] | None = self._reconcile
        if ask is None or (provided is None and self._spec.needs):
            return None
        named = _picked(self._asks.needs, provided or {})
        if self._asks.context:
            named[self._asks.context] = context
        wanted = (context.key, args)[: len(self._asks.given)]
        try:
            found = await ask(*wanted, **named) if _is_async(ask) else await asyncio.to_thread(ask, *wanted, **named)
        except Exception:  # noqa: BLE001 - whatever broke the probe, all it says is that nobody can tell
            return None
        return found if isinstance(found, Probe) else Probe(found is not None, _written(found))

    def _values(self, args: JsonObject) -> dict[str, Any]:
        """Give validated arguments, each set to one call only: a function may change what it is given."""
        checked, self._checked = self._checked, None
        if checked is not None and checked[0] is args:
            return checked[1]
        try:
            return self._signature.values(args)
        except ValidationError as error:
            raise RejectedError(self._signature.explain(error, args)) from None

    def _wanted(self, provided: Mapping[str, object] | None) -> dict[str, object]:
        if provided is None:
            if self._spec.needs:
                needs = ", ".join(self._spec.needs)
                raise ConfigError(f"tool {self._spec.name!r} needs {needs}; put it into a toolset that provides it")
            return {}
        return _picked(self._injected, provided)


@overload
def tool(function: Callable[P, R], /) -> FunctionTool[P, R]: ...


@overload
def tool(**options: Unpack[ToolOptions]) -> Callable[[Callable[P, R]], FunctionTool[P, R]]: ...


def tool(
    function: Callable[P, R] | None = None, /, **options: Unpack[ToolOptions]
) -> FunctionTool[P, R] | Callable[[Callable[P, R]], FunctionTool[P, R]]:
    """Make a typed function a tool: `@tool`, or `@tool(effect="read", price=0.01, ...)`.

    Name, description and JSON Schema come from the signature and docstring; a parameter annotated `ToolContext` is
    given the context of the call and is not shown to a model. Raise `ConfigError` for what cannot be a tool.
    """
    if function is not None:
        return FunctionTool(function, **options)

    def mark(function: Callable[P, R]) -> FunctionTool[P, R]:
        return FunctionTool(function, **options)

    return mark


def _written(result: object) -> JsonValue:
    try:
        return jsonable(result)
    except ValueError as error:
        # The effect is done, so this is no failure: an exception here would make the runtime doubt it.
        return f"done, but the result cannot be shown: {error}"


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def _asks(reconcile: Reconcile, name: str) -> Parameters:
    """Read what a probe takes: the key, the arguments if it wants them, and what is injected."""
    try:
        hints = hints_of(reconcile)
    except (NameError, TypeError) as error:
        raise ConfigError(f"tool {name!r}: an annotation of its `reconcile` cannot be read: {error}") from error
    found = parameters(reconcile, hints, f"`reconcile` of tool {name!r}")
    if len(found.given) not in {1, 2}:
        raise ConfigError(f"tool {name!r}: `reconcile` takes the key, or the key and the arguments")
    return found


def _picked(needs: Sequence[Need], provided: Mapping[str, object]) -> dict[str, object]:
    return {need.parameter: provided[need.parameter] for need in needs if need.parameter in provided}
