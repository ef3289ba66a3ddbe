"""The keyring: another's library, which may be missing, locked or broken."""

import asyncio
import subprocess
import sys
import threading

import pytest
from tests.tools.secrets.rings import Ring

from remit.core.errors import ConfigError
from remit.tools.secrets import KeyringSecrets

VALUE = "sk-live-4f9a77c1"


async def test_a_locked_keyring_is_waited_for_only_so_long(ring: Ring) -> None:
    ring.opened.clear()
    with pytest.raises(ConfigError, match=r"the keyring did not answer within 0\.01 s; is it locked"):
        await KeyringSecrets("app", seconds=0.01).get("TOKEN", "acme")
    assert not any(not thread.daemon for thread in threading.enumerate() if thread.name == "keyring")


async def test_an_answer_that_comes_too_late_is_let_go(ring: Ring) -> None:
    ring.opened.clear()
    with pytest.raises(ConfigError):
        await KeyringSecrets("app", seconds=0.01).get("TOKEN", "acme")
    late = [thread for thread in threading.enumerate() if thread.name == "keyring"]
    ring.opened.set()
    for thread in late:
        await asyncio.to_thread(thread.join)
    ring.kept["app", "TOKEN"] = VALUE
    assert await KeyringSecrets("app").get("TOKEN", "acme") == VALUE


def test_an_answer_that_comes_after_the_loop_is_closed_is_let_go(ring: Ring) -> None:
    ring.opened.clear()
    with pytest.raises(ConfigError):
        asyncio.run(KeyringSecrets("app", seconds=0.01).get("TOKEN", ""))
    ring.opened.set()
    for thread in threading.enumerate():
        if thread.name == "keyring":
            thread.join()


async def test_what_a_broken_keyring_says_is_not_passed_on(ring: Ring) -> None:
    ring.broken = RuntimeError(f"bad {VALUE}")
    with pytest.raises(ConfigError) as refused:
        await KeyringSecrets("app").get("TOKEN", "acme")
    assert str(refused.value) == "the keyring could not be read: RuntimeError"
    assert refused.value.__suppress_context__


def test_without_the_library_it_says_how_to_get_it() -> None:
    program = """
import asyncio, sys
sys.modules["keyring"] = None
from remit.tools.secrets import KeyringSecrets
try:
    asyncio.run(KeyringSecrets("app").get("TOKEN", "acme"))
except Exception as error:
    print(type(error).__name__, error)
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout == "ConfigError secrets of a keyring need the library: pip install 'remit[keyring]'\n"


def test_it_says_where_it_looks() -> None:
    assert str(KeyringSecrets("app")) == "the service 'app' of the keyring (TENANT/NAME, NAME)"
