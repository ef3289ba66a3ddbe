"""A keyring in memory, as the library's documentation has people write their own."""

import threading

from keyring.backend import KeyringBackend


class Ring(KeyringBackend):
    """Keeps passwords in a dictionary; can be locked, or broken."""

    priority = 0.1  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride] - as its documentation says

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.opened = threading.Event()
        self.opened.set()
        self.broken: Exception | None = None

    def get_password(self, service: str, username: str) -> str | None:
        """Give a password once it is opened."""
        self.opened.wait()
        if self.broken is not None:
            raise self.broken
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep a password."""
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        """Drop a password."""
        del self.kept[service, username]
