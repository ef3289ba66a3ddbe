"""Headers: credentials of HTTP made from templates, and records of exchanges without secrets."""

import base64
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from remit.core.errors import ConfigError
from remit.policy import Secrets
from remit.policy.hosts import destination
from remit.tools.secrets.port import NAME

if TYPE_CHECKING:
    # The client behind it is loaded by those who send, and by nobody else.
    from remit.tools.http import Credentials, Record

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_PLACE = re.compile(r"\$(?:\$|\{([^{}]*)\})?")
_BASIC = "Basic "

LookUp = Callable[[str, str], Awaitable[str]]
"""Gives a secret by name and tenant, as a `Vault` does."""


class _Template(msgspec.Struct, frozen=True):
    """A header's value: texts, and names of secrets between them."""

    texts: tuple[str, ...]
    names: tuple[str, ...]
    basic: bool

    def filled(self, values: Mapping[str, str]) -> str:
        """Put the values in."""
        whole = self.texts[0]
        for name, text in zip(self.names, self.texts[1:], strict=True):
            value = values[name]
            if not self.basic and not _sendable(value):
                raise ConfigError(f"secret {name!r} cannot be sent in a header: it holds more than printable ASCII")
            whole += value + text
        return _BASIC + base64.b64encode(whole.encode()).decode() if self.basic else whole


def credentials(vault: LookUp, templates: Mapping[str, Mapping[str, str]]) -> "Credentials":
    """See `Vault.credentials`."""
    read: dict[str, dict[str, _Template]] = {}
    for origin, headers in templates.items():
        place = _origin(origin)
        if place in read:
            raise ConfigError(f"credentials for {place} are given twice")
        read[place] = {name: _template(f"{origin}: {name}", name, text) for name, text in headers.items()}

    async def headers_for(origin: str, tenant: str) -> Mapping[str, str]:
        wanted = read.get(origin, {})
        names = dict.fromkeys(name for template in wanted.values() for name in template.names)
        values = {name: await vault(name, tenant) for name in names}
        return {name: template.filled(values) for name, template in wanted.items()}

    return headers_for


def redacting(record: "Record", secrets: Secrets) -> "Record":
    """Take registered values out of exchanges before they are recorded: a path can hold one, as a webhook's does."""
    return lambda exchange: record(secrets.redact_event(exchange))


def _origin(text: str) -> str:
    try:
        to = destination(text)
    except ValueError as error:
        raise ConfigError(f"{text!r} is no origin for credentials: {error}") from None
    if to.target != "/":
        raise ConfigError(f"{text!r} is no origin for credentials: leave out what follows the host, {to.target!r}")
    return to.origin


def _template(where: str, header: str, text: str) -> _Template:
    texts, names = _parts(where, text)
    basic = text.startswith(_BASIC) and any(":" in one for one in texts)
    if not _NAME.fullmatch(header) or not all(map(_sendable, texts)):
        raise ConfigError(f"{where!r} is no header: its name is a token and its value printable ASCII")
    return _Template((texts[0].removeprefix(_BASIC), *texts[1:]) if basic else tuple(texts), tuple(names), basic)


def _parts(where: str, text: str) -> tuple[Sequence[str], Sequence[str]]:
    texts, names, at = [""], list[str](), 0
    for found in _PLACE.finditer(text):
        texts[-1] += text[at : found.start()]
        at = found.end()
        if found[0] == "$$":
            texts[-1] += "$"
            continue
        if found[1] is None or not NAME.fullmatch(found[1]):
            raise ConfigError(f"{where!r} has a '$' that begins no ${{NAME}}; write $$ for a dollar sign")
        names.append(found[1])
        texts.append("")
    texts[-1] += text[at:]
    return texts, names


def _sendable(text: str) -> bool:
    return text.isascii() and (text.isprintable() or not text)
