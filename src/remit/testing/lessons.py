"""The conformance suite of lessons: what every store of them must do, as checks that raise `AssertionError`."""

import asyncio
from collections.abc import Awaitable, Callable

from remit.memory import Lessons

Check = Callable[[Lessons], Awaitable[None]]


async def gives_back_what_fits(lessons: Lessons) -> None:
    """A lesson comes back, with where it is from, for a topic that shares a word, whatever its case; else nothing."""
    await lessons.keep("Sort a list of numbers", "Copy it first.", source="s1")
    (found,) = await lessons.recall("NUMBERS in order")
    assert (found.topic, found.lesson, found.source) == ("Sort a list of numbers", "Copy it first.", "s1")
    assert found.at > 0
    assert await lessons.recall("cook rice") == []
    assert await lessons.recall("") == []
    assert await lessons.recall("?! -- \"' OR * ( NEAR") == [], "a topic is words, never a query"


async def finds_by_the_words_of_a_lesson_too(lessons: Lessons) -> None:
    """What a lesson says counts as what it is about."""
    await lessons.keep("a", "Mind the leap years.")
    assert [one.lesson for one in await lessons.recall("leap seconds")] == ["Mind the leap years."]


async def puts_the_most_fitting_first(lessons: Lessons) -> None:
    """More of the topic's words, and rarer ones, come before fewer and common ones."""
    for number in range(8):
        await lessons.keep(f"draw a shape {number}", f"Use ink {number}.")
    await lessons.keep("draw a heptagon in a circle", "Use a ruler.")
    await lessons.keep("draw a circle", "Use a compass.")
    found = [one.lesson for one in await lessons.recall("draw a heptagon in some circle")]
    assert found[:2] == ["Use a ruler.", "Use a compass."]


async def puts_the_most_recent_first_among_equals(lessons: Lessons) -> None:
    """Of lessons that fit equally well the last one kept comes first, and no more come than are wanted."""
    for name in ("one", "two", "three"):
        await lessons.keep("topic", name)
    assert [one.lesson for one in await lessons.recall("topic")] == ["three", "two", "one"]
    assert [one.lesson for one in await lessons.recall("topic", limit=2)] == ["three", "two"]
    assert await lessons.recall("topic", limit=0) == []


async def keeps_the_same_lesson_once(lessons: Lessons) -> None:
    """The same lesson on the same topic again, in other case and spacing, only becomes recent."""
    await lessons.keep("topic", "Look twice.", source="s1")
    await lessons.keep("topic", "Run fast.")
    await lessons.keep("Topic!", "look  TWICE", source="s2")
    found = await lessons.recall("topic")
    assert [(one.lesson, one.source) for one in found] == [("look  TWICE", "s2"), ("Run fast.", "")]


async def recalls_the_same_lesson_once(lessons: Lessons) -> None:
    """A lesson of many topics comes once for all of them, and keeps no other one out."""
    for number in range(30):
        await lessons.keep(f"topic {number}", "Look twice.")
    await lessons.keep("topic, and so much more that it fits less well", "Run fast.")
    assert [one.lesson for one in await lessons.recall("topic")] == ["Look twice.", "Run fast."]


async def shows_no_tenant_what_is_anothers(lessons: Lessons) -> None:
    """What one tenant learned another never sees."""
    await lessons.keep("topic", "Ours.", tenant="a")
    await lessons.keep("topic", "Theirs.", tenant="b")
    assert [one.lesson for one in await lessons.recall("topic", tenant="a")] == ["Ours."]
    assert await lessons.recall("topic") == []


async def survives_many_at_the_same_time(lessons: Lessons) -> None:
    """Keeping and recalling at the same time loses nothing."""
    await asyncio.gather(*(lessons.keep("topic", f"lesson {number}") for number in range(20)))
    found = await asyncio.gather(*(lessons.recall("topic", limit=20) for _ in range(5)))
    assert all(len(one) == 20 for one in found)


async def takes_any_text(lessons: Lessons) -> None:
    """Texts of any script come back as they were, without being read as anything but words."""
    for text in ("naïve Straße", "東京 の 天気", "a'b\"c; DROP TABLE lessons", "नमस्ते दुनिया", "snake_case e\u0301 🙂 x"):
        await lessons.keep(text, f"On {text}")
        assert f"On {text}" in [one.lesson for one in await lessons.recall(text, limit=20)]
    await lessons.keep("🙂", "?")
    assert await lessons.recall("🙂") == [], "without words there is nothing to find by"


CHECKS: tuple[Check, ...] = (
    gives_back_what_fits,
    finds_by_the_words_of_a_lesson_too,
    puts_the_most_fitting_first,
    puts_the_most_recent_first_among_equals,
    keeps_the_same_lesson_once,
    recalls_the_same_lesson_once,
    shows_no_tenant_what_is_anothers,
    survives_many_at_the_same_time,
    takes_any_text,
)
"""Each wants a store of its own, empty."""


async def check_bound(lessons: Lessons, most: int) -> None:
    """Check an empty store that keeps at most so many of a tenant: the one kept longest ago goes first."""
    await lessons.keep("topic", "another tenant's", tenant="b")
    for number in range(most + 2):
        await lessons.keep("topic", f"lesson {number}")
        if number >= 1:
            await lessons.keep("topic", "lesson 0")
    found = [one.lesson for one in await lessons.recall("topic", limit=most + 3)]
    assert found == ["lesson 0", *(f"lesson {number}" for number in range(most + 1, 2, -1))]
    assert len(await lessons.recall("topic", tenant="b")) == 1
