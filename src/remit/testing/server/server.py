"""ModelServer: a local HTTP server that speaks the wires of the providers from a script."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from types import TracebackType
from typing import Self

from remit.core.messages import Usage
from remit.core.ports import Reply
from remit.core.values import JsonObject
from remit.testing.server.batches.anthropic import AnthropicBatches
from remit.testing.server.batches.openai import OpenAIBatches
from remit.testing.server.delivery import deliver
from remit.testing.server.dialects.chat import Chat
from remit.testing.server.dialects.messages import Messages
from remit.testing.server.dialects.port import Answer, Dialect
from remit.testing.server.dialects.responses import Responses
from remit.testing.server.faults import BadRequest, Fault, Hang, Refusal, ServerError, TooLarge, UnknownModel
from remit.testing.server.http import Connection, Ending, Outlet, Received
from remit.testing.server.local import Kind, anthropic_model, anthropic_models, itself, json, localised, model, models
from remit.testing.server.script import Faulty, Item, Script, Turn, played

DIALECTS: dict[str, Dialect] = {
    "/v1/chat/completions": Chat(),
    "/v1/responses": Responses(),
    "/v1/messages": Messages(),
}
"""What is spoken where."""
_DEFAULT_MODELS = ("test-model",)
_NO_USAGE = Usage()


@dataclass(eq=False)
class ModelServer:
    """Serves a script on 127.0.0.1 from entering its context until leaving it, in the event loop that entered.

    An error raised by a function of the script becomes a 500 for the client, and is raised on leaving.
    """

    replies: Iterable[Item] | Callable[[Received], Reply | Fault | Faulty]
    """What is answered: in order, one item an ask; may be endless, or one function of the request."""
    kind: Kind = "cloud"
    """Whose server it is."""
    models: Sequence[str] = ()
    """The only models it knows; empty to know any."""
    key: str = ""
    """The only key that is let in; empty for any, and servers that people run themselves then need none."""
    usage: Usage = _NO_USAGE
    """For replies that have none of their own."""
    pace: float = 0.0
    """Seconds between two events of a stream."""
    polls: int = 2
    """At which look after its creation a batch is done."""
    port: int = 0
    """0 takes a free one."""
    keep: bool = True
    """Whether `requests` collects what came."""
    requests: list[Received] = field(default_factory=list[Received], init=False)
    """What came, in order, also what was refused."""
    url: str = field(default="", init=False)
    """Such as `http://127.0.0.1:49152`, known once it serves; the wires are below `/v1`."""

    def __post_init__(self) -> None:
        """Open the script at its beginning."""
        self._script = Script(self.replies, self.usage)
        self._openai = OpenAIBatches(DIALECTS, self._batched, self.polls)
        self._anthropic = AnthropicBatches(DIALECTS["/v1/messages"], self._batched, self.polls)
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._broken: Exception | None = None
        self._changed = asyncio.Event()

    @property
    def asked(self) -> int:
        """How many replies of the script were taken."""
        return self._script.asked

    async def __aenter__(self) -> Self:
        """Begin to serve."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connected, "127.0.0.1", self.port)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection at once and free the port; raise what a function of the script raised."""
        assert self._server is not None
        self._server.close()
        connections = list(self._connections)
        for connection in connections:
            connection.stop()
        await asyncio.gather(*(connection.lost.wait() for connection in connections))
        await self._server.wait_closed()
        if error is None and self._broken is not None:
            raise self._broken

    async def arrival(self, count: int = 1) -> Received:
        """Wait, in the event loop that serves, until so many requests have come; give the last. `keep` must be on."""
        while len(self.requests) < count:
            self._changed.clear()
            await self._changed.wait()
        return self.requests[count - 1]

    def _connected(self) -> Connection:
        connection = Connection(self._answer)
        # Those that are gone leave when another comes, so that no callback is needed.
        self._connections = {other for other in self._connections if not other.lost.is_set()}
        self._connections.add(connection)
        return connection

    async def _answer(self, received: Received, outlet: Outlet) -> Ending:
        if self.keep:
            self.requests.append(received)
            self._changed.set()
        try:
            answer, turn = self._decide(received)
        except Exception as error:  # noqa: BLE001 - what a script raises is reported, and kept for the one who wrote it
            self._broken = self._broken or error
            answer, turn = _dialect(received).refusal(ServerError(), ""), None
        return await deliver(
            localised(answer, self.kind), outlet, turn.delivery if turn else None, self.pace if turn else 0.0
        )

    def _decide(self, received: Received) -> tuple[Answer, Turn | None]:
        dialect = _dialect(received)
        refusal = TooLarge() if received.too_large else self._refuses(received, dialect)
        if refusal is not None:
            return dialect.refusal(refusal, str(received.json.get("model", ""))), None
        if received.method == "POST" and received.path in DIALECTS:
            return self._ask(received, dialect)
        about = self._about(received, dialect) if received.method == "GET" else None
        about = about or self._anthropic.answer(received) or self._openai.answer(received)
        if about is not None:
            return about, None
        missing = dialect.refusal(BadRequest(f"Invalid URL ({received.method} {received.path})"), "")
        return replace(missing, status=404), None

    def _about(self, received: Received, dialect: Dialect) -> Answer | None:
        """Answer what is asked about the server and its models."""
        names = tuple(self.models) or _DEFAULT_MODELS
        foreign = "anthropic-version" in received.headers
        if received.path == "/v1/models":
            return anthropic_models(names) if foreign else models(self.kind, names)
        if received.path.startswith("/v1/models/"):
            name = received.path.removeprefix("/v1/models/")
            if name not in names:
                return dialect.refusal(UnknownModel(), name)
            return json(anthropic_model(name) if foreign else model(self.kind, name))
        return itself(self.kind, received.path, names)

    def _refuses(self, received: Received, dialect: Dialect) -> Refusal | None:
        if self.kind != "cloud" and not self.key:
            return None
        return dialect.admits(received.headers, self.key)

    def _ask(self, received: Received, dialect: Dialect) -> tuple[Answer, Turn | None]:
        body = received.json
        problem = self._problem(body, dialect)
        if problem is not None:
            return dialect.refusal(problem, str(body.get("model", ""))), None
        turn = self._script.turn(received, body, dialect.offered(body))
        return played(turn, dialect), turn

    def _problem(self, body: JsonObject, dialect: Dialect) -> Refusal | None:
        if not body:
            return BadRequest("We could not parse the JSON body of your request.")
        unknown = dialect.unknown(body) if self.kind == "cloud" else ()
        problem = next(chain(dialect.problems(body), unknown), None)
        if problem is None and self.models and body.get("model") not in self.models:
            return UnknownModel()
        return problem

    def _batched(self, received: Received, dialect: Dialect, body: JsonObject) -> Answer | None:
        """Answer one request of a batch; deliveries do not matter there, but for a hang it runs out of time."""
        problem = self._problem(body, dialect)
        if problem is not None:
            return dialect.refusal(problem, str(body.get("model", "")))
        alone = {name: value for name, value in body.items() if name != "stream"}
        turn = self._script.turn(received, alone, dialect.offered(body))
        return None if isinstance(turn.delivery, Hang) else played(turn, dialect)


def _dialect(received: Received) -> Dialect:
    """Find what a client speaks, also where it asks for something else than an answer."""
    spoken = "/v1/messages" if "anthropic-version" in received.headers else "/v1/chat/completions"
    if received.path.startswith("/v1/messages"):
        spoken = "/v1/messages"
    return DIALECTS.get(received.path, DIALECTS[spoken])
