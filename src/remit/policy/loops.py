"""Loops: detectors of a run that goes in circles. Each first warns, then demands an answer, then stops the run.

They remember a bounded number of calls or thoughts of the current run, apart for each branch of a fork: branches may
well do the same thing.
"""

import math
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from operator import mul
from typing import TypeVar

import msgspec

from remit.core.events import EffectEnded, Event, Level, ModelAnswered, RunOpened
from remit.core.messages import Outcome
from remit.core.ports import Alarm
from remit.core.state import Effect, State

Embed = Callable[[Sequence[str]], Awaitable[Sequence[Sequence[float]]]]
"""Turns texts into vectors of equal length, in the same order."""

K = TypeVar("K")
V = TypeVar("V")

_BRANCHES = 64
_encode = msgspec.msgpack.Encoder(order="sorted").encode


class Escalation:
    """How loud the next alarm of a run is: `warn`, `answer`, then `stop`."""

    __slots__ = ("_raised",)

    def __init__(self) -> None:
        """Begin quiet."""
        self._raised = 0

    def alarm(self, kind: str, reason: str) -> Alarm:
        """Raise the next alarm."""
        levels: tuple[Level, ...] = ("warn", "answer", "stop")
        level = levels[min(self._raised, 2)]
        self._raised += 1
        return Alarm(kind, level, reason)


class Repetition:
    """Alarms when a call is made for the `times`-th time with the same result; another result starts the count anew.

    It remembers the last `memory` different calls.
    """

    __slots__ = ("_escalation", "_memory", "_seen", "_times")
    sees = frozenset((RunOpened, EffectEnded))

    def __init__(self, times: int = 4, *, memory: int = 16) -> None:
        """Take how often is too often."""
        self._times, self._memory = times, memory
        self._forget()

    async def see(self, event: Event, state: State) -> Alarm | None:
        """Count calls as they end."""
        match event:
            case EffectEnded(outcome=outcome):
                effect = _effect(outcome, state)
                return self._count(effect, outcome) if effect else None
            case RunOpened():
                self._forget()
            case _:
                pass
        return None

    def _forget(self) -> None:
        self._seen: OrderedDict[int, tuple[int, int]] = OrderedDict()
        self._escalation = Escalation()

    def _count(self, effect: Effect, outcome: Outcome) -> Alarm | None:
        call, result = _call_key(effect), _result_key(outcome)
        before, times = self._seen.get(call, (result, 0))
        times = times + 1 if before == result else 1
        self._seen[call] = (result, times)
        self._seen.move_to_end(call)
        if len(self._seen) > self._memory:
            self._seen.popitem(last=False)
        if times < self._times:
            return None
        return self._escalation.alarm(
            "repetition", f"`{effect.call.tool}` was called {times} times with the same arguments and the same result"
        )


class Alternation:
    """Alarms when a cycle of two to `period` calls, not all the same, comes round `rounds` times without a break.

    A cycle that goes on alarms again once a round.
    """

    __slots__ = ("_calls", "_escalation", "_period", "_rounds")
    sees = frozenset((RunOpened, EffectEnded))

    def __init__(self, period: int = 4, *, rounds: int = 3) -> None:
        """Take the longest cycle to look for."""
        self._period, self._rounds = period, rounds
        self._forget()

    async def see(self, event: Event, state: State) -> Alarm | None:
        """Look for a cycle in the calls that ended."""
        match event:
            case EffectEnded(outcome=outcome):
                effect = _effect(outcome, state)
                return self._turn(effect) if effect else None
            case RunOpened():
                self._forget()
            case _:
                pass
        return None

    def _forget(self) -> None:
        self._calls: OrderedDict[str, deque[int]] = OrderedDict()
        self._escalation = Escalation()

    def _turn(self, effect: Effect) -> Alarm | None:
        calls = _branch(self._calls, _place(effect), self._period * self._rounds)
        calls.append(_call_key(effect))
        for period in range(2, self._period + 1):
            if self._cycles(calls, period):
                # Only a whole further round may alarm again.
                kept = list(islice(calls, len(calls) - period * (self._rounds - 1), None))
                calls.clear()
                calls.extend(kept)
                return self._escalation.alarm("alternation", f"the same {period} calls came round {self._rounds} times")
        return None

    def _cycles(self, calls: deque[int], period: int) -> bool:
        length = period * self._rounds
        # Nearly every call breaks the cycle, so the last one is looked at before the others.
        if len(calls) < length or calls[-1] != calls[-1 - period]:
            return False
        last = list(calls)[-length:]
        return last[period:] == last[:-period] and len(set(last[:period])) > 1


class NoProgress:
    """Alarms when at least half of the last `window` thoughts of a conversation mean the same as the newest.

    Two thoughts mean the same when the cosine of their vectors reaches `similarity` (the vector space model: Salton,
    Wong and Yang, "A Vector Space Model for Automatic Indexing", CACM 18(11), 1975). Failures of the embedder pass
    through.
    """

    __slots__ = ("_embed", "_escalation", "_similarity", "_thoughts", "_window")
    sees = frozenset((RunOpened, ModelAnswered))

    def __init__(self, embed: Embed, *, window: int = 6, similarity: float = 0.97) -> None:
        """Take the embedder, how many thoughts to look at, and the least cosine that counts as equal."""
        self._embed, self._window, self._similarity = embed, window, similarity
        self._forget()

    async def see(self, event: Event, state: State) -> Alarm | None:
        """Compare what a model says with what it said before; questions asked outside the conversation do not count."""
        match event:
            case ModelAnswered(step=step, text=text) if text.strip() and _spoken(step, state):
                return await self._think(step.rpartition(".")[0], text)
            case RunOpened():
                self._forget()
            case _:
                pass
        return None

    def _forget(self) -> None:
        self._thoughts: OrderedDict[str, deque[list[float]]] = OrderedDict()
        self._escalation = Escalation()

    async def _think(self, branch: str, text: str) -> Alarm | None:
        newest = _unit((await self._embed([text]))[0])
        thoughts = _branch(self._thoughts, branch, self._window)
        thoughts.append(newest)
        if len(thoughts) < self._window:
            return None
        same = sum(sum(map(mul, newest, thought)) >= self._similarity for thought in thoughts)
        if same * 2 < self._window:
            return None
        return self._escalation.alarm("no_progress", f"{same} of the last {self._window} thoughts mean the same")


LOOP_DETECTORS: tuple[Callable[[], Repetition | Alternation], ...] = (Repetition, Alternation)
"""What watches an agent that names no detectors of its own."""


def _effect(outcome: Outcome, state: State) -> Effect | None:
    # The state may be ahead of the event: the run that made the call can be over by now.
    return state.run.effects.get(outcome.call) if state.run else None


def _spoken(step: str, state: State) -> bool:
    found = state.run.steps.get(step) if state.run else None
    return found is not None and found.asked is not None and not found.asked.alone


def _place(effect: Effect) -> str:
    """Name the branch of a call; one that a strategy made itself says in its id where that was."""
    return effect.call.id.rpartition("_")[0].rpartition("_")[0] if effect.thread is None else effect.thread


def _call_key(effect: Effect) -> int:
    call = effect.call
    return hash((_place(effect), call.tool, call.malformed, _encode(call.args)))


def _result_key(outcome: Outcome) -> int:
    output = outcome.output
    cheap = outcome.blob or (output if isinstance(output, str) else _encode(output))
    return hash((outcome.status, cheap))


def _branch(branches: OrderedDict[K, deque[V]], key: K, length: int) -> deque[V]:
    found = branches.pop(key, None) or deque[V](maxlen=length)
    branches[key] = found
    if len(branches) > _BRANCHES:
        branches.popitem(last=False)
    return found


def _unit(vector: Sequence[float]) -> list[float]:
    length = math.hypot(*vector) or 1.0
    return [value / length for value in vector]
