"""Tier T1: all of CPython in WebAssembly, a fresh instance a run, which does the same again over the same answers."""

from remit.sandbox.wasm.driver import WasmSandbox

__all__ = ["WasmSandbox"]
