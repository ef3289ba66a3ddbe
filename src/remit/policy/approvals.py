"""Approvals: calls that wait until a person says yes, or several do."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta

from remit.core.errors import ConfigError
from remit.core.messages import Call
from remit.core.ports import ALLOW, ToolSpec, Verdict
from remit.core.state import State
from remit.core.values import JsonObject, JsonValue
from remit.policy.arguments import Missing, glob, reach, written
from remit.policy.order import APPROVAL_SECONDS


class AskBefore:
    """Calls of these tools wait for a person: always, or when a figure is above its bound or `when` says so."""

    __slots__ = ("_above", "_escalate", "_expires", "_persons", "_tools", "_when")

    def __init__(
        self,
        tools: str | Iterable[str],
        *,
        above: Mapping[str, float] | None = None,
        when: Callable[[JsonObject], bool] | None = None,
        expires: timedelta | float | None = None,
        persons: int = 1,
        escalate: timedelta | float | None = None,
    ) -> None:
        """Take globs over tool names, bounds by dotted path, and seconds until the question lapses (`None`: a day).

        `persons` is how many different people must say yes; after `escalate` seconds (`None`: never) more are told.
        """
        names = (tools,) if isinstance(tools, str) else tuple(tools)
        seconds, more = _seconds(expires), _seconds(escalate)
        if seconds is not None and seconds <= 0:
            raise ConfigError(f"an approval that expires after {seconds} s can never be given; use a positive time")
        if persons < 1:
            raise ConfigError(f"an approval by {persons} people asks nobody; use 1 or more")
        if more is not None and not 0 < more < (seconds or APPROVAL_SECONDS):
            raise ConfigError(
                f"an approval cannot escalate after {more} s and lapse after {seconds or APPROVAL_SECONDS} s; "
                "use a positive time that is shorter"
            )
        self._tools = tuple(glob(name) for name in names)
        self._above = dict(above or {})
        self._when = when
        self._expires = seconds or 0.0
        self._persons, self._escalate = persons, more or 0.0

    def check(self, call: Call, spec: ToolSpec, state: State) -> Verdict:
        """Ask when the tool is one of these and a condition, if there is any, holds."""
        if not any(fits(spec.name) for fits in self._tools):
            return ALLOW
        why = self._why(call.args)
        if why is None:
            return ALLOW
        who = "a person's approval" if self._persons == 1 else f"the approval of {self._persons} people"
        return Verdict(
            "ask",
            f"`{spec.name}` needs {who}{why}",
            expires=self._expires,
            persons=self._persons,
            escalate=self._escalate,
        )

    def _why(self, args: JsonObject) -> str | None:
        for path, bound in self._above.items():
            for value in reach(args, path):
                if not _within(value, bound):
                    found = "missing" if isinstance(value, Missing) else written(value)
                    return f": {path} is {found}, not {bound:g} or less"
        if self._when is not None:
            return "" if self._when(args) else None
        return None if self._above else ""


def _seconds(time: timedelta | float | None) -> float | None:
    return time.total_seconds() if isinstance(time, timedelta) else time


def _within(value: JsonValue | Missing, bound: float) -> bool:
    # What cannot be compared, such as "150", NaN or nothing at all, must not slip under the bound.
    return isinstance(value, int | float) and not isinstance(value, bool) and value <= bound
