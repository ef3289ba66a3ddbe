"""Priced: a model whose price is looked up, so that holds can be taken for it."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from remit.core.messages import Usage
from remit.core.ports import Emit, Model, ModelSpec, Price, Reply, Request
from remit.models.prices import known_price
from remit.models.wrappers.lost import worst

_NONE: Mapping[str, Price] = MappingProxyType({})
_UNSAID = Usage()


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
        """Answer as the model does; one that does not say what it used may have used all that was held."""
        reply = await self._model.complete(request, emit)
        if reply.usage == _UNSAID and reply.cost is None and self._spec.price is not None:
            return msgspec.structs.replace(reply, cost=worst(self._spec, request))
        return reply
