"""An identity provider on loopback, with real keys, which can rotate them, lie, stall and go away."""

import asyncio
import json
import time
import warnings
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from remit.core.values import JsonObject

Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

RSA = rsa.generate_private_key(65537, 2048)
OTHER = rsa.generate_private_key(65537, 2048)
WEAK = rsa.generate_private_key(65537, 1024)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()


def pem(key: Private) -> bytes:
    """The public half, as an attacker who has read it would use it."""
    kind, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(kind, form)


def jwk(key: Private, kid: str, **more: str) -> JsonObject:
    """The public half as the issuer tells it."""
    match key:
        case rsa.RSAPrivateKey():
            said = RSAAlgorithm.to_jwk(key.public_key())
        case ec.EllipticCurvePrivateKey():
            said = ECAlgorithm.to_jwk(key.public_key())
        case ed25519.Ed25519PrivateKey():
            said = OKPAlgorithm.to_jwk(key.public_key())
    return {**json.loads(said), "kid": kid, "use": "sig", **more}


@dataclass
class Issuer:
    """What it tells, and how often it was asked."""

    port: int = 0
    keys: list[JsonObject] = field(default_factory=list[JsonObject])
    asked: list[str] = field(default_factory=list[str])
    claims_to_be: str = ""
    answer: Callable[[str], bytes] | None = None
    """Instead of what it would answer; nothing to stall."""
    server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def token(
        self, key: Private | bytes, *, kid: str = "k1", alg: str = "RS256", typ: str = "JWT", **claims: object
    ) -> str:
        """Sign claims as it would, over the usual ones; `None` leaves one out."""
        now = int(time.time())
        usual: dict[str, object] = {
            "iss": self.url, "aud": "remit", "sub": "ann", "iat": now, "exp": now + 300, "org": "acme",
            "groups": ["support"],
        }  # fmt: skip
        said = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        with warnings.catch_warnings(action="ignore", category=jwt.InsecureKeyLengthWarning):
            return jwt.encode(said, key, alg, headers={"kid": kid, "typ": typ})

    async def stop(self) -> None:
        """Go away."""
        assert self.server is not None
        self.server.close()
        await self.server.wait_closed()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split()[1].decode()
            self.asked.append(path)
            writer.write(self.answer(path) if self.answer else http(self._document(path)))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _document(self, path: str) -> bytes:
        if path == "/.well-known/openid-configuration":
            return json.dumps({"issuer": self.claims_to_be or self.url, "jwks_uri": f"{self.url}/keys"}).encode()
        return json.dumps({"keys": self.keys}).encode()


def http(body: bytes, status: str = "200 OK", more: str = "") -> bytes:
    """An answer."""
    return f"HTTP/1.1 {status}\r\n{more}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


@asynccontextmanager
async def issuing(*keys: JsonObject) -> AsyncGenerator[Issuer]:
    """Run an issuer with these keys."""
    issuer = Issuer(keys=list(keys))
    issuer.server = await asyncio.start_server(issuer.serve, "127.0.0.1", 0)
    issuer.port = issuer.server.sockets[0].getsockname()[1]
    try:
        yield issuer
    finally:
        issuer.server.close()
