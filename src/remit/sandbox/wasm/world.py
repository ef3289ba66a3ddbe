"""World: all that an interpreter in WebAssembly can reach: a program's wire and files, a clock, chance of its own."""

import random
from collections.abc import Callable, Mapping, Sequence

from wasmtime import StoreContext
from wasmtime.component import Component, Linker, ResourceType

from remit.sandbox.inside.framing import HEADER
from remit.sandbox.wasm.disk import DESCRIPTOR, ENTRIES, ERROR, INPUT, OUTPUT, Disk
from remit.sandbox.wasm.files import Files
from remit.sandbox.wasm.lowering import U32, Case, Err, Function, Maybe, Own, add
from remit.sandbox.wasm.wire import EndedError, Wire

_POLLABLE, _NETWORK = 1, 7
_KINDS = {
    "pollable": _POLLABLE,
    "descriptor": DESCRIPTOR,
    "input-stream": INPUT,
    "output-stream": OUTPUT,
    "directory-entry-stream": ENTRIES,
    "error": ERROR,
    "network": _NETWORK,
}
_WAITS = 10_000
"""Moments and streams that are waited for at once."""
_MOST = 65_536
"""Bytes of chance at once."""


class World:
    """Answers the calls of an interpreter for the program that it runs."""

    def __init__(self) -> None:
        """Have no program yet."""
        self._wire: Wire | None = None
        self._disk = Disk(self._due)
        self._chance = random.Random()
        self._instants: dict[int, int] = {}
        self._waits = 0
        self._kept: list[object] = []

    def begin(self, wire: Wire, files: Files) -> None:
        """Be the same for the next program as for the one before."""
        self._wire = wire
        self._chance.seed(0)
        self._instants.clear()
        self._waits = 0
        self._disk.begin(wire, files)

    def end(self) -> None:
        """Have no program any more."""
        self._disk.end()
        self._wire = None

    def link(self, linker: Linker, component: Component) -> None:
        """Give a component these functions, and for whatever else it imports such as end the program."""
        linker.allow_shadowing = True
        linker.define_unknown_imports_as_traps(component)
        versioned = {name.partition("@")[0]: name for name in component.type.imports(linker.engine)}
        types = {name: ResourceType.host(kind) for name, kind in _KINDS.items()}
        with linker.root() as root:
            self._kept += add(root, {"say": self._say, "hear": self._hear, "show": self._show})
            for name, (resources, functions) in (self._wasi() | self._files() | _outside()).items():
                if f"wasi:{name}" not in versioned:
                    continue
                with root.add_instance(versioned[f"wasi:{name}"]) as instance:
                    for each in resources.split():
                        instance.add_resource(each, types[each], self._drop_of(each))
                    self._kept += add(instance, functions)

    def _wasi(self) -> dict[str, tuple[str, Mapping[str, Function]]]:
        """Name interfaces, the resources that each shares with others, and its functions."""
        return {
            "io/poll": ("pollable", {"[method]pollable.block": self._block, "poll": self._poll}),
            "clocks/monotonic-clock": (
                "pollable",
                {
                    "now": self._now,
                    "resolution": _one,
                    "subscribe-instant": self._at,
                    "subscribe-duration": self._after,
                },
            ),
            "clocks/wall-clock": ("", {"now": self._date, "resolution": _nanosecond}),
            "random/random": ("", {"get-random-bytes": self._random}),
            "cli/environment": ("", {"get-environment": _nothing, "get-arguments": _nothing}),
        }

    def _files(self) -> dict[str, tuple[str, Mapping[str, Function]]]:
        disk, streams = self._disk, "input-stream output-stream"
        return {
            "filesystem/types": (f"descriptor directory-entry-stream {streams}", disk.descriptors()),
            "filesystem/preopens": ("descriptor", {"get-directories": disk.root}),
            "io/error": ("error", {}),
            "io/streams": (f"error pollable {streams}", disk.streams()),
            "cli/stdin": ("input-stream", {"get-stdin": disk.nothing}),
            "cli/stdout": ("output-stream", {"get-stdout": disk.printed}),
            "cli/stderr": ("output-stream", {"get-stderr": disk.printed}),
            "cli/terminal-stdin": ("", {"get-terminal-stdin": Maybe}),
            "cli/terminal-stdout": ("", {"get-terminal-stdout": Maybe}),
            "cli/terminal-stderr": ("", {"get-terminal-stderr": Maybe}),
        }

    def _drop_of(self, resource: str) -> Callable[[StoreContext, int], None]:
        drop = self._disk.drop
        if resource in {"pollable", "error", "network"}:
            drop = self._passed if resource == "pollable" else _forget
        return lambda _store, number: drop(number)

    @property
    def _program(self) -> Wire:
        if self._wire is None:
            raise EndedError
        return self._wire

    def _say(self, data: str) -> None:
        self._program.say(data.encode("latin-1"))

    def _hear(self) -> str:
        return self._program.hear()[HEADER:].decode()

    def _show(self, data: str) -> None:
        self._program.show(data.encode("latin-1"))

    def _now(self) -> int:
        return self._program.now()

    def _date(self) -> dict[str, object]:
        return _moment(self._program.date())

    def _random(self, count: int) -> bytes:
        if count > _MOST:
            raise EndedError
        return self._chance.randbytes(count)

    def _after(self, span: int) -> Own:
        return self._at(self._now() + span)

    def _at(self, instant: int) -> Own:
        if len(self._instants) >= _WAITS:
            raise EndedError
        self._waits += 1
        self._instants[self._waits] = instant
        return Own(self._waits, _POLLABLE)

    def _passed(self, pollable: int) -> None:
        self._instants.pop(pollable, None)

    def _due(self) -> Own:
        return self._at(0)

    def _block(self, pollable: int) -> None:
        self._program.wait_until(self._instants[pollable])

    def _poll(self, pollables: Sequence[int]) -> list[object]:
        """Move the clock to the first of them, and say which are due."""
        now = self._program.wait_until(min(self._instants[each] for each in pollables))
        return [U32(place) for place, each in enumerate(pollables) if self._instants[each] <= now]


def _outside() -> dict[str, tuple[str, Mapping[str, Function]]]:
    """Say no to whoever wants out, so that programs see it as an error of theirs."""
    return {
        "sockets/network": ("network error", {}),
        "sockets/instance-network": ("network", {"instance-network": _no_network}),
        "sockets/tcp-create-socket": ("", {"create-tcp-socket": _denied}),
        "sockets/udp-create-socket": ("", {"create-udp-socket": _denied}),
        "sockets/ip-name-lookup": ("network pollable", {"resolve-addresses": _denied}),
    }


def _denied(*_arguments: object) -> Err:
    return Err(Case("access-denied"))


def _no_network() -> Own:
    return Own(0, _NETWORK)


def _forget(_number: int) -> None:
    """Keep what a resource stands for until the program ends."""


def _moment(nanoseconds: int) -> dict[str, object]:
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return {"seconds": seconds, "nanoseconds": U32(rest)}


def _nothing() -> list[object]:
    return []


def _one() -> int:
    return 1


def _nanosecond() -> dict[str, object]:
    return _moment(1)
