"""Cost: where the money of recorded sessions went, and what other ways of asking would have saved. Pure."""

from remit.telemetry.cost.breakdown import BY, By, Line, break_down, total
from remit.telemetry.cost.charges import Charge, Charges, ChargeStatus, copied
from remit.telemetry.cost.questions import Question, Questions
from remit.telemetry.cost.savings import Saving, Tariffs, savings

__all__ = [
    "BY",
    "By",
    "Charge",
    "ChargeStatus",
    "Charges",
    "Line",
    "Question",
    "Questions",
    "Saving",
    "Tariffs",
    "break_down",
    "copied",
    "savings",
    "total",
]
