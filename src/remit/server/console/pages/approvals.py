"""What waits for a person, in one place."""

import msgspec

from remit.server.console.visit import Page, Visit
from remit.server.service.views import Waiting, Waits

_KINDS: tuple[Waits, ...] = ("approval", "doubt", "question")
_MOST = 200


class Inbox(msgspec.Struct, frozen=True, kw_only=True):
    """All that waits, in up to so many sessions."""

    waiting: tuple[Waiting, ...]
    more: bool
    """Whether there is more than is shown."""


async def _load(visit: Visit) -> Inbox:
    found: list[Waiting] = []
    more = False
    for kind in _KINDS:
        waiting, cursor = await visit.service.people.waiting(visit.principal, kind, limit=_MOST)
        found += waiting
        more |= bool(cursor)
    return Inbox(waiting=tuple(found), more=more)


PAGE = Page(path="/approvals", name="approvals", title="Approvals", load=_load)
