"""People: what waits for them in the sessions of their tenant, and what they decide, signed with their name."""

from remit.core.errors import ApprovalError
from remit.core.ports import SessionQuery
from remit.core.state import Effect, State
from remit.core.values import JsonObject, JsonValue
from remit.home import Home
from remit.runtime import Shown, answer, decide, edit, misfit, settle, waiting
from remit.server.access.approvers import approver
from remit.server.access.port import DeniedError, Principal
from remit.server.service.owned import Owned
from remit.server.service.port import Drives
from remit.server.service.views import Waiting, Waits, timed, waits


class People:
    """Decisions of people, each one append to a journal; the session then goes on."""

    def __init__(self, home: Home, owned: Owned, driver: Drives, *, own_approvals: bool = False) -> None:
        """Take where sessions are and who goes on; with `own_approvals` people may approve what they asked for."""
        self._home, self._owned, self._driver, self._own = home, owned, driver, own_approvals

    async def waiting(
        self, principal: Principal, kind: Waits, *, limit: int = 100, after: str = ""
    ) -> tuple[tuple[Waiting, ...], str]:
        """List what waits in up to `limit` sessions that sleep, newest first; give the cursor for more, or nothing."""
        if after:
            await self._owned.cursor(principal, after)
        rows = await self._home.sessions(
            SessionQuery(status="waiting", tenant=principal.tenant, limit=limit + 1, after=after)
        )
        found: list[Waiting] = []
        for row in rows[:limit]:
            records = await self._owned.records(principal, row.id)
            found += timed(waits(row.id, State.fold(record.event for record in records), kind), records)
        return tuple(found), rows[limit - 1].id if len(rows) > limit else ""

    async def decide(
        self,
        principal: Principal,
        session: str,
        call: str | Shown,
        *,
        granted: bool,
        reason: str = "",
        args: JsonObject | None = None,
    ) -> State:
        """Allow or deny a call for exactly the arguments it has, or allow it with other `args`, which are checked anew.

        A call that is `Shown` is decided on only while it waits with the arguments that it was shown with. Raise
        `ApprovalError` when that cannot be, `DeniedError` for who would allow what they asked for themselves.
        """
        state = await self._owned.state(principal, session)
        if granted:
            approver(principal, asked_by=_asked_by(state), own=self._own)
        store, by = self._home.store, principal.name
        if args is None:
            state = await decide(store, session, call, granted=granted, by=by, reason=reason)
        elif granted:
            named = call.call if isinstance(call, Shown) else call
            await self._fit(state, named, args)
            state = await edit(store, session, call, args, by=by, reason=reason)
        else:
            raise ApprovalError("a call that is denied gets no other arguments; leave them out, or allow it")
        self._driver.wake(session)
        return state

    def barred(self, principal: Principal, state: State, effect: Effect) -> str:
        """Say why somebody may not allow a call that waits, or answer what one asks; nothing when they may."""
        allowed = [one.by for one in effect.yes]
        try:
            if effect.status == "asked":
                approver(principal, asked_by=_asked_by(state), approved_by=allowed, own=self._own)
            else:
                # Whoever asked for the work may say what it needs to know.
                approver(principal, own=True)
        except DeniedError as error:
            return str(error)
        return ""

    async def _fit(self, state: State, call: str, args: JsonObject) -> None:
        """Raise `ApprovalError` when the tool would not take these arguments, as far as it is known here."""
        agent = self._driver.serves(state.opened.agent) if state.opened is not None else None
        wanted = next((effect.call.tool for effect in waiting(state) if effect.call.id == call), "")
        tool = (await self._home.toolsets.tools(agent)).get(wanted) if agent is not None else None
        problem = misfit(tool, args) if tool is not None else ""
        if problem:
            raise ApprovalError(f"{wanted} ({call}) does not take these arguments: {problem}")

    async def answer(self, principal: Principal, session: str, call: str, given: JsonObject | None) -> State:
        """Answer what a call asks, or decline with `None`; raise `ApprovalError` for an answer that does not fit."""
        await self._owned.check(principal, session)
        state = await answer(self._home.store, session, call, given, by=principal.name)
        self._driver.wake(session)
        return state

    async def settle(
        self, principal: Principal, session: str, call: str, *, happened: bool, output: JsonValue = None
    ) -> State:
        """Say whether a call in doubt happened; if not, it is made again."""
        await self._owned.check(principal, session)
        state = await settle(self._home.store, session, call, happened=happened, by=principal.name, output=output)
        self._driver.wake(session)
        return state


def _asked_by(state: State) -> tuple[str, ...]:
    """Give who a run is for: the senders of its messages, and of those of the session that began this one."""
    above = state.opened.tree.by if state.opened is not None else ()
    return (*above, *(state.run.by if state.run is not None else ()))
