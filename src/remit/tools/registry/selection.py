"""Selection: which tools are meant by names and patterns, found by opening no more sources than that needs."""

import difflib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from fnmatch import fnmatchcase

from remit.core.errors import ConfigError, RemitError
from remit.core.ports import Tool
from remit.core.toolspec import ToolSpec
from remit.tools.registry.found import Found, judged, refusal, specified
from remit.tools.registry.ground import Taken
from remit.tools.registry.holding import Sources
from remit.tools.registry.project import Project
from remit.tools.registry.sources import kind_of

_WILD = frozenset("*?[")

Held = Callable[[str], object]
"""Is told the name of a source that is held from now on, and must be let go of."""


class Selection:
    """One look at the tools of a project."""

    def __init__(self, project: Project, sources: Sources, held: Held) -> None:
        """Take the project and its sources; the lock is read now."""
        self._project, self._sources, self._held = project, sources, held
        self._lock = project.lock()
        self._seen: dict[str, tuple[str, Taken, ToolSpec]] = {}
        self._asked: set[str] = set()
        self._broken: dict[str, RemitError] = {}

    async def select(self, patterns: Sequence[str]) -> tuple[Found, ...]:
        """Give the tools that are meant, in the order they were asked for; raise `ConfigError` for a name of none."""
        names: dict[str, None] = {}
        for pattern in patterns:
            names |= dict.fromkeys(await self._matching(pattern))
        known = self._known()
        return tuple(self._judged(name, known) for name in names)

    async def take(self, source: str) -> Mapping[str, str]:
        """Open a source and take all of its tools; give why others of it cannot be offered."""
        self._asked.add(source)
        opened = await self._sources.hold(source)
        self._held(source)
        kind = kind_of(self._sources.declared[source])
        twice = ""
        for taken in opened.taken:
            spec = specified(taken, f"{kind}:{source}")
            other, first, _ = self._seen.setdefault(spec.name, (source, taken, spec))
            if other == source and first is not taken:
                twice = f"it has two tools {spec.name!r}; give one another `name`"
            elif other != source:
                twice = f"it has a tool {spec.name!r}, as source {other!r} has; give one another `name`"
        if twice:
            raise ConfigError(f"source {source!r}: {twice}")
        return opened.left_out

    def found(self) -> tuple[Found, ...]:
        """Give all tools that were taken."""
        known = self._known()
        return tuple(self._judged(name, known) for name in self._seen)

    def unknown(self) -> dict[str, str]:
        """Say which tools the project speaks of and no source has, when all were asked."""
        said = (name for name in self._project.tools if name not in self._seen)
        found = {f"tools.{name}": f"no source has a tool of this name{_near(name, self._seen)}" for name in said}
        for name, (*_, spec) in self._seen.items():
            if spec.fallback and spec.fallback not in self._seen:
                why = f"its fallback {spec.fallback!r} is no tool of this project{_near(spec.fallback, self._seen)}"
                found[f"tools.{name}"] = why
        return found

    def _judged(self, name: str, known: Collection[str]) -> Found:
        source, taken, spec = self._seen[name]
        return judged(taken, spec, source, self._lock, self._project.registry.drift, known)

    def _known(self) -> frozenset[str]:
        return frozenset((*self._seen, *self._lock))

    # -- which sources to ask ------------------------------------------------------------------------------------------

    async def _matching(self, pattern: str) -> list[str]:
        source, colon, wanted = pattern.rpartition(":")
        if colon and source not in self._sources.declared:
            raise ConfigError(f"{pattern!r}: there is no source {source!r}{_near(source, self._sources.declared)}")
        wild = bool(_WILD & set(wanted))
        for name in [source] if colon else self._order(wanted):
            if not wild and self._meant(wanted, source):
                break
            await self._ask(name)
        names = self._meant(wanted, source)
        broken = [str(error) for name, error in self._broken.items() if name == source or not colon]
        if broken and (wild or not names):
            # What a source would have had, nobody can tell while it is broken.
            raise ConfigError(f"{pattern!r} may mean tools of a source that is broken: {'; '.join(broken)}")
        if not names:
            raise ConfigError(f"there is no tool {pattern!r}{_near(wanted, self._seen)}")
        return names

    def _meant(self, wanted: str, source: str) -> list[str]:
        return [name for name, (of, *_) in self._seen.items() if fnmatchcase(name, wanted) and source in ("", of)]

    async def _ask(self, source: str) -> None:
        if source in self._asked:
            return
        try:
            await self.take(source)
        except RemitError as error:
            self._broken[source] = error

    def _order(self, name: str) -> Iterator[str]:
        """Give the sources, those first that are said to have this tool."""
        locked = self._lock.get(name)
        told = locked.contract.source if locked else ""
        declared = self._sources.declared

        def likely(source: str) -> bool:
            said = declared[source]
            named = any(name == (one.name or key) for key, one in said.tools.items()) or name in said.only
            return named or told == f"{kind_of(said)}:{source}"

        yield from sorted(declared, key=lambda source: not likely(source))


class Picked:
    """The toolset of an agent: it holds the sources it needs for as long as it is open."""

    def __init__(self, project: Project, sources: Sources, patterns: Sequence[str]) -> None:
        """Say which tools; `Registry.pick` does."""
        self._project, self._sources, self._patterns = project, sources, patterns
        self._held: list[str] = []

    @property
    def name(self) -> str:
        """Which tools of which project."""
        return f"{self._project.file.name}: {', '.join(self._patterns)}"

    async def open(self) -> Sequence[Tool]:
        """Open the sources and give the tools; raise `ConfigError` for one that is refused, saying what changed."""
        await self.close()
        async with AsyncExitStack() as undoing:
            undoing.push_async_callback(self.close)
            found = await Selection(self._project, self._sources, self._held.append).select(self._patterns)
            refused = [one for one in found if one.verdict.action == "refuse"]
            if refused:
                raise refusal(refused)
            _with_fallbacks([one.tool.spec for one in found])
            undoing.pop_all()
        return [one.tool for one in found]

    async def close(self) -> None:
        """Let go of the sources; it may be opened again, and then looks at what was reviewed since."""
        held, self._held = self._held, []
        await released(self._sources, held)


async def released(sources: Sources, held: Sequence[str]) -> None:
    """Let go of sources, the last first; one that breaks keeps no other open."""
    async with AsyncExitStack() as closing:
        for name in held:
            closing.push_async_callback(sources.release, name)


def _with_fallbacks(specs: Sequence[ToolSpec]) -> None:
    """Refuse a tool whose fallback is missing: when it is needed it is too late to say so."""
    names = {spec.name for spec in specs}
    for spec in specs:
        if spec.fallback and not spec.withheld and spec.fallback not in names:
            raise ConfigError(
                f"tool {spec.name!r} falls back on {spec.fallback!r}, which was not picked; pick it too, or take "
                "`fallback` away"
            )


def _near(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name.strip("*?"), list(known), n=5, cutoff=0.5)
    shown = close or sorted(known)[:10]
    return f"; there {'is' if len(shown) == 1 else 'are'} {', '.join(shown)}" if shown else ""
