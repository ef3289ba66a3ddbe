"""Absent: the projection of a server that keeps none, such as one that is embedded."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NoReturn

from remit.server.projection.port import Changes, Figures, FlagKind, FlagPage, Listing, Overview, Summaries
from remit.server.service.refusals import RefusedError


class NoProjection:
    """Refuses whatever is asked."""

    async def list(self, tenant: str, listing: Listing) -> Summaries:
        """See `Projection.list`."""
        _refuse()

    async def overview(self, tenant: str) -> Overview:
        """See `Projection.overview`."""
        _refuse()

    async def figures(self, tenant: str, *, since: int, until: int, step: int) -> Figures:
        """See `Projection.figures`."""
        _refuse()

    async def flags(self, tenant: str, *, kinds: Sequence[FlagKind] = (), limit: int = 50, after: str = "") -> FlagPage:
        """See `Projection.flags`."""
        _refuse()

    def changes(self, tenant: str) -> AbstractAsyncContextManager[AsyncIterator[Changes]]:
        """See `Projection.changes`."""
        _refuse()


def _refuse() -> NoReturn:
    raise RefusedError("unready", "this server keeps no views of all sessions")
