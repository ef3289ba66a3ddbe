"""MemoryAccessStore: gone with the process."""

import asyncio
from collections.abc import Sequence

from msgspec.structs import replace

from remit.core.values import now_ms
from remit.server.access.cookies import Login
from remit.server.access.keys import Key
from remit.server.access.records import AuditRecord
from remit.server.switches.port import Switch, Switchable


class MemoryAccessStore:
    """For tests and homes in memory."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.keys, self.logins, self.log = MemoryKeyStore(), MemoryLoginStore(), MemoryAuditLog()
        self.switches = MemorySwitchStore()

    @property
    def paces(self) -> None:
        """See `AccessStore.paces`: one server has the home."""

    def now(self) -> int:
        """See `AccessStore.now`: one machine has one clock."""
        return now_ms()

    async def close(self) -> None:
        """See `AccessStore.close`."""


class MemoryKeyStore:
    """See `KeyStore`."""

    def __init__(self) -> None:
        """Begin with none."""
        self._keys: dict[str, Key] = {}

    async def add(self, key: Key) -> None:
        """See `KeyStore.add`."""
        self._keys[key.id] = key

    async def get(self, name: str) -> Key | None:
        """See `KeyStore.get`."""
        return self._keys.get(name)

    async def all(self, tenant: str | None = None) -> Sequence[Key]:
        """See `KeyStore.all`."""
        return sorted((k for k in self._keys.values() if tenant in {None, k.tenant}), key=lambda k: (k.made, k.id))

    async def end(self, name: str, at: int) -> bool:
        """See `KeyStore.end`."""
        key = self._keys.get(name)
        if key is None:
            return False
        self._keys[name] = replace(key, ends=min(key.ends or at, at))
        return True

    async def rotate(self, name: str, heir: Key, at: int) -> bool:
        """See `KeyStore.rotate`."""
        key = self._keys.get(name)
        if key is None or key.heir or key.ends:
            return False
        self._keys |= {name: replace(key, ends=at, heir=heir.id), heir.id: heir}
        return True

    async def touch(self, name: str, at: int) -> None:
        """See `KeyStore.touch`."""
        key = self._keys.get(name)
        if key is not None:
            self._keys[name] = replace(key, used=max(key.used, at))


class MemoryLoginStore:
    """See `LoginStore`."""

    def __init__(self) -> None:
        """Begin with none."""
        self._logins: dict[bytes, Login] = {}

    async def begin(self, login: Login, *, before: int) -> None:
        """See `LoginStore.begin`."""
        self._logins = {digest: one for digest, one in self._logins.items() if one.made >= before}
        self._logins[login.digest] = login

    async def find(self, digest: bytes) -> Login | None:
        """See `LoginStore.find`."""
        return self._logins.get(digest)

    async def seen(self, digest: bytes, at: int) -> None:
        """See `LoginStore.seen`."""
        login = self._logins.get(digest)
        if login is not None:
            self._logins[digest] = replace(login, seen=max(login.seen, at))

    async def leave(self, digest: bytes) -> None:
        """See `LoginStore.leave`."""
        self._logins.pop(digest, None)


class MemorySwitchStore:
    """See `SwitchStore`."""

    def __init__(self) -> None:
        """Begin with all on."""
        self._switches: dict[tuple[str, Switchable, str], Switch] = {}

    async def put(self, switch: Switch) -> Switch:
        """See `SwitchStore.put`."""
        return self._switches.setdefault((switch.tenant, switch.kind, switch.name), switch)

    async def take(self, tenant: str, kind: Switchable, name: str) -> Switch | None:
        """See `SwitchStore.take`."""
        return self._switches.pop((tenant, kind, name), None)

    async def wait(self, seconds: float) -> None:
        """See `SwitchStore.wait`: nobody tells, so it takes all of them."""
        await asyncio.sleep(seconds)

    async def all(self) -> Sequence[Switch]:
        """See `SwitchStore.all`."""
        return sorted(self._switches.values(), key=lambda one: (one.at, one.tenant, one.kind, one.name))


class MemoryAuditLog:
    """See `AuditLog`."""

    def __init__(self) -> None:
        """Begin empty."""
        self._records: list[AuditRecord] = []

    async def write(self, record: AuditRecord) -> None:
        """See `AuditLog.write`."""
        self._records.append(replace(record, seq=len(self._records) + 1))

    async def read(self, *, after: int = 0, tenant: str | None = None, limit: int = 1000) -> Sequence[AuditRecord]:
        """See `AuditLog.read`."""
        return self._of(tenant, after)[: max(limit, 0)]

    async def latest(self, *, tenant: str | None = None, limit: int = 1000, before: int = 0) -> Sequence[AuditRecord]:
        """See `AuditLog.latest`."""
        found = [one for one in self._of(tenant, 0) if not before or one.seq < before]
        return found[max(len(found) - max(limit, 0), 0) :]

    def _of(self, tenant: str | None, after: int) -> list[AuditRecord]:
        return [one for one in self._records[max(after, 0) :] if tenant in {None, one.tenant}]
