"""Keys: where the keys of providers are looked up."""

import os
from collections.abc import Callable

Keys = Callable[[str], str]
"""Gives the key kept under the name of an environment variable, such as `OPENAI_API_KEY`; empty when there is none."""


def environment(variable: str) -> str:
    """Look a key up in the environment."""
    return os.environ.get(variable, "").strip()
