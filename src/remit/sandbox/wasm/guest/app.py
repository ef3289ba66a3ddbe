"""The interpreter as it is stored: the standard library imported, ready for one program."""

import asyncio
import contextlib
import gc
import importlib
import io
import json
import os
import pkgutil
import random
import sys
import tempfile
import warnings
from typing import Protocol, cast

from remit.sandbox.inside import program

# The `framing` of `program` is, where this is built, the one beside this file.
_world = cast("World", importlib.import_module("wit_world"))
_PACKAGES = (
    *("asyncio", "collections", "concurrent", "concurrent.futures", "email", "email.mime", "encodings", "html", "http"),
    *("importlib", "importlib.metadata", "importlib.resources", "json", "logging", "re", "string", "sysconfig"),
    *("tomllib", "unittest", "urllib", "wsgiref", "xml", "xml.dom", "xml.etree", "xml.parsers", "xml.sax", "xmlrpc"),
    *("zipfile", "zipfile._path", "zoneinfo", "compression", "pathlib"),
)
_SCRATCH = "/scratch"
_OUT = {"antigravity", "this", "idlelib", "turtle", "turtledemo", "tkinter", "ensurepip", "venv", "pip", "test"}
"""Modules that do something when imported, or are no use without a screen."""


def _names() -> list[str]:
    names = sorted(sys.stdlib_module_names - _OUT)
    for package in _PACKAGES:
        with contextlib.suppress(ImportError):
            found = pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}.")
            names += [each.name for each in found if not each.name.endswith("__main__")]
    return names


def _alone(_loop: object) -> None:
    """Stand in for what has loops woken up by other threads, of which there are none, over sockets, of which too."""


def _bake() -> None:
    """Import what programs may want: they find no files to import from."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in _names():
            # Some need what WebAssembly has not, and say so in their own ways.
            with contextlib.suppress(Exception):
                importlib.import_module(name)
    sys.path[:] = []
    sys.path_importer_cache.clear()
    tempfile.tempdir = _SCRATCH
    gc.collect()
    gc.freeze()


class World(Protocol):
    """What this uses of the functions of `interpreter.wit`."""

    def show(self, data: str) -> None:
        """Print bytes, each as a character."""
        ...


class _Shown(io.RawIOBase):
    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        text = bytes(cast("bytes", data)).decode("latin-1")
        _world.show(text)
        return len(text)


def _output() -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BufferedWriter(_Shown()), encoding="utf-8", errors="backslashreplace", newline="\n", line_buffering=True
    )


def _unseeded(a: object = None, version: int = 2) -> None:
    """Stand in for `random.seed` while this is stored, for otherwise it would be called, slowly, as each run starts."""


_seed = random.seed
_bake()
for _pipe in ("_make_self_pipe", "_close_self_pipe"):
    setattr(asyncio.SelectorEventLoop, _pipe, _alone)
random.seed = _unseeded


class WitWorld:
    """What the world exports."""

    def run(self, order: str) -> None:
        """Run the program that was ordered."""
        random.seed = _seed
        random.seed(0)
        sys.stdout = sys.__stdout__ = sys.stderr = sys.__stderr__ = _output()
        sys.stdin = sys.__stdin__ = io.StringIO()
        os.chdir(_SCRATCH)
        program.run(-1, cast("dict[str, object]", json.loads(order)))
