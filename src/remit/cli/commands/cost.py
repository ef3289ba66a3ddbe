"""`remit cost`: where the money of recorded sessions went, and what asking otherwise would have saved."""

import argparse
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from remit.cli import exits
from remit.cli.options import add_store
from remit.cli.places import ALL, find, stored
from remit.cli.screen import Screen
from remit.core.errors import ConfigError
from remit.core.ports import Price, SessionQuery, SessionRow, Store
from remit.core.values import JsonObject, now_ms, show_usd, usd
from remit.models.connecting import PROVIDERS, Provider
from remit.models.names import parsed
from remit.models.prices import FREE, known_price
from remit.telemetry.cost import BY, Charge, Line, Question, Questions, Saving, break_down, savings, total

_AGO = re.compile(r"(\d+)([mhdw])")
_UNITS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_BATCH = 0.5
"""What the providers with batches ask for them, as a share."""
_COLUMNS = ("calls", "input", "cached", "output", "failed", "retries", "cost", "share")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "sessions", metavar="SESSION", nargs="*", help="only these, and those they began (default: all)"
    )
    parser.add_argument("--by", choices=BY, default="agent", help="what to break it down by (default: %(default)s)")
    parser.add_argument(
        "--since", metavar="WHEN", default="", help="only from then on: 90m, 24h, 7d, 2w, or 2026-01-31"
    )
    add_store(parser)


async def main(args: argparse.Namespace) -> int:
    """Add it up and show it."""
    since = _since(args.since, now_ms())
    screen = Screen(out=args.out, json=args.json)
    async with stored(args.store) as store:
        rows = await _wanted(store, args.sessions)
        charges: list[Charge] = []
        questions: list[Question] = []
        for row in rows:
            # A session that did not change since then has no newer record, unless its run is under way.
            if row.status in {"idle", "closed"} and row.changed < since:
                continue
            reader = Questions(row.id)
            for record in await store.read(row.id):
                ended, asked = reader.see(record)
                if record.at >= since:
                    charges.extend(ended)
                    questions.extend(asked)
    lines, whole = break_down(charges, args.by), total(charges)
    sessions, found = len({charge.session for charge in charges}), savings(questions, _Listed())
    if screen.json:
        screen.result({
            "sessions": sessions, "by": args.by, "total": _told(whole, whole),
            "lines": [_told(line, whole) for line in lines], "savings": [_saved(saving) for saving in found],
        })  # fmt: skip
        return exits.DONE
    screen.say(_sum(whole, sessions), "bold")
    if lines:
        screen.table((args.by, *_COLUMNS), [_cells(line, whole) for line in lines])
    _advise(screen, found)
    return exits.DONE


async def _wanted(store: Store, names: Sequence[str]) -> list[SessionRow]:
    """Give the sessions that are asked for and, as their calls began them, all below them."""
    rows = await store.sessions(SessionQuery(limit=ALL))
    if not names:
        return rows
    wanted = {await find(store, name) for name in names}
    # Oldest first, a parent comes before what it began.
    for row in reversed(rows):
        if row.parent in wanted:
            wanted.add(row.id)
    return [row for row in rows if row.id in wanted]


def _since(text: str, now: int) -> int:
    if not text:
        return 0
    ago = _AGO.fullmatch(text)
    if ago:
        return now - int(ago[1]) * _UNITS[ago[2]]
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--since {text!r} is no time; write 90m, 24h, 7d, 2w, or 2026-01-31") from None
    # A day without a zone is a day of UTC, as budgets are.
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000)


class _Listed:
    """Prices of the list that ships, for models by the names that sessions record; servers of your own cost nothing."""

    def price(self, model: str) -> Price | None:
        """See `Tariffs.price`."""
        found = _usual(model)
        if found is None:
            return None
        provider, name = found
        return known_price(f"{provider.prices}:{name}") if provider.prices else FREE

    def batch(self, model: str) -> float | None:
        """See `Tariffs.batch`."""
        found = _usual(model)
        return _BATCH if found and found[0].prices in {"openai", "anthropic"} else None


def _usual(model: str) -> tuple[Provider, str] | None:
    """Give who serves a model, and its name there; `None` for one at an address of its own, or of nobody known."""
    try:
        name = parsed(model)
    except ConfigError:
        return None
    provider = PROVIDERS.get(name.prefix)
    return None if provider is None or name.url else (provider, name.model)


def _sum(whole: Line, sessions: int) -> str:
    bad = f"; {whole.failures} failed, which cost {show_usd(whole.wasted)}" if whole.failures else ""
    again = f"; {_count(whole.retries, 'retry', 'retries')}" if whole.retries else ""
    hits = f"; {_count(whole.hits, 'answer')} from the cache" if whole.hits else ""
    cached = f" ({whole.cached} cached)" if whole.cached else ""
    return (
        f"{show_usd(whole.cost)} in {_count(sessions, 'session')}: {_count(whole.calls, 'call')} of models and tools, "
        f"{whole.input}{cached}+{whole.output} tokens{bad}{again}{hits}"
    )


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _share(line: Line, whole: Line) -> float:
    return line.cost / whole.cost if whole.cost else 0.0


def _cells(line: Line, whole: Line) -> tuple[str, ...]:
    counts = (line.calls, line.input, line.cached, line.output, line.failures, line.retries)
    return (line.name, *map(str, counts), show_usd(line.cost), f"{_share(line, whole):.0%}")


def _advise(screen: Screen, found: Sequence[Saving]) -> None:
    if not found:
        return
    screen.say("what would have cost less, each by itself:", "bold")
    for saving in found:
        dark = f", {saving.unpriced} of unknown price not counted" if saving.unpriced else ""
        amount = "no known price" if saving.unpriced and not saving.cost else show_usd(saving.cost)
        screen.say(f"  {saving.way}: {amount} ({_count(saving.calls, 'call')}, "
                   f"{saving.tokens} input tokens{dark})")  # fmt: skip
        screen.say(f"    {saving.how}", "dim")


def _told(line: Line, whole: Line) -> JsonObject:
    return {
        "name": line.name,
        "calls": line.calls,
        "input": line.input,
        "cached": line.cached,
        "output": line.output,
        "failures": line.failures,
        "retries": line.retries,
        "hits": line.hits,
        "cost_usd": usd(line.cost),
        "wasted_usd": usd(line.wasted),
        "share": round(_share(line, whole), 4),
    }


def _saved(saving: Saving) -> JsonObject:
    return {
        "way": saving.way,
        "calls": saving.calls,
        "tokens": saving.tokens,
        "cost_usd": usd(saving.cost),
        "unpriced": saving.unpriced,
        "how": saving.how,
    }
