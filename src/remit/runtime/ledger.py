"""Ledger: which shared accounts an event takes from or gives back to.

The entries travel with the append of the event that explains them, in one transaction. So there is no moment in which
money is held that no journal knows of, or spent that no account knows of, and a crash never frees what may be spent.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from remit.core.events import SessionOpened, Tree
from remit.core.limits import Limits, Tenant
from remit.core.ports import Entry
from remit.core.values import Nanos, nanos, now_ms


def day(at_ms: int) -> str:
    """Name the UTC day of a moment, such as `2026-03-01`."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()


def spent_account(tenant: str, of_day: str) -> str:
    """Name the account of a tenant's money for a day."""
    return f"usd/tenant/{tenant}/{of_day}"


def running_account(tenant: str) -> str:
    """Name the account of a tenant's runs under way."""
    return f"runs/tenant/{tenant}"


def tree_account(root: str) -> str:
    """Name the account of a tree's money."""
    return f"usd/tree/{root}"


def children_account(root: str) -> str:
    """Name the account of the sessions a tree ever had below its root."""
    return f"children/tree/{root}"


@dataclass(frozen=True, slots=True)
class Ledger:
    """The accounts of one session."""

    tenant: Tenant
    tree: Tree

    def hold(self, amount: Nanos, limits: Limits, at_ms: int | None = None) -> tuple[Entry, ...]:
        """Take the worst case before an act; `at_ms` is when it was taken, for a hold of an earlier life."""
        if amount == 0:
            return ()
        cap = self.tenant.usd_per_day
        account = spent_account(self.tenant.name, day(now_ms() if at_ms is None else at_ms))
        today = Entry(account, amount, None if cap is None else nanos(cap))
        tree_cap = self._tree_cap(limits)
        if tree_cap is None:
            return (today,)
        return (today, Entry(tree_account(self.tree.root), amount, tree_cap))

    def settle(self, held: tuple[Entry, ...], hold: Nanos, cost: Nanos) -> tuple[Entry, ...]:
        """Give back what a hold was too much, or add what it was too little, on the accounts it was taken from."""
        if hold == cost:
            return ()
        return tuple(Entry(entry.account, cost - hold) for entry in held)

    def _tree_cap(self, limits: Limits) -> Nanos | None:
        if self.tree.depth == 0 and limits.tree_usd is not None:
            return nanos(limits.tree_usd)
        return self.tree.cap

    def begin(self) -> tuple[Entry, ...]:
        """Count a run that begins or goes on."""
        return (Entry(running_account(self.tenant.name), 1, self.tenant.sessions),)

    def end(self) -> tuple[Entry, ...]:
        """Count a run that ends or sleeps."""
        return (Entry(running_account(self.tenant.name), -1),)


def opening(event: SessionOpened) -> tuple[Entry, ...]:
    """Count a child of a tree, for ever."""
    if event.tree.depth == 0:
        return ()
    return (Entry(children_account(event.tree.root), 1, event.tree.max_children),)
