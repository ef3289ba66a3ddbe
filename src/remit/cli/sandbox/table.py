"""The table of attacks: a row an attack, a column a tier."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from remit.cli.screen import Screen
from remit.core.programs import Capabilities
from remit.core.values import JsonObject, JsonValue
from remit.testing.sandboxes import EXCEPTIONS, Attacked

_WIDTH = 80
"""Columns of a terminal in which the heads are tiers, if they fit; beyond it they are numbers."""


@dataclass(frozen=True, slots=True)
class Column:
    """What came of the attacks on a tier."""

    known: Capabilities
    attacked: tuple[Attacked, ...]

    @property
    def tier(self) -> str:
        """The tier's name."""
        return self.known.tier

    def unexpected(self) -> tuple[Attacked, ...]:
        """List the breaches that no exception explains."""
        return tuple(one for one in self.attacked if one.verdict == "breached" and not one.expected)

    def expected(self) -> tuple[Attacked, ...]:
        """List the breaches that are exceptions."""
        return tuple(one for one in self.attacked if one.verdict == "breached" and one.expected)

    def summary(self) -> str:
        """Count them in a line."""
        counts = {
            "blocked": sum(one.verdict == "blocked" for one in self.attacked),
            "let through on purpose": len(self.expected()),
            "not applicable": sum(one.verdict == "not applicable" for one in self.attacked),
            "breached": len(self.unexpected()),
        }
        shown = [f"{count} {what}" for what, count in counts.items() if count or what in {"blocked", "breached"}]
        return f"{', '.join(shown)} of {len(self.attacked)}"


def say(screen: Screen, columns: Sequence[Column], absent: Sequence[Capabilities]) -> None:
    """Show it to a person; when it is not for a terminal, a line for each tier and attack."""
    if not screen.streams:
        screen.table((), [(c.tier, one.name, _word(one), one.why) for c in columns for one in c.attacked])
    else:
        named = 48 + sum(len(column.tier) + 2 for column in columns) <= _WIDTH
        heads = [column.tier if named else str(number) for number, column in enumerate(columns, 1)]
        screen.table(["attack", *heads], [[name, *map(_mark, row)] for name, row in _rows(columns)])
        screen.say()
        screen.hint("ok blocked, OUT breached, exc let through on purpose, n/a not applicable", "dim")
    for number, column in enumerate(columns, 1):
        level = f" ({column.known.level})" if column.known.level else ""
        screen.hint(f"{number} {column.tier}{level}: {column.summary()}")
    for column in columns:
        for one in column.expected():
            screen.hint(f"{column.tier} lets through: {one.name}: {one.expected}", "yellow")
    for known in absent:
        screen.hint(f"{known.tier} is not available: {'; '.join(known.missing)}", "dim")
    for column in columns:
        for one in column.unexpected():
            screen.hint(f"BREACHED {column.tier}: {one.name}: {one.why}", "bold red")


def markdown(columns: Sequence[Column]) -> str:
    """Write it as documentation holds it: the same for the same verdicts."""
    heads = ["attack", *(column.tier for column in columns)]
    lines = [_line(heads), _line(["---"] * len(heads))]
    lines += [_line([name, *map(_word, row)]) for name, row in _rows(columns)]
    lines += ["", *(f"- {column.tier}: {column.summary()}" for column in columns)]
    notes = [f"- {c.tier}, {one.name}: {one.expected}" for c in columns for one in c.expected()]
    return "\n".join([*lines, *(["", "Let through on purpose:", "", *notes] if notes else [])])


def told(columns: Sequence[Column], absent: Sequence[Capabilities]) -> JsonObject:
    """Write it for machines."""
    tiers: list[JsonValue] = [
        {
            "tier": column.tier,
            "level": column.known.level,
            "unexpected": len(column.unexpected()),
            "exceptions": dict(EXCEPTIONS.get(column.known.tier, {})),
            "attacks": [msgspec.to_builtins(one) for one in column.attacked],
        }
        for column in columns
    ]
    return {"tiers": tiers, "not_available": {known.tier: list(known.missing) for known in absent}}


def _rows(columns: Sequence[Column]) -> list[tuple[str, tuple[Attacked, ...]]]:
    return [(row[0].name, row) for row in zip(*(column.attacked for column in columns), strict=True)]


def _word(one: Attacked) -> str:
    if one.verdict == "breached":
        return "let through on purpose" if one.expected else "**breached**"
    return one.verdict


def _mark(one: Attacked) -> str:
    if one.verdict == "breached":
        return "exc" if one.expected else "OUT"
    return "ok" if one.verdict == "blocked" else "n/a"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
