"""A request's head: where it goes and what it says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.errors import ModelRequestError
from remit.models.http.written import Target, head, target


def test_a_url_says_where_a_request_goes() -> None:
    assert target("https://api.example/v1?a=b#c") == Target(
        scheme="https", host="api.example", port=443, path="/v1?a=b"
    )
    assert target("http://[::1]:8000").authority == "[::1]:8000"
    assert target("http://127.0.0.1").path == "/"
    assert target("HTTP://Host:80/").origin == "http://host:80"


def test_a_head_says_the_host_without_its_usual_port() -> None:
    assert b"\r\nhost: a.example\r\n" in head("GET", target("https://a.example/"), {}, 0)
    assert b"\r\nhost: a.example:80\r\n" in head("GET", target("https://a.example:80/"), {}, 0)


def test_only_a_get_without_a_body_has_no_length() -> None:
    to = target("http://a.example/")
    assert b"content-length" not in head("GET", to, {}, 0)
    assert b"content-length: 0\r\n" in head("POST", to, {}, 0)
    assert b"content-length: 5\r\n" in head("GET", to, {}, 5)


def test_a_proxy_is_told_the_whole_url() -> None:
    to = target("http://a.example/x")
    assert head("POST", to, {}, 0, proxy="").startswith(b"POST http://a.example:80/x HTTP/1.1\r\n")
    assert b"proxy-authorization" not in head("POST", to, {}, 0, proxy="")
    assert b"\r\nproxy-authorization: Basic x\r\n" in head("POST", to, {}, 0, proxy="Basic x")


@given(st.dictionaries(st.text(), st.text(), max_size=4))
def test_a_head_never_holds_more_lines_than_headers(headers: dict[str, str]) -> None:
    try:
        lines = head("POST", target("http://a.example/"), headers, 1).split(b"\r\n")
    except ModelRequestError:
        return
    assert len(lines) == 4 + len(headers) + 2
    assert not any(b"\r" in line or b"\n" in line or b"\0" in line for line in lines)


@given(st.text())
def test_a_target_never_holds_what_ends_a_line(path: str) -> None:
    try:
        read = target(f"http://a.example/{path}")
    except ModelRequestError:
        return
    assert not set(read.path + read.host) & set("\r\n\0 \t")


def test_a_message_names_the_header_and_never_its_value() -> None:
    with pytest.raises(ModelRequestError, match="'x-key'") as error:
        head("POST", target("http://a.example/"), {"accept": "x", "x-key": "secret\r"}, 0)
    assert "secret" not in str(error.value)
