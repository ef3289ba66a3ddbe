"""Speaking: what a model writes, as it writes it, and what it has written in the end; never the same words twice."""

from dataclasses import dataclass

from remit.core.ports import Delta


@dataclass(slots=True)
class Voice:
    """What a reader was shown of the text that is being written."""

    past: int = 0
    """The last event that was there before the reader: what was written of its answer by then nobody knows."""
    shown: str = ""
    _mute: bool = False

    def begin(self, asked: int) -> None:
        """Begin with what comes of a question to a model, the event `asked`."""
        self.shown, self._mute = "", asked <= self.past

    def hear(self, delta: Delta, *, aloud: bool) -> str:
        """Give what to show of a piece of text."""
        if delta.fresh and self.shown:
            # What was shown cannot be taken back; the rest comes when it is known.
            self._mute = True
        if self._mute or not aloud:
            return ""
        self.shown += delta.text
        return delta.text

    def finish(self, text: str) -> tuple[bool, str]:
        """Give whether some of a text was shown already, and what is still to be shown."""
        shown, self.shown = self.shown, ""
        if not shown:
            return False, text
        return True, text.removeprefix(shown) if text.startswith(shown) else f"\n\n{text}"
