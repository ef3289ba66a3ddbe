"""Checks of calls: what an interrupt does, what goes on after it, and that programs at once are kept apart."""

import asyncio

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue
from remit.sandbox import Box, Interrupt, Sandbox
from remit.testing.sandboxes.checking import POLICY, TOOLS, answer, run

_TWO = "a = echo(1)\nb = echo(2)\n[a['first'], b['first']]"


class _Interrupting:
    """Answers until it is asked for 2, then not any more."""

    def __init__(self) -> None:
        self.asked: list[JsonValue] = []

    async def __call__(self, name: str, args: JsonObject) -> JsonValue:
        self.asked.append(args["first"])
        if args["first"] == 2:
            raise Interrupt("a person must look")
        return args


async def ends_a_program_that_is_interrupted(sandbox: Sandbox) -> None:
    """After an `Interrupt` no further call is made, whatever the program catches, and the next program runs."""
    catching = "for n in range(1, 5):\n    try:\n        echo(n)\n    except BaseException:\n        pass\n'went on'"
    for code in (_TWO, catching):
        bridge = _Interrupting()
        result = await run(sandbox, code, bridge=bridge)
        expected = "paused" if sandbox.capabilities().pause else "killed"
        assert (result.status, result.value) == (expected, None), result
        assert bool(result.kept) == (expected == "paused"), result
        assert bridge.asked == [1, 2], bridge.asked
    assert (await run(sandbox, "1")).value == 1, "the next program runs"


async def goes_on_with_the_interrupted_calls_only(sandbox: Sandbox) -> str | None:
    """A kept program goes on in another box, and asks again only for what was interrupted; others say so."""
    if not sandbox.capabilities().pause:
        box = await sandbox.open(POLICY)
        try:
            await _refused(box, b"anything")
        finally:
            await box.close()
        return "it keeps no programs"
    kept = (await run(sandbox, _TWO, bridge=_Interrupting())).kept
    asked: list[JsonValue] = []

    async def later(name: str, args: JsonObject) -> JsonValue:
        asked.append(args["first"])
        return args

    box = await sandbox.open(POLICY)
    try:
        result = await asyncio.wait_for(box.resume(kept, tools=TOOLS, bridge=later), 30)
        assert (result.status, result.value) == ("ok", [1, 2]), result
        assert asked == [2], asked
        for damaged in (b"", b"anything", kept[:-1], kept[: len(kept) // 2] + b"?" + kept[len(kept) // 2 + 1 :]):
            if damaged != kept:
                await _refused(box, damaged)
    finally:
        await box.close()
    return None


async def keeps_calls_of_programs_apart(sandbox: Sandbox) -> None:
    """Calls of one program come in its order and get their own answers, whatever other programs do."""
    seen: dict[JsonValue, list[JsonValue]] = {}

    async def slow(name: str, args: JsonObject) -> JsonValue:
        seen.setdefault(args["first"], []).append(args["second"])
        # Lets the calls of the others come in between.
        await asyncio.sleep(0)
        return [args["first"], args["second"]]

    code = "found = []\nfor n in range(5):\n    found.append(echo(who, n))\nfound"
    results = await asyncio.gather(*(run(sandbox, code, {"who": who}, slow) for who in range(5)))
    for who, result in enumerate(results):
        assert (result.status, result.calls) == ("ok", 5), result
        assert result.value == [[who, n] for n in range(5)], result
        assert seen[who] == [0, 1, 2, 3, 4], seen


async def _refused(box: Box, kept: bytes) -> None:
    try:
        await box.resume(kept, tools=TOOLS, bridge=answer)
    except ConfigError:
        return
    raise AssertionError(f"it went on with {kept[:20]!r}")
