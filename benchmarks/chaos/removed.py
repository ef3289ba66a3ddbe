"""Removed: safeguards that are taken away one at a time, here in the rig: the product has no switch for it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Removed:
    """A safeguard that is not there."""

    name: str
    what: str
    agent: str = "agents.py"
    """The file that workers load, which may spoil them."""
    spoil: Callable[[], Sequence[str]] = tuple

    def statements(self) -> Sequence[str]:
        """Give what takes it out of a database."""
        return self.spoil()


def _fencing() -> Sequence[str]:
    """Have an append go to the end of a journal, wherever that is and whoever brings it."""
    text = _function("append_1")
    check = re.compile(r"IF coalesce\(held\.head, 0\) <> afters\[i\].*?THEN", re.DOTALL)
    text, found = check.subn("IF false THEN", text)
    text, moved = re.subn(
        r"(INTO held FROM remit\.sessions WHERE id = ids\[i\] FOR UPDATE;)",
        r"\1\n        due := coalesce(held.head, 0) + counts[i];",
        text,
    )
    assert (found, moved) == (1, 1), "the function has changed: look at it and say here what fences"
    return (text,)


def _lease() -> Sequence[str]:
    """Have everybody but oneself be dead, always: their leases end and their jobs are given to others."""
    statement = (
        "CREATE OR REPLACE FUNCTION remit.lives_1(worker text, life float8) RETURNS boolean LANGUAGE sql VOLATILE "
        "AS $$ SELECT false $$"
    )
    bury, buried = re.subn(
        r"expires < clock_timestamp\(\) AND name <> worker\s+AND pg_postmaster_start_time\(\) < [^;]*;",
        "name <> worker;",
        _function("bury_1"),
    )
    tend, given = re.subn(
        r"AND \(workers\.id IS NULL OR workers\.last_heartbeat < [^\n]*\)\)\n", "\n", _function("tend_1")
    )
    assert (buried, given) == (1, 1), "the functions have changed: look at them and say here what a lease is"
    return (statement, bury, tend)


def _function(name: str) -> str:
    """Give the newest text of a function."""
    folder = files("remit.journal.postgres") / "migrations"
    newest = ""
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.name.endswith(".sql"):
            pattern = rf"CREATE (?:OR REPLACE )?FUNCTION remit\.{name}\(.*?^\$\$;"
            for found in re.findall(pattern, path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
                newest = found
    return re.sub(r"^CREATE (OR REPLACE )?FUNCTION", "CREATE OR REPLACE FUNCTION", newest)


INTACT = Removed("nothing", "Nothing is removed.")
FENCING = Removed(
    "fencing",
    "`append_1` compares neither head nor epoch: whoever brings something, it goes to the end of the journal.",
    spoil=_fencing,
)
INTENT = Removed(
    "intent",
    "`EffectStarted` is called durable at once and written with what comes next: the effect is made before.",
    agent="without_intent.py",
)
LEASE = Removed(
    "lease",
    "Whoever asks is told that all others are dead: workers take what others drive.",
    agent="without_lease.py",
    spoil=_lease,
)
REMOVED = (FENCING, INTENT, LEASE)
ALL = {one.name: one for one in (INTACT, *REMOVED)}
