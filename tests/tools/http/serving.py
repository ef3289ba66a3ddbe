"""Servers and names for the tests of egress: real sockets on loopback, and names that lead where a test says."""

import asyncio
import base64
import ssl
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager

import httpx2
import pytest
from tests.certificates import Certificate
from tests.models.http.served import Script, Served, serving

from remit.core.errors import ToolError
from remit.policy.hosts import HostPolicy
from remit.tools.http import Allowance, Bounds, Credentials, Egress, Exchange, Outgoing, Resolver
from remit.tools.http.credentials import nobody


class Names:
    """Answers each question for a name with the next of its answers, and the last for ever."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        """Take the answers by name, with `_` for a dot."""
        self._answers = {name.replace("_", "."): list(given) for name, given in answers.items()}
        self.asked: list[str] = []

    async def resolve(self, host: str) -> Sequence[str]:
        """Answer."""
        self.asked.append(host)
        if host not in self._answers:
            raise OSError("no such name")
        answers = self._answers[host]
        return answers.pop(0) if len(answers) > 1 else answers[0]


class Silence:
    """Never answers."""

    async def resolve(self, host: str) -> Sequence[str]:
        """Wait for ever."""
        await asyncio.Event().wait()
        return ()


@asynccontextmanager
async def reaching(
    script: Script,
    *allow: str,
    names: Resolver | None = None,
    tls: Certificate | None = None,
    credentials: Credentials = nobody,
    bounds: Bounds | None = None,
) -> AsyncGenerator[tuple[Served, Egress, list[Exchange]]]:
    """Run a server, and an egress that may reach it as `app.test`; `PORT` in a rule is the server's."""
    context = tls.server("http/1.1") if tls else None
    records: list[Exchange] = []

    def trust() -> ssl.SSLContext:
        return tls.trusted() if tls else ssl.create_default_context()

    async with serving(script, context) as served:
        rules = allow or ("app.test:PORT", "127.0.0.1:PORT")
        policy = HostPolicy(allow=[rule.replace("PORT", str(served.port)) for rule in rules])
        egress = Egress(
            policy,
            credentials=credentials,
            record=records.append,
            resolver=names or Names(app_test=[["127.0.0.1"]]),
            trust=trust,
            bounds=bounds,
        )
        async with egress:
            yield served, egress, records


_RULES = ("*.test:PORT", "localhost:PORT", "127.0.0.1:PORT")


@asynccontextmanager
async def through(
    script: Script,
    *,
    names: Resolver | None = None,
    credentials: Credentials = nobody,
    allowance: Allowance | None = None,
    tls: Certificate | None = None,
) -> AsyncGenerator[tuple[Served, httpx2.AsyncClient, list[Exchange]]]:
    """Run a server, and a client of a library that may reach it under several names."""
    known = names or Names(app_test=[["127.0.0.1"]], other_test=[["127.0.0.1"]], localhost=[["127.0.0.1"]])
    async with reaching(script, *_RULES, names=known, credentials=credentials, tls=tls) as (served, egress, records):
        transport = egress.transport(tenant="acme", session="s1", call="c1", allowance=allowance)
        scheme = "https://localhost" if tls else "http://app.test"
        async with httpx2.AsyncClient(transport=transport, base_url=f"{scheme}:{served.port}") as client:
            yield served, client, records


def answer(body: bytes, *headers: bytes) -> bytes:
    """Write an answer with a length."""
    lines = b"".join(header + b"\r\n" for header in headers)
    return b"HTTP/1.1 200 OK\r\n" + lines + b"content-length: %d\r\n\r\n" % len(body) + body


async def refused(egress: Egress, request: Outgoing) -> ToolError:
    """Send what must fail, and give the error."""
    with pytest.raises(ToolError) as caught:
        await egress.send(request)
    return caught.value


TOKEN = "tok-8c1f77a09b"


async def keys(origin: str, tenant: str) -> Mapping[str, str]:
    """Know a key of `app.test`, and for the tenant `acme` another."""
    if not origin.startswith("http://app.test:"):
        return {}
    password = base64.b64encode(f"{tenant}:pass-{TOKEN}".encode()).decode()
    return {"Authorization": f"Bearer {TOKEN}" if tenant == "acme" else f"Basic {password}"}
