"""Playing a task through a home: the model that knows the answers, the client that talks, and who judges it."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.bfcl.backend import mismatch, picture, written
from tests.bfcl.tasks import Task, truth
from tests.bfcl.tools import Care, World, tools, world_of

from remit import Agent, Home
from remit.core.events import EffectEnded, Record
from remit.core.messages import Outcome, ToolMessage, UserMessage
from remit.core.ports import Reply, Request
from remit.runtime import RunResult
from remit.testing import ScriptedModel, calls, says

CLOSING = "That is done."


def speaker(task: Task, asked: Callable[[int, int], None] = lambda turn, place: None) -> ScriptedModel:
    """Make the model of a task: it goes by what the conversation holds and wishes one call at a time.

    `asked` is told the turn and the place in it before each answer; it may raise, as a simulated death.
    """

    def reply(request: Request) -> Reply:
        heard = [
            place
            for place, message in enumerate(request.messages)
            if isinstance(message, UserMessage) and message.text in task.said
        ]
        turn = len(heard) - 1
        answered = sum(isinstance(message, ToolMessage) for message in request.messages[heard[-1] :])
        asked(turn, answered)
        wanted = task.turns[turn]
        return calls(wanted[answered]) if answered < len(wanted) else says(CLOSING)

    return ScriptedModel(itertools.repeat(reply))


@dataclass
class Play:
    """One telling of a task: its world, what every turn ended with and what the journal holds."""

    task: Task
    care: Care
    world: World = field(init=False)
    results: list[RunResult] = field(default_factory=list[RunResult])
    records: Sequence[Record] = ()

    def __post_init__(self) -> None:
        self.world = world_of(self.task)

    def agent(self, asked: Callable[[int, int], None] = lambda turn, place: None) -> Agent:
        """Declare the agent anew, as every process does."""
        return Agent("bfcl", speaker(self.task, asked), tools=tools(self.task, self.world, self.care))

    async def through(self, home: Home) -> "Play":
        """Say what the user says, turn by turn, in one session of a home."""
        agent = self.agent()
        for said in self.task.said:
            self.results.append(await home.run(agent, said, session=self.task.id))
        self.records = await home.store.read(self.task.id)
        return self

    def outcomes(self) -> list[Outcome]:
        """Give how every call ended, in order."""
        return [record.event.outcome for record in self.records if isinstance(record.event, EffectEnded)]

    def problems(self) -> list[str]:
        """Say what is not as it is when BFCL carries out the ground truth itself; empty when nothing is."""
        known, world = truth(self.task.id), self.world
        ends = [(result.status, result.output) for result in self.results]
        responses = tuple(written(outcome.output) for outcome in self.outcomes())
        laws = {
            f"the turns ended {ends}": ends == [("done", CLOSING)] * len(self.task.said),
            f"outcomes {self.outcomes()}": all(outcome.status == "ok" for outcome in self.outcomes()),
            f"responses {responses}": responses == known.responses,
            f"executed {world.distinct()}": world.distinct() == list(self.task.calls),
            f"executed twice: {world.twice()}": not world.twice(),
            "what is private differs": picture(world.instances) == picture(known.instances),
        }
        wrong = mismatch(world.instances, known.instances)
        found = [problem for problem, holds in laws.items() if not holds]
        return [*found, f"wrong state: {wrong}"] if wrong else found
