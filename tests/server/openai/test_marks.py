"""Ids that say themselves what they are of."""

from hypothesis import given
from hypothesis import strategies as st

from remit.server.openai.marks import Mark, parsed, request

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)
PLACES = st.integers(min_value=1, max_value=10**14)


@given(NAMES, PLACES, PLACES)
def test_an_id_is_read_as_it_was_written(session: str, since: int, floor: int) -> None:
    mark = Mark(session, since, floor)
    assert parsed("resp_", mark.written("resp_")) == mark


@given(st.text())
def test_whatever_is_no_id_is_none(said: str) -> None:
    assert parsed("resp_", said) is None or said.startswith("resp_")
    assert request(said) is None or said.startswith("mcpr_")
