"""Agents: finds a declaration by a reference such as `agent.py:helper`, and marks it so that it is found again."""

import importlib
import importlib.util
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import cast

from remit.core.agent import Agent
from remit.core.errors import ConfigError
from remit.core.ports import Model
from remit.home import Settings
from remit.models.connecting import connect

DEFAULT = "agent"
"""The name looked for when a reference has none."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """An agent, with the settings of its home if its module declares any as `settings`."""

    agent: Agent
    settings: Settings | None = None
    ready: Callable[[], AbstractAsyncContextManager[Agent]] | None = None
    """Opens the agent with all it works with, for those that are more than a declaration."""


def load(ref: str) -> Loaded:
    """Load an `Agent`, or what a function gives, from `FILE.py:NAME` or `module:NAME`; raise `ConfigError` if not."""
    module, found, value = _named(ref)
    settings = getattr(module, "settings", None)
    return Loaded(replace(_made(ref, value), ref=found), settings if isinstance(settings, Settings) else None)


def load_model(ref: str) -> tuple[Model | str, str]:
    """Give a model by its name, or load one from `FILE.py:NAME`, and say where it is found again.

    Raise `ConfigError` if there is none.
    """
    if ".py:" not in ref:
        try:
            connect(ref)
        except ConfigError as error:
            wanted = "`offline`, a name such as openai:NAME, or FILE.py:NAME of an object with `spec` and `complete`"
            raise ConfigError(f"no model {ref!r}; give {wanted} ({error})") from error
        return ref, ref
    _, found, value = _named(ref)
    if isinstance(value, type) or not (hasattr(value, "spec") and hasattr(value, "complete")):
        raise ConfigError(f"{ref} is no model: it needs a `spec` and an async `complete(request, emit)`")
    return cast("Model", value), found


def _named(ref: str) -> tuple[ModuleType, str, object]:
    place, _, name = ref.rpartition(":") if ":" in ref else (ref, "", DEFAULT)
    name = name or DEFAULT
    if not place:
        raise ConfigError(f"{ref!r} names no file; write FILE.py:NAME or module:NAME")
    if place.endswith(".py"):
        path = Path(place).expanduser().resolve()
        module, found = _from_file(path), f"{path}:{name}"
    else:
        module, found = _from_name(place), f"{place}:{name}"
    if not hasattr(module, name):
        raise ConfigError(f"{place} has no {name!r}; it has: {_agents(module)}")
    return module, found, getattr(module, name)


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ConfigError(f"no file {str(path)!r}; the agent is given as FILE.py:NAME")
    # A name of its own, so that a file named `json.py` hides no module; its neighbours can be imported all the same.
    name = f"remit_agent_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    _see(path.parent)
    loader = spec.loader
    _guarded(str(path), lambda: loader.exec_module(module))
    return module


def _from_name(name: str) -> ModuleType:
    _see(Path.cwd())
    module: list[ModuleType] = []
    _guarded(name, lambda: module.append(importlib.import_module(name)))
    return module[0]


def _see(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _guarded(place: str, act: Callable[[], None]) -> None:
    """Run a stranger's module and say in a line what broke in it."""
    try:
        act()
    except ConfigError as error:
        raise ConfigError(f"{place}: {error}") from error
    except Exception as error:
        raise ConfigError(f"{place} cannot be loaded: {type(error).__name__}: {error}{_line(place, error)}") from error


def _line(place: str, error: Exception) -> str:
    trace, number = error.__traceback__, 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == place:
            number = trace.tb_lineno
        trace = trace.tb_next
    return f" (line {number})" if number else ""


def _made(ref: str, value: object) -> Agent:
    if callable(value) and not isinstance(value, Agent):
        made: list[object] = []
        _guarded(ref, lambda: made.append(cast("Callable[[], object]", value)()))
        value = made[0]
    if not isinstance(value, Agent):
        raise ConfigError(f"{ref} is a {type(value).__name__}, not an Agent or a function that gives one")
    return value


def _agents(module: ModuleType) -> str:
    return ", ".join(name for name, value in vars(module).items() if isinstance(value, Agent)) or "no agent"
