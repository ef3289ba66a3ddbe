"""Trace: a session as a tree of what was done, with what is recorded of each part. Pure: records in, values out."""

from remit.telemetry.trace.moment import Moment, moment
from remit.telemetry.trace.node import Kind, Node
from remit.telemetry.trace.step import Step, step
from remit.telemetry.trace.tree import tree

__all__ = ["Kind", "Moment", "Node", "Step", "moment", "step", "tree"]
