"""Projects: the tools of a `remit.toml` for agents, and the settings of a home that keeps to its terms."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, cast

from remit.core.errors import ConfigError
from remit.core.ports import Guard, Toolset
from remit.core.toolspec import ToolSpec
from remit.home.settings import Settings
from remit.tools.contracts import spec_of
from remit.tools.http import Record
from remit.tools.http.records import forgotten
from remit.tools.registry import FILE, Project, Registry

_SUFFIX = ".cedar"


class Governed:
    """A project as agents have it: `pick` gives them tools, and `settings` are those of their home.

    ```python
    acme = Governed()
    agent = Agent("clerk", model="openai:NAME", toolsets=[acme.pick("create_issue", "search_*")])
    settings = acme.settings
    ```
    """

    def __init__(
        self, file: str | Path = FILE, settings: Settings | None = None, *, record: Record = forgotten
    ) -> None:
        """Read a project; raise `ConfigError` saying what is wrong in which of its files.

        Its policies come before the guards in `settings`, its flows and tolerances of hosts go over those there, and
        every secret it looks up is registered there. `record` takes each exchange of its tools.
        """
        settings = settings or Settings()
        self.project = Project.read(file)
        self.registry = Registry(self.project, secret=self.project.vault(settings.secrets), record=record)
        flows = {f"host:{name}": said.flow.flow() for name, said in self.project.by_host.items() if said.flow}
        tolerances = {
            f"host:{name}": bears for name, said in self.project.by_host.items() if (bears := said.tolerance())
        }
        self.settings = replace(
            settings,
            guards=(*policies(self.project), *settings.guards),
            flows={**settings.flows, **flows},
            tolerances={**settings.tolerances, **tolerances},
        )

    def pick(self, *patterns: str) -> Toolset:
        """Give tools for an agent, by name, by a pattern such as `search_*`, or of one source, as `jira:*`."""
        return self.registry.pick(*patterns)


def policies(project: Project) -> Sequence[Guard]:
    """Give the guard that judges by a project's policies in Cedar, if it has any; raise `ConfigError` for bad ones.

    They are held against the contracts in the lock: what nobody reviewed is denied.
    """
    folder = project.cedar_folder
    if folder is None:
        return ()
    texts = read_policies(folder)
    # As in the project, so that no reason a model reads tells of this machine.
    files = {Path(name).relative_to(project.folder).as_posix(): text for name, text in texts.items()}
    lock = project.lock()
    if not len(lock):
        raise ConfigError(f"{project.lock_file} pins no tools, so no policy can be about one; run `remit tools lock`")
    specs = [spec_of(lock[name].contract) for name in lock]
    return (_cedar().CedarPolicies(files, specs),)


def read_policies(folder: Path) -> dict[str, str]:
    """Read the `.cedar` files of a folder; raise `ConfigError` when there are none, or some that would not be read."""
    stray = [path for path in sorted(folder.rglob("*")) if _stray(path, folder)]
    if stray:
        # What forbids something must not be passed over without a word.
        raise ConfigError(
            f"{stray[0]} would not be read: policies are *{_SUFFIX} files in {str(folder)!r} itself; move it there"
        )
    found = {str(path): _text(path) for path in sorted(folder.glob(f"*{_SUFFIX}"))}
    if not found:
        raise ConfigError(f"there are no *{_SUFFIX} files in {str(folder)!r}")
    return found


def _stray(path: Path, folder: Path) -> bool:
    return path.suffix.lower() == _SUFFIX and (path.parent != folder or path.suffix != _SUFFIX)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}") from None


class _Cedar(Protocol):
    def CedarPolicies(self, text_by_file: Mapping[str, str], specs: Sequence[ToolSpec]) -> Guard: ...  # noqa: N802


def _cedar() -> _Cedar:
    # The engine is an extra; whoever lacks it is told so by it.
    return cast("_Cedar", importlib.import_module("remit.policy.cedar"))
