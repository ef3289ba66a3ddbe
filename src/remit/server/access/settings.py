"""Settings of access: the table `[access]` of a `remit.toml`. Read strictly."""

from pathlib import Path
from typing import Annotated

import msgspec

from remit.core.errors import ConfigError
from remit.server.access.oidc.settings import IssuerSettings
from remit.tools.registry.tables import converted, parsed, table

_Above = Annotated[float, msgspec.Meta(gt=0)]
_Some = Annotated[int, msgspec.Meta(ge=1)]


class PaceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often: so many a second, and so many at once after a rest."""

    per_second: _Above
    burst: _Some


class AccessSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may come in."""

    required: bool = False
    """Whether keys or tokens are needed on loopback too, as behind a proxy."""
    issuers: tuple[IssuerSettings, ...] = ()
    own_approvals: bool = False
    """Whether people may approve what they asked for themselves."""
    idle_minutes: _Above = 60.0
    """How long a login of the console lasts without a request."""
    login_hours: _Above = 12.0
    """How long it lasts at all."""
    requests: PaceSettings = PaceSettings(per_second=20.0, burst=60)
    """Of each key or person."""
    failures: PaceSettings = PaceSettings(per_second=0.5, burst=10)
    """Of each address."""

    @classmethod
    def read(cls, path: str | Path) -> "AccessSettings":
        """Read the table of a project's file, if there are any; raise `ConfigError` naming what is wrong."""
        file = Path(path)
        try:
            text = file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return cls()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not UTF-8"
            raise ConfigError(f"cannot read {str(file)!r}: {why}") from None
        said = parsed(text, str(file)).get("access", {})
        settings = converted(table(said, f"{file}: access"), cls, f"{file}: [access]")
        names = [one.issuer for one in settings.issuers]
        if len(set(names)) != len(names):
            raise ConfigError(f"{file}: [access] names an issuer twice; one table has all that is to say of it")
        return settings
