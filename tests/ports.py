"""Ports for servers that are told where to listen, or that come back where they were."""

import itertools
import os
import socket

_FIRST, _BLOCKS, _BLOCK = 10_000, 100, 100
"""Below those that systems give to whoever asks for any, so that nobody gets one meanwhile; each process its own."""

_numbers = itertools.count()


def free_port() -> int:
    """Find a port of 127.0.0.1 that nobody listens on, and that no other test is given."""
    for number in _numbers:
        port = _FIRST + os.getpid() % _BLOCKS * _BLOCK + number % _BLOCK
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError
