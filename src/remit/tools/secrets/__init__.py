"""Secrets for tools: where values are, and a vault that lets none out before it is registered."""

from remit.tools.secrets.environment import EnvironmentSecrets
from remit.tools.secrets.files import FileSecrets
from remit.tools.secrets.headers import credentials, redacting
from remit.tools.secrets.keyring import KeyringSecrets
from remit.tools.secrets.port import SecretSource
from remit.tools.secrets.vault import Vault

__all__ = [
    "EnvironmentSecrets",
    "FileSecrets",
    "KeyringSecrets",
    "SecretSource",
    "Vault",
    "credentials",
    "redacting",
]
