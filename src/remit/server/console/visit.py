"""Visit: a request for a page by somebody who may see it; and what a page is."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import msgspec

from remit.server.access.port import Action, Principal
from remit.server.entrance import Entrance, Guest
from remit.server.service import Service


@dataclass(frozen=True, slots=True)
class Visit:
    """Who looks at which page."""

    entrance: Entrance
    guest: Guest
    path: Mapping[str, str]
    query: Mapping[str, str]

    @property
    def service(self) -> Service:
        """Give what all front ends call."""
        return self.entrance.service

    @property
    def principal(self) -> Principal:
        """Say who looks."""
        return self.guest.principal


Load = Callable[[Visit], Awaitable[msgspec.Struct | Mapping[str, object] | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of the console."""

    path: str
    name: str
    """Of its script, `pages/NAME.js`, and of its place in the navigation."""
    title: str
    load: Load
    """Gives the data it is shown with, so that nothing must be asked for before it can be used."""
    action: Action = "look"
    """What whoever looks must be allowed."""
