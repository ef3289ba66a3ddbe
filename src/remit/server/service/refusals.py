"""Refusals: why the service does not do what was asked, in kinds that every front end has its own words for."""

from typing import Literal

from remit.core.errors import RemitError

Refusal = Literal["unknown", "conflict", "unfit", "crowded", "unready"]
"""It does not exist for whoever asks; it does not go with how things stand; it cannot be meant; too many; not now."""


class RefusedError(RemitError):
    """The service does not do what was asked, and nothing was changed."""

    def __init__(self, kind: Refusal, why: str) -> None:
        """Say why, in words for whoever asked."""
        super().__init__(why)
        self.kind: Refusal = kind
