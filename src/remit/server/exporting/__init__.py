"""Exporting: metrics for Prometheus and spans for OpenTelemetry, read from journals beside the work.

`prometheus`, `scraping` and `otlp` need extras and are imported by whoever wants them; `rules` are data for Prometheus
and Grafana.
"""

from remit.server.exporting.following import Follower, Keeping, Pace, Reader, Stood
from remit.server.exporting.sources import Backlog, Queued, Source, breakers, follower, metrics, queue
from remit.server.exporting.watching import Sending, watching

__all__ = [
    "Backlog",
    "Follower",
    "Keeping",
    "Pace",
    "Queued",
    "Reader",
    "Sending",
    "Source",
    "Stood",
    "breakers",
    "follower",
    "metrics",
    "queue",
    "watching",
]
