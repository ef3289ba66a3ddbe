"""Cells: the code that the service runs in a machine, with our few modules of the other side in it."""

import base64
from importlib.resources import files

import msgspec

from remit.core.values import JsonObject, JsonValue

_MODULES = ("framing", "plain", "program")


def _source(package: str, name: str) -> str:
    return files(package).joinpath(f"{name}.py").read_text()


def written(order: JsonObject) -> str:
    """Write a cell that does what is ordered."""
    modules: list[JsonValue] = [[name, ""] for name in ("remit", "remit.sandbox", "remit.sandbox.inside")]
    for name in _MODULES:
        modules.append([f"remit.sandbox.inside.{name}", _source("remit.sandbox.inside", name)])
    given = base64.b85encode(msgspec.json.encode({**order, "modules": modules})).decode()
    courier = base64.b85encode(_source("remit.sandbox.remote", "courier").encode()).decode()
    return (
        "import base64, json\n"
        "_remit = {'__name__': 'courier'}\n"
        f"exec(compile(base64.b85decode('{courier}'), 'courier', 'exec'), _remit)\n"
        f"_remit['main'](json.loads(base64.b85decode('{given}')))\n"
    )
