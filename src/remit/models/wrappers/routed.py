"""Routed: picks the model for each question by rules in order: the role asked for, length, cost, speed."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from remit.core.errors import ConfigError, ModelError
from remit.core.ports import Clock, Emit, Model, ModelSpec, Reply, Request
from remit.core.values import Nanos, nanos
from remit.models.wrappers.joint import joint
from remit.models.wrappers.lengths import estimated
from remit.models.wrappers.lost import settle, worst

_WEIGHT = 0.3
"""How much the newest call counts in a running mean of seconds."""

_PENALTY = 60.0
"""Seconds that a call without an answer counts for at least: failing is not quick."""


@dataclass(frozen=True, slots=True)
class Routes:
    """What a rule may look at: the question, the models it may go to, and how quick they were."""

    request: Request
    specs: Mapping[str, ModelSpec]
    seconds: Mapping[str, float]
    """A running mean of whole calls, for the models measured lately."""

    @property
    def tokens(self) -> int:
        """About how long the question is, rather too many than too few."""
        return estimated(self.request)

    def worst(self, route: str) -> Nanos | None:
        """Say the most that this model may cost for it; `None` when its price is not known."""
        spec = self.specs[route]
        return None if spec.price is None else worst(spec, self.request)


Rule = Callable[[Routes], str]
"""Names the route to take; empty when the rule has nothing to say."""


class ByRole:
    """A route for each role that a strategy may ask for."""

    def __init__(self, **routes: str) -> None:
        """Give the route of each role, such as `judge="large"`."""
        self._routes = routes

    def __call__(self, routes: Routes) -> str:
        """Follow the role."""
        return self._routes.get(routes.request.role, "")


class LongerThan:
    """A route for questions of more than so many tokens, by estimate."""

    def __init__(self, tokens: int, route: str) -> None:
        """Send what is longer to `route`."""
        self._tokens, self._route = tokens, route

    def __call__(self, routes: Routes) -> str:
        """Judge the length."""
        return self._route if routes.tokens > self._tokens else ""


class Cheapest:
    """The route whose worst case costs least, unless even that is above a bound in dollars."""

    def __init__(self, *among: str, usd: float | None = None) -> None:
        """Choose among these routes; among all when none is named."""
        self._among, self._most = among, None if usd is None else nanos(usd)

    def __call__(self, routes: Routes) -> str:
        """Compare worst cases; a model without a price is never the cheapest."""
        costs = [(cost, route) for route in self._among or routes.specs if (cost := routes.worst(route)) is not None]
        # The order given decides between equals.
        cost, route = min(costs, key=lambda pair: pair[0], default=(0, ""))
        return route if self._most is None or cost <= self._most else ""


class Affordable:
    """The first of several routes, best first, whose worst case stays within a bound in dollars."""

    def __init__(self, usd: float, *among: str) -> None:
        """Try `among` in order."""
        self._most, self._among = nanos(usd), among

    def __call__(self, routes: Routes) -> str:
        """Compare worst cases with the bound."""
        for route in self._among:
            cost = routes.worst(route)
            if cost is not None and cost <= self._most:
                return route
        return ""


class Fastest:
    """The route that answered quickest of late; one that was not measured lately is tried first."""

    def __init__(self, *among: str) -> None:
        """Choose among these routes; among all when none is named."""
        self._among = among

    def __call__(self, routes: Routes) -> str:
        """Compare running means."""
        return min(self._among or tuple(routes.specs), key=lambda route: routes.seconds.get(route, 0.0))


@dataclass(slots=True)
class _Pace:
    """How quick one model is."""

    seconds: float
    at: float


@dataclass(slots=True)
class _Watch:
    """Times calls; a measure older than `memory` seconds counts no more, so that a slow model gets another chance."""

    clock: Clock
    memory: float
    paces: dict[str, _Pace] = field(default_factory=dict[str, _Pace])

    def note(self, route: str, seconds: float) -> None:
        """Take in how long a call took."""
        now = self.clock()
        pace = self.paces.get(route)
        if pace is None or now - pace.at > self.memory:
            self.paces[route] = _Pace(seconds, now)
        else:
            pace.seconds, pace.at = pace.seconds + _WEIGHT * (seconds - pace.seconds), now

    def lately(self) -> dict[str, float]:
        """Give the running means that still count."""
        now = self.clock()
        return {route: pace.seconds for route, pace in self.paces.items() if now - pace.at <= self.memory}


class Routed:
    """Sends each question to the model that the first rule with something to say names, else to the default.

    A hold is taken for the dearest of the models; the reply says who answered and what that one costs.
    """

    def __init__(
        self,
        models: Mapping[str, Model],
        *rules: Rule,
        default: str,
        clock: Clock = time.monotonic,
        memory: float = 300.0,
    ) -> None:
        """Name the models; `memory` is for how many seconds a measured speed counts."""
        if default not in models:
            raise ConfigError(f"no route {default!r}; there are: {', '.join(models) or 'none'}")
        self._models = dict(models)
        self._rules: Sequence[Rule] = rules
        self._default = default
        self._watch = _Watch(clock, memory)
        self._specs = {route: model.spec for route, model in self._models.items()}
        first = self._specs[default]
        others = [spec for route, spec in sorted(self._specs.items()) if route != default]
        self._spec = joint([first, *others], max(spec.calls for spec in self._specs.values()))

    @property
    def spec(self) -> ModelSpec:
        """The default's name, the dearest price, and as many billed calls as any of them makes."""
        return self._spec

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Answer with the chosen model; raise `ConfigError` when a rule names a route that does not exist."""
        route = self._choose(request)
        clock = self._watch.clock
        begun = clock()
        try:
            reply = await self._models[route].complete(request, emit)
        except ModelError:
            self._watch.note(route, max(clock() - begun, _PENALTY))
            raise
        if not reply.hit:
            self._watch.note(route, clock() - begun)
        spec = self._specs[route]
        named = reply if reply.model or route == self._default else msgspec.structs.replace(reply, model=spec.name)
        return settle(spec, named, 0)

    def _choose(self, request: Request) -> str:
        routes = Routes(request, self._specs, self._watch.lately())
        for rule in self._rules:
            route = rule(routes)
            if route:
                if route not in self._models:
                    raise ConfigError(f"a rule names no route {route!r}; there are: {', '.join(self._models)}")
                return route
        return self._default
