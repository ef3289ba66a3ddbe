import asyncio

import pytest
from tests.sandbox.wasm.places import PATIENT, QUICK, opened, refuse, tried

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue
from remit.sandbox import Bounds, Interrupt, SandboxPolicy, Status
from remit.sandbox.wasm import WasmSandbox

pytestmark = [PATIENT, pytest.mark.usefixtures("interpreter")]

MODULES = (
    *(
        "abc",
        "argparse",
        "ast",
        "base64",
        "bisect",
        "calendar",
        "cmath",
        "collections.abc",
        "contextlib",
        "copy",
        "csv",
    ),
    *("dataclasses", "datetime", "decimal", "difflib", "enum", "fractions", "functools", "hashlib", "heapq", "hmac"),
    *("html.parser", "io", "ipaddress", "itertools", "json", "logging", "math", "operator", "os.path", "pathlib"),
    *("pickle", "pprint", "queue", "random", "re", "secrets", "shlex", "sqlite3", "statistics", "string", "struct"),
    *("textwrap", "threading", "time", "tomllib", "traceback", "typing", "unicodedata", "unittest.mock"),
    *("urllib.parse", "uuid", "xml.etree.ElementTree", "zipfile", "zlib"),
)

SAY = "import sys\nworld = sys.modules['wit_world']\n"
DONE = 'say = lambda text: world.say((len(text).to_bytes(4, "big") + text.encode()).decode("latin-1"))\n'

FORGED: dict[str, tuple[str, Status]] = {
    "an empty frame": ("world.say(chr(0) * 4)", "killed"),
    "no frame": (DONE + "say('{}')", "killed"),
    "a call that is out of turn": (DONE + 'say(\'{"kind":"call","id":7,"tool":"t","arguments":{}}\')', "killed"),
    "a call of no tool": (DONE + 'say(\'{"kind":"call","id":1,"tool":"u","arguments":{}}\')', "killed"),
    "two results": (DONE + 'say(\'{"kind":"done","value":1}\')', "killed"),
    "a frame that is too large": (DONE + "say(' ' * 100_000)", "output_limit"),
    "frames that nobody reads": ("world.say(chr(255) * 4)\nwhile True: world.say('x' * 1000)", "output_limit"),
    "what are no bytes": ("world.say('\\u1234')", "killed"),
    "no text": ("world.say(5)", "killed"),
    "nothing, and wait for an answer": ("world.hear()", "timeout"),
    "an early end": ("import os\nos._exit(0)", "killed"),
    "the end of all": ("import os\nos.abort()", "killed"),
    "a module that is none of the host": ("world.add()", "error"),
    "more chance than there is": ("import os\nwhile True: os.urandom(100_000)", "timeout"),
}


@pytest.mark.parametrize("name", FORGED)
async def test_a_program_that_says_what_none_says_is_ended(name: str) -> None:
    code, status = FORGED[name]
    bounds = Bounds(wall=1.0, cpu=1.0, output=50_000)
    async with opened(bounds) as box:
        result = await box.run(SAY + code, inputs={}, tools={"t": ()}, bridge=refuse)
        assert (result.status, result.value) == (status, None), result
        assert result.why or result.error
        assert (await box.run("40 + 2", inputs={}, tools={}, bridge=refuse)).value == 42


async def test_programs_find_the_standard_library() -> None:
    result = await tried(f"import importlib\nfor name in {MODULES!r}:\n    importlib.import_module(name)\nname")
    assert (result.status, result.value) == ("ok", "zlib"), result


async def test_a_module_that_is_not_there_is_an_error_of_the_program() -> None:
    result = await tried("import numpy")
    assert (result.status, result.line) == ("error", 1)
    assert "ModuleNotFoundError: No module named 'numpy'" in result.error


async def test_there_are_no_variables_arguments_input_or_terminal() -> None:
    code = "import os, sys\ntry:\n    text = input()\nexcept EOFError:\n    text = None\n"
    result = await tried(code + "[dict(os.environ), sys.argv, text, os.read(0, 9).decode(), os.isatty(1)]")
    assert result.value == [{}, [], None, "", False], result


async def test_what_is_written_to_its_descriptors_is_printed() -> None:
    code = "import os, sys\nprint('a')\nos.write(1, b'b\\n')\nprint('c', file=sys.stderr)\nos.write(2, b'd\\n')"
    result = await tried(code)
    assert (result.status, result.printed) == ("ok", "a\nb\nc\nd\n"), result


async def test_all_bytes_are_printed_and_only_those_that_are_allowed() -> None:
    result = await tried("import sys\nsys.stdout.buffer.write('é'.encode() * 10)\nprint('\\ud800')")
    assert result.printed == "é" * 10 + "\\ud800\n", result
    result = await tried("import os\nos.write(1, b'x' * 60_000)\nos.write(1, b'y' * 60_000)", Bounds(output=100_000))
    assert (result.status, result.printed) == ("output_limit", "x" * 60_000 + "y" * 40_000)


async def test_sockets_are_denied_to_programs_as_an_error_of_theirs() -> None:
    result = await tried("import socket\nsocket.socket()")
    assert (result.status, "PermissionError" in result.error) == ("error", True), result


async def test_recursion_without_end_ends_the_program_and_not_the_process() -> None:
    result = await tried("import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()", Bounds(wall=10.0))
    assert result.status in {"killed", "timeout", "oom"}, result
    result = await tried("import sys\ndef f(n): return n and max([n], key=lambda _: f(n - 1))\nf(200)")
    assert (result.status, result.value) == ("ok", 200), result


async def test_memory_is_bounded_from_the_start() -> None:
    assert (await tried("x = bytearray(90_000_000)", Bounds(memory=64_000_000))).status == "oom"
    assert (await tried("len(bytearray(90_000_000))", Bounds(memory=200_000_000))).value == 90_000_000
    small = await tried("1", Bounds(memory=20_000_000))
    assert (small.status, "before any program" in small.why) == ("oom", True), small


async def test_processor_time_is_bounded_by_itself() -> None:
    result = await tried("while True: pass", Bounds(wall=60.0, cpu=0.2))
    assert (result.status, result.why) == ("timeout", "more than 0.2 s of processor")


async def test_time_in_which_it_waits_for_a_tool_is_not_its_own() -> None:
    async def slow(_tool: str, _arguments: JsonObject) -> JsonValue:
        await asyncio.sleep(0.6)
        return 1

    result = await tried("wait() + wait()", Bounds(wall=0.5, cpu=0.5), tools={"wait": ()}, bridge=slow)
    assert (result.status, result.value) == ("ok", 2), result
    assert result.seconds > 1.1


async def test_an_interrupt_ends_a_program_whatever_it_catches() -> None:
    asked: list[str] = []

    async def stop(tool: str, _arguments: JsonObject) -> JsonValue:
        asked.append(tool)
        raise Interrupt("an approval")

    code = "while True:\n    try:\n        t()\n    except BaseException:\n        pass"
    result = await tried(code, tools={"t": ()}, bridge=stop)
    assert (result.status, result.why, asked) == ("killed", "interrupted: an approval", ["t"])


async def test_a_bridge_that_breaks_breaks_the_run_and_not_the_box() -> None:
    class Death(BaseException):
        pass

    async def die(_tool: str, _arguments: JsonObject) -> JsonValue:
        raise Death

    async with opened() as box:
        with pytest.raises(Death):
            await box.run("t()", inputs={}, tools={"t": ()}, bridge=die)
        assert (await box.run("1", inputs={}, tools={}, bridge=refuse)).value == 1


async def test_a_cancelled_run_that_computes_frees_its_slot() -> None:
    started = asyncio.Event()

    async def begun(_tool: str, _arguments: JsonObject) -> JsonValue:
        started.set()
        return None

    async with opened() as box:
        running = asyncio.create_task(box.run("t()\nwhile True: pass", inputs={}, tools={"t": ()}, bridge=begun))
        await started.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert (await box.run("1", inputs={}, tools={}, bridge=refuse)).value == 1


async def test_a_box_that_is_closed_ends_its_programs_and_starts_none() -> None:
    started = asyncio.Event()

    async def begun(_tool: str, _arguments: JsonObject) -> JsonValue:
        started.set()
        return None

    async with opened() as box:
        running = asyncio.create_task(box.run("t()\nwhile True: pass", inputs={}, tools={"t": ()}, bridge=begun))
        await started.wait()
        await box.close()
        ended = await running
        assert (ended.status, ended.why) == ("killed", "the box was closed")
        assert (await box.run("1", inputs={}, tools={}, bridge=refuse)).status == "killed"
        assert await box.files() == {}
        with pytest.raises(ConfigError, match="the box is closed"):
            await box.put("a", b"")
        with pytest.raises(ConfigError, match="the box is closed"):
            await box.get("a")


async def test_a_sandbox_can_be_used_again_after_it_was_closed() -> None:
    sandbox = WasmSandbox(workers=1)
    for _ in range(2):
        box = await sandbox.open(SandboxPolicy(bounds=QUICK))
        assert (await box.run("1", inputs={}, tools={}, bridge=refuse)).value == 1
        await sandbox.close()
    await sandbox.close()


async def test_a_run_that_is_cancelled_while_its_slot_is_made_leaves_the_slot() -> None:
    async with opened() as box:
        running = asyncio.create_task(box.run("1", inputs={}, tools={}, bridge=refuse))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert (await box.run("1", inputs={}, tools={}, bridge=refuse)).value == 1


async def test_more_programs_than_workers_wait_for_their_turn() -> None:
    async with opened(workers=2) as box:
        runs = [box.run("n * n", inputs={"n": n}, tools={}, bridge=refuse) for n in range(6)]
        assert [result.value for result in await asyncio.gather(*runs)] == [n * n for n in range(6)]


@pytest.mark.parametrize(
    "policy",
    [
        SandboxPolicy(least="native"),
        SandboxPolicy(packages=("numpy",)),
    ],
)
async def test_a_policy_that_it_cannot_keep_is_refused(policy: SandboxPolicy) -> None:
    with pytest.raises(ConfigError, match="native"):
        await WasmSandbox().open(policy)


async def test_programs_are_not_kept() -> None:
    async with opened() as box:
        with pytest.raises(ConfigError, match="run it again over the answers"):
            await box.resume(b"", tools={}, bridge=refuse)


async def test_it_says_that_it_is_there_and_what_it_promises() -> None:
    sandbox = WasmSandbox()
    found = sandbox.capabilities()
    assert (found.tier, found.available, found.missing) == ("wasm", True, ())
    assert (found.deterministic, found.pause, found.language) == (True, False, "full")
    assert sandbox.capabilities() is found
