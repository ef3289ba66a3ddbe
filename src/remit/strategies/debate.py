"""Debate: several agents answer, read each other's answers and answer again, until they agree or a judge decides.

Source: Du et al., 2023, arXiv:2305.14325.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from remit.core.errors import ConfigError
from remit.core.moves import Brief, Door, GiveUp, Strategy, StrategyMaker, fork, note, prefaced, versioned
from remit.core.values import JsonObject, JsonValue
from remit.strategies.doors import attempt
from remit.strategies.prompts import Prompts, load
from remit.strategies.react import react
from remit.strategies.template import as_text
from remit.strategies.votes import Ballot, apart, judged, normalised, shown, winner

PROMPTS = load("debate")


@dataclass(frozen=True, slots=True)
class Debater:
    """One who takes part: the role of its model, and what it argues for."""

    role: str = "default"
    side: str = ""
    """Empty for one who says what it holds true."""


def debate(
    agents: int | Sequence[Debater] = 3,
    rounds: int = 2,
    *,
    inner: StrategyMaker = react,
    same: Ballot = normalised,
    judge: str = "judge",
    prompts: Prompts = PROMPTS,
) -> StrategyMaker:
    """Make a debate of so many agents, or of these, who answer by `inner` and revise in so many rounds at most.

    It ends when all answers are the `same`; else the model of the role `judge` takes one. An agent that gives up keeps
    its last answer; when none has one, the debate gives up with the reasons. Every agent makes its own calls, in every
    round: let them have tools that only read.
    """
    debaters = (Debater(),) * agents if isinstance(agents, int) else tuple(agents)
    if not debaters or rounds < 0:
        raise ConfigError(f"a debate needs an agent and no less than 0 rounds, not {len(debaters)} and {rounds}")

    @versioned(prompts.edition(inner))
    def debate(brief: Brief) -> Strategy:
        answers: dict[int, JsonValue] = {}
        failed: dict[str, JsonValue] = {}
        for number in range(rounds + 1):
            says = [_say(prompts, debater, place, answers) for place, debater in enumerate(debaters)]
            ways = [prefaced(inner(brief), say) for say in says]
            ends = yield from _answered(ways, debaters)
            answers |= {place: end["output"] for place, end in enumerate(ends) if "failed" not in end}
            failed = {str(place + 1): end["failed"] for place, end in enumerate(ends) if "failed" in end}
            if not answers:
                raise GiveUp(f"none of {len(debaters)} agents came to an answer", {"failed": failed})
            kept: JsonObject = {str(place + 1): answer for place, answer in sorted(answers.items())}
            yield from note("debate", {"round": number, "answers": kept, "failed": failed})
            if _agree(answers, same):
                return answers[min(answers)]
        return (yield from _decided(answers, same, judge, prompts))

    return debate


def _answered(ways: Sequence[Strategy], debaters: Sequence[Debater]) -> Door[tuple[JsonObject, ...]]:
    branches = [
        attempt(apart(way, place, len(debaters), debater.role))
        for place, (way, debater) in enumerate(zip(ways, debaters, strict=True))
    ]
    return cast("tuple[JsonObject, ...]", (yield from fork(branches)))


def _decided(answers: dict[int, JsonValue], same: Ballot, judge: str, prompts: Prompts) -> Door[JsonValue]:
    """Have the judge take one of the answers that differ; count them when the judge cannot say."""
    ballots: list[str] = []
    different: dict[str, JsonValue] = {}
    for place, answer in sorted(answers.items()):
        ballots.append(_name(answer, place, same))
        different.setdefault(ballots[-1], answer)
    choice = yield from judged(list(different.values()), role=judge, prompts=prompts)
    return different[winner(ballots)] if choice is None else list(different.values())[choice]


def _agree(answers: dict[int, JsonValue], same: Ballot) -> bool:
    return len({_name(answer, place, same) for place, answer in answers.items()}) == 1


def _name(answer: JsonValue, place: int, same: Ballot) -> str:
    """Name what an answer says; one that says nothing that can be compared agrees with no other."""
    name = same(answer)
    return f"no vote {place}" if name is None else f"vote {name}"


def _say(prompts: Prompts, debater: Debater, place: int, answers: dict[int, JsonValue]) -> str:
    """Tell a debater its side and what all said in the round before; empty when there is nothing to tell."""
    said = [prompts.text("side", side=debater.side)] if debater.side else []
    if answers:
        own = as_text(answers[place]) if place in answers else "(none)"
        others = [answer for number, answer in sorted(answers.items()) if number != place]
        said.append(prompts.text("revise", own=own, others=shown(others) or "(none)"))
    return "\n\n".join(said)
