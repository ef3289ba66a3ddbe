"""Pages: what the console shows, one module each; its script has the same name below `static/pages`."""

from remit.server.console.pages import (
    agents,
    approvals,
    compare,
    flags,
    limits,
    overview,
    session,
    sessions,
    settings,
    tools,
)
from remit.server.console.visit import Page

PAGES: tuple[Page, ...] = (
    overview.PAGE,
    sessions.PAGE,
    session.PAGE,
    compare.PAGE,
    approvals.PAGE,
    flags.PAGE,
    agents.PAGE,
    agents.ONE,
    tools.PAGE,
    limits.PAGE,
    settings.PAGE,
)
"""All pages."""
