"""Driving: an agent at work on a terminal. One Ctrl-C pauses after the step under way, a second stops at once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from remit.cli import exits
from remit.cli.interrupts import Interrupts
from remit.cli.places import folded
from remit.cli.screen import Screen
from remit.cli.standing import Standing, stand
from remit.core.agent import Agent
from remit.core.events import (
    EffectStarted,
    MessageReceived,
    ModelAsked,
    Record,
    RunEnded,
    RunOpened,
    RunSuspended,
    SessionOpened,
)
from remit.core.ports import Delta
from remit.core.values import JsonObject, show_usd, usd
from remit.home import Home
from remit.runtime import RunResult
from remit.telemetry import Timeline, json_text

Items = AsyncIterator[Delta | Record | RunResult]


@dataclass(slots=True)
class Driver:
    """Shows a session of a home while it is driven, and what came of it."""

    home: Home
    store: str
    """Where the home is, for the commands to go on."""
    screen: Screen
    model: str = ""
    """What is used instead of the agent's own, for those commands too."""
    _shown: str = ""

    async def drive(self, items: Items, past: list[Record]) -> int:
        """Follow a run to its end or to where it waits; `past` is what came before. Give the exit status."""
        timeline = Timeline()
        for record in past:
            timeline.see(record)
        result: RunResult | None = None
        interrupts = Interrupts(self.home, "`remit sessions` shows it, `remit resume` goes on")
        with interrupts.heeded():
            async for item in items:
                if interrupts.asked:
                    # Said again, since a session that began after the wish has not heard it.
                    self.home.lives.pause()
                match item:
                    case Delta():
                        self._hear(item)
                    case Record():
                        self._see(item, timeline)
                    case RunResult():
                        result = item
        self.screen.clear()
        assert result is not None
        return await self._report(result)

    def _hear(self, delta: Delta) -> None:
        self._shown = ("" if delta.fresh else self._shown) + delta.text
        self.screen.piece(delta.text, fresh=delta.fresh)

    def _see(self, record: Record, timeline: Timeline) -> None:
        row = timeline.see(record)
        match record.event:
            case ModelAsked() | EffectStarted():
                if isinstance(record.event, ModelAsked):
                    self._shown = ""
                begun = timeline.under_way()[-1]
                self.screen.under_way(f"{begun.title}: {begun.detail} …")
            case MessageReceived(by="user"):
                # Whoever reads this has just said it.
                pass
            case SessionOpened() | RunOpened() | RunEnded() | RunSuspended():
                # The report at the end says these.
                pass
            case _:
                if row is not None:
                    self.screen.step(row)

    # -- the end ---------------------------------------------------------------------------------------------------

    async def _report(self, result: RunResult) -> int:
        state = await folded(self.home.store, result.session)
        standing = stand(result.session, state, self.store, alive=False, model=self.model)
        status = exits.PAUSED if standing.status == "paused" else exits.BY_STATUS[result.status]
        if self.screen.json:
            self.screen.result(self._told(result, standing, status))
            return status
        output = "" if result.output is None else json_text(result.output)
        seen = self.screen.streams and self._shown.strip() == output.strip()
        self.screen.end_text()
        if output and not seen:
            self.screen.say(output)
        spent = f", {show_usd(result.spent)}" if result.spent else ""
        word = standing.status if result.status == "waiting" else result.status
        reason = f": {result.reason}" if result.reason and result.status != "waiting" else ""
        self.screen.hint(
            f"session {result.session}, run {result.run}: {word}{spent}{reason}", "dim" if not status else ""
        )
        if result.status == "waiting":
            explain(self.screen.hint, standing)
        return status

    def _told(self, result: RunResult, standing: Standing, status: int) -> JsonObject:
        return {
            "session": result.session,
            "run": result.run,
            "status": standing.status if result.status == "waiting" else result.status,
            "output": result.output,
            "reason": result.reason,
            "cost_usd": usd(result.spent),
            "waits": waits(standing),
            "next": list(standing.commands),
            "exit": status,
        }


async def resumed(home: Home, agent: Agent, session: str) -> Items:
    """Go on with a session; yield its new records as they become durable, the result last."""
    seen = len(await home.store.read(session))
    news = home.store.follow(session, after=seen)
    driving = asyncio.ensure_future(home.resume(agent, session))
    coming = asyncio.ensure_future(anext(news))
    try:
        while not driving.done():
            await asyncio.wait({driving, coming}, return_when=asyncio.FIRST_COMPLETED)
            if coming.done():
                record = coming.result()
                seen = record.seq
                yield record
                coming = asyncio.ensure_future(anext(news))
    finally:
        coming.cancel()
        if not driving.done():
            home.lives.pause()
        await asyncio.gather(coming, driving, return_exceptions=True)
    for record in await home.store.read(session, after=seen):
        yield record
    yield await driving


def explain(say: Callable[[str, str], None], standing: Standing) -> None:
    """Tell a person, line by line with its style, what is waited for and how to go on."""
    if standing.question:
        say(standing.question, "yellow")
    for name, text in standing.calls:
        say(f"  {text}  ({name})", "")
    if standing.commands:
        say("go on with:", "")
        for command in standing.commands:
            say(f"  {command}", "bold")


def waits(standing: Standing) -> JsonObject | None:
    """Tell a machine what is waited for; `None` when it is nothing."""
    if standing.status not in {"waiting", "paused", "crashed"}:
        return None
    return {"question": standing.question, "calls": [{"id": name, "call": text} for name, text in standing.calls]}
