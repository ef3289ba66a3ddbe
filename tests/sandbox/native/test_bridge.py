import asyncio
import json

import pytest
from tests.sandbox.native.places import LEVELS, opened

from remit.core.programs import Bounds
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.native import Level

SEND = """
import os, json, struct
def send(frame):
    body = frame if isinstance(frame, bytes) else json.dumps(frame).encode()
    os.write(3, struct.pack('>I', len(body)) + body)
"""
CALL = {"kind": "call", "id": 1, "tool": "add", "arguments": {"a": 1, "b": 2}}


async def add(_tool: str, arguments: JsonObject) -> JsonValue:
    a, b = arguments["a"], arguments["b"]
    if not isinstance(a, int) or not isinstance(b, int):
        raise TypeError("numbers are added")
    return a + b


@pytest.mark.parametrize("level", LEVELS)
async def test_tools_are_functions_and_what_they_raise_is_an_exception(level: Level) -> None:
    code = "try:\n add('x', b=1)\nexcept ToolError as error: print(error)\n[add(1, 2), add(a=n, b=4)]"
    async with opened(level) as box:
        result = await box.run(code, inputs={"n": 3}, tools={"add": ("a", "b")}, bridge=add)
    assert (result.status, result.value, result.printed, result.calls) == ("ok", [3, 7], "numbers are added\n", 3)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    "frames",
    [
        [CALL, CALL],
        [CALL | {"id": 2}],
        [CALL | {"tool": "delete"}],
        [CALL | {"arguments": {"c": 1}}],
        [CALL | {"extra": 1}],
        [{"kind": "answer", "value": 1}],
        [b"not json"],
        [b"[" * 10_000],
        [{"kind": "done", "value": 1}, {"kind": "done", "value": 2}],
        [b'{"kind":"done","value":' + b"[" * 500 + b"]" * 500 + b"}"],
    ],
    ids=range(10),
)
async def test_forged_and_replayed_frames_end_the_program(level: Level, frames: list[object]) -> None:
    code = SEND + "\n".join(f"send({frame!r})" for frame in frames) + "\nimport time\ntime.sleep(60)"
    async with opened(level) as box:
        result = await box.run(code, inputs={}, tools={"add": ("a", "b")}, bridge=add)
        assert result.status == "killed", result
        assert "the program sent" in result.why
        assert (await box.run("1", inputs={}, tools={}, bridge=add)).value == 1


async def test_a_flood_of_calls_and_a_frame_without_end_are_bounded() -> None:
    async with opened("landlock only", Bounds(calls=5, output=1000)) as box:
        flood = await box.run("while True: add(1, 2)", inputs={}, tools={"add": ("a", "b")}, bridge=add)
        large = await box.run("import os\nos.write(3, b'\\xff' * 4)\n1", inputs={}, tools={}, bridge=add)
    assert (flood.status, flood.calls) == ("killed", 5)
    assert large.status == "output_limit"


async def test_a_result_said_before_the_process_is_killed_is_no_success() -> None:
    async with opened("landlock only") as box:
        result = await box.run(
            SEND + "send({'kind': 'done', 'value': 1})\nos.kill(os.getpid(), 9)", inputs={}, tools={}, bridge=add
        )
    assert (result.status, result.value, result.why) == ("killed", None, "ended by SIGKILL")


async def test_time_in_a_tool_is_not_the_program_s_time() -> None:
    async def slow(_tool: str, _arguments: JsonObject) -> JsonValue:
        await asyncio.sleep(0.6)
        return "late"

    async with opened("landlock only", Bounds(wall=0.4)) as box:
        result = await box.run("slow()", inputs={}, tools={"slow": ()}, bridge=slow)
    assert (result.status, result.value) == ("ok", "late")


async def test_a_program_that_dies_in_a_call_does_not_wait_for_its_answer() -> None:
    never = asyncio.Event()

    async def wait(_tool: str, _arguments: JsonObject) -> JsonValue:
        await never.wait()
        return None

    async with opened("landlock only") as box:
        result = await box.run(
            SEND + f"send({CALL | {'arguments': {}}!r})\nos._exit(3)", inputs={}, tools={"add": ()}, bridge=wait
        )
    assert (result.status, result.value) == ("killed", None)


@pytest.mark.parametrize("level", LEVELS)
async def test_values_become_json(level: Level) -> None:
    code = (
        "import decimal, datetime\n"
        "[1, 2.5, 'é\\ud800', (1, {2}), {1: None}, decimal.Decimal('0.1'), datetime.date(2026, 1, 2), True]"
    )
    async with opened(level) as box:
        result = await box.run(code, inputs={}, tools={}, bridge=add)
        refused = [
            (await box.run(each, inputs={}, tools={}, bridge=add)).status
            for each in (
                "float('nan')",
                "2**70",
                "b'x'",
                "v = []\nfor _ in range(99): v = [v]\nv",
                "v = []; v.append(v)\nv",
            )
        ]
    shown = [1, 2.5, "é?", [1, [2]], {"1": None}, "0.1", "2026-01-02", True]
    assert json.dumps(result.value) == json.dumps(shown)
    assert refused == ["error"] * 5


@pytest.mark.parametrize("level", LEVELS)
async def test_errors_name_the_program_s_own_lines(level: Level) -> None:
    async with opened(level) as box:
        raised = await box.run("def f(x):\n    return 1 / x\n\nf(0)", inputs={}, tools={}, bridge=add)
        broken = await box.run("x = 1\ny = = 2", inputs={}, tools={}, bridge=add)
        left = await box.run("import sys\nsys.exit(4)", inputs={}, tools={}, bridge=add)
    assert (raised.status, raised.line) == ("error", 2)
    assert 'File "program", line 4' in raised.error
    assert "remit" not in raised.error
    assert (broken.status, broken.line) == ("error", 2)
    assert left.error.endswith("SystemExit: 4")


@pytest.mark.parametrize("level", LEVELS)
async def test_programs_share_no_names_and_draw_differently(level: Level) -> None:
    async with opened(level) as box:
        first = await box.run("import random, math\nmath.pi = 3\nrandom.random()", inputs={}, tools={}, bridge=add)
        second = await box.run(
            "import random, math\nassert math.pi > 3\nrandom.random()", inputs={}, tools={}, bridge=add
        )
    assert second.status == "ok"
    assert first.value != second.value
