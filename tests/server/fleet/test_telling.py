"""What a living session says, cut into utterances: each has one beginning, and all that is told of it fits together."""

from remit.core.ports import Delta
from remit.journal import MemoryJournal
from remit.runtime.feed import Feed
from remit.server.fleet.telling import Speaker
from remit.server.service.pieces import Piece


class Room:
    """A feed with a speaker, and what is heard of it near and far."""

    def __init__(self, *, tail: int = 0) -> None:
        self.near: list[Piece] = []
        self.stirred = 0
        self.over = False
        self.feed = Feed("s", MemoryJournal())
        self.feed.advance(tail)

    def enter(self) -> Speaker:
        """Begin to hear."""
        speaker = Speaker("s", "v", self.feed, self._stir, self._end, near=self.near.append, far=True)
        self.feed.attach(speaker)
        return speaker

    def _stir(self, speaker: Speaker) -> None:
        self.stirred += 1

    def _end(self, speaker: Speaker) -> None:
        self.over = True

    def say(self, *texts: str, fresh: bool = False) -> None:
        """Say some text."""
        for text in texts:
            self.feed.say(Delta(text, fresh))


def told(piece: Piece | None) -> tuple[int, int, int, int, str, bool] | None:
    """Give what matters of a piece."""
    return piece and (piece.begun, piece.number, piece.after, piece.at, piece.text, piece.fresh)


def test_what_comes_meanwhile_is_one_piece() -> None:
    room = Room(tail=5)
    speaker = room.enter()
    with room.feed.answering():
        room.say("a", "b")
        assert told(speaker.next()) == (5, 0, 5, 0, "ab", False)
        assert speaker.next() is None
        room.say("\ud800", "c")
        assert told(speaker.next()) == (5, 0, 5, 2, "?c", False)
        assert told(speaker.whole()) == (5, 0, 5, 0, "ab?c", False)
    assert [told(piece) for piece in room.near] == [
        (5, 0, 5, 0, "a", False),
        (5, 0, 5, 1, "b", False),
        (5, 0, 5, 2, "?", False),
        (5, 0, 5, 3, "c", False),
    ]
    room.feed.advance(6)
    assert speaker.silent
    room.feed.end()
    assert room.over


def test_text_that_is_asked_for_again_is_another_utterance() -> None:
    room = Room(tail=5)
    speaker = room.enter()
    with room.feed.answering():
        room.say("a")
        speaker.next()
        room.say("b")
        room.say("", fresh=True)
        room.say("c")
        assert told(speaker.next()) == (5, 1, 5, 0, "c", True)
        room.say("d")
        assert told(speaker.next()) == (5, 1, 5, 1, "d", False)
        room.say("e", fresh=True)
        assert told(speaker.whole()) == (5, 2, 5, 0, "e", True)


def test_answers_written_at_the_same_time_are_one_utterance_also_when_one_of_them_ends() -> None:
    room = Room(tail=5)
    speaker = room.enter()
    with room.feed.answering():
        room.say("a")
        with room.feed.answering():
            room.say("b")
        room.feed.advance(7)
        room.say("c")
        assert told(speaker.next()) == (5, 0, 7, 0, "abc", False)
    room.feed.advance(9)
    with room.feed.answering():
        room.say("d")
        assert told(speaker.next()) == (9, 0, 9, 0, "d", False)


def test_an_answer_that_began_before_it_was_heard_is_not_told_unless_it_begins_again() -> None:
    room = Room(tail=5)
    with room.feed.answering():
        room.say("a")
        speaker = room.enter()
        room.say("b")
        assert speaker.silent
        assert room.near == []
        room.say("c", fresh=True)
        room.say("d")
        assert told(speaker.next()) == (5, 0, 5, 0, "cd", True)
    room.feed.advance(6)
    with room.feed.answering():
        room.say("e")
        assert told(speaker.next()) == (6, 0, 6, 0, "e", False)


def test_nobody_far_is_no_work_until_somebody_comes() -> None:
    room = Room(tail=5)
    speaker = room.enter()
    speaker.far = False
    with room.feed.answering():
        room.say("a", "b")
        assert room.stirred == 0
        assert speaker.next() is None
        speaker.far = True
        assert told(speaker.whole()) == (5, 0, 5, 0, "ab", False)
        room.say("c")
        assert told(speaker.next()) == (5, 0, 5, 2, "c", False)
