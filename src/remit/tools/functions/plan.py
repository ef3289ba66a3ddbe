"""Plans: who provides what to whom, worked out before anything is opened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from remit.core.errors import ConfigError
from remit.tools.functions.providers import Lifetime, Provider
from remit.tools.injection import Need

Sources = Mapping[str, Provider]
"""Which provider fills in a parameter, by its name."""

_SPAN: Mapping[Lifetime, int] = {"once": 2, "tenant": 1, "call": 0}
_KEPT_FOR: Mapping[Lifetime, str] = {
    "once": "while the toolset is open",
    "tenant": "for a tenant",
    "call": "for one call",
}


@dataclass(slots=True)
class Plan:
    """The providers of a toolset in an order in which they can be opened, and what each of them is given."""

    toolset: str
    providers: Sequence[Provider]
    sources: dict[Provider, Sources] = field(default_factory=dict[Provider, Sources])
    """What is given to each provider that is used, those first that others need."""
    _under_way: list[Provider] = field(default_factory=list[Provider])

    def use(self, needs: Sequence[Need], who: str) -> Sources:
        """Find the providers of what somebody needs; raise `ConfigError` when there is none, or more than one."""
        found: dict[str, Provider] = {}
        missing: list[str] = []
        for need in needs:
            source = self._source(need, who)
            if source is not None:
                found[need.parameter] = source
            elif not need.optional:
                missing.append(str(need))
        if missing:
            there = ", ".join(map(str, self.providers)) or "nothing"
            raise ConfigError(
                f"toolset {self.toolset!r}: nobody provides {', '.join(dict.fromkeys(missing))} to {who}; "
                f"add it to `provide=` by its type or its name, which has: {there}"
            )
        for source in found.values():
            self._follow(source)
        return found

    def finish(self) -> None:
        """Refuse providers that nobody uses: something else was meant by them."""
        unused = [str(one) for one in self.providers if one not in self.sources]
        if unused:
            raise ConfigError(
                f"toolset {self.toolset!r}: nobody needs {', '.join(unused)}; "
                "types are matched exactly, names are those of parameters; leave out what is not needed"
            )

    def _source(self, need: Need, who: str) -> Provider | None:
        found = [one for one in self.providers if one.key in (need.parameter, need.kind)]
        if len(found) > 1:
            raise ConfigError(
                f"toolset {self.toolset!r}: {need} of {who} is provided both by name and by type; "
                "provide both of them by name, or leave out one"
            )
        return found[0] if found else None

    def _follow(self, source: Provider) -> None:
        if source in self.sources:
            return
        if source in self._under_way:
            circle = [*self._under_way[self._under_way.index(source) :], source]
            raise ConfigError(
                f"toolset {self.toolset!r}: providers need each other in a circle: "
                f"{' -> '.join(map(str, circle))}; cut it somewhere"
            )
        self._under_way.append(source)
        given = self.use(source.needs, f"the provider of {source}")
        self._under_way.pop()
        for needed in given.values():
            if _SPAN[needed.lifetime] < _SPAN[source.lifetime]:
                raise ConfigError(
                    f"toolset {self.toolset!r}: {source} is kept {_KEPT_FOR[source.lifetime]} and cannot need "
                    f"{needed}, which is made {_KEPT_FOR[needed.lifetime]}; have the tools take that themselves"
                )
        self.sources[source] = given
