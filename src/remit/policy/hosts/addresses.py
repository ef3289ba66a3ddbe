"""Addresses: which lead out to the public internet and which lead inside, also when one is hidden in another.

Source: the IANA special-purpose address registries (RFC 6890), RFC 4291, RFC 3056 (6to4), RFC 6052 (NAT64).
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

METADATA = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254",  # AWS, Azure, Google, DigitalOcean, OpenStack
            "169.254.169.253",  # AWS, DNS
            "169.254.170.2",  # AWS, credentials of containers
            "169.254.170.23",
            "fd00:ec2::23",
            "fd00:ec2::253",
            "fd00:ec2::254",
            "fd20:ce::254",  # Google
            "100.100.100.200",  # Alibaba
            "168.63.129.16",  # Azure, which looks public
            "192.0.0.192",  # Oracle
        ),
    )
)
"""Where clouds hand the credentials of a machine to whoever asks."""

_INSIDE: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("loopback", ("127.0.0.0/8", "::1/128")),
    ("link-local", ("169.254.0.0/16", "fe80::/10")),
    ("private", ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "fec0::/10")),
    ("multicast", ("224.0.0.0/4", "ff00::/8")),
    (
        "reserved",
        (
            "0.0.0.0/8",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "240.0.0.0/4",
            "2001::/23",
            "2001:db8::/32",
            "3fff::/20",
        ),
    ),
)
_NETWORKS = tuple((ip_network(text), kind) for kind, texts in _INSIDE for text in texts)
_GLOBAL = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_MAPPED = IPv6Network("::ffff:0:0/96")
_CARRIERS = ((_MAPPED, 0), (_NAT64, 0), (IPv6Network("2002::/16"), 80))
"""IPv6 networks whose addresses are IPv4 ones in another dress, and how many bits stand behind those."""


def embedded(address: Address) -> tuple[Address, ...]:
    """Give an address and, if it only carries an IPv4 one, that one too."""
    if isinstance(address, IPv4Address):
        return (address,)
    plain = IPv6Address(int(address))
    carried = [IPv4Address(int(plain) >> shift & 0xFFFFFFFF) for network, shift in _CARRIERS if plain in network]
    return (plain, *carried)


def inside(address: Address) -> str:
    """Say what kind of inside an address leads to, such as `private`; empty when it is out on the internet."""
    plain, *carried = embedded(address)
    if carried:
        return inside(carried[0])
    if plain in METADATA:
        return "cloud metadata"
    for network, kind in _NETWORKS:
        if plain in network:
            return kind
    return "" if plain.version == 4 or plain in _GLOBAL else "reserved"


def wholly_inside(network: Network) -> bool:
    """Say whether a network is a part of one that leads inside."""
    if network.num_addresses == 1:
        return inside(network.network_address) != ""
    return any(
        (isinstance(one, IPv4Network) and isinstance(network, IPv4Network) and network.subnet_of(one))
        or (isinstance(one, IPv6Network) and isinstance(network, IPv6Network) and network.subnet_of(one))
        for one, _ in _NETWORKS
    )
