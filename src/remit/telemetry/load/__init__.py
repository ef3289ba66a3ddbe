"""Load: what a fleet must be for a stated load, by the arithmetic of queues over measured costs."""

from remit.telemetry.load.costs import Costs
from remit.telemetry.load.latency import appends
from remit.telemetry.load.predicting import Predicted, predict
from remit.telemetry.load.queueing import quantile_wait, stretch, utilisation, waits
from remit.telemetry.load.sizing import Plan, Room, size
from remit.telemetry.load.stated import Load

__all__ = [
    "Costs",
    "Load",
    "Plan",
    "Predicted",
    "Room",
    "appends",
    "predict",
    "quantile_wait",
    "size",
    "stretch",
    "utilisation",
    "waits",
]
