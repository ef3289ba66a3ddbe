"""Cells: how lines, calls that wait and rows of a timeline are written in columns of a width. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from remit.cli.screen import SECRETS, visible
from remit.cli.top.board import Ask
from remit.cli.top.headline import age, count, money
from remit.cli.top.lines import BAD, Line, Status
from remit.core.values import JsonObject, usd
from remit.telemetry import Mood, figures, head, offset
from remit.telemetry import Row as Told

Cell = tuple[str, Mood]

_MOODS: dict[Status, Mood] = {
    "waiting": "warn", "crashed": "bad", "paused": "warn", "ready": "warn", "queued": "plain", "running": "good",
    "idle": "quiet", "closed": "quiet",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """A column, shown where there is room for it."""

    title: str
    width: int
    """Cells; of a column that grows, the least."""
    right: bool = False
    least: int = 0
    """How wide the whole must be for it to be shown."""
    grows: bool = False


SESSIONS: tuple[Column, ...] = (
    Column("SESSION", 12), Column("AGENT", 9), Column("TENANT", 9, least=130), Column("STATUS", 8),
    Column("WHY", 11, least=100), Column("FOR", 6, right=True), Column("AGE", 6, right=True, least=90),
    Column("SPENT", 7, right=True), Column("STEPS", 5, right=True), Column("TOKENS", 6, right=True),
    Column("FLAGS", 5, right=True, least=120), Column("NOW", 12, grows=True),
)  # fmt: skip
ASKS: tuple[Column, ...] = (
    Column("SESSION", 12), Column("AGENT", 9), Column("WAITS", 6, right=True), Column("LAPSES", 7, right=True),
    Column("CALL", 20, grows=True), Column("WHY", 30, least=110),
)  # fmt: skip
TIMELINE: tuple[Column, ...] = (
    Column("SEQ", 4, right=True), Column("SINCE", 8, right=True), Column("STEP", 5, least=60), Column("WHAT", 14),
    Column("DETAIL", 20, grows=True), Column("FIGURES", 30, least=110),
)  # fmt: skip


def layout(columns: Sequence[Column], width: int) -> list[tuple[int, Column, int]]:
    """Give the columns that are shown: their place, and how wide each is, with a cell between two of them."""
    shown = [(place, column) for place, column in enumerate(columns) if width >= column.least]
    spare = width - sum(column.width for _, column in shown) - max(len(shown) - 1, 0)
    return [(place, column, column.width + max(spare, 0) * column.grows) for place, column in shown]


def clean(text: str) -> str:
    """Make text of models, tools and mails fit to be shown on one line of a terminal, without registered secrets."""
    return " ".join(visible(redacted(text)).split())


def redacted(text: str) -> str:
    """Take registered secrets out of a text."""
    secrets = SECRETS.get()
    return text if secrets is None else secrets.redact(text)


def session_cells(line: Line, now: int, *, narrow: bool = False) -> tuple[Cell, ...]:
    """Write a session; where it is `narrow`, what it waits for stands in place of the status."""
    mood = "bad" if line.status == "idle" and line.why in BAD else _MOODS[line.status]
    told = line.status in {"waiting", "idle"} and line.why and line.why != "done"
    status = line.why if narrow and told else line.status
    quiet: Mood = "quiet" if line.status in {"idle", "closed"} else "plain"
    shown = (money(line.spent), count(line.steps), count(line.tokens)) if line.read else ("·", "·", "·")
    return (
        (line.id, quiet), (clean(line.agent), quiet), (clean(line.tenant), quiet), (status, mood), (line.why, mood),
        (age(now, line.since), quiet), (age(now, line.opened), "quiet"), *((text, quiet) for text in shown),
        (str(line.flags or ""), "warn"), (clean(line.now), quiet),
    )  # fmt: skip


def ask_cells(ask: Ask, now: int) -> tuple[Cell, ...]:
    """Write a call that waits for a decision."""
    left = ask.expires - now
    lapses: Cell = (age(ask.expires, now), "bad" if left < 300_000 else "plain") if left > 0 else ("lapsed", "bad")
    call = clean(ask.text) + (f" (needs {ask.missing} people)" if ask.missing > 1 else "")
    return ((ask.session, "plain"), (clean(ask.agent), "plain"), (age(now, ask.at), "warn"), lapses, (call, "plain"),
            (clean(ask.reason), "quiet"))  # fmt: skip


def row_cells(row: Told) -> tuple[Cell, ...]:
    """Write a row of a timeline."""
    detail = clean(" ".join(part for part in (row.detail, f"→ {row.wants}" if row.wants else "") if part))
    return ((str(row.seq), "quiet"), (offset(row.since), "quiet"), (row.step, "quiet"), (clean(row.title), row.mood),
            (detail, row.mood), (figures(row), "quiet"))  # fmt: skip


def line_json(line: Line) -> JsonObject:
    """Write a session for a machine; without figures where its records were not read."""
    told: JsonObject = {
        "session": line.id, "agent": line.agent, "tenant": line.tenant, "status": line.status, "why": line.why,
        "since": line.since, "opened": line.opened, "changed": line.changed, "parent": line.parent,
    }  # fmt: skip
    if line.read:
        told |= {"spent_usd": usd(line.spent), "steps": line.steps, "tokens": line.tokens, "flags": line.flags,
                 "now": head(line.now)}  # fmt: skip
    return told
