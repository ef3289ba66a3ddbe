"""Secrets by name: whose they are, and that what is missing is refused before anything is sent."""

import pytest

from remit.core.errors import RejectedError
from remit.tools.registry.lookups import filled, names


async def test_secrets_stand_in_the_place_of_their_names() -> None:
    async def secret(name: str, tenant: str) -> str:
        return f"<{tenant}'s {name}>"

    text = "Bearer ${ONE}, ${vault/two} and $THREE ${}"
    assert names(text) == ("ONE", "vault/two")
    assert await filled(text, "acme", secret) == "Bearer <acme's ONE>, <acme's vault/two> and $THREE ${}"


async def test_what_cannot_be_looked_up_is_refused_and_nothing_of_a_stranger_s_error_is_told() -> None:
    async def missing(name: str, tenant: str) -> str:
        raise RejectedError(f"no {name}")

    async def failing(name: str, tenant: str) -> str:
        raise OSError("s3cret")

    with pytest.raises(RejectedError, match="not sent: no KEY") as caught:
        await filled("${KEY}", "acme", missing)
    assert not caught.value.retryable
    with pytest.raises(RejectedError, match=r"not sent: the secret 'KEY' could not be looked up \(OSError\)") as caught:
        await filled("${KEY}", "acme", failing)
    assert caught.value.retryable
