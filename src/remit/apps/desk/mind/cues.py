"""Turns of phrase that mean the same thing in several languages; each becomes one strong feature of the classifier."""

from remit.apps.desk.mind.phrases import folded, phrases


def cues(text: str) -> list[str]:
    """The names of all turns of phrase found in `text`."""
    plain = folded(text)
    return [f"<{name}>" for name, pattern in phrases("cues").items() if pattern.search(plain)]
