"""Lines: what needs a person comes first, and filters keep exactly what they name."""

from hypothesis import given
from hypothesis import strategies as st

from remit.cli.top.lines import PEOPLE, SORTS, Line, Status, Wanted, after, words


def line(name: str, status: Status = "idle", why: str = "", *, since: int = 0, spent: int = 0, now: str = "") -> Line:
    return Line(name, "desk", "acme", status, why, since, opened=since, changed=since, spent=spent, now=now)


ALL = [
    line("done", "idle", "done", since=9),
    line("new-wait", "waiting", "approval", since=8, now='refund(order="A1")'),
    line("busy", "running", since=5),
    line("old-wait", "waiting", "in doubt", since=2),
    line("dead", "crashed", since=1),
    line("broken", "idle", "failed", since=3),
    line("queue", "queued", "message", since=4),
    line("closed", "closed", since=10),
]


def ids(wanted: Wanted) -> list[str]:
    return [found.id for found in wanted.of(ALL)]


def test_who_needs_a_person_for_longest_comes_first_and_what_is_closed_last() -> None:
    assert ids(Wanted()) == ["old-wait", "new-wait", "dead", "queue", "busy", "broken", "done", "closed"]
    assert ids(Wanted(backwards=True))[0] == "closed"


def test_only_what_needs_people_or_is_not_at_rest_is_shown_on_demand() -> None:
    assert ids(Wanted("people")) == ["old-wait", "new-wait", "dead"]
    assert ids(Wanted("live")) == ["old-wait", "new-wait", "dead", "queue", "busy"]


def test_words_are_found_anywhere_and_fields_by_their_beginning() -> None:
    assert ids(Wanted(words=words("Refund"))) == ["new-wait"]
    assert ids(Wanted(words=words("status:wait why:in_d"))) == ["old-wait"]
    assert ids(Wanted(words=words("agent:desk id:cl"))) == ["closed"]
    assert ids(Wanted(words=words("tenant:other"))) == []
    # A colon alone makes no field.
    assert ids(Wanted(words=words("order:"))) == []


def test_the_next_of_a_choice_goes_round() -> None:
    assert after(SORTS, SORTS[-1]) == SORTS[0]
    assert Wanted(words=words("a  B")).text == "a b"


@given(st.lists(st.builds(line, st.uuids().map(str), st.sampled_from(sorted(PEOPLE)), spent=st.integers(0, 9))))
def test_sorting_loses_nothing_whatever_it_is_by(lines: list[Line]) -> None:
    for sort in SORTS:
        assert sorted(found.id for found in Wanted(sort=sort).of(lines)) == sorted(found.id for found in lines)
    spent = [found.spent for found in Wanted(sort="spent").of(lines)]
    assert spent == sorted(spent, reverse=True)
