"""Telemetry: what `remit serve` tells of its sessions to Prometheus and to a collector of spans, if it is asked to."""

import argparse
import contextlib
import importlib
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, cast
from urllib.parse import urlsplit

from remit.core.errors import ConfigError
from remit.home import Home
from remit.journal.postgres import PostgresJournal
from remit.server.access.sites import is_loopback
from remit.server.exporting import Backlog, Sending, Source, breakers, follower, metrics, queue, watching
from remit.server.fleet import Waiting
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
    logs: "_Logs | None" = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what shapes it."""
    add_metrics(parser, "metrics of all tenants")
    parser.add_argument(
        "--otlp",
        metavar="URL",
        default="",
        help=f"send spans to this collector, such as http://127.0.0.1:4318; also {COLLECTOR}",
    )
    parser.add_argument(
        "--log",
        metavar="FILE",
        default="",
        help="write what happens in sessions and in this process there as lines of JSON; - for standard error",
    )


def add_metrics(parser: argparse.ArgumentParser, what: str) -> None:
    """Take `--metrics`."""
    parser.add_argument(
        "--metrics",
        metavar="[HOST:]PORT",
        default="",
        help=f"give {what} to whoever reaches this port, at /metrics; on loopback unless HOST is given",
    )


def place(args: argparse.Namespace) -> tuple[str, int]:
    """Read what `add_metrics` took: where to be scraped, no host for nowhere; raise `ConfigError` for no port."""
    return _place(str(args.metrics)) if args.metrics else ("", 0)


def wanted(args: argparse.Namespace) -> Wanted:
    """Read what `add_arguments` took and the environment; raise `ConfigError` for what cannot be."""
    host, port = place(args)
    return Wanted(host, port, _export(str(args.otlp)), _logs(str(args.log)))


@contextlib.asynccontextmanager
async def telling(
    home: Home, api: "Serving", wish: Wanted, notices: "_Export | None" = None, beside: Sequence[Source] = ()
) -> AsyncGenerator[str]:
    """Tell meanwhile, also people what waits; give the address of the metrics, or nothing when nobody wants them."""
    sending: list[_Export] = [one for one in (wish.export, wish.logs, notices) if one is not None]
    if not wish.host and not sending:
        yield ""
        return
    accumulated = Metrics()
    async with watching(home, [accumulated] if wish.host else [], sending) as following:
        # Within, so that what loggers say to the end is written before writing ends.
        with wish.logs.heard() if wish.logs else contextlib.nullcontext():
            if not wish.host:
                yield ""
                return
            sources = [metrics(accumulated), follower(following), *(one.measured for one in sending), *beside]
            async with scraped(home, api, (wish.host, wish.port), sources) as url:
                yield url


@contextlib.asynccontextmanager
async def scraped(
    home: Home,
    api: "Serving",
    where: tuple[str, int],
    own: Sequence[Source],
    unready: Callable[[], str] = lambda: "",
) -> AsyncGenerator[str]:
    """Tell what `own` sources tell, the circuits and the queue, meanwhile; give the address.

    Beside it stands whether the process lives, and why it is `unready`, for those who start and stop it.
    """
    backlog = Waiting(home.journal) if isinstance(home.journal, PostgresJournal) else Backlog(home.store)
    sources = [*own, breakers(home.breakers.snapshot), queue(backlog.queued)]
    told = cast("_Prometheus", importlib.import_module("remit.server.exporting.prometheus")).Exposition(sources)
    scraping = cast("_Scraping", importlib.import_module("remit.server.exporting.scraping"))
    host, port = where
    site = scraping.scraped(told, backlog.look, unready, loopback=is_loopback(host))
    async with api.listening(site, api.Bind(host=host, port=port)) as url:
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


def _logs(to: str) -> "_Logs | None":
    if not to:
        return None
    logs = cast("_Logging", importlib.import_module("remit.server.exporting.logs"))
    return logs.LogExport(logs.Logging(to=to))


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


class _Logs(_Export, Protocol):
    def heard(self) -> AbstractContextManager[None]: ...


class _Logging(Protocol):
    def Logging(self, *, to: str) -> object: ...  # noqa: N802 - a class of that module
    def LogExport(self, how: object) -> _Logs: ...  # noqa: N802 - a class of that module


class _Otlp(Protocol):
    def Exporting(self, *, endpoint: str, service: str) -> object: ...  # noqa: N802 - a class of that module
    def SpanExport(self, how: object) -> _Export: ...  # noqa: N802 - a class of that module


class _Prometheus(Protocol):
    def Exposition(self, sources: Sequence[Source]) -> object: ...  # noqa: N802 - a class of that module


class _Scraping(Protocol):
    PATH: str

    def scraped(
        self, told: object, look: Callable[[], Awaitable[None]], unready: Callable[[], str], *, loopback: bool
    ) -> object: ...
