"""ToolSpec: a tool's contract. What a model is told of it, what the gateway must know, and who answers for it."""

from typing import Literal

import msgspec

from remit.core.limits import Flow
from remit.core.values import JsonObject, JsonValue, Nanos, digest

EffectClass = Literal["read", "idempotent", "once"]
"""What may be done after a crash: repeat, repeat with the same key, or ask."""


class ToolSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A tool's contract: what a model is told, and what the gateway must know."""

    name: str
    description: str
    schema: JsonObject
    """JSON Schema of the arguments, an object."""
    output: JsonObject | None = None
    """JSON Schema of a good answer; `None` when none is promised."""
    effect: EffectClass = "once"
    price: Nanos = 0
    """The most that one call costs."""
    timeout: float = 30.0
    """Seconds for one attempt."""
    retries: int = 2
    """More attempts after the first, where the effect class allows it."""
    fallback: str = ""
    """The tool that takes the same arguments when this one failed."""
    degraded: JsonValue = None
    """What the model is given, marked as such, when the tool and its fallback failed; `None` for the failure itself."""
    dangerous: bool = False
    """Denied unless a permission names it."""
    reconciles: bool = False
    """Whether `probe` can ask the world if a call happened."""
    doubt: Literal["wait", "tell"] = "wait"
    """When nobody can say whether a call happened: wait for a person, or tell the model so, flag it, and go on.
    It is not made again by itself either way."""
    flow: Flow | None = None
    """How fast and how many at once it may be called."""
    hosts: tuple[str, ...] = ()
    """The hosts it calls: tools of one host share its breaker and its flow."""
    labels: tuple[str, ...] = ()
    """What its answers are, such as `confidential`: a session that was given one carries the labels from then on."""
    dry_run: JsonObject | None = None
    """Arguments with which a call changes nothing, for contract tests; they are laid over the others."""
    deferred: bool = False
    """Not offered before a search has found it."""
    reveals: bool = False
    """Whether the names in the `tools` of its answer are put on offer: it is a search."""
    needs: tuple[str, ...] = ()
    """What a toolset must provide to it before it can be called."""
    withheld: str = ""
    """Why it may not be called, such as a contract that nobody reviewed; then it is not offered either."""
    deprecated: str = ""
    """Why it should no longer be used, and what instead; empty while it is current."""
    version: str = "1"
    owner: str = ""
    """Who answers for it: a team or a person."""
    source: str = ""
    """Where it comes from, such as `openapi:jira`."""

    def digest(self) -> str:
        """Hash what a model relies on: name, description, schema and effect."""
        return digest([self.name, self.description, self.schema, self.effect])[:12]
