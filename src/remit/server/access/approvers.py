"""Approvers: who may say yes to a call. Pure rules; who somebody is comes from authentication, never from a request."""

from collections.abc import Collection

from remit.core.effect import person
from remit.server.access.port import MAY, DeniedError, Principal


def approver(
    principal: Principal,
    *,
    asked_by: Collection[str] = (),
    approved_by: Collection[str] = (),
    persons: int = 1,
    own: bool = False,
) -> int:
    """Say how many more must say yes after this person, 0 for a decision; raise `DeniedError` when they may not.

    `asked_by` are the senders of the messages that the run is about (`Run.by`); none of them may approve, unless `own`.
    `approved_by` are those who have said yes to exactly these arguments; a name counts once, however it is written.
    Whoever is on this machine is one person who does everything, so of them only the second approval is refused. To say
    no takes one person, and anybody who may decide.
    """
    if "decide" not in MAY[principal.role]:
        raise DeniedError(403, f"a {principal.role} may not decide")
    name, allowed = person(principal.name), {person(one) for one in approved_by}
    if name in map(person, asked_by) and not own and principal.how != "local":
        raise DeniedError(403, "nobody approves what they asked for themselves; somebody else must")
    if name in allowed:
        raise DeniedError(403, "you have approved this already; somebody else must too")
    return max(persons - len(allowed) - 1, 0)
