"""Secrets of the environment: a variable each, and one more for each tenant that has its own."""

import os
import re
from collections.abc import Mapping

from remit.core.errors import ConfigError
from remit.tools.secrets.port import checked

_BETWEEN = "__"
_PLAIN = re.compile(r"[a-z0-9]")


class EnvironmentSecrets:
    """Reads `PREFIX + TENANT + "__" + NAME`, then `PREFIX + NAME`; a variable that is empty does not count.

    A tenant is written in capitals, and every character of its name but small letters and digits as `_`, its code in
    hexadecimal digits, `_`: so `JIRA_TOKEN` of `acme` is `ACME__JIRA_TOKEN`, and that of `acme-eu` is
    `ACME_2D_EU__JIRA_TOKEN`. No two tenants share a variable.
    """

    def __init__(self, prefix: str = "", environ: Mapping[str, str] = os.environ) -> None:
        """Read variables that begin so."""
        self._prefix, self._environ = prefix, environ

    def __str__(self) -> str:
        """Say where this is."""
        return f"the environment ({self._prefix}TENANT{_BETWEEN}NAME, {self._prefix}NAME)"

    async def get(self, name: str, tenant: str) -> str | None:
        """See `SecretSource.get`; two underscores in a row end the tenant's name, so no secret's name has them."""
        if _BETWEEN in checked(name):
            raise ConfigError(
                f"a secret of the environment cannot be named {name!r}: {_BETWEEN!r} ends a tenant's name"
            )
        own = self._environ.get(f"{self._prefix}{variable(tenant)}{_BETWEEN}{name}", "") if tenant else ""
        return own or self._environ.get(f"{self._prefix}{name}") or None


def variable(tenant: str) -> str:
    """Write a tenant as variables have it; no two tenants are written alike."""
    return "".join(one.upper() if _PLAIN.fullmatch(one) else f"_{ord(one):X}_" for one in tenant)
