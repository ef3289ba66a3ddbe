"""Headline: what all sessions come to, as the head of the list says it. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from remit.cli.top.board import Ask, Board, Sums
from remit.cli.top.lines import Line, Status
from remit.core.values import Nanos, show_usd
from remit.server.exporting import Queued
from remit.telemetry import Mood, offset

Piece = tuple[str, Mood]
"""A piece of text, and how it is meant."""
_BAR = 10
_LOUD: tuple[tuple[Status, Mood], ...] = (
    ("running", "good"), ("waiting", "warn"), ("ready", "warn"), ("paused", "warn"), ("crashed", "bad"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Budget:
    """What a tenant has spent today, holds too, and what it may."""

    tenant: str
    spent: Nanos
    cap: Nanos | None = None


@dataclass(frozen=True, slots=True)
class Headline:
    """What all sessions come to."""

    counts: Mapping[Status, int]
    queue: Queued
    today: Sums
    budgets: Sequence[Budget]
    asks: int
    oldest: int
    """Since when the oldest of them waits, in milliseconds since the epoch; 0 for none."""
    inputs: int
    doubts: int


def headline(
    board: Board, lines: Sequence[Line], asks: Sequence[Ask], queue: Queued, budgets: Sequence[Budget]
) -> Headline:
    """Sum up what the board knows."""
    whole = Sums()
    for sums in board.today.values():
        for name in Sums.__slots__:
            setattr(whole, name, getattr(whole, name) + getattr(sums, name))
    counts = Counter[Status](line.status for line in lines)
    oldest = min((ask.at for ask in asks), default=0)
    if board.tenant:
        # What was counted is of all tenants.
        queued = [line.since for line in lines if line.status == "queued"]
        queue = Queued(len(queued), min(queued, default=0))
    return Headline(counts, queue, whole, budgets, len(asks), oldest, board.inputs(), board.doubts())


def told(head: Headline, now: int, *, narrow: bool = False) -> list[list[Piece]]:
    """Write it in three lines; where it is `narrow`, shortly."""
    return [_sessions(head, now, _Words(narrow)), _money(head, _Words(narrow)), _people(head, now, _Words(narrow))]


def money(amount: Nanos) -> str:
    """Write an amount shortly: to a tenth of a cent below ten cents, to a cent above."""
    if amount == 0:
        return "$0"
    if abs(amount) < 1_000_000:
        return "<$0.001" if amount > 0 else show_usd(amount)
    return f"${amount / 1e9:.3f}" if abs(amount) < 100_000_000 else f"${amount / 1e9:,.2f}"


def count(number: int) -> str:
    """Write a number in at most five characters: 940, 12.3k, 4.5M."""
    for unit, size in (("G", 1_000_000_000), ("M", 1_000_000), ("k", 1000)):
        if number >= size:
            figure = number / size
            return f"{figure:.1f}{unit}" if figure < 100 else f"{figure:.0f}{unit}"
    return str(number)


def age(now: int, at: int) -> str:
    """Write how long ago something was, without spaces."""
    past = max(now - at, 0)
    # Tenths of a second would change at every look and say nothing.
    return f"{past // 1000}s" if past < 60_000 else offset(past)[1:]


class _Words:
    """Text as it is put together."""

    def __init__(self, narrow: bool) -> None:  # noqa: FBT001 - the one thing it is told
        self.narrow, self.gap = narrow, "  " if narrow else "   "
        self.pieces: list[Piece] = []

    def say(self, text: str, mood: Mood = "quiet") -> "_Words":
        if text:
            self.pieces.append((text, mood))
        return self

    def number(self, what: str, number: int, mood: Mood, more: str = "") -> "_Words":
        """Say what, then how many; loudly unless there are none."""
        self.say(f"{self.gap if self.pieces else ''}{what} ")
        return self.say(f"{count(number)}{more}", mood if number else "quiet")


def _sessions(head: Headline, now: int, words: _Words) -> list[Piece]:
    counts = head.counts
    for status, mood in _LOUD:
        if counts.get(status) or status in {"running", "waiting"}:
            words.number(status, counts.get(status, 0), mood)
    waited = f" {age(now, head.queue.oldest)}" if head.queue.oldest else ""
    words.number("queued", head.queue.depth, "warn", waited)
    return words.number("at rest", counts.get("idle", 0) + counts.get("closed", 0), "plain").pieces


def _money(head: Headline, words: _Words) -> list[Piece]:
    words.say("today ")
    capped = [(budget, budget.cap) for budget in head.budgets if budget.cap is not None]
    if len(capped) == len(head.budgets) == 1:
        _bar(words, *capped[0], "")
    else:
        words.say(money(sum(budget.spent for budget in head.budgets)), "plain")
        if capped:
            tightest, cap = max(capped, key=lambda pair: _share(*pair))
            _bar(words.say(words.gap), tightest, cap, f"{tightest.tenant} ")
    today = head.today
    share = f" ({today.failures / today.steps:.1%})" if today.failures and today.steps else ""
    words.say(f"{words.gap}tokens ").say(f"{count(today.input)}+{count(today.output)}", "plain")
    if not words.narrow:
        words.number("steps", today.steps, "plain")
    return words.number("errors", today.failures, "bad", share).pieces


def _share(budget: Budget, cap: Nanos) -> float:
    return budget.spent / cap if cap else 1.0


def _bar(words: _Words, budget: Budget, cap: Nanos, who: str) -> None:
    share = _share(budget, cap)
    mood: Mood = "good" if share < 0.7 else "warn" if share < 0.9 else "bad"
    full = max(0, min(_BAR, round(share * _BAR)))
    words.say(f"{who}{money(budget.spent)} of {money(cap)} ", "plain")
    if not words.narrow:
        words.say("━" * full, mood).say("─" * (_BAR - full)).say(" ")
    words.say(f"{share:.0%}", mood)


def _people(head: Headline, now: int, words: _Words) -> list[Piece]:
    words.number("approvals", head.asks, "warn", f" {age(now, head.oldest)}" if head.oldest else "")
    words.number("inputs", head.inputs, "warn").number("in doubt", head.doubts, "bad")
    return words.number("loop stops", head.today.stops, "bad").number("flags", head.today.flags, "warn").pieces
