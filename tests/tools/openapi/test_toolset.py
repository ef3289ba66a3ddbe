"""Toolsets: chosen operations under names and texts for a model, with an effect class and a server."""

from collections.abc import Mapping

import pytest
from tests.tools.openapi.stand_in import CONTEXT, Listening, answer, document, one, parameter, raw, tool_of

from remit.core.errors import ConfigError, RejectedError
from remit.core.values import JsonObject, JsonValue
from remit.testing.tools import check_tool
from remit.tools.http.port import Incoming
from remit.tools.openapi import Choice, LinkPages, OpenAPI, OpenAPITools
from remit.tools.validation import Validator

PATHS: JsonObject = {
    "/pets": {"get": {"operationId": "pets/list", "summary": "List pets."}, "post": {"operationId": "pets/add"}},
    "/pets/{id}": {
        "parameters": [parameter("id", "path", {"type": "integer"})],
        "get": {"summary": "One pet.", "description": "One pet.\x00\u202e", "deprecated": True},
        "put": {"operationId": "put"},
        "patch": {"operationId": "patch"},
        "delete": {"operationId": "delete"},
        "head": {"operationId": "head"},
    },
}


async def test_all_operations_become_tools_with_the_effect_of_their_method() -> None:
    tools = OpenAPITools(document(PATHS), Listening())
    found = {tool.spec.name: tool.spec.effect for tool in await tools.open()}
    assert found == {
        "pets_list": "read",
        "pets_add": "once",
        "get_pets_id": "read",
        "put": "idempotent",
        "patch": "once",
        "delete": "idempotent",
        "head": "read",
    }
    assert tools.name == "Shop"
    await tools.close()
    assert len(await tools.open()) == 7, "it may be opened again"


async def test_only_chosen_operations_become_tools_as_they_are_chosen() -> None:
    choice = Choice(
        name="add_pet", description="Adds.", effect="idempotent", price=0.5, timeout=3.0, retries=0, dangerous=True
    )
    only = {"pets/add": choice, "GET /pets/{id}": Choice()}
    add, get = [tool.spec for tool in await OpenAPITools(document(PATHS), Listening(), only=only).open()]
    assert (add.name, add.description, add.effect, add.price) == ("add_pet", "Adds.", "idempotent", 500_000_000)
    assert (add.timeout, add.retries, add.dangerous) == (3.0, 0, True)
    assert get.description == "Deprecated.\nOne pet."
    (listed,) = await OpenAPITools(document(PATHS), Listening(), only=["pets/list"]).open()
    assert listed.spec.description == "List pets."


async def test_every_operation_that_cannot_be_a_tool_is_named_with_the_reason() -> None:
    only = {"pets/add": Choice(name="no name"), "nothing": Choice(), "pets/list": Choice(name="put"), "put": Choice()}
    with pytest.raises(ConfigError, match="cannot be tools") as caught:
        await OpenAPITools(document(PATHS), Listening(), only=only).open()
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("3 of 4 operations of 'Shop' cannot be tools")
    assert "pets/add: 'no name' is no name for a tool" in lines[1]
    assert "has no operation 'nothing'" in lines[2]
    assert "put: another one is named 'put' too; give `Choice(name=...)`" in lines[3]


async def test_a_schema_that_is_none_is_found_before_anything_is_called() -> None:
    with pytest.raises(ConfigError, match=r"do: properties.a.type: is not JSON Schema"):
        await tool_of(one({"parameters": [parameter("a", schema={"type": "any"})]}), Listening())


async def test_long_names_are_cut_and_stay_apart() -> None:
    names = [f"{'very' * 20}_{end}" for end in ("a", "b")]
    paths: JsonObject = {f"/{name}": {"get": {"operationId": name}} for name in names}
    found = [tool.spec.name for tool in await OpenAPITools(document(paths), Listening()).open()]
    assert [len(name) for name in found] == [64, 64]
    assert len(set(found)) == 2


async def test_a_name_of_no_letters_is_still_a_name() -> None:
    tool = await tool_of(document({"/a": {"get": {"operationId": "東京"}}}), Listening(), key="東京")
    assert (tool.spec.name, tool.spec.description) == ("operation", "GET /a")


async def test_a_long_description_is_cut_at_a_word() -> None:
    tool = await tool_of(one({"description": "word " * 400}), Listening())
    assert len(tool.spec.description) <= 1004
    assert tool.spec.description.endswith("word ...")


@pytest.mark.parametrize("method", ["get", "put", "post"])
async def test_an_operation_keeps_the_contract_of_tools(method: str) -> None:
    listed: list[JsonValue] = [parameter("id", "path", {"type": "integer", "minimum": 1}), parameter("q")]
    tool = await tool_of(one({"parameters": listed}, method=method, path="/a/{id}"), Listening())
    await check_tool(tool, {"id": 1}, [{}, {"id": 0}, {"id": "x"}, {"id": 1, "y": 2}])


# -- what a call gives -------------------------------------------------------------------------------------------------

PET: JsonObject = {"type": "object", "required": ["id"], "properties": {"id": {"$ref": "#/components/schemas/Id"}}}
SCHEMAS: JsonObject = {"schemas": {"Pet": PET, "Id": {"type": "integer", "minimum": 1}}}
JSON_PET: JsonObject = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}}
SHOWN_PET: JsonObject = {
    "type": "object", "required": ["id"], "properties": {"id": {"type": "integer", "minimum": 1}}
}  # fmt: skip


async def promised(responses: JsonObject, method: str = "get", choice: Choice | None = None) -> JsonObject | None:
    api = one({"responses": responses}, method=method, components=SCHEMAS)
    return (await tool_of(api, Listening(), choice)).spec.output


async def test_the_schema_of_the_output_is_that_of_the_good_answer() -> None:
    assert await promised({"200": JSON_PET, "404": {}}) == SHOWN_PET
    assert await promised({"default": JSON_PET}) == SHOWN_PET


async def test_an_answer_that_is_no_json_is_promised_as_a_call_gives_it() -> None:
    cases: list[tuple[JsonObject, Incoming]] = [
        ({"204": {}}, answer(None, 204)),
        ({"201": {"description": "Made."}}, answer(None, 201, location="/1")),
        ({"200": {"content": {"text/csv": {}}}}, raw(b"a,b", "text/csv")),
        ({"200": {"content": {"application/pdf": {}}}}, raw(b"%PDF", "application/pdf")),
        ({"200": JSON_PET, "202": {}}, answer(None, 202)),
        ({"200": JSON_PET, "202": {}}, answer({"id": 7})),
    ]
    for responses, said in cases:
        tool = await tool_of(one({"responses": responses}, components=SCHEMAS), Listening(said))
        assert tool.spec.output is not None
        problems = Validator(tool.spec.output).problems(await tool.call({}, CONTEXT))
        assert problems == "", responses
        assert Validator(tool.spec.output).problems([1]), "not everything is as promised"


async def test_a_head_has_no_body_whatever_the_document_says() -> None:
    promise = await promised({"200": JSON_PET}, "head")
    assert promise is not None
    assert promise["required"] == ["status"]


async def test_nothing_is_promised_where_the_document_leaves_an_answer_open_or_is_wrong() -> None:
    assert await promised({}) is None
    assert await promised({"404": JSON_PET}) is None
    assert await promised({"200": JSON_PET, "201": {"content": {"application/json": {}}}}) is None
    assert await promised({"200": {"content": {"*/*": {"schema": {"type": "object"}}}}}) is None
    wrong: JsonObject = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/No"}}}}
    assert await promised({"200": wrong}) is None


async def test_pages_are_promised_joined() -> None:
    listing: JsonObject = {"content": {"application/json": {"schema": {"type": "array"}}}}
    promise = await promised({"200": listing}, choice=Choice(pages=LinkPages()))
    tool = await tool_of(one({}), Listening(answer([1])), Choice(pages=LinkPages()))
    assert promise is not None
    assert tool.spec.output == promise
    assert Validator(promise).problems(await tool.call({}, CONTEXT)) == ""


async def test_the_host_of_its_server_is_known() -> None:
    assert (await tool_of(one({}), Listening())).spec.hosts == ("api.example.com",)
    (tool,) = await OpenAPITools(one({}), Listening(), server="http://LOCALHOST:8080/x").open()
    assert tool.spec.hosts == ("localhost",)
    with pytest.raises(ConfigError, match="is no address"):
        await OpenAPITools(one({}), Listening(), server="http://a b/").open()


# -- servers -----------------------------------------------------------------------------------------------------------

WHERE: JsonObject = {
    "url": "https://{region}.example.com/{base}/",
    "variables": {"region": {"default": "eu", "enum": ["eu", "us"]}, "base": {"default": "v1"}},
}


def served(servers: list[JsonValue], of_path: JsonValue = None, own: JsonValue = None) -> OpenAPI:
    operation: JsonObject = {"operationId": "do", **({"servers": own} if own else {})}
    return document({"/a": {"get": operation, **({"servers": of_path} if of_path else {})}}, servers=servers)


async def reached(api: OpenAPI, server: str | Mapping[str, str] = "") -> str:
    sender = Listening()
    (tool,) = await OpenAPITools(api, sender, server=server).open()
    await tool.call({}, CONTEXT)
    return sender.sent[0].url


async def test_a_server_s_variables_have_defaults_and_may_be_set() -> None:
    assert await reached(served([WHERE])) == "https://eu.example.com/v1/a"
    assert await reached(served([WHERE]), {"region": "us"}) == "https://us.example.com/v1/a"
    assert await reached(served([WHERE]), "http://localhost:80/x/") == "http://localhost:80/x/a"


async def test_the_nearest_server_is_taken() -> None:
    near: JsonValue = [{"url": "https://near.example"}]
    nearer: JsonValue = [{"url": "https://nearer.example"}]
    assert await reached(served([WHERE], near)) == "https://near.example/a"
    assert await reached(served([WHERE], near, nearer)) == "https://nearer.example/a"


@pytest.mark.parametrize(
    ("servers", "server", "message"),
    [
        ([WHERE], {"region": "mars"}, "'region' is one of eu, us, not 'mars'"),
        ([{"url": "https://{host}/"}], "", "needs 'host'; give"),
        ([], "", "names no server; give `server=`"),
        ([{"url": "/v1"}], "", "'/v1' is no whole URL"),
        ([WHERE], "ftp://x.example", "is no whole URL"),
        ([WHERE], "https://x.example/?a=1", "has a query or a fragment"),
    ],
)
async def test_a_server_that_is_none_is_refused(
    servers: list[JsonValue], server: str | Mapping[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        await reached(served(servers), server)


async def test_wrong_arguments_are_refused_before_anything_is_sent() -> None:
    sender = Listening()
    tool = await tool_of(one({}), sender)
    with pytest.raises(RejectedError, match="there is no such argument"):
        await tool.call({"x": 1}, CONTEXT)
    assert sender.sent == []
    assert await tool.probe({}, CONTEXT) is None
