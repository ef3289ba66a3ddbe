"""A certificate for servers of the tests, made once; `localhost` is the fixture."""

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Certificate:
    """A certificate for `localhost` and 127.0.0.1, signed by itself."""

    file: Path
    key: Path

    def server(self, *protocols: str) -> ssl.SSLContext:
        """Make a server's context."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file, self.key)
        if protocols:
            context.set_alpn_protocols(list(protocols))
        return context

    def trusted(self) -> ssl.SSLContext:
        """Make a client's context that trusts it."""
        return ssl.create_default_context(cafile=str(self.file))


def made(folder: Path) -> Certificate:
    """Make a certificate in a folder."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    found = Certificate(folder / "certificate.pem", folder / "key.pem")
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost "
        "-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -addext basicConstraints=critical,CA:true"
    )
    subprocess.run([*command.split(), "-keyout", found.key, "-out", found.file], check=True, capture_output=True)
    return found


@pytest.fixture(scope="session")
def localhost(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Make the certificate of all tests of a process."""
    return made(tmp_path_factory.mktemp("certificates"))
