"""Reflexion: attempt, feedback from outside, a lesson in words, and the next attempt with the lessons in mind.

Source: Reflexion (Shinn et al., 2023, arXiv:2303.11366).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import cast

import msgspec

from remit.core.errors import ConfigError
from remit.core.messages import Call
from remit.core.moves import (
    Ask,
    Brief,
    Door,
    GiveUp,
    Strategy,
    StrategyMaker,
    altered,
    ask,
    fork,
    note,
    prefaced,
    run,
    versioned,
)
from remit.core.values import JsonObject, JsonValue
from remit.strategies.checks import Check, Finding, as_checks, as_json, findings, listed, weight
from remit.strategies.doors import attempt, succeeded
from remit.strategies.prompts import Prompts, load
from remit.strategies.react import react
from remit.strategies.template import as_text, items

PROMPTS = load("reflexion")

RECALL, KEEP = "recall_lessons", "keep_lesson"
"""The tools through which lessons reach later sessions; `remit.memory.lesson_tools` makes them."""

_TOPIC = 2000
"""Characters of the task that say what a lesson is about."""
_LESSON = 1000
"""Characters of a lesson that are kept."""


def reflexion(
    inner: StrategyMaker = react,
    *,
    check: Check | Sequence[Check] | None = None,
    attempts: int = 3,
    role: str = "critic",
    lessons: bool = True,
    prompts: Prompts = PROMPTS,
) -> StrategyMaker:
    """Make a strategy that attempts the task by `inner`, each time in a fresh conversation, until no check objects.

    At most so many attempts; after each that fails the model writes a lesson, which the next one is told. With
    `lessons` and the agent's tools `recall_lessons` and `keep_lesson` they also come from earlier sessions and reach
    later ones; `inner` cannot use these two. The output is the one whose findings weigh least, the later of two that
    weigh the same. It gives up when all attempts did, and when an output cannot be checked.
    """
    if attempts < 1:
        raise ConfigError(f"attempts is above 0, so not {attempts}")
    trial = _Trial(inner, as_checks(check, role), prompts)

    @versioned(prompts.edition(inner))
    def reflexion(brief: Brief) -> Strategy:
        shelf = _Shelf(brief, frozenset((RECALL, KEEP)) & brief.tools.keys() if lessons else frozenset())
        told = yield from shelf.recall()
        best = _Tried(weight=inf)
        for left in range(attempts - 1, -1, -1):
            follow = trial.follow(shelf, told, final=not left and KEEP not in shelf.tools)
            (end,) = yield from fork([follow])
            tried = msgspec.convert(end, _Tried)
            best = tried if tried.weight <= best.weight else best
            if not tried.weight:
                break
            if tried.lesson and tried.lesson not in told:
                told = [tried.lesson, *told]
                yield from shelf.keep(tried.lesson)
        if best.failed:
            raise GiveUp(f"none of {attempts} attempts came to an end; the last: {best.failed}", best.output)
        return best.output

    return reflexion


class _Tried(msgspec.Struct, frozen=True):
    """What came of an attempt."""

    weight: float
    """Of its findings; 0 for none, infinite when it gave up."""
    output: JsonValue = None
    failed: str = ""
    lesson: str = ""


@dataclass(frozen=True, slots=True)
class _Trial:
    """One attempt, its feedback and its lesson, in a conversation of their own."""

    inner: StrategyMaker
    checks: tuple[Check, ...]
    prompts: Prompts

    def follow(self, shelf: "_Shelf", told: Sequence[str], *, final: bool) -> Strategy:
        preface = self.prompts.text("preface", lessons=items(" ".join(lesson.split()) for lesson in told))
        tried = altered(prefaced(self.inner(shelf.hidden()), preface if told else ""), shelf.hide)
        end = cast("JsonObject", (yield from attempt(tried)))
        output, failed = end["output"], as_text(end["failed"]) or "without a reason" if "failed" in end else ""
        found: Sequence[Finding] = (Finding(f"It gave up: {failed}"),)
        if not failed:
            found = yield from findings(self.checks, shelf.brief, output, self.prompts)
        yield from note("critique", {"findings": as_json(found)})
        lesson = ""
        if found and not final:
            say = self.prompts.text("lesson", output=as_text(output), findings=listed(found))
            answer = yield from ask(say, tools=())
            lesson = answer.text.strip()[:_LESSON]
            yield from note("lesson", lesson)
        # Whatever was found in an answer, none at all is worse.
        return msgspec.to_builtins(_Tried(inf if failed else weight(found), output, failed, lesson))


@dataclass(frozen=True, slots=True)
class _Shelf:
    """Where lessons of other sessions are, as far as the agent has tools for it."""

    brief: Brief
    tools: frozenset[str]

    def recall(self) -> Door[list[str]]:
        if RECALL not in self.tools:
            return []
        (outcome,) = yield from run([Call(RECALL, {"topic": self.brief.task[:_TOPIC]})])
        if not succeeded(outcome) or not isinstance(outcome.output, list):
            return []
        found = [one["lesson"] if isinstance(one, dict) and "lesson" in one else one for one in outcome.output]
        return [as_text(one)[:_LESSON] for one in found]

    def keep(self, lesson: str) -> Door[None]:
        # Whether it could be kept or not, this run goes on: its own attempts know it anyway.
        if KEEP in self.tools:
            yield from run([Call(KEEP, {"topic": self.brief.task[:_TOPIC], "lesson": lesson})])

    def hidden(self) -> Brief:
        """Give the brief without these tools: what an attempt reads must not write what later sessions are told."""
        left = {name: card for name, card in self.brief.tools.items() if name not in self.tools}
        return replace(self.brief, tools=left)

    def hide(self, move: Ask) -> Ask:
        """Take these tools off the offer of a question."""
        if not self.tools:
            return move
        offered = tuple(self.brief.tools) if move.tools is None else move.tools
        return msgspec.structs.replace(move, tools=tuple(name for name in offered if name not in self.tools))
