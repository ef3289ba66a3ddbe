"""Replay: a model that says again what a journal holds."""

from collections import deque
from collections.abc import Iterable

from remit.core.errors import ModelError, ModelRequestError
from remit.core.events import ModelAnswered, ModelAsked, ModelFailed, Record, RunOpened
from remit.core.messages import Call
from remit.core.ports import Emit, ModelSpec, Reply, Request
from remit.models.prices import FREE
from remit.testing.scripted import speak


class ReplayModel:
    """Answers each role with what the journal holds for it, in the order the questions were asked.

    Calls come without ids: the runtime that asks gives them its own. A question that ended with a failure fails again;
    one that was never answered, or one more than the journal holds, is refused.
    """

    def __init__(self, records: Iterable[Record], name: str = "replay") -> None:
        """Read all questions and their answers."""
        self._spec = ModelSpec(name, FREE)
        self._queues: dict[str, deque[_Question]] = {}
        for question in _questions(records):
            self._queues.setdefault(question.role, deque()).append(question)
        self._given = 0

    @property
    def spec(self) -> ModelSpec:
        """A name, and no price: the money was spent when it happened."""
        return self._spec

    @property
    def left(self) -> int:
        """How many recorded answers nobody has asked for yet."""
        return sum(map(len, self._queues.values()))

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Give the next recorded answer for the role; raise `ModelRequestError` when there is none."""
        queue = self._queues.get(request.role)
        if not queue:
            raise ModelRequestError(
                f"{self._spec.name}: the journal holds no further answer for role {request.role!r} after "
                f"{self._given} were given; the run asks more than it did when it was recorded"
            )
        question = queue.popleft()
        self._given += 1
        if isinstance(question.answer, ModelError):
            raise question.answer
        speak(question.answer.text, emit)
        return question.answer


class _Question:
    __slots__ = ("answer", "role")

    def __init__(self, asked: ModelAsked) -> None:
        self.role = asked.role or "default"
        self.answer: Reply | ModelError = ModelRequestError(f"the journal ends before step {asked.step} was answered")


def _questions(records: Iterable[Record]) -> list[_Question]:
    questions: list[_Question] = []
    steps: dict[str, _Question] = {}
    for record in records:
        match record.event:
            case RunOpened():
                steps = {}
            case ModelAsked(step=step) as asked:
                # A step that is asked again, after a failure or a crash, is still one question.
                if step not in steps:
                    steps[step] = _Question(asked)
                    questions.append(steps[step])
            case ModelAnswered(step=step) as answered:
                steps[step].answer = _reply(answered)
            case ModelFailed(step=step, error=error):
                steps[step].answer = ModelRequestError(error)
            case _:
                pass
    return questions


def _reply(event: ModelAnswered) -> Reply:
    wanted = tuple(Call(call.tool, call.args, malformed=call.malformed) for call in event.calls)
    return Reply(event.text, wanted, event.usage, event.stop, event.reasoning, event.model)
