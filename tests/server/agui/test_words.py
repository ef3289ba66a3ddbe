"""Words: text is told while it is written where it can be said of which answer it is, and is right in the end."""

from typing import Any

from ag_ui.core import BaseEvent

from remit.core.events import ModelAnswered, ModelAsked, ModelFailed
from remit.core.ports import Delta
from remit.server.agui.transcript import Transcript
from remit.server.agui.words import Words


class Heard:
    """A client that shows what it is told."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.transcript = Transcript()
        self.words = Words(self.transcript, 1)
        self.kinds: list[str] = []

    def hear(self, *events: BaseEvent) -> None:
        """Take events in."""
        for event in events:
            self.transcript.take(event)
            self.kinds.append(event.model_dump()["type"])

    def shown(self) -> list[Any]:
        """Give the texts it shows."""
        return [one.content for one in self.transcript.whole().messages]


def _two() -> Heard:
    heard = Heard()
    heard.hear(*heard.words.asked(ModelAsked("0"), live=True))
    heard.hear(*heard.words.delta(Delta("one ")))
    heard.hear(*heard.words.asked(ModelAsked("1"), live=True))
    heard.hear(*heard.words.delta(Delta("of whom?")))
    return heard


def test_of_two_answers_at_once_each_is_whole_in_the_end() -> None:
    heard = _two()
    assert heard.shown() == ["one "]
    heard.hear(*heard.words.answered(ModelAnswered("1", "two")), *heard.words.answered(ModelAnswered("0", "one more")))
    assert (heard.shown(), "MESSAGES_SNAPSHOT" in heard.kinds) == (["one more", "two"], False)


def test_an_answer_that_is_not_what_was_written_of_it_is_corrected() -> None:
    heard = _two()
    heard.hear(*heard.words.answered(ModelAnswered("0", "[redacted]")))
    assert (heard.shown(), heard.kinds[-2:]) == (["[redacted]"], ["MESSAGES_SNAPSHOT", "STEP_FINISHED"])


def test_what_was_written_of_an_answer_that_never_came_is_taken_back() -> None:
    heard = Heard()
    heard.hear(*heard.words.asked(ModelAsked("0"), live=True), *heard.words.delta(Delta("half an")))
    heard.hear(*heard.words.failed(ModelFailed("0", "cut off")))
    assert (heard.shown(), heard.kinds[-1]) == ([], "STEP_FINISHED")
    heard.hear(*heard.words.asked(ModelAsked("0"), live=True), *heard.words.delta(Delta("whole")))
    assert heard.shown() == ["whole"]
    heard.hear(*heard.words.over())
    assert (heard.shown(), heard.words.over()) == ([], [])


def test_an_answer_whose_beginning_was_missed_is_told_at_once_unless_it_begins_again() -> None:
    heard = Heard()
    heard.hear(*heard.words.asked(ModelAsked("0"), live=False))
    assert heard.words.delta(Delta("the end")) == []
    heard.hear(*heard.words.delta(Delta("again", fresh=True)))
    assert heard.shown() == ["again"]


def test_what_a_strategy_asks_for_itself_is_not_shown() -> None:
    heard = Heard()
    heard.hear(*heard.words.asked(ModelAsked("0", alone=True, role="judge"), live=True))
    heard.hear(*heard.words.delta(Delta("good")), *heard.words.answered(ModelAnswered("0", "good")))
    assert (heard.shown(), heard.kinds) == ([], ["STEP_STARTED", "STEP_FINISHED"])
