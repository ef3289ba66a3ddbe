"""Settings: what a home is opened with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from remit.core.limits import Flow, Tenant
from remit.core.ports import Guard, Model, Price
from remit.core.programs import Sandbox
from remit.journal import Durability
from remit.models.answers import AnswerFile
from remit.models.http.port import PATIENCE, Timeouts, Transport
from remit.models.keys import Keys, environment
from remit.models.wrappers.rate_limited import Pace
from remit.policy import Embed, Secrets, Tolerance
from remit.sandbox.pool import Pool

ModelMaker = Callable[[str], Model]
"""Makes a model from what follows the colon of its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a home is opened with."""

    durability: Durability = "process"
    tenants: Sequence[Tenant] = (Tenant(),)
    models: Mapping[str, ModelMaker] = field(default_factory=dict[str, ModelMaker])
    """Makers of models by the prefix of their names, before the providers that Remit knows itself."""
    keys: Keys = environment
    """Where the keys of providers are, by the names of the variables they would have in the environment."""
    prices: Mapping[str, Price] = field(default_factory=dict[str, Price])
    """By a model's whole name; before the bundled list."""
    paces: Mapping[str, Pace] = field(default_factory=dict[str, Pace])
    """What each provider allows a minute, by the prefix of its models; all sessions of the process, or of the database,
    share it."""
    timeouts: Timeouts = PATIENCE
    """How long a provider is waited for."""
    transport: Transport | None = None
    """How providers of named models are reached; `None` for the connections that the whole process shares."""
    answers: AnswerFile | None = None
    """Where answers of named models are kept, so that a question asked again costs nothing."""
    guards: Sequence[Guard] = ()
    """Rules for all agents of the home, asked before an agent's own."""
    flows: Mapping[str, Flow] = field(default_factory=dict[str, Flow])
    """How fast and how many at once tools and hosts may be called, by `host:NAME` and `tool:NAME`."""
    tolerances: Mapping[str, Tolerance] = field(default_factory=dict[str, Tolerance])
    """How much failing is borne before calls stop, by `host:NAME`, `tool:NAME` and the prefix of a provider's models;
    `*` for all others."""
    sandbox: Sandbox | Pool | None = None
    """Where programs run; the home closes it. `None` for a pool of boxes of whatever tiers this machine has."""
    secrets: Secrets = field(default_factory=Secrets)
    """Values that never enter a journal."""
    embed: Embed | None = None
    """Turns texts into vectors; with it, thoughts that only repeat themselves are noticed."""
    token: str = ""
    """The remit to stay inside; the environment's `REMIT_TOKEN` when empty."""
