"""Placing: in which trace each run of a session is, told from its records."""

from dataclasses import dataclass, field

from remit.core import events as ev
from remit.telemetry.spans.identity import Above, above


@dataclass(slots=True)
class Placing:
    """One session, shown its records in their order."""

    session: str
    opened: ev.SessionOpened | None = None
    run: int = 0
    _below: Above | None = None
    _said: str = ""
    """The traceparent of the first message that came with one and that nobody took up yet."""
    _keys: set[str] = field(default_factory=set[str])

    def take(self, event: ev.Event) -> None:
        """Take in the next event."""
        match event:
            case ev.SessionOpened():
                self.opened, self._below = event, None
            case ev.MessageReceived():
                # As the state takes it in: the same key is the same message.
                if event.key not in self._keys:
                    self._said = self._said or event.trace
                if event.key:
                    self._keys.add(event.key)
            case ev.RunOpened():
                self.run, self._below = event.run, above(self.session, self.opened, self._said)
                self._said = ""
            case _:
                pass

    @property
    def below(self) -> Above:
        """What the last run stands below; before any, what a run would."""
        if self._below is None:
            self._below = above(self.session, self.opened)
        return self._below
