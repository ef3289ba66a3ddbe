"""The driver of the WebAssembly tier: has the interpreter built once, and lends its slots to boxes."""

import asyncio
import importlib.util
from pathlib import Path
from typing import Protocol, cast

from remit.core.errors import ConfigError
from remit.core.programs import TIERS, Capabilities, SandboxPolicy
from remit.sandbox.wasm.box import WasmBox
from remit.sandbox.wasm.building import build, digest
from remit.sandbox.wasm.cache import Cache, home
from remit.sandbox.wasm.files import Files
from remit.sandbox.wasm.slots import Slot, Slots

INSTALL = "pip install 'remit[wasm]'"
_UNBUILT = "its interpreter is not built yet: the first box waits for that, up to a minute, or run `prepare`"
_COMPONENT, _COMPILED = "interpreter.wasm", "interpreter.compiled"


class _Engines(Protocol):
    SETTINGS: str

    def assemble(self, text: str) -> bytes: ...

    def compile_component(self, component: Path, target: Path) -> None: ...

    def readable(self, compiled: Path) -> bool: ...

    def Slot(self, compiled: Path) -> Slot: ...  # noqa: N802 - the class of that name


class WasmSandbox:
    """Runs programs in CPython in WebAssembly, with files in memory, and no network, processes or environment."""

    def __init__(self, *, workers: int = 8, cache: Path | None = None) -> None:
        """Let at most so many programs run or wait for a tool at once, and keep what is built in `cache`.

        By default that is `remit/wasm` where the user's caches are.
        """
        self._workers = workers
        self._root = cache
        self._engines: _Engines | None = None
        self._known: Capabilities | None = None
        self._starting = asyncio.Lock()
        self._slots: Slots | None = None
        self._boxes: list[WasmBox] = []

    def capabilities(self) -> Capabilities:
        """Say what this machine can give, and whether the interpreter is still to be built, without building it."""
        if self._known is None:
            why = self._find()
            built = not why and self._cache().there()
            why = why or ("" if built else self._cache().refused())
            missing = (why,) if why else () if built else (_UNBUILT,)
            self._known = Capabilities(
                tier="wasm",
                available=not why,
                level="" if why else "full",
                missing=missing,
                deterministic=not why,
            )
        return self._known

    async def prepare(self) -> None:
        """Build the interpreter, in up to a minute, unless that was done; raise `ConfigError` when it fails."""
        await asyncio.to_thread(self._prepare)
        self._known = None

    async def open(self, policy: SandboxPolicy) -> WasmBox:
        """Make a box, after building the interpreter if need be; raise `ConfigError` when this is below the policy."""
        if TIERS.index(policy.least) > TIERS.index("wasm"):
            would = ", ".join(TIERS[TIERS.index(policy.least) :])
            raise ConfigError(f"the policy wants {policy.least!r} at least, and this is 'wasm'; use: {would}")
        if policy.packages:
            raise ConfigError(
                f"the tier 'wasm' has no libraries ({', '.join(policy.packages)}); use 'native' or stronger"
            )
        files = await asyncio.to_thread(Files, policy.bounds, policy.mounts)
        slots = await self._started()
        box = WasmBox(slots, policy.bounds, files)
        self._boxes = [each for each in self._boxes if not each.closed] + [box]
        return box

    async def close(self) -> None:
        """End all programs; it can be used again."""
        async with self._starting:
            for box in self._boxes:
                await box.close()
            self._boxes.clear()
            slots, self._slots = self._slots, None
            if slots is not None:
                await slots.close()

    async def _started(self) -> Slots:
        async with self._starting:
            if self._slots is None:
                engines = await asyncio.to_thread(self._prepare)
                self._known = None
                compiled = self._cache().folder / _COMPILED
                self._slots = Slots(lambda: engines.Slot(compiled), self._workers)
            return self._slots

    def _cache(self) -> Cache:
        assert self._engines is not None
        assert self._root is not None
        return Cache(self._root, digest(self._engines.SETTINGS))

    def _prepare(self) -> _Engines:
        why = self._find()
        if self._engines is None:
            raise ConfigError(why)
        engines, cache = self._engines, self._cache()

        def make(folder: Path) -> None:
            build(folder / _COMPONENT, engines.assemble)
            engines.compile_component(folder / _COMPONENT, folder / _COMPILED)
            # Whatever asks for another compilation asks for another component too.
            (folder / _COMPONENT).unlink()

        try:
            if cache.whole() and not engines.readable(cache.folder / _COMPILED):
                # Compiled for another processor, by a machine that shares this cache.
                cache.spoil()
            cache.fill(make)
        except OSError as error:
            raise ConfigError(f"what is built cannot be kept ({error}): set XDG_CACHE_HOME") from error
        return engines

    def _find(self) -> str:
        """Import what is needed; say why that did not work, or nothing."""
        if self._engines is None:
            try:
                if importlib.util.find_spec("componentize_py") is None:
                    return f"componentize-py is not installed: {INSTALL}"
                self._root = self._root or home()
                self._engines = cast("_Engines", importlib.import_module("remit.sandbox.wasm.engine"))
            except ConfigError as error:
                return str(error)
            except (ImportError, OSError, RuntimeError) as error:
                return f"wasmtime is not installed or does not run here ({error}): {INSTALL}"
        return ""
