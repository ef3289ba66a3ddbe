"""Rules: what one line is about."""

import pytest

from remit.core.errors import ConfigError
from remit.policy.hosts import HostPolicy, destination, tunnel
from remit.policy.hosts.rules import host_rule


def allowed(rule: str, url: str) -> bool:
    return host_rule("allow", rule).covers(destination(url))


def blocked(rule: str, url: str) -> bool:
    return host_rule("block", rule).covers(destination(url))


@pytest.mark.parametrize(
    ("rule", "url", "covered"),
    [
        ("github.com/*", "https://github.com/a/b?c", True),
        ("github.com", "http://GITHUB.com.", True),
        ("github.com", "https://api.github.com/", False),
        ("github.com", "https://github.com:8443/", False),
        ("https://github.com", "http://github.com/", False),
        ("*.example.com", "https://a.b.example.com/", True),
        ("*.example.com", "https://example.com/", False),
        ("*.example.com", "https://badexample.com/", False),
        ("*", "https://anything.test/", True),
        ("*/public/*", "https://anything.test/private", False),
        ("api.test:8443/v1/*", "https://api.test:8443/v1/x/y", True),
        ("api.test:8443/v1/*", "https://api.test:8443/v2/x", False),
        ("api.test:8443/v1/*", "https://api.test/v1/x", False),
        ("api.test:*", "http://api.test:9999/", True),
        ("api.test/v1", "https://api.test/v1", True),
        ("api.test/v1", "https://api.test/v1/x", False),
        ("api.test/", "https://api.test/x", False),
        ("api.test/8", "https://api.test/8", True),
        ("api.test/v1/*", "https://api.test/v1/a%2Fb", True),
        ("api.test/v1/*", "https://api.test/v1/..%2Fadmin", False),
        ("api.test/v1/*", "https://api.test/v1/%252e%252e%252fadmin", False),
        ("api.test/v1/*", "https://api.test/v1/..;/admin", False),
        ("api.test/v1/*", "https://api.test/v1/x%5C..", False),
        ("10.0.0.0/8", "http://10.9.9.9/", True),
        ("10.0.0.0/8", "http://10.9.9.9:8080/", False),
        ("10.0.0.0/8:8080", "http://10.9.9.9:8080/", True),
        ("127.0.0.1:8080/api/*", "http://127.0.0.1:8080/api/x", True),
        ("0x7f.1", "http://127.0.0.1/", True),
        ("fd00::/8", "http://[fd00::1]/", True),
        ("[::1]:8080", "http://[::1]:8080/", True),
        ("10.0.0.0/8", "http://wiki.test/", False),
    ],
)
def test_what_an_allowing_rule_covers(rule: str, url: str, covered: bool) -> None:  # noqa: FBT001
    assert allowed(rule, url) is covered


@pytest.mark.parametrize(
    ("rule", "url"),
    [
        ("payroll", "http://payroll/"),
        ("payroll", "http://payroll.corp.test/"),
        ("payroll.test", "http://payroll.test:9000/"),
        ("api.test/admin/*", "https://api.test/ADMIN/x"),
        ("api.test/admin/*", "https://api.test//admin/x"),
        ("api.test/admin/*", "https://api.test/%61dmin/x"),
        ("api.test/admin/*", "https://api.test/%2561dmin/x"),
        ("api.test/admin/*", "https://api.test/x%2f..%2fadmin/x"),
    ],
)
def test_a_blocking_rule_covers_all_spellings(rule: str, url: str) -> None:
    assert blocked(rule, url)
    assert not blocked("other.test/admin/*", url)


def test_a_tunnel_is_covered_by_what_could_be_in_it() -> None:
    to = tunnel("api.test:443")
    assert host_rule("allow", "api.test").covers(to)
    assert host_rule("allow", "https://api.test").covers(to)
    assert not host_rule("allow", "http://api.test").covers(to)
    assert not host_rule("allow", "api.test/v1/*").covers(to)
    assert host_rule("block", "api.test/v1/*").covers(to)
    assert host_rule("block", "http://api.test").covers(to)


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("", "is not a rule about hosts"),
        ("ftp://x.test", "is not a rule about hosts|not the name"),
        ("x.test:99999", "is not a rule about hosts"),
        ("x.test:0", "is not a rule about hosts"),
        ("*example.com", "is not a rule about hosts"),
        ("u@x.test", "not the name of a host"),
        ("10.0.0.1/8", "not a network"),
        ("10.0.0.0/33", "not a network"),
        ("x.test/a?b", "no query"),
        ("x.test/a b", "a space"),
        ("*.1.2.3.4.5", "not an address"),
    ],
)
def test_a_rule_that_cannot_be_read_says_how_to_write_it(rule: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        host_rule("allow", rule)
    assert "HOST[:PORT|:*][/PATH]" in str(caught.value)


def test_a_rule_shows_itself_as_it_was_written() -> None:
    policy = HostPolicy(allow=["GitHub.com/*"], block=["x.test"])
    assert [str(rule) for rule in policy.rules] == ["block: x.test", "allow: GitHub.com/*"]
