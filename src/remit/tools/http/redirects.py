"""Redirects: the next request after an answer that points elsewhere. Nothing private crosses to another origin.

Source: RFC 9110, 15.4; the fetch standard of the WHATWG, HTTP-redirect fetch.
"""

from urllib.parse import urljoin

import msgspec
from msgspec.structs import replace

from remit.policy.hosts import Destination, HostPolicy, destination
from remit.tools.http.port import Incoming
from remit.tools.http.progress import SAFE

_STATUSES = frozenset({301, 302, 303, 307, 308})
_CROSSING = frozenset({"accept", "accept-language", "user-agent"})
"""Headers that say nothing about who asks."""
_TRACE = "traceparent"


class Step(msgspec.Struct, frozen=True):
    """One request of a chain."""

    method: str
    to: Destination
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""


def traced(
    headers: tuple[tuple[str, str], ...], to: Destination, trace: str, told: HostPolicy | None
) -> tuple[tuple[str, str], ...]:
    """Tell a host in which trace a request is, if there is one and it may know: those of `told`, or all."""
    if not trace or (told is not None and not told.why(to).granted):
        return headers
    return (*(pair for pair in headers if pair[0].lower() != _TRACE), (_TRACE, trace))


def after(step: Step, answer: Incoming) -> Step | None:
    """Give the request that an answer asks for, if it does; raise `ValueError` for one that must not be made."""
    location = answer.headers.get("location")
    if answer.status not in _STATUSES or location is None:
        return None
    try:
        to = destination(urljoin(step.to.url, location))
    except ValueError as error:
        raise ValueError(f"{step.to.origin} redirects to what is no place to go: {error}") from None
    following = replace(step, to=to)
    if answer.status == 303 or (answer.status in {301, 302} and step.method == "POST"):
        kept = tuple((name, value) for name, value in step.headers if not name.lower().startswith("content-"))
        following = Step("HEAD" if step.method == "HEAD" else "GET", to, kept)
    return following if to.origin == step.to.origin else crossing(step.to, following)


def crossing(came: Destination, following: Step) -> Step:
    """Give what may be asked at another origin than the one that led there; raise `ValueError` for nothing."""
    where = f"{came.origin} redirects to {following.to.origin}"
    if came.scheme == "https" and following.to.scheme != "https":
        raise ValueError(f"{where}, which is not encrypted")
    if following.method not in SAFE or following.body:
        raise ValueError(f"{where}, and a {following.method} must not be repeated at another place")
    return bare(following)


def bare(step: Step) -> Step:
    """Leave out every header that may say who asks."""
    return replace(step, headers=tuple(pair for pair in step.headers if pair[0].lower() in _CROSSING))
