"""Stack: the wrappers that a model wears by default, in the order in which they make sense."""

from collections.abc import Mapping
from types import MappingProxyType

from remit.core.ports import Gate, Model, Price
from remit.models.answers import AnswerFile
from remit.models.wrappers.breaking import Breaking
from remit.models.wrappers.cached import Cached
from remit.models.wrappers.priced import Priced
from remit.models.wrappers.rate_limited import Rate, RateLimited, SharedRate
from remit.models.wrappers.retrying import Retrying

_NONE: Mapping[str, Price] = MappingProxyType({})


def stack(
    model: Model,
    *,
    gate: Gate,
    rate: Rate | SharedRate | None = None,
    cache: AnswerFile | None = None,
    attempts: int = 3,
    prices: Mapping[str, Price] = _NONE,
) -> Model:
    """Wrap a model: Cached > Retrying > Breaking > RateLimited > Priced > model.

    A hit passes nothing else. Every attempt asks the breaker and the rate anew, so that waiting for one's turn is no
    failure of the provider, and one that is down is neither waited for nor asked again. The price is innermost because
    all above reckon with it.
    """
    wrapped: Model = Priced(model, prices)
    if rate is not None:
        wrapped = RateLimited(wrapped, rate)
    wrapped = Retrying(Breaking(wrapped, gate), attempts)
    return wrapped if cache is None else Cached(wrapped, cache)
