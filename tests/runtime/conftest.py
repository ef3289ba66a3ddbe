"""Gives tests of the runtime a rig, and holds at the end of each that what lived is what the journal says."""

from collections.abc import AsyncIterator

import pytest_asyncio
from tests.runtime.rig import Rig


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    """A machine with an empty store in memory."""
    rig = Rig()
    yield rig
    await rig.check()
    await rig.store.close()
