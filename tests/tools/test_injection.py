"""Parameters by who fills them in."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any, Optional

import pytest

from remit.core.errors import ConfigError
from remit.core.ports import ToolContext
from remit.tools import INJECTED, Injected, tool
from remit.tools.injection import Need, hints_of, parameters


class Database: ...


def act(
    name: str,
    context: ToolContext,
    db: Injected[Database],
    names: Annotated[list[str], INJECTED],
    size: Injected[int] = 3,
) -> None: ...


def test_each_parameter_is_filled_in_by_a_caller_a_toolset_or_the_runtime() -> None:
    found = parameters(act, hints_of(act), "act")
    assert found.given == {"name": (str, inspect.Parameter.empty)}
    assert found.context == "context"
    assert [str(need) for need in found.needs] == ["db: Database", "names: list[str]", "size: int"]
    assert found.needs[2] == Need("size", int, optional=True)
    assert repr(INJECTED) == "INJECTED"


def listed(it: list[Injected[str]]) -> None: ...


def maybe(it: Optional[Injected[str]] = None) -> None: ...  # noqa: UP045 - this is about where the mark stands


def twice(context: ToolContext, again: ToolContext | None = None) -> None: ...


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (listed, "tool 'listed': parameter 'it' is marked inside its type; write `Injected"),
        (maybe, "parameter 'it' is marked inside its type"),
        (twice, "'context' and 'again' both take the ToolContext; leave out one"),
    ],
)
def test_a_mark_in_the_wrong_place_and_a_second_context_are_refused(function: Callable[..., Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        tool(function)
