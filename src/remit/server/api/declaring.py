"""Declaring: what an endpoint is. Routes and their description are both made of these, so neither can tell a lie."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import msgspec
from starlette.responses import Response

from remit.server.access.port import Action, Principal
from remit.server.entrance import Bounds, Entrance, Guest
from remit.server.service import Service

S = TypeVar("S", bound=msgspec.Struct)

Method = Literal["GET", "POST", "DELETE"]


@dataclass(frozen=True, slots=True)
class Heard:
    """A request that was understood, from somebody who may make it."""

    entrance: Entrance
    guest: Guest
    path: Mapping[str, str]
    _body: msgspec.Struct | None
    _query: msgspec.Struct | None

    @property
    def service(self) -> Service:
        """Give what all front ends call."""
        return self.entrance.service

    @property
    def bounds(self) -> Bounds:
        """Give what a request may be."""
        return self.entrance.bounds

    @property
    def principal(self) -> Principal:
        """Say who asks."""
        return self.guest.principal

    @property
    def headers(self) -> Mapping[str, str]:
        """Give the headers by lower-case name."""
        return self.guest.headers

    @property
    def again(self) -> Callable[[], Awaitable[object]]:
        """Give what raises `DeniedError` once who asks may no longer: for an answer that takes long."""
        return self.guest.again

    async def audit(self, what: str) -> None:
        """Write down what was done."""
        await self.entrance.access.audit(self.guest.principal, self.guest.asked, what, allowed=True)

    def body(self, kind: type[S]) -> S:
        """Give the body, which was declared to be of this kind."""
        assert isinstance(self._body, kind)
        return self._body

    def query(self, kind: type[S]) -> S:
        """Give the query, which was declared to be of this kind."""
        assert isinstance(self._query, kind)
        return self._query


Answer = msgspec.Struct | Response | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Something that can be asked for."""

    method: Method
    path: str
    action: Action | None
    """What whoever asks must be allowed; `None` lets everybody ask."""
    summary: str
    handle: Callable[[Heard], Awaitable[Answer]]
    gives: type[Any] | None = None
    """The body of a good answer; `None` for none, or for one that is no JSON."""
    status: int = 200
    also: tuple[int, ...] = ()
    """Other statuses of a good answer."""
    media: str = "application/json"
    body: type[msgspec.Struct] | None = None
    optional: bool = False
    """Whether the body may be left out."""
    query: type[msgspec.Struct] | None = None
    headers: Mapping[str, str] | None = None
    """Headers that it heeds, with what they say."""
    refuses: tuple[int, ...] = ()
    """Problems of its own, beside those that every endpoint of its form has."""

    @property
    def statuses(self) -> tuple[int, ...]:
        """List the statuses of all problems that it can have."""
        own = {*self.refuses, 400, 431, 500}
        if self.action is not None:
            own |= {401, 403, 429}
        if "{" in self.path:
            own.add(404)
        if self.body is not None:
            own |= {408, 413, 415, 422}
        if self.query is not None:
            own.add(422)
        return tuple(sorted(own))
