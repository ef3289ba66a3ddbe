"""Fallback: several models in order; the next is asked when one cannot answer."""

import msgspec

from remit.core.errors import ModelError, OverloadedError, RateLimitError
from remit.core.ports import Emit, Model, ModelSpec, Reply, Request
from remit.models.prices import DearestPrice
from remit.models.wrappers.lost import Attempts, raised, settle, worst


class Fallback:
    """Asks models in order until one answers; the reply says who did and what it cost.

    By default it moves on only after refusals that cost nothing. With errors of unknown cost in `on`, such as
    `ModelTimeoutError` or `ModelError`, one answer may be billed by every model, and the hold is taken for all of them.
    """

    def __init__(
        self, first: Model, *others: Model, on: tuple[type[ModelError], ...] = (RateLimitError, OverloadedError)
    ) -> None:
        """Ask `first`, then `others`, after errors of the classes in `on`."""
        self._models = (first, *others)
        self._on = on
        specs = [model.spec for model in self._models]
        prices = tuple(spec.price for spec in specs if spec.price is not None)
        # One unknown price makes the whole unknown: any of them may answer.
        price = DearestPrice(prices) if len(prices) == len(specs) else None
        calls = [spec.calls for spec in specs]
        self._takes_losses = not all(kind.free for kind in on)
        self._spec = ModelSpec(first.spec.name, price, sum(calls) if self._takes_losses else max(calls))

    @property
    def spec(self) -> ModelSpec:
        """The first's name, the dearest price, and as many billed calls as there may be."""
        return self._spec

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Answer; raise the last model's error, or a `ModelTimeoutError` when a lost call may have been billed."""
        attempts = Attempts(emit)
        lost, cost = 0, 0
        for place, model in enumerate(self._models):
            try:
                reply = await model.complete(request, attempts.show)
            except ModelError as error:
                if attempts.may_have_cost(error):
                    lost, cost = lost + 1, cost + worst(model.spec, request)
                if place + 1 == len(self._models) or not self._moves_on(error, attempts):
                    final = raised(error, lost)
                    if final is error:
                        raise
                    raise final from error
                attempts.again()
            else:
                named = reply if place == 0 or reply.model else msgspec.structs.replace(reply, model=model.spec.name)
                return settle(model.spec, named, cost)
        raise AssertionError("the last model returns or raises")

    def _moves_on(self, error: ModelError, attempts: Attempts) -> bool:
        # A refusal after text came is a loss, which only those who hold for all models may take.
        return isinstance(error, self._on) and (self._takes_losses or not attempts.may_have_cost(error))
