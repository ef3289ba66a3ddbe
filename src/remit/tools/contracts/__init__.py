"""Tool contracts: what was reviewed, what changed since, how bad that is, and what to do about it."""

from remit.tools.contracts.changes import Change, Kind, worst
from remit.tools.contracts.contract import Contract, contract_of, spec_of
from remit.tools.contracts.differences import differences, review, same
from remit.tools.contracts.drift import Action, Drift, DriftVerdict
from remit.tools.contracts.lock import Lock, Locked
from remit.tools.contracts.suspicion import suspicions

__all__ = [
    "Action",
    "Change",
    "Contract",
    "Drift",
    "DriftVerdict",
    "Kind",
    "Lock",
    "Locked",
    "contract_of",
    "differences",
    "review",
    "same",
    "spec_of",
    "suspicions",
    "worst",
]
