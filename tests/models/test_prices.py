"""Prices: exact, never rounded down, and never below what a call can cost."""

import datetime
import math

import genai_prices
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.errors import ConfigError
from remit.core.messages import Usage
from remit.core.ports import Price
from remit.core.values import NANOS_PER_USD, nanos
from remit.models import FREE, FlatPrice, known_price
from remit.models.prices import DearestPrice, Discounted, ListPrice
from remit.models.snapshot import Period, Rates, periods


def rates(each: int, *, out: int = 0) -> Rates:
    return Rates(
        input=each,
        output=out,
        reasoning=out,
        cached=each,
        cache_written=each,
        audio_input=each,
        audio_output=out,
        dearest_input=each,
    )


def at(text: str) -> float:
    return datetime.datetime.fromisoformat(text).timestamp()


def test_a_flat_price_is_in_dollars_per_million_tokens() -> None:
    price = FlatPrice(2.5, 10.0, cached=1.25, cache_written=3.0)
    usage = Usage(input=1_000_000, output=100_000, cached=400_000, cache_written=100_000)
    assert price.cost(usage) == nanos(0.5 * 2.5 + 0.1 * 10 + 0.4 * 1.25 + 0.1 * 3)
    assert price.worst(1_000_000, 100_000) == nanos(3.0 + 1.0)


def test_without_a_price_of_their_own_cached_tokens_cost_what_others_do() -> None:
    assert FlatPrice(2.0, 4.0).cost(Usage(1000, 0, 500, 100)) == nanos(0.002)


def test_a_fraction_of_a_nano_dollar_is_never_free() -> None:
    assert FlatPrice(0.0001, 0.0).cost(Usage(1)) == 1
    assert FREE.cost(Usage(10**9, 10**9)) == FREE.worst(10**9, 10**9) == 0


@pytest.mark.parametrize("amount", [-1.0, float("nan"), float("inf")])
def test_a_price_that_makes_no_sense_is_refused(amount: float) -> None:
    with pytest.raises(ConfigError, match="dollars per million"):
        FlatPrice(amount, 1.0)


def test_known_models_are_found_by_name_and_by_provider_without_a_network() -> None:
    price = known_price("openai:gpt-4o")
    assert price is not None
    assert price.cost(Usage(1_000_000, 1_000_000)) == nanos(12.5)
    assert price.cost(Usage(1_000_000, 0, 1_000_000)) == nanos(1.25)
    assert known_price("gpt-4o") is not None
    assert known_price("openai:gpt-4o") is price
    assert known_price("gemini:gemini-2.5-pro") == known_price("google:gemini-2.5-pro")


@pytest.mark.parametrize(
    "name",
    [
        "openai:nothing-like-it",
        "nobody:gpt-4o",
        "not-openai:gpt-4o",
        "ollama:llama3",
        "openai:text-embedding-3-small",
        "perplexity:sonar-deep-research",
        "",
        ":",
    ],
)
def test_what_the_list_does_not_know_or_cannot_say_has_no_price(name: str) -> None:
    assert known_price(name) is None


def test_models_given_away_are_free_and_only_they() -> None:
    price = known_price("openrouter:openai/gpt-oss-20b:free")
    assert price is not None
    assert price.worst(10**6, 10**6) == 0


def test_a_fee_for_each_request_is_counted() -> None:
    price = known_price("perplexity:sonar")
    assert price is not None
    assert price.cost(Usage()) == nanos(0.012)
    assert price.worst(0, 0) == nanos(0.012)


def test_cache_writes_and_reads_have_their_own_price_and_the_worst_case_counts_the_dearest() -> None:
    price = known_price("anthropic:claude-haiku-4-5")
    assert price is not None
    assert price.cost(Usage(1_000_000, 0, 0, 1_000_000)) == nanos(1.25)
    assert price.cost(Usage(1_000_000, 0, 1_000_000)) == nanos(0.1)
    assert price.worst(1_000_000, 0) == nanos(2.0)


def test_a_long_input_pays_the_long_price_for_all_of_it() -> None:
    price = known_price("google:gemini-2.5-pro")
    assert price is not None
    assert price.cost(Usage(200_000, 1000)) == nanos(0.2 * 1.25 + 0.01)
    assert price.cost(Usage(200_001, 1000)) == pytest.approx(nanos(0.200001 * 2.5 + 0.015))
    assert price.worst(200_000, 1000) < price.worst(200_001, 1000)


def test_a_price_changes_on_its_date_and_the_worst_case_sees_it_coming() -> None:
    since = datetime.date(2030, 6, 2)
    both = (Period(((-1, rates(5_000_000)),)), Period(((-1, rates(9_000_000)),), since))
    now = [0.0]
    price = ListPrice(both, lambda: now[0])
    seen: list[tuple[int, int]] = []
    for day in ("2030-05-01", "2030-06-01", "2030-07-01"):
        now[0] = at(f"{day}T12:00+00:00")
        seen.append((price.cost(Usage(1)), price.worst(1, 0)))
    assert seen == [(5, 5), (5, 9), (9, 9)]


def test_an_old_price_no_longer_counts_in_the_worst_case() -> None:
    since = datetime.date(2020, 1, 1)
    both = (Period(((-1, rates(9_000_000)),)), Period(((-1, rates(5_000_000)),), since))
    assert ListPrice(both, lambda: at("2030-01-01")).worst(1, 0) == 5


@pytest.mark.parametrize(
    ("start", "end", "hour", "dear"),
    [(8, 16, 7, False), (8, 16, 8, True), (8, 16, 16, False), (22, 4, 23, True), (22, 4, 3, True), (22, 4, 4, False)],
)
def test_a_price_by_the_hour_is_charged_by_the_hour_and_held_at_its_dearest(
    start: int, end: int, hour: int, *, dear: bool
) -> None:
    hours = (datetime.time(start), datetime.time(end))
    both = (Period(((-1, rates(1_000_000)),)), Period(((-1, rates(3_000_000)),), None, hours))
    price = ListPrice(both, lambda: at(f"2030-01-01T{hour:02}:00+00:00"))
    assert price.cost(Usage(1)) == (3 if dear else 1)
    assert price.worst(1, 0) == 3


def test_the_dearest_of_several_prices_is_the_most_any_of_them_says() -> None:
    price = DearestPrice((FlatPrice(1.0, 10.0), FlatPrice(5.0, 1.0)))
    assert price.worst(1000, 0) == nanos(0.005)
    assert price.worst(0, 1000) == nanos(0.01)
    assert price.cost(Usage(1000, 0)) == nanos(0.005)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    read, written = draw(st.integers(0, 2_000_000)), draw(st.integers(0, 200_000))
    cached = draw(st.integers(0, read))
    cache_written, reasoning = draw(st.integers(0, read - cached)), draw(st.integers(0, written))
    return Usage(
        read, written, cached, cache_written, reasoning, draw(st.integers(0, read)), draw(st.integers(0, written))
    )


NAMES = [
    "openai:gpt-4o",
    "openai:gpt-5",
    "anthropic:claude-sonnet-4-5",
    "google:gemini-2.5-pro",
    "google:gemini-2.5-flash",
    "openai:gpt-audio",
    "deepseek:deepseek-chat",
    "x-ai:grok-4-0709",
    "openrouter:perplexity/sonar-deep-research",
]


@given(st.sampled_from(NAMES), usages(), st.integers(0, 10**6), st.integers(0, 10**5))
def test_no_usage_costs_more_than_the_worst_case_of_its_tokens(name: str, usage: Usage, more: int, longer: int) -> None:
    price = known_price(name)
    assert price is not None
    _check_bounds(price, usage, more, longer)


DOLLARS = st.floats(0, 100)


@given(DOLLARS, DOLLARS, st.none() | DOLLARS, st.none() | DOLLARS, usages())
def test_flat_prices_keep_to_their_worst_case_too(
    read: float, written: float, cached: float | None, heard: float | None, usage: Usage
) -> None:
    _check_bounds(FlatPrice(read, written, cached, cached, heard, heard), usage, 1, 1)


def test_sound_has_its_own_price_both_ways_and_the_worst_case_counts_it() -> None:
    price = FlatPrice(1.0, 2.0, cached=0.5, audio_input=10.0, audio_output=20.0)
    assert price.cost(Usage(1000, 100, 200, audio_input=300, audio_output=40)) == nanos(
        (500 * 1 + 200 * 0.5 + 300 * 10 + 60 * 2 + 40 * 20) / 1e6
    )
    assert price.worst(1000, 100) == nanos((1000 * 10 + 100 * 20) / 1e6)


def test_sound_that_may_have_been_cached_counts_as_heard_anew_and_no_token_counts_twice() -> None:
    price = FlatPrice(1.0, 2.0, cached=0.5, cache_written=3.0, audio_input=10.0, audio_output=20.0)
    assert price.cost(Usage(1000, 0, 900, audio_input=1000)) == price.worst(1000, 0)
    assert price.cost(Usage(1000, 0, 600, 400, audio_input=700)) == nanos((700 * 10 + 300 * 3) / 1e6)
    assert price.cost(Usage(0, 100, reasoning=80, audio_output=90)) == nanos((90 * 20 + 10 * 2) / 1e6)


def test_a_listed_price_of_sound_is_known_and_a_model_made_for_sound_without_one_is_not() -> None:
    price = known_price("openai:gpt-audio")
    assert price is not None
    assert price.cost(Usage(1_000_000, 1_000_000, audio_input=1_000_000, audio_output=1_000_000)) == nanos(96.0)
    assert price.worst(1_000_000, 1_000_000) == nanos(96.0)
    assert known_price("openai:gpt-4o-audio-preview") is None


@given(st.floats(0, 1), usages())
def test_a_share_of_a_price_keeps_to_its_worst_case_and_is_never_rounded_down(share: float, usage: Usage) -> None:
    whole = FlatPrice(1.0, 3.0)
    _check_bounds(Discounted(whole, share), usage, 1, 1)
    assert Discounted(whole, 0.5).cost(usage) * 2 >= whole.cost(usage)


def _check_bounds(price: Price, usage: Usage, more: int, longer: int) -> None:
    worst = price.worst(usage.input, usage.output)
    assert 0 <= price.cost(usage) <= worst <= price.worst(usage.input + more, usage.output + longer)


def test_the_provider_may_be_left_out_of_a_makers_own_name() -> None:
    assert periods("openai:gpt-4o") == periods("gpt-4o") != ()


@given(st.sampled_from([name for name in NAMES if "deepseek" not in name]), usages())
def test_costs_agree_with_the_lists_own_arithmetic(name: str, usage: Usage) -> None:
    price = known_price(name)
    assert price is not None
    provider, _, model = name.partition(":")
    # Where sound was cached or spoken in thought the list wants to know how much, which a `Usage` does not say.
    heard = max(usage.input - usage.cached - usage.cache_written, 0)
    usage = msgspec.structs.replace(usage, audio_input=min(usage.audio_input, heard), audio_output=0)
    theirs = genai_prices.Usage(
        input_tokens=usage.input,
        output_tokens=usage.output,
        cache_read_tokens=usage.cached,
        cache_write_tokens=usage.cache_written,
        output_reasoning_tokens=usage.reasoning,
        input_audio_tokens=usage.audio_input,
        cache_audio_read_tokens=0,
    )
    total = genai_prices.calc_price(theirs, model, provider_id=provider).total_price
    assert price.cost(usage) == math.ceil(total * NANOS_PER_USD)
