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

__all__ = [
    "TIERS",
    "Bounds",
    "Box",
    "Bridge",
    "Capabilities",
    "Interrupt",
    "Mount",
    "Result",
    "Sandbox",
    "SandboxPolicy",
    "Status",
    "Tier",
]
