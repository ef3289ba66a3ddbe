"""OpenAPI: a description (3.1) of the endpoints, made of the same declarations as the routes."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import msgspec

from remit.core.values import JsonObject
from remit.server.api.declaring import Endpoint
from remit.server.api.problems import MEDIA, Problem

_REF = "#/components/schemas/{name}"
_PLACES = re.compile(r"\{(\w+)\}")
_MEANING = {
    "session": "The session's id",
    "seq": "The number of the event that a step begins with",
    "key": "The key's id",
    "call": "The call's id, as it is listed",
    "digest": "The blob's digest, as an event names it",
}


def document(endpoints: Sequence[Endpoint]) -> JsonObject:
    """Describe endpoints."""
    named = [kind for one in endpoints for kind in (one.gives, one.body, one.query)]
    kinds = [kind for kind in named if kind is not None and issubclass(kind, msgspec.Struct)]
    _, schemas = msgspec.json.schema_components([*dict.fromkeys(kinds), Problem], ref_template=_REF)
    paths: dict[str, Any] = {}
    for one in endpoints:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, schemas)
    for kind in {one.query for one in endpoints if one.query is not None}:
        del schemas[kind.__name__]
    return {
        "openapi": "3.1.0",
        "info": {"title": "Remit", "version": version("remit"), "description": "Agents within their remit."},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(one: Endpoint, schemas: dict[str, Any]) -> JsonObject:
    operation: dict[str, Any] = {
        "summary": one.summary,
        "operationId": _id(one),
        "responses": _responses(one),
        "security": [] if one.action is None else [{"bearer": []}],
    }
    parameters = _parameters(one, schemas)
    if parameters:
        operation["parameters"] = parameters
    if one.body is not None:
        operation["requestBody"] = {
            "required": not one.optional,
            "content": {"application/json": {"schema": _ref(one.body)}},
        }
    return operation


def _id(one: Endpoint) -> str:
    words = [word.strip("{}") for word in one.path.removeprefix("/v1").split("/") if word]
    return "_".join([one.method.lower(), *words]).replace(".", "_")


def _parameters(one: Endpoint, schemas: dict[str, Any]) -> list[Any]:
    found: list[Any] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _MEANING[name],
            "schema": {"type": "string", "minLength": 1},
        }
        for name in _PLACES.findall(one.path)
    ]
    if one.query is not None:
        query = schemas[one.query.__name__]
        needed = query.get("required", [])
        for name, schema in query["properties"].items():
            found.append({"name": name, "in": "query", "required": name in needed, "schema": _present(schema)})
    for name, meaning in (one.headers or {}).items():
        found.append(
            {
                "name": name,
                "in": "header",
                "required": False,
                "description": meaning,
                "schema": {"type": "string", "pattern": "^[0-9]{1,15}$"},
            }
        )
    return found


def _present(schema: dict[str, Any]) -> dict[str, Any]:
    """Describe a parameter that is there: one without a value is left out, not null."""
    kept = {name: value for name, value in schema.items() if name != "default" or value is not None}
    kinds = [kind for kind in kept.pop("anyOf", ()) if kind != {"type": "null"}]
    for kind in kinds:
        kept.update(kind)
    if "enum" in kept:
        kept["enum"] = [value for value in kept["enum"] if value is not None]
    return kept


def _responses(one: Endpoint) -> JsonObject:
    good: dict[str, Any] = {}
    for status in (one.status, *one.also):
        good[str(status)] = {"description": HTTPStatus(status).phrase}
        if status != 204:
            schema = _ref(one.gives) if one.gives else {}
            good[str(status)]["content"] = {one.media: {"schema": schema}}
    bad: dict[str, Any] = {
        str(status): {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA: {"schema": _ref(Problem)}},
        }
        for status in one.statuses
    }
    return {**good, **bad}


def _ref(kind: type[Any]) -> dict[str, str]:
    if not issubclass(kind, msgspec.Struct):
        return {"type": "object"}
    return {"$ref": _REF.format(name=kind.__name__)}
