"""Holding: sources are opened when somebody first needs them, each once, and closed when nobody does any more."""

import asyncio
import importlib
from collections import Counter
from collections.abc import Mapping
from typing import cast

from remit.core.errors import ConfigError, ToolError
from remit.tools.registry.ground import Ground, Opened, Opener
from remit.tools.registry.sources import Source, kind_of

_OPENERS = {"openapi": "openapi", "mcp": "mcp", "python": "python", "package": "python"}


class Sources:
    """The sources of a project that are open."""

    def __init__(self, declared: Mapping[str, Source], ground: Ground) -> None:
        """Take what is declared; nothing is opened yet."""
        self.declared, self._ground = declared, ground
        self._opened: dict[str, Opened] = {}
        self._holders: Counter[str] = Counter()
        self._turns: dict[str, asyncio.Lock] = {}

    async def hold(self, name: str) -> Opened:
        """Give a source, opened if nobody holds it yet; raise `ConfigError` or `ToolError` naming it."""
        # One at a time: two that begin together must not start one server twice.
        async with self._turns.setdefault(name, asyncio.Lock()):
            if name not in self._opened:
                self._opened[name] = await self._open(name)
            self._holders[name] += 1
            return self._opened[name]

    async def release(self, name: str) -> None:
        """Let go of a source; the last to do so closes it."""
        async with self._turns.setdefault(name, asyncio.Lock()):
            self._holders[name] -= 1
            if self._holders[name] > 0:
                return
            try:
                await self._opened.pop(name).close()
            finally:
                if not self._opened:
                    await self._ground.edge.close()

    async def _open(self, name: str) -> Opened:
        source = self.declared[name]
        try:
            return await _opener(_OPENERS[kind_of(source)]).open_source(name, source, self._ground)
        except ConfigError as error:
            raise ConfigError(f"source {name!r}: {error}") from error
        except ToolError as error:
            raise ToolError(f"source {name!r}: {error}") from error
        except Exception as error:
            # Toolsets of others may raise anything, and one of them must not hide the rest.
            raise ToolError(f"source {name!r}: it cannot be opened: {type(error).__name__}: {error}") from error


def _opener(kind: str) -> "Opener":
    """Load what opens sources of a kind; raise `ConfigError` naming the extra that it lacks."""
    try:
        return cast("Opener", importlib.import_module(f"remit.tools.registry.kinds.{kind}"))
    except ImportError as error:
        raise ConfigError(f"sources of this kind need an extra: pip install 'remit[{kind}]' ({error})") from error
