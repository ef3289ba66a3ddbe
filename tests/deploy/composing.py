"""Reads the compose file as compose does: with variables in their places."""

import re
from typing import Any

import yaml
from tests.deploy.rendering import DEPLOY

FILE = DEPLOY / "compose.yaml"
_VARIABLE = re.compile(r"\$\{(?P<name>\w+):(?P<kind>[-?])(?P<rest>[^}]*)\}")


def variables() -> dict[str, str]:
    """Give the variables it asks for: their default, or nothing for those that must be given."""
    found = _VARIABLE.finditer(FILE.read_text(encoding="utf-8"))
    return {one["name"]: one["rest"] if one["kind"] == "-" else "" for one in found}


def composed() -> dict[str, Any]:
    """Give the file, with a word for each variable that has no default."""
    text = FILE.read_text(encoding="utf-8")
    return yaml.safe_load(_VARIABLE.sub(lambda one: one["rest"] if one["kind"] == "-" else "given", text))


def ours() -> dict[str, dict[str, Any]]:
    """Give the services that run Remit, by name."""
    return {name: one for name, one in composed()["services"].items() if one["image"].startswith("remit:")}
