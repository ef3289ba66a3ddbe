"""Conformance of models: what every adapter and every wrapper must do."""

import asyncio
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from remit.core.errors import ModelError, ModelRequestError
from remit.core.messages import Call, Usage, UserMessage
from remit.core.ports import Delta, Emit, Model, ModelSpec, Reply, Request
from remit.models.prices import FlatPrice
from remit.testing.scripted import ScriptedModel

HELLO = Request((UserMessage("Say hello in one short sentence."),), instructions="You are brief.")
"""A request any model can answer."""


async def check_model(model: Model, request: Request = HELLO, *, times: int = 3) -> None:
    """Ask a model once, then `times` at the same time; raise `AssertionError` for what breaks the contract."""
    _check_spec(model)
    before = msgspec.json.encode(list(request.messages))
    replies = [await _ask(model, request)]
    replies += await asyncio.gather(*(_ask(model, request) for _ in range(times)))
    assert msgspec.json.encode(list(request.messages)) == before, "a model must not change the messages it is given"
    for reply in replies:
        _check_usage(model, reply)


async def check_wrapper(wrap: Callable[[Model], Model]) -> None:
    """Put a wrapper around known models; raise `AssertionError` for what it does not pass on as it came."""
    full = Reply(
        "two words",
        (Call("look", {"at": "it"}), Call("look", {}, malformed="{")),
        Usage(10, 5, 3, 2, 1),
        "length",
        {"thought": 1},
        "who",
    )
    model = wrap(ScriptedModel([full] * 4, price=FlatPrice(1.0, 2.0), name="inner"))
    reply = await _ask(model, HELLO)
    assert replace(reply, cost=None) == full, f"a wrapper must pass a reply on, but gave {reply!r}"
    assert reply.cost in {None, FlatPrice(1.0, 2.0).cost(full.usage)}, "a reply without losses costs what it costs"
    assert "inner" in model.spec.name, "a wrapper keeps the name, which prices and breakers are found by"
    await check_model(wrap(ScriptedModel([full] * 4, price=FlatPrice(1.0, 2.0))))
    await _check_errors(wrap)
    await _check_cancel(wrap)


async def _check_errors(wrap: Callable[[Model], Model]) -> None:
    wrong = ModelRequestError("never")
    try:
        await wrap(ScriptedModel([wrong] * 8)).complete(HELLO, _ignore)
    except ModelError:
        pass
    else:
        raise AssertionError("an error that will never pass must reach the caller")
    death = KeyboardInterrupt()
    try:
        await wrap(ScriptedModel([death] * 8)).complete(HELLO, _ignore)
    except KeyboardInterrupt:
        pass
    else:
        raise AssertionError("only model errors may be handled; the end of the process is none")


async def _check_cancel(wrap: Callable[[Model], Model]) -> None:
    inner = _Hanging()
    task = asyncio.create_task(_ask(wrap(inner), HELLO))
    await inner.begun.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled(), "a cancelled call must end as cancelled"


class _Hanging:
    spec = ModelSpec("hanging", FlatPrice(1.0, 1.0))

    def __init__(self) -> None:
        self.begun = asyncio.Event()

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Never answer."""
        self.begun.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets the event")


def _check_spec(model: Model) -> None:
    spec = model.spec
    assert spec.name, "a model needs a name"
    assert spec.calls >= 1, "a hold is taken for at least one call"
    assert model.spec.name == spec.name, "a model's spec stays what it is"
    if spec.price is not None:
        for usage in (Usage(), Usage(1000, 100), Usage(1000, 100, 900, 50, 100), Usage(500_000, 9, 0, 500_000)):
            cost, worst = spec.price.cost(usage), spec.price.worst(usage.input, usage.output)
            assert 0 <= cost <= worst, f"{usage!r} costs {cost}, but the worst case is {worst}"


async def _ask(model: Model, request: Request) -> Reply:
    shown: list[str] = []

    def emit(delta: Delta) -> None:
        if delta.fresh:
            shown.clear()
        shown.append(delta.text)

    reply = await model.complete(request, emit)
    assert not shown or "".join(shown) == reply.text, f"the deltas say {''.join(shown)!r}, the reply {reply.text!r}"
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(reply), type=Reply) == reply, "a reply is a plain value"
    return reply


def _check_usage(model: Model, reply: Reply) -> None:
    usage = reply.usage
    counts = (usage.input, usage.output, usage.cached, usage.cache_written, usage.reasoning)
    assert min(counts) >= 0, f"tokens cannot be negative: {usage!r}"
    assert usage.cached + usage.cache_written <= usage.input, f"`input` counts cached tokens too: {usage!r}"
    assert usage.reasoning <= usage.output, f"`output` counts reasoning too: {usage!r}"
    price = model.spec.price
    if reply.cost is not None and price is not None:
        most = model.spec.calls * price.worst(usage.input, usage.output)
        assert 0 <= reply.cost <= most, f"the reply says it cost {reply.cost}, the worst case was {most}"


def _ignore(delta: Delta) -> None:
    """Let the text go by."""
