"""Served: the sessions of the principal's tenant, for one request over MCP. All that is done goes through the service.

A client that leaves leaves its session going, as the driver has it and not the request.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import anyio

from remit.apps.mcp.port import Line, Tell, Wish
from remit.core.agent import Agent
from remit.core.errors import ApprovalError, RemitError, UnknownSessionError
from remit.core.events import Record
from remit.core.state import Effect, State
from remit.core.values import JsonObject
from remit.runtime import RunResult, Shown, awaited, doubted, waiting
from remit.server.access.port import DeniedError
from remit.server.mcp.errands import Errand
from remit.server.mcp.visits import Visit
from remit.server.service import RefusedError
from remit.server.service import Wish as Work
from remit.telemetry import Row

RESUME = "remit_resume"
"""The tool that finds a session again."""

_LONGEST = 200
"""Characters of an idempotency key."""


@dataclass(frozen=True, slots=True)
class ServedSessions:
    """See `Sessions`."""

    visit: Visit
    agents: frozenset[str]
    """Those that are offered here; the sessions of others are not reached from here."""

    async def run(self, agent: Agent, wish: Wish, tell: Tell) -> RunResult:
        """See `Sessions.run`."""
        await self.visit.permit("work")
        if not wish.text.strip():
            raise RefusedError("unfit", "message: is empty")
        if self.visit.service.driver.draining:
            raise RefusedError("unready", "this server is stopping; try again")
        errand: Errand | None = None
        # What is begun is begun whole, whenever the client leaves.
        with anyio.CancelScope(shield=True):
            errand = await self._begun(agent, wish)
        assert errand is not None
        errand.untold.insert(0, _found(errand.session))
        return await self._followed(errand, tell)

    async def resume(self, agent: Agent | None, session: str, run: int, tell: Tell) -> RunResult:
        """See `Sessions.resume`; whose session it is the journal says, and 0 is the newest run."""
        return await self._followed(Errand.of_run(session, await self._read(session), run), tell)

    async def cancel(self, session: str, tell: Tell) -> RunResult:
        """End the run of a session: at once when it sleeps, at its next step otherwise."""
        await self.visit.permit("stop")
        errand = Errand.of_run(session, await self._read(session), 0)
        if errand.state.run is not None:
            errand.run = errand.state.run.number
            await self.visit.service.cancel(self.visit.principal, session, reason="over MCP")
            errand = Errand.of_run(session, await self._read(session), errand.run)
        return await self._followed(errand, tell)

    async def known(self, agent: Agent, session: str) -> bool:
        """See `Sessions.known`."""
        try:
            return await self.visit.service.owned.check(self.visit.principal, session) == agent.name
        except UnknownSessionError:
            return False

    async def records(self, session: str) -> Sequence[Record]:
        """See `Sessions.records`."""
        try:
            return await self._read(session)
        except UnknownSessionError:
            return ()

    async def state(self, session: str) -> State:
        """See `Sessions.state`."""
        return await self.visit.service.owned.state(self.visit.principal, session)

    async def lines(self, agent: str, most: int) -> Sequence[Line]:
        """See `Sessions.lines`."""
        return (await self.visit.service.list(self.visit.principal, agent=agent, limit=most)).sessions

    async def blob(self, digest: str) -> bytes:
        """See `Sessions.blob`; only whole agents are offered, and nothing of theirs is kept apart."""
        raise RefusedError("unknown", f"no blob {digest!r}")

    def barred(self, state: State, effect: Effect) -> str:
        """See `Sessions.barred`."""
        return self.visit.service.people.barred(self.visit.principal, state, effect)

    async def decide(self, session: str, call: Shown, *, granted: bool, reason: str) -> None:
        """See `Sessions.decide`; signed with the name that authentication found."""
        principal = await self.visit.decides()
        try:
            await self.visit.service.people.decide(principal, session, call, granted=granted, reason=reason)
        except DeniedError as error:
            raise ApprovalError(str(error)) from None

    async def answer(self, session: str, call: str, given: JsonObject | None) -> None:
        """See `Sessions.answer`; signed as a decision is."""
        await self.visit.service.people.answer(await self.visit.decides(), session, call, given)

    def waits(self, state: State, session: str) -> str:
        """See `Sessions.waits`."""
        place = f"POST /v1/sessions/{session}"
        lines: list[str] = []
        for one in waiting(state):
            said = f"{one.call.tool} ({one.call.id}) waits for approval{self._why(state, one)}"
            lines.append(f"{said}: {place}/approvals/{one.call.id}")
        for one in awaited(state):
            asks = one.wants.question if one.wants is not None else ""
            said = f"{one.call.tool} ({one.call.id}) asks: {asks}{self._why(state, one)}"
            lines.append(f"{said}: {place}/answers/{one.call.id}")
        lines += [f"{one.question}: {place}/doubts/{one.call.id}" for one in doubted(state)]
        lines = lines or [f"it is stopped: {place}/resume"]
        lines.append(
            f"They can do so in the console at /sessions/{session} too, or where they call {RESUME} themselves."
        )
        lines.append(f"Then call {RESUME} with this session for its result; to call its agent again begins anew.")
        return "\n".join(lines)

    def _why(self, state: State, effect: Effect) -> str:
        why = self.barred(state, effect)
        return f" ({why})" if why else ""

    # -- work ------------------------------------------------------------------------------------------------------

    async def _read(self, session: str) -> Sequence[Record]:
        """Read a session; raise `UnknownSessionError` unless it is the tenant's and of an agent that is offered."""
        service, principal = self.visit.service, self.visit.principal
        if await service.owned.check(principal, session) not in self.agents:
            raise UnknownSessionError(f"no session {session!r}")
        return await service.owned.records(principal, session)

    async def _begun(self, agent: Agent, wish: Wish) -> Errand:
        service, principal = self.visit.service, self.visit.principal
        key, seq, session = self._key(wish.key), 0, wish.session
        trace = wish.trace or self.visit.guest.headers.get("traceparent", "")
        if session:
            # It would be kept for when the agent is switched on, and the client would wait for that.
            service.switching.refuse_held(principal.tenant, agent.name)
            seq = await service.post(principal, session, wish.text, key=key, trace=trace)
        else:
            session = (await service.begin(principal, Work(agent.name, wish.text, key, trace=trace))).view.id
        return Errand.of_message(session, await service.owned.records(principal, session), seq)

    def _key(self, said: str) -> str:
        """Make the key of a message: two people may choose the same, and a client may send one call twice."""
        if len(said) > _LONGEST:
            raise RefusedError("unfit", f"an idempotency key has at most {_LONGEST} characters")
        name = self.visit.principal.name
        if said:
            return f"mcp:{name}:key:{said}"
        return f"mcp:{name}:call:{self.visit.call}" if self.visit.call else ""

    async def _followed(self, errand: Errand, tell: Tell) -> RunResult:
        """Wait until a run is over or waits for a person, and tell what it does meanwhile."""
        streams = self.visit.service.streams
        try:
            for row in errand.untold:
                await tell(row)
            result = errand.result()
            if result is not None:
                return result
            async with streams.follow(self.visit.principal, errand.session, errand.state.seq) as stream:
                async for item in stream:
                    if not isinstance(item.what, Record):
                        continue
                    row = errand.take(item.what)
                    if row is not None:
                        await tell(row)
                    result = errand.result()
                    if result is not None:
                        return result
        except anyio.get_cancelled_exc_class():
            await self._left(errand)
            raise
        except RefusedError as error:
            # It was begun all the same, and whoever called again would have it begun twice.
            raise RefusedError(error.kind, f"{error}; {_goes_on(errand.session)}") from None
        raise RefusedError("unready", f"it can no longer be followed here; {_goes_on(errand.session)}")

    async def _left(self, errand: Errand) -> None:
        """Let a session go on whose client left; end its run if the client said so, and may."""
        if not self.visit.cancelled:
            return
        with anyio.CancelScope(shield=True):
            try:
                await self.visit.permit("stop")
                now = Errand.of_run(errand.session, await self._read(errand.session), errand.run)
                if now.under_way():
                    why = "the client cancelled its call"
                    await self.visit.service.cancel(self.visit.principal, errand.session, reason=why)
            except RemitError:
                # It is over, or not theirs to end: then it goes on, as if they had left.
                return


def _goes_on(session: str) -> str:
    return f"session {session} goes on: call {RESUME} with it for what came of it"


def _found(session: str) -> Row:
    """Tell first where it can be found, should the client be cut off."""
    return Row(seq=0, at=0, since=0, title=f"session {session}")
