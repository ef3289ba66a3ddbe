"""The interpreter that the tests here share."""

from tests.sandbox.wasm.places import interpreter

__all__ = ["interpreter"]
