"""Beginnings: sessions that nobody asks for by hand: by the clock, for a delivery to a hook, for a mail in an inbox.

Each has a session of its own, named after what it is begun for, so that the journal itself refuses a second one: any
number of processes do this beside each other, none of them leads, and what one was doing when it died another does.
"""

from remit.server.beginnings.cron import Cron
from remit.server.beginnings.opening import Beginnings, beginning
from remit.server.beginnings.settings import Declared, HookSettings, ImapSettings, MaildirSettings, ScheduleSettings

__all__ = [
    "Beginnings",
    "Cron",
    "Declared",
    "HookSettings",
    "ImapSettings",
    "MaildirSettings",
    "ScheduleSettings",
    "beginning",
]
