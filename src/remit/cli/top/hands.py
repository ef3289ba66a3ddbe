"""Hands: asks before it acts, and says what was done or why not."""

from collections.abc import Awaitable

from textual.app import App

from remit.cli.top.acting import Acting
from remit.cli.top.cells import clean
from remit.cli.top.dialogs import cancelling, deciding
from remit.core.errors import RemitError
from remit.core.values import now_ms


async def decided(app: App[None], acting: Acting, session: str, call: str, *, granted: bool) -> bool:
    """Show a call that waits and decide on it; say whether it was."""
    try:
        shown = await acting.question(session, call)
    except RemitError as error:
        return _refused(app, error)
    reason = await app.push_screen_wait(deciding(session, shown, now_ms(), granted=granted, by=acting.by))
    return reason is not None and await _done(
        app, acting.decide(session, shown, granted=granted, reason=reason)
    )  # fmt: skip


async def cancelled(app: App[None], acting: Acting, session: str, agent: str, now: str) -> bool:
    """End a session's run if somebody means it; say whether it was."""
    reason = await app.push_screen_wait(cancelling(session, agent, now, acting.by))
    return reason is not None and await _done(app, acting.cancel(session, reason))


async def _done(app: App[None], act: Awaitable[str]) -> bool:
    try:
        said = await act
    except RemitError as error:
        return _refused(app, error)
    app.notify(clean(said), markup=False)
    return True


def _refused(app: App[None], error: RemitError) -> bool:
    app.notify(clean(str(error)), severity="error", markup=False)
    return False
