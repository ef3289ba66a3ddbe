"""Documents: read from anywhere, versions, references, operations."""

from pathlib import Path

import pytest
from tests.tools.openapi.stand_in import document

from remit.core.errors import ConfigError
from remit.core.values import JsonObject
from remit.tools.openapi import OpenAPI
from remit.tools.openapi.reading import Source

YAML = """
openapi: 3.0.3
info: {title: Shop, version: 2024-01-01}
paths:
  /pets:
    get: {responses: {200: {description: Pets}}}
"""


def test_a_document_is_read_from_a_path_a_text_and_a_dictionary(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(YAML, encoding="utf-8")
    root: JsonObject = {"openapi": "3.0.3", "info": {"title": "Shop"}, "paths": {"/pets": {"get": {}}}}
    sources: list[Source] = [YAML, file, str(file), root]
    for source in sources:
        api = OpenAPI.read(source)
        assert (api.title, api.version, api.keys) == ("Shop", "3.0", ("GET /pets",))


def test_yaml_becomes_plain_json_with_text_for_dates_and_keys() -> None:
    root = OpenAPI.read(YAML).root
    assert root["info"] == {"title": "Shop", "version": "2024-01-01"}
    assert OpenAPI.read(YAML).entry("GET /pets").node == {"responses": {"200": {"description": "Pets"}}}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('{"swagger": "2.0"}', "Swagger 2.0; convert it"),
        ("{}", "no `openapi` field"),
        ('{"openapi": "4.0.0"}', "OpenAPI 4.0.0; 3.0 and 3.1 are known"),
        ("- a\n- b\n", "a list, not an object"),
        ("a: [\n", "neither JSON nor YAML"),
        ("a: !!python/object:os.system x\nb: 1", "neither JSON nor YAML"),
        ("a: &x\n  - *x\n", "holds itself by a YAML alias"),
        ("a: !!binary /w==\nb: 1", "has no JSON form"),
        ("no-such-file.json", "cannot read the OpenAPI document 'no-such-file.json'"),
        ('{"openapi": "3.1.0", "jsonSchemaDialect": "https://x.example/d"}', "only 2020-12 is known"),
        ('{"openapi": "3.1.0", "paths": []}', "`paths` is not an object"),
    ],
)
def test_what_is_no_document_is_refused_with_what_to_do(source: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        OpenAPI.read(source)


def test_a_yaml_that_grows_beyond_measure_is_refused() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(ConfigError, match="too large"):
        OpenAPI.read("\n".join(lines))


def test_operations_without_a_name_of_their_own_go_by_method_and_path() -> None:
    api = document({"/a": {"get": {"operationId": "x"}, "post": {"operationId": "x"}, "trace": {}}, "x-note": {}})
    assert api.keys == ("x", "POST /a", "TRACE /a")
    assert api.entry("get /a").key == "x"


def test_an_unknown_operation_is_refused_with_those_that_are_near() -> None:
    api = document({"/a": {"get": {"operationId": "list_pets"}}})
    with pytest.raises(ConfigError, match="has no operation 'Pets'; there are list_pets"):
        api.entry("Pets")
    with pytest.raises(ConfigError, match=r"has no operation 'zebra'$"):
        api.entry("zebra")


def test_references_are_followed_with_their_escapes() -> None:
    api = document({"/a/{b}": {"get": {"summary": "Hi"}}}, things={"a b": [{"$ref": "#/paths/~1a~1%7Bb%7D"}]})
    assert api.resolve({"$ref": "#/things/a%20b/0"}) == {"get": {"summary": "Hi"}}


@pytest.mark.parametrize(
    ("pointer", "message"),
    [
        ("other.yaml#/a", "leads out of the document"),
        ("https://x.example/a.json", "leads out of the document"),
        ("#anchor", "names an anchor"),
        ("#/nothing/here", "there is no 'nothing'"),
        ("#/loop", "leads only to itself"),
        ("#/openapi", "an object is expected"),
    ],
)
def test_a_reference_that_names_nothing_here_is_refused(pointer: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        document({}, loop={"$ref": "#/loop"}).resolve({"$ref": pointer})
