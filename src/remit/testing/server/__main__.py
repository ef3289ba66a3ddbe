"""Serves a canned answer from a process of its own: `python -m remit.testing.server --port 0`."""

import argparse
import asyncio
import itertools
import signal
import sys
from collections.abc import Sequence

from remit.core.messages import Usage
from remit.core.ports import Reply
from remit.testing.server.server import ModelServer


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m remit.testing.server",
        description="Serve a canned answer on 127.0.0.1 in the languages of OpenAI and Anthropic; print the URL first.",
    )
    parser.add_argument("--port", type=int, default=0, help="port to serve on; 0 takes a free one")
    parser.add_argument("--text", default="It is sunny in Tokyo.", help="the answer")
    parser.add_argument("--pace", type=float, default=0.0, help="seconds between two tokens")
    parser.add_argument(
        "--kind",
        choices=("cloud", "ollama", "vllm", "llamacpp"),
        default="cloud",
        help="whose server; a cloud wants any key",
    )
    return parser.parse_args(arguments)


async def serve(options: argparse.Namespace) -> None:
    """Serve until the process is told to end."""
    reply = Reply(str(options.text), usage=Usage(100, 10))
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, ended.set)
    server = ModelServer(itertools.repeat(reply), kind=options.kind, pace=options.pace, port=options.port, keep=False)
    async with server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        await ended.wait()


if __name__ == "__main__":
    wish = parsed(sys.argv[1:])
    try:
        asyncio.run(serve(wish))
    except (OSError, OverflowError) as error:
        sys.exit(f"cannot serve on port {wish.port}: {error}; --port 0 takes a free one")
