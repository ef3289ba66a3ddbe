"""Places to judge, as hypothesis makes them up."""

from ipaddress import IPv4Address, IPv6Address

from hypothesis import strategies as st

labels = st.from_regex(r"[a-z0-9]([a-z0-9_-]{0,8}[a-z0-9])?", fullmatch=True).filter(lambda text: text[:4] != "xn--")
tops = st.sampled_from(["com", "example", "internal", "test"])
names = st.tuples(st.lists(labels, max_size=3), tops).map(lambda drawn: ".".join([*drawn[0], drawn[1]]))
paths = st.from_regex(r"(/[a-zA-Z0-9._~%-]{0,6}){0,4}", fullmatch=True)
ports = st.integers(1, 65535)
private = st.sampled_from(
    [
        "127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.5.4", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "255.255.255.255", "240.0.0.1", "168.63.129.16", "::", "::1", "fe80::1",
        "fd00:ec2::254", "ff02::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::", "2001::1", "2001:db8::1",
        "::10.0.0.1", "fec0::1", "64:ff9b:1::1",
    ]
)  # fmt: skip
public = st.sampled_from(["8.8.8.8", "93.184.215.14", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
addresses4 = st.integers(0, 2**32 - 1).map(IPv4Address)
addresses6 = st.integers(0, 2**128 - 1).map(IPv6Address)
urls = st.tuples(st.sampled_from(["http", "https"]), names, ports, paths).map(
    lambda drawn: f"{drawn[0]}://{drawn[1]}:{drawn[2]}{drawn[3]}"
)
