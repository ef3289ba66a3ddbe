"""Permissions: which tools may be called with which arguments. The first rule that matches a call decides."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from remit.core.errors import ConfigError
from remit.core.messages import Call
from remit.core.ports import ALLOW, ToolSpec, Verdict
from remit.core.state import State
from remit.core.values import JsonObject, JsonValue
from remit.policy.arguments import Fits, Missing, glob, reach, written

Pattern = str | int | float | bool | None
"""What an argument must look like: text is a glob over its written form, anything else the exact value."""

_CLIMBS = re.compile(r"(?:(?<![\w.])|(?<=%2f)|(?<=%5c))(?:\.|%2e){2}(?![\w.])", re.IGNORECASE)
"""A `..` that stands alone, as in paths, also percent-encoded."""


class Allow:
    """Calls of these tools may run when all their values fit; a missing argument or an empty list never does.

    A glob does not let in a value with a lone `..` in it, or `docs/*` would mean the whole disk. Only the exact name of
    a tool, not a glob, lifts the ban on dangerous tools.
    """

    __slots__ = ("_match", "tool")

    def __init__(self, tool: str, /, **arguments: Pattern) -> None:
        """Take a glob over tool names and patterns by dotted path: `Allow("refund", **{"customer.id": "C-*"})`."""
        self.tool = tool
        self._match = _Match(tool, arguments, _glob_within)

    def judge(self, call: Call, spec: ToolSpec) -> Verdict | None:
        """Allow, or have no opinion."""
        if not self._match.fits(spec.name, call.args, all):
            return None
        return Verdict(reason=f"`{spec.name}` is permitted by name") if self.tool == spec.name else ALLOW


class Deny:
    """Calls of these tools must not run when, for each pattern, any of their values fits."""

    __slots__ = ("_match", "_reason")

    def __init__(self, tool: str, /, **arguments: Pattern) -> None:
        """Take a glob over tool names and patterns by dotted path."""
        self._match = _Match(tool, arguments, glob)
        self._reason = f"not permitted: {_describe(tool, arguments)}"

    def judge(self, call: Call, spec: ToolSpec) -> Verdict | None:
        """Deny, or have no opinion."""
        return Verdict("deny", self._reason) if self._match.fits(spec.name, call.args, any) else None


class AskFor:
    """Calls of these tools wait for a person when, for each pattern, any of their values fits."""

    __slots__ = ("_match", "_reason")

    def __init__(self, tool: str, /, **arguments: Pattern) -> None:
        """Take a glob over tool names and patterns by dotted path."""
        self._match = _Match(tool, arguments, glob)
        self._reason = f"a person must approve {_describe(tool, arguments)}"

    def judge(self, call: Call, spec: ToolSpec) -> Verdict | None:
        """Ask, or have no opinion."""
        return Verdict("ask", self._reason) if self._match.fits(spec.name, call.args, any) else None


Rule = Allow | Deny | AskFor


class Permissions:
    """Rules in a row; the first that matches a call decides, and what none of them matches is denied."""

    __slots__ = ("_otherwise", "_rules")

    def __init__(self, *rules: Rule, otherwise: Literal["allow", "deny"] = "deny") -> None:
        """Say what happens to calls that no rule matches; `allow` still leaves dangerous tools denied."""
        if otherwise not in {"allow", "deny"}:
            raise ConfigError(f"otherwise={otherwise!r} is neither 'allow' nor 'deny'")
        self._rules, self._otherwise = rules, otherwise

    def check(self, call: Call, spec: ToolSpec, state: State) -> Verdict:
        """Judge a call by the first rule that matches it."""
        for rule in self._rules:
            verdict = rule.judge(call, spec)
            if verdict is not None:
                return verdict
        if self._otherwise == "allow":
            return ALLOW
        return Verdict("deny", f"no permission covers `{spec.name}` with these arguments")


class _Match:
    """A glob over tool names and what must fit at each path."""

    __slots__ = ("_patterns", "_tool")

    def __init__(self, tool: str, arguments: Mapping[str, Pattern], text: Callable[[str], Fits]) -> None:
        self._tool = glob(tool)
        self._patterns = [
            (path, text(want) if isinstance(want, str) else _exactly(want)) for path, want in arguments.items()
        ]

    def fits(self, tool: str, args: JsonObject, how: Callable[[Iterable[bool]], bool]) -> bool:
        return self._tool(tool) and all(
            how(not isinstance(value, Missing) and fits(value) for value in reach(args, path))
            for path, fits in self._patterns
        )


def _glob_within(pattern: str) -> Fits:
    fits_glob = glob(pattern)
    if pattern == "*":
        return fits_glob

    def fits(value: JsonValue) -> bool:
        return value == pattern or (fits_glob(value) and not _CLIMBS.search(written(value)))

    return fits


def _exactly(want: JsonValue) -> Fits:
    def fits(value: JsonValue) -> bool:
        return value == want and isinstance(value, bool) == isinstance(want, bool)

    return fits


def _describe(tool: str, arguments: Mapping[str, Pattern]) -> str:
    wants = " and ".join(f"{path} is {written(want)}" for path, want in arguments.items())
    return f"`{tool}`" + (f" where {wants}" if wants else "")
