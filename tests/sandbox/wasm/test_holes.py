"""Holes that were found by attacking, each with what it let through."""

import gc
import os
from pathlib import Path

import pytest
from tests.sandbox.wasm.places import PATIENT, opened, refuse

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue
from remit.sandbox import Bounds, SandboxPolicy
from remit.sandbox.wasm import WasmSandbox
from remit.sandbox.wasm.cache import Cache, home
from remit.sandbox.wasm.files import Content, Files

REMOVE = """
import os
for number in range(200):
    with open('/scratch/a', 'w') as file:
        file.write('x')
        os.fstat(file.fileno())
    os.unlink('/scratch/a')
count()
"""
pytestmark = [PATIENT, pytest.mark.usefixtures("interpreter")]

MANY = """
import os
for number in range(900):
    open(f'/scratch/{number}', 'w').close()
held = []
try:
    for _ in range(900):
        held.append(os.scandir('/scratch'))
except OSError as error:
    refused = error
first = len(next(held[0]).name)
for each in held:
    each.close()
[len(held) < 400, first > 0, len(os.listdir('/scratch'))]
"""


async def test_files_that_a_program_has_looked_at_and_removed_are_gone_at_once() -> None:
    found: list[int] = []

    async def count(_tool: str, _arguments: JsonObject) -> JsonValue:
        found.append(sum(isinstance(each, Content) for each in gc.get_objects()))
        return None

    before = sum(isinstance(each, Content) for each in gc.get_objects())
    async with opened() as box:
        result = await box.run(REMOVE, inputs={}, tools={"count": ()}, bridge=count)
    assert result.status == "ok", result
    assert found[0] - before < 10


def test_the_bytes_of_a_removed_file_are_given_up_whoever_knows_it() -> None:
    files, content = Files(Bounds(), ()), Content()
    files.make(files.scratch, "a", content)
    files.write(content, 0, b"x" * 1000)
    files.remove(files.scratch, "a")
    assert content.data == b""


async def test_folders_are_listed_only_so_often_at_once() -> None:
    async with opened() as box:
        result = await box.run(MANY, inputs={}, tools={}, bridge=refuse)
    assert result.value == [True, True, 900], result


async def test_names_that_would_write_to_a_terminal_are_not_listed() -> None:
    code = "import os\nfor name in ('a\\x1b[31m', 'b\\n', 'c'):\n    open('/scratch/' + name, 'w').close()"
    async with opened() as box:
        assert (await box.run(code, inputs={}, tools={}, bridge=refuse)).status == "ok"
        assert await box.files() == {"c": 0}


async def test_saying_nothing_without_end_wakes_nobody() -> None:
    code = "import wit_world\nfor _ in range(1000):\n    wit_world.say('')\n1"
    async with opened() as box:
        assert (await box.run(code, inputs={}, tools={}, bridge=refuse)).value == 1


async def test_a_place_that_cannot_be_written_is_a_reason_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    cache = Cache(tmp_path / "file" / "below", "d")
    assert not cache.there()
    assert "set XDG_CACHE_HOME" in cache.refused()
    assert Cache(tmp_path / "new" / "deep", "d").refused() == ""
    sandbox = WasmSandbox(cache=tmp_path / "file" / "below")
    assert not sandbox.capabilities().available
    with pytest.raises(ConfigError, match="XDG_CACHE_HOME"):
        await sandbox.open(SandboxPolicy())


def test_a_user_without_a_home_is_told_what_to_set() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can be a user whom nobody knows")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.environ.pop("HOME", None)
            os.environ.pop("XDG_CACHE_HOME", None)
            os.setuid(43210)
            home()
        except ConfigError as error:
            status = 0 if "XDG_CACHE_HOME" in str(error) else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
