"""Metrics: counters, gauges and histograms of all sessions, told from their records. Pure; nothing is exported here."""

from remit.telemetry.metrics.accumulator import Metrics
from remit.telemetry.metrics.families import BREAKERS, FAMILIES, QUEUE, READERS, Family, Measured, Sample
from remit.telemetry.metrics.series import OTHER

__all__ = ["BREAKERS", "FAMILIES", "OTHER", "QUEUE", "READERS", "Family", "Measured", "Metrics", "Sample"]
