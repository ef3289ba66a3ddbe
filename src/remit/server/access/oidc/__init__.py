"""OIDC: bearer tokens of an identity provider. `tokens` needs the extra `oidc`; the settings do not."""

from remit.server.access.oidc.settings import ALGORITHMS, Claim, IssuerSettings, mapped

__all__ = ["ALGORITHMS", "Claim", "IssuerSettings", "mapped"]
