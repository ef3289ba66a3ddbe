"""The filter and the profile, judged by a machine for filters, so that no call of the kernel is needed."""

import errno
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sandbox.programs import CALLS

from remit.core.errors import ConfigError
from remit.sandbox.seccomp import bpf, profile

ALLOW, KILL, ERRNO = 0x7FFF_0000, 0x8000_0000, 0x0005_0000
MACHINES = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
NOT_PERMITTED, UNKNOWN = ERRNO | errno.EPERM, ERRNO | errno.ENOSYS


def judged(program: bytes, machine: int, number: int, arguments: tuple[int, ...] = ()) -> int:
    """Run a filter over a call, as the kernel does; give its verdict."""
    full = (*arguments, *(0,) * (6 - len(arguments)))
    call = struct.pack("<iIQ6Q", number, machine, 0, *full)
    code = list(struct.iter_unpack("=HBBI", program))
    held, at = 0, 0
    while True:
        kind, yes, no, value = code[at]
        at += 1
        if kind == 0x06:
            return value
        if kind == 0x20:
            held = struct.unpack_from("<I", call, value)[0]
        else:
            holds = {0x15: held == value, 0x35: held >= value, 0x45: bool(held & value)}[kind]
            at += yes if holds else no


X86 = MACHINES["x86_64"]


def x86(number: int, *arguments: int, starting: bool = False) -> int:
    return judged(bpf("x86_64", starting=starting), X86, number, arguments)


def test_plain_work_is_allowed() -> None:
    assert {x86(number) for number in (0, 1, 3, 9, 12, 202, 231, 257, 318)} == {ALLOW}


@pytest.mark.parametrize("machine", MACHINES)
def test_dangerous_calls_are_refused_on_every_machine(machine: str) -> None:
    program, column = bpf(machine, starting=True), 0 if machine == "x86_64" else 1
    verdicts = {name: judged(program, MACHINES[machine], numbers[column]) for name, numbers in CALLS.items()}
    assert set(verdicts.values()) == {NOT_PERMITTED}


def test_arguments_decide_about_threads_pairs_limits_and_addresses() -> None:
    assert (x86(56, 0x3D0F00), x86(56, 17), x86(56, 0x1000_0011), x86(435)) == (
        ALLOW,
        NOT_PERMITTED,
        NOT_PERMITTED,
        UNKNOWN,
    )
    assert (x86(53, 1), x86(53, 2), x86(53, 40), x86(53, 1 << 32 | 1)) == (ALLOW, *[NOT_PERMITTED] * 3)
    assert (x86(302, 0), x86(302, 1)) == (ALLOW, NOT_PERMITTED)
    assert (x86(44, 3, 0, 0, 0, 0), x86(44, 3, 0, 0, 0, 9), x86(44, 3, 0, 0, 0, 1 << 40)) == (
        ALLOW,
        NOT_PERMITTED,
        NOT_PERMITTED,
    )
    assert (x86(157, 15), x86(157, 22), x86(16, 0, 0x5401), x86(16, 0, 0x5412)) == (
        ALLOW,
        NOT_PERMITTED,
        ALLOW,
        NOT_PERMITTED,
    )


def test_an_executable_is_started_only_where_that_comes_after_the_filter() -> None:
    assert (x86(59), x86(59, starting=True)) == (NOT_PERMITTED, ALLOW)


@given(st.integers(min_value=0, max_value=2**31 - 1), st.tuples(*[st.integers(min_value=0, max_value=2**64 - 1)] * 6))
def test_other_conventions_kill_and_every_call_has_a_verdict(number: int, arguments: tuple[int, ...]) -> None:
    program = bpf("x86_64", starting=False)
    assert judged(program, 0x4000_0003, number, arguments) == KILL
    assert judged(program, X86, number | 0x4000_0000, arguments) == KILL
    assert judged(program, X86, number & 0xFFFF, arguments) in (ALLOW, NOT_PERMITTED, UNKNOWN)


def test_a_machine_without_numbers_is_refused() -> None:
    with pytest.raises(ConfigError, match="'riscv64'"):
        bpf("riscv64", starting=False)


def test_the_profile_names_no_dangerous_call_and_refuses_by_default() -> None:
    told = profile()
    assert (told["defaultAction"], told["defaultErrnoRet"]) == ("SCMP_ACT_ERRNO", errno.EPERM)
    calls = told["syscalls"]
    assert isinstance(calls, list)
    plain: set[object] = set()
    for call in calls:
        assert isinstance(call, dict)
        names = call["names"]
        assert isinstance(names, list)
        if call["action"] == "SCMP_ACT_ALLOW" and "args" not in call:
            plain |= set(names)
    assert not plain & (set(CALLS) | {"clone", "clone3", "socket", "connect", "unshare"})
    assert {"read", "execve", "wait4"} <= plain
