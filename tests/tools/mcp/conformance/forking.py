"""Forks a client for every connection: a scenario takes a fork instead of a start of Python with all its imports."""

import asyncio
import os
import signal
import socket
import sys
import traceback

import msgspec
from tests.tools.mcp.conformance import client


def live(connection: socket.socket, request: bytes, files: list[int]) -> int:
    """Be one client: with the environment and the output of whoever asked for it."""
    words, variables = msgspec.json.decode(request, type=tuple[list[str], dict[str, str]])
    os.environ.update(variables)
    for number, file in zip((1, 2), files, strict=True):
        os.dup2(file, number)
    try:
        asyncio.run(client.main(words[-1]))
    except BaseException:  # noqa: BLE001 - the suite must learn that it failed
        traceback.print_exc()
        return 1
    return 0


def main(path: str) -> None:
    """Listen until we are ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(128)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            connection, _ = listener.accept()
            request, files, _, _ = socket.recv_fds(connection, 1 << 16, 2)
            if os.fork() == 0:
                code = live(connection, request, files)
                sys.stderr.flush()
                connection.send(bytes([code]))
                os._exit(0)
            connection.close()
            for file in files:
                os.close(file)


if __name__ == "__main__":
    main(sys.argv[1])
