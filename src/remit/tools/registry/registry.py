"""Registry: all tools of a project, from whatever source, held to what was reviewed."""

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from remit.core.errors import ConfigError, RemitError
from remit.core.ports import Toolset
from remit.policy import Secrets
from remit.tools.http import Record
from remit.tools.http.records import forgotten
from remit.tools.registry.edge import Edge
from remit.tools.registry.found import Catalogue, Found
from remit.tools.registry.ground import Ground
from remit.tools.registry.holding import Sources
from remit.tools.registry.lookups import Secret
from remit.tools.registry.project import Project
from remit.tools.registry.selection import Picked, Selection, released
from remit.tools.registry.sources import PackageSource, Source


class Registry:
    """The tools of a project. A source is opened when it is first needed; `close` lets go of those it opened itself."""

    def __init__(
        self,
        project: Project,
        *,
        secret: Secret | None = None,
        record: Record = forgotten,
        standing_in: bool = False,
    ) -> None:
        """Take a project, who knows its secrets and who records its HTTP.

        With `standing_in` it has only the sources with a stand-in, and opens those: for contract tests.
        """
        self.project = project
        declared = {name: one for name, one in project.sources.items() if not standing_in or _stands_in(one)}
        edge = Edge(project.hosts(), secret or project.vault(Secrets()), record)
        ground = Ground(project.folder, edge, project.tools, standing_in)
        self._sources = Sources(declared, ground)
        self._held: list[str] = []

    def pick(self, *patterns: str) -> Toolset:
        """Give tools for an agent: by name, by a pattern such as `search_*`, or of one source, as `jira:*`.

        Nothing is opened before the toolset is. A tool that is no longer what was reviewed is refused with a
        `ConfigError` or given with its spec `withheld`, as the project says.
        """
        if not patterns:
            raise ConfigError("pick tools by name, or by a pattern; `*` is all of them")
        return Picked(self.project, self._sources, patterns)

    async def find(self, *patterns: str) -> tuple[Found, ...]:
        """Give tools as `pick` does, with how they stand to what was reviewed; raise `ConfigError` for none."""
        return await Selection(self.project, self._sources, self._held.append).select(patterns)

    async def catalogue(self) -> Catalogue:
        """Give all tools, and what is wrong with the sources that cannot be opened."""
        selection = Selection(self.project, self._sources, self._held.append)
        broken: dict[str, str] = {}
        left_out: dict[str, Mapping[str, str]] = {}
        for name in self._sources.declared:
            try:
                why = await selection.take(name)
                left_out |= {name: why} if why else {}
            except RemitError as error:
                broken[name] = str(error).removeprefix(f"source {name!r}: ")
        if not broken and len(self._sources.declared) == len(self.project.sources):
            broken |= selection.unknown()
        return Catalogue(selection.found(), broken, left_out)

    async def close(self) -> None:
        """Let go of the sources that `find` and `catalogue` opened; toolsets that are open keep theirs."""
        held, self._held = self._held, []
        await released(self._sources, held)

    async def __aenter__(self) -> Self:
        """Give itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()


def _stands_in(source: Source) -> bool:
    return not isinstance(source, PackageSource) and bool(source.stand_in)
