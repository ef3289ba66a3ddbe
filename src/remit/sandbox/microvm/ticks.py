"""How fast this processor counts, which an emulated machine on a busy host fails to measure for itself."""

import ctypes
import mmap
import time
from collections.abc import Callable

_READ_TICKS = bytes.fromhex("0f31 48c1e220 4809d0 c3")
"""rdtsc; shl rdx, 32; or rax, rdx; ret"""
_SPAN = 0.1
_TRIES = 20


def kilohertz() -> int:
    """Measure the time stamp counter of an x86_64 processor; 0 where code cannot be made to read it."""
    try:
        code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    except OSError:
        return 0
    code.write(_READ_TICKS)
    place = ctypes.c_char.from_buffer(code)
    read = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(place))

    (began, first), _waited, (ended, last) = _together(read), time.sleep(_SPAN), _together(read)
    del read, place
    code.close()
    return round((last - first) * 1_000_000 / (ended - began))


def _together(read: Callable[[], int]) -> tuple[int, int]:
    # Of several readings the closest ones: in between, this process may have to wait.
    readings = [(time.monotonic_ns(), read(), time.monotonic_ns()) for _ in range(_TRIES)]
    before, ticks, after = min(readings, key=lambda reading: reading[2] - reading[0])
    return (before + after) // 2, ticks
