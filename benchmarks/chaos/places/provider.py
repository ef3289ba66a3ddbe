"""Provider: what the model answers, with faults, and what it bills for it."""

import random
from collections import Counter
from collections.abc import Mapping

from remit.core.messages import Call, Usage
from remit.core.ports import Reply
from remit.core.values import JsonValue, Nanos
from remit.models.prices import FlatPrice
from remit.testing.server import (
    CloseAtOnce,
    CutStream,
    Fault,
    Faulty,
    ModelServer,
    Overloaded,
    RateLimited,
    Received,
    ServerError,
    SlowDrip,
)

PRICE = FlatPrice(1.0, 2.0)
USAGE = Usage(input=150, output=20)
PACE = 0.01
"""Seconds between two pieces of an answer."""

_REFUSED: tuple[Fault, ...] = (ServerError(500), Overloaded(retry_after=0.1), RateLimited(retry_after=0.2))
_BROKEN: tuple[Fault, ...] = (CutStream(events=2), CloseAtOnce())


class Provider:
    """Reads off the last message what is still to be called: the words of a plan, those joined by `+` at once."""

    def __init__(self, seed: int) -> None:
        """Begin with no bill."""
        self._chance = random.Random(seed)
        self.billed: Counter[str] = Counter()
        """Nano-dollars by tenant: for whatever was answered, also in part."""
        self.asked = 0
        self.faults: Counter[str] = Counter()
        self.trouble = 1.0
        """How often something goes wrong: 1 is usual, 0 never."""

    def server(self) -> ModelServer:
        """Give the server that answers so."""
        return ModelServer(self.answer, usage=USAGE, pace=PACE, keep=False)

    def answer(self, received: Received) -> Reply | Fault | Faulty:
        """Answer one request."""
        self.asked += 1
        fault = self._fault()
        if fault in _REFUSED:
            return fault
        messages = received.json.get("messages")
        tenant, reply = planned(messages if isinstance(messages, list) else [])
        # Billed when it begins to answer, whether it arrives or not.
        self.billed[tenant] += PRICE.cost(USAGE)
        return reply if fault is None else Faulty(reply, fault)

    def _fault(self) -> Fault | None:
        draw = self._chance.random() / self.trouble if self.trouble else 1.0
        fault: Fault | None = None
        if draw < 0.02:
            fault = self._chance.choice(_REFUSED)
        elif draw < 0.03:
            fault = SlowDrip(seconds=0.15)
        elif draw < 0.035:
            fault = self._chance.choice(_BROKEN)
        if fault is not None:
            self.faults[type(fault).__name__] += 1
        return fault


def planned(messages: list[JsonValue]) -> tuple[str, Reply]:
    """Give the tenant whom a conversation is for, and what comes next in it."""
    plan, done, number = "", 0, 0
    for message in messages:
        if not isinstance(message, Mapping):
            continue
        if message.get("role") == "user" and "|" in (text := _text(message.get("content"))):
            plan, done, number = text, 0, number + 1
        elif message.get("role") == "tool":
            done += 1
    tenant, _, words = plan.partition("|")
    for move in words.split():
        tools = move.split("+")
        if done < len(tools):
            wanted = tuple(Call(tool, {"note": f"{number}.{place}.{move}"}) for place, tool in enumerate(tools))
            return tenant, Reply("", wanted, USAGE)
        done -= len(tools)
    return tenant, Reply("all done", usage=USAGE)


def _text(content: JsonValue) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(str(part.get("text", "")) for part in parts if isinstance(part, Mapping))


def dollars(amount: Nanos) -> float:
    """Say it in dollars."""
    return amount / 1e9
