"""What a container starts with: a few lines that take modules as source over standard input, and the modules."""

import struct
from pathlib import Path

import msgspec

BOOT = """
import os, sys
def read(count):
    data = b""
    while len(data) < count:
        part = os.read(0, count - len(data))
        if not part:
            os._exit(0)
        data += part
    return data
import json
modules = json.loads(read(int.from_bytes(read(4), "big")))
for name, text in modules:
    module = sys.modules[name] = type(sys)(name)
    module.__path__ = []
    exec(compile(text, "<" + name + ">", "exec"), module.__dict__)
sys.modules["remit.sandbox.containers.inside.first"].main()
os._exit(0)
"""
_PACKAGES = ("remit", "remit.sandbox", "remit.sandbox.inside", "remit.sandbox.containers")
_INSIDE = ("framing", "plain", "program", "standalone", "scratch", "keeper")


def modules() -> bytes:
    """Write all modules as `BOOT` reads them, each after those that it imports."""
    here = Path(__file__).parent
    found = [(name, "") for name in (*_PACKAGES, "remit.sandbox.containers.inside")]
    found += [(f"remit.sandbox.inside.{name}", (here.parent / "inside" / f"{name}.py").read_text()) for name in _INSIDE]
    found.append(("remit.sandbox.containers.inside.first", (here / "inside" / "first.py").read_text()))
    data = msgspec.json.encode(found)
    return struct.pack(">I", len(data)) + data
