"""Programs: code that nobody trusts, the terms under which it may run, and the port of the places where it does."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal, Protocol

import msgspec

from remit.core.values import JsonObject, JsonValue

Tier = Literal["none", "interpreter", "wasm", "native", "bubblewrap", "container", "microvm"]
"""How a box is held, weakest first: not at all, by an interpreter of its own, ..., by a machine of its own."""

TIERS: tuple[Tier, ...] = ("none", "interpreter", "wasm", "native", "bubblewrap", "container", "microvm")

Status = Literal["ok", "error", "timeout", "oom", "output_limit", "killed", "paused", "busy"]
"""How a program ended; only `ok` has a value. `busy`: no box was free, so it did not run."""

Bridge = Callable[[str, JsonObject], Awaitable[JsonValue]]
"""Makes a call of a tool for a program: name and arguments.

What it raises, the program sees as an exception; only `Interrupt` ends the program, whatever it catches.
"""


class Interrupt(Exception):  # noqa: N818 - a way to stop, not an error
    """Raised by a bridge: the program cannot go on now.

    Its box waits for the other calls that are under way, then keeps it as bytes (`paused`) or ends it (`killed`).
    """


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What one program may use at most."""

    wall: float = 30.0
    """Seconds, without those in which it waits for a tool."""
    cpu: float = 30.0
    """Seconds of processor."""
    memory: int = 256_000_000
    """Bytes."""
    output: int = 1_000_000
    """Bytes that it prints, and bytes of its value."""
    disk: int = 64_000_000
    """Bytes that it writes."""
    files: int = 1000
    """Files and folders that it makes."""
    processes: int = 16
    """Processes and threads."""
    recursion: int = 500
    """Calls within calls, where the tier counts them."""
    calls: int = 200
    """Calls of tools."""
    kept: int = 4_000_000
    """Bytes of a program that is kept while it waits."""


class Mount(msgspec.Struct, frozen=True, kw_only=True):
    """A file or folder of the host that a program may read."""

    source: str
    target: str
    """Where it finds it, below `/data`."""


class SandboxPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Under which terms code may run."""

    least: Tier = "interpreter"
    """The weakest tier; a driver below it raises `ConfigError`."""
    bounds: Bounds = Bounds()
    mounts: tuple[Mount, ...] = ()
    """What it may read; a tier without files raises `ConfigError` when there are any."""
    packages: tuple[str, ...] = ()
    """Libraries that its programs import, beyond the standard one."""
    language: Literal["subset", "full"] = "subset"
    """Whether all of Python is needed."""


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a driver gives on this machine, as it found out by trying."""

    tier: Tier
    available: bool
    level: str = ""
    """How far of it this machine allows, such as `full` or `without cgroup`."""
    missing: tuple[str, ...] = ()
    """What it lacks, why, and what to install or allow."""
    language: Literal["subset", "full"] = "full"
    packages: tuple[str, ...] = ()
    """Libraries beyond the standard one that programs can import."""
    deterministic: bool = False
    """The same program with the same answers of tools always does the same."""
    pause: bool = False
    """A program that waits for a tool can be stored as bytes and go on elsewhere."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a program. None of it can be trusted."""

    status: Status
    value: JsonValue = None
    """Of its last expression."""
    printed: str = ""
    error: str = ""
    """The exception with its lines in the program, as its writer can use it; empty unless `error`."""
    line: int = 0
    """Where in the program; 0 when it is not known."""
    why: str = ""
    """Which bound it ran into, or what ended it."""
    calls: int = 0
    """Calls of tools that it made, in all its parts."""
    seconds: float = 0.0
    """How long it ran in this process, waits for tools included."""
    kept: bytes = b""
    """The program as it waits; only when `paused`."""


class Box(Protocol):
    """A place for one program after the other, which share nothing but files."""

    @property
    def tier(self) -> Tier:
        """How it is held."""
        ...

    async def run(
        self, code: str, *, inputs: Mapping[str, JsonValue], tools: Mapping[str, tuple[str, ...]], bridge: Bridge
    ) -> Result:
        """Run a program; `inputs` are its first names, `tools` the parameters of the functions it may call, by name.

        Whatever the program does, this returns; only what broke here is raised.
        """
        ...

    async def resume(self, kept: bytes, *, tools: Mapping[str, tuple[str, ...]], bridge: Bridge) -> Result:
        """Go on with a program that was kept, here or on another machine.

        The bridge is asked again for the calls that were interrupted, and for no others. Raise `ConfigError` when this
        tier keeps no programs, or cannot read this one.
        """
        ...

    async def files(self) -> Mapping[str, int]:
        """List what is below `/scratch`: bytes by path, such as `charts/1.png`; nothing where there are no files."""
        ...

    async def put(self, path: str, data: bytes) -> None:
        """Write a file that programs find below `/scratch`; raise `ConfigError` where there are no files."""
        ...

    async def get(self, path: str) -> bytes:
        """Read a file that programs have written below `/scratch`."""
        ...

    async def close(self) -> None:
        """Leave nothing of it behind."""
        ...


class Sandbox(Protocol):
    """A driver: makes boxes of one tier."""

    def capabilities(self) -> Capabilities:
        """Say what this machine can give; it is found out once."""
        ...

    async def open(self, policy: SandboxPolicy) -> Box:
        """Make a box; raise `ConfigError` naming what to install when this machine or tier is below the policy."""
        ...

    async def close(self) -> None:
        """Let go of what boxes share."""
        ...
