"""Ids of traces and spans never change, and the header that carries them is W3C's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core import events as ev
from remit.core.limits import Limits
from remit.telemetry.spans import (
    Above,
    Callers,
    Context,
    above,
    heard,
    parse_traceparent,
    sampled,
    span_id,
    trace_id,
    traceparent,
)

W3C = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_ids_are_what_they_were_in_every_version() -> None:
    # Changing them would show every session that is exported again twice.
    assert trace_id("s1").hex() == "54616bb021d017787e35888bc7655be7"
    assert span_id("s1", 1, "run").hex() == "fb04115ccb2a8699"


def test_ids_of_different_places_differ() -> None:
    assert span_id("s1", 1, "tool", "a") != span_id("s1", 11, "tool", "a")
    assert span_id("s1", "ab", "c") != span_id("s1", "a", "bc")


def test_the_example_of_the_specification_is_read_and_written() -> None:
    context = parse_traceparent(W3C)
    assert context == Context(bytes.fromhex("0af7651916cd43dd8448eb211c80319c"), bytes.fromhex("b7ad6b7169203331"))
    assert context is not None
    assert traceparent(context) == W3C


@given(st.binary(min_size=16, max_size=16).filter(any), st.binary(min_size=8, max_size=8).filter(any), st.booleans())
def test_what_is_written_is_read(trace: bytes, span: bytes, chosen: bool) -> None:  # noqa: FBT001 - hypothesis
    context = Context(trace, span, chosen)
    assert parse_traceparent(traceparent(context)) == context


@pytest.mark.parametrize(
    "header",
    [
        "", "00-abc", W3C[:-3], W3C.upper(), f"{W3C}-more", f"ff{W3C[2:]}",
        f"00-{'0' * 32}-b7ad6b7169203331-01", f"00-0af7651916cd43dd8448eb211c80319c-{'0' * 16}-01",
    ],
)  # fmt: skip
def test_a_header_that_must_be_ignored_is(header: str) -> None:
    assert parse_traceparent(header) is None


def test_a_later_version_may_say_more() -> None:
    assert parse_traceparent(f"01{W3C[2:]}-more") is not None


def test_a_share_of_traces_is_taken_whole_and_the_same_by_all() -> None:
    traces = [trace_id(str(number)) for number in range(2000)]
    taken = {trace for trace in traces if sampled(trace, 0.25)}
    assert 400 < len(taken) < 600
    assert taken <= {trace for trace in traces if sampled(trace, 0.5)}
    assert all(sampled(trace, 1.0) and not sampled(trace, 0.0) for trace in traces)


def test_a_run_stands_below_who_sent_its_message_else_below_who_began_its_session() -> None:
    child = ev.SessionOpened("a", "1", "react@1", {}, "t", ev.Tree("s0", "s0", 1, trace=W3C), Limits(), {})
    own = Above(trace_id("s1"))
    assert above("s1", None) == above("s1", None, "nothing") == own
    begun = above("s2", child)
    assert (begun.trace.hex(), begun.sampled) == (W3C[3:35], True)
    sent = f"00-{'ab' * 16}-{'cd' * 8}-00"
    assert above("s2", child, sent) == Above(b"\xab" * 16, b"\xcd" * 8, sampled=False)
    # A trace that began here is ours to record or not, whichever way it came back.
    home = traceparent(Context(trace_id("s1"), b"\xcd" * 8))
    assert above("s1", None, home) == Above(trace_id("s1"), b"\xcd" * 8)


def test_a_call_is_told_by_the_id_of_its_span() -> None:
    assert Callers("s1", 2, None, "").of("c2_0_0") == traceparent(
        Context(trace_id("s1"), span_id("s1", 2, "tool", "c2_0_0"))
    )
    assert Callers("s1", 2, None, f"{W3C[:-2]}00").of("c2_0_0").endswith("-00")


def test_what_is_kept_of_a_header_is_what_could_be_read() -> None:
    assert (heard(W3C), heard(f" {W3C}"), heard(f"01{W3C[2:]}-more"), heard("nothing"), heard("")) == (
        W3C, W3C, W3C, "", "",
    )  # fmt: skip
