"""Walk: drive a strategy by answering its moves. Live and replay differ only in who answers."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, assert_never

from remit.core.messages import Outcome
from remit.core.moves import Answer, Ask, Execute, Fork, GiveUp, Move, Note, Ran, Run, Strategy
from remit.core.values import JsonValue
from remit.runtime.halts import Halt


class Doors(Protocol):
    """Answers the moves of a strategy; a path names the place of a move, such as `4.1.0`."""

    async def ask(self, path: str, move: Ask) -> Answer:
        """Ask a model."""
        ...

    async def run_calls(self, path: str, move: Run) -> tuple[Outcome, ...]:
        """Make calls."""
        ...

    async def execute(self, path: str, move: Execute) -> Ran:
        """Run a program."""
        ...

    def note(self, path: str, move: Note) -> None:
        """Write something down."""
        ...


async def walk(strategy: Strategy, doors: Doors, prefix: str = "") -> JsonValue:
    """Follow a strategy to its end and give what it returned."""
    answer: Any = None
    number = 0
    try:
        while True:
            try:
                move = strategy.send(answer)
            except StopIteration as end:
                return end.value
            answer = await _answer(f"{prefix}{number}", move, doors)
            number += 1
    finally:
        strategy.close()


async def _answer(path: str, move: Move, doors: Doors) -> Any:
    match move:
        case Ask():
            return await doors.ask(path, move)
        case Run():
            return await doors.run_calls(path, move)
        case Fork():
            branches = (walk(branch, doors, f"{path}.{place}.") for place, branch in enumerate(move.branches))
            return tuple(await together(branches))
        case Note():
            return doors.note(path, move)
        case Execute():
            return await doors.execute(path, move)
        case _:
            assert_never(move)


async def together(works: Iterable[Any]) -> list[Any]:
    """Do works at the same time and let all come to an end; then raise the gravest of what they raised."""
    results = await asyncio.gather(*works, return_exceptions=True)
    broken = [result for result in results if isinstance(result, BaseException)]
    if broken:
        raise gravest(broken)
    return results


def gravest(errors: Sequence[BaseException]) -> BaseException:
    """Give the one of several that decides how a run goes on."""
    return max(errors, key=_gravity)


def _gravity(error: BaseException) -> int:
    if isinstance(error, GiveUp):
        # What a person must look at in another branch comes first; the branch gives up again when the run goes on.
        return 0
    return error.gravity if isinstance(error, Halt) else 100
