"""Prometheus: what sources tell, in the formats that it reads. The only module that imports its client."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, assert_never, cast

from remit.core.errors import ConfigError
from remit.core.values import now_ms
from remit.server.exporting.sources import Source
from remit.telemetry.metrics import Measured

try:
    from prometheus_client import exposition
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
    from prometheus_client.registry import Collector, CollectorRegistry
except ImportError as error:
    raise ConfigError(f"metrics for Prometheus need an extra: pip install 'remit[prometheus]' ({error})") from error


class _Exposition(Protocol):
    """The function whose own types are only half written."""

    def choose_encoder(self, accept_header: str) -> tuple[Callable[[Collector], bytes], str]: ...


class _Collected(Collector):
    def __init__(self, sources: Sequence[Source], clock: Callable[[], int]) -> None:
        self._sources, self._clock = sources, clock

    def collect(self) -> Iterator[Metric]:
        now = self._clock()
        for source in self._sources:
            yield from map(_metric, source(now))

    def describe(self) -> Iterable[Metric]:
        """Name nothing in advance: what there is, sources know."""
        return ()


class Exposition:
    """What is said at `/metrics`. Who may read it is for whoever mounts it to check."""

    def __init__(self, sources: Sequence[Source], *, clock: Callable[[], int] = now_ms) -> None:
        """Tell what these sources tell, in this order."""
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Collected(sources, clock))

    def text(self, accept: str = "") -> tuple[bytes, str]:
        """Give the body and its content type, for the `Accept` header of whoever asks."""
        encode, content = cast("_Exposition", exposition).choose_encoder(accept)
        return encode(self._registry), content


def _metric(measured: Measured) -> Metric:
    family, samples = measured.family, measured.samples
    match family.kind:
        case "counter":
            counter = CounterMetricFamily(family.name, family.help, labels=family.labels)
            for sample in samples:
                counter.add_metric(sample.labels, sample.value)
            return counter
        case "gauge":
            gauge = GaugeMetricFamily(family.name, family.help, labels=family.labels)
            for sample in samples:
                gauge.add_metric(sample.labels, sample.value)
            return gauge
        case "histogram":
            histogram = HistogramMetricFamily(family.name, family.help, labels=family.labels)
            bounds = [*map(str, family.buckets), "+Inf"]
            for sample in samples:
                histogram.add_metric(sample.labels, list(zip(bounds, sample.counts, strict=True)), sample.value)
            return histogram
        case _:
            assert_never(family.kind)
