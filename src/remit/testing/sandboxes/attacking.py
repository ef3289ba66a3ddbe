"""Attacking: runs every attack against fresh boxes, with canaries that tell what really happened."""

import asyncio
import os
import secrets
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import msgspec

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue
from remit.sandbox import Bounds, Result, Sandbox, SandboxPolicy
from remit.testing.sandboxes.attacks import ATTACKS, Attack

Verdict = Literal["blocked", "breached", "not applicable"]

SMALL = Bounds(
    wall=1.0,
    cpu=1.0,
    memory=64_000_000,
    output=100_000,
    disk=4_000_000,
    files=50,
    processes=16,
    recursion=200,
    calls=10,
)
"""The bounds under which attacks run."""


class Attacked(msgspec.Struct, frozen=True):
    """What came of an attack."""

    name: str
    verdict: Verdict
    why: str


class _Canaries:
    """What a breach would reach."""

    def __init__(self, folder: Path, token: str) -> None:
        self.folder, self.token, self.hits = folder, token, 0
        self.inputs: JsonObject = {}
        self.process: asyncio.subprocess.Process | None = None

    def touched(self) -> bool:
        dead = self.process is not None and self.process.returncode is not None
        return self.hits > 0 or dead or (self.folder / "written").exists()


class _Heard(asyncio.DatagramProtocol):
    def __init__(self, canaries: _Canaries) -> None:
        self._canaries = canaries

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._canaries.hits += 1


async def run_attacks(sandbox: Sandbox, attacks: Sequence[Attack] = ATTACKS) -> tuple[Attacked, ...]:
    """Run each against a fresh box of the sandbox; raise `ConfigError` when it cannot make one."""
    return tuple([await _attacked(sandbox, attack) for attack in attacks])


async def _attacked(sandbox: Sandbox, attack: Attack) -> Attacked:
    async with _canaries() as canaries:
        box = await sandbox.open(SandboxPolicy(least="none", bounds=SMALL))
        try:
            result = await asyncio.wait_for(
                box.run(attack.program, inputs=canaries.inputs, tools={}, bridge=_no_tools), 30
            )
        except TimeoutError:
            return Attacked(attack.name, "breached", "the program could not be ended")
        finally:
            await box.close()
        # Datagrams, and the end of a process, are told a moment later.
        await _settle(canaries)
        return Attacked(attack.name, *_verdict(attack, result, canaries))


def _verdict(attack: Attack, result: Result, canaries: _Canaries) -> tuple[Verdict, str]:
    out = f"{result.value!r}{result.printed}{result.error}"
    if canaries.token in out:
        return "breached", "the secret came out"
    if canaries.touched():
        return "breached", "something outside was reached"
    if attack.shows == "finished" and result.status == "ok" and "finished" in repr(result.value):
        return "breached", "it came to its end"
    last = result.error.strip().rpartition("\n")[2]
    return "blocked", f"{result.status}: {result.why or last or result.value!r}"[:120]


async def _settle(canaries: _Canaries) -> None:
    for _ in range(10):
        if canaries.touched():
            return
        await asyncio.sleep(0.002)


async def _no_tools(name: str, args: JsonObject) -> JsonValue:
    raise ConfigError(f"no tool named {name!r}")


@asynccontextmanager
async def _canaries() -> AsyncGenerator[_Canaries]:
    with tempfile.TemporaryDirectory() as folder:
        canaries = _Canaries(Path(folder), secrets.token_hex(16))
        secret = canaries.folder / "secret"
        secret.write_text(canaries.token)
        os.environ["REMIT_CANARY"] = canaries.token

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            canaries.hits += 1
            writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        loop = asyncio.get_running_loop()
        udp, _ = await loop.create_datagram_endpoint(lambda: _Heard(canaries), local_addr=("127.0.0.1", 0))
        process = await asyncio.create_subprocess_exec("sleep", "60", stdin=asyncio.subprocess.DEVNULL)
        descriptor = os.open(secret, os.O_RDONLY)
        os.set_inheritable(descriptor, True)  # noqa: FBT003 - the parameter has no name
        canaries.process = process
        canaries.inputs = {
            "secret": str(secret),
            "outside": folder,
            "tcp": server.sockets[0].getsockname()[1],
            "udp": udp.get_extra_info("sockname")[1],
            "pid": process.pid,
            "fd": descriptor,
        }
        try:
            yield canaries
        finally:
            os.environ.pop("REMIT_CANARY", None)
            os.close(descriptor)
            udp.close()
            server.close()
            await server.wait_closed()
            if process.returncode is None:
                process.kill()
            await process.wait()
