"""Snapshot: the price list bundled with genai-prices, read into whole numbers."""

import importlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, cast

import msgspec

from remit.core.messages import Usage
from remit.core.values import NANOS_PER_USD, Nanos

if TYPE_CHECKING:
    from genai_prices import data_snapshot, types

_MILLION = 1_000_000
_INPUTS = (
    "input_mtok",
    "cache_read_mtok",
    "cache_write_mtok",
    "cache_write_5m_mtok",
    "cache_write_1h_mtok",
    "input_audio_mtok",
    "cache_audio_read_mtok",
)
_AUDIO = frozenset({"input_audio_mtok", "output_audio_mtok"})
_ALIASES = {"bedrock": "aws", "gemini": "google", "grok": "x-ai", "vertex": "google", "xai": "x-ai"}
_UNCOUNTED = frozenset({"output_citation_mtok", "audio_hours", "input_audio_hours"})
"""Always billed, and never in a `Usage`: a model with such a price has no price we could keep to."""


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """What tokens cost at one length of input, in nano-dollars per million."""

    input: int
    output: int
    reasoning: int
    cached: int
    cache_written: int
    audio_input: int
    audio_output: int
    dearest_input: int
    """The highest of the input's, whatever is cached or heard, and for however long."""
    request: Nanos = 0
    """For the request itself."""

    def cost(self, usage: Usage) -> Nanos:
        """Say what this usage costs."""
        return self.request - (-(self._input(usage) + self._output(usage)) // _MILLION)

    def _input(self, usage: Usage) -> int:
        # Counts that contradict each other are read in the dearer way. Audio that may have been cached counts as heard
        # anew: nobody says how much of it was.
        cached, written, heard = usage.cached, usage.cache_written, min(usage.audio_input, usage.input)
        twice = min(max(cached + written + heard - usage.input, 0), heard)
        cached, written = max(cached - twice, 0), written - max(twice - cached, 0)
        fresh = max(usage.input - cached - written - heard, 0)
        total = fresh * self.input + cached * self.cached + written * self.cache_written
        return total + heard * self.audio_input

    def _output(self, usage: Usage) -> int:
        spoken = min(usage.audio_output, usage.output)
        thought = usage.reasoning - min(max(usage.reasoning + spoken - usage.output, 0), spoken)
        said = max(usage.output - thought - spoken, 0)
        return said * self.output + thought * self.reasoning + spoken * self.audio_output

    def worst(self, input_tokens: int, output_tokens: int) -> Nanos:
        """Say the most that so many tokens can cost."""
        dearest_output = max(self.output, self.reasoning, self.audio_output)
        return self.request - (-(input_tokens * self.dearest_input + output_tokens * dearest_output) // _MILLION)


@dataclass(frozen=True, slots=True)
class Period:
    """When some prices hold, and what they are by length of input."""

    tiers: Sequence[tuple[int, Rates]]
    """Above how many input tokens, ascending from -1, each of the rates is for the whole request."""
    since: date | None = None
    hours: tuple[time, time] | None = None
    """UTC; the second may be the next day's."""

    def rates(self, input_tokens: int) -> Rates:
        """Give the rates for a request with so many input tokens."""
        return next(rates for start, rates in reversed(self.tiers) if input_tokens > start)

    def up_to(self, input_tokens: int) -> Iterable[Rates]:
        """Give all rates a request with at most so many input tokens may get."""
        return (rates for start, rates in self.tiers if start < max(input_tokens, 0))

    def holds(self, now: float) -> bool:
        """Say whether these prices hold at this time, in seconds since the epoch."""
        moment = datetime.fromtimestamp(now, UTC)
        if self.since is not None and moment.date() < self.since:
            return False
        if self.hours is None:
            return True
        start, end = self.hours
        hour = moment.time()
        return start <= hour < end if start <= end else hour >= start or hour < end

    def may_hold(self, now: float) -> bool:
        """Say whether these prices may hold within a day from now."""
        return self.since is None or datetime.fromtimestamp(now, UTC).date() + timedelta(days=1) >= self.since


def periods(name: str) -> tuple[Period, ...]:
    """Find the prices of a model by `NAME` or `provider:NAME`; empty when they are unknown or cannot be kept to."""
    info = _find(name)
    if info is None:
        return ()
    listed = info.prices if isinstance(info.prices, list) else None
    pairs = [(entry.constraint, entry.prices) for entry in listed] if listed is not None else [(None, info.prices)]
    found: list[Period] = []
    for constraint, prices in pairs:
        tiers = _tiers(cast("types.ModelPrice", prices), free=info.id.endswith(":free"))
        # A model made for sound whose sound has no price in the list: a gap, and never as cheap as text.
        if tiers is None or ("audio" in info.id and all(getattr(prices, key) is None for key in _AUDIO)):
            return ()
        found.append(Period(tiers, getattr(constraint, "start_date", None), _hours(constraint)))
    # The list's rule: when no condition is met, the first holds.
    return (Period(found[0].tiers), *found[1:]) if found else ()


def _find(name: str) -> "types.ModelInfo | None":
    given, colon, model = name.partition(":")
    listed = _list()
    provider = _ALIASES.get(given, given)
    # The library also takes names that only look alike, but a reseller is not the maker: its prices are its own.
    if colon and all(known.id != provider for known in listed.providers):
        return None
    try:
        return listed.find_provider_model(model if colon else name, None, provider if colon else None, None)[1]
    except LookupError:
        return None


def _list() -> "data_snapshot.DataSnapshot":
    # Loaded on first use: the library takes 0.1 s and 20 MB, which only those who ask for a price should pay.
    module = importlib.import_module("genai_prices.data_snapshot")
    return cast("data_snapshot.DataSnapshot", module.get_snapshot())


def _tiers(prices: "types.ModelPrice", *, free: bool) -> tuple[tuple[int, Rates], ...] | None:
    listed = {key: value for key, value in vars(prices).items() if value is not None}
    if not listed and free:
        return ((-1, _rates({}, -1)),)
    # No price for output is an embedding model, a subscription or a gap in the list, and never a gift.
    if "input_mtok" not in listed or "output_mtok" not in listed or _UNCOUNTED & listed.keys():
        return None
    starts = {tier.start for value in listed.values() for tier in getattr(value, "tiers", ())}
    return tuple((start, _rates(listed, start)) for start in (-1, *sorted(starts)))


def _rates(listed: dict[str, object], start: int) -> Rates:
    at = {key: _at(value, start) for key, value in listed.items()}
    read, written = at.get("input_mtok", 0), at.get("output_mtok", 0)
    return Rates(
        input=read,
        output=written,
        reasoning=at.get("output_reasoning_mtok", written),
        cached=at.get("cache_read_mtok", read),
        cache_written=at.get("cache_write_mtok", at.get("cache_write_5m_mtok", read)),
        audio_input=at.get("input_audio_mtok", read),
        audio_output=at.get("output_audio_mtok", written),
        dearest_input=max(at.get(key, 0) for key in _INPUTS),
        request=-(-at.get("requests_kcount", 0) // 1000),
    )


def _at(value: object, start: int) -> int:
    """Give a price above this many input tokens, in nano-dollars per unit."""
    tiers = cast("Sequence[types.Tier]", getattr(value, "tiers", ()))
    amount = getattr(value, "base", value)
    for tier in tiers:
        if tier.start <= start:
            amount = tier.price
    return math.ceil(cast("int", amount) * NANOS_PER_USD)


def _hours(constraint: object) -> tuple[time, time] | None:
    start, end = getattr(constraint, "start_time", None), getattr(constraint, "end_time", None)
    if not isinstance(start, time) or not isinstance(end, time):
        return None
    return _utc(start), _utc(end)


def _utc(moment: time) -> time:
    known = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return datetime.combine(date(2000, 1, 1), known).astimezone(UTC).time()
