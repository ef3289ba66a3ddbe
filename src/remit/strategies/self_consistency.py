"""Self-consistency: answer several times on separate ways and take the answer that most of them reach.

Source: Wang et al., 2022, arXiv:2203.11171.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

from remit.core.errors import ConfigError
from remit.core.moves import Brief, GiveUp, Strategy, StrategyMaker, fork, note, versioned
from remit.core.values import JsonObject, JsonValue
from remit.strategies.doors import attempt
from remit.strategies.prompts import Prompts, load
from remit.strategies.react import react
from remit.strategies.votes import Ballot, apart, judged, normalised, settled, wave, winner

PROMPTS = load("self_consistency")


def self_consistency(
    inner: StrategyMaker = react,
    *,
    samples: int = 5,
    vote: Ballot | Literal["judge"] = normalised,
    judge: str = "judge",
    prompts: Prompts = PROMPTS,
) -> StrategyMaker:
    """Make a strategy that follows another one several times, at the same time, and takes the answer with most votes.

    It stops when the votes that are left cannot change the answer. With `"judge"`, for answers in free text, the model
    of that role takes one of all. A sample that gives up has no vote; when none has one, it gives up with the reasons.
    Every sample makes its own calls: let them have tools that only read.
    """
    if samples < 1:
        raise ConfigError(f"self-consistency needs at least one sample, not {samples}")

    @versioned(prompts.edition(inner))
    def self_consistency(brief: Brief) -> Strategy:
        poll = _Poll(normalised if vote == "judge" else vote)
        while left := samples - poll.asked:
            if settled(poll.ballots, left):
                break
            more = left if vote == "judge" else wave(poll.ballots, left)
            ways = [apart(inner(brief), number, samples) for number in range(poll.asked, poll.asked + more)]
            poll.take(cast("tuple[JsonObject, ...]", (yield from fork([attempt(way) for way in ways]))))
        if not poll.ballots:
            raise GiveUp(f"none of {samples} samples came to an answer", {"failed": poll.failed})
        yield from note("votes", poll.as_json())
        answers = list(poll.answers.values())
        if vote == "judge" and len(answers) > 1:
            place = yield from judged(answers, role=judge, prompts=prompts)
            if place is not None:
                return answers[place]
        return poll.answers[winner(poll.ballots)]

    return self_consistency


@dataclass(slots=True)
class _Poll:
    """The votes so far."""

    ballot: Ballot
    asked: int = 0
    ballots: list[str] = field(default_factory=list[str])
    answers: dict[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    """The first answer of each ballot."""
    failed: list[JsonValue] = field(default_factory=list[JsonValue])

    def take(self, ends: Sequence[JsonObject]) -> None:
        """Count how samples ended."""
        self.asked += len(ends)
        for end in ends:
            name = None if "failed" in end else self.ballot(end["output"])
            if name is None:
                self.failed.append(end.get("failed", "an answer that has no vote"))
            else:
                self.ballots.append(name)
                self.answers.setdefault(name, end["output"])

    def as_json(self) -> JsonObject:
        """Give what the journal keeps of it."""
        counted: list[JsonValue] = [
            {"answer": answer, "votes": self.ballots.count(name)} for name, answer in self.answers.items()
        ]
        return {"asked": self.asked, "answers": counted, "failed": self.failed}
