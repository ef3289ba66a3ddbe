"""Places: opens what a home knows of access, and writes down what is done to it from this terminal."""

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from remit.cli.options import login
from remit.cli.stores import is_url
from remit.core.errors import ConfigError
from remit.server.access import FILE, AccessStore, Asked, Principal, access_store
from remit.server.access.records import recorded

_SPAN = re.compile(r"(\d{1,6})([smhdw])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@asynccontextmanager
async def access(place: str, *, fresh: bool = False) -> AsyncGenerator[AccessStore]:
    """Open the store of access of a home; raise `ConfigError` where there is none, unless a fresh one will do."""
    if not fresh and not is_url(place) and not (Path(place) / FILE).is_file():
        raise ConfigError(f"{place!r} has no keys and no audit yet; make a key with `remit keys new`, or say --store")
    store = access_store(place)
    try:
        yield store
    finally:
        await store.close()


async def note(store: AccessStore, tenant: str, what: str) -> None:
    """Write down what is about to be done from this terminal."""
    who = Principal(name=login(), tenant=tenant, role="admin", how="local")
    await store.log.write(recorded(who, Asked("", f"remit {what.split(':', maxsplit=1)[0]}", {}), what, allowed=True))


def span(text: str) -> int:
    """Read a time such as `90d` or `12h`, in milliseconds; `never` is 0."""
    if text == "never":
        return 0
    found = _SPAN.fullmatch(text)
    if found is None or not int(found[1]):
        raise ConfigError(f"{text!r} is no time; write it as 30m, 12h, 90d or 4w, or never")
    return int(found[1]) * _UNITS[found[2]] * 1000


def moment(at: int) -> str:
    """Write milliseconds since the epoch as a person reads them, in UTC; nothing for 0."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ") if at else ""
