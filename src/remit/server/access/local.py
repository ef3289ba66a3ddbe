"""LocalAccess: whoever is on this machine is the admin of one tenant; other websites in their browser are nobody."""

from remit.server.access.floods import Floods
from remit.server.access.permits import permit
from remit.server.access.port import Action, Asked, DeniedError, Principal
from remit.server.access.records import AuditLog, AuditRecord, recorded
from remit.server.access.sites import refuse_elsewhere, refuse_other_sites


class LocalAccess:
    """For a server that listens on loopback only: no keys, one tenant, guarded against what browsers are made to do."""

    def __init__(self, tenant: str = "default", log: AuditLog | None = None, *, name: str = "local") -> None:
        """Let everybody on this machine be `name`, the admin of a tenant; without a log nothing is written down."""
        self._principal = Principal(name=name, tenant=tenant, role="admin", how="local")
        self._log = log
        self._floods = Floods()

    async def identify(self, asked: Asked) -> Principal:
        """See `Access.identify`."""
        try:
            refuse_elsewhere(asked)
            refuse_other_sites(asked)
        except DeniedError as error:
            await self._refused(recorded(None, asked, str(error), allowed=False))
            raise
        return self._principal

    async def _refused(self, record: AuditRecord) -> None:
        # Any website can have a browser ask as often as it likes.
        if self._log is None:
            return
        for counted in self._floods.over():
            await self._log.write(counted)
        if self._floods.begins(record.what, record):
            await self._log.write(record)

    async def close(self) -> None:
        """Write down what was only counted so far."""
        for counted in self._floods.over(always=True):
            if self._log is not None:
                await self._log.write(counted)

    async def permit(self, principal: Principal, action: Action, asked: Asked) -> None:
        """See `Access.permit`."""
        await permit(self._log, principal, action, asked)

    async def audit(self, principal: Principal | None, asked: Asked, what: str, *, allowed: bool) -> None:
        """See `Access.audit`."""
        if self._log is not None:
            await self._log.write(recorded(principal, asked, what, allowed=allowed))
