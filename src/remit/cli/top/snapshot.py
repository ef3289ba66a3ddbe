"""Snapshot: how everything stands at one moment, for scripts and pipes."""

from collections.abc import Sequence

from remit.cli.screen import Screen
from remit.cli.top.board import Ask
from remit.cli.top.cells import SESSIONS, line_json, session_cells
from remit.cli.top.headline import Budget, told
from remit.cli.top.lines import Wanted
from remit.cli.top.watching import Picture
from remit.core.values import JsonObject, JsonValue, usd


def write(picture: Picture, wanted: Wanted, screen: Screen) -> None:
    """Write it; with `--json` as one object."""
    lines = wanted.of(picture.lines)
    if screen.json:
        sessions: list[JsonValue] = [line_json(line) for line in lines]
        screen.result({**_summed(picture), "approvals": _asks(picture.asks), "sessions": sessions})
        return
    for pieces in told(picture.headline, picture.at):
        screen.say("".join(text for text, _ in pieces).rstrip())
    rows = [tuple(text for text, _ in session_cells(line, picture.at)) for line in lines]
    screen.table(tuple(column.title.lower() for column in SESSIONS), rows)
    if not lines:
        screen.hint("no sessions like this")


def _summed(picture: Picture) -> JsonObject:
    head, today = picture.headline, picture.headline.today
    return {
        "at": picture.at,
        "counts": {str(status): number for status, number in head.counts.items()},
        "queue": {"depth": head.queue.depth, "oldest": head.queue.oldest},
        "today": {
            "steps": today.steps, "input": today.input, "output": today.output, "errors": today.failures,
            "cost_usd": usd(today.cost), "loop_stops": today.stops, "flags": today.flags,
        },
        "budgets": [_budget(budget) for budget in head.budgets],
        "inputs": head.inputs,
        "in_doubt": head.doubts,
        "hidden": picture.hidden,
    }  # fmt: skip


def _budget(budget: Budget) -> JsonObject:
    cap = None if budget.cap is None else usd(budget.cap)
    return {"tenant": budget.tenant, "spent_usd": usd(budget.spent), "cap_usd": cap}


def _asks(asks: Sequence[Ask]) -> list[JsonValue]:
    return [
        {"session": ask.session, "agent": ask.agent, "tenant": ask.tenant, "call": ask.call, "text": ask.text,
         "reason": ask.reason, "at": ask.at, "expires": ask.expires, "missing": ask.missing}
        for ask in asks
    ]  # fmt: skip
