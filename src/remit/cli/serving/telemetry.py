"""Telemetry: what `remit serve` tells of its sessions to Prometheus and to a collector of spans, if it is asked to."""

import argparse
import contextlib
import importlib
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, cast
from urllib.parse import urlsplit

from remit.core.errors import ConfigError
from remit.home import Home
from remit.server.access.sites import is_loopback
from remit.server.exporting import Backlog, Sending, Source, breakers, follower, metrics, queue, watching
from remit.telemetry.metrics import Measured, Metrics

COLLECTOR = "OTEL_EXPORTER_OTLP_ENDPOINT"
"""Names the variable with the address of a collector, as of all programs that speak OTLP."""

_TRACES = "/v1/traces"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom to tell."""

    host: str = ""
    """Where to be scraped; empty for nowhere."""
    port: int = 0
    export: "_Export | None" = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what shapes it."""
    parser.add_argument(
        "--metrics",
        metavar="[HOST:]PORT",
        default="",
        help="give metrics of all tenants to whoever reaches this port, at /metrics; on loopback unless HOST is given",
    )
    parser.add_argument(
        "--otlp",
        metavar="URL",
        default="",
        help=f"send spans to this collector, such as http://127.0.0.1:4318; also {COLLECTOR}",
    )


def wanted(args: argparse.Namespace) -> Wanted:
    """Read what `add_arguments` took and the environment; raise `ConfigError` for what cannot be."""
    host, port = _place(str(args.metrics)) if args.metrics else ("", 0)
    return Wanted(host, port, _export(str(args.otlp)))


@contextlib.asynccontextmanager
async def telling(home: Home, api: "Serving", wish: Wanted) -> AsyncGenerator[str]:
    """Tell meanwhile; give the address of the metrics, or nothing when nobody wants them."""
    if not wish.host and wish.export is None:
        yield ""
        return
    accumulated, sending = Metrics(), [wish.export] if wish.export else []
    async with watching(home, [accumulated] if wish.host else [], sending) as following:
        if not wish.host:
            yield ""
            return
        backlog = Backlog(home.store)
        sources = [
            metrics(accumulated),
            breakers(home.breakers.snapshot),
            queue(backlog.queued),
            follower(following),
            *(one.measured for one in sending),
        ]
        told = cast("_Prometheus", importlib.import_module("remit.server.exporting.prometheus")).Exposition(sources)
        scraping = cast("_Scraping", importlib.import_module("remit.server.exporting.scraping"))
        site = scraping.scraped(told, backlog.look, loopback=is_loopback(wish.host))
        async with api.listening(site, api.Bind(host=wish.host, port=wish.port)) as url:
            yield url + scraping.PATH


def _place(said: str) -> tuple[str, int]:
    host, _, port = said.rpartition(":")
    if not (port.isascii() and port.isdecimal() and int(port) < 65536):
        raise ConfigError(f"--metrics is PORT or HOST:PORT, such as 9464, not {said!r}")
    return host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port)


def _export(url: str) -> "_Export | None":
    if not (url or os.environ.get(COLLECTOR) or os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")):
        return None
    if url:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise ConfigError(f"--otlp is the URL of a collector, such as http://127.0.0.1:4318, not {url!r}")
        if parts.path in {"", "/"}:
            url = parts._replace(path=_TRACES).geturl()
    otlp = cast("_Otlp", importlib.import_module("remit.server.exporting.otlp"))
    # Without a URL the exporter reads the environment itself.
    return otlp.SpanExport(otlp.Exporting(endpoint=url, service=os.environ.get("OTEL_SERVICE_NAME") or "remit"))


class Serving(Protocol):
    """What there must be of `remit.server.api`."""

    def Bind(self, *, host: str, port: int) -> object:  # noqa: N802 - a class of that package
        """Say where to listen."""
        ...

    def listening(self, app: object, bind: object) -> AbstractAsyncContextManager[str]:
        """Serve an application meanwhile."""
        ...


class _Export(Sending, Protocol):
    def measured(self, now: int) -> list[Measured]: ...


class _Otlp(Protocol):
    def Exporting(self, *, endpoint: str, service: str) -> object: ...  # noqa: N802 - a class of that module
    def SpanExport(self, how: object) -> _Export: ...  # noqa: N802 - a class of that module


class _Prometheus(Protocol):
    def Exposition(self, sources: Sequence[Source]) -> object: ...  # noqa: N802 - a class of that module


class _Scraping(Protocol):
    PATH: str

    def scraped(self, told: object, look: Callable[[], Awaitable[None]], *, loopback: bool) -> object: ...
