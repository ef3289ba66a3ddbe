"""Sandboxes: places to run untrusted code, weakest to strongest, behind one port. All that comes out is untrusted."""

from remit.sandbox.port import (
    TIERS,
    Bounds,
    Box,
    Bridge,
    Capabilities,
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
    "Mount",
    "Result",
    "Sandbox",
    "SandboxPolicy",
    "Status",
    "Tier",
]
