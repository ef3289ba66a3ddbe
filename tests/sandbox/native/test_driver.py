import asyncio
import os
import sys
from pathlib import Path

import pytest
from tests.sandbox.native.places import QUICK, needs, opened, refuse

from remit.core.errors import ConfigError
from remit.core.programs import Bounds, Mount, SandboxPolicy
from remit.sandbox.native import NativeSandbox


async def test_files_go_in_and_out_and_stay_between_programs(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text("a,b\n1,2\n")
    (tmp_path / "secret").write_text("s")
    needs("without cgroup")
    sandbox = NativeSandbox()
    mount = Mount(source=str(tmp_path / "sales.csv"), target="/data/sales.csv")
    box = await sandbox.open(SandboxPolicy(bounds=QUICK, mounts=(mount,)))
    await box.put("in/a.bin", b"\0\1")
    code = (
        "import os\nopen('/scratch/out', 'wb').write(open('in/a.bin', 'rb').read() * 2)\nos.symlink('/etc', 'link')\n"
        "os.symlink('/etc/passwd', 'file')\n[open('/data/sales.csv').read(), os.listdir('/data')]"
    )
    result = await box.run(code, inputs={}, tools={}, bridge=refuse)
    assert result.value == ["a,b\n1,2\n", ["sales.csv"]], result
    assert await box.get("/scratch/out") == b"\0\1\0\1"
    for path in ("../etc/passwd", "/etc/passwd", "link/passwd", "file", "in", "a//b", "nothing"):
        with pytest.raises(ConfigError):
            await box.get(path)
    for path in ("../x", "/x", "link/x", "file", "in"):
        with pytest.raises(ConfigError):
            await box.put(path, b"x")
    write = await box.run("open('/data/sales.csv', 'a')", inputs={}, tools={}, bridge=refuse)
    assert "Read-only" in write.error or "Permission" in write.error
    await sandbox.close()


async def test_a_folder_only_its_owner_reads_can_be_mounted(tmp_path: Path) -> None:
    needs("without cgroup")
    os.chmod(tmp_path, 0o700)  # noqa: PTH101
    (tmp_path / "own.txt").write_text("mine")
    (tmp_path / "own.txt").chmod(0o600)
    sandbox = NativeSandbox()
    box = await sandbox.open(SandboxPolicy(bounds=QUICK, mounts=(Mount(source=str(tmp_path), target="/data/d"),)))
    result = await box.run("open('/data/d/own.txt').read()", inputs={}, tools={}, bridge=refuse)
    assert result.value == "mine", result
    await sandbox.close()


async def test_what_cannot_be_given_is_refused(tmp_path: Path) -> None:
    sandbox = NativeSandbox(level="landlock only")
    with pytest.raises(ConfigError, match="above 'native'"):
        await sandbox.open(SandboxPolicy(least="microvm"))
    needs("landlock only")
    for source, target, match in (
        (str(tmp_path), "/data/x", "namespaces"),
        (str(tmp_path), "/etc", "below /data"),
        (str(tmp_path), "/data/../etc", "below /data"),
        (str(tmp_path / "none"), "/data/x", "no file"),
    ):
        with pytest.raises(ConfigError, match=match):
            await sandbox.open(SandboxPolicy(mounts=(Mount(source=source, target=target),)))
    async with opened("landlock only") as box:
        with pytest.raises(ConfigError, match="without namespaces"):
            await box.put("x", b"")
    await sandbox.close()


async def test_a_closed_box_runs_nothing() -> None:
    async with opened("landlock only") as box:
        await box.close()
        assert (await box.run("1", inputs={}, tools={}, bridge=refuse)).status == "killed"


async def test_capabilities_claim_no_cgroup_and_name_what_is_missing() -> None:
    found = NativeSandbox(level="landlock only").capabilities()
    assert found.tier == "native"
    assert any("cgroup" in each or "Landlock" in each for each in found.missing)
    assert any(each.startswith("namespaces") for each in found.missing)


async def test_files_are_listed_without_links_and_never_more_than_were_allowed() -> None:
    code = (
        "import os\nos.makedirs('charts/deep')\nopen('charts/1.png', 'wb').write(b'123')\n"
        "open('charts/deep/é.csv', 'w').write('x')\nos.symlink('/etc/passwd', 'link')\nos.symlink('/etc', 'folder')\n"
        "open(b'bad\\xff', 'w')\nopen('line\\nbreak', 'w')\nos.link('charts/1.png', 'again')\n"
        "os.truncate(os.open('sparse', os.O_CREAT | os.O_RDWR), 1000)"
    )
    async with opened("without cgroup") as box:
        assert await box.files() == {}
        made = await box.run(code, inputs={}, tools={}, bridge=refuse)
        assert made.status == "ok", made
        assert await box.files() == {"again": 3, "charts/1.png": 3, "charts/deep/é.csv": 1, "sparse": 1000}
        assert await box.get("charts/deep/é.csv") == b"x"
    bounds = Bounds(files=60)
    deep = "import os\nfor _ in range(50):\n os.mkdir('d'); os.chdir('d')\nopen('f', 'w').close()"
    async with opened("without cgroup", bounds) as box:
        assert (await box.run(deep, inputs={}, tools={}, bridge=refuse)).status == "ok"
        assert await box.files() == {}
    async with opened("landlock only") as box:
        assert await box.files() == {}


async def test_a_program_that_was_kept_elsewhere_is_not_taken_up() -> None:
    async with opened("landlock only") as box:
        with pytest.raises(ConfigError, match="run it again"):
            await box.resume(b"", tools={}, bridge=refuse)


async def test_packages_are_named_without_being_imported_and_what_is_not_there_is_refused_with_what_to_install() -> (
    None
):
    code = (
        "import sys\nfrom remit.sandbox.native import NativeSandbox\nfound = NativeSandbox().capabilities().packages\n"
        "print(','.join(found), sorted({'numpy', 'pandas', 'pyarrow'} & set(sys.modules)))"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    assert said.decode().split() == ["duckdb,matplotlib,numpy,pandas,pyarrow", "[]"]
    sandbox = NativeSandbox()
    with pytest.raises(ConfigError, match="pip install nosuchthing"):
        await sandbox.open(SandboxPolicy(packages=("numpy", "nosuchthing")))
    with pytest.raises(ConfigError, match="not installed"):
        await sandbox.open(SandboxPolicy(packages=("../x",)))


async def test_boxes_of_other_bounds_take_the_place_of_those_made_in_advance() -> None:
    needs("without cgroup")
    sandbox = NativeSandbox(level="without cgroup")
    fill = "open('/scratch/x', 'wb').write(bytes(3_000_000))"
    for disk, status in ((1_000_000, "error"), (8_000_000, "ok"), (1_000_000, "error")):
        for _ in range(2):
            box = await sandbox.open(SandboxPolicy(bounds=Bounds(disk=disk)))
            assert (await box.run(fill, inputs={}, tools={}, bridge=refuse)).status == status
            await box.close()
    await sandbox.close()
