"""Addresses: which lead inside."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from tests.policy.hosts.places import addresses4, private, public

from remit.policy.hosts import embedded, inside


@given(private)
def test_what_is_not_on_the_internet_leads_inside(text: str) -> None:
    assert inside(ip_address(text))


@given(public)
def test_what_is_on_the_internet_does_not_lead_inside(text: str) -> None:
    assert not inside(ip_address(text))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("127.0.0.1", "loopback"),
        ("169.254.169.254", "cloud metadata"),
        ("::ffff:169.254.169.254", "cloud metadata"),
        ("168.63.129.16", "cloud metadata"),
        ("169.254.1.1", "link-local"),
        ("10.1.2.3", "private"),
        ("ff02::1", "multicast"),
        ("198.18.0.1", "reserved"),
        ("4000::1", "reserved"),
    ],
)
def test_the_kind_of_inside_is_named(text: str, kind: str) -> None:
    assert inside(ip_address(text)) == kind


@given(addresses4)
def test_an_address_in_another_dress_leads_where_it_leads_by_itself(address: IPv4Address) -> None:
    number = int(address)
    dressed = [
        IPv6Address(0xFFFF << 32 | number),
        IPv6Address(int(IPv6Address("64:ff9b::")) | number),
        IPv6Address(0x2002 << 112 | number << 80 | 0xABCD),
    ]
    for one in dressed:
        assert embedded(one) == (one, address)
        assert inside(one) == inside(address)


def test_a_zone_does_not_hide_an_address() -> None:
    assert inside(ip_address("fe80::1%eth0")) == "link-local"
