"""Truth: what the sessions of a run were asked to do, kept outside of everything that may break."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

_PLANS = (
    "pay book",
    "book+book pay",
    "pay+book book pay",
    "book pay+pay",
    "pay sign",
    "book sign pay",
    "hurry book",
    "sign+book pay",
)
_TENANTS = ("acme", "globex", "capped", "purse")
_WEIGHTS = (4, 3, 2, 2)
_AGAIN = 0.2
"""How many sessions get a second message while they are under way."""


@dataclass(eq=False)
class Asked:
    """One session and what it was told."""

    id: str
    tenant: str
    plans: Sequence[str]
    keys: list[str] = field(default_factory=list[str])
    """The keys of the messages that were accepted, in order."""
    granted: dict[str, bool | None] = field(default_factory=dict[str, "bool | None"])
    """What a person thinks of each call that asks; `None` for nothing, ever."""

    def message(self, number: int) -> str:
        """Give the text of one of its messages."""
        return f"{self.tenant}|{self.plans[number]}"

    def key(self, number: int) -> str:
        """Give the sender's key of one of its messages."""
        return f"{self.id}/m{number}"


class Truth:
    """All that was asked for."""

    def __init__(self, seed: int) -> None:
        """Nothing yet."""
        self._chance = random.Random(seed)
        self.asked: dict[str, Asked] = {}

    def next(self) -> Asked:
        """Think of another session."""
        [tenant] = self._chance.choices(_TENANTS, _WEIGHTS)
        count = 2 if self._chance.random() < _AGAIN else 1
        plans = tuple(self._chance.choice(_PLANS) for _ in range(count))
        asked = Asked(f"s{len(self.asked):05}", tenant, plans)
        self.asked[asked.id] = asked
        return asked

    def judged(self, session: str, call: str, tool: str) -> bool | None:
        """Say what a person thinks of a call, the same whenever they are asked."""
        asked = self.asked[session]
        if call not in asked.granted:
            draw = self._chance.random()
            never = 0.5 if tool == "hurry" else 0.03
            asked.granted[call] = None if draw < never else draw < 0.93
        return asked.granted[call]
