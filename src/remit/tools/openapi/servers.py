"""Servers: the URL that an operation's path is added to."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from remit.core.errors import ConfigError
from remit.core.values import JsonObject
from remit.tools.openapi.document import Entry, OpenAPI


def server_url(document: OpenAPI, entry: Entry, wanted: str | Mapping[str, str]) -> str:
    """Give an operation's base URL, without a slash at its end; raise `ConfigError` when there is none.

    `wanted` is a URL that goes before the document's, or values of the variables in those of the document.
    """
    if isinstance(wanted, str) and wanted:
        return _absolute(wanted)
    for owner in (entry.node, entry.shared, document.root):
        listed = owner.get("servers")
        if isinstance(listed, list) and listed:
            return _absolute(_filled(document.resolve(listed[0]), {} if isinstance(wanted, str) else wanted))
    raise ConfigError(f"{document.name} names no server; give `server=`")


def _filled(server: JsonObject, values: Mapping[str, str]) -> str:
    variables = server.get("variables")
    known = variables if isinstance(variables, dict) else {}

    def value(found: re.Match[str]) -> str:
        name = found[1]
        variable = known.get(name)
        said = variable if isinstance(variable, dict) else {}
        chosen = values.get(name, said.get("default"))
        allowed = said.get("enum")
        if not isinstance(chosen, str):
            raise ConfigError(f"the server's URL needs {name!r}; give `server={{{name!r}: ...}}`")
        if isinstance(allowed, list) and allowed and chosen not in allowed:
            raise ConfigError(f"the server's {name!r} is one of {', '.join(map(str, allowed))}, not {chosen!r}")
        return chosen

    return re.sub(r"\{([^{}]+)\}", value, str(server.get("url", "")))


def _absolute(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ConfigError(f"the server {url!r} is no whole URL; give `server=` with https:// and a host")
    if parts.query or parts.fragment:
        raise ConfigError(f"the server {url!r} has a query or a fragment, to which no path can be added")
    return url.rstrip("/")
