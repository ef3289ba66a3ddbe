"""Acting: what a person does from the list, by the same functions and under the same name as with a command."""

from dataclasses import dataclass

from remit.cli.places import folded, living
from remit.cli.resuming import foreseen, reference, secrets_of
from remit.cli.standing import Standing, stand
from remit.core.errors import ApprovalError
from remit.core.ports import Store
from remit.core.state import Effect
from remit.journal import RedactedStore
from remit.runtime import Shown, cancel, decide, missing, waiting


@dataclass(frozen=True, slots=True)
class Acting:
    """Acts for one person on the store of a home."""

    store: Store
    place: str
    by: str

    async def question(self, session: str, call: str = "") -> Effect:
        """Give the call that waits, the first where none is named; raise `ApprovalError` when none does."""
        found = [effect for effect in waiting(await folded(self.store, session)) if call in {"", effect.call.id}]
        if not found:
            raise ApprovalError(f"nothing of session {session} waits for a decision now")
        return found[0]

    async def decide(self, session: str, shown: Effect, *, granted: bool, reason: str = "") -> str:
        """Approve or deny exactly what was shown, and say what was done."""
        store, call = await self._clean(session, reason), shown.call.id
        # What was shown and waits no more, or was never asked about, no question has this digest.
        seen = Shown(call, shown.asked.digest if shown.asked is not None else "none")
        state = await decide(store, session, seen, granted=granted, by=self.by, reason=reason)
        done = f"{'approved' if granted else 'denied'} {shown.call.tool} ({shown.call.id}) by {self.by}"
        more = sum(missing(effect) for effect in waiting(state) if effect.call.id == shown.call.id)
        if more:
            return f"{done}; {more} more of other people must approve it"
        if waiting(state):
            return f"{done}; {len(waiting(state))} more of this session to decide"
        agent = "" if reference(state) else " --agent FILE.py:NAME"
        return f"{done}; a server that drives it goes on, or: remit resume {session}{agent}"

    async def cancel(self, session: str, reason: str = "") -> str:
        """End a session's run, and say what was done."""
        state = await cancel(await self._clean(session, reason), session, by=self.by, reason=reason)
        return f"session {session}: " + (
            "its run is cancelled" if state.run is None else "its run ends at its next step"
        )

    async def stands(self, session: str) -> Standing:
        """Say where a session stands and how to go on."""
        state = await folded(self.store, session)
        worker = state.run.worker if state.run else ""
        return stand(session, state, self.place, alive=bool(await living(self.place, [worker])))

    async def _clean(self, session: str, reason: str) -> Store:
        # Only a reason could bring a secret in, and only the settings of the agent say what is one.
        return RedactedStore(self.store, secrets_of(await foreseen(self.place, session))) if reason else self.store
