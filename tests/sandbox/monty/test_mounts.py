"""Files and folders of the host that programs may read, and nothing beside them."""

import os
from pathlib import Path

import pytest

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue
from remit.sandbox import Bounds, Interrupt, Mount, Result, SandboxPolicy
from remit.sandbox.monty import MontySandbox


async def ran(code: str, *mounts: Mount, bounds: Bounds | None = None) -> Result:
    """Run a program over mounts."""
    sandbox = MontySandbox(workers=1)
    try:
        box = await sandbox.open(SandboxPolicy(mounts=mounts, bounds=bounds or Bounds()))
        try:
            return await box.run(code, inputs={}, tools={}, bridge=nothing)
        finally:
            await box.close()
    finally:
        await sandbox.close()


async def nothing(name: str, args: JsonObject) -> JsonValue:
    """Answer nothing."""
    return None


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A folder with a way out of every kind, beside a secret."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "file").write_text("TOKEN")
    inside = tmp_path / "inside"
    (inside / "deeper").mkdir(parents=True)
    (inside / "a.csv").write_text("n,m\n1,2\n")
    (inside / "deeper" / "b.txt").write_text("deep")
    (inside / "absolute").symlink_to(tmp_path / "secret" / "file")
    (inside / "relative").symlink_to("../secret/file")
    (inside / "folder").symlink_to("../secret")
    (inside / "process").symlink_to("/proc/self/root")
    (inside / "same").symlink_to("a.csv")
    os.mkfifo(inside / "pipe")
    return tmp_path


async def test_folders_and_files_are_read_where_they_are_mounted(world: Path) -> None:
    folder = Mount(source=str(world / "inside"), target="/data/all")
    file = Mount(source=str(world / "secret" / "file"), target="/data/one.txt")
    code = (
        "import csv\nfrom pathlib import Path\n"
        "[[row for row in csv.reader(open('/data/all/a.csv'))], Path('/data/all/deeper/b.txt').read_text(),"
        " open('/data/all/same').read(), open('/data/one.txt').read()]"
    )
    result = await ran(code, folder, file)
    assert result.value == [[["n", "m"], ["1", "2"]], "deep", "n,m\n1,2\n", "TOKEN"], result


@pytest.mark.parametrize(
    "code",
    [
        "open('/data/all/absolute').read()",
        "open('/data/all/relative').read()",
        "open('/data/all/folder/file').read()",
        "open('/data/all/../secret/file').read()",
        "open('/data/all/deeper/../../secret/file').read()",
        "open('/data/all/process/etc/passwd').read()",
        "open('/data/all/pipe').read()",
        "open('/etc/passwd').read()",
        "import os\nos.listdir('/data/all/folder')",
        "import os\nos.stat('/data/all/relative').st_size",
        "open('/data/all/new', 'w').write('x')",
        "open('/data/all/a.csv', 'a').write('x')",
        "import os\nos.unlink('/data/all/a.csv')",
        "import os\nos.rename('/data/all/a.csv', '/data/all/c.csv')",
        "import os\nos.mkdir('/data/all/more')",
    ],
)
async def test_no_way_leads_out_of_a_mount_and_nothing_in_it_changes(world: Path, code: str) -> None:
    result = await ran(code, Mount(source=str(world / "inside"), target="/data/all"))
    assert result.status == "error", result
    assert "TOKEN" not in str(result)
    assert (world / "inside" / "a.csv").read_text() == "n,m\n1,2\n"
    assert not (world / "inside" / "new").exists()


async def test_beside_a_file_that_is_mounted_nothing_is_seen_and_nothing_stays(world: Path) -> None:
    file = Mount(source=str(world / "inside" / "a.csv"), target="/data/in/a.csv")
    result = await ran("import os\nos.listdir('/data/in')", file)
    assert result.value == ["a.csv"], result
    assert (world / "inside" / "a.csv").stat().st_nlink == 1


async def test_a_file_larger_than_the_memory_is_not_read(world: Path) -> None:
    (world / "inside" / "large").write_bytes(bytes(3_000_000))
    mount = Mount(source=str(world / "inside"), target="/data/all")
    result = await ran("len(open('/data/all/large').read())", mount, bounds=Bounds(memory=2_000_000))
    assert result.status in {"oom", "error"}, result


@pytest.mark.parametrize(
    ("mounts", "why"),
    [
        ((Mount(source="inside", target="/etc"),), "below /data"),
        ((Mount(source="inside", target="/data/../x"),), "below /data"),
        ((Mount(source="nothing", target="/data/x"),), "no file or folder"),
        ((Mount(source="inside/pipe", target="/data/x"),), "no file or folder"),
        ((Mount(source="inside", target="/data/x"), Mount(source="inside/deeper", target="/data/y")), "overlap"),
        ((Mount(source="inside", target="/data/x"), Mount(source="secret", target="/data/x")), "two mounts"),
        ((Mount(source="inside/a.csv", target="/data/x"), Mount(source="secret/file", target="/data/x")), "two mounts"),
    ],
)
async def test_mounts_that_cannot_be_are_refused(world: Path, mounts: tuple[Mount, ...], why: str) -> None:
    placed = tuple(Mount(source=str(world / mount.source), target=mount.target) for mount in mounts)
    with pytest.raises(ConfigError, match=why):
        await ran("1", *placed)


async def test_a_program_that_was_kept_reads_on(world: Path) -> None:
    sandbox = MontySandbox(workers=1)
    mount = Mount(source=str(world / "inside"), target="/data/all")
    box = await sandbox.open(SandboxPolicy(mounts=(mount,)))

    async def stop(name: str, args: JsonObject) -> JsonValue:
        raise Interrupt

    code = "file = open('/data/all/a.csv')\nfirst = file.readline()\npay()\n[first, file.readline()]"
    result = await box.run(code, inputs={}, tools={"pay": ()}, bridge=stop)
    assert result.status == "paused", result
    end = await box.resume(result.kept, tools={"pay": ()}, bridge=nothing)
    assert end.value == ["n,m\n", "1,2\n"], end
    await sandbox.close()
