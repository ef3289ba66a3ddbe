"""Wiring: resolves names and gives each agent its world. The one place where adapters meet."""

import contextlib
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, cast

from remit.core.agent import Agent
from remit.core.errors import ConfigError
from remit.core.ports import Detector, Gate, Model, Store, Workers
from remit.core.programs import Sandbox
from remit.home.settings import Settings
from remit.models.http.port import Timeouts, Transport
from remit.models.keys import Keys
from remit.models.names import provider_of
from remit.models.stack import stack
from remit.models.wrappers.breaking import Breaking
from remit.models.wrappers.rate_limited import Allotment, Pace, Rate, SharedRate, key_digest, shared_rate
from remit.policy import LOOP_DETECTORS, Breakers, BreakerStatus, NoProgress, Tolerance, Velocity
from remit.runtime import Toolsets, Traffic, World
from remit.sandbox.choosing import standard
from remit.sandbox.pool import Pool
from remit.strategies import react, shaped
from remit.tools.promises import unlike

_WORLDS = 256
"""Agents whose wiring is kept; more than that are made for one use each."""


class Circuits(Gate, Protocol):
    """The circuits of a home: its own, or its part of a fleet's."""

    def snapshot(self) -> dict[str, BreakerStatus]:
        """Show all that are known, by name."""
        ...


class Sharing(Protocol):
    """What the processes of a store share beside the journal."""

    def breakers(
        self, tolerance: Tolerance | None = None, *, others: Mapping[str, Tolerance] | None = None
    ) -> Circuits:
        """Make the circuits of this process."""
        ...

    def share(self, name: str, bounds: Sequence[tuple[float, float]]) -> Allotment:
        """Give this process's part of a bound, by rates a second and sizes; an infinite rate means room."""
        ...

    async def close(self) -> None:
        """Give back what is held."""
        ...


def sharing(store: Store) -> Sharing | None:
    """Give what the processes of a store share; nothing where each is on its own, as they are on SQLite."""
    # Whoever made such a store has loaded what it is made of; nobody else should.
    postgres = sys.modules.get("remit.journal.postgres")
    if postgres is None or not isinstance(store, cast("type[_Addressed]", postgres.PostgresJournal)):
        return None
    return cast(
        "Sharing",
        importlib.import_module("remit.journal.postgres.shared").Sharing(store.address, patience=store.patience),
    )


class _Addressed(Protocol):
    @property
    def address(self) -> object: ...
    @property
    def patience(self) -> object: ...


class Wiring:
    """What the agents of a home are made to work with."""

    def __init__(
        self, store: Store, workers: Workers, key: bytes, settings: Settings, shared: "Sharing | None" = None
    ) -> None:
        """Take the ports of the home, and what it shares with other processes; without that it is on its own."""
        others = {name: bears for name, bears in settings.tolerances.items() if name != "*"}
        bears = settings.tolerances.get("*", Tolerance())
        self.shared = shared
        self.breakers: Circuits = (
            Breakers(bears, others=others) if shared is None else shared.breakers(bears, others=others)
        )
        self.toolsets = Toolsets()
        self.sandbox: Sandbox | Pool = settings.sandbox or Pool(standard())
        self._turns = Traffic(settings.flows, allot=None if shared is None else shared.share)
        self._store, self._workers, self._key, self._settings = store, workers, key, settings
        self._tenants = {tenant.name: tenant for tenant in settings.tenants}
        self._seen: dict[str, str] = {}
        """The keys looked up last, by variable."""
        self._worlds: dict[tuple[int, str], tuple[Agent, Agent, World]] = {}
        """The agent as declared is kept too, so that no other one can come to have its id."""

    async def world(self, agent: Agent, tenant: str) -> tuple[Agent, World]:
        known = self._worlds.get((id(agent), tenant))
        if known is not None:
            return known[1], known[2]
        if tenant not in self._tenants:
            raise ConfigError(f"no tenant {tenant!r} in this home; there are: {', '.join(self._tenants)}")
        models = {"default": agent.model, **agent.roles}
        ready = agent
        if agent.strategy is None:
            ready = replace(agent, strategy=shaped(agent.output) if agent.output else react)
        world = World(
            store=self._store,
            models={role: self._model(model) for role, model in models.items()},
            tools=await self.toolsets.tools(agent),
            guards=(*self._settings.guards, *agent.guards),
            detectors=self._detectors(agent),
            gate=self.breakers,
            secrets=self._settings.secrets,
            workers=self._workers,
            tenant=self._tenants[tenant],
            key=self._key,
            turns=self._turns,
            unlike=unlike,
            sandbox=self.sandbox.of(tenant) if isinstance(self.sandbox, Pool) else self.sandbox,
        )
        if len(self._worlds) >= _WORLDS:
            self._worlds.clear()
        self._worlds[id(agent), tenant] = (agent, ready, world)
        return ready, world

    def _model(self, model: str | Model) -> Model:
        if not isinstance(model, str):
            return Breaking(model, self.breakers)
        settings = self._settings
        prefix, _, name = model.partition(":")
        maker = settings.models.get(prefix)
        made = (
            _connecting().connect(model, keys=self._look_up, transport=settings.transport, timeouts=settings.timeouts)
            if maker is None
            else maker(name)
        )
        provider, key = provider_of(model), "" if maker else self._key_of(model)
        rate = self._rate(provider, key, settings.paces[provider]) if provider in settings.paces else None
        return stack(made, gate=self.breakers, rate=rate, cache=settings.answers, prices=settings.prices)

    def _rate(self, provider: str, key: str, pace: Pace) -> Rate | SharedRate:
        if self.shared is None:
            return shared_rate(provider, key, pace)
        share, name = self.shared.share, f"pace/{key_digest(provider, key)}"
        return SharedRate(pace, lambda bounds: share(name, bounds))

    def _key_of(self, model: str) -> str:
        """Find the key of a model and keep it out of every journal; empty when there is none."""
        key = ""
        for variable in _connecting().key_variables(model):
            key = self._look_up(variable)
        return key

    def _look_up(self, variable: str) -> str:
        """Look a key up and keep it out of every journal, also one that changed while a session lives."""
        key = self._settings.keys(variable)
        if self._seen.get(variable) != key:
            self._seen[variable] = key
            # What cannot be kept out, such as a local server's "EMPTY", is no secret.
            with contextlib.suppress(ConfigError):
                self._settings.secrets.register(variable, key)
        return key

    async def check(self, agent: Agent) -> None:
        """Refuse to begin with a model that cannot be asked for want of a key, or with a file that holds no answers."""
        if self._settings.answers is not None:
            await self._settings.answers.ready()
        for model in (agent.model, *agent.roles.values()):
            if isinstance(model, str) and model.partition(":")[0] not in self._settings.models:
                needed = _connecting().key_needed(model)
                if needed and not self._settings.keys(needed):
                    raise ConfigError(f"no key for model {model!r}: set {needed}")

    def _detectors(self, agent: Agent) -> tuple[Callable[[], Detector], ...]:
        embed, velocity = self._settings.embed, agent.limits.usd_per_minute
        makers: list[Callable[[], Detector]] = [*(LOOP_DETECTORS if agent.detectors is None else agent.detectors)]
        if embed is not None and agent.detectors is None:
            makers.append(lambda: NoProgress(embed))
        if velocity is not None:
            makers.append(lambda: Velocity(velocity))
        return tuple(makers)


def _connecting() -> "_Connecting":
    # The wires and their HTTP are loaded by those who name a model, and by nobody else.
    return cast("_Connecting", importlib.import_module("remit.models.connecting"))


class _Connecting(Protocol):
    def connect(self, name: str, *, keys: Keys, transport: Transport | None, timeouts: Timeouts) -> Model: ...
    def key_variables(self, name: str) -> tuple[str, ...]: ...
    def key_needed(self, name: str) -> str: ...
