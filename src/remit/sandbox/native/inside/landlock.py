"""Landlock: which files a program may touch at all, and that it reaches neither network nor processes outside.

Source: Linux, `Documentation/userspace-api/landlock.rst`.
"""

import ctypes
import os
import stat
import struct

from remit.sandbox.native.inside.linux import PR_SET_NO_NEW_PRIVS, prctl, syscall

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _TRUNCATE = 1, 2, 4, 8, 1 << 14
_FIRST, _REFER, _DEVICES = (1 << 13) - 1, 1 << 13, 1 << 15
_MAKE_SPECIAL = (1 << 6) | (1 << 9) | (1 << 10) | (1 << 11)
"""Character devices, sockets, FIFOs and block devices."""
_NETWORK, _SCOPES = 3, 3
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE


def version() -> int:
    """Ask the kernel for its version; raise `OSError` when it has none."""
    return syscall(_CREATE, "Landlock", None, ctypes.c_size_t(0), ctypes.c_uint32(1))


def _handled(abi: int) -> int:
    return _FIRST | (_REFER if abi >= 2 else 0) | (_TRUNCATE if abi >= 3 else 0) | (_DEVICES if abi >= 5 else 0)


def _allow(rules: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        # What is not there needs no right.
        return
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= _OF_FILES
        rule = struct.pack("=Qi", rights, descriptor)
        syscall(_ADD, f"Landlock rule of {path}", ctypes.c_int(rules), ctypes.c_int(1), rule, ctypes.c_uint32(0))
    finally:
        os.close(descriptor)


def ruleset(readable: list[str], listed: list[str], writable: list[str]) -> int:
    """Make the rules that let a process read, list or write below these paths and nowhere else."""
    abi = version()
    handled = _handled(abi)
    attributes = struct.pack("=Q", handled)
    attributes += struct.pack("=Q", _NETWORK) if abi >= 4 else b""
    attributes += struct.pack("=Q", _SCOPES) if abi >= 6 else b""
    size = ctypes.c_size_t(len(attributes))
    rules = syscall(_CREATE, "Landlock ruleset", attributes, size, ctypes.c_uint32(0))
    for path in readable:
        _allow(rules, path, _READ_FILE | _READ_DIR)
    for path in listed:
        _allow(rules, path, _READ_DIR)
    for path in writable:
        _allow(rules, path, handled & ~_EXECUTE & ~_MAKE_SPECIAL)
    return rules


def restrict(rules: int) -> None:
    """Put this process and what it starts under the rules, for ever."""
    prctl(PR_SET_NO_NEW_PRIVS, 1, "no_new_privs")
    syscall(_RESTRICT, "Landlock", ctypes.c_int(rules), ctypes.c_uint32(0))
