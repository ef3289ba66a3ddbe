"""Again: the analyst of a session from its reference alone, so that `remit resume` goes on with it.

The reference names this module and how the analyst was made, and is loaded like any other.
"""

import base64
import binascii

import msgspec

from remit.apps.analyst import PACKAGES, Way, analyst
from remit.cli.agents import load_model
from remit.core.agent import Agent
from remit.core.limits import Limits
from remit.home import Settings
from remit.sandbox.choosing import standard


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """How an analyst was made."""

    files: tuple[str, ...]
    """As absolute paths."""
    way: Way
    model: str
    """A name such as `openai:NAME`, or `FILE.py:NAME`."""
    budget: float
    """Dollars a question."""


def reference(setup: Setup) -> str:
    """Name an analyst so that it is found again."""
    packed = base64.urlsafe_b64encode(msgspec.json.encode(setup)).decode().rstrip("=")
    return f"{__name__}:{packed}"


def made(setup: Setup) -> Agent:
    """Make the analyst of a set-up; raise `ConfigError` for files or a model that cannot be had."""
    model, _ = load_model(setup.model)
    limits = Limits(usd=setup.budget, steps=40, seconds=1200, depth=0)
    return analyst(setup.files, model=model, way=setup.way, limits=limits)


def __getattr__(name: str) -> object:
    """Give what a reference names, and the settings of its home."""
    if name == "settings":
        return Settings(sandbox=standard(packages=PACKAGES))
    if name.startswith("_"):
        raise AttributeError(name)
    try:
        body = base64.urlsafe_b64decode(name + "=" * (-len(name) % 4))
        setup = msgspec.json.decode(body, type=Setup)
    except (binascii.Error, ValueError) as error:
        raise AttributeError(name) from error
    # Found as a function, so that what is wrong with the files is said where the agent is made.
    return lambda: made(setup)
