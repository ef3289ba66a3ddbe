"""Register: keys, who is known, and the audit log. An administrator sees and changes those of one tenant only."""

from collections.abc import Sequence
from dataclasses import dataclass

from remit.core.errors import ConfigError
from remit.core.values import now_ms
from remit.server.access.keys import Key, Keys
from remit.server.access.opening import Facts
from remit.server.access.port import MAY, Principal, Role
from remit.server.access.records import AuditLog, AuditRecord
from remit.server.administration.views import Happened, KeyView, Known, Line, Lines, key_view
from remit.server.service import RefusedError

_PAGE = 500
_FARTHEST = 5000
"""Lines that are looked through for one page; where few fit it is short, and the next one goes on."""
_RECENT = 2000
"""Lines in which names are looked for."""

_DAY_MS = 86_400_000
_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Made:
    """A new key, and its text, which nobody sees again."""

    key: KeyView
    secret: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines of the log are wanted; what is empty fits all."""

    name: str = ""
    what: str = ""
    """Somewhere in what was done, in the path, or in where it came from."""
    refused: bool = False
    before: int = 0
    limit: int = 100

    def fits(self, line: AuditRecord) -> bool:
        """Say whether a line is wanted."""
        words = f"{line.what}\n{line.path}\n{line.peer}".lower()
        return (
            (not self.name or line.name == self.name)
            and (not self.refused or not line.allowed)
            and (not self.what or self.what.lower() in words)
        )


class Register:
    """What an administrator of a tenant sees and changes."""

    def __init__(self, keys: Keys, log: AuditLog, facts: Facts, *, strangers: bool = False) -> None:
        """Take how the server is come into; with `strangers` the log shows who was nobody, too.

        That is for servers of one tenant: what strangers asked for may be the business of another.
        """
        self.facts = facts
        self._keys, self._log, self._strangers = keys, log, strangers

    async def keys(self, principal: Principal) -> tuple[KeyView, ...]:
        """List the keys of a tenant, newest first."""
        at = now_ms()
        return tuple(key_view(key, at) for key in reversed(await self._keys.store.all(principal.tenant)))

    async def expires(self, principal: Principal) -> int | None:
        """Say when the key that somebody came with ends."""
        key = await self._keys.store.get(principal.key) if principal.key else None
        ends = [end for end in (key.expires, key.ends) if end] if key is not None else []
        return min(ends, default=None)

    async def make(self, principal: Principal, *, name: str, role: Role, days: float | None) -> Made:
        """Make a key for the principal's tenant; `None` days is for ever."""
        _within(principal, role)
        try:
            key, text = await self._keys.new(
                tenant=principal.tenant, role=role, name=name, by=principal.name, lives=round((days or 0) * _DAY_MS)
            )
        except ConfigError as error:
            raise RefusedError("unfit", str(error)) from None
        return Made(key_view(key, now_ms()), text)

    async def rotate(self, principal: Principal, name: str, *, hours: float) -> Made:
        """Make a key like an old one, which stays good for so many hours."""
        old = await self._own(principal, name)
        _within(principal, old.role)
        try:
            key, text = await self._keys.rotate(old.id, grace=round(hours * _HOUR_MS), by=principal.name)
        except ConfigError as error:
            raise RefusedError("conflict", str(error)) from None
        return Made(key_view(key, now_ms()), text)

    async def revoke(self, principal: Principal, name: str) -> KeyView:
        """End a key now, and every login made with it."""
        old = await self._own(principal, name)
        _within(principal, old.role)
        return key_view(await self._keys.revoke(old.id), now_ms())

    async def lines(self, principal: Principal, wanted: Wanted) -> Lines:
        """Give a part of the audit log, newest first; of long stretches that do not fit it gives nothing yet."""
        found: list[AuditRecord] = []
        before, looked, more = wanted.before, 0, True
        while more and looked < _FARTHEST and len(found) < wanted.limit:
            page = await self._read(principal, before)
            more = len(page) == _PAGE
            for line in reversed(page):
                looked, before = looked + 1, line.seq
                if self._shown(principal, line) and wanted.fits(line):
                    found.append(line)
                    if len(found) == wanted.limit:
                        more = more or line is not page[0]
                        break
        return Lines(lines=tuple(map(_line, found)), next=before if more else None)

    async def happened(self, principal: Principal, begins: str = "switched ", limit: int = 50) -> tuple[Happened, ...]:
        """List what was done of late and is written down in words that begin so, newest first."""
        lines = await self._log.latest(tenant=principal.tenant, limit=_FARTHEST)
        found = [line for line in reversed(lines) if line.allowed and line.what.startswith(begins)]
        return tuple(Happened(at=line.at, by=line.name, what=line.what) for line in found[:limit])

    async def known(self, principal: Principal) -> tuple[Known, ...]:
        """List who has a key or was here of late, by name."""
        found: dict[str, Known] = {}
        at = now_ms()
        for key in await self._keys.store.all(principal.tenant):
            held = found.get(key.name)
            count = (held.keys if held else 0) + key.valid(at)
            seen = max(held.seen or 0 if held else 0, key.used) or None
            found[key.name] = Known(name=key.name, role=key.role, how=("key",), keys=count, seen=seen)
        for line in await self._log.latest(tenant=principal.tenant, limit=_RECENT):
            if line.name:
                found[line.name] = _seen(found.get(line.name), line)
        return tuple(sorted(found.values(), key=lambda one: one.name))

    async def _read(self, principal: Principal, before: int) -> Sequence[AuditRecord]:
        tenant = None if self._strangers else principal.tenant
        return await self._log.latest(tenant=tenant, limit=_PAGE, before=before)

    def _shown(self, principal: Principal, line: AuditRecord) -> bool:
        return line.tenant == principal.tenant or (self._strangers and line.tenant == "")

    async def _own(self, principal: Principal, name: str) -> Key:
        key = await self._keys.store.get(name)
        if key is None or key.tenant != principal.tenant:
            # In the same words, whether there is none or it is another tenant's.
            raise RefusedError("unknown", f"no key {name!r}")
        return key


def _within(principal: Principal, role: Role) -> None:
    if not MAY[role] <= MAY[principal.role]:
        raise RefusedError("conflict", f"a {principal.role} has no say over keys of a {role}")


def _seen(known: Known | None, line: AuditRecord) -> Known:
    how = {*(known.how if known else ()), *((line.how,) if line.how else ())}
    return Known(
        name=line.name,
        role=line.role or (known.role if known else ""),
        how=tuple(sorted(how)),
        keys=known.keys if known else 0,
        seen=max(line.at, known.seen or 0 if known else 0),
    )


def _line(record: AuditRecord) -> Line:
    return Line(
        seq=record.seq,
        at=record.at,
        allowed=record.allowed,
        what=record.what,
        name=record.name,
        role=record.role,
        how=record.how,
        key=record.key,
        method=record.method,
        path=record.path,
        peer=record.peer,
        times=record.times,
    )
