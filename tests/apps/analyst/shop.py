"""A shop's files: transactions as CSV, customers as Parquet, and homes in which analysts look at them."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa  # pyright: ignore[reportMissingTypeStubs]
import pyarrow.parquet as pq  # pyright: ignore[reportMissingTypeStubs]

from remit.apps.analyst import PACKAGES, Finding, Way, analyst, finding
from remit.core.events import ProgramEnded, Record
from remit.core.messages import UserMessage
from remit.home import MEMORY, Home, Settings
from remit.runtime import RunResult
from remit.sandbox.choosing import standard
from remit.testing import ScriptedModel, says

ROWS = [
    (number, number % 5 + 1, number * 150 + 99, f"2026-{number % 3 + 1:02d}-{number % 28 + 1:02d}")
    for number in range(100)
]
"""Transactions: id, customer, cents, day."""

NAMES = {1: "Ann", 2: "Bo", 3: "Cy", 4: "Di", 5: "Ed"}


def amount(cents: int) -> float:
    return cents / 100


@dataclass
class Shop:
    """A folder with the files of a shop."""

    folder: Path

    def __post_init__(self) -> None:
        lines = [f"{number},{customer},{amount(cents):.2f},{day}" for number, customer, cents, day in ROWS]
        self.sold = self.file("transactions.csv", "\n".join(["id,customer,amount,day", *lines]) + "\n")
        self.people = self.folder / "customers.parquet"
        columns = {"customer": list(NAMES), "name": list(NAMES.values()), "email": ["ann@shop.example"] * len(NAMES)}
        pq.write_table(pa.table(columns), self.people)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]

    def file(self, name: str, content: str | bytes) -> Path:
        """Write a file."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path


@dataclass
class Told:
    """What came of a question."""

    result: RunResult
    records: list[Record]
    model: ScriptedModel

    @property
    def finding(self) -> Finding:
        found = finding(self.result.output)
        assert found is not None, self.result
        return found

    @property
    def programs(self) -> list[ProgramEnded]:
        return [record.event for record in self.records if isinstance(record.event, ProgramEnded)]

    def said(self, ask: int = 0) -> str:
        """What the model was told in one of its questions."""
        last = self.model.requests[ask].messages[-1]
        assert isinstance(last, UserMessage)
        return last.text


@asynccontextmanager
async def at_home() -> AsyncGenerator[Home]:
    """Open a home whose programs find what analysts need."""
    async with Home.open(MEMORY, Settings(sandbox=standard(packages=PACKAGES))) as home:
        yield home


async def told(home: Home, files: Sequence[Path], way: Way, *programs: str, question: str = "what?") -> Told:
    """Ask an analyst whose model writes these programs, one after the other."""
    model = ScriptedModel([says(f"```python\n{program}\n```") for program in programs], keep=True)
    result = await home.run(analyst(files, model=model, way=way), question)
    return Told(result, await home.store.read(result.session), model)
