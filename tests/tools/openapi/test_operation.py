"""Operations: parameters and bodies become one schema, and arguments become the request that it means."""

import base64
from urllib.parse import parse_qs

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.tools.openapi.stand_in import (
    CONTEXT,
    SERVER,
    Listening,
    document,
    header,
    one,
    parameter,
    parts,
    query,
    raw,
    segments,
    tool_of,
)

from remit.core.errors import ConfigError, RejectedError
from remit.core.values import JsonObject, JsonValue
from remit.tools.http.port import Outgoing
from remit.tools.openapi import Choice, OpenAPI, OpenAPITools
from remit.tools.openapi.operation import operation

TEXT: JsonObject = {"type": "string"}
BINARY: JsonObject = {"type": "string", "format": "binary"}


async def sent(api: OpenAPI, args: JsonObject, choice: Choice | None = None) -> Outgoing:
    sender = Listening()
    tool = await tool_of(api, sender, choice)
    assert tool.check(args) == ""
    await tool.call(args, CONTEXT)
    return sender.sent[-1]


def body(media: str, schema: JsonValue, **more: JsonValue) -> JsonObject:
    content: JsonObject = {media: {"schema": schema, **more}}
    return {"requestBody": {"required": True, "content": content}}


def properties(api: OpenAPI) -> JsonObject:
    found = operation(api, "do").schema["properties"]
    assert isinstance(found, dict)
    return found


# -- parameters --------------------------------------------------------------------------------------------------------


async def test_parameters_go_to_their_places() -> None:
    listed: list[JsonValue] = [
        parameter("id", "path", TEXT),
        parameter("q", "query", {"type": "array"}),
        parameter("filter", "query", {"type": "object"}, style="deepObject"),
        parameter("X-Trace", "header", TEXT),
        parameter("theme", "cookie", TEXT),
        parameter("Accept", "header", TEXT),
        parameter("where", "query", content={"application/json": {"schema": {"type": "object"}}}),
    ]
    api = one({"parameters": listed}, path="/things/{id}/parts")
    args: JsonObject = {
        "id": "a/b ü",
        "q": [1, 2],
        "filter": {"x": True},
        "X-Trace": "t",
        "theme": "d;k",
        "where": {"a": [1]},
    }
    request = await sent(api, args)
    assert segments(request) == ["v1", "things", "a/b ü", "parts"]
    assert query(request) == [("q", "1"), ("q", "2"), ("filter[x]", "true"), ("where", '{"a":[1]}')]
    assert (header(request, "x-trace"), header(request, "cookie")) == ("t", "theme=d%3Bk")
    assert header(request, "accept") == "application/json, */*;q=0.5"
    assert (request.method, request.body, request.timeout) == ("GET", b"", 30.0)


def test_an_operation_s_parameters_go_before_its_path_s() -> None:
    item: JsonObject = {
        "parameters": [{"$ref": "#/components/parameters/page"}, parameter("sort", schema=TEXT)],
        "get": {"operationId": "do", "parameters": [parameter("page", schema={"type": "string", "enum": ["last"]})]},
    }
    api = document({"/a": item}, components={"parameters": {"page": parameter("page", schema={"type": "integer"})}})
    assert properties(api) == {"page": {"type": "string", "enum": ["last"]}, "sort": TEXT}


def test_names_that_no_provider_takes_are_made_plain_and_stay_apart() -> None:
    listed: list[JsonValue] = [
        parameter("id", "path", TEXT),
        parameter("id", "query", TEXT),
        parameter("id", "header", TEXT),
        parameter("id", "cookie", TEXT),
        parameter("filter[name]", schema=TEXT),
        parameter("filter{name}", schema=TEXT),
        parameter("filter(name)", schema=TEXT),
        parameter("$", schema=TEXT),
        parameter("body", schema=TEXT),
    ]
    api = one({"parameters": listed, **body("application/json", {})}, path="/a/{id}")
    names = list(properties(api))
    assert names[:4] == ["id", "id_query", "id_header", "id_cookie"]
    assert names[4:] == ["filter_name", "filter_name_query", "filter_name_2", "argument", "body", "request_body"]


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"in": "query"}, "has no name"),
        ({"name": "a", "in": "body"}, "is in 'body', not in path, query"),
        (parameter("a", "header", TEXT, style="form"), "has the style 'form'; known: simple"),
        (parameter("a", content={"application/xml": {}}), "is written as application/xml"),
        ({"$ref": "params.yaml#/a"}, "leads out of the document"),
    ],
)
def test_a_parameter_that_cannot_be_written_is_refused(declared: JsonValue, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        operation(one({"parameters": [declared]}), "do")


def test_a_path_whose_parameter_is_not_declared_is_refused() -> None:
    with pytest.raises(ConfigError, match="its path names id, which are not among its parameters"):
        operation(one({}, path="/a/{id}"), "do")


async def test_what_cannot_be_written_is_told_before_anything_is_sent() -> None:
    api = one(
        {"parameters": [parameter("a", "path", TEXT), parameter("b", "path", TEXT), parameter("X", "header", TEXT)]},
        path="/{a}{b}",
    )
    sender = Listening()
    tool = await tool_of(api, sender)
    wrong: list[JsonObject] = [{"a": "..", "b": "x"}, {"a": ".", "b": "."}, {"a": "x", "b": "x", "X": "a\r\nb"}]
    assert [tool.check(args).partition(":")[0] for args in wrong] == ["a", "a", "X"]
    for args in wrong:
        with pytest.raises(RejectedError):
            await tool.call(args, CONTEXT)
    assert sender.sent == []


async def test_the_document_s_own_path_cannot_lead_elsewhere() -> None:
    tool = await tool_of(one({}, path="/a/../b"), Listening())
    assert "names another path" in tool.check({})


async def test_an_idempotency_key_is_filled_in_and_never_asked_for() -> None:
    api = one({"parameters": [parameter("Idempotency-Key", "header", TEXT, required=True)]}, method="post")
    request = await sent(api, {})
    assert header(request, "idempotency-key") == "k-1"
    assert properties(api) == {}


async def test_a_post_that_is_declared_idempotent_carries_the_key_and_another_does_not() -> None:
    assert header(await sent(one({}, method="post"), {}, Choice(effect="idempotent")), "idempotency-key") == "k-1"
    assert header(await sent(one({}, method="post"), {}), "idempotency-key") is None
    assert header(await sent(one({}, method="put"), {}), "idempotency-key") is None


# -- bodies ------------------------------------------------------------------------------------------------------------


async def test_a_json_body_is_one_argument() -> None:
    schema: JsonObject = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    api = one(body("application/json; charset=utf-8", schema), method="post")
    request = await sent(api, {"body": {"n": 1}})
    assert (request.body, header(request, "content-type")) == (b'{"n":1}', "application/json; charset=utf-8")
    tool = await tool_of(api, Listening())
    assert tool.check({}) == "body: is required"
    assert tool.check({"body": {"n": "x"}}) == 'body.n: should be an integer; got "x"'


async def test_a_body_that_is_optional_may_be_left_out() -> None:
    api = one(
        {"requestBody": {"$ref": "#/components/requestBodies/B"}},
        method="post",
        components={"requestBodies": {"B": {"content": {"*/*": {}}}}},
    )
    assert (await sent(api, {})).body == b""
    assert header(await sent(api, {"body": None}), "content-type") == "application/json"


async def test_a_form_is_written_field_by_field_as_its_encoding_says() -> None:
    schema: JsonObject = {"type": "object", "properties": {name: {} for name in ("a", "many", "o", "deep", "flat")}}
    encoding: JsonObject = {"deep": {"style": "deepObject", "explode": True}, "flat": {"explode": False}}
    api = one(body("application/x-www-form-urlencoded", schema, encoding=encoding), method="post")
    fields: JsonObject = {
        "a": "x y&z",
        "many": [1, 2],
        "o": {"k": 1},
        "deep": {"k": [1]},
        "flat": ["p", "q"],
        "free": True,
    }
    request = await sent(api, {"body": fields})
    expected = {
        "a": ["x y&z"],
        "many": ["1", "2"],
        "o": ['{"k":1}'],
        "deep[k][0]": ["1"],
        "flat": ["p,q"],
        "free": ["true"],
    }
    assert parse_qs(request.body.decode(), strict_parsing=True) == expected


async def test_a_multipart_body_has_files_as_text_or_base64() -> None:
    schema: JsonObject = {
        "type": "object",
        "properties": {
            "file": {**BINARY, "description": "The scan."},
            "more": {"type": "array", "items": BINARY},
            "note": TEXT,
            "meta": {"type": "object"},
            "tags": {"type": "array"},
            "any": True,
        },
        "required": ["file"],
    }
    encoding: JsonObject = {
        "file": {"contentType": "image/png, image/jpeg"},
        "tags": {"contentType": "application/json"},
    }
    api = one(
        body("multipart/form-data", {"$ref": "#/components/schemas/Upload"}, encoding=encoding),
        method="post",
        components={"schemas": {"Upload": schema}},
    )
    pixels = bytes(range(256))
    fields: JsonObject = {
        "file": {"name": 'a"\r\n.png', "base64": base64.b64encode(pixels).decode()},
        "more": [{"text": "één", "media": "text/plain"}, {"text": ""}],
        "note": "hello",
        "meta": {"k": 1},
        "tags": [1, 2],
    }
    request = await sent(api, {"body": fields})
    found = [
        (part.get_param("name", header="content-disposition"), part.get_content_type(), part.get_payload(decode=True))
        for part in parts(request)
    ]
    assert found == [
        ("file", "image/png", pixels),
        ("more", "text/plain", "één".encode()),
        ("more", "application/octet-stream", b""),
        ("note", "text/plain", b"hello"),
        ("meta", "application/json", b'{"k":1}'),
        ("tags", "application/json", b"[1,2]"),
    ]
    assert parts(request)[0].get_filename() == "a%22%0D%0A.png"
    assert request == await sent(api, {"body": fields}), "the same call is the same bytes"
    tool = await tool_of(api, Listening())
    assert "The scan." in str(tool.spec.schema)
    assert tool.check({"body": {"file": {"base64": "?"}}}) == "body: `base64` of a file is not valid base64"
    assert tool.check({"body": {"file": {"text": "a", "media": "a\nb"}}}).startswith("body: may not hold line breaks")
    assert "body.file" in tool.check({"body": {"file": "plain"}})


async def test_files_are_files_also_in_parents() -> None:
    schema: JsonObject = {"allOf": [{"$ref": "#/components/schemas/Upload"}, {"properties": {"note": TEXT}}]}
    upload: JsonObject = {"type": "object", "properties": {"file": {"type": "string", "contentMediaType": "image/png"}}}
    api = one(body("multipart/form-data", schema), method="post", components={"schemas": {"Upload": upload}})
    request = await sent(api, {"body": {"file": {"text": "x"}, "note": "n"}})
    assert [part.get_payload(decode=True) for part in parts(request)] == [b"x", b"n"]


@pytest.mark.parametrize(
    ("media", "schema", "value", "written", "said"),
    [
        ("text/plain", TEXT, "é", "é".encode(), "text/plain"),
        ("text/*", TEXT, "a", b"a", "text/plain; charset=utf-8"),
        ("text/csv", {}, {"a": 1}, b'{"a":1}', "text/csv"),
        ("application/octet-stream", {}, {"base64": "AAE="}, b"\0\1", "application/octet-stream"),
        ("image/*", BINARY, {"text": "x", "media": "image/svg+xml"}, b"x", "image/svg+xml"),
        ("image/*", BINARY, {"text": "x"}, b"x", "application/octet-stream"),
        ("*/*", BINARY, {"text": "x"}, b"x", "application/octet-stream"),
        ("application/vnd.api+json", {}, [1], b"[1]", "application/vnd.api+json"),
        ("*/*", {}, [1], b"[1]", "application/json"),
    ],
)
async def test_other_bodies_have_their_media_type(
    media: str, schema: JsonValue, value: JsonValue, written: bytes, said: str
) -> None:
    request = await sent(one(body(media, schema), method="post"), {"body": value})
    assert (request.body, header(request, "content-type")) == (written, said)


async def test_json_goes_before_other_media_unless_one_is_chosen() -> None:
    content: JsonObject = {"application/xml": {}, "text/plain": {"schema": TEXT}, "application/json": {"schema": {}}}
    api = one({"requestBody": {"content": content}}, method="post")
    assert header(await sent(api, {"body": "a"}), "content-type") == "application/json"
    assert header(await sent(api, {"body": "a"}, Choice(media="text/plain")), "content-type") == "text/plain"
    with pytest.raises(ConfigError, match="cannot be written as application/xml; it has application/xml, text/plain"):
        operation(api, "do", "application/xml")


def test_a_body_that_json_cannot_become_is_refused() -> None:
    with pytest.raises(ConfigError, match="its body is application/xml, which cannot be written from JSON"):
        operation(one(body("application/xml", {}), method="post"), "do")


@pytest.mark.parametrize("media", ["application/x-www-form-urlencoded", "multipart/form-data"])
async def test_a_form_of_no_schema_still_wants_fields(media: str) -> None:
    tool = await tool_of(one(body(media, {}), method="post"), Listening())
    assert tool.check({"body": [1]}).startswith("body: should be an object")


def test_an_operation_without_content_has_no_body() -> None:
    assert operation(one({"requestBody": {"content": {}}}), "do").body is None


def test_a_description_of_a_parameter_reaches_the_model_and_is_bounded() -> None:
    api = one(
        {
            "parameters": [
                parameter("a", schema=True, description="A  b\n" + "c" * 900),
                parameter("b", schema=False, description="never"),
            ]
        }
    )
    assert properties(api)["a"] == {"description": ("A b " + "c" * 900)[:400]}
    assert properties(api)["b"] == {"not": {}, "description": "never"}


# -- answers -----------------------------------------------------------------------------------------------------------


def test_the_schema_of_the_good_answer_is_kept() -> None:
    pet: JsonObject = {
        "type": "object",
        "properties": {"id": {"type": "integer", "readOnly": True}, "pin": {"writeOnly": True}},
    }
    responses: JsonObject = {
        "404": {},
        "200": {
            "content": {
                "text/html": {"schema": TEXT},
                "application/json": {"schema": {"$ref": "#/components/schemas/Pet"}},
            }
        },
    }
    tools = OpenAPITools(one({"responses": responses}, components={"schemas": {"Pet": pet}}), Listening())
    assert tools.output("do") == {"type": "object", "properties": {"id": {"type": "integer"}}}
    assert OpenAPITools(one({}), Listening()).output("do") is None
    assert OpenAPITools(one({"responses": {"204": {}}}), Listening()).output("do") is None


# -- the law -----------------------------------------------------------------------------------------------------------

WORD = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
LINE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=8)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | WORD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORD, inner, max_size=3),
    max_leaves=6,
)


@given(
    WORD, st.lists(WORD, min_size=1, max_size=3), st.dictionaries(WORD, WORD, min_size=1, max_size=3), LINE, WORD, VALUE
)
async def test_law_what_a_server_reads_is_what_was_meant(
    place: str, many: list[str], deep: dict[str, str], line: str, cookie: str, content: JsonValue
) -> None:
    assume(place not in {".", ".."})
    listed: list[JsonValue] = [
        parameter("place", "path", TEXT),
        parameter("many", "query", {"type": "array"}),
        parameter("deep", "query", {"type": "object"}, style="deepObject"),
        parameter("X-Line", "header", TEXT),
        parameter("cookie", "cookie", TEXT),
    ]
    api = one({"parameters": listed, **body("application/json", {})}, method="post", path="/at/{place}")
    args: JsonObject = {
        "place": place,
        "many": [*many],
        "deep": {**deep},
        "X-Line": line,
        "cookie": cookie,
        "body": content,
    }
    request = await sent(api, args)
    assert request.url.startswith(SERVER)
    assert segments(request)[2:] == [place]
    assert query(request) == [("many", item) for item in many] + [
        (f"deep[{key}]", value) for key, value in deep.items()
    ]
    assert header(request, "x-line") == line
    ((name, value),) = parse_qs(header(request, "cookie") or "", strict_parsing=True).items()
    assert (name, value) == ("cookie", [cookie])
    assert msgspec.json.decode(request.body) == content


async def test_a_stand_in_that_answers_bytes_says_what_they_are() -> None:
    tool = await tool_of(one({}), Listening(raw(b"\x89PNG", "image/png")))
    assert await tool.call({}, CONTEXT) == {"media": "image/png", "bytes": 4}
