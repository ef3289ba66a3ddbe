"""The description of the API is true: schemathesis makes requests of it, and holds every answer against it."""

import asyncio
from typing import Any

import msgspec
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from tests.server.agents import echo
from tests.server.rig import bearer, rigged

from remit.server.api import ENDPOINTS

_EACH = 4
_CALM = [HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
_STREAMS = ("/v1/sessions/{session}/events", "/v1/changes")
"""They would go on for ever."""


async def test_the_description_names_every_endpoint_and_refers_only_to_what_it_holds() -> None:
    async with rigged(echo()) as rig:
        text = (await rig.ask("GET", "/openapi.json")).text
    described = msgspec.json.decode(text)
    assert described["openapi"] == "3.1.0"
    named = {(method.upper(), path) for path, methods in described["paths"].items() for method in methods}
    assert named == {(one.method, one.path) for one in ENDPOINTS}
    schemas = described["components"]["schemas"]
    assert {ref for name in schemas if (ref := name) and f"#/components/schemas/{name}" in text} == set(schemas)


async def test_every_answer_to_generated_requests_is_as_described() -> None:
    async with rigged(echo()) as rig:
        begun = await rig.good("POST", "/v1/sessions", {"agent": "echo", "text": "hi"})
        await rig.until(begun["id"], "RunEnded")
        described = msgspec.json.decode((await rig.ask("GET", "/openapi.json")).content)
        tried = await asyncio.to_thread(_try_all, described, rig.url, begun["id"])
    assert tried >= 2 * len(ENDPOINTS)


def _try_all(described: dict[str, Any], url: str, session: str) -> int:
    schema: Any = schemathesis.openapi.from_dict(described)
    tried = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        bounded: dict[str, Any] = {"query": {"follow": False}} if operation.path in _STREAMS else {}
        tried += _try(operation, schemathesis.GenerationMode.POSITIVE, url, bounded)
        tried += _try(operation, schemathesis.GenerationMode.NEGATIVE, url, {})
        if "{session}" in operation.path and operation.method != "delete":
            given_too = {"path_parameters": {"session": session}, **bounded}
            tried += _try(operation, schemathesis.GenerationMode.POSITIVE, url, given_too)
    return tried


def _try(operation: Any, mode: Any, url: str, fixed: dict[str, Any]) -> int:
    tried = 0
    path = operation.path_parameters if mode is schemathesis.GenerationMode.NEGATIVE else None
    if mode is schemathesis.GenerationMode.NEGATIVE and not (operation.body or operation.query or path):
        return 1

    @settings(max_examples=_EACH, deadline=None, phases=[Phase.generate], suppress_health_check=_CALM)
    @given(case=operation.as_strategy(generation_mode=mode, **fixed))
    def one(case: Any) -> None:
        nonlocal tried
        tried += 1
        case.call_and_validate(base_url=url, headers=bearer(), timeout=10)

    one()
    return tried
