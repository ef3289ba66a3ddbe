"""Prices: what tokens cost, in whole nano-dollars and never rounded down."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import msgspec

from remit.core.errors import ConfigError
from remit.core.messages import Usage
from remit.core.ports import Clock, Price
from remit.core.values import NANOS_PER_USD, Nanos
from remit.models.snapshot import Period, Rates, periods


class FlatPrice(msgspec.Struct, frozen=True):
    """A price that is the same at any length and hour, in dollars per million tokens."""

    input: float
    output: float
    cached: float | None = None
    """For tokens read from a cache; `None` when they cost what others do."""
    cache_written: float | None = None
    """For tokens written to a cache; `None` when they cost what others do."""
    audio_input: float | None = None
    """For tokens of sound; `None` when they cost what others do."""
    audio_output: float | None = None

    def __post_init__(self) -> None:
        """Refuse prices that would let an agent earn."""
        for amount in msgspec.structs.astuple(self):
            if amount is not None and not (math.isfinite(amount) and amount >= 0):
                raise ConfigError(f"a price is a number of dollars per million tokens, not {amount!r}")

    def cost(self, usage: Usage) -> Nanos:
        """Say what this usage costs."""
        return _flat_rates(self).cost(usage)

    def worst(self, input_tokens: int, output_tokens: int) -> Nanos:
        """Say the most that so many tokens can cost."""
        return _flat_rates(self).worst(input_tokens, output_tokens)


@cache
def _flat_rates(price: FlatPrice) -> Rates:
    read, written = _per_million(price.input), _per_million(price.output)
    cached = read if price.cached is None else _per_million(price.cached)
    cache_written = read if price.cache_written is None else _per_million(price.cache_written)
    heard = read if price.audio_input is None else _per_million(price.audio_input)
    return Rates(
        input=read,
        output=written,
        reasoning=written,
        cached=cached,
        cache_written=cache_written,
        audio_input=heard,
        audio_output=written if price.audio_output is None else _per_million(price.audio_output),
        dearest_input=max(read, cached, cache_written, heard),
    )


def _per_million(usd: float) -> int:
    return math.ceil(round(usd * NANOS_PER_USD, 3))


FREE = FlatPrice(0.0, 0.0)
"""For models that cost nothing: local, scripted, offline."""


@dataclass(frozen=True, slots=True)
class ListPrice:
    """A price from a provider's list: it may depend on the length of the input, the date and the hour."""

    periods: Sequence[Period]
    """Later ones take precedence."""
    clock: Clock = field(default=time.time, repr=False)

    def cost(self, usage: Usage) -> Nanos:
        """Say what this usage costs now."""
        now = self.clock()
        return next(period for period in reversed(self.periods) if period.holds(now)).rates(usage.input).cost(usage)

    def worst(self, input_tokens: int, output_tokens: int) -> Nanos:
        """Say the most that so many tokens can cost within a day: the hour may change before the answer comes."""
        now = self.clock()
        most = 0
        for period in reversed(self.periods):
            if period.may_hold(now):
                most = max(most, *(rates.worst(input_tokens, output_tokens) for rates in period.up_to(input_tokens)))
            if period.hours is None and period.holds(now):
                break
        return most


@dataclass(frozen=True, slots=True)
class DearestPrice:
    """The most that any of several prices says, for a call that any of several models may answer."""

    prices: tuple[Price, ...]

    def cost(self, usage: Usage) -> Nanos:
        """Say what the dearest asks for this usage."""
        return max(price.cost(usage) for price in self.prices)

    def worst(self, input_tokens: int, output_tokens: int) -> Nanos:
        """Say the most that so many tokens can cost with any of them."""
        return max(price.worst(input_tokens, output_tokens) for price in self.prices)


@dataclass(frozen=True, slots=True)
class Discounted:
    """A share of another price, such as half of it for work that can wait."""

    price: Price
    share: float

    def cost(self, usage: Usage) -> Nanos:
        """Say what this usage costs."""
        return math.ceil(self.price.cost(usage) * self.share)

    def worst(self, input_tokens: int, output_tokens: int) -> Nanos:
        """Say the most that so many tokens can cost."""
        return math.ceil(self.price.worst(input_tokens, output_tokens) * self.share)


@cache
def known_price(name: str) -> Price | None:
    """Look a model up in the list that ships with genai-prices, by `NAME` or `provider:NAME`; `None` when unknown.

    Only standard service is listed: batch, priority and fast tiers need an explicit `FlatPrice`. Nothing is fetched.
    """
    found = periods(name)
    return ListPrice(found) if found else None
