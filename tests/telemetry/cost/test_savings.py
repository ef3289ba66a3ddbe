"""What would have been saved is computed from what was paid, and never where that cannot be explained."""

from collections.abc import Mapping, Sequence

import msgspec

from remit.core import events as ev
from remit.core.limits import Limits
from remit.core.messages import Call, Outcome, Usage
from remit.core.ports import Price
from remit.models.prices import FlatPrice
from remit.telemetry.cost import Question, Questions, Saving, savings

BEGIN = 1_000_000
HOUR = 3_600_000
GPT, MINI = FlatPrice(10.0, 10.0, cached=1.0), FlatPrice(1.0, 1.0)


class Listed(msgspec.Struct, frozen=True):
    """A list of prices."""

    prices: Mapping[str, Price]
    batched: Mapping[str, float] = {}

    def price(self, model: str) -> Price | None:
        return self.prices.get(model)

    def batch(self, model: str) -> float | None:
        return self.batched.get(model)


def opened(models: Mapping[str, str] | None = None, *, agent: str = "clerk", forked: str = "") -> ev.SessionOpened:
    named = dict(models or {"default": "gpt"})
    return ev.SessionOpened(agent, "2", "react@1", {"look": "d"}, "acme", ev.Tree("s"), Limits(), named, forked=forked)


def asked(session: str, *turns: tuple[ev.Event, int], begins: ev.SessionOpened | None = None) -> list[Question]:
    """Give the questions of a session whose one run has these events, each so long after the one before."""
    at, seq, questions = BEGIN, 0, Questions(session)
    found: list[Question] = []
    begun: list[tuple[ev.Event, int]] = [
        (begins or opened(), 0),
        (ev.MessageReceived("hello"), 0),
        (ev.RunOpened(1, "react@1", "w", BEGIN), 0),
    ]
    for event, later in [*begun, *turns]:
        at, seq = at + later, seq + 1
        found.extend(questions.see(ev.Record(seq, at, event))[1])
    return found


def turn(step: str, usage: Usage, *, after: int = 0, say: str = "", price: Price = GPT) -> list[tuple[ev.Event, int]]:
    answered = ev.ModelAnswered(step, f"answer {step}", usage=usage, cost=price.cost(usage))
    return [(ev.ModelAsked(step, say=say), after), (answered, 1000)]


def of(way: str, found: Sequence[Saving]) -> Saving | None:
    return next((saving for saving in found if saving.way == way), None)


BIG = Usage(2000, 100)


def test_the_same_question_in_another_session_would_have_cost_nothing() -> None:
    first, later = asked("s1", *turn("0", BIG)), asked("s2", *turn("0", BIG, after=HOUR))
    found = of("answers", savings([*later, *first], Listed({})))
    assert found is not None
    assert (found.calls, found.tokens, found.cost) == (1, 2000, GPT.cost(BIG))


def test_a_kept_answer_is_too_old_after_a_day_and_then_kept_anew() -> None:
    times = (0, 25 * HOUR, 26 * HOUR)
    questions = [q for n, at in enumerate(times) for q in asked(f"s{n}", *turn("0", BIG, after=at))]
    found = of("answers", savings(questions, Listed({})))
    assert found is not None
    assert found.calls == 1


def test_another_agent_or_another_conversation_asks_something_else() -> None:
    questions = [
        *asked("s1", *turn("0", BIG)),
        *asked("s2", *turn("0", BIG, after=HOUR), begins=opened(agent="other")),
        *asked("s3", *turn("0", BIG, after=HOUR, say="please")),
    ]
    assert of("answers", savings(questions, Listed({}))) is None


def test_questions_at_the_same_time_do_not_answer_each_other() -> None:
    questions = [*asked("s1", *turn("0", BIG)), *asked("s2", *turn("0", BIG))]
    assert of("answers", savings(questions, Listed({}))) is None


def test_the_same_question_after_a_tool_with_another_id_is_the_same() -> None:
    def session(name: str, call: str, after: int) -> list[Question]:
        wants = ev.ModelAnswered("0", "", (Call("look", {}, call),), BIG, GPT.cost(BIG))
        return asked(
            name, (ev.ModelAsked("0"), after), (wants, 1), (ev.EffectStarted(call), 0),
            (ev.EffectEnded(Outcome(call, output="blue")), 1), *turn("2", BIG),
        )  # fmt: skip

    found = of("answers", savings([*session("s1", "c1_0_0", 0), *session("s2", "x7", HOUR)], Listed({})))
    assert found is not None
    assert found.calls == 2


def test_a_conversation_that_goes_on_is_read_from_the_cache_of_a_provider() -> None:
    questions = asked("s1", *turn("0", BIG), *turn("1", Usage(2500, 100, 500), say="more"))
    found = of("prefix", savings(questions, Listed({"gpt": GPT})))
    assert found is not None
    assert (found.calls, found.tokens, found.unpriced) == (1, 1500, 0)
    assert found.cost == GPT.cost(Usage(2500, 100, 500)) - GPT.cost(Usage(2500, 100, 2000))


def test_a_prefix_that_is_short_old_or_cached_saves_nothing() -> None:
    small, cached = Usage(500, 10), Usage(2500, 100, 2200)
    for questions in (
        asked("s1", *turn("0", small), *turn("1", BIG, say="more")),
        asked("s1", *turn("0", BIG), *turn("1", BIG, after=HOUR, say="more")),
        asked("s1", *turn("0", BIG), *turn("1", cached, say="more")),
    ):
        assert of("prefix", savings(questions, Listed({"gpt": GPT}))) is None


def test_a_price_that_does_not_explain_what_was_paid_gives_tokens_and_no_money() -> None:
    questions = asked("s1", *turn("0", BIG), *turn("1", BIG, say="more"))
    found = of("prefix", savings(questions, Listed({"gpt": MINI})))
    assert found is not None
    assert (found.tokens, found.cost, found.unpriced) == (2000, 0, 1)


def test_the_cheapest_declared_model_bounds_what_routing_saves() -> None:
    begins = opened({"default": "gpt", "cheap": "mini"})
    found = of("routing", savings(asked("s1", *turn("0", BIG), begins=begins), Listed({"gpt": GPT, "mini": MINI})))
    assert found is not None
    assert (found.calls, found.cost) == (1, GPT.cost(BIG) - MINI.cost(BIG))
    assert of("routing", savings(asked("s1", *turn("0", BIG)), Listed({"gpt": GPT, "mini": MINI}))) is None


def test_batches_are_only_counted_where_the_full_price_was_paid() -> None:
    tariffs = Listed({"gpt": GPT}, {"gpt": 0.5})
    found = of("batching", savings(asked("s1", *turn("0", BIG)), tariffs))
    assert found is not None
    assert found.cost == GPT.cost(BIG) // 2
    assert of("batching", savings(asked("s1", *turn("0", BIG, price=MINI)), tariffs)) is None


def test_what_a_fork_was_given_is_no_question_of_its_own() -> None:
    questions = asked("s2", *turn("0", BIG), *turn("1", BIG, say="on"), begins=opened(forked="s1@5"))
    assert [question.charge.step for question in questions] == ["1"]


def test_a_question_that_stands_alone_or_in_a_branch_is_told_apart() -> None:
    alone = [(ev.ModelAsked("0", say="judge", alone=True), 0), (ev.ModelAnswered("0", "ok", usage=BIG), 1)]
    branch = turn("1.0.0", BIG)
    first, second = asked("s1", *alone, *branch, (ev.RunEnded(1, "done", "so"), 0))
    assert (first.thread, second.thread) == (None, ("s1", 1, "1.0"))
    assert first.whole
