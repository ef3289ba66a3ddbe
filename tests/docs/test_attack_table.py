"""The table of attacks in the docs is one that the command prints, of all attacks, and nothing in it got out."""

from pathlib import Path

import pytest

from remit.cli.sandbox.table import Column, markdown
from remit.core.programs import TIERS, Capabilities, Tier
from remit.testing.sandboxes import ATTACKS, EXCEPTIONS, Attack, Attacked
from remit.testing.sandboxes.attacking import Verdict

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "attacks.md"
BEGIN, END = "<!-- printed by remit sandbox attack -->", "<!-- end of what was printed -->"
EVERYWHERE: set[Tier] = {"interpreter", "wasm", "native"}
"""Tiers that no machine lacks on which the checks run."""


def printed() -> str:
    """Read what the page says the command printed."""
    return PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0].strip()


def cells(line: str) -> list[str]:
    """Take a row apart."""
    return [cell.strip() for cell in line.strip("|").split("|")]


def expected(tier: Tier, attack: Attack, cell: str) -> Attacked:
    """Give what the command must have found for a cell that is as it may be; a cell that may not be is a breach."""
    reason = EXCEPTIONS.get(tier, {}).get(attack.name, "")
    # Where there are no files of its own, a box cannot be made to follow a link in them.
    fits = cell == "blocked" or (cell == "not applicable" and bool(attack.get or attack.put))
    verdict: Verdict = "breached"
    if fits:
        verdict = "blocked" if cell == "blocked" else "not applicable"
    return Attacked(attack.name, verdict, "", reason if verdict == "breached" else "")


def faults(table: str) -> list[str]:
    """List what is wrong with a table."""
    head, _, *rows = [cells(line) for line in table.splitlines() if line.startswith("|")]
    tiers: list[Tier] = [tier for tier in TIERS[1:] if tier in head]
    found = [] if head == ["attack", *tiers] else [f"columns {head}"]
    found += [f"no column of {tier}" for tier in sorted(EVERYWHERE - set(tiers))]
    names = [attack.name for attack in ATTACKS]
    if [row[0] for row in rows] != names or any(len(row) != len(head) for row in rows):
        return [*found, "rows"]
    columns = [
        Column(
            Capabilities(tier=tier, available=True),
            tuple(expected(tier, attack, row[place]) for attack, row in zip(ATTACKS, rows, strict=True)),
        )
        for place, tier in enumerate(tiers, 1)
    ]
    found += [f"{column.tier}: {one.name}" for column in columns for one in column.unexpected()]
    return found if found or table == markdown(columns) else ["not as the command prints it"]


def test_the_table_of_the_docs_is_one_that_the_command_prints() -> None:
    assert faults(printed()) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("| blocked |", "| **breached** |", "read a file of the host"),
        ("| blocked |", "| let through on purpose |", "read a file of the host"),
        ("| blocked |", "| not applicable |", "read a file of the host"),
        ("| read a file of the host |", "| read a file |", "rows"),
        ("| wasm |", "| webassembly |", "columns"),
        (f" of {len(ATTACKS)}", " of 7", "not as the command prints it"),
    ],
)
def test_a_table_that_says_something_else_is_noticed(old: str, new: str, fault: str) -> None:
    assert any(fault in each for each in faults(printed().replace(old, new, 1)))


def test_a_table_without_the_newest_attack_is_noticed() -> None:
    lines = [line for line in printed().splitlines() if not line.startswith(f"| {ATTACKS[-1].name} |")]
    assert faults("\n".join(lines)) == ["rows"]


def test_the_page_says_whether_there_are_exceptions() -> None:
    assert ("There is none." in PAGE.read_text(encoding="utf-8")) == (not any(EXCEPTIONS.values()))


def test_the_page_names_the_command_that_remakes_the_table() -> None:
    page = PAGE.read_text(encoding="utf-8")
    script = ROOT / "scripts" / "sandbox_table.py"
    assert f"`{script.relative_to(ROOT).as_posix()}`" in page
    source = script.read_text(encoding="utf-8")
    assert BEGIN in source
    assert END in source
