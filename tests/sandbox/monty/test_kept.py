"""What is written down of a program that waits."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_monty import __version__

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue
from remit.sandbox import SandboxPolicy
from remit.sandbox.monty import MontySandbox
from remit.sandbox.monty.kept import Answer, Kept, Waiting, sealed, unsealed

WAITING = st.builds(
    Waiting,
    id=st.integers(0, 9),
    tool=st.text(max_size=3),
    arguments=st.dictionaries(st.text(max_size=3), st.integers(-(2**63), 2**64 - 1)),
    answer=st.none() | st.builds(Answer, value=st.integers(-9, 9), error=st.none() | st.text(max_size=3)),
)


def kept(library: str = __version__, snapshot: bytes = b"snapshot") -> Kept:
    """Make one."""
    return Kept(
        library=library,
        snapshot=snapshot,
        code="pay()",
        printed="p",
        room=9,
        calls=1,
        now=0.5,
        waiting=(),
        asleep={1: 2.5},
        again="pay",
    )


@given(st.lists(WAITING, max_size=3).map(tuple), st.binary(max_size=40))
def test_it_reads_what_it_wrote(waiting: tuple[Waiting, ...], key: bytes) -> None:
    written = msgspec.structs.replace(kept(), waiting=waiting)
    assert unsealed(sealed(written, key), key, __version__) == written


@given(st.data())
def test_no_byte_can_be_changed(data: st.DataObject) -> None:
    written = bytearray(sealed(kept(), b"key"))
    place = data.draw(st.integers(0, len(written) - 1))
    written[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ConfigError, match="run the program again"):
        unsealed(bytes(written), b"key", __version__)


def test_another_version_of_the_interpreter_must_run_it_again() -> None:
    with pytest.raises(ConfigError, match=r"version 0\.1, and this is .*run the program again"):
        unsealed(sealed(kept("0.1"), b""), b"", __version__)


async def test_what_the_interpreter_cannot_read_is_refused_before_any_call_is_made() -> None:
    async def never(name: str, args: JsonObject) -> JsonValue:
        raise AssertionError

    sandbox = MontySandbox(workers=1)
    box = await sandbox.open(SandboxPolicy())
    with pytest.raises(ConfigError, match="cannot read the kept program"):
        await box.resume(sealed(kept(), b""), tools={"pay": ()}, bridge=never)
    assert (await box.run("1", inputs={}, tools={}, bridge=never)).value == 1
    await sandbox.close()
