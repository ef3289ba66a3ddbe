import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from remit.core.errors import ConfigError
from remit.core.programs import SandboxPolicy
from remit.sandbox.wasm import WasmSandbox
from remit.sandbox.wasm.building import digest
from remit.sandbox.wasm.cache import Cache, home

BUILD = """
import sys
from pathlib import Path
from remit.sandbox.wasm.cache import Cache
root, name = Path(sys.argv[1]), sys.argv[2]
def make(folder):
    (folder / "code").write_text(name)
    with (root.parent / "made").open("a") as made:
        made.write(name)
    print("making", flush=True)
    sys.stdin.readline()
print("ready", flush=True)
Cache(root, "d").fill(make)
"""


def filled(root: Path, content: str = "code") -> Cache:
    """Fill a cache with one file."""
    cache = Cache(root, "d")

    def make(folder: Path) -> None:
        (folder / "code").write_text(content)

    cache.fill(make)
    return cache


def never(_folder: Path) -> None:
    """Be a build that must not happen."""
    raise AssertionError("it was built again")


def building(root: Path, name: str) -> "subprocess.Popen[str]":
    """Build in another process, which waits for a line while it does."""
    process = subprocess.Popen(
        [sys.executable, "-c", BUILD, str(root), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_what_is_there_and_whole_is_not_built_again(tmp_path: Path) -> None:
    cache = filled(tmp_path / "root")
    assert cache.whole()
    cache.fill(never)
    assert (cache.folder / "code").read_text() == "code"
    assert cache.folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("name", "content"),
    [("code", b"evil"), ("code", None), ("digests", None), ("digests", b""), ("digests", b"\xff"), ("digests", b"x")],
)
def test_what_is_harmed_is_built_again(tmp_path: Path, name: str, content: bytes | None) -> None:
    cache = filled(tmp_path / "root")
    if content is None:
        (cache.folder / name).unlink()
    else:
        (cache.folder / name).write_bytes(content)
    assert not cache.whole()
    assert filled(tmp_path / "root", "new").whole()
    assert (cache.folder / "code").read_text() == "new"


def test_what_cannot_be_used_is_built_again(tmp_path: Path) -> None:
    cache = filled(tmp_path / "root")
    cache.spoil()
    assert not cache.whole()


@pytest.mark.parametrize("place", ["code", "digests", ".", "..", "../.."])
def test_code_that_others_could_have_written_is_refused(tmp_path: Path, place: str) -> None:
    cache = filled(tmp_path / "home" / "root")
    (cache.folder / place).resolve().chmod(0o777)
    with pytest.raises(ConfigError, match="others could have written"):
        cache.whole()


def test_code_in_a_sticky_folder_of_all_is_trusted(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o1777)
    assert filled(tmp_path / "shared" / "root").whole()


def test_a_link_is_not_trusted(tmp_path: Path) -> None:
    cache = filled(tmp_path / "root")
    (cache.folder / "code").rename(tmp_path / "elsewhere")
    (cache.folder / "code").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="others could have written"):
        cache.whole()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_code_of_another_user_is_refused(tmp_path: Path) -> None:
    cache = filled(tmp_path / "root")
    os.chown(cache.folder / "code", 12345, -1)
    with pytest.raises(ConfigError, match="others could have written"):
        cache.whole()


def test_of_many_processes_one_builds_and_the_others_find_it(tmp_path: Path) -> None:
    processes = [building(tmp_path / "root", name) for name in "abcd"]
    for process in processes:
        process.communicate("go\n", timeout=60)
        assert process.returncode == 0
    made = (tmp_path / "made").read_text()
    assert made in tuple("abcd")
    assert (tmp_path / "root" / "d" / "code").read_text() == made


def test_a_process_that_dies_while_it_builds_leaves_its_turn_and_nothing_else(tmp_path: Path) -> None:
    root = tmp_path / "root"
    process = building(root, "dead")
    assert process.stdout is not None
    assert process.stdout.readline() == "making\n"
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    cache = filled(root)
    assert cache.whole()
    assert sorted(path.name for path in root.iterdir()) == ["d", "lock"]


def test_of_other_versions_the_newest_are_kept(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir(mode=0o700)
    for age, name in enumerate(["oldest", "older", "old", "new"]):
        (root / name).mkdir()
        os.utime(root / name, (age, age))
    assert filled(root).whole()
    assert sorted(path.name for path in root.iterdir()) == ["d", "lock", "new", "old"]


def test_a_build_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        Cache(tmp_path / "root", "d").fill(never)
    assert [path.name for path in (tmp_path / "root").iterdir()] == ["lock"]


async def test_a_sandbox_does_not_load_what_others_could_have_written(tmp_path: Path) -> None:
    sandbox = WasmSandbox(cache=tmp_path)
    if not sandbox.capabilities().available:
        pytest.skip("; ".join(sandbox.capabilities().missing))
    assert "not built yet" in sandbox.capabilities().missing[0]
    folder = tmp_path / digest(importlib.import_module("remit.sandbox.wasm.engine").SETTINGS)
    folder.mkdir(mode=0o700)
    (folder / "interpreter.compiled").write_bytes(b"evil")
    (folder / "digests").write_text("x  interpreter.compiled\n")
    (folder / "interpreter.compiled").chmod(0o666)
    with pytest.raises(ConfigError, match="others could have written"):
        await sandbox.open(SandboxPolicy())


def test_the_cache_is_where_the_user_has_theirs() -> None:
    named = os.environ.get("XDG_CACHE_HOME")
    try:
        os.environ["XDG_CACHE_HOME"] = "/somewhere"
        assert home() == Path("/somewhere/remit/wasm")
        os.environ["XDG_CACHE_HOME"] = "not/absolute"
        assert home() == Path.home() / ".cache/remit/wasm"
    finally:
        os.environ.pop("XDG_CACHE_HOME")
        if named is not None:
            os.environ["XDG_CACHE_HOME"] = named
