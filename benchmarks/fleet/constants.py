"""Constants: what `remit simulate` ships with, out of a run; and how well it predicts the rest of that run."""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from benchmarks.fleet.plan import LENGTH, SHARES, SHORT, Found
from benchmarks.launch import HERE
from benchmarks.world import STEP_BYTES
from remit.telemetry.load import Costs, appends, predict

FILE = HERE / "src" / "remit" / "cli" / "simulating" / "measured.json"
_LEAST = 1.0
"""Microseconds and bytes below which noise made a difference of two figures that means nothing."""


class MissingError(Exception):
    """A figure that is needed was not taken."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A figure as it was predicted and as it was measured."""

    what: str
    unit: str
    predicted: float
    measured: float

    @property
    def ratio(self) -> float:
        """Predicted as a multiple of measured."""
        return self.predicted / self.measured


def split(found: Found, metric: str, crew: int = 1) -> tuple[float, float]:
    """Tell what a step costs from what a session costs beside its steps, by sessions of two lengths."""
    long, short = (_needed(found, f"flow/{crew}/{length}", metric) for length in (LENGTH, SHORT))
    step = max(_LEAST, (long * LENGTH - short * SHORT) / (LENGTH - SHORT))
    return step, max(0.0, (short - step) * SHORT)


def costs(found: Found) -> Costs:
    """Give the costs that a run measured: those of CPU by one worker, which shares the machine with PostgreSQL."""
    worker, worker_session = split(found, "worker_us_step")
    served, served_session = split(found, "server_us_step")
    size, size_session = split(found, "bytes_step")
    return Costs(
        measured=found.setting["day"],
        machine=found.setting["machine"],
        remit=found.setting["remit"],
        worker_us_step=round(worker, 1),
        worker_us_session=round(worker_session, 1),
        server_us_step=round(served, 1),
        server_us_session=round(served_session, 1),
        commit_worker_us=round(_commit(found, "worker_us", worker_session + LENGTH * worker), 1),
        commit_server_us=round(_commit(found, "server_us", served_session + LENGTH * served), 1),
        driver_us_session=round(_needed(found, f"flow/1/{LENGTH}", "driver_us_session"), 1),
        pick_ms=round(_needed(found, "pick/1", "pick_ms"), 2),
        sync_ms=round(_needed(found, "lines", "sync_ms"), 2),
        first_step_ms=round(_needed(found, "start/1/light", "p95"), 1),
        bytes_step=round(size, 1),
        bytes_session=round(size_session, 1),
        payload_step=float(STEP_BYTES),
        worker_rest_mb=round(_needed(found, "slow/2", "rest_mb"), 1),
        worker_kb_session=round(max(0.0, _needed(found, "slow/2", "kb_session")), 1),
        connections_worker=_needed(found, "lines", "worker_busy"),
        connections_replica=_needed(found, "lines", "replica"),
    )


def compared(found: Found, known: Costs, cores: int) -> list[Compared]:
    """Predict, from what one worker costs and an idle fleet takes, what was measured of all crews and loads."""
    lines: list[Compared] = []
    for crew in found.sizes.crews:
        for length in (LENGTH, SHORT):
            name = f"flow/{crew}/{length}"
            if (rate := found.get(name, "steps_s")) is not None:
                away = (found.get(name, "others") or 0.0) / 100
                most = predict(known, cores=cores, workers=crew, steps=length, sessions_s=0.0, others=away)
                what = f"throughput, workers: {crew}, steps: {length} ({most.bound})"
                lines.append(Compared(what, "steps/s", most.steps_s, rate))
        for load in SHARES:
            lines.extend(_waits(found, known, cores, crew, load))
    return lines


def _waits(found: Found, known: Costs, cores: int, crew: int, load: str) -> Iterator[Compared]:
    name = f"start/{crew}/{load}"
    took, came, busy = (found.get(name, metric) for metric in ("p95", "rate", "cores"))
    if took is None or came is None:
        return
    away = (found.get(name, "others") or 0.0) / 100
    said = predict(known, cores=cores, workers=crew, steps=LENGTH, sessions_s=came, others=away)
    yield Compared(f"first step, p95, {load}, workers: {crew}", "ms", said.first_step_ms, took)
    if busy:
        yield Compared(f"busy, {load}, workers: {crew}", "cores", said.cores_busy, busy)


def written(known: Costs) -> bytes:
    """Write costs as the file that ships."""
    return msgspec.json.format(msgspec.json.encode(known), indent=2) + b"\n"


def _commit(found: Found, metric: str, full: float) -> float:
    """Give what a commit of its own takes: under a light load each append has one, and full ones cost nearly none."""
    return max(0.0, _needed(found, "start/1/light", metric) - full) / appends(LENGTH)


def _needed(found: Found, name: str, metric: str) -> float:
    value = found.get(name, metric)
    if value is None:
        raise MissingError(f"{metric} of {name} was not measured: {found.errors.get(name, 'leave no part out')}")
    return value
