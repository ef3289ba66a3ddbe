"""Tenants: whose sessions the fleet under measurement has; one object for all agents, as one home wants it."""

from remit.core.limits import Tenant
from remit.home import Settings

CAP = 50
"""Runs that the capped tenant may have at the same time."""
NOISY, CAPPED, QUIET = "noisy", "capped", "quiet"
SETTINGS = Settings(tenants=(Tenant(), Tenant(name=NOISY), Tenant(name=CAPPED, sessions=CAP), Tenant(name=QUIET)))
