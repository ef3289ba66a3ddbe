"""Breaking: a model behind a circuit breaker, so that a provider that is down is left in peace."""

from remit.core.errors import ModelRequestError, OverloadedError, RateLimitError
from remit.core.ports import Emit, Gate, Model, ModelSpec, Reply, Request
from remit.models.names import provider_of


class Breaking:
    """Refuses calls while the gate of the model's provider is open, and tells the gate how the others ended.

    A provider that refuses a request, a key or a pace is answering: only what it fails to do counts against it.
    """

    def __init__(self, model: Model, gate: Gate) -> None:
        """Share one gate among all models; it has a breaker for each provider, the part of a name before the model."""
        self._model = model
        self._gate = gate
        self._provider = provider_of(model.spec.name)

    @property
    def spec(self) -> ModelSpec:
        """The model's."""
        return self._model.spec

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Answer; raise `OverloadedError` without a call while the breaker is open."""
        entered = self._gate.enter(self._provider)
        if isinstance(entered, str):
            raise OverloadedError(f"{self._provider} is not called: {entered}")
        # A call whose end we do not see counts as failed: that is what a provider that hangs looks like, and a
        # half-open gate must hear how its one probe ended.
        ok = False
        try:
            reply = await self._model.complete(request, emit)
            ok = True
        except (ModelRequestError, RateLimitError):
            ok = True
            raise
        finally:
            entered.report(ok=ok)
        return reply
