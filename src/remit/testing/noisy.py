"""Noisy models: a double that is right with a set probability, so that ways of working can be compared.

It knows the right answer and gives it or spoils it; it learns nothing from what it is told unless it is made to. What
it shows is what a loop adds to a model that is often wrong, and not how good any real model is.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import msgspec

from remit.core.errors import ConfigError
from remit.core.messages import AssistantMessage, Message, ToolMessage, Usage
from remit.core.ports import Emit, ModelSpec, Price, Reply, Request
from remit.core.values import JsonValue, digest
from remit.models.prices import FREE
from remit.testing.filling import Filler, filled
from remit.testing.mutations import mutated_program
from remit.testing.scripted import speak

Mutate = Callable[[str, Random], str]
"""Spoils a right answer, the same way for the same lots."""

_JUDGES = frozenset({"critic", "judge"})
_LESSON = re.compile(r"\bthe lesson\b", re.IGNORECASE)
_REMARKS = (
    "the condition of a branch may be the wrong way round",
    "the bounds of a loop may be off by one",
    "an operator may be another one than the task asks for",
    "a case at the edge, such as an empty input, may be forgotten",
    "a wrong variable may be used",
    "it may return before all of the input was looked at",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grader:
    """How well a noisy model judges what it is shown; 0.5 for both is a coin."""

    catches: float = 0.8
    """The chance that it calls a wrong answer wrong."""
    trusts: float = 0.9
    """The chance that it calls a right answer right."""

    def __post_init__(self) -> None:
        """Refuse what is no probability."""
        _check(catches=self.catches, trusts=self.trusts)

    def approves(self, lots: Random, *, right: bool) -> bool:
        """Give its opinion of an answer."""
        return lots.random() < (self.trusts if right else 1 - self.catches)


@dataclass(eq=False, kw_only=True)
class NoisyModel:
    """A model that gives the right answer with a set probability, and else a seeded mutation of it.

    A reply depends on the seed, on what the request says (its sample too) and on how often just that was asked before,
    and on nothing else: a run is the same again whatever runs beside it. A critic or a judge is answered with the
    opinion of its grader, a question with a shape with a value of that shape that says the same, and one for the lesson
    of an attempt with a remark.
    """

    right: Callable[[Request], str]
    """Knows the right answer to what is asked."""
    probability: float
    """The chance that an answer is right, the same for every question."""
    after_feedback: float | None = None
    """That chance when an answer of its own already stands in the conversation; `None` for no better than before."""
    habit: float = 0.0
    """The chance that a wrong answer is the mistake it always makes with this question, as models do."""
    ideas: int = 3
    """How many items it puts into a list, when the list's schema sets no bounds."""
    seed: int = 0
    mutate: Mutate = mutated_program
    grader: Grader = field(default_factory=Grader)
    price: Price | None = FREE
    name: str = "noisy"
    asked: int = field(default=0, init=False)
    """How often it was asked."""

    def __post_init__(self) -> None:
        """Fix the spec; raise `ConfigError` for what is no probability."""
        _check(probability=self.probability, after_feedback=self.after_feedback or 0.0, habit=self.habit)
        self._spec = ModelSpec(self.name, self.price)
        self._times: Counter[str] = Counter()

    @property
    def spec(self) -> ModelSpec:
        """Name and price."""
        return self._spec

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Answer, judge or fill in a shape; tokens are counted as words."""
        self.asked += 1
        question = _question(request)
        lots = Random(f"{self.seed}/{question}/{self._times[question]}")
        self._times[question] += 1
        right = self.right(request)
        text = self._said(request, right, lots)
        speak(text, emit)
        words = sum(len(_text(message).split()) for message in request.messages)
        return Reply(text, usage=Usage(words, len(text.split())))

    def _said(self, request: Request, right: str, lots: Random) -> str:
        if request.shape is None and request.role not in _JUDGES:
            asks_for_lesson = _LESSON.search(_text(request.messages[-1])) if request.messages else None
            return f"Look again: {lots.choice(_REMARKS)}." if asks_for_lesson else self._answer(request, right, lots)
        approves = self.grader.approves(lots, right=_holds(request, right))
        if request.shape is None:
            return "I find nothing wrong with it." if approves else f"It is wrong: {lots.choice(_REMARKS)}."
        filler = Filler(
            approves=approves,
            lots=lots,
            answer=lambda: self._answer(request, right, lots),
            remark=lambda: lots.choice(_REMARKS),
            items=self.ideas,
        )
        return msgspec.json.encode(filled(request.shape.schema, filler)).decode()

    def _answer(self, request: Request, right: str, lots: Random) -> str:
        told = self.after_feedback is not None and any(isinstance(one, AssistantMessage) for one in request.messages)
        if lots.random() < (self.after_feedback if told and self.after_feedback is not None else self.probability):
            return right
        # The habitual mistake hangs on the question alone: the lots are drawn anew for it.
        usual = lots.random() < self.habit
        return self.mutate(right, Random(f"{self.seed}/{right}") if usual else lots)


def _check(**chances: float) -> None:
    for name, chance in chances.items():
        if not 0.0 <= chance <= 1.0:
            raise ConfigError(f"`{name}` is a probability, from 0 to 1, not {chance!r}")


def _question(request: Request) -> str:
    """Hash what a request says: two with one hash are the same question."""
    said: list[JsonValue] = [[type(message).__name__, msgspec.to_builtins(message)] for message in request.messages]
    shape = request.shape.id if request.shape else ""
    tools: list[JsonValue] = [tool.name for tool in request.tools]
    return digest([request.instructions, said, tools, shape, request.role, request.sample])


def _holds(request: Request, right: str) -> bool:
    """Say whether the right answer is what is to be judged: the last thing said, or the last answer before it."""
    answers = [message for message in request.messages if isinstance(message, AssistantMessage) and message.text]
    shown = [*request.messages[-1:], *answers[-1:]]
    return any(_packed(right) in _packed(_text(message)) for message in shown)


def _packed(text: str) -> str:
    return " ".join(text.split())


def _text(message: Message) -> str:
    if not isinstance(message, ToolMessage):
        return message.text
    output = message.outcome.output
    return output if isinstance(output, str) else msgspec.json.encode(output).decode()
