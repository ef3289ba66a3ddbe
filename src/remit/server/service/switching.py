"""Switching: agents, tools and a whole tenant are switched off and on, by those whose they are."""

from remit.core.ports import SessionQuery
from remit.core.values import now_ms
from remit.home import Home
from remit.server.access.port import Principal
from remit.server.projection.port import Projection
from remit.server.service.looking import Looking
from remit.server.service.refusals import RefusedError
from remit.server.switches import Board, Switch, Switchable

_DAY = 86_400_000


class Switching:
    """What a principal may switch: agents and tools within its own tenant, and that tenant."""

    def __init__(self, home: Home, board: Board | None, looking: Looking, projection: Projection | None) -> None:
        """Take what knows what is off; with none nothing can be switched."""
        self._home, self._board, self._looking, self._projection = home, board, looking, projection

    @property
    def board(self) -> Board:
        """What knows what is off; raise `RefusedError` where nothing does."""
        if self._board is None:
            raise RefusedError("unready", "this server has no switches")
        return self._board

    def held(self, tenant: str, agent: str) -> str:
        """Say why the sessions of an agent of a tenant are held back; nothing when they are not."""
        return self._board.why(tenant, agent) if self._board is not None else ""

    def refuse_held(self, tenant: str, agent: str) -> None:
        """Raise `RefusedError` with who and why when they are held back."""
        why = self.held(tenant, agent)
        if why:
            raise RefusedError("unready", why)

    def all(self, principal: Principal) -> tuple[Switch, ...]:
        """List what is off for a tenant, newest first."""
        return self._board.of(principal.tenant) if self._board is not None else ()

    async def switch_off(self, principal: Principal, kind: Switchable, name: str, reason: str = "") -> Switch:
        """Switch something off until somebody switches it on; raise `RefusedError` for what there is not.

        A name that was mistyped must not look as if something had been stopped.
        """
        if not await self._known(principal, kind, name):
            raise RefusedError("unknown", f"no {kind} {name!r} to switch off")
        return await self.board.switch_off(principal.tenant, kind, name, by=principal.name, reason=reason)

    async def switch_on(self, principal: Principal, kind: Switchable, name: str) -> Switch:
        """Switch something on again, and all that it held back goes on; raise `RefusedError` for what is not off."""
        taken = await self.board.switch_on(principal.tenant, kind, name)
        if taken is None:
            raise RefusedError("unknown", f"no {kind} {name!r} that is switched off")
        return taken

    async def _known(self, principal: Principal, kind: Switchable, name: str) -> bool:
        match kind:
            case "tenant":
                return name == principal.tenant
            case "agent":
                # Of another process, perhaps, that serves the same home.
                found = SessionQuery(agent=name, tenant=principal.tenant, limit=1)
                return self._looking.serves(name) or bool(await self._home.sessions(found))
            case "tool":
                return await self._looking.has_tool(name) or await self._was_called(principal, name)

    async def _was_called(self, principal: Principal, tool: str) -> bool:
        if self._projection is None:
            return False
        until = now_ms() + 3_600_000
        figures = await self._projection.figures(principal.tenant, since=until - 30 * _DAY, until=until, step=_DAY)
        return any(one.tool == tool for one in figures.tools)
