"""A server of mail with a certificate."""

from collections.abc import Generator

import pytest
from tests.certificates import Certificate
from tests.server.beginnings.imap_servers import ImapServer, imap_server


@pytest.fixture
def imap(localhost: Certificate) -> Generator[ImapServer]:
    """A server with an empty mailbox."""
    with imap_server(localhost.file, localhost.key) as server:
        yield server
