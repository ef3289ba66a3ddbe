"""Pieces of requests, and how they are judged."""

from remit.core.values import JsonObject
from remit.testing.server.dialects.port import Dialect

USER: JsonObject = {"role": "user", "content": "hi"}
OBJECT: JsonObject = {"type": "object", "properties": {"a": {"type": "string"}}}
STRICT: JsonObject = {**OBJECT, "required": ["a"], "additionalProperties": False}


def first(dialect: Dialect, body: JsonObject) -> str:
    """Say the first problem of a request; empty when there is none."""
    problem = next(dialect.problems(body), None)
    return f"{problem.param}: {problem.message}" if problem else ""
