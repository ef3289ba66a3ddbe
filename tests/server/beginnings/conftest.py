"""A certificate, and a server of mail with it."""

import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest
from tests.server.beginnings.imap_servers import ImapServer, imap_server


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    made, key = folder / "certificate.pem", folder / "key.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    files = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(made)]
    subprocess.run([*make, *files], check=True, capture_output=True)
    return made, key


@pytest.fixture
def imap(certificate: tuple[Path, Path]) -> Generator[ImapServer]:
    """A server with an empty mailbox."""
    with imap_server(*certificate) as server:
        yield server
