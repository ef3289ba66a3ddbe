"""Health: a line for each tool and check, in a file that is only appended to."""

from pathlib import Path

import msgspec

from remit.core.errors import ConfigError
from remit.tools.checking.report import Report, Status

FILE = Path(".remit/tool-checks.jsonl")


class Health(msgspec.Struct, frozen=True):
    """How a tool was when it was checked."""

    tool: str
    at: int
    """Milliseconds since the epoch."""
    status: Status
    calls: int
    ok: int
    refused: int
    breaches: int
    error_rate: float
    p50_ms: float
    p95_ms: float
    max_ms: float
    seconds: float
    seed: int
    contract: str = ""
    """The digest of the contract that was checked: another one has not been checked yet."""


def keep(report: Report, path: Path = FILE) -> None:
    """Append a line for each tool; raise `ConfigError` when that cannot be."""
    lines = b"".join(msgspec.json.encode(line) + b"\n" for line in healths(report))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(lines)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}") from error


def healths(report: Report) -> list[Health]:
    """Give what is kept of a report."""
    return [
        Health(
            tool=one.tool,
            at=report.at,
            status=one.status,
            calls=one.calls,
            ok=one.ok,
            refused=one.refused,
            breaches=len(one.breaches),
            error_rate=round(one.error_rate, 4),
            p50_ms=one.latency.p50,
            p95_ms=one.latency.p95,
            max_ms=one.latency.max,
            seconds=round(one.seconds, 3),
            seed=report.seed,
            contract=one.contract,
        )
        for one in report.tools
    ]


def last_checks(path: Path = FILE) -> dict[str, Health]:
    """Give the last check of each tool by its name; empty when none was made. A line that is cut is passed over."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from error
    found: dict[str, Health] = {}
    for line in lines:
        try:
            health = msgspec.json.decode(line, type=Health)
        except msgspec.DecodeError:
            continue
        found[health.tool] = health
    return found
