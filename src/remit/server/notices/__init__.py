"""Notices: people are told over a webhook that something waits for them, and more of them when it waits too long."""

from remit.server.notices.claims import Claims, PostgresClaims
from remit.server.notices.opening import noticing
from remit.server.notices.reader import Notices
from remit.server.notices.sending import Webhook
from remit.server.notices.settings import NoticeSettings
from remit.server.notices.signing import signature, verified

__all__ = ["Claims", "NoticeSettings", "Notices", "PostgresClaims", "Webhook", "noticing", "signature", "verified"]
