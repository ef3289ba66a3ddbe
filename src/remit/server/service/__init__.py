"""Service: what every front end calls. Each act is for a principal and sees nothing beyond its tenant."""

from remit.server.service.driver import Driver
from remit.server.service.looking import Looking
from remit.server.service.people import People
from remit.server.service.port import Drives, Driving
from remit.server.service.refusals import Refusal, RefusedError
from remit.server.service.service import Allows, Begun, Service, Wish, name_of
from remit.server.service.streams import Item, Lookout, Stream, Streams
from remit.server.service.turning import Held, Turn, turn

__all__ = [
    "Allows",
    "Begun",
    "Driver",
    "Drives",
    "Driving",
    "Held",
    "Item",
    "Looking",
    "Lookout",
    "People",
    "Refusal",
    "RefusedError",
    "Service",
    "Stream",
    "Streams",
    "Turn",
    "Wish",
    "name_of",
    "turn",
]
