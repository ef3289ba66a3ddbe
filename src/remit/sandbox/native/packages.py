"""Packages that programs can have: found here, loaded only in a zygote."""

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from remit.core.errors import ConfigError

DATA = ("duckdb", "matplotlib", "numpy", "pandas", "pyarrow")
"""Those that work on data commonly takes."""


def _origin(name: str) -> str:
    if not name.isidentifier():
        return ""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return ""
    return (spec.origin or "") if spec else ""


def available(names: Sequence[str] = ()) -> tuple[str, ...]:
    """Find which of the usual packages, and of these, are installed, without importing any."""
    return tuple(sorted(name for name in {*DATA, *names} if _origin(name)))


def chosen(names: Sequence[str]) -> tuple[str, ...]:
    """Sort packages into a set; raise `ConfigError` naming those that are not installed here."""
    missing = sorted(name for name in set(names) if not _origin(name))
    if missing:
        raise ConfigError(f"not installed here: {', '.join(missing)}; pip install {' '.join(missing)}")
    return tuple(sorted(set(names)))


def sites(names: Sequence[str]) -> list[str]:
    """Find the folders from which packages are imported here."""
    found: set[str] = set()
    for name in set(names) - sys.stdlib_module_names:
        origin = Path(_origin(name))
        # A package is a folder with an `__init__`; a module is a file.
        found.add(str(origin.parent.parent if origin.stem == "__init__" else origin.parent))
    return sorted(found)
