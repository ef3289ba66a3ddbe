"""Proxies: which one the environment means."""

import pytest

from remit.core.errors import ConfigError
from remit.models.http.proxies import Proxy, chosen, environment_proxy, proxy
from remit.models.http.written import target


@pytest.mark.parametrize(
    ("known", "url", "host"),
    [
        ({}, "https://a.example/", ""),
        ({"https": "http://p:3128"}, "https://a.example/", "p"),
        ({"https": "http://p:3128"}, "http://a.example/", ""),
        ({"http": "p:3128"}, "http://a.example/", "p"),
        ({"all": "http://p:3128"}, "https://a.example/", "p"),
        ({"all": "http://q", "https": "http://p"}, "https://a.example/", "p"),
        ({"all": "http://p", "no": "a.example"}, "https://a.example/", ""),
        ({"all": "http://p", "no": "example"}, "https://a.example/", ""),
        ({"all": "http://p", "no": ".example,localhost"}, "http://localhost:8000/", ""),
        ({"all": "http://p", "no": "127.0.0.1:8000"}, "http://127.0.0.1:8000/", ""),
        ({"all": "http://p", "no": "127.0.0.1:8001"}, "http://127.0.0.1:8000/", "p"),
        ({"all": "http://p", "no": "::1"}, "http://[::1]:8000/", ""),
        ({"all": "http://p", "no": "*"}, "https://a.example/", ""),
        ({"all": "http://p", "no": "b.example"}, "https://a.example/", "p"),
    ],
)
def test_the_proxy_that_leads_to_a_target(known: dict[str, str], url: str, host: str) -> None:
    found = chosen(target(url), known)
    assert (found.host if found else "") == host


def test_a_proxys_url_says_where_it_is_and_who_asks() -> None:
    assert proxy("http://p") == Proxy(host="p", port=80)
    assert proxy("https://p") == Proxy(host="p", port=443, tls=True)
    assert proxy("http://u:p%40w@[::1]:3128") == Proxy(host="::1", port=3128, user="u", password="p@w")
    assert proxy("socks5://p") == proxy("socks5h://p") == Proxy(kind="socks5", host="p", port=1080)
    assert proxy("http://u:p%40w@p").authorization == "Basic dTpwQHc="
    assert proxy("http://u@p:1").authorization == "Basic dTo="
    assert proxy("http://p").authorization == ""


@pytest.mark.parametrize(
    "url", ["http://p:port", "http://[p", "socks4://secret@p:1", "http://", "ftp://p", f"http://{'secret' * 50}@p"]
)
def test_a_proxy_that_cannot_be_used_is_a_matter_of_configuration(url: str) -> None:
    with pytest.raises(ConfigError) as error:
        proxy(url)
    assert "secret" not in str(error.value)


def test_a_proxy_never_shows_its_password() -> None:
    assert "secret" not in repr(proxy("http://u:secret@p:1"))


def test_this_machine_is_asked() -> None:
    environment_proxy(target("http://127.0.0.1/"))
