"""A provider's batches in memory, which ask a model for the answers and can break at every point."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import cast

from remit.core.errors import ModelError, ModelRequestError, RemitError, UnreadableAnswerError
from remit.core.messages import UserMessage
from remit.core.ports import Model, Reply
from remit.models.batches.port import BatchItem, BatchState, End, Sought, UnfitError


def _said(item: BatchItem) -> str:
    message = item.request.messages[0]
    return message.text if isinstance(message, UserMessage) else ""


@dataclass
class House:
    """What the provider holds; it outlives the processes that ask it."""

    model: Model
    batches: dict[str, Sequence[BatchItem]] = field(default_factory=dict[str, Sequence[BatchItem]])
    labels: dict[str, str] = field(default_factory=dict[str, str])
    polls: int = 0
    """How often a batch says that it is not done."""
    end: End = ""
    before: list[BaseException] = field(default_factory=list[BaseException])
    """Raised before a batch is made."""
    after: list[BaseException] = field(default_factory=list[BaseException])
    """Raised after a batch is made, in place of its id."""
    looks: list[ModelError] = field(default_factory=list[ModelError])
    """Raised by the first looks."""
    unsure: int = 0
    """How often nobody can tell yet whether there is such a batch."""
    missing: int = 0
    """How many answers, from the first, never come."""
    unfit: Sequence[str] = ()
    """What requests say that cannot be written."""
    garbled: int = 0
    """How many looks at the answers end with a line that nobody can read."""
    sought: list[Sought] = field(default_factory=list[Sought])
    asked: int = 0

    async def submit(self, label: str, items: Sequence[BatchItem]) -> str:
        """Take a batch in."""
        unfit = {item.id: ModelRequestError("unfit") for item in items if _said(item) in self.unfit}
        if unfit:
            raise UnfitError(dict[str, RemitError](unfit))
        if self.before:
            raise self.before.pop()
        name = f"batch-{len(self.batches)}"
        self.batches[name], self.labels[label] = items, name
        if self.after:
            raise self.after.pop()
        return name

    async def state(self, batch: str) -> BatchState:
        """Be done at some look."""
        if self.looks:
            raise self.looks.pop()
        self.polls -= 1
        return BatchState(self.polls < 0, self.end, self.end and "said so")

    async def results(self, batch: str) -> AsyncIterator[tuple[str, Reply | ModelError]]:
        """Ask the model, last item first."""
        for item in reversed(self.batches[batch][self.missing :]):
            self.asked += 1
            try:
                yield item.id, await self.model.complete(item.request, lambda _: None)
            except BaseException as error:  # noqa: BLE001 - whatever it is, the caller of the wrapper is to see it
                yield item.id, cast("ModelError", error)
        yield "somebody-elses", Reply("never asked for")
        if self.garbled:
            self.garbled -= 1
            raise UnreadableAnswerError("garbled")

    async def find(self, sought: Sought) -> str | None:
        """Know every label, in time."""
        self.sought.append(sought)
        if self.unsure:
            self.unsure -= 1
            return None
        return self.labels.get(sought.label, "")
