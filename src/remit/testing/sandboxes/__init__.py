"""The suites of sandboxes: what each must do, what each must hold, and one that holds nothing to see them fail."""

from remit.testing.sandboxes.attacking import Attacked, run_attacks
from remit.testing.sandboxes.attacks import ATTACKS, EXCEPTIONS, Attack
from remit.testing.sandboxes.checks import CHECKS, Check
from remit.testing.sandboxes.unheld import Unheld

__all__ = ["ATTACKS", "CHECKS", "EXCEPTIONS", "Attack", "Attacked", "Check", "Unheld", "run_attacks"]
