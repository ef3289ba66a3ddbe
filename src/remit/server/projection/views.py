"""Views: the projection that is kept in a file beside the store."""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence

import msgspec

from remit.core.limits import Tenant
from remit.core.ports import Catalogue
from remit.core.values import nanos, now_ms, usd
from remit.runtime.ledger import day, spent_account
from remit.server.projection import asking
from remit.server.projection.keeping import Keeper
from remit.server.projection.listing import page
from remit.server.projection.port import Changes, Figures, FlagKind, FlagPage, Listing, Overview, Summaries


class Views:
    """See `Projection`."""

    def __init__(self, keeper: Keeper, accounts: Catalogue, tenants: Mapping[str, Tenant]) -> None:
        """Take who keeps them, where money is counted, and what tenants may spend."""
        self._keeper, self._accounts, self._tenants = keeper, accounts, tenants

    async def list(self, tenant: str, listing: Listing) -> Summaries:
        """See `Projection.list`."""
        return await self._keeper.ask(lambda db: page(db, tenant, listing))

    async def overview(self, tenant: str) -> Overview:
        """See `Projection.overview`."""
        now = now_ms()
        found = await self._keeper.ask(lambda db: asking.overview(db, tenant, now))
        spent = await self._accounts.used(spent_account(tenant, day(now)))
        known = self._tenants.get(tenant)
        cap = None if known is None or known.usd_per_day is None else usd(nanos(known.usd_per_day))
        return msgspec.structs.replace(found, spent_today_usd=usd(spent), budget_usd=cap)

    async def figures(self, tenant: str, *, since: int, until: int, step: int) -> Figures:
        """See `Projection.figures`."""
        return await self._keeper.ask(lambda db: asking.figures(db, tenant, since=since, until=until, step=step))

    async def flags(self, tenant: str, *, kinds: Sequence[FlagKind] = (), limit: int = 50, after: str = "") -> FlagPage:
        """See `Projection.flags`."""
        return await self._keeper.ask(lambda db: asking.flags(db, tenant, kinds, limit, after))

    @contextlib.asynccontextmanager
    async def changes(self, tenant: str) -> AsyncGenerator[AsyncIterator[Changes]]:
        """See `Projection.changes`."""
        with self._keeper.watch(tenant) as watch:
            yield watch
