"""Changes: what is different between two contracts of a tool, and how bad that is."""

from collections.abc import Iterable
from typing import Literal

import msgspec

Kind = Literal["compatible", "breaking", "suspicious"]

_BADNESS: dict[Kind, int] = {"compatible": 0, "breaking": 1, "suspicious": 2}


class Change(msgspec.Struct, frozen=True):
    """One difference, at one place."""

    kind: Kind
    where: str
    """The exact field, such as `arguments.fields.priority`, `answer.items[].key` or `effect`."""
    what: str
    """What changed, for a person; it reads on after `where`."""
    rule: str
    """The id of the rule that says so: docs/concepts/tool-contracts.md has them all."""

    def __str__(self) -> str:
        """Write it as a line for a person."""
        return f"{self.kind}: {self.where}: {self.what} ({self.rule})"


def worst(changes: Iterable[Change]) -> Kind | None:
    """Say how bad the worst change is; `None` when there is none."""
    return max((change.kind for change in changes), key=_BADNESS.__getitem__, default=None)
