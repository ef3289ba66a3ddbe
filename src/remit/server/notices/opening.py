"""Opening: notices as a project's `remit.toml` wants them, over an egress that reaches nothing else."""

import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

from remit.policy import Secrets
from remit.policy.hosts import HostPolicy, destination
from remit.server.notices.claims import Claims
from remit.server.notices.reader import Notices
from remit.server.notices.sending import Patience, Webhook
from remit.server.notices.settings import NoticeSettings
from remit.tools.http import Bounds, Egress
from remit.tools.registry import Project

_INSIDE = ("10.0.0.0/8:*", "172.16.0.0/12:*", "192.168.0.0/16:*", "127.0.0.0/8:*", "[::1]:*", "[fc00::]/7:*")
"""Where a name may lead that the operator wrote down themselves; cloud metadata is not there."""


@contextlib.asynccontextmanager
async def noticing(file: str | Path, secrets: Secrets, claims: Claims | None = None) -> AsyncGenerator[Notices | None]:
    """Give a reader that tells people what waits, or `None` when the project has no `[notices]`.

    The secret is looked up once before, and registered in `secrets`. Of several servers `claims` say who tells. Raise
    `ConfigError` for what is wrong.
    """
    settings = NoticeSettings.read(file)
    if settings is None:
        yield None
        return
    vault = Project.read(file).vault(secrets)
    await vault(settings.secret)
    places = [destination(url).origin for url in (settings.url, settings.escalation_url) if url]
    policy = HostPolicy(allow=[*places, *_INSIDE])
    patience = Patience(timeout=settings.timeout, total=settings.hours * 3600)
    # A redirect is not followed: what is signed for one place is for no other.
    async with Egress(policy, bounds=Bounds(redirects=0, connections=2)) as egress:

        def hook(url: str) -> Webhook:
            return Webhook(url, lambda: vault(settings.secret), egress, patience=patience, claims=claims)

        escalated = hook(settings.escalation_url) if settings.escalation_url else None
        yield Notices(settings, hook(settings.url), escalated)
