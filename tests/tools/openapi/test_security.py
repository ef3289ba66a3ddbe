"""Security: each scheme signs in its place, and no credential is seen by a model."""

import asyncio
import base64
from collections.abc import Mapping

import pytest
from msgspec.structs import replace
from tests.tools.openapi.stand_in import CONTEXT, SERVER, Listening, Said, answer, header, one, query, raw, tool_of

from remit.core.errors import ConfigError, RejectedError, ToolError
from remit.core.ports import Tool, ToolContext
from remit.core.values import JsonObject, JsonValue
from remit.tools.http.port import Incoming, Outgoing
from remit.tools.openapi import Client, Credential, Credentials, Login, OpenAPI, OpenAPITools, Token
from remit.tools.openapi.security import Security

SECRET = "s3cr3t-value-9"
SCHEMES: JsonObject = {
    "in_header": {"type": "apiKey", "in": "header", "name": "X-Key"},
    "in_query": {"type": "apiKey", "in": "query", "name": "api key"},
    "in_cookie": {"type": "apiKey", "in": "cookie", "name": "sid"},
    "basic": {"type": "http", "scheme": "Basic"},
    "bearer": {"$ref": "#/components/securitySchemes/real_bearer"},
    "real_bearer": {"type": "http", "scheme": "bearer"},
    "digest": {"type": "http", "scheme": "digest"},
    "tls": {"type": "mutualTLS"},
    "open_id": {"type": "openIdConnect", "openIdConnectUrl": "https://id.example.com"},
    "oauth": {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "token", "scopes": {}}}},
    "code": {"type": "oauth2", "flows": {"authorizationCode": {}}},
}


def api(*ways: JsonObject, method: str = "get") -> OpenAPI:
    return one({"security": [*ways]}, method=method, components={"securitySchemes": SCHEMES})


def giving(known: Mapping[str, Credential]) -> Credentials:
    async def give(scheme: str, tenant: str) -> Credential | None:
        assert tenant == "acme"
        return known.get(scheme)

    return give


async def made(document: OpenAPI, sender: Listening, known: Mapping[str, Credential]) -> Tool:
    (tool,) = await OpenAPITools(document, sender, credentials=giving(known)).open()
    return tool


async def signed(way: JsonObject, known: Mapping[str, Credential], *answers: Said) -> Outgoing:
    sender = Listening(*answers)
    await (await made(api(way), sender, known)).call({}, CONTEXT)
    return sender.sent[-1]


async def test_an_api_key_goes_where_its_scheme_says() -> None:
    token = Token(SECRET)
    assert header(await signed({"in_header": []}, {"in_header": token}), "x-key") == SECRET
    assert query(await signed({"in_query": []}, {"in_query": token})) == [("api key", SECRET)]
    assert header(await signed({"in_cookie": []}, {"in_cookie": token}), "cookie") == f"sid={SECRET}"


async def test_a_credential_too_short_to_be_told_from_chance_still_signs() -> None:
    assert header(await signed({"in_header": []}, {"in_header": Token("abc")}), "x-key") == "abc"


async def test_a_token_or_a_login_goes_into_authorization() -> None:
    for scheme in ("bearer", "open_id", "oauth", "code"):
        assert header(await signed({scheme: []}, {scheme: Token(SECRET)}), "authorization") == f"Bearer {SECRET}"
    written = header(await signed({"basic": []}, {"basic": Login("ann", "pässword")}), "authorization") or ""
    assert base64.b64decode(written.removeprefix("Basic ")).decode() == "ann:pässword"


async def test_schemes_that_are_needed_together_all_sign() -> None:
    request = await signed({"in_header": [], "bearer": []}, {"in_header": Token("key-123"), "bearer": Token(SECRET)})
    assert (header(request, "x-key"), header(request, "authorization")) == ("key-123", f"Bearer {SECRET}")


async def test_the_first_way_whose_credentials_are_all_there_is_taken() -> None:
    sender = Listening()
    document = api({"in_header": [], "bearer": []}, {"digest": []}, {"in_query": []})
    tool = await made(
        document, sender, {"in_header": Token("key-123"), "in_query": Token(SECRET), "digest": Token("x")}
    )
    await tool.call({}, CONTEXT)
    assert (header(sender.sent[0], "x-key"), query(sender.sent[0])) == (None, [("api key", SECRET)])


async def test_a_way_that_needs_nothing_leaves_a_request_unsigned() -> None:
    request = await signed({}, {})
    assert (request.url, [name for name, _ in request.headers]) == (f"{SERVER}/things", ["Accept"])
    sender = Listening()
    await (await tool_of(api({"bearer": []}), sender)).call({}, CONTEXT)
    assert header(sender.sent[0], "authorization") is None, "nobody gives credentials, so the sender may"


async def test_without_a_credential_nothing_is_sent_and_the_model_is_told() -> None:
    sender = Listening()
    tool = await made(api({"bearer": []}, {"in_query": []}), sender, {})
    with pytest.raises(RejectedError, match="no credential for bearer or in_query; a person must provide it"):
        await tool.call({}, CONTEXT)
    assert sender.sent == []


async def test_a_credential_that_would_break_out_of_its_header_is_not_sent_and_not_shown() -> None:
    tool = await made(api({"bearer": []}), Listening(), {"bearer": Token(f"{SECRET}\r\nX: y")})
    with pytest.raises(RejectedError, match="a person must mend it") as caught:
        await tool.call({}, CONTEXT)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("scheme", "message"),
    [("digest", "'digest' is 'digest'"), ("tls", "'tls' is 'mutualTLS'"), ("none", "does not declare")],
)
async def test_an_operation_that_no_credential_can_sign_is_no_tool(scheme: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        await made(api({scheme: []}), Listening(), {})


async def test_the_document_s_security_holds_where_an_operation_says_nothing() -> None:
    document = one({}, components={"securitySchemes": SCHEMES}, security=[{"bearer": []}])
    sender = Listening()
    await (await made(document, sender, {"bearer": Token(SECRET)})).call({}, CONTEXT)
    assert header(sender.sent[0], "authorization") == f"Bearer {SECRET}"


def test_credentials_do_not_show_themselves() -> None:
    assert SECRET not in repr([Token(SECRET), Login("ann", SECRET), Client("id", SECRET)])


# -- nothing is seen ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        answer({"you sent": f"Bearer {SECRET}"}),
        raw(SECRET.encode(), "text/plain"),
        raw(f"{{{SECRET}".encode(), "application/json"),
        answer(None, 201, location=f"/x?key={SECRET}"),
    ],
)
async def test_an_answer_that_repeats_the_credential_is_cleaned(said: Incoming) -> None:
    tool = await made(api({"in_query": []}), Listening(said), {"in_query": Token(SECRET)})
    shown = str(await tool.call({}, CONTEXT))
    assert SECRET not in shown
    assert "[secret:credential]" in shown


@pytest.mark.parametrize(
    "said",
    [
        answer({"bad": SECRET}, 400),
        answer({"bad": SECRET}, 500),
        ToolError(f"GET /x?key={SECRET} timed out", landing=True),
        RejectedError(f"cannot reach /x?key={SECRET}", retryable=True, retry_after=3.0),
    ],
)
async def test_an_error_that_repeats_the_credential_is_cleaned(said: Said) -> None:
    tool = await made(api({"in_query": []}), Listening(said), {"in_query": Token(SECRET)})
    with pytest.raises(ToolError) as caught:
        await tool.call({}, CONTEXT)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    if isinstance(said, ToolError):
        assert type(caught.value) is type(said)
        assert caught.value.landing == said.landing
    if isinstance(said, RejectedError) and isinstance(caught.value, RejectedError):
        assert (caught.value.retryable, caught.value.retry_after) == (True, 3.0)


# -- client credentials ------------------------------------------------------------------------------------------------

CLIENT = Client("me:1", SECRET)


def grant(token: str, **more: JsonValue) -> Incoming:
    return answer({"access_token": token, "token_type": "Bearer", **more})


async def test_a_token_is_asked_for_once_and_used_until_shortly_before_its_end() -> None:
    now = [0.0]
    sender = Listening(grant("token-aaa", expires_in=100), grant("token-bbb"))
    document = api({"oauth": ["read", "write"]})
    security = Security(document, giving({"oauth": CLIENT}), sender, clock=lambda: now[0])
    entry = document.entry("do")

    async def used() -> str:
        return (await security.sign(entry, "acme", SERVER)).headers[0][1]

    assert await asyncio.gather(used(), used(), used()) == ["Bearer token-aaa"] * 3
    now[0] = 69.0
    assert await used() == "Bearer token-aaa"
    now[0] = 70.0
    assert await used() == "Bearer token-bbb"
    assert len(sender.sent) == 2
    request = sender.sent[0]
    assert (request.method, request.url) == ("POST", f"{SERVER}/token")
    assert request.body == b"grant_type=client_credentials&scope=read+write"
    login = base64.b64decode((header(request, "authorization") or "").removeprefix("Basic ")).decode()
    assert login == f"me%3A1:{SECRET}"


async def test_a_token_that_is_not_taken_any_more_is_replaced() -> None:
    sender = Listening(grant("token-aaa"), answer({}), answer({}, 401), grant("token-bbb"), answer({"ok": 1}))
    tool = await made(api({"oauth": []}), sender, {"oauth": CLIENT})
    await tool.call({}, CONTEXT)
    with pytest.raises(RejectedError) as caught:
        await tool.call({}, CONTEXT)
    assert caught.value.retryable
    assert await tool.call({}, CONTEXT) == {"ok": 1}
    assert header(sender.sent[-1], "authorization") == "Bearer token-bbb"


async def test_a_fresh_token_that_is_not_taken_is_not_asked_for_again() -> None:
    tool = await made(api({"oauth": []}), Listening(grant("token-aaa"), answer({}, 401)), {"oauth": CLIENT})
    with pytest.raises(RejectedError) as caught:
        await tool.call({}, CONTEXT)
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("said", "retryable"),
    [
        (answer({"error": SECRET}, 400), False),
        (answer({}, 503), True),
        (answer({}, 429), True),
        (answer({"token": 1}), False),
        (raw(b"<html>", "text/html"), False),
        (ToolError("cut", landing=True), True),
        (RejectedError("not there"), False),
        (RejectedError("not there", retryable=True), True),
    ],
)
async def test_without_a_token_nothing_is_sent(said: Said, *, retryable: bool) -> None:
    sender = Listening(said)
    tool = await made(api({"oauth": []}, method="post"), sender, {"oauth": CLIENT})
    with pytest.raises(RejectedError, match="not sent: no token for oauth") as caught:
        await tool.call({}, CONTEXT)
    assert caught.value.retryable is retryable
    assert SECRET not in str(caught.value)
    assert len(sender.sent) == 1


async def test_a_client_for_a_scheme_without_its_flow_is_told_so() -> None:
    tool = await made(api({"code": []}), Listening(), {"code": CLIENT})
    with pytest.raises(RejectedError, match="no client credentials flow; give a Token"):
        await tool.call({}, CONTEXT)


async def test_tenants_do_not_share_a_token() -> None:
    async def client(scheme: str, tenant: str) -> Credential:
        return CLIENT

    sender = Listening(grant("token-aaa"), answer({}), grant("token-bbb"), answer({}))
    (tool,) = await OpenAPITools(api({"oauth": []}), sender, credentials=client).open()
    for tenant in ("one", "two"):
        await tool.call({}, replace(ToolContext(), tenant=tenant))
    assert [header(request, "authorization") for request in sender.sent[1::2]] == [
        "Bearer token-aaa",
        "Bearer token-bbb",
    ]
