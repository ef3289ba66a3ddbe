"""Tokens of a local issuer with real keys, and what attackers make of them."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable

import msgspec
import pytest
from tests.server.access.clocks import Clock
from tests.server.access.oidc.issuer import EC, ED, OTHER, RSA, WEAK, Issuer, Private, http, issuing, jwk, pem
from tests.server.access.requests import asked

from remit.core.values import JsonObject
from remit.server.access import DeniedError, Principal
from remit.server.access.oidc import IssuerSettings
from remit.server.access.oidc.keyset import FRESH, PAUSE, STALE
from remit.server.access.oidc.tokens import Tokens

MAPS: JsonObject = {
    "audience": "remit",
    "tenant": {"claim": "org"},
    "role": {"claim": "groups", "map": {"support": "operator", "boss": "admin", "code": "developer"}},
    "timeout": 0.2,
}


def settings(issuer: Issuer, **more: object) -> IssuerSettings:
    return msgspec.convert({"issuer": issuer.url, **MAPS, **more}, IssuerSettings)


async def known(tokens: Tokens, text: str) -> Principal | None:
    return await tokens.recognise(asked(authorization=f"Bearer {text}"))


async def refusal(tokens: Tokens, text: str) -> DeniedError:
    with pytest.raises(DeniedError) as error:
        await known(tokens, text)
    return error.value


@pytest.mark.parametrize(("alg", "key"), [("RS256", RSA), ("ES256", EC), ("EdDSA", ED)])
async def test_a_token_of_the_issuer_is_known(alg: str, key: Private) -> None:
    async with issuing(jwk(key, "k1")) as issuer:
        found = await known(Tokens([settings(issuer)]), issuer.token(key, alg=alg))
    assert found == Principal(name="ann", tenant="acme", role="operator", how="token")


async def test_what_is_no_token_is_left_to_others() -> None:
    async with issuing() as issuer:
        tokens = Tokens([settings(issuer)])
        assert await tokens.recognise(asked()) is None
        assert await known(tokens, "remit_a_b") is None
        assert await known(tokens, "") is None


def unsigned(issuer: Issuer, alg: str) -> str:
    head, body, _ = issuer.token(RSA).split(".")
    said = json.loads(base64.urlsafe_b64decode(head + "=="))
    forged = base64.urlsafe_b64encode(json.dumps({**said, "alg": alg}).encode()).rstrip(b"=").decode()
    return f"{forged}.{body}."


def hmacked(issuer: Issuer) -> str:
    """Signed with the public key as if it were a shared secret, as no honest library would do."""
    encode = base64.urlsafe_b64encode
    head = encode(json.dumps({"alg": "HS256", "kid": "k1", "typ": "JWT"}).encode()).rstrip(b"=")
    body = issuer.token(RSA).split(".")[1].encode()
    sign = hmac.new(pem(RSA), head + b"." + body, hashlib.sha256).digest()
    return b".".join((head, body, encode(sign).rstrip(b"="))).decode()


def soon(seconds: int) -> int:
    """That many seconds from the moment a test asks: the suite may run for longer than a token lasts."""
    return int(time.time()) + seconds


ATTACKS: dict[str, Callable[[Issuer], str]] = {
    "no signature": lambda one: unsigned(one, "none"),
    "no signature, shouted": lambda one: unsigned(one, "NONE"),
    "a signature that is empty": lambda one: unsigned(one, "RS256"),
    "the public key as a secret": hmacked,
    "an algorithm that is not allowed": lambda one: one.token(RSA, alg="PS256"),
    "another key with the same id": lambda one: one.token(OTHER),
    "an id that nobody knows": lambda one: one.token(RSA, kid="k9"),
    "the id of a key of another kind": lambda one: one.token(RSA, kid="e1"),
    "the algorithm of another kind of key": lambda one: one.token(EC, alg="ES256", kid="k1"),
    "a key for encryption": lambda one: one.token(OTHER, kid="enc"),
    "a key that is for another algorithm": lambda one: one.token(OTHER, kid="rs512"),
    "a key that is too short": lambda one: one.token(WEAK, kid="weak"),
    "expired": lambda one: one.token(RSA, exp=soon(-60)),
    "not yet": lambda one: one.token(RSA, nbf=soon(600)),
    "issued in the future": lambda one: one.token(RSA, iat=soon(600)),
    "without an end": lambda one: one.token(RSA, exp=None),
    "without an audience": lambda one: one.token(RSA, aud=None),
    "for another audience": lambda one: one.token(RSA, aud="other"),
    "of another issuer": lambda one: one.token(RSA, iss="http://127.0.0.1:1"),
    "of an issuer that is a list": lambda one: one.token(RSA, iss=None, iss_="x"),
    "to log out": lambda one: one.token(RSA, typ="logout+jwt"),
    "without a tenant": lambda one: one.token(RSA, org=None),
    "with many tenants": lambda one: one.token(RSA, org=["acme", "other"]),
    "without a role": lambda one: one.token(RSA, groups=None),
    "with roles that are not ours": lambda one: one.token(RSA, groups=["sales", {"support": 1}]),
    "without a name": lambda one: one.token(RSA, sub=" "),
    "with a name that drives terminals": lambda one: one.token(RSA, sub="a\x1b[2J"),
    "changed": lambda one: one.token(RSA)[:-8] + "AAAAAAAA",
    "too long": lambda one: one.token(RSA, more="x" * 20_000),
    "nonsense": lambda one: "a.b.c",
    "deep": lambda one: base64.urlsafe_b64encode(b"[" * 9000).decode() + ".e30.x",
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_token_with_anything_wrong_is_refused_in_the_same_words(attack: str) -> None:
    keys = (
        jwk(RSA, "k1"),
        jwk(EC, "e1"),
        jwk(OTHER, "enc", use="enc"),
        jwk(OTHER, "rs512", alg="RS512"),
        jwk(WEAK, "weak"),
    )
    async with issuing(*keys) as issuer:
        tokens = Tokens([settings(issuer)])
        error = await refusal(tokens, ATTACKS[attack](issuer))
        assert (error.status, str(error)) == (401, "this token is not valid here")
        assert await known(tokens, issuer.token(RSA)) is not None, "the honest one is"


async def test_clocks_may_differ_by_the_leeway() -> None:
    async with issuing(jwk(RSA, "k1")) as issuer:
        late = issuer.token(RSA, exp=int(time.time()) - 10)
        assert await known(Tokens([settings(issuer)]), late) is not None
        assert (await refusal(Tokens([settings(issuer, leeway=1)]), late)).status == 401


async def test_of_several_roles_the_one_that_may_most_counts() -> None:
    async with issuing(jwk(RSA, "k1")) as issuer:
        tokens = Tokens([settings(issuer)])
        found = await known(tokens, issuer.token(RSA, groups=["support", "boss"]))
        assert found is not None
        assert found.role == "admin"
        found = await known(tokens, issuer.token(RSA, groups="support"))
        assert found is not None
        assert found.role == "operator"


async def test_tenants_are_mapped_or_fixed_and_roles_may_lie_deep() -> None:
    async with issuing(jwk(RSA, "k1")) as issuer:
        mapping = Tokens([settings(issuer, tenant={"claim": "org", "map": {"o-1": "acme"}})])
        found = await known(mapping, issuer.token(RSA, org="o-1"))
        assert found is not None
        assert found.tenant == "acme"
        assert (await refusal(mapping, issuer.token(RSA, org="acme"))).status == 401, "only what is mapped"
        deep = {"claim": "realm.roles", "map": {"r": "viewer"}}
        fixed = Tokens([settings(issuer, tenant={"fixed": "only"}, role=deep)])
        found = await known(fixed, issuer.token(RSA, realm={"roles": ["r"]}))
        assert found is not None
        assert (found.tenant, found.role) == ("only", "viewer")


async def test_an_address_that_nobody_checked_is_no_name() -> None:
    async with issuing(jwk(RSA, "k1")) as issuer:
        tokens = Tokens([settings(issuer, name="email")])
        assert (await refusal(tokens, issuer.token(RSA, email="boss@example.org"))).status == 401
        assert (await refusal(tokens, issuer.token(RSA, email="boss@example.org", email_verified="true"))).status == 401
        found = await known(tokens, issuer.token(RSA, email="ann@example.org", email_verified=True))
        assert found is not None
        assert found.name == "ann@example.org"


async def test_keys_are_asked_for_once_and_a_new_one_is_found() -> None:
    clock = Clock()
    async with issuing(jwk(RSA, "k1")) as issuer:
        tokens = Tokens([settings(issuer)], clock=clock)
        for _ in range(3):
            await known(tokens, issuer.token(RSA))
        assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]
        issuer.keys = [jwk(OTHER, "k2")]
        assert (await refusal(tokens, issuer.token(OTHER, kid="k2"))).status == 401, "asked a moment ago"
        clock.now += int(PAUSE)
        assert await known(tokens, issuer.token(OTHER, kid="k2")) is not None
        assert (await refusal(tokens, issuer.token(RSA))).status == 401, "the old one was taken away"


async def test_made_up_key_ids_do_not_make_us_ask_the_issuer_each_time() -> None:
    async with issuing(jwk(RSA, "k1")) as issuer:
        tokens = Tokens([settings(issuer)], clock=Clock())
        for number in range(20):
            await refusal(tokens, issuer.token(OTHER, kid=f"made-up-{number}"))
        assert len(issuer.asked) == 2


async def test_a_forged_algorithm_or_issuer_makes_us_ask_nobody() -> None:
    async with issuing(jwk(RSA, "k1")) as issuer:
        tokens = Tokens([settings(issuer)])
        await refusal(tokens, unsigned(issuer, "none"))
        await refusal(tokens, issuer.token(RSA, iss="http://127.0.0.1:1"))
        assert issuer.asked == []


async def test_a_key_that_was_taken_away_is_not_believed_for_longer_than_it_is_fresh() -> None:
    clock = Clock()
    async with issuing(jwk(RSA, "k1")) as issuer:
        tokens = Tokens([settings(issuer)], clock=clock)
        await known(tokens, issuer.token(RSA))
        issuer.keys = [jwk(OTHER, "k2")]
        clock.now += int(FRESH)
        assert (await refusal(tokens, issuer.token(RSA))).status == 401


async def test_while_the_issuer_is_down_known_keys_are_good_for_a_while() -> None:
    clock = Clock()
    async with issuing(jwk(RSA, "k1")) as issuer:
        tokens = Tokens([settings(issuer)], clock=clock)
        await known(tokens, issuer.token(RSA))
        await issuer.stop()
        clock.now += int(FRESH)
        assert await known(tokens, issuer.token(RSA)) is not None
        clock.now += int(STALE)
        error = await refusal(tokens, issuer.token(RSA))
        assert (error.status, error.retry_after) == (503, PAUSE)


async def test_an_issuer_that_was_never_reached_is_no_reason_to_refuse_for_good() -> None:
    clock = Clock()
    async with issuing(jwk(RSA, "k1")) as issuer:
        text = issuer.token(RSA)
        await issuer.stop()
        tokens = Tokens([settings(issuer)], clock=clock)
        assert (await refusal(tokens, text)).status == 503
    async with issuing(jwk(RSA, "k1")) as back:
        tokens = Tokens([settings(back)], clock=clock)
        back.answer = lambda path: http(b"", "500 Oops")
        assert (await refusal(tokens, back.token(RSA))).status == 503
        back.answer = None
        assert (await refusal(tokens, back.token(RSA))).status == 503, "asked a moment ago"
        clock.now += int(PAUSE)
        assert await known(tokens, back.token(RSA)) is not None


LIES = {
    "stalls": b"",
    "is no JSON": http(b"<html>"),
    "is no object": http(b"[]"),
    "has no keys": http(b'{"keys": 1}'),
    "is not HTTP": b"hello\r\n\r\n",
    "has a key that is none": http(b'{"keys": [1, {"kty": "RSA", "kid": "k1", "n": "!", "e": 5}]}'),
    "has a key without a modulus": http(b'{"keys": [{"kty": "RSA", "kid": "k1"}]}'),
}


@pytest.mark.parametrize("lie", LIES)
async def test_whatever_the_address_of_the_keys_answers_nobody_gets_in(lie: str) -> None:
    async with issuing() as issuer:
        issuer.answer = lambda path: LIES[lie]
        tokens = Tokens([settings(issuer, jwks=f"{issuer.url}/keys")])
        assert (await refusal(tokens, issuer.token(RSA))).status in {401, 503}
        assert issuer.asked == ["/keys"]


async def test_keys_that_are_too_long_to_be_keys_are_not_read() -> None:
    async with issuing() as issuer:
        said = json.dumps({"keys": [jwk(RSA, "k1")], "more": "x" * (2 << 20)}).encode()
        issuer.answer = lambda path: http(said)
        tokens = Tokens([settings(issuer, jwks=f"{issuer.url}/keys", timeout=5)])
        assert (await refusal(tokens, issuer.token(RSA))).status == 503


async def test_nobody_leads_us_from_the_address_of_the_keys_to_another() -> None:
    async with issuing() as issuer:
        said = json.dumps({"keys": [jwk(RSA, "k1")]}).encode()
        issuer.answer = lambda path: http(b"", "302 Found", "Location: /b\r\n") if path == "/a" else http(said)
        assert (await refusal(Tokens([settings(issuer, jwks=f"{issuer.url}/a")]), issuer.token(RSA))).status == 503
        assert issuer.asked == ["/a"]
        assert await known(Tokens([settings(issuer, jwks=f"{issuer.url}/b")]), issuer.token(RSA)) is not None


async def test_the_document_of_another_issuer_is_not_believed() -> None:
    async with issuing(jwk(RSA, "k1")) as issuer:
        issuer.claims_to_be = "https://other.example"
        assert (await refusal(Tokens([settings(issuer)]), issuer.token(RSA))).status == 503


async def test_keys_at_an_address_without_tls_are_not_fetched() -> None:
    async with issuing() as issuer:
        said = json.dumps({"issuer": issuer.url, "jwks_uri": "http://192.0.2.1/keys"}).encode()
        issuer.answer = lambda path: http(said)
        assert (await refusal(Tokens([settings(issuer)]), issuer.token(RSA))).status == 503


async def test_two_issuers_are_kept_apart() -> None:
    async with issuing(jwk(RSA, "k1")) as one, issuing(jwk(OTHER, "k1")) as two:
        tokens = Tokens([settings(one), settings(two, tenant={"fixed": "two"})])
        found = await known(tokens, two.token(OTHER))
        assert found is not None
        assert found.tenant == "two"
        assert (await refusal(tokens, one.token(OTHER))).status == 401, "the key of the one opens nothing of the other"
