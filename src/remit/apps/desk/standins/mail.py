"""An SMTP server on this machine that keeps what it receives, and fails on request."""

import asyncio
import logging
import socket
import ssl
import threading
from collections import Counter
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Literal, Self

import msgspec
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

_READY_SECONDS = 10


class MailFault(msgspec.Struct, frozen=True, kw_only=True):
    """Something that goes wrong with the next messages."""

    kind: Literal["status", "cut", "hang"]
    """A refusal with `status`, a connection closed without a reply, or a reply that comes late."""
    stage: Literal["hello", "recipient", "content"] = "recipient"
    applied: bool = False
    """With stage "content": whether the message is kept before it goes wrong."""
    times: int = 1
    status: str = "550 5.1.1 No such user here"
    """For example "451 4.3.0 Try again later"."""
    seconds: float = 30.0
    """How late a hanging reply is."""


class Received(msgspec.Struct, frozen=True):
    """A message as it arrived."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes

    def message(self) -> EmailMessage:
        """The parsed message."""
        return message_from_bytes(self.raw, policy=default)


class MailStandIn:
    """A mail server; counts how often each Message-ID was taken in."""

    def __init__(self, *, user: str = "", password: str = "", tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        """With `user`, a login is required; with `tls`, STARTTLS is offered."""
        self.received: list[Received] = []
        self.taken: Counter[str] = Counter()
        self._login = (user, password)
        self._tls = tls
        self._lock = threading.Lock()
        self._faults: list[MailFault] = []
        self._loop = asyncio.new_event_loop()
        # The socket is bound here and not in the loop, so that the port is known and nobody else can take it.
        self._socket = socket.create_server(("127.0.0.1", port))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._ready = threading.Event()
        account = f"{user}:{password}@" if user else ""
        self.url = f"smtp://{account}127.0.0.1:{self._socket.getsockname()[1]}" + ("?starttls=1" if tls else "")

    def start(self) -> Self:
        """Begins to listen."""
        # aiosmtpd warns about its own deprecated attribute at every login.
        logging.getLogger("mail.log").setLevel(logging.ERROR)
        self._thread.start()
        if not self._ready.wait(_READY_SECONDS):
            raise TimeoutError("the mail server did not start")
        return self

    def stop(self) -> None:
        """Stops listening and drops open connections."""
        if not self._thread.is_alive():
            self._socket.close()
            self._loop.close()
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def __enter__(self) -> Self:
        """Starts."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stops."""
        self.stop()

    def fail(self, fault: MailFault) -> None:
        """Plans `fault`; faults are used up in order."""
        with self._lock:
            self._faults += [fault] * fault.times

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(self._loop.create_server(self._conversation, sock=self._socket))
        self._loop.call_soon(self._ready.set)
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    def _conversation(self) -> SMTP:
        return SMTP(
            _Conversation(self),
            hostname="localhost",
            ident="stand-in",
            loop=self._loop,
            tls_context=self._tls,
            auth_required=bool(self._login[0]) and self._tls is not None,
            auth_require_tls=self._tls is not None,
            authenticator=self._authenticate if self._login[0] else None,
        )

    def _authenticate(self, *conversation: object) -> AuthResult:
        given = conversation[-1]
        user, password = (part.encode() for part in self._login)
        return AuthResult(success=given == LoginPassword(user, password), handled=False)

    def next_fault(self, stage: str) -> MailFault | None:
        """The next planned fault of this stage, used up."""
        with self._lock:
            for position, fault in enumerate(self._faults):
                if fault.stage == stage:
                    return self._faults.pop(position)
        return None

    def keep(self, envelope: Envelope) -> None:
        """Takes a message in."""
        raw = envelope.original_content or b""
        received = Received(envelope.mail_from or "", tuple(str(one) for one in envelope.rcpt_tos), raw)
        with self._lock:
            self.received.append(received)
            self.taken[str(received.message()["Message-ID"] or "")] += 1


class _Conversation:
    """What aiosmtpd asks at each stage; the names of the methods are its own."""

    def __init__(self, site: MailStandIn) -> None:
        self._site = site

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        refusal = await self._failing(server, "hello")
        return [refusal] if refusal else responses

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        refusal = await self._failing(server, "recipient")
        if refusal:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        fault = self._site.next_fault("content")
        if not fault or fault.applied or fault.kind == "hang":
            self._site.keep(envelope)
        return await _gone_wrong(server, fault) if fault else "250 OK"

    async def _failing(self, server: SMTP, stage: str) -> str:
        fault = self._site.next_fault(stage)
        return await _gone_wrong(server, fault) if fault else ""


async def _gone_wrong(server: SMTP, fault: MailFault) -> str:
    if fault.kind == "status":
        return fault.status
    if fault.kind == "hang":
        await asyncio.sleep(fault.seconds)
        return "250 OK" if fault.stage == "content" else ""
    if isinstance(server.transport, asyncio.WriteTransport):
        server.transport.abort()
    return "421 cut"
