"""What a mail is once it has been read."""

from datetime import datetime

import msgspec


class Address(msgspec.Struct, frozen=True):
    """One mailbox, lower-cased; `address` is empty when the header held none that could be used."""

    address: str
    name: str = ""

    @property
    def domain(self) -> str:
        """The part after the last @."""
        return self.address.rpartition("@")[2]


class Attachment(msgspec.Struct, frozen=True):
    """A file that came with a mail, known by its hash; its content stays outside."""

    name: str
    type: str
    size: int
    sha256: str


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """A mail in readable form; everything in it was written by somebody we do not know."""

    message_id: str
    """As the sender claims it; made from `digest` when missing. Two mails may claim the same one."""
    digest: str
    """SHA-256 of the raw bytes: the identity a sender cannot choose."""
    sender: Address
    reply_to: Address | None = None
    recipients: tuple[Address, ...] = ()
    subject: str = ""
    date: datetime | None = None
    text: str = ""
    """The newest text by the customer, without history, signature or anything a reader would not have seen."""
    quoted: str = ""
    signature: str = ""
    hidden: tuple[str, ...] = ()
    """Text that was in the mail but not on the screen: a place for injected instructions."""
    attachments: tuple[Attachment, ...] = ()
    thread: str
    """The message id at the root of the conversation."""
    references: tuple[str, ...] = ()
    automatic: str = ""
    """Why this mail must not be answered, or empty."""
    problems: tuple[str, ...] = ()
    """What was malformed, and how it was read all the same."""


class Unreadable(msgspec.Struct, frozen=True):
    """Bytes that are not a mail, and why we think so."""

    reason: str
    size: int
    digest: str
