"""Shared breaker: circuits that a fleet has in common. This is one worker's part of it, without I/O.

Failures are counted here, by each worker for itself. That a circuit opens, who finds out whether it works again, and
what came of that is told to a place that all workers share, and what stands there is believed. So one worker that has
seen enough stops all of them, and one probe is all that a fleet sends.
"""

import math
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from remit.core.ports import Clock, Pass
from remit.policy.breaker import BreakerState, BreakerStatus, Tally, Tolerance

OFFER = 5.0
"""Seconds within which a probe that was won must begin; then somebody else may have it."""

_INTEREST = 60.0
"""Seconds after a call was refused for which its worker tries to have the probe ready for the next."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a circuit stands for all workers."""

    state: BreakerState = "closed"
    era: int = 0
    """Grows with every change."""
    failures: int = 0
    wait: float = 0.0
    """Seconds until the cool-down, or the lease of the probe, is over."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A change of a circuit as this worker saw it in an era; in another one it changes nothing."""

    name: str
    kind: Literal["trip", "claim", "close", "fail", "forgo"]
    era: int
    failures: int
    tolerance: Tolerance
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    """Tells a probe that was won from that of others, also when it is asked for twice."""

    @property
    def lease(self) -> float:
        """Seconds after which a probe nobody reported counts as lost: from its beginning, it has all it may take."""
        return self.tolerance.lease + OFFER


class SharedBreakers:
    """The circuits of a fleet by the name of a tool, host or provider: the gateway's `Gate`, for one of its workers."""

    def __init__(
        self,
        tolerance: Tolerance | None = None,
        *,
        others: Mapping[str, Tolerance] | None = None,
        clock: Clock = time.monotonic,
        tell: Callable[[], None] = lambda: None,
    ) -> None:
        """Take what all bear, what some names bear instead, and what to call when there is something to tell."""
        self._tolerance = tolerance or Tolerance()
        self._others = dict(others or {})
        self._clock, self._tell = clock, tell
        self._circuits: dict[str, _Circuit] = {}

    def enter(self, name: str) -> Pass | str:
        """Let a call of this name through, or say why it must not be made now."""
        circuit = self._circuit(name)
        why = circuit.refusal(self._clock())
        if circuit.wish is not None:
            self._tell()
        return f"`{name}`: the circuit is open: {why}" if why else SharedPass(circuit, self._tell)

    def snapshot(self) -> dict[str, BreakerStatus]:
        """Show all circuits that any worker has moved, and those this one asked for, by name."""
        self._tell()
        now = self._clock()
        return {name: circuit.status(now) for name, circuit in sorted(self._circuits.items())}

    # -- what is shared --------------------------------------------------------------------------------------------

    def wishes(self) -> tuple[Wish, ...]:
        """Give what is to be told to all, until it was answered."""
        return tuple(circuit.wish for circuit in self._circuits.values() if circuit.wish is not None)

    def answered(self, wish: Wish, standing: Standing, at: float, *, won: bool) -> None:
        """Take in where a circuit stands after a wish that was told at a moment, and whether its probe is ours."""
        self._circuit(wish.name).answered(wish, standing, at, won=won)

    def heard(self, standings: Mapping[str, Standing], at: float) -> None:
        """Take in where all circuits stand, as they were asked for at a moment; those not named are as at first."""
        for name in {*standings, *self._circuits}:
            self._circuit(name).heard(standings.get(name, Standing()), at, self._clock())

    def _circuit(self, name: str) -> "_Circuit":
        circuit = self._circuits.get(name)
        if circuit is None:
            circuit = self._circuits[name] = _Circuit(name, self._others.get(name, self._tolerance), self._clock)
            # Others may know more of it.
            self._tell()
        return circuit


class _Circuit:
    """What one worker knows of a circuit, and its part in it."""

    __slots__ = ("_clock", "_name", "_offered", "_probing", "_standing", "_tally", "_tolerance", "_until", "_wanted",
                 "_won", "generation", "wish")  # fmt: skip

    def __init__(self, name: str, tolerance: Tolerance, clock: Clock) -> None:
        self._name, self._tolerance, self._clock = name, tolerance, clock
        self.generation = 0
        """Ends when the circuit opens, closes or lets a probe through, as far as is known here."""
        self.wish: Wish | None = None
        """What is to be told to all; until it was answered nothing else is believed."""
        self._standing = Standing()
        self._until = self._wanted = self._won = -math.inf
        self._offered: float | None = None
        """Until when the probe that we won may begin."""
        self._probing = False
        self._tally = Tally(tolerance)

    # -- calls -----------------------------------------------------------------------------------------------------

    def refusal(self, now: float) -> str:
        """Say why no call may be made now; when there is no reason, one is."""
        if self._standing.state == "closed":
            return ""
        if self._offered is not None and now < self._offered:
            self._offered, self._probing = None, True
            self.generation += 1
            return ""
        self._wanted = now
        if self._offered is not None:
            self._make("forgo")
        elif self.wish is None and not self._probing and now >= self._until:
            self._make("claim")
        wait = max(1, math.ceil(self._until - now))
        half = self._standing.state == "half_open" or now >= self._until
        return f"{'one call is finding out if it works again' if half else 'it kept failing'}; try again in {wait} s"

    def report(self, generation: int, *, ok: bool) -> None:
        """Take in how a call ended that was let through in a generation."""
        if generation != self.generation:
            return
        if self._probing:
            self._probing = False
            self.generation += 1
            self._make("close" if ok else "fail")
        elif self._standing.state == "closed" and self._tally.count(ok=ok):
            self._trip()

    def release(self, generation: int) -> None:
        """Take a pass back that was not used: the next call here may still be the probe, if it begins in time."""
        if generation == self.generation and self._probing:
            self._probing, self._offered = False, self._won + OFFER
            self.generation += 1

    # -- what is shared --------------------------------------------------------------------------------------------

    def answered(self, wish: Wish, standing: Standing, at: float, *, won: bool) -> None:
        if wish is not self.wish:
            return
        self.wish = None
        self._adopt(standing, at)
        if won:
            self._won, self._offered = at, at + OFFER

    def heard(self, standing: Standing, at: float, now: float) -> None:
        if self.wish is not None:
            return
        self._adopt(standing, at)
        if self._offered is not None and now >= self._offered:
            self._make("forgo")
        elif (
            self._standing.state != "closed"
            and self._offered is None
            and not self._probing
            and now >= self._until
            and now < self._wanted + _INTEREST
        ):
            # Whoever was refused has the probe ready when the next call comes.
            self._make("claim")

    def _adopt(self, standing: Standing, at: float) -> None:
        changed = standing.era != self._standing.era
        self._until = at + standing.wait
        if changed or standing.state != self._standing.state:
            # Whatever we had of the circuit before, a probe too, is over.
            self._offered, self._probing = None, False
            self.generation += 1
            self._tally.clear()
        self._standing = standing

    def _make(self, kind: Literal["trip", "claim", "close", "fail", "forgo"]) -> None:
        self._offered = None
        self.wish = Wish(self._name, kind, self._standing.era, self._tally.failures, self._tolerance)

    def _trip(self) -> None:
        self._make("trip")
        # Here it is open from now on, whoever hears of it when.
        self.generation += 1
        cooldown = self._tolerance.cooldown
        self._standing = Standing("open", self._standing.era, self._tally.failures, cooldown)
        self._until = self._clock() + cooldown

    def status(self, now: float) -> BreakerStatus:
        """Show it as it is known here."""
        if self._standing.state == "closed":
            return BreakerStatus("closed", self._tally.failures, 0.0)
        return BreakerStatus(self._standing.state, self._standing.failures, max(0.0, self._until - now))


class SharedPass:
    """The right to make one call through a circuit of a fleet. Only its first report counts."""

    __slots__ = ("_circuit", "_generation", "_tell", "_used")

    def __init__(self, circuit: _Circuit, tell: Callable[[], None]) -> None:
        """Belong to the circuit as it is now."""
        self._circuit, self._generation, self._tell, self._used = circuit, circuit.generation, tell, False

    @property
    def good(self) -> bool:
        """Whether the circuit is still as it was when this call was let through, as far as is known here."""
        return self._generation == self._circuit.generation

    def report(self, *, ok: bool) -> None:
        """Say how the call ended."""
        if not self._used:
            self._used = True
            self._circuit.report(self._generation, ok=ok)
            self._told()

    def release(self) -> None:
        """Give the right back: the call was not made after all."""
        if not self._used:
            self._used = True
            self._circuit.release(self._generation)
            self._told()

    def _told(self) -> None:
        if self._circuit.wish is not None:
            self._tell()
