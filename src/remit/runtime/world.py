"""World: everything a session may touch, handed to it as ports."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeVar, overload

import msgspec

from remit.core.limits import Tenant
from remit.core.moves import ToolCard
from remit.core.ports import Detector, Gate, Guard, Model, Store, Tool, Turns, Workers
from remit.core.programs import Sandbox
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonValue

S = TypeVar("S", bound=msgspec.Struct)


class Redaction(Protocol):
    """Takes a text in pieces, and gives it on without any value that was split over them."""

    def feed(self, text: str) -> str:
        """Take a piece; give what is settled."""
        ...

    def end(self) -> str:
        """Give what was still held back; the next piece begins another text."""
        ...


class Redactor(Protocol):
    """Keeps secrets out of what is written, shown and told."""

    version: int
    """Another one when a value was registered; 0 while none is."""

    def redact_event(self, event: S) -> S:
        """Give an event, or another struct, without any registered value; the same object when there is none in it."""
        ...

    @overload
    def redact(self, value: str) -> str: ...
    @overload
    def redact(self, value: bytes) -> bytes: ...
    @overload
    def redact(self, value: JsonValue) -> JsonValue: ...
    def redact(self, value: JsonValue | bytes) -> JsonValue | bytes:
        """Give a value without any registered one; the same object when there is none in it."""
        ...

    def stream(self) -> Redaction:
        """Begin a text that comes in pieces."""
        ...


_json = msgspec.json.Encoder()


def unchecked(spec: ToolSpec, output: JsonValue) -> str:
    """Find nothing: nobody compares."""
    return ""


@dataclass(frozen=True)
class World:
    """The ports of one agent in one home. Sessions share it; it holds nothing of theirs.

    What follows from the declarations alone is worked out once and shared too.
    """

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
    turns: Turns
    """Rates and bulkheads of tools and hosts."""
    sandbox: Sandbox | None = None
    """Where programs run; `None` when none may."""
    unlike: Callable[[ToolSpec, JsonValue], str] = unchecked
    """Says how a good answer differs from what its tool promises; empty when it does not."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random
    """Between 0 and 1; spreads retries."""

    @cached_property
    def digests(self) -> dict[str, str]:
        """The hash of each tool's contract, by name."""
        return {name: tool.spec.digest() for name, tool in self.tools.items()}

    @cached_property
    def cards(self) -> dict[str, ToolCard]:
        """What a strategy is told of each tool that is offered from the beginning, by name."""
        return {spec.name: card(spec) for spec in self._specs(None, ())}

    @cached_property
    def withheld(self) -> dict[str, str]:
        """Why tools may not be called, by name."""
        return {name: tool.spec.withheld for name, tool in self.tools.items() if tool.spec.withheld}

    @cached_property
    def _offers(self) -> "dict[tuple[tuple[str, ...] | None, tuple[str, ...]], Offer]":
        return {}

    def offer(self, names: tuple[str, ...] | None, revealed: tuple[str, ...] = ()) -> "Offer":
        """Give the tools a model is offered, in the order they were declared; for `None` all but those to be found.

        What searches have revealed comes after them, so that what a provider keeps of the first ones stays good.
        """
        found = self._offers.get((names, revealed))
        if found is None:
            specs = self._specs(names, revealed)
            tokens = sum(len(_json.encode((spec.name, spec.description, spec.schema))) for spec in specs)
            found = Offer(specs, tokens)
            if len(self._offers) < _OFFERS:
                self._offers[names, revealed] = found
        return found

    def _specs(self, names: tuple[str, ...] | None, revealed: tuple[str, ...]) -> tuple[ToolSpec, ...]:
        current = {name: tool.spec for name, tool in self.tools.items() if not tool.spec.withheld}
        if names is not None:
            return tuple(spec for name, spec in current.items() if name in names)
        offered = tuple(spec for spec in current.values() if not spec.deferred)
        return (*offered, *(current[name] for name in revealed if name in current and current[name].deferred))


_OFFERS = 256


@dataclass(frozen=True, slots=True)
class Offer:
    """Tools on offer, and the most tokens that telling a model of them takes."""

    specs: tuple[ToolSpec, ...]
    tokens: int


def card(spec: ToolSpec) -> ToolCard:
    """Reduce a contract to what a plan needs."""
    properties = spec.schema.get("properties")
    required = spec.schema.get("required")
    return ToolCard(
        spec.name,
        spec.description,
        tuple(str(name) for name in required) if isinstance(required, list) else (),
        tuple(properties) if isinstance(properties, dict) else (),
        open=not isinstance(properties, dict) or bool(spec.schema.get("additionalProperties", False)),
        schema=spec.schema,
        output=spec.output,
        price=spec.price,
        effect=spec.effect,
    )
