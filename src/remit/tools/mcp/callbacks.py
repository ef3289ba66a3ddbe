"""Callbacks: what a server may ask of us in the middle of a call, and who answers. Unless you say so, nobody does."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
from mcp.client import ClientRequestContext
from pydantic import FileUrl, RootModel

from remit.core.errors import RejectedError, ToolError
from remit.core.values import JsonObject, JsonValue
from remit.tools.mcp.contract import legible
from remit.tools.mcp.elicitation import Dialogue, Question, question

Answers = Callable[[str, JsonObject], Awaitable[JsonObject | None]]
"""Answers a question at once, by its words and the JSON Schema of an answer; `None` declines."""

Sampling = Callable[[JsonObject], Awaitable[str | None]]
"""Has a model of yours answer, by the parameters of `sampling/createMessage`; `None` refuses."""

_PATIENCE = 5.0
"""Seconds that a question waits for the other calls to end, so that it is sure which call it belongs to."""
_TRIES = 3
"""How often somebody who answers at once is asked when the answer does not fit."""
_ROUNDS = 20
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0

Send = Callable[[JsonObject], Awaitable[dict[str, Any]]]
"""Sends a request once more, with these responses beside its parameters."""


class Raw(RootModel[dict[str, Any]]):
    """An answer before it is known which of several it is."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """What a server logs."""

    server: str
    level: str
    logger: str
    data: JsonValue


@dataclass(eq=False, slots=True)
class Ongoing:
    """A call that is under way."""

    dialogue: Dialogue
    repeatable: bool
    """Whether it may be given up in its middle and made again."""
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    asked: Question | None = None
    """Why it was given up."""
    declined: list[str] = field(default_factory=list[str])
    """What its server wanted to know and nobody could say at once."""
    over: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(eq=False, slots=True)
class Callbacks:
    """Who answers one server."""

    server: str
    answers: Answers | None = None
    sampling: Sampling | None = None
    roots: Sequence[str | Path] = ()
    logs: Callable[[LogLine], None] | None = None
    _calls: set[Ongoing] = field(default_factory=set[Ongoing])
    _asking: int = 0
    _left: asyncio.Event = field(default_factory=asyncio.Event)
    _quiet: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def rounds(self, call: Ongoing, send: Send) -> dict[str, Any]:
        """Send until there is a result; between two rounds of it a server may ask for input, or for time.

        Raise `InputRequiredError` when a person must be asked first.
        """
        dialogue, pause = call.dialogue, _FIRST_PAUSE
        while dialogue.rounds < _ROUNDS:
            raw = await self._sent(call, send)
            if raw.get("resultType") != "input_required":
                return raw
            asked = types.InputRequiredResult.model_validate(raw)
            dialogue.rounds += 1
            dialogue.state, dialogue.done = asked.request_state, {}
            if asked.input_requests:
                await self._respond(asked.input_requests, dialogue)
                continue
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        raise ToolError(f"MCP server {self.server!r} was not done after {_ROUNDS} rounds", landing=True)

    async def _sent(self, call: Ongoing, send: Send) -> dict[str, Any]:
        raw: dict[str, Any] | None = None
        call.scope, call.over = anyio.CancelScope(), asyncio.Event()
        async with self._during(call):
            raw = await send(call.dialogue.responses())
        if call.asked is not None:
            raise call.dialogue.ask_amid(call.asked)
        assert raw is not None
        return raw

    async def _respond(self, requests: types.InputRequests, dialogue: Dialogue) -> None:
        """Collect the responses that can be had at once; raise `InputRequiredError` for those of a person."""
        for key, request in requests.items():
            given = await self._given(request)
            if isinstance(given, Question):
                dialogue.todo[key] = given
            else:
                dialogue.done[key] = given
        if dialogue.todo:
            raise dialogue.ask()

    @asynccontextmanager
    async def _during(self, call: Ongoing) -> AsyncGenerator[None]:
        """Have a call under way, beginning when the server is not in the middle of a question about another."""
        async with self._quiet:
            await self._quiet.wait_for(lambda: not self._asking)
        self._calls.add(call)
        try:
            with call.scope:
                yield
        finally:
            self._calls.discard(call)
            call.over.set()
            self._left.set()

    # -- as the SDK calls them -------------------------------------------------------------------------------------

    async def elicit(
        self, context: ClientRequestContext, params: types.ElicitRequestParams
    ) -> types.ElicitResult | types.ErrorData:
        """Answer a question, give up the call to have a person asked, or decline."""
        try:
            asked = question(params)
        except RejectedError as error:
            return types.ErrorData(code=types.INVALID_PARAMS, message=str(error))
        if self.answers is not None:
            return _written(asked.response(await self._answered(asked)))
        self._asking += 1
        try:
            return await self._later(asked)
        finally:
            self._asking -= 1
            async with self._quiet:
                self._quiet.notify_all()

    async def sample(
        self, context: ClientRequestContext, params: types.CreateMessageRequestParams
    ) -> types.CreateMessageResult | types.ErrorData:
        """Have your model answer."""
        try:
            return types.CreateMessageResult.model_validate(await self._sampled(params))
        except RejectedError as error:
            return types.ErrorData(code=types.INVALID_REQUEST, message=str(error))

    async def list_roots(self, context: ClientRequestContext) -> types.ListRootsResult:
        """Name the folders that the server may use."""
        return types.ListRootsResult.model_validate(self._rooted())

    async def log(self, params: types.LoggingMessageNotificationParams) -> None:
        """Pass on what the server logs."""
        if self.logs is not None:
            self.logs(LogLine(self.server, params.level, legible(params.logger or ""), params.data))

    # -- who answers -----------------------------------------------------------------------------------------------

    async def _given(self, request: types.InputRequest) -> JsonObject | Question:
        """Give the response to a request that came in place of a result, or the question that a person must answer."""
        match request:
            case types.ElicitRequest(params=params):
                asked = question(params)
                return asked if self.answers is None else asked.response(await self._answered(asked))
            case types.CreateMessageRequest(params=params):
                return await self._sampled(params)
            case types.ListRootsRequest():
                return self._rooted()

    async def _answered(self, asked: Question) -> JsonObject | None:
        """Ask whoever answers at once, again when the answer does not fit; `None` when they decline."""
        assert self.answers is not None
        words = asked.message
        for _ in range(_TRIES):
            given = await self.answers(words, asked.form)
            problem = asked.misfit(given)
            if not problem:
                return given
            words = f"{asked.message}\nThe answer did not fit: {problem}"
        return None

    async def _sampled(self, params: types.CreateMessageRequestParams) -> JsonObject:
        """Have your model answer; raise `RejectedError` when it does not."""
        if self.sampling is None:
            raise RejectedError(
                f"MCP server {self.server!r} asks to use your model, which nobody has allowed; `sampling=` does"
            )
        text = await self.sampling(params.model_dump(mode="json", by_alias=True, exclude_none=True))
        if text is None:
            raise RejectedError(f"MCP server {self.server!r} asked to use your model and was refused")
        content: JsonObject = {"type": "text", "text": text}
        return {"role": "assistant", "content": content, "model": "remit", "stopReason": "endTurn"}

    def _rooted(self) -> JsonObject:
        """Name the folders that the server may use; raise `RejectedError` when there are none."""
        if not self.roots:
            raise RejectedError(
                f"MCP server {self.server!r} asks for the folders it may use, and nobody named any; `roots=` does"
            )
        paths = [Path(one).absolute() for one in self.roots]
        return {"roots": [{"uri": str(FileUrl(path.as_uri())), "name": path.name} for path in paths]}

    # -- which call it belongs to ----------------------------------------------------------------------------------

    async def _later(self, asked: Question) -> types.ElicitResult:
        call = await self._asker()
        if call is None:
            return types.ElicitResult(action="cancel")
        known: Mapping[str, JsonObject | None] = call.dialogue.given
        if asked.digest in known:
            return _written(asked.response(known[asked.digest]))
        if call.repeatable:
            call.asked = asked
            call.scope.cancel()
            await call.over.wait()
            return types.ElicitResult(action="cancel")
        call.declined.append(asked.message)
        return types.ElicitResult(action="decline")

    async def _asker(self) -> Ongoing | None:
        """Find the one call that cannot end before this question is answered; `None` when it could be several."""
        try:
            async with asyncio.timeout(_PATIENCE):
                while len(self._calls) > max(1, self._asking):
                    self._left.clear()
                    await self._left.wait()
        except TimeoutError:
            pass
        return next(iter(self._calls)) if len(self._calls) == 1 else None


def _written(response: JsonObject) -> types.ElicitResult:
    return types.ElicitResult.model_validate(response)
