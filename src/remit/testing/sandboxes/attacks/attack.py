"""Attack: a program that tries to get out, as data. It is harmless where it succeeds: it only proves the point."""

from typing import Literal

import msgspec

Shows = Literal["token", "touched", "finished", "books"]
"""How a breach shows: the secret came out, something outside was reached, a program came to an end that it must not
reach, or the books of the bridge are wrong."""


class Attack(msgspec.Struct, frozen=True, kw_only=True):
    """A program and how its breach shows.

    Its inputs are canaries: `secret` and `outside` (a file and its folder), `tcp`, `udp`, `unix` and `abstract` (where
    somebody listens), `pid` (a process whose environment and standard input hold the secret, with the `address` and
    `size` of the former), `fd` and `folder` (descriptors of file and folder), `accounts` (digests of the host's).
    """

    name: str
    shows: Shows
    program: str
    probe: str = ""
    """A harmless program that is run first; where it gets through, the other, which would end us too, is not run."""
    then: str = ""
    """The next program in the same box, which is judged instead."""
    get: str = ""
    """A file that is read from the box afterwards, as its owner would."""
    put: str = ""
    """A file that is written into the box afterwards."""
    calls: int | None = None
    """With a tool `pay(amount)`: how many of its calls are honest."""
    later: float = 0.0
    """Seconds for which canaries are watched after the program ended."""
    needs: str = ""
    """What it takes beside a box that holds nothing; empty where such a box is always breached."""


SCRATCH = """
import os
scratch = '/scratch' if os.path.isdir('/scratch') else os.getcwd()
"""
"""Goes to where files may be written."""

KERNEL = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(x86, arm, *words):
    number = arm if os.uname().machine == 'aarch64' else x86
    return libc.syscall(*[ctypes.c_long(w) if isinstance(w, int) else w for w in (number, *words)])
"""
"""Calls the kernel by number, on x86_64 and aarch64."""
