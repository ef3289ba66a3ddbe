"""The offline mind: what rules, words and a small classifier can tell about a mail without any language model."""

from remit.apps.desk.mind.classifier import Classifier
from remit.apps.desk.mind.entities import Entities, Money
from remit.apps.desk.mind.suspicion import suspicion
from remit.apps.desk.mind.understanding import Approval, Intent, Understanding, Urgency, understand

__all__ = [
    "Approval",
    "Classifier",
    "Entities",
    "Intent",
    "Money",
    "Understanding",
    "Urgency",
    "suspicion",
    "understand",
]
