"""Cached: gives the answer that the same question got before, at no cost; asked at the same time, it is asked once.

The same means the same to a model: messages, instructions, tools, shape, length, sample, role, model and variant, and
tenant.
"""

import asyncio

import msgspec

from remit.core.errors import ModelError
from remit.core.messages import Usage
from remit.core.ports import Delta, Emit, Model, ModelSpec, Reply, Request
from remit.models.answers import AnswerFile
from remit.models.wrappers.canonical import canonical_key


class Cached:
    """Looks into a file of answers before it asks. Kept are whole answers with readable calls or the asked shape."""

    def __init__(self, model: Model, answers: AnswerFile) -> None:
        """Share one `AnswerFile` among all models of a process."""
        self._model = model
        self._answers = answers

    @property
    def spec(self) -> ModelSpec:
        """The model's."""
        return self._model.spec

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Answer, with `hit` and a cost of 0 when the answer was there."""
        key = canonical_key(request, self._model.spec)
        # Two event loops cannot wait for each other, so each has its own question.
        place = (id(asyncio.get_running_loop()), key)
        while (asked := self._answers.asked.get(place)) is not None:
            await asyncio.wait([asked])
            # When whoever asked was cancelled, the next to look takes its place.
            if not asked.cancelled():
                reply = asked.result()
                return _hit(reply, emit) if reply else await self._model.complete(request, emit)
        asked = self._answers.asked[place] = asyncio.get_running_loop().create_future()
        try:
            return await self._first(key, request, emit, asked)
        finally:
            del self._answers.asked[place]
            asked.cancel()

    async def _first(self, key: bytes, request: Request, emit: Emit, asked: "asyncio.Future[Reply | None]") -> Reply:
        found = await self._answers.get(key)
        if found is not None:
            asked.set_result(found)
            return _hit(found, emit)
        try:
            reply = await self._model.complete(request, emit)
        except ModelError:
            # Whoever waits asks for itself: one after another they would wait for a provider that is down.
            asked.set_result(None)
            raise
        good = reply.stop == "" and not any(call.malformed for call in reply.calls) and _fits(request, reply)
        asked.set_result(reply if good else None)
        if good and not reply.hit:
            await self._answers.put(key, request.tenant, reply)
        return reply


def _fits(request: Request, reply: Reply) -> bool:
    """Say whether an answer surely has the asked shape; one that had to be mended first is asked for anew."""
    if request.shape is None or reply.calls:
        return True
    try:
        request.shape.read(msgspec.json.decode(reply.text))
    except (ValueError, RecursionError):
        return False
    return True


def _hit(reply: Reply, emit: Emit) -> Reply:
    if reply.text:
        emit(Delta(reply.text))
    return msgspec.structs.replace(reply, hit=True, cost=0, usage=Usage())
