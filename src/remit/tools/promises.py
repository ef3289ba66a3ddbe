"""Promises: how a tool's answer differs from the form that its contract promises."""

import importlib
from typing import Protocol, cast

from remit.core.errors import ConfigError
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonObject, JsonValue


class _Validator(Protocol):
    def problems(self, value: JsonValue) -> str: ...


class _Validation(Protocol):
    def Validator(self, schema: JsonObject) -> _Validator: ...  # noqa: N802 - a class of that module


_MOST = 2000
_known: dict[int, tuple[JsonObject, _Validator | None]] = {}
"""By the identity of a schema, which is kept with it so that no other one can come to have it."""


def unlike(spec: ToolSpec, output: JsonValue) -> str:
    """Say how an answer differs from what is promised; empty when it does not, or when nobody here can tell.

    It takes the extra `openapi`, which brings the validator; without it nothing is compared.
    """
    if spec.output is None:
        return ""
    known = _known.get(id(spec.output))
    if known is None:
        if len(_known) >= _MOST:
            _known.clear()
        known = _known[id(spec.output)] = (spec.output, _compiled(spec.output))
    return "" if known[1] is None else known[1].problems(output)


def _compiled(schema: JsonObject) -> _Validator | None:
    try:
        return cast("_Validation", importlib.import_module("remit.tools.validation")).Validator(schema)
    except ConfigError:
        # The validator is an extra, and a schema that cannot be read has promised nothing.
        return None
