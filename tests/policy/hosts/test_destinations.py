"""Destinations: one form for all spellings of a URL, and none for what readers disagree about."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.policy.hosts.places import addresses4, addresses6, urls

from remit.policy.hosts import destination, tunnel


@given(urls)
def test_the_canonical_form_is_its_own_canonical_form(url: str) -> None:
    once = destination(url)
    assert destination(once.url) == once


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_text_is_a_destination_that_stays_itself_or_is_refused(host: str, rest: str) -> None:
    try:
        once = destination(f"http://{host}/{rest}")
    except ValueError:
        return
    assert destination(once.url) == once
    assert once.url.isascii()


@given(addresses4)
def test_every_way_to_write_an_address_is_that_address(address: IPv4Address) -> None:
    number = int(address)
    a, b, c, d = address.packed
    forms = (
        address, number, f"{number:#x}", f"0{number:o}", f"{a}.{b}.{c}.{d}.", f"{a}.{b}.{c << 8 | d}",
        f"{a}.{number & 0xFFFFFF}", f"{a:#x}.0{b:o}.{c}.{d:#X}",
    )  # fmt: skip
    for form in forms:
        assert destination(f"http://{form}/").address == address


@given(addresses6)
def test_an_ipv6_address_is_itself(address: IPv6Address) -> None:
    assert destination(f"http://[{address.exploded.upper()}]:8080/").address == address


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("HTTPS://GitHub.COM.", "https://github.com/"),
        ("http://x.test:80/a/./b/../c", "http://x.test/a/c"),
        ("http://x.test/a/%2e%2E/%7Euser/..", "http://x.test/"),
        ("http://x.test/../../etc?q=%zz&a=[1]#top", "http://x.test/etc?q=%25zz&a=%5B1%5D"),
        ("https://x.test:/", "https://x.test/"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
        ("http://\uff11\uff12\uff17\u30020.0.1/", "http://127.0.0.1/"),
        ("http://a_b.example:8080/%2f", "http://a_b.example:8080/%2F"),
        ("http://[::1]:80/", "http://[::1]/"),
    ],
)
def test_spellings_of_a_url(url: str, canonical: str) -> None:
    assert destination(url).url == canonical


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://x.test/", "does not begin with"),
        ("//x.test/", "does not begin with"),
        ("https://good.test@evil.test/", "a user or a password"),
        ("https://good.test\\@evil.test/", "a backslash"),
        ("https://x.test/a b", "a space"),
        ("https://x.te\tst/", "a control character"),
        ("https://%6cocalhost/", "not the name of a host"),
        ("https://1.2.3.4.5/", "not an address"),
        ("https://256.1.1.1/", "not an address"),
        ("https://1.2.3.256/", "not an address"),
        ("https://089/", "not an address"),
        ("https://a.b.0x7f/", "not an address"),
        ("https://4294967296/", "not an address"),
        ("https://00000000000000000000001/", "not an address"),
        ("https://[fe80::1%25eth0]/", "not an IPv6 address"),
        ("https://[127.0.0.1]/", "not an IPv6 address"),
        ("https://[::1/", "not a host and a port"),
        ("https:///path", "not a host and a port"),
        ("https://x.test:0/", "0 is not a port"),
        ("https://x.test:65536/", "65536 is not a port"),
        ("https://xn--zzzzzz.test/", "not the encoded form"),
        ("https://a\u200db.test/", "not the name of a host"),
        ("https://a..test/", "not the name of a host"),
        ("https://-a.test/", "not the name of a host"),
        (f"https://{'a' * 64}.test/", "not the name of a host"),
        (f"https://{'a.' * 130}test/", "not the name of a host"),
    ],
)
def test_what_readers_disagree_about_is_refused(url: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        destination(url)


def test_a_tunnel_has_a_host_and_a_port_and_no_path() -> None:
    to = tunnel("Example.COM:443")
    assert (to.host, to.port, to.path, to.authority) == ("example.com", 443, None, "example.com")
    assert tunnel("[::1]:8443").authority == "[::1]:8443"
    assert tunnel("x.test:80").target == "/"
    for wrong in ("example.com", "a b:443", "u@x.test:443", "x.test:443/path"):
        with pytest.raises(ValueError, match=r"a host|a space|a user"):
            tunnel(wrong)
