"""The port to a provider's batches: hand in many requests at once, come back later for the answers."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Literal, Protocol, assert_never

import msgspec

from remit.core.errors import ModelError, ModelRequestError, ModelTimeoutError, OverloadedError, RemitError
from remit.core.ports import Reply, Request

End = Literal["", "failed", "expired", "cancelled"]
"""What else became of a batch or of one request in it; empty when it was dealt with."""


class UnfitError(ModelRequestError):
    """Some requests cannot be written for the provider, so no batch was made."""

    def __init__(self, errors: Mapping[str, RemitError]) -> None:
        """Say by the ids of the items what is wrong with each."""
        super().__init__(f"{len(errors)} requests of a batch cannot be written")
        self.errors = errors


class BatchItem(msgspec.Struct, frozen=True):
    """One request of a batch."""

    id: str
    """Names its answer: `LABEL_HEX`, at most 64 letters, digits, dashes and underscores."""
    request: Request


class BatchState(msgspec.Struct, frozen=True):
    """How far a batch is."""

    ended: bool
    end: End = ""
    said: str = ""
    """What the provider says of it."""


class Sought(msgspec.Struct, frozen=True):
    """A batch that may have been made, although nobody heard of it."""

    label: str
    since: float
    """When it was about to be made, in seconds since the epoch."""
    size: int
    """Requests in it."""
    known: Collection[str]
    """Batches that it surely is not."""


class Batches(Protocol):
    """A provider's batches, for one model and key."""

    async def submit(self, label: str, items: Sequence[BatchItem]) -> str:
        """Hand in a batch and give its id; raise a `free` error only when surely none was made.

        Raise `UnfitError` when some of the requests cannot be written: the others may be handed in without them.
        """
        ...

    async def state(self, batch: str) -> BatchState:
        """Say how far a batch is."""
        ...

    def results(self, batch: str) -> AsyncIterator[tuple[str, Reply | ModelError]]:
        """Give the answers of a batch that has ended, by the ids of its items, in any order; some may be missing.

        What cannot be read is an `UnreadableAnswerError` after all that can.
        """
        ...

    async def find(self, sought: Sought) -> str | None:
        """Look for the batch with a label; empty when there is none, `None` when that cannot be told yet."""
        ...


def unanswered(end: End, said: str = "") -> ModelError:
    """Say in the one tree of errors why a request of a batch has no answer."""
    detail = f": {said}" if said else ""
    match end:
        case "":
            return ModelTimeoutError(f"the batch ended without an answer to this request{detail}")
        case "failed":
            return ModelRequestError(f"the provider did not take the batch{detail}")
        case "expired":
            # Nothing is billed for what a provider did not get to.
            return OverloadedError(f"the provider did not get to this request in time{detail}")
        case "cancelled":
            return ModelRequestError(f"the batch was cancelled{detail}")
        case _:
            assert_never(end)
