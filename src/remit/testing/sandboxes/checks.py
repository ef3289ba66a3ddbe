"""The conformance suite of sandboxes: what each driver must do, as checks that raise `AssertionError`."""

import asyncio
from collections.abc import Awaitable, Callable

from remit.core.values import JsonObject, JsonValue
from remit.sandbox import Sandbox, SandboxPolicy, Status
from remit.testing.sandboxes.checking import HASTY, SMALL, TOOLS, answer, run
from remit.testing.sandboxes.checks_of_calls import (
    ends_a_program_that_is_interrupted,
    goes_on_with_the_interrupted_calls_only,
    keeps_calls_of_programs_apart,
)
from remit.testing.sandboxes.checks_of_data import (
    carries_any_text,
    carries_large_values,
    keeps_files_between_programs,
    mounts_read_only,
    says_its_tier,
)

Check = Callable[[Sandbox], Awaitable[str | None]]
"""Gives the reason when the sandbox does not claim what is checked, so that this can be shown."""


async def gives_values_as_json(sandbox: Sandbox) -> None:
    """The value of the last expression comes back, tuples as lists; a program without one gives nothing."""
    values: dict[str, JsonValue] = {
        "1 + 1": 2,
        "'é\\U0001f600'": "é\U0001f600",
        "{'a': [1, 2.5, None, True, ('x',)]}": {"a": [1, 2.5, None, True, ["x"]]},
        "x = 1": None,
        "": None,
        "2 ** 63": 2**63,
    }
    for code, value in values.items():
        result = await run(sandbox, code)
        assert (result.status, result.value) == ("ok", value), (code, result)
    for code in ("object()", "float('nan')", "2 ** 200"):
        result = await run(sandbox, code)
        assert result.status == "error", (code, result)
        assert result.error, code


async def binds_inputs(sandbox: Sandbox) -> None:
    """Inputs are names of the program, and what it does to them stays there."""
    inputs: dict[str, JsonValue] = {"rows": [1, 2, 3], "name": "é"}
    result = await run(sandbox, "rows.append(4)\n[sum(rows), name]", inputs)
    assert result.value == [10, "é"], result
    assert inputs["rows"] == [1, 2, 3]


async def keeps_what_is_printed(sandbox: Sandbox) -> None:
    """Printed text is kept in order, also of a program that fails."""
    assert (await run(sandbox, "print('a', 1)\nprint('b')")).printed == "a 1\nb\n"
    failed = await run(sandbox, "print('before')\n1 / 0")
    assert (failed.status, failed.printed) == ("error", "before\n"), failed


async def says_where_a_program_failed(sandbox: Sandbox) -> None:
    """An error names its kind, message and line."""
    result = await run(sandbox, "def half(x):\n    return x / 0\n\nhalf(1)")
    assert (result.status, result.line) == ("error", 2), result
    assert "ZeroDivisionError" in result.error
    assert "half" in result.error
    broken = await run(sandbox, "x = 1\ny = = 2")
    assert (broken.status, broken.line) == ("error", 2), broken
    assert "SyntaxError" in broken.error


async def holds_every_bound(sandbox: Sandbox) -> None:
    """A program that goes past a bound ends with the status of that bound, even when it catches everything."""
    programs: tuple[tuple[str, tuple[Status, ...]], ...] = (
        ("while True:\n    pass", ("timeout",)),
        ("while 1:\n  try:\n    while 1:\n      pass\n  except BaseException:\n    pass", ("timeout",)),
        ("import time\ntime.sleep(60)", ("timeout",)),
        ("x = [0] * 10 ** 9", ("oom",)),
        ("while True:\n    print('x' * 1000)", ("output_limit",)),
        ("'x' * 30000", ("output_limit",)),
        ("def f(n):\n    return f(n + 1)\nf(0)", ("error",)),
        ("for n in range(9):\n    echo(n)", ("killed",)),
    )  # fmt: skip
    for code, statuses in programs:
        result = await run(sandbox, code, bounds=HASTY if "timeout" in statuses else SMALL)
        assert result.status in statuses, (code, result)
        assert result.value is None
        assert len(result.printed.encode()) <= SMALL.output
        assert result.why or result.error
        assert result.calls <= SMALL.calls
    assert (await run(sandbox, "1")).value == 1, "the next program runs"


async def calls_tools_in_order(sandbox: Sandbox) -> None:
    """Arguments by place and by name become arguments by name, and answers come back."""
    result = await run(sandbox, "a = echo(1, second='x')\nb = echo(first=a)\n[a, b]")
    first: JsonValue = {"first": 1, "second": "x"}
    assert result.value == [first, {"first": first}], result
    assert result.calls == 2


async def tells_a_program_what_its_tools_refused(sandbox: Sandbox) -> None:
    """A failure, a wrong name and wrong arguments are exceptions, which the program may catch."""
    caught = await run(sandbox, "try:\n    broken()\nexcept Exception as error:\n    text = str(error)\ntext")
    assert "out of paper" in str(caught.value), caught
    uncaught = await run(sandbox, "broken()")
    assert (uncaught.status, uncaught.line) == ("error", 1), uncaught
    assert "out of paper" in uncaught.error
    for code in ("unknown_tool(1)", "echo(1, 2, 3)", "echo(third=1)", "echo(1, first=2)"):
        assert (await run(sandbox, code)).status == "error", code


async def shares_nothing_between_programs(sandbox: Sandbox) -> None:
    """A name of one program is unknown to the next, in the same box and in another."""
    box = await sandbox.open(SandboxPolicy(least="none", bounds=SMALL))
    await box.run("kept = 1", inputs={}, tools={}, bridge=answer)
    assert (await box.run("kept", inputs={}, tools={}, bridge=answer)).status == "error"
    await box.close()
    assert (await run(sandbox, "kept")).status == "error"


async def runs_boxes_at_once(sandbox: Sandbox) -> None:
    """Programs at the same time do not mix."""
    results = await asyncio.gather(*(run(sandbox, "echo(n)['first'] * 2", {"n": n}) for n in range(6)))
    assert [result.value for result in results] == [n * 2 for n in range(6)], results


async def ends_a_program_that_is_cancelled(sandbox: Sandbox) -> None:
    """Cancelling `run` ends the program, and the sandbox goes on."""
    box = await sandbox.open(SandboxPolicy(least="none", bounds=SMALL))
    reached = asyncio.Event()

    async def never(name: str, args: JsonObject) -> JsonValue:
        reached.set()
        return await asyncio.Future[JsonValue]()

    running = asyncio.create_task(box.run("echo(1)", inputs={}, tools=TOOLS, bridge=never))
    await asyncio.wait_for(reached.wait(), 20)
    running.cancel()
    done, _ = await asyncio.wait([running], timeout=20)
    assert done, "the run goes on"
    assert running.cancelled()
    assert (await box.run("1", inputs={}, tools={}, bridge=answer)).value == 1
    await box.close()


CHECKS: tuple[Check, ...] = (
    gives_values_as_json,
    binds_inputs,
    keeps_what_is_printed,
    says_where_a_program_failed,
    holds_every_bound,
    calls_tools_in_order,
    tells_a_program_what_its_tools_refused,
    shares_nothing_between_programs,
    runs_boxes_at_once,
    ends_a_program_that_is_cancelled,
    says_its_tier,
    ends_a_program_that_is_interrupted,
    goes_on_with_the_interrupted_calls_only,
    keeps_calls_of_programs_apart,
    keeps_files_between_programs,
    mounts_read_only,
    carries_any_text,
    carries_large_values,
)
"""Each makes boxes of its own; run each against a sandbox that is closed afterwards."""
