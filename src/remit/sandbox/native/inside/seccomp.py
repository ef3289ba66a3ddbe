"""The filter of system calls of a program: an allow-list in classic BPF.

Everything else fails with EPERM; another machine's calling convention (x32, i386) kills.
"""

import ctypes
import errno
import os
import struct
from functools import cache

from remit.sandbox.native.inside.linux import PR_SET_NO_NEW_PRIVS, check, prctl
from remit.sandbox.native.inside.syscalls import AUDIT, checked, plain

_LOAD, _EQUAL, _GREATER, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF_0000, 0x8000_0000, 0x0005_0000
_NUMBER, _MACHINE, _ARGUMENTS = 0, 4, 16
_X32 = 0x4000_0000
_PR_SET_SECCOMP, _MODE_FILTER = 22, 2

_CLONE_THREAD = 0x0001_0000
_CLONE_MORE = 0x7E02_0080 | 0x0000_F000
"""Namespaces, a descriptor of the process, tracing, vfork and another parent: no thread asks for them."""
_MAP_SHARED, _MAP_ANONYMOUS = 1, 0x20
_MAP_MORE = 0x0100 | 0x2000 | 0x4_0000
"""MAP_GROWSDOWN, MAP_LOCKED, MAP_HUGETLB: memory that the limit of the process does not count."""
_FCNTL = (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030, 1032, 1034)
"""Copies, flags, locks, sizes; not F_SETOWN and F_SETSIG, by which the kernel sends a signal for a process."""
_AF_UNIX = 1
_MSG_OOB = 1
"""Bytes out of band between UNIX sockets: a way into the kernel more than once, and no program's need."""
_TERMINAL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
"""TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX: what opening and wrapping files asks."""
_NAMES = (15, 16, 0x5356_4D41)
"""PR_SET_NAME, PR_GET_NAME, PR_SET_VMA: what threads and allocators use."""

_Code = list[tuple[int, int, int, int]]


def _low(argument: int) -> tuple[int, int, int, int]:
    return (_LOAD, 0, 0, _ARGUMENTS + 8 * argument)


def _high(argument: int) -> tuple[int, int, int, int]:
    return (_LOAD, 0, 0, _ARGUMENTS + 8 * argument + 4)


def _return(action: int) -> tuple[int, int, int, int]:
    return (_RETURN, 0, 0, action)


_DENY = _return(_ERRNO | errno.EPERM)


def _one_of(argument: int, values: tuple[int, ...]) -> _Code:
    """Allow when the argument is one of the values."""
    code: _Code = [_low(argument)]
    for value in values:
        code += [(_EQUAL, 0, 1, value), _return(_ALLOW)]
    return [*code, _DENY]


def _nothing(argument: int) -> _Code:
    """Allow when the argument is a null pointer."""
    halves: _Code = [_low(argument), (_EQUAL, 1, 0, 0), _DENY, _high(argument), (_EQUAL, 1, 0, 0), _DENY]
    return [*halves, _return(_ALLOW)]


def _rules(pid: int, *, threads: bool) -> dict[str, _Code]:
    more: _Code = [_low(0), (_ANY_BIT, 0, 1, _CLONE_MORE), _DENY]
    thread: _Code = [*more, (_ANY_BIT, 0, 1, _CLONE_THREAD), _return(_ALLOW if threads else _DENY[3]), _DENY]
    special: _Code = [_low(3), (_ANY_BIT, 0, 1, _MAP_MORE), _DENY]
    urgent: _Code = [_low(3), (_ANY_BIT, 0, 1, _MSG_OOB), _DENY]
    shared: _Code = [(_ANY_BIT, 0, 2, _MAP_SHARED), (_ANY_BIT, 0, 1, _MAP_ANONYMOUS), _DENY, _return(_ALLOW)]
    return {
        "clone": thread,
        # Its arguments are in memory, where a filter cannot look; C libraries fall back to clone.
        "clone3": [_return(_ERRNO | errno.ENOSYS)],
        # Shared memory without a file is nobody's in particular, so no limit of a process counts it.
        "mmap": [*special, *shared],
        "fcntl": _one_of(1, _FCNTL),
        "ioctl": _one_of(1, _TERMINAL),
        # Where process ids are those of the machine, no other process may be reached.
        "kill": _one_of(0, (pid,)),
        "tgkill": _one_of(0, (pid,)),
        "prctl": _one_of(0, _NAMES),
        "prlimit64": _one_of(0, (0, pid)),
        "socketpair": _one_of(0, (_AF_UNIX,)),
        # Without an address it reaches the other end of a pair only.
        "sendto": [*urgent, *_nothing(4)],
        "recvfrom": [*urgent, _return(_ALLOW)],
    }


_PAST_LANDLOCK = (
    *("truncate", "ftruncate", "fallocate", "rename", "renameat", "renameat2", "mkdir", "mkdirat", "rmdir"),
    *("link", "linkat", "unlink", "unlinkat", "symlink", "symlinkat", "chmod", "fchmod", "fchmodat"),
    *("utimes", "utimensat", "readlink", "readlinkat"),
)
"""What changes files, some of it past Landlock (modes and times always, lengths in its first versions), and what reads
where links lead, which is past it too."""


@cache
def _first(machine: str, *, alone: bool) -> bytes:
    """Write the part of the filter that is the same for every process."""
    if machine not in AUDIT:
        raise OSError(errno.ENOSYS, f"the filter knows no numbers of {machine}")
    code: _Code = [(_LOAD, 0, 0, _MACHINE), (_EQUAL, 1, 0, AUDIT[machine]), _return(_KILL), (_LOAD, 0, 0, _NUMBER)]
    if machine == "x86_64":
        code += [(_GREATER, 0, 1, _X32), _return(_KILL)]
    for name, number in plain(machine).items():
        if name in _PAST_LANDLOCK and not alone:
            continue
        code += [(_EQUAL, 0, 1, number), _return(_ALLOW)]
    return _packed(code)


def _packed(code: _Code) -> bytes:
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def build(machine: str, pid: int, *, alone: bool, threads: bool) -> bytes:
    """Write the filter of a process; raise `OSError` for a machine it has no numbers of.

    Alone, a process has namespaces of its own; without them it changes no files. Threads are for those whose number is
    bounded.
    """
    first = _first(machine, alone=alone)
    code: _Code = []
    rules = _rules(pid, threads=threads)
    for name, number in checked(machine).items():
        code += [(_EQUAL, 0, len(rules[name]), number), *rules[name]]
    return first + _packed([*code, _DENY])


def apply(*, alone: bool, threads: bool) -> None:
    """Put this process and what it starts under the filter, for ever."""
    program = build(os.uname().machine, os.getpid(), alone=alone, threads=threads)
    kept = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(kept))
    pointer = ctypes.create_string_buffer(header, len(header))
    prctl(PR_SET_NO_NEW_PRIVS, 1, "no_new_privs")
    libc = ctypes.PyDLL(None, use_errno=True)
    zero = ctypes.c_ulong(0)
    done = libc.prctl(ctypes.c_int(_PR_SET_SECCOMP), ctypes.c_ulong(_MODE_FILTER), pointer, zero, zero)
    check(done, "seccomp filter")
