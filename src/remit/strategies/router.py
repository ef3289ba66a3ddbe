"""Router: say which kind of task this is, then work as that kind wants it."""

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import cleandoc
from typing import Any, Literal

import msgspec

from remit.core.errors import ConfigError
from remit.core.moves import Brief, GiveUp, Strategy, StrategyMaker, note, versioned
from remit.core.shape import shape
from remit.strategies.doors import ask_alone
from remit.strategies.prompts import Prompts, load
from remit.strategies.react import react
from remit.strategies.template import items

PROMPTS = load("router")

OTHER = "other"
"""What a model answers when no route fits."""


@dataclass(frozen=True, slots=True)
class Route:
    """A way of working and which tasks it is for."""

    strategy: StrategyMaker
    when: str
    """In words that a model can tell tasks apart by."""


def router(
    routes: Mapping[str, Route | StrategyMaker],
    *,
    role: str = "cheap",
    default: StrategyMaker = react,
    prompts: Prompts = PROMPTS,
) -> StrategyMaker:
    """Make a strategy that asks a model, once and for the task alone, which route fits, and follows that one.

    `default` is followed when none fits or the answer cannot be used. A strategy without a `Route` is described by its
    name here and the first line of its docstring, if it has any. Raise `ConfigError` for no route or one named `other`.
    """
    known = {name: _route(route) for name, route in routes.items()}
    if not known or OTHER in known:
        raise ConfigError(f"a router needs routes, and none of them is named {OTHER!r}, which stands for the default")
    choice = _choice(known)

    @versioned(prompts.edition(*(route.strategy for route in known.values()), default))
    def router(brief: Brief) -> Strategy:
        listed = items(f"{name}: {route.when}" if route.when else name for name, route in known.items())
        try:
            chosen = yield from ask_alone(choice, prompts.text("choose", routes=listed, task=brief.task), role=role)
            name = chosen.route
        except GiveUp:
            name = OTHER
        yield from note("route", name)
        return (yield from (known[name].strategy if name in known else default)(brief))

    return router


def _route(route: Route | StrategyMaker) -> Route:
    return route if isinstance(route, Route) else Route(route, cleandoc(route.__doc__ or "").partition("\n")[0])


def _choice(names: Mapping[str, Any]) -> Any:
    # A literal of names that are only known here, in an object, which is what providers demand of a schema.
    kind: Any = Literal[(*names, OTHER)]
    return shape(msgspec.defstruct("Choice", [("route", kind)], frozen=True))
