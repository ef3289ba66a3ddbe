"""The law of money: however wrappers are stacked, what was spent <= what is said <= what was held."""

import asyncio
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from remit.core.errors import (
    ContextTooLongError,
    CutStreamError,
    ModelError,
    ModelRequestError,
    ModelTimeoutError,
    OverloadedError,
    RateLimitError,
    UnreadableAnswerError,
)
from remit.core.messages import Usage, UserMessage
from remit.core.ports import Delta, Emit, Model, ModelSpec, Reply, Request
from remit.core.values import Nanos
from remit.models import Breaking, Fallback, FlatPrice, Priced, Retrying
from remit.models.wrappers import Backoff, Cheapest, Fastest, Hedged, LongerThan, Pace, Rate, RateLimited, Routed
from remit.models.wrappers.lengths import bound
from remit.policy import Breakers

HELLO = Request((UserMessage("hello"),), max_output=50)
MOST = bound(HELLO)
ERRORS = (
    RateLimitError,
    OverloadedError,
    ModelTimeoutError,
    CutStreamError,
    UnreadableAnswerError,
    ModelRequestError,
    ContextTooLongError,
    ModelError,
)

Act = tuple[bool, type[ModelError] | Usage, bool]
"""Whether it speaks first, how it ends, and whether others have a turn in between."""


@dataclass
class Provider:
    """A model that does as it is told, and keeps count of what it may bill."""

    name: str
    price: FlatPrice
    acts: list[Act]
    billed: list[Nanos] = field(default_factory=list[Nanos])

    @property
    def spec(self) -> ModelSpec:
        """Name and price."""
        return ModelSpec(self.name, self.price)

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Act once more; at the end of the list answer."""
        speaks, end, pauses = self.acts.pop() if self.acts else (False, Usage(1, 1), False)
        worst = self.price.worst(MOST, HELLO.max_output)
        try:
            if pauses:
                await asyncio.sleep(0)
            if speaks:
                emit(Delta("word"))
            if pauses:
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.billed.append(worst)
            raise
        if isinstance(end, Usage):
            self.billed.append(self.price.cost(end))
            return Reply("word" if speaks else "", usage=end)
        if speaks or not end.free:
            self.billed.append(worst)
        raise end("broke")


usages = st.builds(Usage, st.integers(0, MOST), st.integers(0, HELLO.max_output))
acts = st.lists(st.tuples(st.booleans(), st.sampled_from(ERRORS) | usages, st.booleans()), max_size=6)
prices = st.builds(FlatPrice, st.sampled_from([0.0, 1.0, 7.0]), st.sampled_from([1.0, 15.0]))


async def instantly(seconds: float) -> None:
    """Wait for nothing but a turn."""
    await asyncio.sleep(0)


@st.composite
def stacks(draw: st.DrawFn) -> tuple[Model, list[Provider]]:
    providers = [Provider(f"p{place}:m", draw(prices), draw(acts)) for place in range(draw(st.integers(1, 3)))]
    models: list[Model] = list(providers)
    for _ in range(draw(st.integers(1, 5))):
        place = draw(st.integers(0, len(models) - 1))
        inner, others = models[place], [model for at, model in enumerate(models) if at != place]
        match draw(st.sampled_from(("retrying", "fallback", "routed", "hedged", "breaking", "limited", "priced"))):
            case "retrying":
                models[place] = Retrying(inner, 3, draw(st.integers(0, 2)), backoff=Backoff(sleep=instantly))
            case "fallback":
                on = draw(st.lists(st.sampled_from(ERRORS), min_size=1, unique=True))
                models = [Fallback(inner, on=dict.fromkeys(on, others))]
            case "routed":
                table = {str(at): model for at, model in enumerate([inner, *others])}
                rule = draw(st.sampled_from((Cheapest(), Fastest(), LongerThan(1, "0"))))
                models = [Routed(table, rule, default="0")]
            case "hedged":
                models[place] = Hedged(inner, after=0.0, share=1.0, sleep=instantly)
            case "breaking":
                models[place] = Breaking(inner, Breakers())
            case "limited":
                models[place] = RateLimited(inner, Rate(Pace(requests=6e6, tokens=6e9)))
            case _:
                models[place] = Priced(inner)
    return (models[0] if len(models) == 1 else Fallback(models[0], *models[1:])), providers


@given(stacks())
async def test_what_was_spent_is_at_most_what_is_said_and_that_at_most_what_was_held(
    made: tuple[Model, list[Provider]],
) -> None:
    inner, providers = made
    # Text that was shown makes any error a loss, which whoever repeats or falls back sees, and here somebody must.
    model = Retrying(inner, 1)
    price = model.spec.price
    assert price is not None
    held = price.worst(MOST, HELLO.max_output) * model.spec.calls
    try:
        reply = await model.complete(HELLO, lambda _: None)
    except ModelError as error:
        said = 0 if error.free else held
    else:
        said = price.cost(reply.usage) if reply.cost is None else reply.cost
    spent = sum(sum(provider.billed) for provider in providers)
    assert spent <= said <= held
