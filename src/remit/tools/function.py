"""Function tools: a typed Python function as a `Tool`."""

import asyncio
import functools
import inspect
import re
from collections.abc import Awaitable, Callable
from typing import Any, Generic, Literal, ParamSpec, TypedDict, TypeVar, Unpack, overload

from pydantic import ValidationError

from remit.core.errors import ConfigError, RejectedError
from remit.core.ports import Probe, ToolContext, ToolSpec
from remit.core.values import JsonObject, JsonValue, nanos
from remit.tools.results import jsonable
from remit.tools.signature import signature

P = ParamSpec("P")
R = TypeVar("R")

Reconcile = Callable[[str], Any] | Callable[[str, JsonObject], Any]
"""Asks the world by idempotency key, and if it wants by arguments too, whether a call happened.

Returns the result, or `None` when it did not happen; raises when it cannot be told. Async or sync.
"""

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_EFFECTS = frozenset({"read", "idempotent", "once"})


class ToolOptions(TypedDict, total=False):
    """What can be declared of a tool beyond its function."""

    name: str
    description: str
    effect: Literal["read", "idempotent", "once"]
    """What may be done after a crash: repeat, repeat with the same key, or ask. `once` unless told otherwise."""
    price: float
    """Dollars that one call costs at most."""
    timeout: float
    """Seconds for one attempt."""
    retries: int
    fallback: str
    """Name of the tool that takes the same arguments when this one failed."""
    reconcile: Reconcile
    doubt: Literal["wait", "tell"]
    """When nobody can say whether a call happened: wait for a person, or tell the model and go on."""
    dangerous: bool
    version: str


class FunctionTool(Generic[P, R]):
    """A function with its contract: validates arguments, injects the context, writes results as JSON."""

    def __init__(self, function: Callable[P, R], **options: Unpack[ToolOptions]) -> None:
        """Read the function's signature and docstring; raise `ConfigError` for what cannot be a tool."""
        functools.update_wrapper(self, function)
        self._function: Callable[..., Any] = function
        self._reconcile = options.get("reconcile")
        self._asks_with_args = self._reconcile is not None and _arity(self._reconcile) > 1
        name = options.get("name") or getattr(function, "__name__", "")
        self._signature = signature(function, name)
        self._awaits = _is_async(function)
        self._checked: tuple[JsonObject, dict[str, Any]] | None = None
        self._spec = _spec(name, self._signature.description, self._signature.schema, options)
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise ConfigError(f"tool {name!r} is a generator; return the whole result instead")

    @property
    def spec(self) -> ToolSpec:
        """The contract."""
        return self._spec

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

    async def call(self, args: JsonObject, context: ToolContext) -> JsonValue:
        """Validate, act, and give the result as JSON; raise `RejectedError` for wrong arguments, before acting."""
        values = self._values(args)
        if self._signature.context:
            values[self._signature.context] = context
        if self._awaits:
            result = await self._function(**values)
        else:
            result = await asyncio.to_thread(self._function, **values)
            if inspect.isawaitable(result):
                result = await result
        return _written(result)

    async def probe(self, args: JsonObject, context: ToolContext) -> Probe | None:
        """Ask `reconcile` whether this call happened; `None` when it cannot be told."""
        ask: Callable[..., Any] | None = self._reconcile
        if ask is None:
            return None
        wanted = (context.key, args) if self._asks_with_args else (context.key,)
        try:
            found = await ask(*wanted) if _is_async(ask) else await asyncio.to_thread(ask, *wanted)
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


def _spec(name: str, documented: str, schema: JsonObject, options: ToolOptions) -> ToolSpec:
    spec = ToolSpec(
        name=name,
        description=options.get("description") or documented,
        schema=schema,
        effect=options.get("effect", "once"),
        price=nanos(options.get("price", 0.0)),
        timeout=options.get("timeout", 30.0),
        retries=options.get("retries", 2),
        fallback=options.get("fallback", ""),
        doubt=options.get("doubt", "wait"),
        dangerous=options.get("dangerous", False),
        reconciles="reconcile" in options,
        version=options.get("version", "1"),
    )
    for problem in _problems(spec):
        raise ConfigError(f"tool {name!r}: {problem}")
    return spec


def _problems(spec: ToolSpec) -> list[str]:
    rules = {
        "a name has 1 to 64 letters, digits, _ or -; give `name=`": _NAME.fullmatch(spec.name) is not None,
        f"effect is one of {', '.join(sorted(_EFFECTS))}, not {spec.effect!r}": spec.effect in _EFFECTS,
        f"doubt is wait or tell, not {spec.doubt!r}": spec.doubt in {"wait", "tell"},
        "price is in dollars and not below 0": spec.price >= 0,
        "timeout is in seconds and above 0": spec.timeout > 0,
        "retries is not below 0": spec.retries >= 0,
        "it cannot be its own fallback": spec.fallback != spec.name,
    }
    return [problem for problem, holds in rules.items() if not holds]


def _written(result: object) -> JsonValue:
    try:
        return jsonable(result)
    except ValueError as error:
        # The effect is done, so this is no failure: an exception here would make the runtime doubt it.
        return f"done, but the result cannot be shown: {error}"


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def _arity(function: Callable[..., Awaitable[Any]] | Callable[..., Any]) -> int:
    return len(inspect.signature(function).parameters)
