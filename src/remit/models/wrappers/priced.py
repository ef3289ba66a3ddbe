"""Priced: a model whose price is looked up, so that holds can be taken for it."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from remit.core.ports import Emit, Model, ModelSpec, Price, Reply, Request
from remit.models.prices import known_price

_NONE: Mapping[str, Price] = MappingProxyType({})


class Priced:
    """Gives a model its price: yours by name, else its own, else the bundled list's; `None` when nobody knows it."""

    def __init__(self, model: Model, prices: Mapping[str, Price] = _NONE) -> None:
        """Look the price up once; `prices` maps model names to prices that override all others."""
        self._model = model
        spec = model.spec
        price = prices.get(spec.name) or spec.price or known_price(spec.name)
        self._spec = msgspec.structs.replace(spec, price=price)

    @property
    def spec(self) -> ModelSpec:
        """The model's, with a price."""
        return self._spec

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Answer as the model does."""
        return await self._model.complete(request, emit)
