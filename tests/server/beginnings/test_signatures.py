"""Signatures: only what who has the secret signed is believed, of each sender as it signs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.errors import ConfigError
from remit.server.beginnings.settings import Scheme
from remit.server.beginnings.signatures import fitting, mark, signed

SCHEMES: tuple[Scheme, ...] = ("standard", "github", "slack", "stripe")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
NOW = 1_614_265_330


def test_the_example_of_standard_webhooks_is_verified() -> None:
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    assert mark("standard", [SECRET], headers, b'{"test": 2432232314}', NOW) == headers["webhook-id"]


def test_the_example_of_github_is_verified() -> None:
    headers = {"x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}
    assert mark("github", ["It's a Secret to Everybody"], headers, b"Hello, World!", 0)


def test_the_example_of_slack_is_verified() -> None:
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&"
        b"channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url="
        b"https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&"
        b"trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    headers = {
        "x-slack-request-timestamp": "1531420618",
        "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    }
    assert mark("slack", ["8f742231b10e8888abcd99yyyzzz85a5"], headers, body, 1_531_420_618)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_was_signed_is_believed_with_either_secret_and_with_no_other(scheme: Scheme) -> None:
    headers = signed(scheme, SECRET, b'{"id": "1"}', at=NOW, name="d1")
    assert mark(scheme, [SECRET], headers, b'{"id": "1"}', NOW)
    assert mark(scheme, [OTHER, SECRET], headers, b'{"id": "1"}', NOW)
    assert not mark(scheme, [OTHER], headers, b'{"id": "1"}', NOW)
    assert not mark(scheme, [], headers, b'{"id": "1"}', NOW)
    assert not mark(scheme, [SECRET], headers, b'{"id": "2"}', NOW)
    assert not mark(scheme, [SECRET], {}, b'{"id": "1"}', NOW)


@pytest.mark.parametrize("scheme", ["standard", "slack", "stripe"])
def test_what_is_old_or_early_is_not_believed(scheme: Scheme) -> None:
    headers = signed(scheme, SECRET, b"{}", at=NOW, name="d1")
    for off, good in ((-301, False), (-300, True), (300, True), (301, False)):
        assert bool(mark(scheme, [SECRET], headers, b"{}", NOW + off)) is good


@pytest.mark.parametrize("scheme", ["standard", "slack", "stripe"])
def test_a_time_that_was_not_signed_is_not_believed(scheme: Scheme) -> None:
    headers = signed(scheme, SECRET, b"{}", at=NOW, name="d1")
    later = {name: value.replace(str(NOW), str(NOW + 400)) for name, value in headers.items()}
    assert not mark(scheme, [SECRET], later, b"{}", NOW + 400)


def test_an_id_that_was_not_signed_changes_nothing() -> None:
    standard = signed("standard", SECRET, b"{}", at=NOW, name="d1")
    assert not mark("standard", [SECRET], {**standard, "webhook-id": "d2"}, b"{}", NOW)
    github = signed("github", SECRET, b"{}", at=NOW, name="d1")
    # GitHub signs no id: another one must not make it another delivery.
    again = mark("github", [SECRET], {**github, "x-github-delivery": "d2"}, b"{}", NOW)
    assert again == mark("github", [SECRET], github, b"{}", NOW) != ""


def test_an_id_cannot_be_moved_into_what_it_stands_before() -> None:
    headers = signed("standard", SECRET, f"{NOW}.rest".encode(), at=NOW, name="d1")
    moved = {**headers, "webhook-id": f"d1.{NOW}", "webhook-timestamp": str(NOW)}
    assert not mark("standard", [SECRET], moved, b"rest", NOW)
    assert not mark("standard", [SECRET], signed("standard", SECRET, b"", at=NOW, name=""), b"", NOW)


def test_one_of_several_signatures_is_enough() -> None:
    good = signed("standard", SECRET, b"{}", at=NOW, name="d1")
    several = f"v1a,AAAA v1,{'A' * 43}= {good['webhook-signature']} v2,x"
    assert mark("standard", [SECRET], {**good, "webhook-signature": several}, b"{}", NOW) == "d1"
    stripe = signed("stripe", SECRET, b"{}", at=NOW)["stripe-signature"]
    headers = {"stripe-signature": stripe.replace("v1=", f"v1={'0' * 64},v0=x,v1=")}
    assert mark("stripe", [SECRET], headers, b"{}", NOW)


@pytest.mark.parametrize(("scheme", "field"), [("slack", "event_id"), ("stripe", "id")])
def test_what_is_sent_again_is_known_by_the_id_in_it(scheme: Scheme, field: str) -> None:
    bodies = [f'{{"{field}": "e1", "tries": {one}}}'.encode() for one in (1, 2)]
    marks = {
        mark(scheme, [SECRET], signed(scheme, SECRET, body, at=NOW + one), body, NOW) for one, body in enumerate(bodies)
    }
    assert marks == {"e1"}
    assert mark(scheme, [SECRET], signed(scheme, SECRET, b"no JSON", at=NOW), b"no JSON", NOW)


@given(
    st.sampled_from(SCHEMES),
    st.dictionaries(
        st.sampled_from(
            [
                "webhook-id",
                "webhook-timestamp",
                "webhook-signature",
                "x-hub-signature-256",
                "x-slack-request-timestamp",
                "x-slack-signature",
                "stripe-signature",
            ]
        ),
        st.text(max_size=100) | st.just(str(NOW)) | st.just("t=1614265330,v1=0") | st.just("v1,AAAA v1,é"),
    ),
    st.binary(max_size=100),
)
def test_nothing_that_a_stranger_sends_is_believed_or_breaks_it(
    scheme: Scheme, headers: dict[str, str], body: bytes
) -> None:
    assert mark(scheme, [SECRET], headers, body, NOW) == ""


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_AAAA", "not base64!", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\u00e9"]
)
def test_a_secret_that_standard_webhooks_cannot_have_is_refused_and_not_told(secret: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        fitting("standard", secret, "HOOK")
    assert "HOOK" in str(refusal.value)
    assert not secret or secret == "whsec_" or secret not in str(refusal.value)
