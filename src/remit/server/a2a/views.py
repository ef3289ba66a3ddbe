"""Views: the runs of a session as A2A tasks, made from its journal alone."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import assert_never

from a2a.types import Artifact, Message, Role, Task, TaskState, TaskStatus
from a2a.types import Part as WirePart
from a2a.utils.errors import TaskNotFoundError
from google.protobuf.timestamp_pb2 import Timestamp

from remit.core.events import (
    ApprovalGiven,
    EffectReconciled,
    InputGiven,
    MessageReceived,
    Record,
    RunEnded,
    RunOpened,
    RunStatus,
)
from remit.core.state import State
from remit.core.values import JsonValue
from remit.home import HANDED_BACK
from remit.server.a2a.parts import asked, data_part
from remit.server.service.views import waits

OVER = frozenset(
    {
        TaskState.TASK_STATE_COMPLETED,
        TaskState.TASK_STATE_FAILED,
        TaskState.TASK_STATE_CANCELED,
        TaskState.TASK_STATE_REJECTED,
    }
)
"""How a task stands for good."""

ENDS = OVER | {TaskState.TASK_STATE_INPUT_REQUIRED}
"""How a task stands when a stream of it ends."""

OUTPUT = "output"
"""The id of the artifact that a task has."""

_ID = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,63})~([1-9][0-9]{0,8})")

Decided = ApprovalGiven | InputGiven | EffectReconciled


@dataclass(frozen=True, slots=True)
class Place:
    """Which run of which session a task is."""

    session: str
    run: int

    @classmethod
    def of(cls, task: str) -> "Place":
        """Read the id of a task; raise `TaskNotFoundError` for what cannot be one."""
        found = _ID.fullmatch(task)
        if found is None:
            raise TaskNotFoundError
        return cls(found[1], int(found[2]))

    def __str__(self) -> str:
        """Write the id of the task."""
        return f"{self.session}~{self.run}"


def key_of(by: str, message: str) -> str:
    """Make the idempotency key of a message: two people may choose the same id."""
    return f"a2a:{by}:{message}"


@dataclass(slots=True)
class Runs:
    """The runs of one session, as far as its journal was read."""

    session: str
    state: State = field(default_factory=State)
    keys: dict[str, int] = field(default_factory=dict[str, int])
    """The run that a message is for, by its key."""
    decided: defaultdict[str, list[Decided]] = field(default_factory=lambda: defaultdict[str, list[Decided]](list))
    """What people said, by call."""
    _said: defaultdict[int, list[MessageReceived]] = field(
        default_factory=lambda: defaultdict[int, list[MessageReceived]](list)
    )
    _ended: dict[int, RunEnded] = field(default_factory=dict[int, RunEnded])
    _changed: dict[int, int] = field(default_factory=dict[int, int])

    @classmethod
    def read(cls, session: str, records: Iterable[Record]) -> "Runs":
        """Read a journal from its beginning."""
        runs = cls(session)
        for record in records:
            runs.apply(record)
        return runs

    def apply(self, record: Record) -> None:
        """Take in the next record."""
        event = record.event
        match event:
            case MessageReceived():
                # What comes while a run is under way is for the next one.
                number = self.state.runs + 1
                if not (event.key and event.key in self.state.keys):
                    self._said[number].append(event)
                    self.keys[event.key] = number
                    self._changed[number] = record.at
            case RunOpened():
                self._changed[event.run] = record.at
            case RunEnded():
                self._ended[event.run] = event
            case ApprovalGiven() | InputGiven() | EffectReconciled():
                self.decided[event.call].append(event)
            case _:
                pass
        if self.state.run is not None:
            self._changed[self.state.run.number] = record.at
        self.state.apply(event)

    def numbers(self) -> list[int]:
        """List the runs there are, and the one that messages wait for."""
        return sorted(self._changed)

    def under_way(self, number: int) -> bool:
        """Say whether a run was begun and has not ended."""
        return self.state.run is not None and self.state.run.number == number

    def standing(self, number: int) -> TaskState:
        """Say how a task stands; raise `TaskNotFoundError` when there is none."""
        if number not in self._changed:
            raise TaskNotFoundError
        ended, closed = self._ended.get(number), self.state.closed
        if ended is not None:
            return _state_of(ended.status)
        if not self.under_way(number):
            return TaskState.TASK_STATE_SUBMITTED if closed is None else TaskState.TASK_STATE_CANCELED
        run = self.state.run
        if run is not None and run.suspended is not None and waits(self.session, self.state):
            return TaskState.TASK_STATE_INPUT_REQUIRED
        return TaskState.TASK_STATE_WORKING

    def resting(self, number: int) -> bool:
        """Say whether a task is over, or stays as it is until a person acts."""
        run = self.state.run
        if self.standing(number) in OVER:
            return True
        # Also while it only waits for its turn behind a run that does.
        if run is None or run.suspended is None:
            return False
        stopped = run.suspended.why in {"paused", "alarm"} and run.suspended.question != HANDED_BACK
        return stopped or bool(waits(self.session, self.state))

    def status(self, number: int) -> TaskStatus:
        """Give how a task stands, and what it waits for or why it ended."""
        state = self.standing(number)
        stamp = Timestamp()
        stamp.FromMilliseconds(self._changed[number])
        parts = self._told(number, state)
        if not parts:
            return TaskStatus(state=state, timestamp=stamp)
        place = Place(self.session, number)
        message = Message(
            message_id=f"{place}~{self.state.seq}",
            context_id=self.session,
            task_id=str(place),
            role=Role.ROLE_AGENT,
            parts=parts,
        )
        return TaskStatus(state=state, message=message, timestamp=stamp)

    def task(self, number: int) -> Task:
        """Give a task as it is."""
        place = Place(self.session, number)
        return Task(
            id=str(place),
            context_id=self.session,
            status=self.status(number),
            artifacts=self.artifacts(number),
            history=[self._message(place, count, event) for count, event in enumerate(self._said[number])],
        )

    def artifacts(self, number: int) -> list[Artifact]:
        """Give the output of a run, if it ended with one."""
        ended = self._ended.get(number)
        if ended is None or ended.output is None:
            return []
        return [Artifact(artifact_id=OUTPUT, name=OUTPUT, parts=[_written(ended.output)])]

    def _told(self, number: int, state: TaskState) -> list[WirePart]:
        ended, run = self._ended.get(number), self.state.run
        if ended is not None:
            return [WirePart(text=ended.reason)] if ended.reason else []
        if state == TaskState.TASK_STATE_INPUT_REQUIRED:
            waiting = waits(self.session, self.state)
            words = "; ".join(f"{one.tool} ({one.call}): {one.question}" for one in waiting)
            return [WirePart(text=words), *map(asked, waiting)]
        if run is not None and run.suspended is not None and self.under_way(number) and self.resting(number):
            return [WirePart(text=run.suspended.question or run.suspended.why)]
        return []

    def _message(self, place: Place, count: int, event: MessageReceived) -> Message:
        parts = [WirePart(text=event.text)] if event.text else []
        for part in event.parts:
            # Its bytes stay where they are.
            parts.append(data_part({"file": part.name, "media": part.media, "bytes": part.size}))
        said = event.key.removeprefix(key_of(event.by, ""))
        return Message(
            message_id=said if said and said != event.key else f"{place}~said~{count}",
            context_id=place.session,
            task_id=str(place),
            role=Role.ROLE_USER,
            parts=parts,
        )


def _written(output: JsonValue) -> WirePart:
    return WirePart(text=output, media_type="text/plain") if isinstance(output, str) else data_part(output)


def _state_of(status: RunStatus) -> TaskState:
    match status:
        case "done":
            return TaskState.TASK_STATE_COMPLETED
        case "cancelled":
            return TaskState.TASK_STATE_CANCELED
        case "refused":
            return TaskState.TASK_STATE_REJECTED
        case "failed" | "stopped" | "diverged":
            return TaskState.TASK_STATE_FAILED
        case _:
            assert_never(status)
