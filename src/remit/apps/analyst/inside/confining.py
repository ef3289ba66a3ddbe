"""Confining: gives up, for good, whatever a file or a query could reach by a fault of DuckDB itself.

DuckDB's own settings keep queries from files and networks. Where Linux can, its process has neither: Landlock leaves it
the files it was given, and a filter of system calls leaves it no socket and no other executable.
"""

import contextlib
import os
import resource
import sys
from collections.abc import Sequence

import duckdb

if sys.platform == "linux":
    from remit.sandbox.native.inside import landlock, linux, seccomp

_LOOKED_AT = ("/proc/self/cgroup", "/proc/stat", "/sys/fs/cgroup", "/sys/devices/system/cpu/online")
"""What DuckDB asks about the machine; where it sees that there is such a file, it ends when it cannot open it."""
_OPTIONS = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "threads": "2",
}


def connected(memory: int) -> duckdb.DuckDBPyConnection:
    """Start DuckDB with so much memory, without anything that it could load later."""
    connection = duckdb.connect(":memory:", config={**_OPTIONS, "memory_limit": f"{memory}B", "temp_directory": ""})
    connection.execute("SET TimeZone='UTC'")
    return connection


def bounded(address_space: int, written: int) -> None:
    """Write no file larger than this, and take no more memory: DuckDB does not count all that it takes."""
    for kind, most in (
        (resource.RLIMIT_FSIZE, written),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, address_space),
    ):
        resource.setrlimit(kind, (most, most))


def confined(readable: Sequence[str], writable: Sequence[str]) -> list[str]:
    """Reach these files and nothing else from now on; give what holds it, which the machine decides.

    Threads that there are already would stay free, so this comes before the first connection that stays.
    """
    warm = connected(64_000_000)
    # What Python imports when it is first needed is imported before the files are gone.
    warm.execute("SELECT 1.5::DECIMAL(9,1), uuid(), now()::VARCHAR, DATE '2026-01-01', [1], INTERVAL 1 DAY").fetchall()
    "".encode("utf-8-sig")
    warm.close()
    if sys.platform != "linux":
        return []
    held: list[str] = []
    try:
        with contextlib.suppress(FileNotFoundError):
            # Kept open, so that the kernel goes on knowing it as the file of the rule.
            os.open(_LOOKED_AT[0], os.O_PATH | os.O_CLOEXEC)
        rules = landlock.ruleset([*readable, *_LOOKED_AT], [], list(writable))
        landlock.restrict(rules)
        os.close(rules)
        held.append("landlock")
    except OSError:
        # The kernel has none, or an older one; DuckDB's settings and the filter hold.
        pass
    try:
        linux.bar_capabilities()
        linux.drop_capabilities()
        # Without files of its own to write, it changes none by name either.
        seccomp.apply(alone=bool(writable), threads=True)
        held.append("seccomp")
    except (OSError, KeyError):
        # No filter for this machine; the rest holds.
        pass
    return held
