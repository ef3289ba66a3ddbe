"""Registry: all tools of a project, declared in `remit.toml`, held to what was reviewed in `remit.lock`."""

from remit.tools.registry.editing import Edit, added, deprecated
from remit.tools.registry.found import Catalogue, Found, Status
from remit.tools.registry.lookups import Secret
from remit.tools.registry.project import FILE, Project
from remit.tools.registry.registry import Registry
from remit.tools.registry.settings import HostSettings, ToolSettings
from remit.tools.registry.sources import Auth, Source

__all__ = [
    "Auth",
    "Catalogue",
    "Edit",
    "FILE",
    "Found",
    "HostSettings",
    "Project",
    "Registry",
    "Secret",
    "Source",
    "Status",
    "ToolSettings",
    "added",
    "deprecated",
]
