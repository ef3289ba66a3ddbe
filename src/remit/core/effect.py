"""Effect: one call of the current run, how far it has come, and who has allowed it."""

import unicodedata
from dataclasses import dataclass
from typing import Literal

import msgspec

from remit.core import events as ev
from remit.core.messages import Call, Outcome
from remit.core.values import JsonObject, Nanos, digest

EffectStatus = Literal["wanted", "asked", "started", "input", "in_doubt", "reconciled", "ended"]


@dataclass(slots=True)
class Effect:
    """One call of the current run and how far it has come."""

    call: Call
    thread: str | None = None
    """Which conversation waits for the outcome; `None` when a strategy made the call itself."""
    status: EffectStatus = "wanted"
    hold: Nanos = 0
    outcome: Outcome | None = None
    asked: ev.ApprovalAsked | None = None
    yes: tuple[ev.ApprovalGiven, ...] = ()
    """Who has allowed it so far, each person once, for exactly the arguments it has."""
    given: ev.ApprovalGiven | None = None
    """What decided: the last grant that was needed, a denial, or other arguments; `None` while more is needed."""
    edited: ev.ApprovalGiven | None = None
    """Who gave it other arguments last."""
    wished: JsonObject | None = None
    """The arguments that people first saw, once one of them gave it others."""
    escalated: int = 0
    """When more people were told that it waits, in milliseconds since the epoch; 0 for not yet."""
    reconciled: ev.EffectReconciled | None = None
    question: str = ""
    wants: ev.InputAsked | None = None
    """What it asked a person last."""
    got: ev.InputGiven | None = None
    """What the person answered; `None` while nobody has."""

    def become(self, made: Call) -> None:
        """Be this call from now on; what a person answered to one with other arguments is no answer to it."""
        if self.wants is not None and made.args != self.call.args:
            self.wants = self.got = None
        self.call = made

    def ask(self, event: ev.ApprovalAsked) -> None:
        """Wait for people to decide; who has allowed exactly these arguments need not do so again."""
        self.yes = tuple(one for one in self._granted() if one.digest == event.digest)
        self.asked, self.given, self.escalated = event, None, 0
        self.status = "asked"

    def decide(self, event: ev.ApprovalGiven) -> None:
        """Take in what a person decided; what was decided first stands."""
        if self.given is not None:
            return
        if not event.granted:
            self.given = event
        elif event.args is not None:
            self.given = self.edited = event
            self.wished = self.call.args if self.wished is None else self.wished
        elif not self.allowed_by(event.by):
            self.yes = (*self.yes, event)
            if self.asked is None or len(self.yes) >= self.asked.persons:
                self.given = event

    def allowed_by(self, name: str) -> bool:
        """Say whether this person is among those who have allowed it."""
        return any(person(one.by) == person(name) for one in self.yes)

    def _granted(self) -> tuple[ev.ApprovalGiven, ...]:
        """Give what people have allowed; whoever gave it other arguments has allowed exactly those."""
        edit = self.given
        if edit is None or edit.args is None:
            return self.yes
        return (msgspec.structs.replace(edit, digest=digest([self.call.tool, edit.args]), args=None),)


def person(name: str) -> str:
    """Give what names are compared by: nobody is two people by case, spaces, width or what cannot be seen."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKC", name) if unicodedata.category(letter) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", plain.casefold()).split())
