"""A nursery: one zygote for one set of packages, and boxes that are ready before anybody asks."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence

from remit.core.errors import ConfigError
from remit.core.programs import Bounds, Mount
from remit.sandbox.native.box import NativeBox
from remit.sandbox.native.control import Control
from remit.sandbox.native.levels import Level
from remit.sandbox.native.zygotes import Zygote, start

_Kind = tuple[int, int, int, int]
"""What of the bounds decides how a box is set up."""


class Nursery:
    """Opens boxes with the same packages; starts its zygote when it is first needed, and again when that was killed."""

    def __init__(self, packages: tuple[str, ...], pool: int, level: Level) -> None:
        """Keep `pool` boxes ready, of the kind that was last asked for."""
        self._packages, self._pool = packages, pool
        self._namespaces, self._group = level != "landlock only", level == "full"
        self._zygote: Zygote | None = None
        self._starting = asyncio.Lock()
        self._kind: _Kind | None = None
        self._waiting: deque[Control] = deque()
        self._open: list[Control] = []
        self._opening = 0

    @property
    def busy(self) -> bool:
        """Whether any of its boxes is in use."""
        self._open = [each for each in self._open if not each.closed]
        return bool(self._open) or self._opening > 0

    async def open(self, bounds: Bounds, mounts: Sequence[Mount]) -> NativeBox:
        """Open a box; raise `ConfigError` when the machine refuses it."""
        self._opening += 1
        try:
            return await self._opened(bounds, mounts)
        finally:
            self._opening -= 1

    async def _opened(self, bounds: Bounds, mounts: Sequence[Mount]) -> NativeBox:
        zygote = await self._running()
        kind = (bounds.memory, bounds.disk, bounds.files, bounds.processes)
        if not mounts and kind != self._kind:
            self._kind = kind
            self._discard()
        control = None if mounts else await self._waited(zygote)
        if control is None:
            control = self._ordered(zygote, bounds, mounts)
            await zygote.ready(control)
        self._open.append(control)
        while not mounts and len(self._waiting) < self._pool:
            # Set up while this one works; nobody waits for it here.
            self._waiting.append(self._ordered(zygote, bounds, ()))
        return NativeBox(control, bounds, files=self._namespaces)

    def _ordered(self, zygote: Zygote, bounds: Bounds, mounts: Sequence[Mount]) -> Control:
        try:
            return zygote.order(bounds, mounts, namespaces=self._namespaces, group=self._group)
        except OSError as error:
            raise ConfigError(
                f"the zygote of the native sandbox takes no orders ({error}): open the box again"
            ) from error

    async def _waited(self, zygote: Zygote) -> Control | None:
        while self._waiting:
            control = self._waiting.popleft()
            with contextlib.suppress(ConfigError):
                await zygote.ready(control)
                if control.alive:
                    return control
                control.close()
        return None

    async def _running(self) -> Zygote:
        async with self._starting:
            if self._zygote is None or not self._zygote.alive:
                await self._let_go()
                self._zygote = await start(self._packages, groups=self._group)
                if self._group and self._zygote.ungrouped:
                    why = self._zygote.ungrouped
                    await self._let_go()
                    raise ConfigError(f"no control groups any more: {why}; use the level 'without cgroup'")
            self._open = [each for each in self._open if not each.closed]
            return self._zygote

    def _discard(self) -> None:
        while self._waiting:
            self._waiting.popleft().close()

    async def _let_go(self) -> None:
        self._discard()
        if self._zygote is not None:
            zygote, self._zygote = self._zygote, None
            await zygote.close()

    async def close(self) -> None:
        """End the zygote and every box."""
        async with self._starting:
            for control in self._open:
                control.close()
            self._open.clear()
            await self._let_go()
