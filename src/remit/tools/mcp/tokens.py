"""Tokens: what an OAuth server gave us, in a file that only its owner can read."""

import asyncio
import contextlib
import os
import secrets
from pathlib import Path

from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from pydantic import BaseModel, ValidationError

from remit.core.errors import ConfigError


class _Kept(BaseModel):
    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None


class TokenFile:
    """Keeps the tokens and the registration for one server, in a file with mode 0600."""

    def __init__(self, path: str | Path) -> None:
        """Say where; it is made when there is something to keep."""
        self._path = Path(path).expanduser()
        self._lock = asyncio.Lock()

    async def get_tokens(self) -> OAuthToken | None:
        """Give the tokens, if there are any."""
        return self._read().tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """Keep tokens."""
        async with self._lock:
            self._write(self._read().model_copy(update={"tokens": tokens}))

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        """Give our registration, if there is one."""
        return self._read().client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """Keep our registration."""
        async with self._lock:
            self._write(self._read().model_copy(update={"client": client_info}))

    def _read(self) -> _Kept:
        try:
            body = self._path.read_bytes()
        except FileNotFoundError:
            return _Kept()
        except OSError as error:
            raise ConfigError(f"{self._path} cannot be read: {error}") from error
        try:
            return _Kept.model_validate_json(body)
        except ValidationError:
            raise ConfigError(f"{self._path} does not hold tokens; remove it to sign in again") from None

    def _write(self, kept: _Kept) -> None:
        """Put it in place whole, so that no reader finds half of it, and readable by nobody else at any moment."""
        draft = self._path.with_name(f"{self._path.name}.{secrets.token_hex(8)}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(kept.model_dump_json(exclude_none=True))
            draft.replace(self._path)
        except OSError as error:
            raise ConfigError(f"{self._path} cannot be written: {error}") from error
        finally:
            with contextlib.suppress(FileNotFoundError):
                draft.unlink()
