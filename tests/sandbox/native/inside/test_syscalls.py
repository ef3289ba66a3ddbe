import re
from pathlib import Path

import pytest

from remit.sandbox.native.inside.seccomp import build
from remit.sandbox.native.inside.syscalls import checked, plain

HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
NAMES = {"newfstatat": "fstatat"}
"""What the general header calls otherwise than the machine's own."""


@pytest.mark.parametrize("machine", HEADERS)
def test_every_number_is_the_kernel_s(machine: str) -> None:
    if not HEADERS[machine].exists():
        pytest.skip(f"{HEADERS[machine]} is not installed (linux-libc-dev)")
    found = dict(re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", HEADERS[machine].read_text()))
    listed = plain(machine) | checked(machine)
    assert {
        name: number for name, number in listed.items() if found.get(name, found.get(NAMES.get(name))) != str(number)
    } == {}


@pytest.mark.parametrize("machine", HEADERS)
def test_no_call_is_both_plain_and_checked_and_none_makes_sockets_or_programs(machine: str) -> None:
    assert not plain(machine).keys() & checked(machine).keys()
    forbidden = {
        "socket",
        "connect",
        "execve",
        "fork",
        "vfork",
        "ptrace",
        "mount",
        "unshare",
        "setns",
        "bpf",
        "recvmsg",
    }
    assert not (plain(machine).keys() | checked(machine).keys()) & forbidden


@pytest.mark.parametrize("machine", HEADERS)
def test_a_filter_ends_with_a_refusal_and_without_namespaces_allows_less(machine: str) -> None:
    alone, shared = build(machine, 7, alone=True, threads=True), build(machine, 7, alone=False, threads=False)
    assert alone[-8:] == shared[-8:]
    assert int.from_bytes(alone[-4:], "little") == 0x0005_0001
    assert len(shared) < len(alone) < 8 * 4096


def test_a_machine_that_is_not_known_has_no_filter() -> None:
    with pytest.raises(OSError, match="riscv64"):
        build("riscv64", 7, alone=True, threads=True)
