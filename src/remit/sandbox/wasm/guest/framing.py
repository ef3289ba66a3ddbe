"""Frames over functions of the host: stands in for `remit.sandbox.inside.framing` where there are no descriptors."""

import importlib
import json
import struct
from typing import Protocol, cast

Frame = dict[str, object]


class World(Protocol):
    """The functions of `interpreter.wit` that the host has; bytes travel as the first 256 characters."""

    def say(self, data: str) -> None:
        """Send bytes of frames."""
        ...

    def hear(self) -> str:
        """Wait for a frame's JSON."""
        ...

    def show(self, data: str) -> None:
        """Print bytes."""
        ...


world = cast("World", importlib.import_module("wit_world"))


def pack(frame: Frame) -> bytes:
    """Write a frame."""
    body = json.dumps(frame, allow_nan=False).encode()
    return struct.pack(">I", len(body)) + body


def write(_descriptor: int, data: bytes) -> None:
    """Send all of it."""
    world.say(data.decode("latin-1"))


def receive(_descriptor: int) -> Frame | None:
    """Wait for a frame; the host ends the program where there is none to come."""
    return cast("Frame", json.loads(world.hear()))
