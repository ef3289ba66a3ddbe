"""Guard: calls of a tool that is switched off are denied, whatever else would allow them."""

from dataclasses import replace

from remit.core.messages import Call
from remit.core.ports import ALLOW, ToolSpec, Verdict
from remit.core.state import State
from remit.home import Settings
from remit.server.switches.board import Board


def guarded(settings: Settings, board: Board) -> Settings:
    """Give settings of a home in which no tool runs that is switched off."""
    return replace(settings, guards=(SwitchedOff(board), *settings.guards))


class SwitchedOff:
    """Denies calls of tools that are off for the tenant of the session, and says by whom and why."""

    __slots__ = ("_board",)

    def __init__(self, board: Board) -> None:
        """Take what knows what is off."""
        self._board = board

    def check(self, call: Call, spec: ToolSpec, state: State) -> Verdict:
        """See `Guard.check`."""
        opened = state.opened
        # Nobody's session: the preview of a strategy, which must not depend on what is off just now.
        found = self._board.off(opened.tenant, "tool", spec.name) if opened is not None else None
        return ALLOW if found is None else Verdict("deny", found.why)
