"""Record: one figure of one run of the bench, and the file of them, JSON lines."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Record:
    """One figure. Failures are records too: metric `error`, the value its last line."""

    workload: str
    system: str
    store: str
    n: int
    metric: str
    value: float | str | None


def write(records: Iterable[Record], path: Path) -> None:
    """Write all records, one JSON object a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(asdict(record)) + "\n" for record in records))


def read(path: Path) -> list[Record]:
    """Read what `write` wrote."""
    return [Record(**json.loads(line)) for line in path.read_text().splitlines() if line]


@dataclass(frozen=True, slots=True)
class Figures:
    """All records of a run, for looking one up."""

    records: Sequence[Record]

    def value(self, workload: str, system: str, store: str, n: int, metric: str) -> float | None:
        """Return a figure, or `None` where it was not taken."""
        for record in self.records:
            at = (record.workload, record.system, record.store, record.n, record.metric)
            if at == (workload, system, store, n, metric) and not isinstance(record.value, str):
                return record.value
        return None

    def text(self, workload: str, system: str, store: str, n: int, metric: str) -> str | None:
        """Return a note such as an error or a version, or `None`."""
        for record in self.records:
            at = (record.workload, record.system, record.store, record.n, record.metric)
            if at == (workload, system, store, n, metric) and isinstance(record.value, str):
                return record.value
        return None

    def has(self, workload: str) -> bool:
        """Return whether anything of a workload was run."""
        return any(record.workload == workload for record in self.records)
