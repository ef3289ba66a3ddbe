"""Attacks: programs that try to get out, as data, and which tiers let which of them through on purpose."""

from remit.testing.sandboxes.attacks.attack import Attack, Shows
from remit.testing.sandboxes.attacks.bounds import BOUNDS
from remit.testing.sandboxes.attacks.bridge import BRIDGE
from remit.testing.sandboxes.attacks.exceptions import EXCEPTIONS
from remit.testing.sandboxes.attacks.files import FILES
from remit.testing.sandboxes.attacks.kernel import KERNEL_CALLS
from remit.testing.sandboxes.attacks.network import NETWORK
from remit.testing.sandboxes.attacks.processes import PROCESSES

ATTACKS: tuple[Attack, ...] = (*FILES, *NETWORK, *PROCESSES, *BOUNDS, *KERNEL_CALLS, *BRIDGE)
"""All of them."""

__all__ = ["ATTACKS", "EXCEPTIONS", "Attack", "Shows"]
