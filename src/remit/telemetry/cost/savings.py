"""Savings: what other ways of asking would have saved on recorded questions. Nothing is guessed.

Each figure stands alone: two of them may be about the same money, so they do not add up. Money is only named where the
price list explains what was paid; elsewhere the tokens are, and how many calls have no known price.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, Protocol

import msgspec

from remit.core.messages import Usage
from remit.core.ports import Price
from remit.core.values import Nanos
from remit.telemetry.cost.questions import Question

Way = Literal["answers", "prefix", "routing", "batching"]

ANSWERS_LAST = 86_400_000
"""Milliseconds for which a kept answer is given again: the default of `AnswerFile`."""
PREFIX_LASTS = 300_000
"""Milliseconds for which providers keep a prefix that is used; the shortest of theirs."""
PREFIX_LEAST = 1024
"""Tokens below which providers keep no prefix."""

HOW: dict[Way, str] = {
    "answers": "what questions cost that an agent had asked before, word for word, less than a day after the answer",
    "prefix": "tokens that went on with a conversation of under 5 minutes ago and were not read from the provider's "
    "cache, at the price for cached ones",
    "routing": "at most: the same tokens at the price of the cheapest model the agent declares; whether its answers "
    "would have been as good, only an evaluation tells",
    "batching": "at most: the same calls at the provider's batch price, if all of them could have waited for hours",
}


class Tariffs(Protocol):
    """What is known of prices."""

    def price(self, model: str) -> Price | None:
        """Give the price of a model; `None` when nobody knows it."""
        ...

    def batch(self, model: str) -> float | None:
        """Give the share of its price that a model costs in batches; `None` when it has none."""
        ...


class Saving(msgspec.Struct, frozen=True, gc=False):
    """What one way of asking would have saved."""

    way: Way
    calls: int
    """It would have changed so many."""
    tokens: int
    """Input tokens that would not have been paid in full."""
    cost: Nanos
    unpriced: int
    """Calls among them whose price is not known, or does not explain what was paid: they are not in the cost."""
    how: str


def savings(questions: Iterable[Question], tariffs: Tariffs) -> list[Saving]:
    """Say what each way would have saved, dearest first; ways that change nothing are left out."""
    asked = sorted(
        (question for question in questions if question.charge.status != "hit"),
        key=lambda question: (question.charge.began, question.charge.at),
    )
    found = [_answers(asked), _prefix(asked, tariffs), _routing(asked, tariffs), _batching(asked, tariffs)]
    return sorted((saving for saving in found if saving.calls), key=lambda saving: -saving.cost)


def _answers(asked: Sequence[Question]) -> Saving:
    kept: dict[bytes, int] = {}
    calls = tokens = cost = 0
    for question in asked:
        charge = question.charge
        made = kept.get(question.key)
        if made is not None and made <= charge.began <= made + ANSWERS_LAST:
            calls, tokens, cost = calls + 1, tokens + charge.usage.input, cost + charge.cost
        elif question.whole:
            kept[question.key] = charge.at
    return _saving("answers", calls, tokens, cost, 0)


def _prefix(asked: Sequence[Question], tariffs: Tariffs) -> Saving:
    before: dict[object, Question] = {}
    calls = tokens = cost = unpriced = 0
    for question in asked:
        if question.thread is None or not question.charge.usage.input:
            continue
        last = before.get(question.thread)
        before[question.thread] = question
        missed = 0 if last is None else _missed(last, question)
        if not missed:
            continue
        calls, tokens = calls + 1, tokens + missed
        usage = question.charge.usage
        price = _explaining(question, tariffs)
        if price is None:
            unpriced += 1
            continue
        cached = usage.cached + missed
        written = min(usage.cache_written, max(usage.input - cached, 0))
        cost += max(
            question.charge.cost - price.cost(msgspec.structs.replace(usage, cached=cached, cache_written=written)), 0
        )
    return _saving("prefix", calls, tokens, cost, unpriced)


def _missed(last: Question, question: Question) -> int:
    """Count the tokens of the conversation as it was last asked that were not read from the provider's cache."""
    told = (last.charge.model, last.offer) == (question.charge.model, question.offer)
    soon = 0 <= question.charge.began - last.charge.at <= PREFIX_LASTS
    prefix = min(last.charge.usage.input, question.charge.usage.input)
    if not told or not soon or prefix < PREFIX_LEAST:
        return 0
    return max(prefix - question.charge.usage.cached, 0)


def _routing(asked: Sequence[Question], tariffs: Tariffs) -> Saving:
    calls = tokens = cost = unpriced = 0
    for question in asked:
        charge = question.charge
        others = {name for name in question.models.values() if name != charge.model}
        if not others or charge.usage == Usage():
            continue
        prices = [price for name in sorted(others) if (price := tariffs.price(name)) is not None]
        if _explaining(question, tariffs) is None or len(prices) < len(others):
            unpriced += 1
        saved = max((charge.cost - price.cost(charge.usage) for price in prices), default=0)
        if saved > 0 and _explaining(question, tariffs) is not None:
            calls, tokens, cost = calls + 1, tokens + charge.usage.input, cost + saved
    return _saving("routing", calls, tokens, cost, unpriced)


def _batching(asked: Sequence[Question], tariffs: Tariffs) -> Saving:
    calls = tokens = cost = unpriced = 0
    for question in asked:
        charge = question.charge
        share = tariffs.batch(charge.model)
        if share is None or charge.usage == Usage():
            continue
        if _explaining(question, tariffs) is None:
            # It may have been in a batch, which costs less than the list says.
            unpriced += 1
            continue
        calls, tokens, cost = calls + 1, tokens + charge.usage.input, cost + charge.cost - round(charge.cost * share)
    return _saving("batching", calls, tokens, cost, unpriced)


def _explaining(question: Question, tariffs: Tariffs) -> Price | None:
    """Give the price that explains what was paid, to the last nano-dollar."""
    charge = question.charge
    price = tariffs.price(charge.model)
    return price if price is not None and price.cost(charge.usage) == charge.cost else None


def _saving(way: Way, calls: int, tokens: int, cost: Nanos, unpriced: int) -> Saving:
    return Saving(way, calls, tokens, cost, unpriced, HOW[way])
