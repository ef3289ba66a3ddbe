"""Checks of data: files that programs share, mounts, texts of every kind and values near the bound."""

import tempfile
from pathlib import Path

import msgspec

from remit.core.errors import ConfigError
from remit.core.values import JsonValue
from remit.sandbox import Box, Mount, Sandbox, SandboxPolicy
from remit.testing.sandboxes.checking import POLICY, SMALL, answer, run

_TEXTS = (
    "",
    "é\U0001f600 a\u0301 \u202eabc \u2028 \ufeff",
    "\x00\x01\x1b[31m\r\n\t\x7f",
    "'\"\\{}$`<>&;",
    "日本語" * 300,
)
_WRITES = """
import os
os.mkdir('/scratch/charts')
with open('/scratch/charts/1.bin', 'wb') as file:
    file.write(bytes(range(256)))
with open('/scratch/given.txt') as file:
    text = file.read()
text"""


async def says_its_tier(sandbox: Sandbox) -> None:
    """A box is of the tier that its sandbox claims."""
    box = await sandbox.open(POLICY)
    try:
        assert box.tier == sandbox.capabilities().tier, box.tier
    finally:
        await box.close()


async def keeps_files_between_programs(sandbox: Sandbox) -> str | None:
    """What is put into a box, programs find; what they write is listed, and comes out as it was."""
    box = await sandbox.open(POLICY)
    try:
        assert await box.files() == {}, "a new box is empty"
        try:
            await box.put("given.txt", b"hello")
        except ConfigError as error:
            assert await box.files() == {}
            return f"it has no files: {error}"
        result = await box.run(_WRITES, inputs={}, tools={}, bridge=answer)
        assert (result.status, result.value) == ("ok", "hello"), result
        assert await box.files() == {"given.txt": 5, "charts/1.bin": 256}
        assert await box.get("charts/1.bin") == bytes(range(256))
        large = bytes(range(256)) * 4000
        await box.put("given.txt", large)
        assert await box.get("given.txt") == large
        again = await box.run("open('/scratch/given.txt', 'rb').read()[-1]", inputs={}, tools={}, bridge=answer)
        assert again.value == 255, again
        for path in ("absent.txt", "../given.txt", "/etc/passwd", "charts/../../given.txt"):
            await _refused(box, path)
    finally:
        await box.close()
    fresh = await sandbox.open(POLICY)
    try:
        assert await fresh.files() == {}, "a new box is empty"
    finally:
        await fresh.close()
    return None


async def mounts_read_only(sandbox: Sandbox) -> str | None:
    """A mounted folder and a mounted file can be read, and nothing of them can be changed."""
    with tempfile.TemporaryDirectory() as name:
        folder = _table(Path(name))
        mounts = (
            Mount(source=str(folder), target="/data/all"),
            Mount(source=str(folder / "one.csv"), target="/data/few/one.csv"),
        )
        try:
            box = await sandbox.open(msgspec.structs.replace(POLICY, mounts=mounts))
        except ConfigError as error:
            return f"it mounts nothing: {error}"
        try:
            for path in ("/data/all/one.csv", "/data/few/one.csv", "/data/all/deep/two.csv"):
                read = await box.run(f"open({path!r}).read()", inputs={}, tools={}, bridge=answer)
                assert (read.status, read.value) == ("ok", "a,b\n1,2\n"), (path, read)
            for path in ("/data/all/one.csv", "/data/few/one.csv", "/data/all/three.csv"):
                await box.run(f"with open({path!r}, 'w') as f:\n    f.write('x')", inputs={}, tools={}, bridge=answer)
                await box.run(f"import os\nos.unlink({path!r})", inputs={}, tools={}, bridge=answer)
        finally:
            await box.close()
        assert _content(folder) == {"one.csv": "a,b\n1,2\n", "deep/two.csv": "a,b\n1,2\n"}
        absent = Mount(source=str(folder / "absent"), target="/data/absent")
        try:
            await sandbox.open(SandboxPolicy(least="none", mounts=(absent,)))
        except ConfigError:
            return None
    raise AssertionError("it mounts what is not there")


async def carries_any_text(sandbox: Sandbox) -> None:
    """Texts go in, through tools and out as they are, in values, keys and what is printed."""
    for text in _TEXTS:
        result = await run(sandbox, "echo(text, {text: [text]})", {"text": text})
        expected: JsonValue = {"first": text, "second": {text: [text]}}
        assert (result.status, result.value) == ("ok", expected), (text, result)
    printed = await run(sandbox, "print(text)", {"text": _TEXTS[1]})
    assert printed.printed == f"{_TEXTS[1]}\n", printed
    literal = await run(sandbox, f"{_TEXTS[1]!r} + '日本語'")
    assert literal.value == f"{_TEXTS[1]}日本語", literal
    half = await run(sandbox, "'\\ud800'")
    assert half.status in {"ok", "error"}, half


async def carries_large_values(sandbox: Sandbox) -> None:
    """Values below the bound come out whole; inputs and answers of tools may be larger than that."""
    near = SMALL.output - 1000
    result = await run(sandbox, f"'x' * {near}")
    assert (result.status, result.value) == ("ok", "x" * near), result.status
    called = await run(sandbox, f"len(echo('x' * {near})['first'])")
    assert (called.status, called.value) == ("ok", near), called
    printed = await run(sandbox, f"print('x' * {near})")
    assert printed.printed == "x" * near + "\n", printed.status
    big: list[JsonValue] = ["é" * 100_000] * 10
    given = await run(sandbox, "sum([len(each) for each in rows])", {"rows": big})
    assert (given.status, given.value) == ("ok", 1_000_000), given

    async def generous(name: str, args: dict[str, JsonValue]) -> JsonValue:
        return big

    answered = await run(sandbox, "sum([len(each) for each in echo(1)])", bridge=generous)
    assert (answered.status, answered.value) == ("ok", 1_000_000), answered


async def _refused(box: Box, path: str) -> None:
    try:
        data = await box.get(path)
    except ConfigError:
        return
    raise AssertionError(f"{path!r} gave {data[:20]!r}")


def _table(folder: Path) -> Path:
    folder.chmod(0o755)
    (folder / "deep").mkdir()
    for path in (folder / "one.csv", folder / "deep" / "two.csv"):
        path.write_text("a,b\n1,2\n", encoding="utf-8")
    return folder


def _content(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
