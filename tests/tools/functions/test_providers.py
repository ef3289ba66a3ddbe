"""Providers: of all kinds, for each other, and those that cannot provide."""

import contextlib
import functools
from collections.abc import AsyncGenerator, Callable
from typing import Any, cast

import pytest
from tests.tools.functions.shelf import CONTEXT, Database, Diary, Handle, answer, find, opened, show, whose

from remit.core.errors import ConfigError, InputRequiredError, RejectedError, ToolError
from remit.core.ports import Resume, ToolContext
from remit.tools import FunctionToolset, Injected, PerTenant, Provide, Ready, tool


async def later() -> str:
    return "later"


async def asked(context: ToolContext, prefix: str = "") -> str:
    return f"{prefix}asked for {context.call}"


async def streamed() -> AsyncGenerator[str]:
    yield "streamed"


@contextlib.asynccontextmanager
async def managed() -> AsyncGenerator[str]:
    yield "managed"


class Made:
    def __init__(self, size: int = 1) -> None:
        self.size = size

    def __str__(self) -> str:
        return f"made {self.size}"


class Opaque:
    def __init__(self, size: "Nowhere" = 1) -> None:  # noqa: F821 # pyright: ignore[reportUndefinedVariable, reportUnknownParameterType]
        self.size = size  # pyright: ignore[reportUnknownMemberType]

    def __str__(self) -> str:
        return "opaque"


def ready() -> str:
    return "called by the tool"


KINDS: list[tuple[Provide, str]] = [
    ({"it": "plain"}, "plain"),
    ({"it": Ready(ready)}, "called by the tool"),
    ({"it": lambda: "from a function"}, "from a function"),
    ({"it": later}, "later"),
    ({"it": streamed}, "streamed"),
    ({"it": managed}, "managed"),
    ({"it": Made}, "made 1"),
    ({"it": functools.partial(Made, 2)}, "made 2"),
    ({"it": functools.partial(asked, prefix="not ")}, "not asked for c1"),
    ({"it": lambda context: context.tenant}, "acme"),
    ({"it": asked}, "asked for c1"),
    ({"it": PerTenant(lambda tenant: f"tenant {tenant}")}, "tenant acme"),
    ({"it": PerTenant(lambda tenant: contextlib.nullcontext(f"entered {tenant}"))}, "entered acme"),
    ({"it": Opaque}, "opaque"),
    ({object: "by its type"}, "by its type"),
]


@pytest.mark.parametrize(("provide", "expected"), KINDS)
async def test_values_and_functions_of_all_kinds_provide(provide: Provide, expected: str) -> None:
    context = ToolContext(call="c1", tenant="acme")
    assert await answer(FunctionToolset("one", [show], provide), {}, context) == f"{expected} for acme"


async def test_what_providers_need_is_provided_to_them() -> None:
    diary = Diary()

    async def open_database(name: Injected[str]) -> AsyncGenerator[Database]:
        async with Database(name, diary) as database:
            yield database

    def handle(context: ToolContext, db: Injected[Database]) -> Handle:
        return Handle(db, context.tenant)

    toolset = FunctionToolset("one", [whose], {Handle: handle, Database: open_database, "name": "main"})
    assert await answer(toolset) == "acme of main"
    assert diary.lines == ["open main", "close main"]


async def test_what_several_parameters_of_a_call_need_is_made_once() -> None:
    made: list[str] = []

    def connection(context: ToolContext) -> Handle:
        made.append(context.call)
        return Handle(Database("main"), context.tenant)

    def cursor(context: ToolContext, connection: Injected[Handle]) -> str:
        return f"{context.call} {connection.tenant}"

    @tool
    async def both(connection: Injected[Handle], cursor: Injected[str]) -> str:
        return f"{connection.tenant} {cursor}"

    toolset = FunctionToolset("one", [both], {"connection": connection, "cursor": cursor})
    assert await answer(toolset, {}, ToolContext(call="c1", tenant="acme")) == "acme c1 acme"
    assert made == ["c1"]


async def test_what_is_opened_for_a_call_is_closed_after_it_and_learns_how_it_ended() -> None:
    ends: list[str] = []

    async def transaction(context: ToolContext) -> AsyncGenerator[str]:
        try:
            yield "open"
        except RejectedError:
            ends.append("rolled back")
            raise
        ends.append("committed")

    @tool
    async def write(text: str, transaction: Injected[str]) -> str:
        if text == "bad":
            raise RejectedError("no")
        return transaction

    async with opened(FunctionToolset("one", [write], {"transaction": transaction})) as tools:
        assert await tools["write"].call({"text": "good"}, CONTEXT) == "open"
        with pytest.raises(RejectedError, match=r"^no$"):
            await tools["write"].call({"text": "bad"}, CONTEXT)
    assert ends == ["committed", "rolled back"]


async def test_what_a_provider_says_to_the_model_reaches_it() -> None:
    def refusing(context: ToolContext) -> str:
        raise RejectedError(f"{context.tenant} has no account here; ask for one", arguments=True)

    with pytest.raises(RejectedError, match=r"^acme has no account here; ask for one$") as caught:
        await answer(FunctionToolset("one", [show], {"it": refusing}))
    assert caught.value.arguments


async def test_a_provider_that_hides_how_the_call_ended_leaves_it_in_doubt() -> None:
    async def hiding(context: ToolContext) -> AsyncGenerator[str]:
        with contextlib.suppress(OSError):
            yield "it"

    @tool
    async def breaks(it: Injected[str]) -> str:
        raise OSError(it)

    with pytest.raises(ToolError, match="nobody knows what happened") as caught:
        await answer(FunctionToolset("one", [breaks], {"it": hiding}))
    assert not isinstance(caught.value, RejectedError)


async def test_a_sync_function_is_given_what_it_needs_as_well() -> None:
    @tool
    def count(names: list[str], db: Injected[Database]) -> str:
        return f"{len(names)} in {db.name}"

    assert await answer(FunctionToolset("one", [count], {Database: Database("main")}), {"names": ["a"]}) == "1 in main"


async def test_a_question_to_a_person_passes_and_its_answer_comes_back() -> None:
    @tool
    async def pay(amount: int, db: Injected[Database], context: ToolContext) -> str:
        if context.resume is None:
            raise InputRequiredError("Which account?", {"type": "object"}, memo=amount)
        return f"{context.resume.given} {context.resume.memo}"

    async with opened(FunctionToolset("one", [pay], {"db": lambda context: Database("x")})) as tools:
        with pytest.raises(InputRequiredError) as caught:
            await tools["pay"].call({"amount": 5}, CONTEXT)
        assert (caught.value.question, caught.value.memo) == ("Which account?", 5)
        answered = ToolContext(resume=Resume({"account": "A"}, 5))
        assert await tools["pay"].call({"amount": 5}, answered) == "{'account': 'A'} 5"


def circle(name: Injected[str]) -> str:
    return name


def per_call(context: ToolContext) -> str:
    return context.call


def of_call(it: Injected[object]) -> str:
    return str(it)


def two(context: ToolContext, extra: str) -> str:
    return f"{context} {extra}"


def untyped(context, extra):  # noqa: ANN001, ANN201 # pyright: ignore[reportUnknownParameterType, reportMissingParameterType]
    return context, extra  # pyright: ignore[reportUnknownVariableType]


def typed(name: str) -> str:
    return name


def positional(context: ToolContext, /) -> str:
    return context.call


def unreadable(context: "Nowhere") -> None: ...  # noqa: F821 # pyright: ignore[reportUndefinedVariable, reportUnknownParameterType]


def generated() -> Any:
    yield 1


def of_tenant(tenant: str, context: ToolContext) -> str:
    return f"{tenant} {context}"


DB = Database("main")


@tool
async def bare() -> None: ...


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: FunctionToolset("", [find]), "'' cannot name a toolset"),
        (lambda: FunctionToolset("one", []), "has no tools"),
        (lambda: FunctionToolset("one", [cast("Any", typed)]), "is no function tool; put `@tool` on it"),
        (lambda: FunctionToolset("one", [bare, bare]), "two tools named 'bare'"),
        (
            lambda: FunctionToolset("crm", [find, whose], {Handle: 1}),
            "toolset 'crm': nobody provides db: Database to tool 'find'; .* which has: Handle",
        ),
        (lambda: FunctionToolset("one", [find]), "which has: nothing"),
        (lambda: FunctionToolset("one", [find], {Database: DB, Handle: 1, "x": 2}), "nobody needs Handle, 'x'"),
        (
            lambda: FunctionToolset("one", [find], {Database: DB, "db": DB}),
            "db: Database of tool 'find' is provided both by name and by type",
        ),
        (
            lambda: FunctionToolset("one", [show], {"it": circle, "name": of_call}),
            "needs? each other in a circle: 'it' -> 'name' -> 'it'; cut it",
        ),
        (lambda: FunctionToolset("one", [show], {"it": circle}), "nobody provides name: str to the provider of 'it'"),
        (
            lambda: FunctionToolset("one", [show], {"it": circle, "name": per_call}),
            "'it' is kept while the toolset is open and cannot need 'name', which is made for one call",
        ),
        (lambda: FunctionToolset("one", [show], {"it": two}), "mark 'extra' as `Injected"),
        (
            lambda: FunctionToolset("one", [show], {"it": cast("Any", untyped)}),
            "takes the ToolContext and nothing else; mark 'extra'",
        ),
        (
            lambda: FunctionToolset("one", [show], {"it": typed}),
            "mark 'name' as `Injected.*or annotate it `ToolContext`",
        ),
        (lambda: FunctionToolset("one", [show], {"it": positional}), "'context' must be possible to give by name"),
        (lambda: FunctionToolset("one", [show], {"it": cast("Any", unreadable)}), "annotation cannot be read"),
        (lambda: FunctionToolset("one", [show], {"it": generated}), "is a generator; make it an `async def`"),
        (lambda: FunctionToolset("one", [show], {"it": managed()}), "was called already; give the function itself"),
        (lambda: FunctionToolset("one", [show], {"it": streamed()}), "was called already"),
        (lambda: FunctionToolset("one", [show], {"it": dict}), "nobody can tell what it takes; wrap it"),
        (lambda: FunctionToolset("one", [show], {"it": PerTenant(cast("Any", ready))}), "takes the tenant's name"),
        (lambda: FunctionToolset("one", [show], {"it": PerTenant(of_tenant)}), "cannot take the ToolContext of one"),
        (lambda: FunctionToolset("one", [show], {"it": PerTenant(typed, keep=0)}), "keeps at least 1"),
        (
            lambda: FunctionToolset("one", [show], {"it": PerTenant(cast("Any", 1))}),
            "a function of the tenant, not int",
        ),
        (lambda: FunctionToolset("one", [bare], patience=0), "patience is in seconds"),
        (lambda: FunctionToolset("one", [bare], timeout=0), "timeout is in seconds"),
        (lambda: FunctionToolset("one", [bare], hosts=["https://x.org"]), "'https://x.org' is no host"),
        (
            lambda: FunctionToolset("one", [bare], **cast("Any", {"lables": ["a"]})),
            "no option 'lables'; there are: tim",
        ),
    ],
)
def test_a_set_that_could_not_work_is_refused_with_what_to_do(make: Callable[[], object], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        make()
