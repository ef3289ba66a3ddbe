"""Service: what every front end calls. Each act is for a principal and sees nothing beyond its tenant."""

from remit.server.service.driver import Driver
from remit.server.service.looking import Looking
from remit.server.service.people import People
from remit.server.service.refusals import Refusal, RefusedError
from remit.server.service.service import Begun, Service, Wish, name_of
from remit.server.service.streams import Item, Lookout, Stream, Streams

__all__ = [
    "Begun",
    "Driver",
    "Item",
    "Looking",
    "Lookout",
    "People",
    "Refusal",
    "RefusedError",
    "Service",
    "Stream",
    "Streams",
    "Wish",
    "name_of",
]
