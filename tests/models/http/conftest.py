"""The transports, each of which passes the same tests."""

import ssl
from collections.abc import AsyncIterator, Callable

import pytest

from remit.models.http.multiplexed import Multiplexed
from remit.models.http.pooled import Pooled
from remit.models.http.port import Transport
from remit.models.http.trust import system_trust

Trust = Callable[[], ssl.SSLContext]
TRANSPORTS: dict[str, Callable[[Trust], Transport]] = {
    "pooled": lambda trust: Pooled(trust=trust, proxies=lambda _: None),
    "multiplexed": lambda trust: Multiplexed(trust=trust, proxies=lambda _: None),
}


@pytest.fixture(params=TRANSPORTS)
def kind(request: pytest.FixtureRequest) -> Callable[[Trust], Transport]:
    return TRANSPORTS[request.param]


@pytest.fixture
async def transport(kind: Callable[[Trust], Transport]) -> AsyncIterator[Transport]:
    made = kind(system_trust)
    yield made
    await made.close()
