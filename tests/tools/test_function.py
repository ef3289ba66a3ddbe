"""Function tools: declared, checked, called, probed."""

import asyncio
import contextvars
import inspect
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest

from remit.core.errors import ConfigError, InputRequiredError, RejectedError
from remit.core.ports import Probe, ToolContext
from remit.core.values import JsonObject, JsonValue, nanos
from remit.testing.tools import check_tool
from remit.tools import FunctionTool, tool

CONTEXT = ToolContext(key="k1")


@tool
def add(a: int, b: int = 1) -> int:
    """Add two numbers."""
    return a + b


@tool(effect="read", price=0.01, timeout=5.0, retries=4, fallback="other", dangerous=True, version="3")
async def look(at: str) -> dict[str, str]:
    """Look."""
    return {"at": at}


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (add, {"a": 1}, [{}, {"a": "x"}, {"a": 1, "c": 2}]),
        (look, {"at": "it"}, [{"at": 1}, {"at": None}]),
        (add, {"a": 2, "b": 3}, []),
    ],
)
async def test_function_tools_conform(kind: FunctionTool[..., Any], good: JsonObject, bad: list[JsonObject]) -> None:
    await check_tool(kind, good, bad)


def test_the_safest_effect_is_the_default() -> None:
    assert add.spec.effect == "once"
    assert not add.spec.reconciles


def test_declarations_are_in_the_contract() -> None:
    spec = look.spec
    assert (spec.name, spec.description, spec.effect, spec.version) == ("look", "Look.", "read", "3")
    assert (spec.price, spec.timeout, spec.retries, spec.fallback, spec.dangerous) == (
        nanos(0.01),
        5.0,
        4,
        "other",
        True,
    )
    renamed = tool(name="peek", description="Peek.")(_plain_add)
    assert (renamed.spec.name, renamed.spec.description) == ("peek", "Peek.")
    assert look.spec is spec


async def test_a_tool_is_still_the_function_it_was() -> None:
    assert add(1, b=2) == 3
    assert inspect.getdoc(add) == "Add two numbers."
    assert await look("it") == {"at": "it"}


async def test_wrong_arguments_are_rejected_before_anything_happens() -> None:
    with pytest.raises(RejectedError, match="a: is required"):
        await add.call({}, CONTEXT)


async def test_each_call_gets_arguments_of_its_own_even_if_an_earlier_one_changed_them() -> None:
    @tool
    def drain(items: list[int]) -> list[int]:
        taken = list(items)
        items.clear()
        return taken

    args: JsonObject = {"items": [1, 2]}
    assert drain.check(args) == ""
    assert await drain.call(args, CONTEXT) == [1, 2]
    assert await drain.call(args, CONTEXT) == [1, 2]
    assert args == {"items": [1, 2]}


async def test_checks_and_calls_that_interleave_do_not_mix_up_arguments() -> None:
    first: JsonObject = {"a": 1}
    second: JsonObject = {"a": 2}
    assert add.check(first) == add.check(second) == ""
    assert [await add.call(first, CONTEXT), await add.call(second, CONTEXT)] == [2, 3]


async def test_sync_functions_run_in_threads_with_the_callers_context_variables() -> None:
    variable = contextvars.ContextVar("variable", default="unset")

    @tool
    def where() -> tuple[bool, str]:
        return threading.current_thread() is threading.main_thread(), variable.get()

    variable.set("set")
    assert await where.call({}, CONTEXT) == [False, "set"]


async def test_a_function_that_returns_an_awaitable_is_awaited() -> None:
    async def later() -> str:
        return "later"

    def make() -> object:
        return later()

    assert await tool(make).call({}, CONTEXT) == "later"


async def test_a_callable_object_is_a_tool() -> None:
    class Greeter:
        """Ignored."""

        async def __call__(self, name: str) -> str:
            return f"hello {name}"

    greet = tool(name="greet")(Greeter())
    assert greet.spec.schema["required"] == ["name"]
    assert await greet.call({"name": "Ann"}, CONTEXT) == "hello Ann"


async def test_a_method_is_a_tool_of_its_object() -> None:
    class Shelf:
        def __init__(self) -> None:
            self.items: list[str] = []

        def put(self, item: str) -> int:
            self.items.append(item)
            return len(self.items)

    shelf = Shelf()
    assert await tool(shelf.put).call({"item": "book"}, CONTEXT) == 1
    assert shelf.items == ["book"]


async def test_a_result_that_json_cannot_say_is_told_and_the_effect_counts_as_done() -> None:
    @tool
    def picture() -> bytes:
        return b"\x89PNG"

    assert "done, but the result cannot be shown: a result of type bytes" in str(await picture.call({}, CONTEXT))


async def test_what_the_function_raises_reaches_the_runtime() -> None:
    @tool
    def fail() -> None:
        raise RejectedError("no such project")

    with pytest.raises(RejectedError, match="no such project"):
        await fail.call({}, CONTEXT)


def found(key: str) -> str | None:
    return "T-1" if key == "k1" else None


async def found_later(key: str, args: JsonObject) -> dict[str, Any] | None:
    await asyncio.sleep(0)
    return {"key": key, **args} if key == "k1" else None


def found_out(key: str) -> Probe:
    return Probe(key == "k1")


@pytest.mark.parametrize(
    ("reconcile", "output"), [(found, "T-1"), (found_later, {"key": "k1", "a": 1}), (found_out, None)]
)
async def test_a_probe_says_what_happened_and_what_did_not(reconcile: Callable[..., Any], output: JsonValue) -> None:
    file = FunctionTool(_plain_add, reconcile=reconcile)
    assert file.spec.reconciles
    assert await file.probe({"a": 1}, ToolContext(key="k1")) == Probe(happened=True, output=output)
    assert await file.probe({"a": 1}, ToolContext(key="k2")) == Probe(happened=False)


def _plain_add(a: int, b: int = 1) -> int:
    return a + b


async def test_a_probe_that_breaks_or_is_missing_knows_nothing() -> None:
    def broken(key: str) -> None:
        raise OSError(key)

    assert await FunctionTool(_plain_add, reconcile=broken).probe({"a": 1}, CONTEXT) is None
    assert await add.probe({"a": 1}, CONTEXT) is None


def generated() -> Any:
    yield 1


async def streamed() -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"name": "two words"}, "a name has 1 to 64"),
        ({"effect": "maybe"}, "effect is one of idempotent, once, read, not 'maybe'"),
        ({"price": -1.0}, "price is in dollars"),
        ({"timeout": 0.0}, "timeout is in seconds"),
        ({"retries": -1}, "retries is not below 0"),
        ({"name": "me", "fallback": "me"}, "own fallback"),
    ],
)
def test_declarations_that_cannot_be_kept_are_refused(options: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        tool(**options)(_plain_add)


@pytest.mark.parametrize("function", [generated, streamed])
def test_a_generator_is_no_tool(function: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError, match="return the whole result"):
        tool(function)


def test_a_nameless_function_needs_a_name() -> None:
    nameless: Callable[[], int] = lambda: 1  # noqa: E731 - this is about lambdas
    with pytest.raises(ConfigError, match="give `name=`"):
        tool(nameless)
    assert tool(name="one")(nameless).spec.name == "one"


async def test_a_question_to_a_person_passes_from_both_kinds_of_functions() -> None:
    @tool
    def pay(amount: int) -> int:
        raise InputRequiredError("Which account?", {"type": "object"}, memo=amount)

    @tool
    async def ask(amount: int) -> int:
        raise InputRequiredError("Which account?", {"type": "object"}, memo=amount)

    for kind in (pay, ask):
        with pytest.raises(InputRequiredError) as caught:
            await kind.call({"amount": 5}, CONTEXT)
        assert (caught.value.question, caught.value.memo) == ("Which account?", 5)


async def test_a_probe_may_take_the_context_too() -> None:
    def happened(key: str, context: ToolContext) -> str:
        return f"{key} {context.tenant}"

    book = FunctionTool(_plain_add, reconcile=happened)
    assert await book.probe({"a": 1}, ToolContext(key="k1", tenant="acme")) == Probe(happened=True, output="k1 acme")


def no_key() -> None: ...


def unreadable(key: "Nowhere") -> None: ...  # noqa: F821 # pyright: ignore[reportUndefinedVariable, reportUnknownParameterType]


@pytest.mark.parametrize(
    ("reconcile", "why"),
    [
        (no_key, "'_plain_add': `reconcile` takes the key, or the key and the arguments"),
        (cast("Any", unreadable), "an annotation of its `reconcile` cannot be read"),
    ],
)
def test_a_probe_that_cannot_be_asked_is_refused(reconcile: Callable[..., Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        FunctionTool(_plain_add, reconcile=reconcile)
