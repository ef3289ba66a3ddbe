"""Trajectories: what a journal says of its run, step by step, as boxes that a picture can show."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, cast

import msgspec

from remit import Call
from remit.core import events as ev
from remit.core.messages import AssistantMessage, Message, ToolMessage
from remit.core.state import State
from remit.core.values import JsonValue
from remit.strategies.template import as_text

Kind = Literal["task", "ask", "tool", "program", "note", "done", "failed"]
Place = tuple[int, ...]
"""The path of a step, such as `(4, 1, 0)`."""

CHARACTERS = 4
"""Of a token, about."""
NAMED = re.compile(r"c\d+_(?P<place>[\d_]+)_\d+")
"""The id that the runtime gives a call, from the place where a model wanted it or a strategy made it."""


@dataclass(frozen=True, slots=True)
class Line:
    """A text in a box."""

    text: str
    most: int = 2
    """Lines that it may be broken into; twice as many in a narrow box."""
    quiet: bool = False


@dataclass(slots=True)
class Box:
    """One move and what came of it."""

    kind: Kind
    title: str
    lines: list[Line] = field(default_factory=list[Line])
    step: str = ""
    inner: "Column" = ()
    """What it did in its course, one after the other."""
    ending: list[Line] = field(default_factory=list[Line])
    """What is said below that."""


@dataclass(frozen=True, slots=True)
class Split:
    """Branches that are followed at the same time."""

    branches: tuple["Column", ...]


Column = tuple[Box | Split, ...]


@dataclass(slots=True)
class Trajectory:
    """What a journal says of its run, step by step."""

    task: Box = field(default_factory=lambda: Box("task", "task"))
    end: Box = field(default_factory=lambda: Box("done", "done"))
    steps: dict[Place, Box] = field(default_factory=dict[Place, Box])
    state: State = field(default_factory=State)
    calls: dict[str, Call] = field(default_factory=dict[str, Call])
    asked: int = 0
    acted: int = 0
    told: int = 0
    """Characters."""
    said: int = 0
    """Characters."""

    def see(self, event: ev.Event) -> None:
        """Take in the next event."""
        self.state.apply(event)
        match event:
            case ev.MessageReceived(text=text):
                self.task.lines.append(Line(text, 4))
            case ev.ModelAsked():
                self._ask(event)
            case ev.ModelAnswered(step=step, text=text, calls=calls):
                self.said += len(text) + len(written(calls))
                self.calls |= {call.id: call for call in calls}
                lines = [Line(text, 3)] if text else []
                self.steps[place(step)].lines += [*lines, *(Line(f"wants {code(call)}") for call in calls)]
            case ev.EffectStarted(call=name, made=made) if made is not None:
                self.calls[name] = made
            case ev.EffectEnded():
                self._end_effect(event)
            case ev.ProgramStarted() | ev.ProgramPaused() | ev.ProgramEnded():
                self._see_program(event)
            case ev.Noted(step=step, kind=kind, body=body):
                self.steps[place(step)] = Box("note", f"note: {kind}", note_lines(kind, body), step)
            case ev.RunEnded(status=status, output=output, reason=reason):
                shown = [Line(text, 4) for text in (as_text(output) if output is not None else "", reason) if text]
                self.end = Box("done" if status == "done" else "failed", status, shown)
            case _:
                pass

    def _ask(self, event: ev.ModelAsked) -> None:
        messages = [] if event.alone else self.state.thread(event.step.rpartition(".")[0])
        self.told += sum(map(length, messages)) if messages else len(event.say)
        self.asked += 1
        title = f"model as {event.role}" if event.role else "model"
        told = "told alone" if event.alone else "told"
        lines = [Line(f"{told}: {event.say}", quiet=True)] if event.say else []
        self.steps[place(event.step)] = Box("ask", title, lines, event.step)

    def _end_effect(self, event: ev.EffectEnded) -> None:
        self.acted += 1
        outcome = event.outcome
        call = self.calls[outcome.call] if event.made is None else event.made
        named = NAMED.fullmatch(outcome.call)
        assert named is not None
        at = tuple(map(int, named["place"].split("_")))
        if at in self.steps and self.steps[at].kind == "ask":
            # A call that a model wanted is named after the question; it is made in the move after.
            at = (*at[:-1], at[-1] + 1)
        box = self.steps.setdefault(at, Box("tool", "tool", [], ".".join(map(str, at))))
        box.title = "tools, at the same time" if box.lines else "tool"
        status = "" if outcome.status == "ok" else f"{outcome.status}: "
        box.lines += [Line(code(call)), Line(f"\u2192 {status}{as_text(outcome.output)}")]

    def _see_program(self, event: ev.ProgramEvent) -> None:
        match event:
            case ev.ProgramStarted(step=step, tier=tier):
                self.steps[place(step)] = Box("program", "program", [Line(f"in a box: {tier}", quiet=True)], step)
            case ev.ProgramPaused(step=step):
                self.steps[place(step)].ending.append(Line("kept while a person had to act", quiet=True))
            case ev.ProgramEnded(step=step):
                self.steps[place(step)].ending += program_ending(event)

    def totals(self) -> str:
        """Say what it cost."""
        tokens = f"about {-(-self.told // CHARACTERS)} tokens in, {-(-self.said // CHARACTERS)} out"
        return f"{counted(self.asked, 'model call')} \u00b7 {counted(self.acted, 'tool call')} \u00b7 {tokens}"

    def column(self) -> Column:
        """Give all of it in order."""
        return (self.task, *column(self.steps), self.end)


def column(steps: dict[Place, Box]) -> Column:
    """Put steps in order, those of branches into splits, the calls of a program into its box."""
    found: list[Box | Split] = []
    for number in sorted({at[0] for at in steps}):
        if (number,) in steps:
            calls = tuple(steps[at] for at in sorted(steps) if at[0] == number and len(at) > 1)
            found.append(replace(steps[number,], inner=calls))
            continue
        inner = {at[1:]: box for at, box in steps.items() if at[0] == number}
        numbers = sorted({at[0] for at in inner})
        branches = [{at[1:]: box for at, box in inner.items() if at[0] == branch} for branch in numbers]
        found.append(Split(tuple(map(column, branches))))
    return tuple(found)


def place(step: str) -> Place:
    """Read the path of a step."""
    return tuple(map(int, step.split(".")))


def length(message: Message) -> int:
    """Count the characters of a message."""
    match message:
        case ToolMessage(outcome=outcome):
            return len(as_text(outcome.output))
        case AssistantMessage(text=text, calls=calls):
            return len(text) + len(written(calls))
        case _:
            return len(message.text)


def written(calls: Sequence[Call]) -> str:
    """Write calls as JSON."""
    return "".join(f"{call.tool}{as_text(call.args)}" for call in calls)


def code(call: Call) -> str:
    """Write a call as code."""
    return f"{call.tool}({', '.join(f'{name}={as_json(value)}' for name, value in call.args.items())})"


def as_json(value: JsonValue) -> str:
    """Write a value as JSON."""
    return msgspec.json.encode(value).decode()


def counted(number: int, noun: str) -> str:
    """Write a number with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def note_lines(kind: str, body: JsonValue) -> list[Line]:
    """Write a note for a person."""
    match kind, body:
        case "critique", {"findings": [*findings]}:
            found = cast("list[dict[str, JsonValue]]", findings)
            return [Line(f"{one['text']} (weight {one['weight']:g})") for one in found] or [Line("nothing found")]
        case "thought", {"thought": thought, "next": [*children]}:
            after = [Line(thought_line(child)) for child in cast("list[dict[str, JsonValue]]", children)]
            return [Line(f"after: {thought or 'the beginning'}", quiet=True), *after]
        case "plan", {"steps": [*steps]}:
            planned = cast("list[dict[str, JsonValue]]", steps)
            return [Line(f"{one['id']}: {one['tool']}{waits(one['depends_on'])}") for one in planned]
        case "votes", {"answers": [*answers]}:
            voted = cast("list[dict[str, int]]", answers)
            return [Line(f"{counted(one['votes'], 'vote')}: {inline(one['answer'])}") for one in voted]
        case _, dict():
            return [Line(f"{name}: {inline(value)}", 3) for name, value in body.items() if value not in ([], {}, "")]
        case _:
            return [Line(inline(body), 3)]


def program_ending(event: ev.ProgramEnded) -> list[Line]:
    """Write what came of a program."""
    if event.status == "ok":
        printed = [Line(f"printed: {event.printed}", quiet=True)] if event.printed else []
        return [*printed, Line(f"\u2192 {as_text(event.value)}")]
    last = event.error.strip().rpartition("\n")[2] or event.why
    return [Line(f"\u2192 {event.status}: {last}" if last else f"\u2192 {event.status}")]


def thought_line(child: dict[str, JsonValue]) -> str:
    """Write what may come next, and what it is worth."""
    value = child["value"]
    worth = "solved" if child["goal"] else "not valued" if value is None else f"value {value:g}"
    return f"{child['thought']}: {worth}"


def waits(names: JsonValue) -> str:
    """Say what a step of a plan waits for."""
    return f", after {inline(names)}" if names else ""


def inline(value: JsonValue) -> str:
    """Write any value on one line."""
    match value:
        case dict():
            return ", ".join(f"{name}: {inline(part)}" for name, part in value.items())
        case list():
            return ", ".join(map(inline, value))
        case _:
            return as_text(value)
