"""Joint: what a wrapper around several models says of them all."""

from collections.abc import Sequence

from remit.core.ports import ModelSpec
from remit.models.prices import DearestPrice


def joint(specs: Sequence[ModelSpec], calls: int) -> ModelSpec:
    """Give the first's name, the dearest price and the variants of all, for a call that any of them may answer."""
    prices = tuple(spec.price for spec in specs if spec.price is not None)
    # One unknown price makes the whole unknown: any of them may answer.
    price = DearestPrice(prices) if len(prices) == len(specs) else None
    alone = len(specs) == 1
    variant = specs[0].variant if alone else ",".join(f"{spec.name}/{spec.variant}" for spec in specs)
    return ModelSpec(specs[0].name, price, calls, variant)
