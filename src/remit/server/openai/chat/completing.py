"""Chat completions: the client sends the whole conversation each time, and only what is new is said to the agent."""

import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import msgspec
from starlette.responses import Response

from remit.core.errors import UnknownSessionError
from remit.core.events import ModelAsked, Record
from remit.core.ports import Delta
from remit.core.values import JsonObject, now_ms
from remit.server.entrance import EventStream
from remit.server.openai import contents
from remit.server.openai.chat.history import Talks, untold
from remit.server.openai.contents import Message
from remit.server.openai.door import Heard
from remit.server.openai.fields import CHAT, flag, text
from remit.server.openai.problems import RunError, UnfitError, event, unbroken, written
from remit.server.openai.sending import Attempt, Left, attempt, begin, post, reader
from remit.server.openai.speaking import Voice
from remit.server.openai.turns import Acted, Remit, Turn, spoken
from remit.server.service import RefusedError, Stream, Wish

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_CHAT = "chatcmpl-"


class _Said(msgspec.Struct, frozen=True, kw_only=True):
    role: str = "assistant"
    content: str = ""
    refusal: str | None = None


class _Choice(msgspec.Struct, frozen=True, kw_only=True):
    index: int = 0
    message: _Said
    logprobs: None = None
    finish_reason: str = "stop"


class _Cached(msgspec.Struct, frozen=True, kw_only=True):
    cached_tokens: int
    cache_write_tokens: int


class _Thought(msgspec.Struct, frozen=True, kw_only=True):
    reasoning_tokens: int


class _Usage(msgspec.Struct, frozen=True, kw_only=True):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: _Cached
    completion_tokens_details: _Thought


class _Completion(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    object: str = "chat.completion"
    created: int
    model: str
    choices: tuple[_Choice, ...]
    usage: _Usage
    remit: Remit


class _Delta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    role: str = ""
    content: str | None = None


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    index: int = 0
    delta: _Delta
    logprobs: None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    object: str = "chat.completion.chunk"
    created: int
    model: str
    choices: tuple[_Part, ...]
    usage: _Usage | None = None
    remit: Remit | None = None


async def complete(heard: Heard) -> Response:
    """Say the newest message of a conversation to an agent, and give what it answers."""
    await heard.may("work")
    fields = await heard.fields(CHAT)
    agent = heard.worker(text(fields, "model"))
    messages = _messages(fields)
    streamed, usage = flag(fields, "stream"), _wants_usage(fields)
    who: JsonObject = {name: fields.get(name) for name in ("user", "safety_identifier", "prompt_cache_key", "metadata")}
    tried = attempt(heard.principal, heard.guest.headers, "chat", fields)
    named = heard.guest.headers.get("x-remit-session", "") or text(fields, "session")
    async with contextlib.AsyncExitStack() as leaving:
        if named:
            left, since = await _in(heard, agent, named, messages, tried, leaving)
        else:
            talks = Talks(heard.service, heard.principal, agent, who, messages)
            left, since = await _found(talks, tried, leaving)
        turn = Turn(left.mark(since))
        told = {"x-remit-session": left.session}
        if streamed:
            pieces = unbroken(_Chunks(turn, agent, usage).of(left.stream))
            answer = EventStream(left.stream, pieces, leaving.pop_all(), heard.guest.again, heard.entrance.bounds)
            answer.headers.update(told)
            return answer
        await heard.settled(left.stream, turn)
        if turn.how not in {None, "done"}:
            raise RunError(str(turn.how), turn.why)
        return written(_whole(turn, agent), 200, told)


def _messages(fields: JsonObject) -> Sequence[Message]:
    listed = fields.get("messages")
    if not isinstance(listed, list) or not listed:
        raise UnfitError("messages", "`messages` is a list of at least one message")
    messages = [
        contents.message(one if isinstance(one, dict) else {}, f"messages[{place}]") for place, one in enumerate(listed)
    ]
    if messages[-1].by != "user":
        raise UnfitError("messages", "the last message must be the user's: it is what the agent is told")
    if not messages[-1].text.strip() and not messages[-1].attached:
        raise UnfitError(f"messages[{len(messages) - 1}].content", "the last message says nothing")
    return messages


def _wants_usage(fields: JsonObject) -> bool:
    options = fields.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


async def _in(
    heard: Heard,
    agent: str,
    session: str,
    messages: Sequence[Message],
    tried: Attempt,
    leaving: contextlib.AsyncExitStack,
) -> tuple[Left, int]:
    """Say it in the session that the client names, which begins with this if there is none."""
    if not _NAME.fullmatch(session):
        raise UnfitError("session", f"{session!r} cannot name a session")
    front = heard.service, heard.principal
    try:
        known = await heard.service.owned.check(heard.principal, session)
    except UnknownSessionError:
        wish = Wish(agent, contents.said(messages), tried.key(0), session, tried.trace)
        left = await begin(*front, wish, tried, leaving)
        if left is not None:
            return left, 0
        known = await heard.service.owned.check(heard.principal, session)
    if known != agent:
        raise RefusedError("conflict", f"session {session!r} is of the agent {known!r}, not of {agent!r}")
    stream = await reader(*front, session, leaving)
    left = await post(*front, stream, contents.said(messages[-1:]), tried)
    return left, untold(session, stream.past, left.seq)


async def _found(talks: Talks, tried: Attempt, leaving: contextlib.AsyncExitStack) -> tuple[Left, int]:
    """Say it in the session that this conversation had so far, or in a new one, which is told what came before."""
    found = await talks.find(tried)
    if found is None:
        return await talks.slots(len(talks.messages)).begin(contents.said(talks.messages), tried, leaving), 0
    front = talks.service, talks.principal
    stream = await reader(*front, found.session, leaving)
    return await post(*front, stream, contents.said(talks.messages[-1:]), tried), found.since


def _usage(turn: Turn) -> _Usage:
    return _Usage(
        prompt_tokens=turn.input,
        completion_tokens=turn.output,
        total_tokens=turn.input + turn.output,
        prompt_tokens_details=_Cached(cached_tokens=turn.cached, cache_write_tokens=turn.cache_written),
        completion_tokens_details=_Thought(reasoning_tokens=turn.reasoning),
    )


def _whole(turn: Turn, agent: str) -> _Completion:
    return _Completion(
        id=turn.mark.written(_CHAT),
        created=turn.began // 1000,
        model=agent,
        choices=(_Choice(message=_Said(content=turn.text)),),
        usage=_usage(turn),
        remit=turn.remit,
    )


@dataclass(slots=True)
class _Chunks:
    """An answer, piece by piece."""

    turn: Turn
    agent: str
    usage: bool
    """Whether the last piece says what it took."""
    said: bool = False
    voice: Voice = field(default_factory=Voice)
    at: int = field(default_factory=lambda: now_ms() // 1000)

    async def of(self, stream: Stream) -> AsyncIterator[bytes]:
        """Write what comes of a session, up to the end of the turn."""
        self.voice.past = stream.past[-1].seq if stream.past else 0
        yield self._chunk(_Delta(role="assistant", content=""))
        async for item in stream:
            for words in self._words(item.what):
                if words:
                    yield self._chunk(_Delta(content=words))
            if self.turn.end:
                break
        for last in self._ending():
            yield last

    def _words(self, what: Record | Delta) -> Sequence[str]:
        if not isinstance(what, Record):
            more = self.voice.hear(what, aloud=self.turn.aloud)
            return [self._gap() + more] if more else []
        words: list[str] = []
        for piece in self.turn.take(what):
            if isinstance(piece, Acted):
                continue
            shown, rest = self.voice.finish(spoken(piece))
            words.append(rest if shown else self._gap() + rest)
            self.said = True
        if isinstance(what.event, ModelAsked):
            # What its model broke off in stays there; what it says now is no part of that.
            self.said = self.said or bool(self.voice.shown)
            self.voice.begin(what.seq)
        return words

    def _gap(self) -> str:
        """Part what is said now from what was said before, once."""
        gap, self.said = "\n\n" if self.said else "", False
        return gap

    def _ending(self) -> Sequence[bytes]:
        if not self.turn.end:
            # Who asks again says nothing of this request, so it would be done again.
            what = f"this server is stopping; session {self.turn.mark.session!r} has what comes of it"
            return [event(RefusedError("unready", what))]
        if self.turn.how not in {None, "done"}:
            return [event(RunError(str(self.turn.how), self.turn.why))]
        last = [self._chunk(_Delta(), finish="stop", remit=self.turn.remit)]
        if self.usage:
            took = _usage(self.turn)
            last.append(self._written(_Chunk(id=self._id, created=self.at, model=self.agent, choices=(), usage=took)))
        return [*last, b"data: [DONE]\n\n"]

    def _chunk(self, delta: _Delta, *, finish: str | None = None, remit: Remit | None = None) -> bytes:
        part = _Part(delta=delta, finish_reason=finish)
        return self._written(_Chunk(id=self._id, created=self.at, model=self.agent, choices=(part,), remit=remit))

    @property
    def _id(self) -> str:
        return self.turn.mark.written(_CHAT)

    def _written(self, chunk: _Chunk) -> bytes:
        return b"data: %b\n\n" % msgspec.json.encode(chunk)
