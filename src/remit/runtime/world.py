"""World: everything a session may touch, handed to it as ports."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from remit.core.events import Event
from remit.core.limits import Tenant
from remit.core.ports import Detector, Gate, Guard, Model, Store, Tool, Workers


class Redactor(Protocol):
    """Keeps secrets out of what is written."""

    def redact_event(self, event: Event) -> Event:
        """Give the event without any registered value; the same object when there is none in it."""
        ...


@dataclass(frozen=True, slots=True)
class World:
    """The ports of one agent in one home. Sessions share it; it holds nothing of theirs."""

    store: Store
    models: Mapping[str, Model]
    """By role; `default` is always there."""
    tools: Mapping[str, Tool]
    guards: Sequence[Guard]
    detectors: Sequence[Callable[[], Detector]]
    gate: Gate
    secrets: Redactor
    workers: Workers
    tenant: Tenant
    key: bytes
    """Signs remit tokens."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random
    """Between 0 and 1; spreads retries."""
