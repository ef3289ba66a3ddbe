"""A box behind a keeper: programs one after the other, each a process of its own, which share `/scratch` only."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from remit.core.errors import ConfigError
from remit.core.programs import Bounds, Bridge, Result, Tier
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.conversation import Conversation
from remit.sandbox.following import Following
from remit.sandbox.relay import Relay


class KeptBox:
    """Runs programs through a keeper, which alone can reach them."""

    def __init__(
        self, tier: Tier, relay: Relay, bounds: Bounds, order: JsonObject, leave: Callable[[], Awaitable[None]]
    ) -> None:
        """Send `order` with every program; `leave` removes what is left when the keeper is let go."""
        self.tier: Tier = tier
        self._relay, self._bounds, self._order, self._leave = relay, bounds, order, leave
        self._turn = asyncio.Lock()
        self._closing: asyncio.Task[None] | None = None

    @property
    def closed(self) -> bool:
        """Whether nothing of it is left."""
        return self._closing is not None and self._closing.done()

    async def run(
        self, code: str, *, inputs: Mapping[str, JsonValue], tools: Mapping[str, tuple[str, ...]], bridge: Bridge
    ) -> Result:
        """Run a program; `inputs` are its first names, `tools` the parameters of the functions it may call, by name."""
        parameters: JsonObject = {name: list(names) for name, names in tools.items()}
        order: JsonObject = {**self._order, "code": code, "inputs": dict(inputs), "tools": parameters}
        async with self._turn:
            try:
                program = await self._relay.begin(order)
            except OSError:
                return Result(status="killed", why="the box is closed or was killed")
            following = Following(program, self._bounds, Conversation(program, self._bounds, tools, bridge))
            try:
                return await following.follow()
            finally:
                if not program.ended.done() or program.ended.result() is None:
                    # What could not be ended must not go on.
                    await self.close()

    async def resume(self, kept: bytes, *, tools: Mapping[str, tuple[str, ...]], bridge: Bridge) -> Result:
        """Raise `ConfigError`: processes are not kept; run the program again over the answers of its calls."""
        raise ConfigError(f"the tier {self.tier!r} keeps no programs: run it again over the answers that it was given")

    async def files(self) -> Mapping[str, int]:
        """List what is below `/scratch`: bytes by path."""
        try:
            return msgspec.json.decode(await self._file({"op": "files"}), type=dict[str, int])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"the box gives no list of its files: {error}") from error

    async def put(self, path: str, data: bytes) -> None:
        """Write a file that programs find below `/scratch`; raise `ConfigError` when the path leads elsewhere."""
        if len(data) > self._bounds.disk:
            raise ConfigError(f"{path!r} is larger than the {self._bounds.disk:,} bytes of the disk")
        await self._file({"op": "put", "path": path}, data)

    async def get(self, path: str) -> bytes:
        """Read a file of `/scratch`; raise `ConfigError` when there is none or the path leads elsewhere."""
        return await self._file({"op": "get", "path": path})

    async def _file(self, order: JsonObject, data: bytes | None = None) -> bytes:
        async with self._turn:
            try:
                answer, content = await self._relay.file(order, data)
            except OSError as error:
                raise ConfigError(str(error)) from error
            except asyncio.CancelledError:
                # The answer would be taken for that of the next question.
                await self.close()
                raise
            if "why" in answer:
                raise ConfigError(str(answer["why"]))
            return content

    async def close(self) -> None:
        """End everything in the box; its files are gone with it."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        await self._relay.close()
        await self._leave()
