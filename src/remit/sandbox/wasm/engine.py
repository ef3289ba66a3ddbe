"""Engine: runs programs in instances of the compiled interpreter; with `world`, all that needs wasmtime."""

import re
import threading
import time
from pathlib import Path

from wasmtime import Config, Engine, Store, WasmtimeError, wat2wasm
from wasmtime.component import Component, Linker

from remit.core.programs import Bounds
from remit.sandbox.wasm.files import Files
from remit.sandbox.wasm.lowering import sequential
from remit.sandbox.wasm.wire import Wire
from remit.sandbox.wasm.world import World

SETTINGS = "epochs, canonical NaN, sequential"
"""What a compiled interpreter was compiled for."""
_TOO_SMALL = "exceeds memory limits"
_CAUSES = re.compile(r"Caused by:\s*(.+)", re.DOTALL)


def _engine() -> Engine:
    config = Config()
    config.epoch_interruption = True
    # Bits of a NaN are otherwise the processor's choice.
    config.cranelift_nan_canonicalization = True
    sequential(config)
    return Engine(config)


def assemble(text: str) -> bytes:
    """Turn the text of a module into WebAssembly."""
    return bytes(wat2wasm(text))


def compile_component(component: Path, target: Path) -> None:
    """Compile for this machine, which takes half a minute of processor."""
    target.write_bytes(Component(_engine(), component.read_bytes()).serialize())


def readable(compiled: Path) -> bool:
    """Say whether this machine can run what was compiled."""
    try:
        Component.deserialize_file(_engine(), str(compiled))
    except WasmtimeError:
        return False
    return True


class Slot:
    """Runs one program at a time, each in an instance of its own. Its engine is its own, so that its clock is too."""

    def __init__(self, compiled: Path) -> None:
        """Load what was compiled, which must be trusted as code."""
        self._engine = _engine()
        self._component = Component.deserialize_file(self._engine, str(compiled))
        self._world = World()
        self._linker = Linker(self._engine)
        self._world.link(self._linker, self._component)
        self._lock = threading.Lock()
        self._wire: Wire | None = None
        self._thread, self._began = 0, 0.0

    def run(self, wire: Wire, bounds: Bounds, files: Files, order: str) -> str:
        """Run a program in this thread until it ends; say what ended it when it did not end by itself."""
        store = Store(self._engine)
        store.set_limits(memory_size=bounds.memory)
        store.set_epoch_deadline(1)
        self._world.begin(wire, files)
        with self._lock:
            self._wire, self._thread, self._began = wire, threading.get_ident(), time.thread_time()
        try:
            if wire.verdict is not None:
                # It was ended before anybody could find it here.
                return "ended"
            instance = self._linker.instantiate(store, self._component)
            run = instance.get_func(store, "run")
            assert run is not None
            run(store, order)
        except WasmtimeError as error:
            why = _reason(str(error))
            if _TOO_SMALL in why:
                wire.end("oom", f"more than {bounds.memory:,} bytes, which the interpreter takes before any program")
            return why
        finally:
            with self._lock:
                self._wire = None
            store.close()
            self._world.end()
        return ""

    def stop(self, wire: Wire) -> None:
        """End the program behind that wire, wherever it is."""
        with self._lock:
            if self._wire is wire:
                self._engine.increment_epoch()

    def spent(self, wire: Wire) -> float:
        """Say how many seconds of processor that program has used; 0 where it has ended or the system does not tell."""
        with self._lock:
            if self._wire is not wire or not hasattr(time, "pthread_getcpuclockid"):
                return 0.0
            return time.clock_gettime(time.pthread_getcpuclockid(self._thread)) - self._began

    def close(self) -> None:
        """Let go of it all; no program runs any more."""
        # Functions of the linker are kept in a global and know this slot: nobody else would ever free either.
        self._linker.close()
        self._component.close()
        self._engine.close()


def _reason(message: str) -> str:
    found = _CAUSES.search(message)
    return (found.group(1) if found else message).strip()[:300]
