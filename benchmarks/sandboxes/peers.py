"""Peers: places to run programs that are not ours."""

import asyncio
import importlib
import os
import shutil
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from benchmarks.launch import HERE
from benchmarks.sandboxes.places import SMALL, MissingError, Place
from remit.core.values import JsonValue

SCRIPT = Path(__file__).with_name("pyodide.mjs")
MODULES = "REMIT_PYODIDE"
"""Name of the environment variable that says in which folder npm has installed it."""


class Commanded:
    """A command that runs Python once."""

    warm = False

    def __init__(self, *before: str) -> None:
        """Put these words before the interpreter's."""
        self._command = (*before, sys.executable, "-I", "-c", f"print({SMALL})")

    async def start(self) -> None:
        """Have nothing to share."""

    async def fresh(self) -> JsonValue:
        """Run it."""
        process = await asyncio.create_subprocess_exec(*self._command, stdout=PIPE, stderr=PIPE)
        out, err = await process.communicate()
        if process.returncode:
            raise MissingError((err.decode(errors="replace").strip().splitlines() or ["it ended badly"])[-1])
        return int(out)

    async def again(self, lane: int) -> JsonValue:
        """Run it: there is no other way."""
        return await self.fresh()

    async def stop(self) -> None:
        """Have nothing left."""


class LocalExecutor:
    """smolagents' evaluator of syntax trees. It runs in this process, one program at a time."""

    warm = True

    def __init__(self) -> None:
        """Import it."""
        try:
            self._module = importlib.import_module("smolagents.local_python_executor")
        except ImportError as error:
            raise MissingError(f"not installed ({error.name}): it is in the dependency group `bench`") from error
        self._kept: Callable[[str], object] | None = None

    async def start(self) -> None:
        """Have nothing to share."""

    async def fresh(self) -> JsonValue:
        """Make an executor and use it once."""
        return _output(self._made()(SMALL))

    async def again(self, lane: int) -> JsonValue:
        """Use one executor again."""
        self._kept = self._kept or self._made()
        return _output(self._kept(SMALL))

    async def stop(self) -> None:
        """Have nothing left."""

    def _made(self) -> Callable[[str], object]:
        executor: Any = self._module.LocalPythonExecutor(additional_authorized_imports=[])
        executor.send_tools({})
        return cast("Callable[[str], object]", executor)


def _output(result: Any) -> JsonValue:
    return cast("JsonValue", getattr(result, "output", result))


class Pyodide:
    """CPython in WebAssembly under node: a process each that runs programs with names of their own."""

    warm = True

    def __init__(self) -> None:
        """Find node and the package."""
        self._folder = Path(os.environ.get(MODULES, "") or HERE / "build" / "pyodide")
        node = shutil.which("node")
        if node is None or not (self._folder / "node_modules" / "pyodide").is_dir():
            raise MissingError(f"not installed: node, and `npm install --prefix {_shown(self._folder)} pyodide`")
        self._node = node
        self._lanes: dict[int, Process] = {}

    async def start(self) -> None:
        """Start with the first program."""

    async def fresh(self) -> JsonValue:
        """Start a process for one program."""
        process = await self._process()
        try:
            return await _told(process)
        finally:
            await _ended(process)

    async def again(self, lane: int) -> JsonValue:
        """Use the process of a lane."""
        if lane not in self._lanes:
            self._lanes[lane] = await self._process()
        return await _told(self._lanes[lane])

    async def stop(self) -> None:
        """End the processes."""
        for process in self._lanes.values():
            await _ended(process)

    async def _process(self) -> Process:
        module = self._folder / "node_modules" / "pyodide" / "pyodide.mjs"
        return await asyncio.create_subprocess_exec(self._node, str(SCRIPT), str(module), stdin=PIPE, stdout=PIPE)


async def _told(process: Process) -> JsonValue:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{SMALL}\n".encode())
    line = await process.stdout.readline()
    return int(line or 0)


async def _ended(process: Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    await process.wait()


def _shown(folder: Path) -> str:
    return str(folder.relative_to(HERE)) if folder.is_relative_to(HERE) else str(folder)


def peer(name: str) -> Place:
    """Make a peer; raise `MissingError` when it is not on this machine."""
    match name:
        case "bare_python":
            return Commanded()
        case "bwrap":
            found = shutil.which("bwrap")
            if found is None:
                raise MissingError("not installed: the package `bubblewrap`")
            return Commanded(found, "--ro-bind", "/", "/", "--dev", "/dev", "--unshare-all", "--die-with-parent")
        case "smolagents":
            return LocalExecutor()
        case "pyodide":
            return Pyodide()
        case _:
            raise MissingError(f"no peer named {name!r}")
