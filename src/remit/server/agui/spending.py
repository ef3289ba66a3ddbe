"""Spending: the tokens of one run, a line for each model."""

from ag_ui.core import TokenUsage

from remit.core.events import ModelAnswered
from remit.core.messages import Usage
from remit.core.state import State


class Spending:
    """Adds up what answers took."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._usages: dict[str, list[Usage]] = {}

    def add(self, state: State, event: ModelAnswered) -> None:
        """Count an answer for the model that gave it."""
        run, opened = state.run, state.opened
        assert run is not None
        assert opened is not None
        asked = run.steps[event.step].asked
        role = (asked.role if asked else "") or "default"
        model = event.model or (asked.model if asked else "") or opened.models.get(role, role)
        self._usages.setdefault(model, []).append(event.usage)

    def usage(self) -> list[TokenUsage] | None:
        """Give the lines; `None` when no model was asked."""
        return [_line(model, usages) for model, usages in self._usages.items()] or None


def _line(model: str, usages: list[Usage]) -> TokenUsage:
    read, written = sum(one.input for one in usages), sum(one.output for one in usages)
    return TokenUsage(
        model=model,
        input_tokens=read,
        output_tokens=written,
        total_tokens=read + written,
        reasoning_tokens=sum(one.reasoning for one in usages),
        cached_input_tokens=sum(one.cached for one in usages),
        cache_write_input_tokens=sum(one.cache_written for one in usages),
    )
