"""Fallback: several models in order; the next is asked when one cannot answer."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from remit.core.errors import ConfigError, ModelError, OverloadedError, RateLimitError
from remit.core.ports import Emit, Model, ModelSpec, Reply, Request
from remit.models.wrappers.joint import joint
from remit.models.wrappers.lost import Attempts, raised, settle, worst

ErrorClass = type[ModelError]


class Fallback:
    """Asks models in order until one answers; the reply says who did and what it cost.

    By default it moves on only after refusals that cost nothing. With errors of unknown cost in `on`, such as
    `ModelTimeoutError` or `ModelError`, one answer may be billed by every model, and the hold is taken for all of them.
    """

    def __init__(
        self,
        first: Model,
        *others: Model,
        on: tuple[ErrorClass, ...] | Mapping[ErrorClass, Sequence[Model]] = (RateLimitError, OverloadedError),
    ) -> None:
        """Ask `first`, then `others`, after errors of the classes in `on`.

        A mapping names the models to ask after each class of error: of the classes that fit an error the first decides,
        and of its models the first that was not asked yet comes next.
        """
        if isinstance(on, Mapping) and others:
            raise ConfigError("with `on` by error class, name the other models there and nowhere else")
        self._first = first
        self._next: Mapping[ErrorClass, Sequence[Model]] = on if isinstance(on, Mapping) else dict.fromkeys(on, others)
        self._takes_losses = not all(kind.free for kind in self._next)
        specs = [model.spec for model in self._all()]
        calls = [spec.calls for spec in specs]
        self._spec = joint(specs, sum(calls) if self._takes_losses else max(calls))

    def _all(self) -> Iterator[Model]:
        """Give every model once, the first first."""
        seen: set[int] = set()
        for model in (self._first, *(model for models in self._next.values() for model in models)):
            if id(model) not in seen:
                seen.add(id(model))
                yield model

    @property
    def spec(self) -> ModelSpec:
        """The first's name, the dearest price, and as many billed calls as there may be."""
        return self._spec

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Answer; raise the last model's error, or a `ModelTimeoutError` when a lost call may have been billed."""
        attempts = Attempts(emit)
        lost, cost = 0, 0
        asked: list[Model] = []
        model: Model = self._first
        while True:
            asked.append(model)
            try:
                reply = await model.complete(request, attempts.show)
            except ModelError as error:
                if attempts.may_have_cost(error):
                    lost, cost = lost + 1, cost + worst(model.spec, request)
                after = self._after(error, attempts, asked)
                if after is None:
                    final = raised(error, lost)
                    if final is error:
                        raise
                    raise final from error
                model = after
                attempts.again()
            else:
                own = model is self._first or bool(reply.model)
                named = reply if own else msgspec.structs.replace(reply, model=model.spec.name)
                return settle(model.spec, named, cost)

    def _after(self, error: ModelError, attempts: Attempts, asked: Sequence[Model]) -> Model | None:
        """Give the model to ask next, if any."""
        # A refusal after text came is a loss, which only those who hold for all models may take.
        if attempts.may_have_cost(error) and not self._takes_losses:
            return None
        models = next((models for kind, models in self._next.items() if isinstance(error, kind)), ())
        return next((model for model in models if all(model is not other for other in asked)), None)
