"""Secrets: registered values that never get out, in any of the forms in which they travel."""

from remit.policy.secrets.logs import RedactingFilter
from remit.policy.secrets.redaction import Redaction
from remit.policy.secrets.registered import SHORTEST, Secrets, overheard

__all__ = ["SHORTEST", "RedactingFilter", "Redaction", "Secrets", "overheard"]
