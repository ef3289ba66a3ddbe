"""Settings: what a project says of a tool, over what its source says. What is left out stays as the source has it."""

import math
from typing import Annotated, Literal

import msgspec

from remit.core.errors import ConfigError
from remit.core.limits import Flow
from remit.core.toolspec import EffectClass, ToolSpec
from remit.core.values import JsonObject, JsonValue, nanos
from remit.policy import Tolerance

_NotBelow = Annotated[float, msgspec.Meta(ge=0)]
_Above = Annotated[float, msgspec.Meta(gt=0)]


class FlowSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How fast and how many at once; see `Flow`."""

    per_second: _Above | None = None
    burst: Annotated[int, msgspec.Meta(ge=1)] = 1
    at_once: Annotated[int, msgspec.Meta(ge=1)] | None = None
    wait: _NotBelow = 30.0

    def flow(self) -> Flow:
        """Give it as the gateway wants it."""
        return Flow(per_second=self.per_second, burst=self.burst, at_once=self.at_once, wait=self.wait)


class HostSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said of one host: the table `[hosts."NAME"]`."""

    flow: FlowSettings | None = None
    """How fast and how many at once all tools together may call it."""
    failures: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """In a row, before nobody calls it for a while."""
    cooldown: _Above | None = None
    """Seconds of that while."""

    def tolerance(self) -> Tolerance | None:
        """Give how much failing is borne; `None` when nothing is said of it."""
        if self.failures is None and self.cooldown is None:
            return None
        usual = Tolerance()
        cooldown = usual.cooldown if self.cooldown is None else self.cooldown
        failures = usual.failures if self.failures is None else self.failures
        return Tolerance(failures=failures, cooldown=cooldown, longest=max(usual.longest, cooldown))


class PageSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How further pages of an operation are found: by a `Link` header, a cursor, or a number."""

    by: Literal["link", "cursor", "number"] = "link"
    argument: str = ""
    """The argument with the cursor, or with the number; `page` when it is left out."""
    next: str = ""
    """Where the next cursor is in an answer, such as `meta.next_cursor`."""
    first: int = 1
    items: str = ""
    """Where the items are in an answer; the answer itself when empty."""
    most: Annotated[int, msgspec.Meta(ge=1)] = 10

    def __post_init__(self) -> None:
        """Refuse a cursor of which nothing is known."""
        if self.by == "cursor" and not (self.argument and self.next):
            raise ValueError('pages by "cursor" need `argument` and `next`')


class ToolSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said of one tool; the fields are those of `ToolSpec`, the price is in dollars."""

    name: str = ""
    """What it is called, for a model and in the lock."""
    description: str = ""
    effect: EffectClass | None = None
    price: Annotated[float, msgspec.Meta(ge=0, le=1_000_000)] | None = None
    timeout: _Above | None = None
    retries: Annotated[int, msgspec.Meta(ge=0)] | None = None
    fallback: str | None = None
    degraded: JsonValue = None
    dangerous: bool | None = None
    doubt: Literal["wait", "tell"] | None = None
    flow: FlowSettings | None = None
    hosts: tuple[str, ...] | None = None
    labels: tuple[str, ...] | None = None
    dry_run: JsonObject | None = None
    deferred: bool | None = None
    deprecated: str = ""
    version: str = ""
    owner: str = ""
    media: str = ""
    """Of OpenAPI: the media type of the body, where there are several."""
    pages: PageSettings | None = None
    """Of OpenAPI: how further pages are found."""
    failures: Literal["told", "doubted"] | None = None
    """Of MCP: what it means when the tool says that it failed; see `Override`."""

    def __post_init__(self) -> None:
        """Refuse figures that are none."""
        for name, value in (("price", self.price), ("timeout", self.timeout)):
            if value is not None and not math.isfinite(value):
                raise ValueError(f"`{name}` is a figure, not {value}")


UNSAID = ToolSettings()


def over(below: ToolSettings, above: ToolSettings) -> ToolSettings:
    """Lay settings over others."""
    said = {name: value for name in ToolSettings.__struct_fields__ if (value := getattr(above, name)) not in (None, "")}
    return msgspec.structs.replace(below, **said)


_SAME = (
    "effect", "timeout", "retries", "fallback", "degraded", "dangerous", "doubt", "hosts", "labels", "dry_run",
    "deferred",
)  # fmt: skip
_WHEN_SAID = ("name", "description", "deprecated", "version", "owner")


def applied(settings: ToolSettings, spec: ToolSpec) -> ToolSpec:
    """Give a contract with what was said of it; raise `ConfigError` when that cannot be."""
    said: dict[str, object] = {name: value for name in _SAME if (value := getattr(settings, name)) is not None}
    said |= {name: value for name in _WHEN_SAID if (value := getattr(settings, name))}
    if settings.price is not None:
        said["price"] = nanos(settings.price)
    if settings.flow is not None:
        said["flow"] = settings.flow.flow()
    found = msgspec.structs.replace(spec, **said)
    if found.fallback == found.name:
        raise ConfigError(f"tool {found.name!r} cannot be its own fallback")
    return found
