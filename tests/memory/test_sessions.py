"""Lessons cross from session to session, through the tools of an agent that reflects."""

import itertools
from pathlib import Path

from remit import Agent, Home
from remit.core.events import EffectEnded, EffectStarted
from remit.core.messages import UserMessage
from remit.core.ports import Reply, Request
from remit.core.values import JsonValue
from remit.memory import SqliteLessons, lesson_tools
from remit.strategies import Finding, reflexion
from remit.testing import ScriptedModel, says


def learns(request: Request) -> Reply:
    """Answer rightly only when told the lesson."""
    told = " ".join(message.text for message in request.messages if isinstance(message, UserMessage))
    if "Write the lesson" in told:
        return says("February may have 29 days.")
    return says("29" if "- February may have 29 days." in told else "28")


def leap(output: JsonValue) -> list[Finding]:
    return [] if output == "29" else [Finding(f"{output} is wrong in 2024")]


def agent(lessons: SqliteLessons) -> Agent:
    model = ScriptedModel(itertools.repeat(learns))
    return Agent("a", model, tools=lesson_tools(lessons), strategy=reflexion(check=leap))


async def test_a_lesson_of_one_session_spares_the_next_an_attempt(tmp_path: Path) -> None:
    lessons = SqliteLessons(tmp_path / "lessons.db")
    async with Home.open("memory") as home:
        first = await home.run(agent(lessons), "How many days has February 2024?")
        second = await home.run(agent(lessons), "How long is February in a leap year?")
        assert (first.output, second.output) == ("29", "29")
        assert [one.source for one in await lessons.recall("February")] == [first.session]
        events = [record.event for record in await home.store.read(second.session)]
        made = [event.made.tool for event in events if isinstance(event, EffectStarted) and event.made]
        assert made == ["recall_lessons"]
        assert [event.outcome.status for event in events if isinstance(event, EffectEnded)] == ["ok"]
        (replayed,) = await home.replay(agent(lessons), second.session)
        assert replayed.divergence == ""
    await lessons.close()
