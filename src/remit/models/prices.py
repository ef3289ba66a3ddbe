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

    def __post_init__(self) -> None:
        """Refuse prices that would let an agent earn."""
        for amount in (self.input, self.output, self.cached or 0.0, self.cache_written or 0.0):
            if not (math.isfinite(amount) and amount >= 0):
                raise ConfigError(f"a price is a number of dollars per million tokens, not {amount!r}")

    def cost(self, usage: Usage) -> Nanos:
        """Say what this usage costs."""
        return self._rates().cost(usage)

    def worst(self, input_tokens: int, output_tokens: int) -> Nanos:
        """Say the most that so many tokens can cost."""
        return self._rates().worst(input_tokens, output_tokens)

    def _rates(self) -> Rates:
        return _flat_rates(self.input, self.output, self.cached, self.cache_written)


@cache
def _flat_rates(read: float, written: float, cached: float | None, cache_written: float | None) -> Rates:
    first = _per_million(read)
    return Rates(
        input=first,
        output=_per_million(written),
        reasoning=_per_million(written),
        cached=first if cached is None else _per_million(cached),
        cache_written=first if cache_written is None else _per_million(cache_written),
        dearest_input=max(first, _per_million(cached or 0.0), _per_million(cache_written or 0.0)),
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


@cache
def known_price(name: str) -> Price | None:
    """Look a model up in the list that ships with genai-prices, by `NAME` or `provider:NAME`; `None` when unknown.

    Only standard service is listed: batch, priority and fast tiers need an explicit `FlatPrice`. Nothing is fetched.
    """
    found = periods(name)
    return ListPrice(found) if found else None
