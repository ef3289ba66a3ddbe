"""Conformance of tools: what every adapter must do."""

import asyncio
import copy
import re
from collections.abc import Sequence

import msgspec

from remit.core.errors import ToolError
from remit.core.ports import Probe, Tool, ToolContext
from remit.core.values import JsonObject

_ODD: tuple[JsonObject, ...] = (
    {},
    {"": None},
    {"no_such_argument_": 1},
    {"a": [[[[{}]]]], "b": "\u0000", "c": -(1 << 62), "d": 1e308},
)


async def check_tool(tool: Tool, good: JsonObject, bad: Sequence[JsonObject] = (), *, times: int = 3) -> None:
    """Call a tool with arguments that are right and wrong; raise `AssertionError` for what breaks the contract.

    It is really called, `1 + times` times with good arguments and different keys; an idempotent one twice with one.
    """
    _check_spec(tool)
    _check_check(tool, good, bad)
    await _check_call(tool, good, times)
    for args in bad:
        await _check_refusal(tool, args)
    await _check_probe(tool, good)


def _check_spec(tool: Tool) -> None:
    spec = tool.spec
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", spec.name), f"no provider takes {spec.name!r} for a tool's name"
    assert spec.schema.get("type") == "object", "the schema of the arguments is that of an object"
    assert msgspec.json.decode(msgspec.json.encode(spec.schema)) == spec.schema, "the schema is plain JSON"
    assert spec.digest() == tool.spec.digest(), "a tool's contract stays what it is"
    assert spec.timeout > 0, "a timeout is above 0"
    assert spec.retries >= 0, "retries are not negative"
    assert spec.price >= 0, "a price is not negative"
    assert spec.fallback != spec.name, "a tool cannot be its own fallback"


def _check_check(tool: Tool, good: JsonObject, bad: Sequence[JsonObject]) -> None:
    before = copy.deepcopy(good)
    problem = tool.check(good)
    assert problem == "", f"good arguments were refused: {problem}"
    assert good == before, "checking must not change the arguments"
    for args in bad:
        problem = tool.check(args)
        assert problem.strip(), f"{args!r} must be refused with a text that a model can act on"
        assert problem == tool.check(args), "the same arguments have the same problem"
    for args in _ODD:
        assert isinstance(tool.check(args), str), "any JSON object is judged, never an exception"
    if tool.spec.schema.get("additionalProperties") is False:
        assert tool.check({**good, "no_such_argument_": 1}), "what the schema forbids must be refused"


async def _check_call(tool: Tool, good: JsonObject, times: int) -> None:
    before = copy.deepcopy(good)
    result = await tool.call(good, ToolContext(key="conformance-first", call="c0"))
    assert good == before, "a call must not change its arguments"
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(result)) == result, "a result is plain JSON"
    contexts = [ToolContext(key=f"conformance-{n}", call=f"c{n}") for n in range(times)]
    await asyncio.gather(*(tool.call(copy.deepcopy(good), context) for context in contexts))
    if tool.spec.effect == "idempotent":
        await tool.call(good, ToolContext(key="conformance-first", call="c0"))


async def _check_refusal(tool: Tool, args: JsonObject) -> None:
    try:
        await tool.call(args, ToolContext(key="conformance-bad"))
    except ToolError:
        return
    raise AssertionError(f"{args!r} is refused by `check`, so `call` must raise a ToolError")


async def _check_probe(tool: Tool, good: JsonObject) -> None:
    found = await tool.probe(good, ToolContext(key="conformance-first", call="c0"))
    if not tool.spec.reconciles:
        assert found is None, "a tool that does not reconcile cannot know what happened"
        return
    assert found is None or isinstance(found, Probe), "a probe finds out or says that it cannot"
    if found is not None:
        assert found.happened, "what was called has happened"
    never = await tool.probe(good, ToolContext(key="conformance-never", call="c9"))
    assert never is None or not never.happened, "what was never called has not happened"
