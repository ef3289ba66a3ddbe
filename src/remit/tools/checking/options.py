"""Options: how far a check of tools may go."""

from collections.abc import Mapping, Sequence

import msgspec

from remit.core.errors import ConfigError
from remit.core.values import JsonObject


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How tools are checked. The same seed makes the same calls, as long as the same modules are loaded."""

    seed: int = 0
    calls: int = 100
    """Calls of one tool at most."""
    samples: int = 10
    """Random valid calls of one tool."""
    per_second: float | None = None
    """Calls of all tools together in a second at most; `None` for no pause between them."""
    timeout: float | None = None
    """Seconds for a call, in place of the tool's own."""
    stand_in: bool = False
    """Whether the tools talk to a stand-in, so that also those that act once may be called."""
    allow_unproven: bool = False
    """Whether a tool whose every valid call was refused passes."""
    examples: Mapping[str, Sequence[JsonObject]] = {}
    """By tool, arguments or some of them, such as ids that exist; they are used first, and mixed into the others."""
    tenant: str = "default"
    """In whose name the calls are made."""

    def __post_init__(self) -> None:
        """Refuse figures with which nothing could be checked."""
        if self.calls < 1 or self.samples < 0:
            raise ConfigError(
                f"a check needs calls of at least 1 and samples of at least 0, not {self.calls} and {self.samples}"
            )
        for name, figure in (("per_second", self.per_second), ("timeout", self.timeout)):
            if figure is not None and figure <= 0:
                raise ConfigError(f"{name} is above 0, not {figure}")
