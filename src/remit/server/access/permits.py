"""Permits: whether a role may do what a request wants; every refusal and every act of weight is written down."""

from remit.server.access.port import MAY, Action, Asked, DeniedError, Principal
from remit.server.access.records import AuditLog, recorded

WEIGHTY: frozenset[Action] = frozenset({"decide", "stop", "administer"})
"""What is written down though it is allowed."""


async def permit(log: AuditLog | None, principal: Principal, action: Action, asked: Asked) -> None:
    """Raise `DeniedError`, and write it down, unless they may; write down acts of weight before they are done."""
    if action not in MAY[principal.role]:
        why = f"a {principal.role} may not {action}"
        if log is not None:
            await log.write(recorded(principal, asked, why, allowed=False))
        raise DeniedError(403, why)
    if log is not None and action in WEIGHTY:
        await log.write(recorded(principal, asked, action, allowed=True))
