"""Batched: hands requests that can wait to a provider's batches, at a lower price, and waits for the answers.

What is handed in is written down before and after, so that the same question of the same session, asked again after a
crash, finds its batch and its answer and is not paid for twice.
"""

import asyncio
import hashlib
import secrets as lots
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from remit.core.errors import ModelError, RemitError, UnreadableAnswerError
from remit.core.messages import Usage
from remit.core.ports import Delta, Emit, Model, ModelSpec, Reply, Request
from remit.models.batches.notebook import Batch, Notebook
from remit.models.batches.port import Batches, BatchItem, Sought, UnfitError, unanswered
from remit.models.prices import Discounted
from remit.models.wrappers.canonical import canonical_key

T = TypeVar("T")

_AT_ONCE = 256
"""Answers that are written down together."""


_UNREADABLE = 10
"""Looks at what nobody can read before it is given up; whoever asks again looks again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """When a batch goes out and how often it is looked at, in seconds."""

    window: float = 10.0
    """From the first request of a batch until it goes out."""
    most: int = 1000
    """Requests with which it goes out at once."""
    first: float = 10.0
    """Before it is looked at for the first time; then ever longer, by half each time."""
    longest: float = 300.0
    settle: float = 60.0
    """Before a batch is looked for that may or may not have been made: it may still be on its way."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(slots=True, eq=False)
class _Entry:
    """A question and those who wait for its answer."""

    key: bytes
    request: Request
    answer: "asyncio.Future[Reply]"
    askers: int = 0
    label: str = ""
    """Of the batch it is in."""


class Batched:
    """Answers through a provider's batches: within a day, for a share of the price.

    The same question in the same session has one answer for as long as the notebook keeps it; `sample` asks for others.
    """

    def __init__(
        self,
        model: Model,
        batches: Batches,
        notebook: Notebook,
        *,
        waits: Waits | None = None,
        discount: float = 0.5,
    ) -> None:
        """Take name, price and variant from `model`, whose batches these are; `discount` is the share of its price."""
        spec = model.spec
        price = None if spec.price is None else Discounted(spec.price, discount)
        self._spec = msgspec.structs.replace(spec, price=price)
        self._batches, self._notebook, self._waits = batches, notebook, waits or Waits()
        self._entries: dict[bytes, _Entry] = {}
        self._group: list[_Entry] = []
        self._window: asyncio.Task[None] | None = None
        self._followed: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def spec(self) -> ModelSpec:
        """The model's, at a share of its price."""
        return self._spec

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Answer when the batch is done; raise what became of the request when it has no answer."""
        key = hashlib.sha256(request.session.encode() + b"\0" + canonical_key(request, self._spec)).digest()
        entry = self._entries.get(key)
        if entry is None:
            # What is kept of a request must outlive the conversation as it is now.
            kept = msgspec.structs.replace(request, messages=tuple(request.messages), memo=None)
            entry = self._entries[key] = _Entry(key, kept, asyncio.get_running_loop().create_future())
            self._start(self._admit(entry), lambda: [entry])
        reply = await self._wait(entry)
        first = await self._notebook.take(key)
        if reply.text:
            emit(Delta(reply.text))
        # Whoever took it before has paid for it, or died with its whole hold counted as spent.
        return reply if first else msgspec.structs.replace(reply, hit=True, cost=0, usage=Usage())

    async def close(self) -> None:
        """Stop waiting; what was handed in goes on, and is found again by whoever asks again."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._group = []
        self._fail(list(self._entries.values()), unanswered("", "waiting for it was given up"))
        await self._notebook.close()

    async def _wait(self, entry: _Entry) -> Reply:
        entry.askers += 1
        try:
            await asyncio.wait([entry.answer])
        finally:
            entry.askers -= 1
            if not entry.askers and entry in self._group:
                # Nobody wants it any more and nobody has paid for it yet.
                self._group.remove(entry)
                self._fail([entry], unanswered(""))
        return entry.answer.result()

    # -- collecting ------------------------------------------------------------------------------------------------

    async def _admit(self, entry: _Entry) -> None:
        """Find out whether a question was asked before; if not, put it into the next batch."""
        batch = await self._notebook.batch(entry.key)
        if batch is None:
            self._join(entry)
            return
        entry.label = batch.label
        reply = await self._notebook.reply(entry.key)
        if reply is not None:
            self._resolve({entry.key: reply})
        elif batch.label not in self._followed:
            self._begin(batch.label, self._recover(batch))

    def _join(self, entry: _Entry) -> None:
        if not entry.askers:
            self._fail([entry], unanswered(""))
            return
        entry.label = ""
        self._group.append(entry)
        if len(self._group) >= self._waits.most:
            self._flush()
        elif self._window is None:
            # Whoever is collected when it is cut short goes out with the group, or is told when all is closed.
            self._window = self._start(self._close_window(), tuple)

    async def _close_window(self) -> None:
        await self._waits.sleep(self._waits.window)
        self._window = None
        self._flush()

    def _flush(self) -> None:
        """Send off what was collected."""
        if self._window is not None:
            self._window.cancel()
            self._window = None
        group, self._group = self._group, []
        if group:
            self._hand_in(group)

    def _hand_in(self, group: Sequence[_Entry]) -> None:
        label = lots.token_hex(8)
        for entry in group:
            entry.label = label
        self._begin(label, self._submit(label, group))

    # -- one batch -------------------------------------------------------------------------------------------------

    async def _submit(self, label: str, group: Sequence[_Entry]) -> None:
        batch = await self._notebook.intend(label, [entry.key for entry in group])
        try:
            items = [BatchItem(_item(label, entry.key), entry.request) for entry in group]
            made = await self._batches.submit(label, items)
        except UnfitError as error:
            await self._leave_out(label, group, error.errors)
            return
        except ModelError as error:
            # When only the answer was lost the batch is there, and will be paid for.
            made = "" if error.free else await self._found(batch)
            if not made:
                await self._notebook.drop([entry.key for entry in group])
                raise
        await self._notebook.submitted(label, made)
        await self._follow(label, made)

    async def _leave_out(self, label: str, group: Sequence[_Entry], errors: Mapping[str, RemitError]) -> None:
        """Hand a group in again without what cannot be written."""
        await self._notebook.drop([entry.key for entry in group])
        unfit = {entry.key: error for entry in group if (error := errors.get(_item(label, entry.key)))}
        for key, error in unfit.items():
            self._fail(self._at([key]), error)
        rest = [entry for entry in group if entry.key not in unfit]
        if rest:
            self._hand_in(rest)

    async def _recover(self, batch: Batch) -> None:
        """Go on with a batch from before a crash."""
        made = batch.id or await self._found(batch)
        if not made:
            await self._notebook.drop(await self._notebook.waiting(batch.label))
            for entry in self._of(batch.label):
                self._join(entry)
            return
        if not batch.id:
            await self._notebook.submitted(batch.label, made)
        await self._follow(batch.label, made)

    async def _found(self, batch: Batch) -> str:
        """Look for a batch that may have been made, for as long as nobody can tell."""
        await self._waits.sleep(max(self._waits.settle - (self._notebook.clock() - batch.made), 0.0))
        sought = Sought(batch.label, batch.made, batch.size, await self._notebook.known())
        pauses = self._pauses()
        while (found := await self._patiently(lambda: self._batches.find(sought))) is None:
            await self._waits.sleep(next(pauses))
        return found

    async def _follow(self, label: str, made: str) -> None:
        """Wait for the end of a batch and give everybody what became of their question."""
        pauses = self._pauses()
        await self._waits.sleep(next(pauses))
        while not (state := await self._patiently(lambda: self._batches.state(made))).ended:
            await self._waits.sleep(next(pauses))
        await self._patiently(lambda: self._collect(label, made))
        left = await self._notebook.waiting(label)
        await self._notebook.drop(left)
        self._fail(self._at(left), unanswered(state.end, state.said))

    async def _collect(self, label: str, made: str) -> None:
        """Take in the answers of a batch; what was taken in before is skipped, so this may be begun again."""
        keys = {_item(label, key): key for key in await self._notebook.waiting(label)}
        replies: dict[bytes, Reply] = {}
        errors: dict[bytes, ModelError] = {}
        try:
            async for name, answer in self._batches.results(made):
                key = keys.pop(name, None)
                if key is None:
                    continue
                if isinstance(answer, Reply):
                    replies[key] = answer
                else:
                    errors[key] = answer
                if len(replies) >= _AT_ONCE:
                    await self._take_in(replies, {})
                    replies = {}
        except ModelError:
            await self._take_in(replies, errors)
            raise
        await self._take_in(replies, errors)

    async def _take_in(self, replies: Mapping[bytes, Reply], errors: Mapping[bytes, ModelError]) -> None:
        await self._notebook.keep(replies)
        self._resolve(replies)
        await self._notebook.drop(list(errors))
        for key, error in errors.items():
            self._fail(self._at([key]), error)

    def _pauses(self) -> Iterator[float]:
        pause = self._waits.first
        while True:
            yield pause
            pause = min(pause * 1.5, self._waits.longest)

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do what only reads, again and again while the provider cannot be reached: the batch goes on without us."""
        pauses = self._pauses()
        unreadable = 0
        while True:
            try:
                return await work()
            except ModelError as error:
                unreadable += isinstance(error, UnreadableAnswerError)
                if not error.retryable or unreadable >= _UNREADABLE:
                    raise
                await self._waits.sleep(max(next(pauses), error.retry_after or 0.0))

    # -- entries and tasks -----------------------------------------------------------------------------------------

    def _of(self, label: str) -> list[_Entry]:
        return [entry for entry in self._entries.values() if entry.label == label]

    def _at(self, keys: Iterable[bytes]) -> list[_Entry]:
        return [self._entries[key] for key in keys if key in self._entries]

    def _resolve(self, replies: Mapping[bytes, Reply]) -> None:
        for entry in self._at(replies):
            entry.answer.set_result(replies[entry.key])
            del self._entries[entry.key]

    def _fail(self, entries: Iterable[_Entry], error: BaseException) -> None:
        for entry in entries:
            del self._entries[entry.key]
            if entry.askers:
                entry.answer.set_exception(error)
            else:
                entry.answer.cancel()

    def _begin(self, label: str, work: Coroutine[None, None, None]) -> None:
        """Look after a batch until all of it is dealt with."""
        self._followed.add(label)
        task = self._start(work, lambda: self._of(label))
        task.add_done_callback(lambda _: self._followed.discard(label))

    def _start(
        self, work: Coroutine[None, None, None], concerned: Callable[[], Sequence[_Entry]]
    ) -> "asyncio.Task[None]":
        """Do a work in the background; how it breaks is told to all whom it concerns."""
        task = asyncio.create_task(work)
        self._tasks.add(task)

        def done(task: "asyncio.Task[None]") -> None:
            self._tasks.discard(task)
            error = unanswered("", "waiting for it was given up") if task.cancelled() else task.exception()
            if error is not None:
                self._fail([entry for entry in concerned() if not entry.answer.done()], error)

        task.add_done_callback(done)
        return task


def _item(label: str, key: bytes) -> str:
    return f"{label}_{key.hex()[:40]}"
