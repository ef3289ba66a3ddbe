"""Sources that are Python: tools in a module, and tools of installed packages."""

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import cast

from remit.core.errors import ConfigError, RemitError
from remit.core.ports import Tool, Toolset
from remit.tools.registry.ground import Ground, Opened, Taken
from remit.tools.registry.sources import PackageSource, PythonSource, chosen

GROUP = "remit.tools"
"""Under which packages announce their tools."""


async def open_source(name: str, source: PythonSource | PackageSource, ground: Ground) -> Opened:
    """Import what is named and take its tools; raise `ConfigError` when there are none."""
    async with AsyncExitStack() as closing:
        tools: list[Tool] = []
        for where, load in _loaders(source, ground):
            tools += await _tools(where, _guarded(where, load), closing)
        taken = _taken(name, source, tools, ground)
        return Opened(taken, closing.pop_all().aclose)


def _loaders(source: PythonSource | PackageSource, ground: Ground) -> Iterable[tuple[str, Callable[[], object]]]:
    if isinstance(source, PythonSource):
        ref = source.stand_in if ground.standing_in else source.python
        return [(ref, lambda: _named(ref, ground.folder))]
    found = {point.name: point for point in entry_points(group=GROUP)}
    wanted = sorted(found) if source.entry_points == "*" else source.entry_points or sorted(found)
    missing = [name for name in wanted if name not in found]
    if missing:
        known = ", ".join(sorted(found)) or "none"
        raise ConfigError(f"no installed package has the entry point {missing[0]!r} of {GROUP!r}; there are: {known}")
    return [(f"entry point {name} ({found[name].value})", _loader(found[name])) for name in wanted]


def _loader(point: EntryPoint) -> Callable[[], object]:
    return lambda: cast("object", point.load())


def _named(ref: str, folder: Path) -> object:
    place, _, name = ref.rpartition(":")
    if not place or not name:
        raise ConfigError(f"{ref!r} names no tools; write FILE.py:NAME or module:NAME")
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    module = _from_file(folder / place) if place.endswith(".py") else importlib.import_module(place)
    if not hasattr(module, name):
        raise ConfigError(f"it has no {name!r}")
    return getattr(module, name)


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ConfigError(f"there is no file {str(path)!r}")
    # A name of its own, so that a file named `json.py` hides no module, nor one of another project.
    name = f"remit_tools_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _guarded(where: str, act: Callable[[], object]) -> object:
    """Run a stranger's code and say in a line what broke in it."""
    try:
        return act()
    except RemitError as error:
        raise ConfigError(f"{where}: {error}") from error
    except Exception as error:
        raise ConfigError(f"{where} cannot be loaded: {type(error).__name__}: {error}") from error


async def _tools(where: str, value: object, closing: AsyncExitStack) -> Sequence[Tool]:
    """Give the tools of a tool, a toolset, a list of both, or a function that gives one of these."""
    if _is_tool(value):
        return [cast("Tool", value)]
    if _is_toolset(value):
        toolset = cast("Toolset", value)
        closing.push_async_callback(toolset.close)
        return await toolset.open()
    if isinstance(value, (list, tuple)):
        listed = cast("Sequence[object]", value)
        return [tool for one in listed for tool in await _tools(where, one, closing)]
    if inspect.isawaitable(value):
        return await _tools(where, await cast("Awaitable[object]", value), closing)
    if callable(value):
        made = _guarded(where, cast("Callable[[], object]", value))
        if not callable(made) or _is_tool(made) or _is_toolset(made):
            return await _tools(where, made, closing)
    raise ConfigError(
        f"{where} is a {type(value).__name__}; give a Tool, a list of tools, a Toolset, or a function that gives one"
    )


def _is_tool(value: object) -> bool:
    return not isinstance(value, type) and all(hasattr(value, name) for name in ("spec", "check", "call", "probe"))


def _is_toolset(value: object) -> bool:
    return not isinstance(value, type) and all(hasattr(value, name) for name in ("name", "open", "close"))


def _taken(name: str, source: PythonSource | PackageSource, tools: Sequence[Tool], ground: Ground) -> tuple[Taken, ...]:
    only = chosen(source)
    known = [tool.spec.name for tool in tools]
    missing = [one for one in only or () if one not in known]
    if missing:
        raise ConfigError(f"source {name!r} has no tool {missing[0]!r}; it has: {', '.join(sorted(known)) or 'none'}")
    taken: list[Taken] = []
    for tool in tools:
        spec = tool.spec
        if only is not None and spec.name not in only:
            continue
        if spec.needs:
            raise ConfigError(
                f"tool {spec.name!r} needs {', '.join(spec.needs)}; put it into a toolset that provides it"
            )
        taken.append(Taken(tool, ground.said(source, spec.name, spec.name), standing_in=ground.standing_in))
    return tuple(taken)
