"""PostgresLoginStore: logins in a table: a cookie that one server gave is good at all of them."""

import msgspec

from remit.server.access.cookies import Login
from remit.server.access.stores.postgres.patient import Patient


class PostgresLoginStore:
    """See `LoginStore`."""

    def __init__(self, asked: Patient) -> None:
        """Keep them where it asks."""
        self._asked = asked

    async def begin(self, login: Login, *, before: int) -> None:
        """See `LoginStore.begin`."""
        await self._asked.ask(
            "WITH over AS (DELETE FROM remit.logins WHERE made < $5) "
            "INSERT INTO remit.logins (digest, key, made, seen) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            *msgspec.structs.astuple(login),
            before,
        )

    async def find(self, digest: bytes) -> Login | None:
        """See `LoginStore.find`."""
        found = await self._asked.ask("SELECT digest, key, made, seen FROM remit.logins WHERE digest = $1", digest)
        if not found:
            return None
        return msgspec.convert(dict(zip(Login.__struct_fields__, found[0], strict=True)), Login)

    async def seen(self, digest: bytes, at: int) -> None:
        """See `LoginStore.seen`."""
        await self._asked.ask("UPDATE remit.logins SET seen = greatest(seen, $1) WHERE digest = $2", at, digest)

    async def leave(self, digest: bytes) -> None:
        """See `LoginStore.leave`."""
        await self._asked.ask("DELETE FROM remit.logins WHERE digest = $1", digest)
