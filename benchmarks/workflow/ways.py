"""Ways: each way of working solves every problem with a noisy model, and its hidden tests say whether it did.

`python -m benchmarks.workflow.ways NAME` prints the figures of one row as a JSON line.
"""

import argparse
import asyncio
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.workflow.problems import HOW_TO, Example, Problem, place, problems
from benchmarks.workflow.rows import CATCHES, HABIT, PROBABILITY, ROUNDS, ROWS, SAMPLES, SEEDS, TRUSTS
from benchmarks.workflow.trials import Trials, open_trials
from remit import Agent, Home, Limits, tool
from remit.core.moves import StrategyMaker
from remit.core.ports import Request, Tool
from remit.core.values import JsonObject, JsonValue
from remit.home import MEMORY
from remit.strategies import Bounds, Finding, by_tool, react, reflect, reflexion, self_consistency, tree_of_thoughts
from remit.strategies import Problem as Search
from remit.strategies.checks import ToolCheck
from remit.strategies.thoughts import Thoughts
from remit.testing import Grader, NoisyModel

AT_ONCE = 16
"""Sessions under way at the same time."""

Figures = dict[str, float]


class WrongWorkError(Exception):
    """What was to be measured did not happen, so its figures mean nothing."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What came of one problem."""

    passed: bool
    calls: int
    checks: int
    """How often its answers were run for feedback."""


def coded(output: JsonValue) -> JsonObject:
    """Return the arguments of a check: the program that a model answered with."""
    return {"code": str(output)}


def found(output: JsonValue) -> Sequence[Finding]:
    """Return the findings that a tool lists."""
    assert isinstance(output, list)
    return [Finding(str(text)) for text in output]


def by(name: str) -> ToolCheck:
    """Return the check that is a call of one of our tools."""
    return by_tool(name, coded, read=found)


def last_thought(task: str, thoughts: Thoughts) -> JsonValue:
    """Return the program at the end of a way: here every thought is a whole one."""
    return thoughts[-1]


WAYS: Mapping[str, Callable[[], StrategyMaker]] = {
    "direct": lambda: react,
    "self_consistency": lambda: self_consistency(samples=SAMPLES),
    "tree_of_thoughts": lambda: tree_of_thoughts(
        Search(answer=last_thought), bounds=Bounds(depth=1, thoughts=SAMPLES, breadth=1)
    ),
    "reflect_critic": lambda: reflect(rounds=ROUNDS),
    **{
        f"reflect_{what}": lambda what=what: reflect(check=by(what), rounds=ROUNDS)
        for what in ("examples", "half", "tests")
    },
    **{
        f"reflexion_{what}": lambda what=what: reflexion(check=by(what), attempts=ROUNDS + 1, lessons=False)
        for what in ("examples", "half", "tests")
    },
}


@dataclass
class Checks:
    """The tools that run a program for feedback, and how often they were called."""

    problem: Problem
    trials: Trials
    made: int = 0

    def tools(self) -> list[Tool]:
        """Return them, each with other feedback."""
        problem = self.problem

        @tool(effect="read")
        async def examples(code: str) -> list[str]:
            """Run a program on the examples of the task and list what is wrong."""
            return await self._listed(code, examples=problem.examples)

        @tool(effect="read")
        async def half(code: str) -> list[str]:
            """Run a program against every other test and list what is wrong."""
            return await self._listed(code, tests=problem.half)

        @tool(effect="read")
        async def tests(code: str) -> list[str]:
            """Run a program against all tests and list what is wrong."""
            return await self._listed(code, tests=problem.tests)

        return [examples, half, tests]

    async def _listed(self, code: str, *, tests: str = "", examples: Sequence[Example] = ()) -> list[str]:
        self.made += 1
        return list((await self.trials.judge(code, tests=tests, examples=examples)).findings)


def noisy(problem: Problem, seed: int) -> NoisyModel:
    """Return the model that works on a problem: one for each, so that `asked` counts its calls."""

    def right(request: Request) -> str:
        return problem.solution

    return NoisyModel(
        right=right,
        probability=PROBABILITY,
        habit=HABIT,
        ideas=SAMPLES,
        seed=seed,
        grader=Grader(catches=CATCHES, trusts=TRUSTS),
    )


@dataclass(frozen=True, slots=True)
class Bench:
    """All that a row of the table is measured with."""

    problems: Sequence[Problem]
    trials: Trials
    home: Home

    async def row(self, way: str, seeds: Sequence[int]) -> Figures:
        """Measure a way of working over all seeds."""
        tallies = [tally for seed in seeds for tally in await self._seeded(way, seed)]
        passed = sum(tally.passed for tally in tallies)
        low, high = wilson(passed, len(tallies))
        return {
            "passed": 100 * passed / len(tallies),
            "low": 100 * low,
            "high": 100 * high,
            "calls": sum(tally.calls for tally in tallies) / len(tallies),
            "checks": sum(tally.checks for tally in tallies) / len(tallies),
        }

    async def _seeded(self, way: str, seed: int) -> list[Tally]:
        enough = asyncio.Semaphore(AT_ONCE)

        async def one(problem: Problem) -> Tally:
            async with enough:
                return await self._solved(way, problem, seed)

        return list(await asyncio.gather(*map(one, self.problems)))

    async def _solved(self, way: str, problem: Problem, seed: int) -> Tally:
        model = noisy(problem, seed)
        checks = Checks(problem, self.trials)
        agent = Agent(
            "coder", model, tools=checks.tools(), strategy=WAYS[way](), limits=Limits(steps=200), detectors=()
        )
        result = await self.home.run(agent, problem.task)
        if result.status not in {"done", "failed"}:
            raise WrongWorkError(f"{way} on {problem.id} is {result.status}: {result.reason}")
        verdict = await self.trials.judge(str(result.output), tests=problem.tests)
        return Tally(verdict.passed and result.status == "done", model.asked, checks.made)

    async def reference(self) -> Figures:
        """Check that every reference solution passes its tests."""
        verdicts = await asyncio.gather(
            *(self.trials.judge(problem.solution, tests=problem.tests) for problem in self.problems)
        )
        wrong = [problem.id for problem, one in zip(self.problems, verdicts, strict=True) if not one.passed]
        if wrong:
            raise WrongWorkError(f"the reference solutions of {', '.join(wrong)} fail their own tests here")
        shown = sum(bool(problem.examples) for problem in self.problems)
        whole = sum(problem.half == problem.tests for problem in self.problems)
        return {"passed": 100.0, "problems": len(verdicts), "with_examples": shown, "whole": whole}


def wilson(passed: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson, 1927, doi:10.1080/01621459.1927.10502953)."""
    share, spread = passed / of, z * z / of
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    return middle - half, middle + half


async def sound(problem: Problem, trials: Trials) -> Problem:
    """Return a problem without the examples that its own reference solution contradicts: they are misprints."""
    verdicts = await asyncio.gather(*(trials.judge(problem.solution, examples=[one]) for one in problem.examples))
    kept = tuple(one for one, verdict in zip(problem.examples, verdicts, strict=True) if verdict.passed)
    return replace(problem, examples=kept)


async def measured(way: str, given: Sequence[Problem], seeds: Sequence[int]) -> Figures:
    """Measure one row of the table."""
    async with open_trials() as trials, Home.open(MEMORY) as home:
        known = await asyncio.gather(*(sound(problem, trials) for problem in given))
        bench = Bench(known, trials, home)
        return await (bench.reference() if way == "reference" else bench.row(way, seeds))


def main() -> None:
    """Measure what the command line names and print it."""
    parser = argparse.ArgumentParser(description="Measure one way of working on HumanEval with a noisy model.")
    parser.add_argument("way", choices=[row.name for row in ROWS])
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="how many times every problem is solved")
    options = parser.parse_args()
    path = place()
    if path is None:
        raise SystemExit(HOW_TO)
    print(json.dumps(asyncio.run(measured(options.way, problems(path), SEEDS[: options.seeds]))), flush=True)


if __name__ == "__main__":
    main()
