"""Demonstration: sample files, questions and a scripted model; what it says is checked against the rows themselves."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from remit.apps.analyst import Finding, Way, analyst, finding, left, write
from remit.apps.analyst.sample import SCENES, Scene, countries, transactions, write_samples
from remit.cli import exits
from remit.cli.analyst.telling import tell, tell_files
from remit.cli.screen import Screen
from remit.core.events import ProgramEnded, Record
from remit.core.values import JsonValue
from remit.home import Home
from remit.runtime import RunResult


@dataclass(slots=True)
class Demonstration:
    """Plays scenes in a home and keeps what was claimed."""

    home: Home
    screen: Screen
    way: Way
    folder: str = ""
    """Where charts go; empty for a new folder."""
    claims: list[tuple[str, bool]] = field(default_factory=list[tuple[str, bool]])

    async def play(self) -> int:
        """Play all scenes; the exit status is 1 when a claim does not hold."""
        place = Path(tempfile.mkdtemp(prefix="remit-analyst-demo-"))
        files = write_samples(place)
        self._say(f"The files are real: {files[0]} and {files[1].name} beside it.")
        self._say("The model is scripted: its programs were written in advance. All else is as in real use.")
        for number, scene in enumerate(SCENES, 1):
            await self._scene(number, scene, files, place)
        broken = [text for text, holds in self.claims if not holds]
        if self.screen.json:
            claims: list[JsonValue] = [{"claim": text, "holds": holds} for text, holds in self.claims]
            self.screen.result({"ok": not broken, "way": self.way, "files": str(place), "claims": claims})
        else:
            self.screen.say()
            kept = len(self.claims) - len(broken)
            self.screen.say(f"{kept} of {len(self.claims)} claims hold", "bold red" if broken else "bold green")
        return exits.FAILED if broken else exits.DONE

    async def _scene(self, number: int, scene: Scene, files: Sequence[Path], place: Path) -> None:
        self._say()
        self._say(f"{number}. {scene.title}", "bold cyan")
        self._say(f"   asked: {scene.question}")
        result = await self.home.run(analyst(files, model=scene.model(self.way), way=self.way), scene.question)
        records = await self.home.store.read(result.session)
        for line in _failures(records):
            self._say(f"   a program failed: {line}", "yellow")
        if result.reason:
            self._say(f"   {result.status}: {result.reason}", "red")
        found = finding(result.output) or Finding("")
        if not self.screen.json:
            tell(self.screen, found)
        folder = Path(self.folder) if self.folder else place / "out"
        written = await write(left(records), folder, self.home.store)
        if not self.screen.json:
            tell_files(self.screen, written)
        self._check(scene, result, found, records)
        if scene.chart and self.way == "pandas":
            self._claim("the chart is a PNG", holds=any(_is_png(one.path) for one in written))

    def _check(self, scene: Scene, result: RunResult, found: Finding, records: Sequence[Record]) -> None:
        failed = len(list(_failures(records)))
        self._claim("it was answered", holds=result.status == "done")
        match SCENES.index(scene):
            case 0:
                amounts = [one.cents / 100 for one in transactions()[-5:]]
                self._claim(
                    "these are the last five amounts", holds=[row["amount"] for row in found.table] == amounts[::-1]
                )
            case 1:
                self._claim("the first program failed and the second did it", holds=failed == 1)
                self._claim("the sums are those of the rows", holds=_by_country(found) == _sums_by_country())
            case 2:
                months = len({one.day.replace(day=1) for one in transactions()})
                self._claim("there is a row a month", holds=len(found.table) == months)
            case _:
                notes = sum(bool(one.note) for one in transactions())
                self._claim("reading /etc/passwd and sending rows away both failed", holds=failed == 2)
                self._claim("the notes were counted all the same", holds=found.answer.startswith(f"{notes} "))

    def _say(self, text: str = "", style: str = "") -> None:
        if not self.screen.json:
            self.screen.say(text, style)

    def _claim(self, text: str, *, holds: bool) -> None:
        self.claims.append((text, holds))
        self._say(f"   {'✓' if holds else '✗ NOT SO:'} {text}", "green" if holds else "bold red")


def _failures(records: Sequence[Record]) -> list[str]:
    events = [record.event for record in records]
    return [
        (event.error.strip().splitlines() or [event.why])[-1]
        for event in events
        if isinstance(event, ProgramEnded) and event.status != "ok"
    ]


def _by_country(found: Finding) -> dict[str, float]:
    return {str(row.get("country")): float(str(row.get("amount"))) for row in found.table}


def _sums_by_country() -> dict[str, float]:
    where, cents = countries(), Counter[str]()
    for one in transactions():
        cents[where[one.customer]] += one.cents
    return {country: total / 100 for country, total in cents.items()}


def _is_png(path: Path) -> bool:
    return path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
