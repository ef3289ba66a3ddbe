"""Policy: guards, one rule each, and detectors. No I/O; the first thing that says no is heard."""

from remit.policy.approvals import AskBefore
from remit.policy.breaker import Breaker, Breakers, BreakerState, BreakerStatus, Entered, Tolerance
from remit.policy.honeypots import Decoy, Honeypot, decoy
from remit.policy.limits import budget_refusal, refusal
from remit.policy.loops import LOOP_DETECTORS, Alternation, Embed, Escalation, NoProgress, Repetition
from remit.policy.order import judge
from remit.policy.permissions import Allow, AskFor, Deny, Pattern, Permissions, Rule
from remit.policy.secrets import Secrets
from remit.policy.velocity import Velocity

__all__ = [
    "LOOP_DETECTORS",
    "Allow",
    "Alternation",
    "AskBefore",
    "AskFor",
    "Breaker",
    "BreakerState",
    "BreakerStatus",
    "Breakers",
    "Decoy",
    "Deny",
    "Embed",
    "Entered",
    "Escalation",
    "Honeypot",
    "NoProgress",
    "Pattern",
    "Permissions",
    "Repetition",
    "Rule",
    "Secrets",
    "Tolerance",
    "Velocity",
    "budget_refusal",
    "decoy",
    "judge",
    "refusal",
]
