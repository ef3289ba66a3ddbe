"""Events travel as bytes and come back as they were."""

import msgspec
import pytest
from hypothesis import given
from tests.core.lives import lives
from tests.core.samples import SAMPLES

from remit.core import events as ev
from remit.core.errors import (
    ConflictError,
    DivergedError,
    ModelError,
    OverLimitError,
    RateLimitError,
    RejectedError,
    RemitError,
)


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)
def test_every_kind_comes_back_as_it_was(event: ev.Event) -> None:
    assert ev.decode(ev.encode([event])) == (event,)


@given(lives())
def test_whole_journals_come_back_as_they_were(events: list[ev.Event]) -> None:
    assert list(ev.decode(ev.encode(events))) == events


@given(lives(most=5))
def test_a_batch_that_was_cut_off_is_no_batch(events: list[ev.Event]) -> None:
    body = ev.encode(events)
    for cut in {0, 1, len(body) // 2, len(body) - 1}:
        with pytest.raises(msgspec.MsgspecError):
            ev.decode(body[:cut])


def test_an_event_with_fields_of_the_future_is_still_read() -> None:
    body = msgspec.msgpack.encode([[18, "ann", "over", "a field of the future"]])
    assert ev.decode(body) == (ev.SessionClosed("ann", "over"),)


def test_an_event_without_its_newer_fields_is_still_read() -> None:
    assert ev.decode(msgspec.msgpack.encode([[18, "ann"]])) == (ev.SessionClosed("ann", ""),)


def test_a_kind_of_the_future_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        ev.decode(msgspec.msgpack.encode([[999]]))


def test_what_people_write_never_needs_a_worker() -> None:
    assert ev.RunOpened not in ev.FOREIGN
    assert not set(ev.FOREIGN) & set(ev.DEFERRABLE)


def test_errors_are_of_one_tree_and_say_what_to_do() -> None:
    assert str(ConflictError("s", 3, 5)) == "session 's' stands at 5, not at 3: somebody else wrote to it"
    told = "no room in usd/tree/x: $0.05 more, and $0.09 of $0.10 are used; `Limits.tree_usd` of the root caps it"
    assert str(OverLimitError("usd/tree/x", 50_000_000, 90_000_000, 100_000_000)) == told
    mine = "no room in mine: 1 more, and 1 of 1 are used; whoever takes from it caps it"
    assert str(OverLimitError("mine", 1, 1, 1)) == mine
    assert str(DivergedError("4", "a", "b")) == "diverged at step 4: the journal holds a; the strategy now yields b"
    assert RateLimitError("slow", retry_after=3).retry_after == 3
    assert (ModelError.retryable, ModelError.free) == (False, False)
    assert RejectedError("no", retryable=True, retry_after=2).retry_after == 2
    assert issubclass(RejectedError, RemitError)
