"""Unheld: the driver that holds nothing, so that the suites can be seen to fail. Never give it a stranger's code."""

import asyncio
import sys
import time
from collections.abc import Mapping

import msgspec

from remit.core.errors import ConfigError
from remit.core.values import JsonValue
from remit.sandbox import Box, Bridge, Capabilities, Result, SandboxPolicy, Tier

_PATIENCE = 20.0
"""Seconds after which a program is ended whatever the bounds say, so that nothing of a test stays."""

_RUN = """
import ast, json, sys
code, names = json.load(sys.stdin)
tree = ast.parse(code)
last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
exec(compile(tree, '<program>', 'exec'), names)
value = eval(compile(ast.Expression(last.value), '<program>', 'eval'), names) if last else None
print()
print(json.dumps(value, default=str) if not isinstance(value, tuple) else json.dumps(str(value[0])))
"""


class Unheld:
    """Runs programs with `python -c`, with no tools and all the rights of this process."""

    def capabilities(self) -> Capabilities:
        """Say that nothing is held."""
        return Capabilities(tier="none", available=True, missing=("it holds nothing",))

    async def open(self, policy: SandboxPolicy) -> Box:
        """Make a box; raise `ConfigError` unless the policy says `none` in so many words."""
        if policy.least != "none":
            raise ConfigError(f"the policy wants {policy.least!r} at least, and this holds nothing")
        return _Process()

    async def close(self) -> None:
        """Have nothing to let go of."""


class _Process:
    def __init__(self) -> None:
        self.tier: Tier = "none"

    async def run(
        self, code: str, *, inputs: Mapping[str, JsonValue], tools: Mapping[str, tuple[str, ...]], bridge: Bridge
    ) -> Result:
        start = time.monotonic()
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", _RUN, stdin=pipe, stdout=pipe, stderr=pipe)
        try:
            given = msgspec.json.encode([code, dict(inputs)])
            out, err = await asyncio.wait_for(process.communicate(given), _PATIENCE)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        seconds = time.monotonic() - start
        if process.returncode:
            return Result(status="error", error=err.decode(errors="replace")[-2000:], seconds=seconds)
        printed, _, last = out.decode(errors="replace").rstrip("\n").rpartition("\n")
        return Result(status="ok", value=msgspec.json.decode(last), printed=printed, seconds=seconds)

    async def resume(self, kept: bytes, *, tools: Mapping[str, tuple[str, ...]], bridge: Bridge) -> Result:
        raise ConfigError("it keeps no programs")

    async def files(self) -> Mapping[str, int]:
        return {}

    async def put(self, path: str, data: bytes) -> None:
        raise ConfigError(f"it has no files of its own ({path!r})")

    async def get(self, path: str) -> bytes:
        raise ConfigError(f"it has no files of its own ({path!r})")

    async def close(self) -> None:
        """Have nothing left: each program has ended."""
