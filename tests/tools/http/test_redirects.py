"""Redirects: what of a request goes on to the next place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from remit.policy.hosts import destination
from remit.tools.http.port import Incoming
from remit.tools.http.redirects import Step, after

methods = st.sampled_from(["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"])
statuses = st.sampled_from([301, 302, 303, 307, 308])
locations = st.sampled_from(
    ["/b", "?c", "https://a.test/x", "https://b.test/x", "http://a.test/x", "//b.test:8443/", "https://a.test:444/"]
)
headers = st.lists(
    st.tuples(st.sampled_from(["authorization", "Cookie", "x-key", "Accept", "content-type"]), st.just("v"))
).map(tuple)


@given(methods, statuses, locations, headers, st.binary(max_size=3))
def test_nothing_private_reaches_another_origin(
    method: str, status: int, location: str, given_: tuple[tuple[str, str], ...], body: bytes
) -> None:
    step = Step(method, destination("https://a.test/start?q"), given_, body)
    try:
        following = after(step, Incoming(status, {"location": location}, b"", step.to.url))
    except ValueError:
        assert "//" in location
        return
    assert following is not None
    if following.to.origin != step.to.origin:
        assert following.to.scheme == "https"
        assert following.method in {"GET", "HEAD", "OPTIONS"}
        assert following.body == b""
        assert {name.lower() for name, _ in following.headers} <= {"accept"}
    elif following.method == method and status != 303:
        assert following == replace(step, to=following.to)
    else:
        assert following.body == b""


@pytest.mark.parametrize("status", [200, 201, 300, 304, 305, 400])
def test_other_answers_lead_nowhere(status: int) -> None:
    step = Step("GET", destination("https://a.test/"), ())
    assert after(step, Incoming(status, {"location": "/b"}, b"", step.to.url)) is None
    assert after(step, Incoming(302, {}, b"", step.to.url)) is None
