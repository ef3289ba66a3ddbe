"""Marks: ids that say themselves what they are of, so that no server remembers which it gave."""

import re
from dataclasses import dataclass

from remit.core.events import ApprovalAsked

_TURN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,63})\.([1-9][0-9]{0,14})(?:-([1-9][0-9]{0,14}))?")
_CALL = re.compile(r"mcpr_([A-Za-z0-9][A-Za-z0-9._-]{0,63})\.([A-Za-z0-9_-]{1,200})\.([0-9a-f]{16})")


@dataclass(frozen=True, slots=True)
class Mark:
    """Where in a session an answer begins: what came after event `since`, up to what came of event `floor`."""

    session: str
    since: int
    floor: int

    def written(self, kind: str) -> str:
        """Give the id of an answer, such as `resp_desk-1.12`."""
        return f"{kind}{self.session}.{self.since}" + (f"-{self.floor}" if self.floor != self.since else "")


def parsed(kind: str, said: str) -> Mark | None:
    """Read an id; `None` when it is none of this kind."""
    found = _TURN.fullmatch(said.removeprefix(kind)) if said.startswith(kind) else None
    if found is None:
        return None
    since = int(found[2])
    return Mark(found[1], since, int(found[3] or since))


@dataclass(frozen=True, slots=True)
class Request:
    """A call that waits for approval, with a hash of exactly what would be allowed."""

    session: str
    call: str
    digest: str


def request_id(session: str, asked: ApprovalAsked) -> str:
    """Give the id of the question whether a call may run: another one when its arguments are others."""
    return f"mcpr_{session}.{asked.call}.{asked.digest[:16]}"


def request(said: str) -> Request | None:
    """Read such an id; `None` when it is none."""
    found = _CALL.fullmatch(said)
    return Request(found[1], found[2], found[3]) if found else None
