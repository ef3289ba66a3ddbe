"""Credentials by template, as an egress adds them, and what is recorded of it."""

import base64

import pytest
from tests.models.http.served import Peer, serving
from tests.tools.http.serving import Names, answer

from remit.core.errors import ConfigError, RejectedError
from remit.policy import Secrets
from remit.policy.hosts import HostPolicy
from remit.tools.http import Egress, Exchange, Outgoing
from remit.tools.secrets import EnvironmentSecrets, Vault, redacting

TOKEN = "sk-live-4f9a77c1"
VALUES = {
    "TOKEN": TOKEN,
    "ACME__TOKEN": "acme-live-1",
    "USER": "ann@example.com",
    "LINES": "two\r\nlines",
    "UNI": "clé-clé",
}


def vault(secrets: Secrets | None = None) -> Vault:
    return Vault([EnvironmentSecrets(environ=VALUES)], secrets or Secrets())


async def test_headers_are_filled_for_their_origin_and_tenant() -> None:
    given = vault().credentials(
        {
            "https://API.example.com:443/": {"Authorization": "Bearer ${TOKEN}", "X-Kind": "a$$b"},
            "http://127.0.0.1:80": {"X-Two": "${TOKEN}/${USER}"},
        }
    )
    assert await given("https://api.example.com", "other") == {"Authorization": f"Bearer {TOKEN}", "X-Kind": "a$b"}
    assert await given("https://api.example.com", "acme") == {"Authorization": "Bearer acme-live-1", "X-Kind": "a$b"}
    assert await given("http://127.0.0.1", "other") == {"X-Two": f"{TOKEN}/ann@example.com"}
    assert await given("https://evil.example.com", "acme") == {}
    assert await given("http://api.example.com", "acme") == {}


async def test_a_user_and_a_password_are_encoded() -> None:
    given = vault().credentials(
        {
            "https://a.example": {"Authorization": "Basic ${USER}:${TOKEN}"},
            "https://b.example": {"Authorization": "Basic me:${UNI}"},
            "https://c.example": {"Authorization": "Basic ${TOKEN}"},
        }
    )
    for origin, login in (("https://a.example", f"ann@example.com:{TOKEN}"), ("https://b.example", "me:clé-clé")):
        headers = await given(origin, "other")
        assert headers == {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}
    assert await given("https://c.example", "other") == {"Authorization": f"Basic {TOKEN}"}, "it may be encoded already"


@pytest.mark.parametrize("name", ["LINES", "UNI"])
async def test_a_value_that_would_break_a_header_is_an_error_without_it(name: str) -> None:
    given = vault().credentials({"https://a.example": {"Authorization": f"Bearer ${{{name}}}"}})
    with pytest.raises(ConfigError, match=f"'{name}' cannot be sent in a header") as refused:
        await given("https://a.example", "other")
    assert "two" not in str(refused.value)


@pytest.mark.parametrize(
    ("origin", "header", "text", "why"),
    [
        ("example.com", "A", "b", "does not begin with http"),
        ("https://a.example/path", "A", "b", "leave out what follows the host, '/path'"),
        ("https://a.example?x", "A", "b", "leave out what follows the host"),
        ("https://a.example", "A b", "c", "is no header"),
        ("https://a.example", "A", "b\r\nc", "is no header"),
        ("https://a.example", "A", "Bearer $TOKEN", "begins no"),
        ("https://a.example", "A", "Bearer ${TOKEN", "begins no"),
        ("https://a.example", "A", "Bearer ${TO KEN}", "begins no"),
        ("https://a.example", "A", "Bearer ${}", "begins no"),
    ],
)
def test_what_is_no_origin_and_no_header_is_refused_at_once(origin: str, header: str, text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        vault().credentials({origin: {header: text}})


def test_an_origin_that_is_given_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"https://a\.example are given twice"):
        vault().credentials({"https://a.example": {}, "https://A.example:443": {}})


async def test_an_egress_sends_them_and_neither_the_answer_nor_the_record_holds_them() -> None:
    async def script(peer: Peer) -> None:
        asked = await peer.request()
        await peer.say(answer(f"you are {asked.headers['authorization']} at {asked.line}".encode()))

    secrets, records = Secrets(), list[Exchange]()
    async with serving(script) as served:
        origin = f"http://app.test:{served.port}"
        egress = Egress(
            HostPolicy(allow=[f"app.test:{served.port}", f"127.0.0.1:{served.port}"]),
            credentials=vault(secrets).credentials({origin: {"Authorization": "Bearer ${TOKEN}"}}),
            record=redacting(records.append, secrets),
            resolver=Names(app_test=[["127.0.0.1"]] * 3),
        )
        async with egress:
            came = await egress.send(Outgoing("GET", f"{origin}/hooks/{TOKEN}?key={TOKEN}"))
            with pytest.raises(RejectedError, match="not sent"):
                await egress.send(Outgoing("GET", f"http://{TOKEN}.evil.test/"))
    assert TOKEN.encode() not in came.body
    assert [record.status for record in records] == [200, 0]
    assert TOKEN not in str(records)
    assert "/hooks/[secret:TOKEN]" in records[0].url


async def test_what_cannot_be_looked_up_is_not_sent_and_says_no_more_than_that() -> None:
    egress = Egress(
        HostPolicy(allow=["app.test", "127.0.0.1"]),
        credentials=vault().credentials({"http://app.test": {"Authorization": "Bearer ${MISSING}"}}),
        resolver=Names(app_test=[["127.0.0.1"]]),
    )
    async with egress:
        with pytest.raises(RejectedError, match=r"no credentials for http://app\.test \(ConfigError\)"):
            await egress.send(Outgoing("GET", "http://app.test/"))
