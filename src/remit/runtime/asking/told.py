"""Told: what a model is told of a session. Nothing registered is in it, also not what was registered after it was said.

While nothing new is registered, earlier messages stay the very objects they were, and a question costs no look at them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import msgspec

from remit.core.messages import AssistantMessage, Message, UserMessage
from remit.core.ports import Blobs
from remit.core.shape import Shape
from remit.core.state import MAIN, State
from remit.runtime.world import Offer, Redactor

MESSAGE_OVERHEAD = 16
"""Tokens that a provider may add around a message; more than any known one does."""

REQUEST_OVERHEAD = 64
"""Tokens that a provider may add around a request."""

_KEPT = 64
_MARK = re.compile(r"\[secret:[A-Za-z0-9_.-]+\]")

_json = msgspec.json.Encoder()


@dataclass(slots=True)
class Thread:
    """A conversation as a model is told it, with the tokens it takes at most, counted once a message."""

    messages: int = 0
    tokens: int = 0
    memo: dict[object, object] = field(default_factory=dict[object, object])
    """What the wires made of it."""
    clean: list[Message] = field(default_factory=list[Message])
    """The messages, when those of the state are not to be told as they are."""


class Told:
    """All that is told in one session."""

    def __init__(self, instructions: str, secrets: Redactor) -> None:
        """Begin with what every request repeats."""
        self._given, self._secrets = instructions, secrets
        self.instructions = instructions
        self._version: int = 0
        self._spoilt, self._run = False, 0
        self._threads: dict[str, Thread] = {}
        self._offers: dict[int, tuple[Offer, Offer]] = {}
        self._shapes: dict[int, tuple[Shape, Shape]] = {}

    def renew(self, state: State) -> None:
        """Look at everything again, if a value was registered since this was last done."""
        if self._secrets.version == self._version:
            return
        self._version = self._secrets.version
        self.instructions = self._secrets.redact(self._given)
        self._offers.clear()
        self._shapes.clear()
        said = (message for thread in state.threads.values() for message in thread)
        spoilt = any(self._secrets.redact_event(message) is not message for message in said)
        if spoilt or self._spoilt:
            self._spoilt, self._threads = spoilt, {}

    def tokens(self, state: State, key: str) -> int:
        """Bound the tokens of a conversation from above: no tokenizer makes more tokens than there are bytes."""
        thread, messages = self.thread(state, key), self.messages(state, key)
        thread.tokens += tokens(messages[thread.messages :])
        thread.messages = len(messages)
        return thread.tokens

    def around(self) -> int:
        """Bound the tokens of what every request repeats."""
        return len(self.instructions.encode("utf-8", "replace")) + REQUEST_OVERHEAD

    def thread(self, state: State, key: str) -> Thread:
        """Give what is known of a conversation."""
        if self._run != state.runs:
            # The branches of another run had other conversations under the same keys.
            self._run, self._threads = state.runs, {MAIN: self._threads.get(MAIN, Thread())}
        return self._threads.setdefault(key, Thread())

    def messages(self, state: State, key: str) -> Sequence[Message]:
        """Give a conversation."""
        said = state.thread(key)
        if not self._spoilt:
            return said
        clean = self.thread(state, key).clean
        clean.extend(self._secrets.redact_event(message) for message in said[len(clean) :])
        return clean

    def offer(self, offer: Offer) -> Offer:
        """Give the tools on offer, the same object for the same ones."""
        if not self._version:
            return offer
        found = self._offers.get(id(offer))
        if found is None:
            if len(self._offers) >= _KEPT:
                self._offers.clear()
            found = self._offers[id(offer)] = (offer, self._cleaned(offer))
        return found[1]

    def _cleaned(self, offer: Offer) -> Offer:
        specs = tuple(self._secrets.redact_event(spec) for spec in offer.specs)
        pairs = [(old, new) for old, new in zip(offer.specs, specs, strict=True) if new is not old]
        more = sum(max(0, len(_json.encode(new)) - len(_json.encode(old))) for old, new in pairs)
        return replace(offer, specs=specs, tokens=offer.tokens + more) if pairs else offer

    def shape(self, shape: Shape | None) -> Shape | None:
        """Give what an answer must look like, the same object for the same one."""
        if shape is None or not self._version:
            return shape
        found = self._shapes.get(id(shape))
        if found is None:
            if len(self._shapes) >= _KEPT:
                self._shapes.clear()
            schema = self._secrets.redact(shape.schema)
            clean = replace(shape, schema=schema) if isinstance(schema, dict) and schema is not shape.schema else shape
            found = self._shapes[id(shape)] = (shape, clean)
        return found[1]

    def blobs(self, blobs: Blobs) -> Blobs:
        """Give where the bytes of parts are."""
        return _CleanBlobs(blobs, self._secrets) if self._version else blobs


@dataclass(frozen=True, slots=True)
class _CleanBlobs:
    """Blobs that give no registered value, whenever they were put there."""

    inner: Blobs
    secrets: Redactor

    async def put(self, body: bytes) -> str:
        return await self.inner.put(body)

    async def get(self, blob: str) -> bytes:
        return self.secrets.redact(await self.inner.get(blob))


def tokens(messages: Sequence[Message]) -> int:
    """Bound the tokens of messages from above."""
    total = 0
    for message in messages:
        total += MESSAGE_OVERHEAD
        match message:
            case UserMessage(text=text, parts=parts):
                total += len(text.encode("utf-8", "replace")) + sum(part.tokens for part in parts)
            case AssistantMessage():
                total += len(_json.encode((message.text, message.calls, message.reasoning)))
            case _:
                total += len(_json.encode(message.outcome.output))
    return total


def same(recorded: str, said: str) -> bool:
    """Say whether words are those that a journal holds, where each mark stands for a value of whatever length."""
    if recorded == said:
        return True
    first, *rest = _MARK.split(recorded)
    if not rest or not said.startswith(first):
        return False
    at = len(first)
    for part in rest[:-1]:
        at = said.find(part, at) + len(part)
        if at < len(part):
            return False
    return len(said) - len(rest[-1]) >= at and said.endswith(rest[-1])
