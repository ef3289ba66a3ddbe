"""Tokens: nobody but the home's key can make one, and nobody can change one."""

import base64

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from remit.core.errors import TokenError
from remit.core.events import Tree
from remit.core.ports import ToolContext
from remit.core.token import VARIABLE, Remit, sign, told, verify

KEY = bytes(range(32))
REMIT = Remit("s1", "acme", Tree("root", "root", 1, 3, 20, 10**9))


def test_a_token_says_what_was_signed() -> None:
    assert verify(sign(REMIT, KEY), KEY) == REMIT


def test_what_is_told_beside_a_token_is_the_trace_of_the_child_and_nothing_else() -> None:
    child = replace(REMIT, tree=replace(REMIT.tree, trace="00-ab-cd-01"))
    assert verify(told(sign(REMIT, KEY), "00-ab-cd-01"), KEY) == child
    # What began the session itself says nothing of its children.
    assert verify(sign(child, KEY), KEY) == REMIT


def test_a_call_is_named_only_to_who_asks() -> None:
    named: list[str] = []

    def caller(call: str) -> str:
        named.append(call)
        return f"00-{call}-01"

    context = ToolContext(call="c1", remit="t", caller=caller)
    assert named == []
    assert (context.trace, context.token) == ("00-c1-01", "t.00-c1-01")
    assert context.environ() == {VARIABLE: "t.00-c1-01", "TRACEPARENT": "00-c1-01"}
    assert (ToolContext(remit="t").trace, ToolContext(remit="t").token) == ("", "t")


def test_a_child_process_finds_it_in_its_environment() -> None:
    assert ToolContext(remit="t").environ() == {VARIABLE: "t"}


@pytest.mark.parametrize(
    "token", ["", "x", "not a token", "\udcff", "A" * 200, base64.urlsafe_b64encode(bytes(64)).decode()]
)
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(TokenError):
        verify(token, KEY)


def test_a_token_of_another_home_is_refused_and_says_so() -> None:
    with pytest.raises(TokenError, match=r"not signed by this home; is it from another \.remit folder"):
        verify(sign(REMIT, bytes(32)), KEY)


@given(st.data())
def test_a_changed_token_is_refused(data: st.DataObject) -> None:
    raw = bytearray(base64.urlsafe_b64decode(sign(REMIT, KEY)))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(TokenError):
        verify(base64.urlsafe_b64encode(bytes(raw)).decode(), KEY)


@given(st.integers(0, 200))
def test_a_truncated_token_is_refused(length: int) -> None:
    token = sign(REMIT, KEY)
    if length < len(token):
        with pytest.raises(TokenError):
            verify(token[:length], KEY)


def test_a_signed_token_of_another_form_is_refused() -> None:
    class Other(msgspec.Struct, array_like=True):
        session: int

    forged = sign(Other(5), KEY)  # pyright: ignore[reportArgumentType] - signed all the same
    with pytest.raises(TokenError, match="cannot be read"):
        verify(forged, KEY)
