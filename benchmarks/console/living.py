"""Living: whether the server answers while it reads a store with very many sessions for the first time."""

import asyncio
import statistics
import time
from dataclasses import dataclass

import httpx2

_EVERY = 0.02
_PATIENCE = 600.0


@dataclass(frozen=True, slots=True)
class Lived:
    """Milliseconds that `/health/live` took."""

    seconds: float
    """Until all sessions were listed."""
    meanwhile: tuple[float, float, float]
    """Median, 95th percentile and most, while they were read."""
    afterwards: tuple[float, float, float]


async def first_read(url: str, sessions: int) -> Lived:
    """Ask again and again until all sessions are listed, and as long again or 35 seconds, with a survey in it."""
    async with httpx2.AsyncClient(base_url=url, timeout=_PATIENCE) as client:
        began, meanwhile = time.perf_counter(), list[float]()
        while True:
            meanwhile += await _asked(client, 1.0)
            overview = (await client.get("/v1/overview")).json()
            if sum(overview.get(name, 0) for name in ("running", "waiting", "idle", "closed")) >= sessions:
                break
            if time.perf_counter() - began > _PATIENCE:
                raise SystemExit("the sessions were not read in time")
        seconds = time.perf_counter() - began
        return Lived(seconds, _figures(meanwhile), _figures(await _asked(client, 35.0)))


async def _asked(client: httpx2.AsyncClient, seconds: float) -> list[float]:
    took, until = list[float](), time.perf_counter() + seconds
    while (now := time.perf_counter()) < until:
        (await client.get("/health/live")).raise_for_status()
        took.append((time.perf_counter() - now) * 1000)
        await asyncio.sleep(_EVERY)
    return took


def _figures(took: list[float]) -> tuple[float, float, float]:
    return statistics.median(took), statistics.quantiles(took, n=20)[-1], max(took)
