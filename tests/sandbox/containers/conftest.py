from collections.abc import AsyncGenerator, Generator

import pytest
from tests.sandbox.containers.podman import IMAGE, Podman, engine

from remit.sandbox.containers import ContainerSandbox


@pytest.fixture(scope="session")
def podman() -> Generator[Podman]:
    with engine() as found:
        if isinstance(found, str):
            pytest.skip(found)
        yield found


@pytest.fixture
async def sandbox(podman: Podman) -> AsyncGenerator[ContainerSandbox]:
    made = ContainerSandbox(image=IMAGE, host=f"unix://{podman.socket}")
    yield made
    await made.close()
