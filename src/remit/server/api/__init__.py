"""API: the service over HTTP, with a description of itself that is made of what it does. Needs `remit[server]`."""

from remit.server.api.app import ENDPOINTS, routes, site
from remit.server.api.serving import Bind, listening, serving

__all__ = ["ENDPOINTS", "Bind", "listening", "routes", "serving", "site"]
