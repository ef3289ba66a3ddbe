"""Attacking: runs every attack against fresh boxes, with canaries and books that tell what really happened."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue
from remit.sandbox import Bounds, Box, Result, Sandbox, SandboxPolicy, Tier
from remit.testing.sandboxes.attacks import ATTACKS, EXCEPTIONS, Attack
from remit.testing.sandboxes.canaries import Canaries, hatched

Verdict = Literal["blocked", "breached", "not applicable"]

SMALL = Bounds(
    wall=1.0,
    cpu=1.0,
    memory=64_000_000,
    output=100_000,
    disk=4_000_000,
    files=50,
    processes=16,
    recursion=200,
    calls=10,
)
"""The bounds under which attacks run."""

_PATIENCE = 30.0
"""Seconds after which a program that was not ended cannot be."""
_CALL = 0.03
"""Seconds that a call of the tool takes."""


class Attacked(msgspec.Struct, frozen=True):
    """What came of an attack."""

    name: str
    verdict: Verdict
    why: str
    expected: str = ""
    """Why a breach is none, when `EXCEPTIONS` has it."""


class Books:
    """A tool that can be paid with, and what was really asked of it."""

    def __init__(self, honest: int) -> None:
        """Expect so many calls at most."""
        self._honest = honest
        self.made = self.under_way = 0
        self.over = False
        self.wrong = ""
        """The first thing that must not have been asked."""

    async def bridge(self, name: str, args: JsonObject) -> JsonValue:
        """Be paid."""
        self.made += 1
        if name != "pay" or not set(args) <= {"amount"}:
            self._note(f"the bridge was asked for {name!r} with {', '.join(args)}")
        if self.over:
            self._note("a call was made after the result")
        if self.made > self._honest:
            self._note(f"{self.made} calls were made, and {self._honest} were honest")
        self.under_way += 1
        try:
            await asyncio.sleep(_CALL)
        finally:
            self.under_way -= 1
        return {"paid": args.get("amount")}

    def close(self, result: Result) -> None:
        """Compare them with what is told."""
        self.over = True
        if self.under_way:
            self._note("the result came before a call was settled")
        if result.calls != self.made:
            self._note(f"the result counts {result.calls} calls, and the bridge made {self.made}")

    def _note(self, wrong: str) -> None:
        self.wrong = self.wrong or wrong


async def run_attacks(
    sandbox: Sandbox,
    attacks: Sequence[Attack] = ATTACKS,
    *,
    exceptions: Mapping[Tier, Mapping[str, str]] = EXCEPTIONS,
) -> tuple[Attacked, ...]:
    """Run each against a fresh box of the sandbox; raise `ConfigError` when it cannot make one.

    A breach that is in `exceptions`, by tier and name, is told with the reason.
    """
    reasons = exceptions.get(sandbox.capabilities().tier, {})
    return tuple([await _attacked(sandbox, attack, reasons.get(attack.name, "")) for attack in attacks])


async def _attacked(sandbox: Sandbox, attack: Attack, reason: str) -> Attacked:
    verdict, why = await _probed(sandbox, attack)
    return Attacked(attack.name, verdict, why, reason if verdict == "breached" else "")


async def _probed(sandbox: Sandbox, attack: Attack) -> tuple[Verdict, str]:
    if not attack.probe:
        return await _tried(sandbox, attack)
    verdict, why = await _tried(sandbox, msgspec.structs.replace(attack, program=attack.probe))
    if verdict == "breached":
        return verdict, f"{why}, by a harmless signal"
    verdict, why = await _tried(sandbox, attack)
    if verdict == "blocked" and not await _runs(sandbox):
        return "breached", "the sandbox runs nothing any more"
    return verdict, why


async def _tried(sandbox: Sandbox, attack: Attack) -> tuple[Verdict, str]:
    async with hatched() as canaries:
        books = Books(attack.calls or 0)
        box = await sandbox.open(SandboxPolicy(least="none", bounds=SMALL))
        try:
            if (attack.get or attack.put) and not await _has_files(box):
                return "not applicable", "it has no files"
            result = await _run(box, attack, canaries, books)
            owned = await _used(box, attack)
        except TimeoutError:
            return "breached", "the program could not be ended"
        except Exception as error:  # noqa: BLE001 - whatever a program makes a driver raise is a breach
            return "breached", f"the driver broke: {type(error).__name__}: {error}"[:120]
        finally:
            if not attack.later:
                await box.close()
        try:
            await canaries.settle(attack.later)
        finally:
            if attack.later:
                await box.close()
        return _verdict(attack, result, canaries, books, owned)


async def _run(box: Box, attack: Attack, canaries: Canaries, books: Books) -> Result:
    tools: dict[str, tuple[str, ...]] = {} if attack.calls is None else {"pay": ("amount",)}
    async with asyncio.timeout(_PATIENCE):
        result = await box.run(attack.program, inputs=canaries.inputs, tools=tools, bridge=books.bridge)
        books.close(result)
        if attack.then:
            result = await box.run(attack.then, inputs=canaries.inputs, tools={}, bridge=books.bridge)
    return result


async def _used(box: Box, attack: Attack) -> bytes:
    """Use the files of a box as its owner would."""
    try:
        if attack.put:
            await box.put(attack.put, b"x")
        return await box.get(attack.get) if attack.get else b""
    except ConfigError as error:
        return str(error).encode()


async def _has_files(box: Box) -> bool:
    try:
        await box.put("before", b"x")
    except ConfigError:
        return False
    return True


async def _runs(sandbox: Sandbox) -> bool:
    box = await sandbox.open(SandboxPolicy(least="none", bounds=SMALL))
    try:
        async with asyncio.timeout(_PATIENCE):
            return (await box.run("6 * 7", inputs={}, tools={}, bridge=Books(0).bridge)).value == 42
    except TimeoutError:
        return False
    finally:
        await box.close()


def _verdict(attack: Attack, result: Result, canaries: Canaries, books: Books, owned: bytes) -> tuple[Verdict, str]:
    out = f"{result.value!r}{result.printed}{result.error}"
    if canaries.token in out or canaries.token.encode() in owned:
        return "breached", "the secret came out"
    if canaries.touched():
        return "breached", "something outside was reached"
    if books.wrong:
        return "breached", books.wrong
    if attack.shows == "finished" and result.status == "ok" and "finished" in repr(result.value):
        return "breached", "it came to its end"
    last = result.error.strip().rpartition("\n")[2]
    return "blocked", f"{result.status}: {result.why or last or owned.decode('utf-8', 'replace') or result.value!r}"[
        :120
    ]
