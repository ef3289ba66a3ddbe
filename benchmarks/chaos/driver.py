"""Driver: begins sessions, sends messages, decides, and settles doubts as a truthful person would."""

import asyncio
import contextlib
import random
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from benchmarks.chaos.eyes import Eyes, Sight, Standing
from benchmarks.chaos.inside.agents import agent
from benchmarks.chaos.places.counter import Effects
from benchmarks.chaos.places.workers import Fleet
from benchmarks.chaos.truth import Asked, Truth
from remit.core.errors import ApprovalError, ConflictError, JournalError, RemitError
from remit.core.events import EffectInDoubt, EffectStarted, MessageReceived, Record, RunOpened, RunResumed
from remit.core.state import State
from remit.home import Home
from remit.runtime import doubted, settle, waiting

_PID = re.compile(r"-(\d+)-[0-9a-f]{8}$")
_PAUSE = 0.25


@dataclass(frozen=True, slots=True)
class Doubt:
    """A call of which nobody knows whether it happened."""

    call: str
    starter: str
    """The worker that was about to make it."""
    asker: str
    """The worker that asks."""


class Driver:
    """One person for all sessions of a run."""

    def __init__(self, home: Home, truth: Truth, fleet: Fleet, effects: Effects, eyes: Eyes) -> None:
        """Take the home it speaks through, over a connection that nobody cuts but the database."""
        self._home, self._truth, self._fleet, self._effects, self._eyes = home, truth, fleet, effects, eyes
        self._chance = random.Random(len(truth.asked))
        self.doubts: Counter[str] = Counter()
        """How they were settled."""
        self.decided: Counter[str] = Counter()
        self.unreadable: dict[str, str] = {}
        """Sessions whose journal cannot be folded."""
        self.sight: Sight | None = None
        """What was seen last."""
        self.stop = False
        """Whether to begin nothing more."""
        self._second: list[Asked] = []
        self._retiring: set[int] = set()
        self._resting: dict[str, int] = {}
        """Sessions with a question that nobody will answer, and where they stood then."""

    # -- asking ----------------------------------------------------------------------------------------------------

    async def ask(self, at_once: int, most: int) -> None:
        """Begin sessions, so many at the same time, until told to stop."""
        while not self.stop and len(self._truth.asked) < most:
            busy = [one for one in (self.sight.open.values() if self.sight else ()) if one.status != "waiting"]
            if self.sight is None or len(busy) >= at_once or len(self._truth.asked) > self.sight.sessions + at_once:
                await asyncio.sleep(_PAUSE)
                continue
            await self._begin(self._truth.next())
        while self._second:
            await self._again(self._second.pop())

    async def _begin(self, asked: Asked) -> None:
        message, key = asked.message(0), asked.key(0)
        await _surely(lambda: self._open(asked, message, key))
        asked.keys.append(key)
        if len(asked.plans) > 1:
            self._second.append(asked)
        if len(self._second) > 5:
            await self._again(self._second.pop(0))

    async def _open(self, asked: Asked, message: str, key: str) -> None:
        try:
            await self._home.begin(agent, message, tenant=asked.tenant, session=asked.id, by="driver", key=key)
        except ConflictError:
            # It was written and the answer lost: then it is there with this message.
            records = await self._home.store.read(asked.id)
            if not any(isinstance(one.event, MessageReceived) and one.event.key == key for one in records):
                raise

    async def _again(self, asked: Asked) -> None:
        message, key = asked.message(1), asked.key(1)
        await _surely(lambda: self._home.send(asked.id, message, by="driver", key=key))
        asked.keys.append(key)

    # -- deciding --------------------------------------------------------------------------------------------------

    async def attend(self) -> None:
        """Answer what sessions ask, for ever."""
        while True:
            for one in list(self.sight.open.values() if self.sight else ()):
                if one.status == "waiting":
                    try:
                        await self._attend(one)
                    except RemitError:
                        # The database may be away, and others may have been faster: it is looked at again.
                        continue
                    except AssertionError as error:
                        self.unreadable[one.id] = str(error)
            await asyncio.sleep(_PAUSE)

    async def _attend(self, one: Standing) -> None:
        if one.why.startswith(("approval", "in_doubt")):
            records = await self._home.store.read(one.id)
            state = State.fold(record.event for record in records)
            wishes = [await self._decide(one.id, effect.call.id, effect.call.tool) for effect in waiting(state)]
            doubts = doubted(state)
            for effect in doubts:
                await self._settle(one.id, doubt_about(effect.call.id, records))
            if wishes and not doubts and set(wishes) == {None}:
                self._resting[one.id] = one.head

    async def _decide(self, session: str, call: str, tool: str) -> bool | None:
        wish = self._truth.judged(session, call, tool)
        if wish is not None:
            with contextlib.suppress(ApprovalError):
                await self._home.approve(session, call, granted=wish, by="driver")
                self.decided["granted" if wish else "denied"] += 1
        return wish

    async def _settle(self, session: str, doubt: Doubt) -> None:
        """Look at the world and say what was there, once it is sure that nothing more is on its way there."""
        key = f"{session}-{doubt.call}"
        if not await self._quiet(doubt, key):
            return
        happened = self._effects.keys[key] > 0
        await settle(self._home.store, session, doubt.call, happened=happened, by="driver")
        self.doubts["it had happened" if happened else "it had not happened"] += 1

    async def _quiet(self, doubt: Doubt, key: str) -> bool:
        """Say whether whoever was about to act can do so no more: dead, or still here and saying so itself."""
        starter = self._fleet.all.get(pid_of(doubt.starter))
        if starter is None:
            return True
        if not starter.gone and doubt.starter != doubt.asker:
            # It may only sleep. As an operator would, we have it ended before we answer for it.
            if not starter.stopped and starter.pid not in self._retiring:
                self._retiring.add(starter.pid)
                self.decided["workers ended before an answer"] += 1
                await self._fleet.drain(starter)
                await self._fleet.start()
            return False
        return not starter.effects.carries(key)

    # -- looking ---------------------------------------------------------------------------------------------------

    def unsettled(self) -> list[Standing]:
        """Give the sessions that are neither at their end nor wait for an answer that nobody will give."""
        assert self.sight is not None
        return [one for one in self.sight.open.values() if self._resting.get(one.id) != one.head]


def doubt_about(call: str, records: list[Record]) -> Doubt:
    """Find out who began a call and who asks about it."""
    worker = starter = asker = ""
    for record in records:
        match record.event:
            case RunOpened(worker=name) | RunResumed(worker=name):
                worker = name
            case EffectStarted(call=name) if name == call:
                starter = worker
            case EffectInDoubt(call=name) if name == call:
                asker = worker
            case _:
                pass
    return Doubt(call, starter, asker)


def pid_of(worker: str) -> int:
    """Give the process of a worker by its name; 0 when the name does not say."""
    found = _PID.search(worker)
    return int(found[1]) if found else 0


async def _surely(do: Callable[[], Awaitable[None]]) -> None:
    """Do what may be done twice until it is done."""
    while True:
        try:
            await do()
        except JournalError:
            await asyncio.sleep(_PAUSE)
        except AssertionError:
            # A journal that cannot be read takes no message; the verdict will say so.
            return
        else:
            return
