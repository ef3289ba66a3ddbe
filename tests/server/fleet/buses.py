"""A bus: signals between what would be processes, in this one; it can lose, repeat and reorder what is said."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random


@dataclass(eq=False)
class Bus:
    """Carries what is said to all ends that hear it, soon."""

    lots: Random = field(default_factory=lambda: Random(1))
    loss: float = 0.0
    """How often something is lost; half as often it comes twice."""
    haste: float = 0.0
    """How often something overtakes what was said before."""
    cut: Callable[[str], bool] = lambda channel: False
    """Channels on which nothing is carried."""
    said: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    ears: dict[str, list[Callable[[str], None]]] = field(default_factory=dict[str, list[Callable[[str], None]]])
    again: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])
    _way: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def carry(self, channel: str, payload: str) -> None:
        """Take something on its way."""
        self.said.append((channel, payload))
        if self.cut(channel) or self.lots.random() < self.loss:
            return
        for _ in range(2 if self.lots.random() < self.loss / 2 else 1):
            place = self.lots.randint(0, len(self._way)) if self.lots.random() < self.haste else len(self._way)
            self._way.insert(place, (channel, payload))
            asyncio.get_running_loop().call_soon(self._deliver)

    def _deliver(self) -> None:
        channel, payload = self._way.pop(0)
        for heard in tuple(self.ears.get(channel, ())):
            heard(payload)


@dataclass(eq=False)
class End:
    """One process's end of a bus."""

    bus: Bus
    waiting: int = 0

    def say(self, channel: str, payload: str) -> bool:
        """See `Signals.say`."""
        self.bus.carry(channel, payload)
        return True

    def hear(
        self, channel: str, heard: Callable[[str], None], again: Callable[[], None] | None = None
    ) -> Callable[[], None]:
        """See `Signals.hear`."""
        self.bus.ears.setdefault(channel, []).append(heard)
        if again is not None:
            self.bus.again.append(again)
            asyncio.get_running_loop().call_soon(again)
        return lambda: self.bus.ears[channel].remove(heard)
