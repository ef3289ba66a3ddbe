"""A certificate for the tests of egress."""

import pytest
from tests.models.http.served import Certificate, certificate


@pytest.fixture(scope="session")
def localhost(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("certificates"))
