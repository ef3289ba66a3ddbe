"""Beginning: a session that is opened, with a message if there is one, and driven by nobody yet."""

import re
import secrets as lots
from typing import Required, TypedDict, Unpack

from remit.core.agent import Agent
from remit.core.errors import ConfigError
from remit.core.events import Event
from remit.core.ports import Store
from remit.core.token import Remit
from remit.home.remits import child_of
from remit.home.wiring import Wiring
from remit.runtime import Said
from remit.runtime.attaching import received
from remit.runtime.ledger import opening
from remit.runtime.session import opened

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Beginning(TypedDict, total=False):
    """How a session begins."""

    tenant: Required[str]
    session: str
    """Its id; made up when empty."""
    by: str
    """Who sends the message; `user` when nobody says."""
    key: str
    """The sender's idempotency key."""
    trace: str
    """The W3C `traceparent` of the sender, whose trace the first run then goes on with."""


class Begin:
    """Opens sessions without driving them; `Home.resume` then does."""

    def __init__(self, store: Store, wiring: Wiring, parent: Remit | None) -> None:
        """Take the ports of the home, and the remit that it is inside of."""
        self._store, self._wiring, self._parent = store, wiring, parent

    async def __call__(self, agent: Agent, said: Said = "", **how: Unpack[Beginning]) -> str:
        """Open a session and leave it a message, in one append, and give its id; both are durable when this returns.

        Raise `ConflictError` when there is a session of this name, `OverLimitError` when a tree has no room for it.
        """
        name, tenant = named(how.get("session") or lots.token_hex(6)), how["tenant"]
        if self._parent is not None and self._parent.tenant != tenant:
            raise ConfigError(f"this process is inside a remit of tenant {self._parent.tenant!r}, not of {tenant!r}")
        await self._wiring.check(agent)
        first = opened(name, *await self._wiring.world(agent, tenant), child_of(self._parent))
        events: list[Event] = [first]
        if said:
            by, key, trace = how.get("by", "user"), how.get("key", ""), how.get("trace", "")
            events.append(await received(said, self._store, by=by, key=key, trace=trace))
        await self._store.append(name, events, after=0, entries=opening(first))
        return name


def named(name: str) -> str:
    """Give a name that a session can have; raise `ConfigError` for any other."""
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} cannot name a session; use up to 64 letters, digits, dots, dashes and underscores")
    return name
