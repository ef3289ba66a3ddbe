"""The public names of models: all are there, and those that need the wires are loaded when first asked for."""

import subprocess
import sys

import pytest

import remit.models

LIGHT = """
import sys
import remit.models
assert "remit.models.wires.client" not in sys.modules
assert "httptools" not in sys.modules
from remit.models import connect, known_price
assert "remit.models.wires.client" in sys.modules
assert remit.models.connect is connect
"""


def test_every_public_name_is_there_once() -> None:
    names = remit.models.__all__
    assert len(names) == len(set(names))
    assert [name for name in names if not hasattr(remit.models, name)] == []
    assert set(names) <= set(dir(remit.models))


def test_the_wires_are_loaded_when_they_are_first_asked_for() -> None:
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_name_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'telepathy'"):
        _ = getattr(remit.models, "telepathy")  # noqa: B009 - the type checker knows that it is not there
