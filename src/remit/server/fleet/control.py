"""Control: what a process of the fleet asks of whoever drives a session, or of all; it learns whether it was heard."""

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Self

import msgspec

from remit.server.fleet.signals import Signals, read, written

ORDERS = "remit_orders"
"""The channel that all hear."""
_REPEAT = 0.2
"""Seconds after which an order that nobody answered is given again, as it may have been lost."""
_KEPT = 1000
"""Orders that were obeyed, of which the answer may have to be given again."""
_LONGEST = 1000
"""Characters of why something is to pause."""

Pause = Callable[[str, str], bool]
"""Has a session pause and says why; false when it is not driven in this process."""


class _Order(msgspec.Struct, frozen=True, array_like=True):
    kind: Literal["pause", "look"]
    number: str = ""
    channel: str = ""
    """Where the answer is heard."""
    session: str = ""
    why: str = ""


class Control:
    """Gives orders to all processes, and obeys those of others. Use it as an async context manager."""

    def __init__(self, signals: Signals, pause: Pause, look: Callable[[], None] | None = None) -> None:
        """Obey with `pause` (a driver's), and with `look` when switches may have changed; both must not wait."""
        self._signals, self._pause, self._look = signals, pause, look
        self._name = f"remit_answers_{secrets.token_hex(8)}"
        self._asked: dict[str, asyncio.Future[None]] = {}
        self._obeyed: dict[str, None] = {}
        self._ends: list[Callable[[], None]] = []

    async def __aenter__(self) -> Self:
        """Begin to hear."""
        self._ends = [
            self._signals.hear(self._name, self._answered),
            self._signals.hear(ORDERS, self._heard, self._look),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Obey nobody any more."""
        for end in self._ends:
            end()

    async def pause(self, session: str, why: str, timeout: float = 1.0) -> bool:  # noqa: ASYNC109 - of the answer
        """Have a session stop after the step it is in, wherever it is driven; false when nobody says so in time.

        True says that a process which believes to drive it will stop: should its lease be gone, it does so anyway, and
        whoever has it now got the same order. False may be wrong when signals are lost; asking again harms nothing.
        """
        if self._pause(session, why):
            return True
        number = secrets.token_hex(8)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        order = written(_Order("pause", number, self._name, session, why[:_LONGEST]))
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    while not answer.done():
                        self._signals.say(ORDERS, order)
                        await asyncio.wait([answer], timeout=_REPEAT)
            return answer.done()
        finally:
            del self._asked[number]

    def look(self) -> None:
        """Have all others look at their switches now; who does not hear it does so a little later anyway."""
        self._signals.say(ORDERS, written(_Order("look", channel=self._name)))

    def _heard(self, payload: str) -> None:
        order = read(payload, _Order)
        if order is None or order.channel == self._name:
            return
        match order.kind:
            case "pause":
                self._obey(order)
            case "look":
                if self._look is not None:
                    self._look()

    def _obey(self, order: _Order) -> None:
        if order.number not in self._obeyed:
            if not self._pause(order.session, order.why):
                return
            if len(self._obeyed) >= _KEPT:
                self._obeyed.clear()
            self._obeyed[order.number] = None
        self._signals.say(order.channel, order.number)

    def _answered(self, payload: str) -> None:
        answer = self._asked.get(payload)
        if answer is not None and not answer.done():
            answer.set_result(None)
