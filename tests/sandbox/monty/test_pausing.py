"""A program that waits: kept as bytes, and gone on with here or elsewhere."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.core.errors import ConfigError, RejectedError
from remit.core.values import JsonObject, JsonValue
from remit.sandbox import Bounds, Interrupt, Result, SandboxPolicy
from remit.sandbox.monty import MontySandbox

TOOLS = {"look": ("n",), "pay": ("n",)}
ONE_BY_ONE = "a = look(1)\nprint('looked')\nb = pay(2)\nprint('paid')\nc = look(3)\n[a, b, c]"
GATHERED = (
    "import asyncio\nprint('before')\nfound = await asyncio.gather(look(1), pay(2), look(3), pay(4))\n"
    "print('after')\n[found, look(5)]"
)


class Desk:
    """Answers; payments only once they are allowed."""

    def __init__(self, *, allowed: bool) -> None:
        """Have been asked nothing."""
        self.allowed = allowed
        self.asked: list[tuple[str, JsonValue]] = []

    async def __call__(self, name: str, args: JsonObject) -> JsonValue:
        """Answer tenfold."""
        self.asked.append((name, args["n"]))
        if name == "pay" and not self.allowed:
            raise Interrupt("a person must allow it")
        number = args["n"]
        assert isinstance(number, int)
        if number == 99:
            raise RejectedError("there is no 99")
        return number * 10


@pytest.fixture
async def sandbox() -> AsyncGenerator[MontySandbox]:
    """One that is closed afterwards."""
    sandbox = MontySandbox(workers=2)
    yield sandbox
    await sandbox.close()


async def paused(sandbox: MontySandbox, code: str, bounds: Bounds | None = None) -> tuple[Result, Desk]:
    """Run until it waits."""
    desk = Desk(allowed=False)
    box = await sandbox.open(SandboxPolicy(bounds=bounds or Bounds()))
    result = await box.run(code, inputs={}, tools=TOOLS, bridge=desk)
    await box.close()
    return result, desk


async def gone_on(sandbox: MontySandbox, kept: bytes, bounds: Bounds | None = None) -> tuple[Result, Desk]:
    """Go on in another box."""
    desk = Desk(allowed=True)
    box = await sandbox.open(SandboxPolicy(bounds=bounds or Bounds()))
    result = await box.resume(kept, tools=TOOLS, bridge=desk)
    await box.close()
    return result, desk


async def test_a_call_that_is_interrupted_is_the_first_thing_asked_again(sandbox: MontySandbox) -> None:
    assert sandbox.capabilities().pause
    result, desk = await paused(sandbox, ONE_BY_ONE)
    assert (result.status, result.why) == ("paused", "a person must allow it"), result
    assert (result.calls, result.printed, desk.asked) == (2, "looked\n", [("look", 1), ("pay", 2)])
    end, again = await gone_on(sandbox, result.kept)
    assert (end.status, end.value, end.calls) == ("ok", [10, 20, 30], 3), end
    assert again.asked == [("pay", 2), ("look", 3)]
    assert end.printed == "looked\npaid\n"


async def test_of_calls_at_the_same_time_only_the_interrupted_are_asked_again(sandbox: MontySandbox) -> None:
    result, desk = await paused(sandbox, GATHERED)
    assert (result.status, result.calls, result.printed) == ("paused", 4, "before\n"), result
    assert desk.asked == [("look", 1), ("pay", 2), ("look", 3), ("pay", 4)]
    end, again = await gone_on(sandbox, result.kept)
    assert (end.value, end.calls) == ([[10, 20, 30, 40], 50], 5), end
    assert again.asked == [("pay", 2), ("pay", 4), ("look", 5)]
    assert end.printed == "before\nafter\n"


async def test_the_other_calls_are_waited_for_before_it_is_kept(sandbox: MontySandbox) -> None:
    box = await sandbox.open(SandboxPolicy())
    waited: list[str] = []
    interrupted = asyncio.Event()

    async def bridge(name: str, args: JsonObject) -> JsonValue:
        if name == "pay":
            interrupted.set()
            raise Interrupt
        await interrupted.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        waited.append(name)
        return 7

    code = "import asyncio\nawait asyncio.gather(look(1), pay(2))"
    result = await box.run(code, inputs={}, tools=TOOLS, bridge=bridge)
    assert (result.status, waited) == ("paused", ["look"])
    end, again = await gone_on(sandbox, result.kept)
    assert (end.value, again.asked) == ([7, 20], [("pay", 2)])


async def test_it_can_wait_again_and_again_and_knows_failures_from_before(sandbox: MontySandbox) -> None:
    code = (
        "import asyncio\n"
        "async def safe(n):\n    try:\n        return await look(n)\n    except RuntimeError as error:\n"
        "        return str(error)\n"
        "first = await asyncio.gather(safe(99), pay(1))\n[first, pay(2)]"
    )
    result, _ = await paused(sandbox, code)
    box = await sandbox.open(SandboxPolicy())
    still = await box.resume(result.kept, tools=TOOLS, bridge=Desk(allowed=False))
    assert (still.status, still.calls) == ("paused", 2)

    async def once(name: str, args: JsonObject) -> JsonValue:
        if args["n"] == 2:
            raise Interrupt
        return "one"

    second = await box.resume(still.kept, tools=TOOLS, bridge=once)
    assert (second.status, second.calls) == ("paused", 3)
    end, _ = await gone_on(sandbox, second.kept)
    assert end.value == [["there is no 99", "one"], 20], end


async def test_what_a_program_catches_does_not_keep_it_going(sandbox: MontySandbox) -> None:
    code = "try:\n    pay(1)\nexcept BaseException:\n    pass\nlook(2)"
    result, desk = await paused(sandbox, code)
    assert (result.status, desk.asked) == ("paused", [("pay", 1)])


async def test_a_program_that_does_not_wait_for_what_was_interrupted_did_not_end_well(sandbox: MontySandbox) -> None:
    result, desk = await paused(sandbox, "import asyncio\nheld = asyncio.gather(pay(1))\n3")
    assert (result.status, result.value, desk.asked) == ("killed", None, [("pay", 1)])
    assert "a person must allow it" in result.why


async def test_bounds_count_on_over_the_parts(sandbox: MontySandbox) -> None:
    bounds = Bounds(calls=3, output=50, wall=0.2)
    code = "import time\nlook(1)\nprint('x' * 30)\ntime.sleep(0.15)\npay(2)\n"
    result, _ = await paused(sandbox, code + "look(3)\nlook(4)", bounds)
    end, again = await gone_on(sandbox, result.kept, bounds)
    assert (end.status, end.calls, again.asked) == ("killed", 3, [("pay", 2), ("look", 3)]), end
    result, _ = await paused(sandbox, code + "print('y' * 30)", bounds)
    end, _ = await gone_on(sandbox, result.kept, bounds)
    assert (end.status, len(end.printed)) == ("output_limit", 50), end
    result, _ = await paused(sandbox, code + "time.sleep(0.15)", bounds)
    end, _ = await gone_on(sandbox, result.kept, bounds)
    assert (end.status, "sleeps" in end.why) == ("timeout", True), end


async def test_sleeps_that_are_under_way_go_on(sandbox: MontySandbox) -> None:
    code = (
        "import asyncio\ntold = []\n"
        "async def nap(n):\n    await asyncio.sleep(n)\n    told.append(n)\n"
        "await asyncio.gather(nap(0.02), nap(0.01), pay(1))\ntold"
    )
    result, _ = await paused(sandbox, code)
    assert result.status == "paused"
    end, _ = await gone_on(sandbox, result.kept)
    assert end.value == [0.01, 0.02], end


async def test_a_program_too_large_to_be_kept_ends_and_says_so(sandbox: MontySandbox) -> None:
    code = "data = [str(n) for n in range(20_000)]\npay(1)\nlen(data)"
    result, _ = await paused(sandbox, code, Bounds(kept=20_000))
    assert (result.status, result.kept) == ("killed", b"")
    assert "cannot be kept" in result.why
    assert (await paused(sandbox, code))[0].status == "paused"


async def test_an_answer_that_cannot_be_written_down_ends_it(sandbox: MontySandbox) -> None:
    async def bridge(name: str, args: JsonObject) -> JsonValue:
        if name == "pay":
            raise Interrupt
        return "\ud800"

    box = await sandbox.open(SandboxPolicy())
    code = "import asyncio\nawait asyncio.gather(look(1), pay(2))"
    result = await box.run(code, inputs={}, tools=TOOLS, bridge=bridge)
    assert (result.status, "cannot be kept" in result.why) == ("killed", True), result


async def test_a_program_goes_on_in_another_process(sandbox: MontySandbox, tmp_path: Path) -> None:
    result, _ = await paused(sandbox, GATHERED)
    (tmp_path / "kept").write_bytes(result.kept)
    (tmp_path / "go_on.py").write_text(
        "import asyncio, json, sys\n"
        "from pathlib import Path\n"
        "from remit.sandbox import SandboxPolicy\n"
        "from remit.sandbox.monty import MontySandbox\n"
        "asked = []\n"
        "async def bridge(name, args):\n    asked.append(args['n'])\n    return args['n'] * 10\n"
        "async def main():\n"
        "    sandbox = MontySandbox(workers=1)\n"
        "    box = await sandbox.open(SandboxPolicy())\n"
        "    kept = Path(sys.argv[1]).read_bytes()\n"
        "    end = await box.resume(kept, tools={'look': ('n',), 'pay': ('n',)}, bridge=bridge)\n"
        "    print(json.dumps([end.status, end.value, end.printed, end.calls, asked]))\n"
        "    await sandbox.close()\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(tmp_path / "go_on.py"), str(tmp_path / "kept"), stdout=subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert json.loads(out) == ["ok", [[10, 20, 30, 40], 50], "before\nafter\n", 5, [2, 4, 5]]


async def test_what_was_kept_elsewhere_must_be_run_again(sandbox: MontySandbox) -> None:
    result, _ = await paused(sandbox, ONE_BY_ONE)
    for data in (b"", b"hello", b"remit-interpreter-0\n" + result.kept[20:], result.kept[:-1], result.kept + b"x"):
        with pytest.raises(ConfigError, match="run the program again"):
            await gone_on(sandbox, data)
    box = await sandbox.open(SandboxPolicy())
    with pytest.raises(ConfigError, match="not given: pay"):
        await box.resume(result.kept, tools={"look": ("n",)}, bridge=Desk(allowed=True))


@pytest.mark.parametrize("key", [b"", b"another"], ids=["none", "another"])
async def test_with_a_key_nobody_else_can_make_one(key: bytes) -> None:
    mine, other = MontySandbox(workers=1, key=b"secret"), MontySandbox(workers=1, key=key)
    try:
        result, _ = await paused(mine, ONE_BY_ONE)
        with pytest.raises(ConfigError, match="sealed with another key"):
            await gone_on(other, result.kept)
        assert (await gone_on(mine, result.kept))[0].status == "ok"
    finally:
        await mine.close()
        await other.close()


async def test_a_box_that_paused_a_program_runs_the_next(sandbox: MontySandbox) -> None:
    box = await sandbox.open(SandboxPolicy())
    for _ in range(6):
        assert (await box.run("pay(1)", inputs={}, tools=TOOLS, bridge=Desk(allowed=False))).status == "paused"
    assert (await box.run("1", inputs={}, tools={}, bridge=Desk(allowed=True))).value == 1


STEPS = st.lists(
    st.tuples(st.sampled_from(["look", "pay"]), st.lists(st.integers(0, 9), min_size=1, max_size=3)),
    min_size=1,
    max_size=4,
)


@settings(max_examples=25, deadline=None)
@given(STEPS)
async def test_however_often_it_waits_it_ends_as_if_it_had_not(steps: list[tuple[str, list[int]]]) -> None:
    lines = [f"got.append(await asyncio.gather({', '.join(f'{tool}({n})' for n in ns)}))" for tool, ns in steps]
    code = "\n".join(["import asyncio", "got = []", *lines, "got"])
    sandbox = MontySandbox(workers=1)
    try:
        box = await sandbox.open(SandboxPolicy())
        allowed = Desk(allowed=True)
        straight = await box.run(code, inputs={}, tools=TOOLS, bridge=allowed)
        asked: list[JsonValue] = []

        async def once(name: str, args: JsonObject) -> JsonValue:
            asked.append(args["n"])
            if name == "pay" and len(asked) % 2:
                raise Interrupt
            return await allowed(name, args)

        result = await box.run(code, inputs={}, tools=TOOLS, bridge=once)
        while result.status == "paused":
            result = await box.resume(result.kept, tools=TOOLS, bridge=once)
        assert (result.status, result.value, result.calls) == ("ok", straight.value, straight.calls)
    finally:
        await sandbox.close()
