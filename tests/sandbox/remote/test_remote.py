"""The client of remote machines, against a server that runs its cells for real."""

import asyncio
from collections.abc import Callable

import pytest
from tests.sandbox.remote.server import KEY, Server, served

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue
from remit.sandbox import Bounds, Mount, SandboxPolicy
from remit.sandbox.remote import RemoteSandbox
from remit.testing.sandboxes import CHECKS, Check

POLICY = SandboxPolicy(least="microvm", bounds=Bounds(wall=10.0))


async def echo(_tool: str, arguments: JsonObject) -> JsonValue:
    return arguments


# The server's machines are folders, so their programs find no `/scratch`; files have a test of their own below.
ELSEWHERE = {"keeps_files_between_programs"}


@pytest.mark.parametrize(
    "check", [each for each in CHECKS if each.__name__ not in ELSEWHERE], ids=lambda check: check.__name__
)
async def test_it_does_what_every_sandbox_does(check: Check) -> None:
    async with served() as (_server, sandbox):
        why = await check(sandbox)
        if why:
            pytest.skip(why)


async def test_it_is_a_machine_as_the_service_says_which_it_cannot_verify() -> None:
    async with served() as (_server, sandbox):
        known = await asyncio.to_thread(sandbox.capabilities)
    assert (known.tier, known.available, known.level) == ("microvm", True, "as the service says")
    assert any("nothing here can verify" in each for each in known.missing)


async def test_a_key_that_is_missing_or_wrong_is_told_and_never_shown(capsys: pytest.CaptureFixture[str]) -> None:
    async with served("e2b_other") as (server, sandbox):
        known = await asyncio.to_thread(sandbox.capabilities)
        assert not known.available
        assert "does not accept the key" in known.missing[0]
        server.faults.answers["/sandboxes"] = [400]
        with pytest.raises(ConfigError) as caught:
            await sandbox.open(POLICY)
        shown = f"{known} {caught.value} {sandbox!r} {capsys.readouterr()}"
        assert "HTTP 400" in shown
        assert "e2b_other" not in shown


async def test_without_a_key_nothing_is_asked() -> None:
    sandbox = RemoteSandbox(key="")
    if not sandbox.capabilities().available:
        with pytest.raises(ConfigError, match="E2B_API_KEY"):
            await sandbox.open(POLICY)


async def test_a_busy_service_is_asked_again_and_a_broken_one_is_told() -> None:
    async with served() as (server, sandbox):
        server.faults.answers["/sandboxes"] = [429, 500]
        box = await sandbox.open(POLICY)
        assert (await box.run("1", inputs={}, tools={}, bridge=echo)).value == 1
        server.faults.answers["/sandboxes"] = [500, 503, 500]
        with pytest.raises(ConfigError, match="HTTP 500"):
            await sandbox.open(POLICY)


async def test_machines_have_no_network_and_are_ended_with_their_box() -> None:
    async with served() as (server, sandbox):
        box = await sandbox.open(POLICY)
        (made,) = [each for each in server.seen if each.path == "/sandboxes"]
        assert b'"allow_internet_access":false' in made.body.replace(b" ", b"")
        assert server.machines
        await box.close()
        assert not server.machines
        assert (await box.run("1", inputs={}, tools={}, bridge=echo)).status == "killed"


def _dropped(server: Server) -> None:
    server.faults.drop_after = 1


def _refused(server: Server) -> None:
    server.faults.answers["/execute"] = [500]


def _gone(server: Server) -> None:
    server.machines.clear()


@pytest.mark.parametrize("fault", [_dropped, _refused, _gone])
async def test_a_stream_that_breaks_off_is_no_success_and_its_machine_is_ended(fault: Callable[[Server], None]) -> None:
    async with served() as (server, sandbox):
        box = await sandbox.open(POLICY)
        fault(server)
        result = await box.run("print('a')\necho(1)\n2", inputs={}, tools={"echo": ("n",)}, bridge=echo)
        assert (result.status, result.value) == ("killed", None), result
        assert result.why
        assert not server.machines
        with pytest.raises(ConfigError):
            await box.put("a", b"")


async def test_an_answer_that_cannot_be_handed_over_ends_the_program() -> None:
    async with served() as (server, sandbox):
        box = await sandbox.open(SandboxPolicy(bounds=Bounds(wall=2.0)))
        server.faults.answers["/files"] = [500]
        result = await box.run("echo(1)", inputs={}, tools={"echo": ("n",)}, bridge=echo)
        assert (result.status, result.calls) == ("killed", 1), result


async def test_lines_that_come_in_pieces_are_put_together() -> None:
    async with served() as (server, sandbox):
        server.faults.split = 7
        box = await sandbox.open(POLICY)
        result = await box.run("print('é' * 50)\necho(1)", inputs={}, tools={"echo": ("n",)}, bridge=echo)
        assert (result.value, result.printed) == ({"n": 1}, "é" * 50 + "\n"), result


async def test_what_a_program_prints_is_never_taken_for_a_line_of_its_cell() -> None:
    async with served() as (_server, sandbox):
        box = await sandbox.open(POLICY)
        forged = "0" * 32 + " E eyJzdGF0dXMiOiAwfQ==\n"
        result = await box.run(f"print({forged!r}, end='')\n3", inputs={}, tools={}, bridge=echo)
        assert (result.value, result.printed) == (3, forged)


async def test_files_go_in_and_out_and_what_it_lacks_is_refused() -> None:
    async with served() as (_server, sandbox):
        box = await sandbox.open(POLICY)
        await box.put("in/a.bin", b"\0\r\n1")
        result = await box.run(
            "open('out', 'wb').write(open('in/a.bin', 'rb').read())", inputs={}, tools={}, bridge=echo
        )
        assert result.value == 4, result
        assert await box.get("out") == b"\0\r\n1"
        assert await box.files() == {"in/a.bin": 4, "out": 4}
        for path in ("../x", "/etc/passwd", "none"):
            with pytest.raises(ConfigError):
                await box.get(path)
        with pytest.raises(ConfigError, match="keep no programs"):
            await box.resume(b"", tools={}, bridge=echo)
        with pytest.raises(ConfigError, match="mount"):
            await sandbox.open(SandboxPolicy(mounts=(Mount(source=".", target="/data/x"),)))
        with pytest.raises(ConfigError, match="pandas"):
            await sandbox.open(SandboxPolicy(packages=("pandas",)))


async def test_the_key_goes_to_the_service_and_never_into_a_machine() -> None:
    async with served() as (server, sandbox):
        box = await sandbox.open(POLICY)
        result = await box.run("import os\nstr(dict(os.environ))", inputs={}, tools={}, bridge=echo)
        assert KEY not in str(result.value)
        inner = [each for each in server.seen if each.path in ("/execute", "/files")]
        assert inner
        assert all(KEY not in f"{each.headers}{each.body!r}" for each in inner)
