"""Load: what a fleet must be for a stated load, by the arithmetic of queues over measured costs."""

from remit.telemetry.load.costs import Costs
from remit.telemetry.load.queueing import quantile_wait, utilisation, waits
from remit.telemetry.load.sizing import Plan, Predicted, Room, predict, size
from remit.telemetry.load.stated import Load

__all__ = ["Costs", "Load", "Plan", "Predicted", "Room", "predict", "quantile_wait", "size", "utilisation", "waits"]
