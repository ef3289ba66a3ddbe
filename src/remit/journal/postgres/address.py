"""Address: where a PostgreSQL is, and how it is named to people: never with its user's password."""

from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from remit.core.errors import ConfigError

_SCHEMES = ("postgresql", "postgres")
_EXAMPLE = "postgresql://USER@HOST:5432/DATABASE"


@dataclass(frozen=True, slots=True)
class Address:
    """The URL of a database, which nobody is shown, and its place, which everybody may see."""

    url: str = field(repr=False)
    place: str
    password: str = field(default="", repr=False)
    """The one in the URL, for those who keep secrets out of journals; empty when it comes from elsewhere."""

    @classmethod
    def of(cls, url: str) -> Self:
        """Take a URL apart; raise `ConfigError`, which does not repeat it, when it is none of PostgreSQL."""
        try:
            parts = urlsplit(url)
            query = parse_qs(parts.query)
            host = parts.hostname or (query.get("host") or ["localhost"])[0]
            port = parts.port or int((query.get("port") or ["5432"])[0])
        except ValueError:
            raise ConfigError(f"the URL of the database cannot be read; write {_EXAMPLE}") from None
        if parts.scheme not in _SCHEMES:
            raise ConfigError(f"a database URL begins with {_SCHEMES[0]!r}, not with {parts.scheme!r}: {_EXAMPLE}")
        name = (
            unquote(parts.path.removeprefix("/")) or (query.get("dbname") or query.get("database") or ["postgres"])[0]
        )
        password = unquote(parts.password or "") or (query.get("password") or [""])[0]
        return cls(url, f"PostgreSQL at {host}:{port}/{name}", password)
