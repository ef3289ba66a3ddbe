"""Toolset: functions that share what they are given, from its opening to its closing."""

import asyncio
import contextlib
from collections.abc import Collection, Sequence
from typing import Any, TypedDict, Unpack

import msgspec

from remit.core.errors import ConfigError, RejectedError, ToolError
from remit.core.limits import Flow
from remit.core.ports import Probe, Tool, ToolContext
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonObject, JsonValue
from remit.tools.function import FunctionTool
from remit.tools.functions.life import Life
from remit.tools.functions.plan import Plan, Sources
from remit.tools.functions.providers import Provide, provider
from remit.tools.options import odd, problems

_PATIENCE = 30.0
_SHARE = 0.5
"""How much of a call's time may pass before the function begins; after it a time-out could not be told from an act."""

_Tool = FunctionTool[..., Any]


class ToolsetOptions(TypedDict, total=False):
    """What holds for all tools of a set that do not say otherwise themselves."""

    timeout: float
    """Seconds for one attempt."""
    flow: Flow
    """How fast and how many at once each of them may be called."""
    hosts: Collection[str]
    labels: Collection[str]
    """What all their answers are; a tool's own labels come on top."""
    owner: str
    patience: float
    """Seconds for each provider to open, and to close; 30."""


class FunctionToolset:
    """Functions with what they need: shared clients, handles of the tenant, credentials. A model sees none of it.

    `provide` gives for a type, matched exactly, or for a parameter's name: a value; a function or class, called when
    the set is opened, whose async context manager is closed with it; a function of the `ToolContext`, called for each
    call; or `PerTenant`. Functions may need each other's values as `Injected` parameters.
    """

    def __init__(
        self,
        name: str,
        tools: Sequence[FunctionTool[..., Any]],
        provide: Provide | None = None,
        **options: Unpack[ToolsetOptions],
    ) -> None:
        """Work out who provides what; raise `ConfigError` for what is missing, unused, doubled or goes in a circle."""
        if not name or not name.isprintable():
            raise ConfigError(f"{name!r} cannot name a toolset; it is called so in messages")
        self._name, self._patience = name, options.get("patience", _PATIENCE)
        for problem in odd(options, ToolsetOptions.__annotations__):
            raise ConfigError(f"toolset {name!r}: {problem}")
        if self._patience <= 0:
            raise ConfigError(f"toolset {name!r}: patience is in seconds and above 0")
        self._plan = Plan(name, [provider(key, given) for key, given in (provide or {}).items()])
        self._tools = [(tool, self._spec(tool, options), self._sources(tool)) for tool in _distinct(name, tools)]
        self._plan.finish()
        self._life: Life | None = None
        self._homes = 0

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return self._name

    async def open(self) -> Sequence[Tool]:
        """Open what is opened once and give the tools; raise `ToolError` naming the provider that cannot be opened.

        It may be opened by several homes of one event loop, and stays open until the last has closed it.
        """
        life = self._living()
        self._homes += 1
        try:
            await life.open()
        except BaseException:
            await self.close()
            raise
        return tuple(Provided(tool, spec, sources, life) for tool, spec, sources in self._tools)

    async def close(self) -> None:
        """Close what was opened, the last opened first; raise `ToolError` for what broke, once all are closed."""
        life = self._life
        self._homes = max(0, self._homes - 1)
        if life is None or self._homes:
            return
        self._life = None
        await life.close()

    def _living(self) -> Life:
        life = self._life
        if life is not None and life.loop is not asyncio.get_running_loop():
            if not life.loop.is_closed():
                raise ConfigError(f"toolset {self._name!r} is open in another event loop; close it there first")
            # Its loop ended without closing it, and nothing of it can be closed any more.
            life = None
        if life is None:
            life, self._homes = Life(self._plan, self._patience), 0
            self._life = life
        return life

    def _sources(self, tool: _Tool) -> Sources:
        return self._plan.use(tool.needs, f"tool {tool.spec.name!r}")

    def _spec(self, tool: _Tool, options: ToolsetOptions) -> ToolSpec:
        own, said = tool.spec, tool.declared
        labels = (*own.labels, *options.get("labels", ()))
        spec = msgspec.structs.replace(
            own,
            needs=(),
            source=f"functions:{self._name}",
            labels=tuple(dict.fromkeys(labels)),
            timeout=own.timeout if "timeout" in said else options.get("timeout", own.timeout),
            flow=own.flow if "flow" in said else options.get("flow"),
            owner=own.owner if "owner" in said else options.get("owner", ""),
            hosts=own.hosts if "hosts" in said else tuple(host.lower() for host in options.get("hosts", ())),
        )
        for problem in problems(spec):
            raise ConfigError(f"toolset {self._name!r}: {problem}")
        return spec


class Provided:
    """A function tool with what its toolset provides to it."""

    def __init__(self, tool: _Tool, spec: ToolSpec, sources: Sources, life: Life) -> None:
        """Take the tool, the contract it has in the set, where what it needs comes from, and who holds that open."""
        self._tool, self._spec, self._sources, self._life = tool, spec, sources, life
        self._shared = all(source.lifetime == "once" for source in sources.values())

    @property
    def spec(self) -> ToolSpec:
        """The contract."""
        return self._spec

    def check(self, args: JsonObject) -> str:
        """Say what is wrong with these arguments; empty when nothing is."""
        return self._tool.check(args)

    async def call(self, args: JsonObject, context: ToolContext) -> JsonValue:
        """Provide what is needed and call; raise `RejectedError` when something is not there, before acting."""
        if self._shared:
            return await self._tool.call(args, context, self._life.ready(self._sources))
        problem = self._tool.check(args)
        if problem:
            raise RejectedError(problem)
        async with contextlib.AsyncExitStack() as stack:
            return await self._tool.call(args, context, await self._provided(context, stack))
        raise ToolError("a provider kept the error of the call to itself; nobody knows what happened")

    async def probe(self, args: JsonObject, context: ToolContext) -> Probe | None:
        """Ask `reconcile` whether this call happened; `None` when it cannot be told, also for want of a provider."""
        if not self._spec.reconciles:
            return None
        with contextlib.suppress(ToolError):
            async with contextlib.AsyncExitStack() as stack:
                return await self._tool.probe(args, context, await self._provided(context, stack))
        return None

    async def _provided(self, context: ToolContext, stack: contextlib.AsyncExitStack) -> dict[str, object]:
        seconds = self._spec.timeout * _SHARE
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                return await self._life.provide(self._sources, context, stack)
        except TimeoutError as error:
            raise RejectedError(
                f"not done: what it needs was not there within {seconds:g} s", retryable=True
            ) from error


def _distinct(name: str, tools: Sequence[object]) -> Sequence[_Tool]:
    found: dict[str, _Tool] = {}
    for tool in tools:
        if not isinstance(tool, FunctionTool):
            raise ConfigError(f"toolset {name!r}: {tool!r} is no function tool; put `@tool` on it")
        if tool.spec.name in found:
            raise ConfigError(f"toolset {name!r} has two tools named {tool.spec.name!r}; rename one")
        found[tool.spec.name] = tool
    if not found:
        raise ConfigError(f"toolset {name!r} has no tools")
    return list(found.values())
