"""Gives tests a keyring of their own."""

from collections.abc import Iterator

import keyring
import pytest
from tests.tools.secrets.rings import Ring


@pytest.fixture
def ring() -> Iterator[Ring]:
    """Use a keyring in memory meanwhile."""
    before, mine = keyring.get_keyring(), Ring()
    keyring.set_keyring(mine)
    yield mine
    mine.opened.set()
    keyring.set_keyring(before)
