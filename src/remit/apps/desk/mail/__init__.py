"""Mail as customers really send it: any bytes in, a `Mail` or a reason why not out; nothing here raises on content."""

from remit.apps.desk.mail.inbox import InboxError, read_inbox
from remit.apps.desk.mail.message import Address, Attachment, Mail, Unreadable
from remit.apps.desk.mail.reading import read_mail

__all__ = ["Address", "Attachment", "InboxError", "Mail", "Unreadable", "read_inbox", "read_mail"]
