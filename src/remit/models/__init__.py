"""Models: names that become models, the wires they are reached over, and wrappers that any model may wear."""

import importlib
from typing import TYPE_CHECKING

from remit.models.answers import AnswerFile
from remit.models.batches.notebook import Notebook
from remit.models.batches.port import Batches
from remit.models.http.port import Timeouts, Transport
from remit.models.keys import Keys
from remit.models.prices import FREE, FlatPrice, known_price
from remit.models.stack import stack
from remit.models.wrappers.batched import Batched, Waits
from remit.models.wrappers.breaking import Breaking
from remit.models.wrappers.cached import Cached
from remit.models.wrappers.fallback import Fallback
from remit.models.wrappers.hedged import Hedged
from remit.models.wrappers.priced import Priced
from remit.models.wrappers.rate_limited import Pace, Rate, RateLimited, shared_rate
from remit.models.wrappers.retrying import Backoff, Retrying
from remit.models.wrappers.routed import Affordable, ByRole, Cheapest, Fastest, LongerThan, Routed, Routes, Rule

if TYPE_CHECKING:
    from remit.models.batches.anthropic import AnthropicBatches
    from remit.models.batches.line import Line
    from remit.models.batches.openai import OpenAIBatches
    from remit.models.connecting import connect
    from remit.models.http.pooled import Pooled
    from remit.models.wires.anthropic import AnthropicMessages
    from remit.models.wires.client import WireModel
    from remit.models.wires.openai_chat import OpenAIChat
    from remit.models.wires.openai_responses import OpenAIResponses
    from remit.models.wires.profiles import Profile

__all__ = [
    "FREE",
    "Affordable",
    "AnswerFile",
    "AnthropicBatches",
    "AnthropicMessages",
    "Backoff",
    "Batched",
    "Batches",
    "Breaking",
    "ByRole",
    "Cached",
    "Cheapest",
    "Fallback",
    "Fastest",
    "FlatPrice",
    "Hedged",
    "Keys",
    "Line",
    "LongerThan",
    "Notebook",
    "OpenAIBatches",
    "OpenAIChat",
    "OpenAIResponses",
    "Pace",
    "Pooled",
    "Priced",
    "Profile",
    "Rate",
    "RateLimited",
    "Retrying",
    "Routed",
    "Routes",
    "Rule",
    "Timeouts",
    "Transport",
    "Waits",
    "WireModel",
    "connect",
    "known_price",
    "shared_rate",
    "stack",
]

_HOME = {
    "AnthropicBatches": "batches.anthropic",
    "AnthropicMessages": "wires.anthropic",
    "Line": "batches.line",
    "OpenAIBatches": "batches.openai",
    "OpenAIChat": "wires.openai_chat",
    "OpenAIResponses": "wires.openai_responses",
    "Pooled": "http.pooled",
    "Profile": "wires.profiles",
    "WireModel": "wires.client",
    "connect": "connecting",
}


def __getattr__(name: str) -> object:
    """Load the wires and their HTTP when they are first asked for: an agent with a model of its own needs neither."""
    module = _HOME.get(name)
    if module is None:
        raise AttributeError(f"module 'remit.models' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"remit.models.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
