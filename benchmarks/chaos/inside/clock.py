"""Clock: a worker whose clock is wrong, where the system cannot give it one."""

import os
import time

SKEW = "CHAOS_SKEW"
"""Seconds by which the clock on the wall is wrong."""


def skewed() -> None:
    """Have this process read a wrong time from now on, if it is to."""
    offset = float(os.environ.get(SKEW, "0"))
    if not offset:
        return
    right, right_ns = time.time, time.time_ns
    time.time = lambda: right() + offset
    time.time_ns = lambda: right_ns() + int(offset * 1e9)
