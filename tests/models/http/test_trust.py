"""Trust: whose certificates are believed."""

import ssl

from tests.certificates import Certificate

from remit.models.http.trust import system_trust


def test_the_file_the_environment_names_is_trusted(localhost: Certificate) -> None:
    context = system_trust({"SSL_CERT_FILE": str(localhost.file)})
    assert len(context.get_ca_certs()) == 1


def test_the_system_is_trusted_when_the_environment_names_nothing() -> None:
    context = system_trust({})
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
