"""Tables: rows of calls with what policies must say of them, kept beside the policies in `*.tests.toml`."""

import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from remit.cli.policy.sources import TABLES, text
from remit.core.errors import ConfigError
from remit.core.events import (
    EffectEnded,
    Event,
    MessageReceived,
    ModelAnswered,
    ModelAsked,
    RunEnded,
    RunOpened,
    SessionOpened,
    Tree,
)
from remit.core.limits import Limits
from remit.core.messages import Call, Outcome
from remit.core.state import State
from remit.core.values import JsonObject, nanos

_MONDAY = datetime(2026, 1, 5, 12, tzinfo=UTC)
_Dollars = Annotated[float, msgspec.Meta(ge=0, le=100_000_000)]


class Stands(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How things stand; the names are those of Cedar's context."""

    depth: Annotated[int, msgspec.Meta(ge=0)] = 0
    steps: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0
    spent_usd: _Dollars | None = None
    """Of the session; what the run spent when it is left out."""
    run_spent_usd: _Dollars = 0.0
    hour: Annotated[int, msgspec.Meta(ge=0, le=23)] | None = None
    weekday: Annotated[int, msgspec.Meta(ge=1, le=7)] | None = None
    at: datetime = _MONDAY
    labels: tuple[str, ...] = ()

    def moment(self) -> datetime:
        """Give the time that is meant: `at`, moved to the hour and then on to the day of the week."""
        at = self.at if self.at.tzinfo is not None else self.at.replace(tzinfo=UTC)
        at = at.astimezone(UTC)
        if self.hour is not None:
            at = at.replace(hour=self.hour)
        days = 0 if self.weekday is None else (self.weekday - at.isoweekday()) % 7
        return at + timedelta(days=days)


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A call, and what must come of it."""

    tool: str
    expect: Literal["allow", "deny", "ask"]
    args: JsonObject = {}
    name: str = ""
    agent: str = "agent"
    tenant: str = "default"
    users: tuple[str, ...] = ("user",)
    context: Stands = Stands()
    by: str = ""
    """The id of a policy that must be among those that decide."""

    def call(self) -> Call:
        """Give the call."""
        return Call(self.tool, self.args, "call")

    def state(self) -> State:
        """Make a session that stands as the row says; raise `ConfigError` when none can."""
        return State.fold(self._events())

    def _events(self) -> Iterator[Event]:
        now = self.context
        of_run = nanos(now.run_spent_usd)
        before = 0 if now.spent_usd is None else nanos(now.spent_usd) - of_run
        if before < 0:
            raise ConfigError("`spent_usd` of the session is at least `run_spent_usd`")
        yield SessionOpened(self.agent, "1", "", {}, self.tenant, Tree("session", depth=now.depth), Limits(), {})
        if before:
            yield RunOpened(1, "", "", 0)
            yield from _spending(1, before)
            yield RunEnded(1, "done")
        yield from (MessageReceived("", user) for user in self.users)
        yield RunOpened(2, "", "", 0)
        # Without a step nothing can have been spent, so the cost is booked on one that does not count.
        yield from _spending(now.steps, of_run)
        yield EffectEnded(Outcome("given"), cost=0 if now.steps else of_run, labels=now.labels, made=Call("given", {}))


class Table(msgspec.Struct, frozen=True):
    """The rows of one file."""

    file: str
    rows: tuple[Row, ...]


def tables(folder: Path) -> list[Table]:
    """Read all tables of a folder; raise `ConfigError` with file, row and key when one is wrong, or there is none."""
    found = [_table(path) for path in sorted(folder.glob(f"*{TABLES}"))]
    if not any(table.rows for table in found):
        raise ConfigError(
            f"no rows in {str(folder)!r}; write [[test]] tables into a file NAME{TABLES} beside the policies"
        )
    return found


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file as it is written: what all rows have, and the rows."""

    defaults: JsonObject = {}
    test: tuple[JsonObject, ...] = ()


def _table(path: Path) -> Table:
    try:
        file = msgspec.convert(tomllib.loads(text(path)), _File)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{path}: {error}; write [defaults] once and [[test]] for each row") from None
    rows = (_row(f"{path}: test {number}", file.defaults, row) for number, row in enumerate(file.test, 1))
    return Table(str(path), tuple(rows))


def _row(where: str, defaults: JsonObject, said: JsonObject) -> Row:
    above, below = said.get("context", {}), defaults.get("context", {})
    both = {**below, **above} if isinstance(above, dict) and isinstance(below, dict) else above
    try:
        row = msgspec.convert({**defaults, **said, "context": both}, Row)
        row.state()
    except (msgspec.ValidationError, ConfigError) as error:
        raise ConfigError(f"{where}: {error}") from None
    return row


def _spending(steps: int, cost: int) -> Iterator[Event]:
    for number in range(steps):
        yield ModelAsked(str(number))
        yield ModelAnswered(str(number), "", cost=cost if number == 0 else 0)
