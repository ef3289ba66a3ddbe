"""Sandboxes: places to run untrusted code, weakest to strongest, behind one port. All that comes out is untrusted."""

from remit.core.programs import (
    TIERS,
    Bounds,
    Box,
    Bridge,
    Capabilities,
    Interrupt,
    Mount,
    Result,
    Sandbox,
    SandboxPolicy,
    Status,
    Tier,
)
from remit.sandbox.toolset import RunCode

__all__ = [
    "TIERS",
    "Bounds",
    "Box",
    "Bridge",
    "Capabilities",
    "Interrupt",
    "Mount",
    "Result",
    "RunCode",
    "Sandbox",
    "SandboxPolicy",
    "Status",
    "Tier",
]
