"""Contract tests: a caller that is led by the schemas of tools, and reports which of them do not keep their word."""

from remit.tools.checking.calling import Pace
from remit.tools.checking.checking import check_tools
from remit.tools.checking.health import FILE, Health, keep, last_checks
from remit.tools.checking.junit import junit, reproduction
from remit.tools.checking.options import Options
from remit.tools.checking.report import Breach, Checked, Latency, PhaseReport, Report

__all__ = [
    "FILE",
    "Breach",
    "Checked",
    "Health",
    "Latency",
    "Options",
    "Pace",
    "PhaseReport",
    "Report",
    "check_tools",
    "junit",
    "keep",
    "last_checks",
    "reproduction",
]
