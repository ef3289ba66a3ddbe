"""Lines: a session as the list shows it, which come first, and which are asked for. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

from remit.core.values import Nanos

T = TypeVar("T")

Status = Literal["waiting", "crashed", "paused", "ready", "queued", "running", "idle", "closed"]
"""`ready` waited and is decided; `queued` has a message that nobody took up. In the order in which they need people."""

Sort = Literal["attention", "spent", "tokens", "steps", "age", "changed", "agent"]
Shown = Literal["all", "people", "live"]
"""`people` is what a person must do something about, `live` all that is not at rest."""

SORTS: tuple[Sort, ...] = get_args(Sort)
SHOWN: tuple[Shown, ...] = get_args(Shown)
PEOPLE: frozenset[Status] = frozenset({"waiting", "crashed", "paused", "ready"})
REST: frozenset[Status] = frozenset({"idle", "closed"})
BAD = frozenset({"failed", "refused", "stopped", "diverged"})
"""Ends of a run that somebody may want to look at."""

_RANKS: dict[Status, int] = {status: rank for rank, status in enumerate(get_args(Status))}
_FIELDS = ("status", "agent", "tenant", "why", "id")


@dataclass(frozen=True, slots=True)
class Line:
    """One session."""

    id: str
    agent: str
    tenant: str
    status: Status
    why: str
    """What it waits for, or how its last run ended."""
    since: int
    """When that began, in milliseconds since the epoch."""
    opened: int
    changed: int
    parent: str = ""
    read: bool = True
    """Whether its records were read; if not, there are no figures of it."""
    spent: Nanos = 0
    steps: int = 0
    tokens: int = 0
    flags: int = 0
    now: str = ""
    """What is under way, or happened last."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which sessions are asked for, and in which order."""

    shown: Shown = "all"
    words: tuple[str, ...] = ()
    """All must fit: `status:`, `agent:`, `tenant:`, `why:` and `id:` by their beginning, any other text anywhere."""
    sort: Sort = "attention"
    backwards: bool = False

    @property
    def text(self) -> str:
        """Give the words as they are typed."""
        return " ".join(self.words)

    def matches(self, line: Line) -> bool:
        """Say whether a session is asked for."""
        if self.shown == "people" and line.status not in PEOPLE:
            return False
        if self.shown == "live" and line.status in REST:
            return False
        return all(_fits(word, line) for word in self.words)

    def of(self, lines: Iterable[Line]) -> list[Line]:
        """Give those that are asked for, in order."""
        found = [line for line in lines if self.matches(line)]
        found.sort(key=_KEYS[self.sort], reverse=self.backwards)
        return found


def words(text: str) -> tuple[str, ...]:
    """Read what a person typed as a filter."""
    return tuple(text.casefold().split())


def after(all_of: tuple[T, ...], one: T) -> T:
    """Give the next of a choice, round and round."""
    return all_of[(all_of.index(one) + 1) % len(all_of)]


def _fits(word: str, line: Line) -> bool:
    name, colon, value = word.partition(":")
    if colon and name in _FIELDS:
        return str(getattr(line, name)).casefold().replace(" ", "_").startswith(value)
    return any(word in text.casefold() for text in (line.id, line.agent, line.status, line.why, line.tenant, line.now))


def _attention(line: Line) -> tuple[float, int, str]:
    rank: float = _RANKS[line.status]
    if line.status == "idle" and line.why in BAD:
        rank -= 0.5
    # Who waits for longest comes first; of what runs or rests, what began last.
    at = line.since if line.status in PEOPLE or line.status == "queued" else -line.since
    return rank, at, line.id


_Key = Callable[[Line], tuple[float | str, int, str]]

_KEYS: dict[Sort, _Key] = {
    "attention": _attention,
    "spent": lambda line: (-line.spent, -line.changed, line.id),
    "tokens": lambda line: (-line.tokens, -line.changed, line.id),
    "steps": lambda line: (-line.steps, -line.changed, line.id),
    "age": lambda line: (line.opened, 0, line.id),
    "changed": lambda line: (-line.changed, 0, line.id),
    "agent": lambda line: (line.agent, -line.changed, line.id),
}
