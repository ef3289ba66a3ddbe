"""Lost calls: what a model call without an answer may have cost."""

from dataclasses import dataclass, field

import msgspec

from remit.core.errors import ModelError, ModelTimeoutError
from remit.core.ports import Delta, Emit, ModelSpec, Reply, Request
from remit.core.values import Nanos
from remit.models.wrappers.lengths import bound


def worst(spec: ModelSpec, request: Request) -> Nanos:
    """Say what a lost `complete` may have cost at most, counting a token for every byte sent; 0 without a price."""
    if spec.price is None:
        return 0
    return spec.calls * spec.price.worst(bound(request), request.max_output)


def settle(spec: ModelSpec, reply: Reply, lost: Nanos) -> Reply:
    """Write into a reply what it cost and what lost calls may have cost; without a price it stays unknown."""
    cost = reply.cost
    if cost is None and spec.price is not None:
        cost = spec.price.cost(reply.usage)
    return reply if cost is None else msgspec.structs.replace(reply, cost=cost + lost)


def raised(error: ModelError, lost: int) -> ModelError:
    """Give the error to end with: one of unknown cost when any call before it was."""
    if not lost or not error.free:
        return error
    return ModelTimeoutError(f"{error} (what {lost} lost calls cost is unknown)", retry_after=error.retry_after)


@dataclass(slots=True)
class Attempts:
    """The calls made for one answer, one after another, and what they have shown."""

    emit: Emit
    shown: bool = field(default=False, init=False)
    """Whether the attempt under way has shown anything."""

    def show(self, delta: Delta) -> None:
        """Pass a piece of text on."""
        self.shown = True
        self.emit(delta)

    def again(self) -> None:
        """Begin another attempt: what was shown of the one before is void."""
        if self.shown:
            self.emit(Delta("", fresh=True))
        self.shown = False

    def may_have_cost(self, error: ModelError) -> bool:
        """Say whether the attempt that ended like this may be billed: text that came was surely computed."""
        return self.shown or not error.free
