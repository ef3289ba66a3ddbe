"""Repeats: what a program would do a second time, which earlier programs of the same run have done already.

A program that is put right starts from its beginning, so without this check it would send every mail again.
"""

from collections.abc import Iterator, Mapping, Sequence

from remit.core.moves import Made, ToolCard
from remit.strategies.programs.checked import Report
from remit.strategies.programs.parsing import Problem
from remit.strategies.programs.stubs import EARLIER


def repeats(report: Report, made: Sequence[Made], tools: Mapping[str, ToolCard]) -> Iterator[Problem]:
    """Find calls that surely repeat a change that went well, and those that may because nothing keeps them from it."""
    done = {
        number: call
        for number, call in enumerate(made)
        if call.status in {"ok", "simulated"} and tools[call.tool].effect != "read"
    }
    changed = {call.tool for call in done.values()}
    for place in report.places:
        if place.tool not in changed:
            continue
        same = [number for number, call in done.items() if call.tool == place.tool and call.args == place.args]
        if same:
            text = f"this call of {place.tool} was made already and went well: take {EARLIER}[{same[0]}]['output']"
            yield Problem(place.line, text)
        elif place.args is None and EARLIER not in report.names:
            count = sum(call.tool == place.tool for call in done.values())
            text = f"{place.tool} was called {count} times already: leave out the calls that `{EARLIER}` shows as done"
            yield Problem(place.line, text)
