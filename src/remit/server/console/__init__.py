"""Console: pages for people who see, decide and stop things, in the process that serves the API. Needs `remit[server]`.

A page is a frame with its first data in it; the rest is asked of the API, with the rights of who looks. Nothing comes
from elsewhere and no script or style stands in a page, so the policy of the site allows none.
"""

from remit.server.console.front import console

__all__ = ["console"]
