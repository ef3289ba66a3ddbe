"""Host policy: the laws, and what it tells people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.policy.hosts.places import names, paths, private, public, urls

from remit.core.errors import ConfigError
from remit.policy.hosts import HostPolicy, destination, tunnel

hosts = names | st.just("*") | names.map("*.{}".format)
texts = st.tuples(hosts, paths).map(lambda drawn: f"{drawn[0]}:*{drawn[1]}")
rules = st.lists(texts, max_size=4)
defaults = st.sampled_from(["allow", "deny"])


@given(urls, rules, rules, st.lists(public))
def test_what_is_blocked_stays_blocked_whatever_is_allowed(
    url: str, allow: list[str], block: list[str], addresses: list[str]
) -> None:
    without = HostPolicy(allow=["*:*", *allow], block=block, otherwise="allow")
    host = destination(url).host
    within = HostPolicy(allow=["*:*", f"{host}:*", *allow], block=[*block, host], otherwise="allow")
    assert not within.why(url, addresses).granted
    covered = any(rule.kind == "block" and rule.covers(destination(url)) for rule in without.rules)
    assert without.why(url, addresses).granted is not covered


@given(urls, rules, defaults, st.lists(public), private, st.lists(public))
def test_no_name_leads_inside_while_no_rule_names_the_address(
    url: str, allow: list[str], otherwise: str, before: list[str], address: str, after: list[str]
) -> None:
    policy = HostPolicy(allow=["*:*", "0.0.0.0/0:*", *allow], otherwise="allow" if otherwise == "allow" else "deny")
    assert not policy.why(url, [*before, address, *after]).granted
    assert policy.why(url, [*before, *after]).granted


@given(private)
def test_no_literal_leads_inside_while_no_rule_names_it(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    policy = HostPolicy(allow=["*:*"], otherwise="allow")
    assert not policy.why(f"http://{host}/").granted
    assert HostPolicy(allow=[host]).why(f"http://{host}/").granted


@given(urls, st.lists(rules, min_size=2, max_size=2), rules)
def test_more_blocking_rules_never_grant_more(url: str, allow: list[list[str]], block: list[str]) -> None:
    for more in (block, [*block, *allow[1]]):
        if HostPolicy(allow=allow[0], block=more).why(url).granted:
            assert HostPolicy(allow=allow[0], block=block).why(url).granted


def test_a_name_that_leads_inside_needs_its_name_and_its_address_allowed() -> None:
    url, there = "http://wiki.test:8080/", ["10.1.2.3"]
    assert not HostPolicy(allow=["wiki.test:8080"]).why(url, there).granted
    assert not HostPolicy(allow=["10.0.0.0/8:*"]).why(url, there).granted
    assert not HostPolicy(allow=["wiki.test:8080", "10.0.0.0/8"]).why(url, there).granted
    assert not HostPolicy(allow=["wiki.test:8080", "10.0.0.0/8:*"], block=["10.1.0.0/16"]).why(url, there).granted
    assert HostPolicy(allow=["wiki.test:8080", "10.0.0.0/8:*"]).why(url, there).granted
    assert HostPolicy(allow=["wiki.test:8080", "fd00::/8", "10.0.0.0/8:*"]).why(url, ["::ffff:10.1.2.3"]).granted


def test_cloud_metadata_must_be_named_alone() -> None:
    url = "http://169.254.169.254/latest/"
    assert not HostPolicy(allow=["169.254.0.0/16"]).why(url).granted
    assert HostPolicy(allow=["169.254.169.254"]).why(url).granted


@pytest.mark.parametrize(
    ("url", "addresses", "says"),
    [
        ("https://new.test/", (), "no rule allows https://new.test"),
        ("https://api.test/v2", (), "no rule allows https://api.test with this path"),
        ("https://evil.test/", (), "https://evil.test is blocked by the rule `block: evil.test`"),
        ("https://api.test/v1/x", ("127.0.0.1",), "https://api.test leads to a loopback address, and no rule allows"),
        ("https://api.test/v1/x", ("nonsense",), "'nonsense' does not appear to be"),
        ("http://127.0.0.1/", (), "no rule allows http://127.0.0.1"),
        ("https://a@b.test/", (), "a user or a password"),
    ],
)
def test_a_refusal_says_why(url: str, addresses: tuple[str, ...], says: str) -> None:
    policy = HostPolicy(allow=["api.test/v1/*"], block=["evil.test"])
    verdict = policy.why(url, addresses)
    assert not verdict.granted
    assert verdict.reason.startswith(says) or says in verdict.reason


def test_a_tunnel_to_a_place_with_rules_about_paths_says_that_it_hides_them() -> None:
    verdict = HostPolicy(allow=["api.test/v1/*"]).why(tunnel("api.test:443"))
    assert "a tunnel hides them" in verdict.reason
    assert HostPolicy().why(tunnel("api.test:443")).reason == "no rule allows https://api.test"
    assert "loopback" in HostPolicy(otherwise="allow").why("http://[::1]:80").reason


def test_a_policy_is_read_from_lines() -> None:
    policy = HostPolicy.read("\n# places\nallow: github.com/*  # code\n block : 10.0.0.0/8\ndefault: allow\n")
    assert policy.otherwise == "allow"
    assert [str(rule) for rule in policy.rules] == ["block: 10.0.0.0/8", "allow: github.com/*"]
    assert HostPolicy.read("").otherwise == "deny"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("permit: x.test", "write `allow: PLACE`"),
        ("allow x.test", "write `allow: PLACE`"),
        ("allow:", "write `allow: PLACE`"),
        (": x.test", "write `allow: PLACE`"),
        ("default: maybe", "write `default: deny`"),
        ("default: deny\ndefault: deny", "and only once"),
        ("block: 10.0.0.1/8", "not a network"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(line: str, says: str) -> None:
    with pytest.raises(ConfigError, match=rf"hosts\.txt:[23]: .*{says}"):
        HostPolicy.read(f"allow: a.test\n{line}", "hosts.txt")


def test_another_default_is_refused() -> None:
    with pytest.raises(ConfigError, match="neither 'allow' nor 'deny'"):
        HostPolicy(otherwise="perhaps")  # pyright: ignore[reportArgumentType] - what a program without types may do
