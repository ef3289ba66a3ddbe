"""Tools of memory: how lessons cross into a session, journalled and guarded as every effect is."""

from dataclasses import dataclass
from typing import Annotated, TypeVar

import msgspec

from remit.core.errors import RejectedError
from remit.core.ports import Probe, Tool, ToolContext, ToolSpec
from remit.core.values import JsonObject, JsonValue
from remit.memory.lessons import Lessons

T = TypeVar("T", bound=msgspec.Struct)

_HEAD = 200
"""Characters of a topic that are shown."""

Topic = Annotated[str, msgspec.Meta(min_length=1, max_length=4000, description="What the task is about, in words.")]


class Recall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of `recall_lessons`."""

    topic: Topic
    limit: Annotated[int, msgspec.Meta(ge=1, le=10, description="How many at most.")] = 5


class Keep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of `keep_lesson`."""

    topic: Topic
    lesson: Annotated[str, msgspec.Meta(min_length=1, max_length=2000, description="One to three sentences.")]


def lesson_tools(lessons: Lessons) -> tuple[Tool, Tool]:
    """Make the tools `recall_lessons` (read) and `keep_lesson` (idempotent) over a store; each tenant has its own."""
    return RecallLessons(lessons), KeepLesson(lessons)


@dataclass(frozen=True, slots=True)
class RecallLessons:
    """Gives the lessons of earlier sessions that fit a topic."""

    lessons: Lessons

    @property
    def spec(self) -> ToolSpec:
        """The contract."""
        return _RECALL

    def check(self, args: JsonObject) -> str:
        """Say what is wrong with these arguments."""
        return _problem(args, Recall)

    async def call(self, args: JsonObject, context: ToolContext) -> JsonValue:
        """Give lessons as objects of `lesson`, `topic` and `source`."""
        wanted = _read(args, Recall)
        found = await self.lessons.recall(wanted.topic, limit=wanted.limit, tenant=context.tenant)
        return [{"lesson": one.lesson, "topic": one.topic[:_HEAD], "source": one.source} for one in found]

    async def probe(self, args: JsonObject, context: ToolContext) -> Probe | None:
        """Say nothing: reading leaves no trace."""
        return None


@dataclass(frozen=True, slots=True)
class KeepLesson:
    """Keeps a lesson for later sessions; the same one again is the same lesson."""

    lessons: Lessons

    @property
    def spec(self) -> ToolSpec:
        """The contract."""
        return _KEEP

    def check(self, args: JsonObject) -> str:
        """Say what is wrong with these arguments."""
        return _problem(args, Keep)

    async def call(self, args: JsonObject, context: ToolContext) -> JsonValue:
        """Keep it, with the session as its source."""
        given = _read(args, Keep)
        await self.lessons.keep(given.topic, given.lesson, source=context.session, tenant=context.tenant)
        return "kept"

    async def probe(self, args: JsonObject, context: ToolContext) -> Probe | None:
        """Say nothing: it may be called again instead."""
        return None


def _schema(kind: type[msgspec.Struct]) -> JsonObject:
    _, parts = msgspec.json.schema_components([kind])
    return parts[kind.__name__]


_RECALL = ToolSpec(
    name="recall_lessons",
    description="Lessons of earlier attempts at tasks like this one, the most fitting first.",
    schema=_schema(Recall),
    effect="read",
)
_KEEP = ToolSpec(
    name="keep_lesson",
    description="Keep what an attempt at a task taught, for later attempts at tasks like it.",
    schema=_schema(Keep),
    effect="idempotent",
)


def _read(args: JsonObject, kind: type[T]) -> T:
    try:
        return msgspec.convert(args, kind)
    except msgspec.ValidationError as error:
        raise RejectedError(str(error)) from None


def _problem(args: JsonObject, kind: type[msgspec.Struct]) -> str:
    try:
        msgspec.convert(args, kind)
    except msgspec.ValidationError as error:
        return str(error)
    return ""
