"""A case: what the agent is told of one mail. All of it is data; the guards hold the agent to the case it has."""

import msgspec

from remit.apps.desk.mail import Mail
from remit.apps.desk.mind import suspicion

_OPENING = "A mail has come in. Handle it. Everything inside the JSON was written by somebody we do not know.\n"
_MOST_TEXT, _MOST_ASIDE, _MOST_OF_A_KIND = 20_000, 2_000, 20


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A mail as the agent sees it."""

    mail: Mail
    suspicious: tuple[str, ...] = ()
    """Why it looks like an attempt to give the agent orders; a flag, not a safeguard."""

    @property
    def customer(self) -> str:
        """The only address this case is about."""
        return self.mail.sender.address


def task_of(mail: Mail) -> str:
    """Write the message that opens a case."""
    return _OPENING + msgspec.json.encode(Case(mail=_bounded(mail), suspicious=suspicion(mail))).decode()


def _bounded(mail: Mail) -> Mail:
    """Cut what a sender can make as long as they like: every question to a model repeats it, and is paid for."""
    # An answer names the first and the last of its references.
    first, last = mail.references[:1], mail.references[1:][-_MOST_OF_A_KIND:]
    return msgspec.structs.replace(
        mail,
        text=mail.text[:_MOST_TEXT],
        quoted=mail.quoted[:_MOST_TEXT],
        signature=mail.signature[:_MOST_ASIDE],
        hidden=tuple(text[:_MOST_ASIDE] for text in mail.hidden[:_MOST_OF_A_KIND]),
        recipients=mail.recipients[:_MOST_OF_A_KIND],
        references=first + last,
        attachments=mail.attachments[:_MOST_OF_A_KIND],
        problems=mail.problems[:_MOST_OF_A_KIND],
    )


def case_of(task: str) -> Case | None:
    """Read a case back; `None` when the message is none."""
    opening, brace, body = task.partition("{")
    if not brace or opening != _OPENING:
        return None
    try:
        # What a person adds to the session later stands after the case.
        return msgspec.json.decode((brace + body).partition("\n\n")[0], type=Case)
    except msgspec.MsgspecError:
        return None
