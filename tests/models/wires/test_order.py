"""The order of an answer's pieces survives the journal, and no changed reasoning goes back."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from remit.core.messages import AssistantMessage, Call
from remit.core.values import JsonValue
from remit.models.wires.order import Piece, Said, Thought, kept, pieces


def _thought(text: str) -> Thought:
    return Thought({"type": "thinking", "said": text})


_pieces: st.SearchStrategy[list[Piece]] = st.lists(
    st.builds(Said, st.text(min_size=1, max_size=5), st.sampled_from(["", "commentary"]))
    | st.builds(_thought, st.text(max_size=5))
    | st.builds(Call, st.sampled_from(["a", "b"]), st.just({})),
    max_size=8,
)


def answer(order: list[Piece], reasoning: JsonValue) -> AssistantMessage:
    text = "".join(piece.text for piece in order if isinstance(piece, Said))
    return AssistantMessage(text, tuple(piece for piece in order if isinstance(piece, Call)), reasoning)


def followed(order: list[Piece]) -> list[Piece]:
    """Leave out the thoughts and blanks at the end, which no provider takes back."""
    weighty = [
        at
        for at, piece in enumerate(order)
        if isinstance(piece, Call) or (isinstance(piece, Said) and piece.text.strip())
    ]
    return order[: weighty[-1] + 1] if weighty else []


@given(_pieces)
def test_what_was_kept_is_laid_out_as_it_came(order: list[Piece]) -> None:
    reasoning = kept("wire", "model", order)
    if reasoning is None:
        return
    journalled = msgspec.msgpack.decode(msgspec.msgpack.encode(reasoning))
    assert pieces("wire", "model", answer(order, journalled)) == followed(order)


@given(_pieces)
def test_only_what_words_and_calls_do_not_say_is_kept(order: list[Piece]) -> None:
    plain: list[Piece] = [piece for piece in order if not isinstance(piece, Thought)]
    plain = [Said(piece.text) if isinstance(piece, Said) else piece for piece in plain]
    assert kept("wire", "model", plain) is None
    laid = pieces("wire", "model", answer(plain, None))
    assert answer(laid, None) == answer(followed(plain), None)
    assert all(isinstance(piece, Call) for piece in laid[1:])


@given(_pieces, st.sampled_from(["wire", "model", "seal", "order"]))
def test_what_was_changed_since_does_not_go_back(order: list[Piece], field: str) -> None:
    reasoning = kept("wire", "model", [*order, Thought({"type": "x"})])
    assert isinstance(reasoning, dict)
    changed: JsonValue = {**reasoning, field: "other"}
    assert not any(isinstance(piece, Thought) for piece in pieces("wire", "model", answer(order, changed)))


def test_thoughts_come_first_when_words_or_calls_no_longer_fit() -> None:
    first, second, call = Thought({"type": "x"}), Thought({"type": "y"}), Call("a", {})
    reasoning = kept("wire", "model", [first, Said("hello"), second, call])
    assert pieces("wire", "model", AssistantMessage("other", (), reasoning)) == [first, second, Said("other")]
    assert pieces("wire", "model", AssistantMessage("", (call,), reasoning)) == [first, second, call]


def test_thoughts_that_nothing_follows_do_not_go_back() -> None:
    first, second, call = Thought({"type": "x"}), Thought({"type": "y"}), Call("a", {})
    order: list[Piece] = [first, Said("hello"), second, Said("\n")]
    assert pieces("wire", "model", answer(order, kept("wire", "model", order))) == [first, Said("hello")]
    order = [first, call, second]
    assert pieces("wire", "model", answer(order, kept("wire", "model", order))) == [first, call]
