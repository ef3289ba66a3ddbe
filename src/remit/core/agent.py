"""Agent: a declared role. It holds no state; every life of it is a session."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from remit.core.errors import ConfigError
from remit.core.limits import Limits
from remit.core.moves import StrategyMaker
from remit.core.ports import Detector, Guard, Model, Tool, Toolset
from remit.core.shape import Shape


@dataclass(frozen=True, slots=True)
class Agent:
    """A model, instructions, tools, a way of working, limits and policy under one name."""

    name: str
    model: str | Model
    """A model as it is, or a name such as `openai:NAME` that the home resolves."""
    instructions: str = ""
    tools: Sequence[Tool] = ()
    strategy: StrategyMaker | None = None
    """How it works; `None` for ReAct."""
    limits: Limits = field(default_factory=Limits)
    guards: Sequence[Guard] = ()
    """Rules in order; the first that does not allow decides. Dangerous tools are denied unless one of them permits."""
    detectors: Sequence[Callable[[], Detector]] | None = None
    """Makers of watchers, one set a session; `None` for the loop detectors."""
    roles: Mapping[str, str | Model] = field(default_factory=dict[str, "str | Model"])
    """Further models by the role a strategy asks for: cheap, judge, ..."""
    output: Shape | None = None
    """What the final answer must look like, for strategies that end with an answer."""
    version: str = "1"
    ref: str = ""
    """Where this declaration is found again, such as `agent.py:helper`; the command line fills it in."""
    toolsets: Sequence[Toolset] = ()
    """Groups of further tools, opened by the home when the agent first needs them and closed with it."""

    def __post_init__(self) -> None:
        """Refuse declarations that could not run."""
        if not self.name:
            raise ConfigError("an agent needs a name")
        seen: set[str] = set()
        for tool in self.tools:
            if tool.spec.name in seen:
                raise ConfigError(f"agent {self.name!r} has two tools named {tool.spec.name!r}; rename one")
            seen.add(tool.spec.name)
        for tool in self.tools:
            if tool.spec.needs:
                needs = ", ".join(tool.spec.needs)
                raise ConfigError(f"tool {tool.spec.name!r} needs {needs}; put it into a toolset that provides it")
            if tool.spec.fallback and tool.spec.fallback not in seen:
                raise ConfigError(
                    f"tool {tool.spec.name!r} falls back to {tool.spec.fallback!r}, which agent {self.name!r} lacks"
                )
        fallbacks = {tool.spec.name: tool.spec.fallback for tool in self.tools}
        for name in fallbacks:
            _follow(name, fallbacks)


def _follow(name: str, fallbacks: Mapping[str, str]) -> None:
    """Refuse tools that fall back in a circle: when all of them fail there would be no end."""
    chain = [name]
    while after := fallbacks[chain[-1]]:
        if after in chain:
            raise ConfigError(f"tools fall back in a circle: {' -> '.join([*chain, after])}; cut it somewhere")
        chain.append(after)
