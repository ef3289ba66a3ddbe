"""Building: puts an interpreter for WebAssembly together with the code that runs programs in it."""

import hashlib
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path

from remit.core.errors import ConfigError
from remit.sandbox import inside

WORLD = "interpreter.wit"
_GUEST = Path(__file__).parent / "guest"
_INSIDE = Path(inside.__file__).parent
_APP, _SEED = "app", "seed"
_LIBRARY = ".abi3.so"
"""How the name of a library ends that componentize-py links to the interpreter."""
_BUILD = "import sys; from componentize_py import script; sys.argv[0] = 'componentize-py'; script()"
_PATIENCE = 600.0


def sources() -> Mapping[str, bytes]:
    """Give the files that go in, by their paths there."""
    package = "remit/sandbox/inside"
    return {
        f"{_SEED}.wat": (_GUEST / f"{_SEED}.wat").read_bytes(),
        f"{_APP}.py": (_GUEST / "app.py").read_bytes(),
        "remit/__init__.py": b"",
        "remit/sandbox/__init__.py": b"",
        f"{package}/__init__.py": b"",
        f"{package}/framing.py": (_GUEST / "framing.py").read_bytes(),
        f"{package}/plain.py": (_INSIDE / "plain.py").read_bytes(),
        f"{package}/program.py": (_INSIDE / "program.py").read_bytes(),
    }


def digest(settings: str) -> str:
    """Name what would come out of a build here, compiled with these settings."""
    parts = [settings, sys.platform, platform.machine()]
    parts += [f"{name} {metadata.version(name)}" for name in ("componentize-py", "wasmtime")]
    whole = hashlib.sha256(repr(parts).encode() + (_GUEST / WORLD).read_bytes() + Path(__file__).read_bytes())
    for path, content in sorted(sources().items()):
        whole.update(repr((path, content)).encode())
    return whole.hexdigest()[:32]


def build(target: Path, assemble: Callable[[str], bytes]) -> None:
    """Write the component, with `assemble` to make modules of text; raise `ConfigError` when that fails."""
    with tempfile.TemporaryDirectory() as made:
        tree = Path(made) / "tree"
        # It would look for libraries in the environment it runs in, and none of those belong into the component.
        nothing = Path(made) / "venv"
        (nothing / "lib" / "site-packages").mkdir(parents=True)
        for path, content in sources().items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(content)
        (tree / f"{_SEED}{_LIBRARY}").write_bytes(assemble((tree / f"{_SEED}.wat").read_text()))
        arguments = ("-d", str(_GUEST / WORLD), "-w", Path(WORLD).stem, "componentize", "-p", str(tree))
        done = subprocess.run(
            [sys.executable, "-P", "-c", _BUILD, *arguments, _APP, "-o", str(target)],
            env=os.environ | {"VIRTUAL_ENV": str(nothing), "RUST_BACKTRACE": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    if done.returncode != 0 or not target.exists():
        said = (done.stderr or done.stdout).decode(errors="replace").partition("Stack backtrace:")[0].strip()[-2000:]
        raise ConfigError(f"componentize-py did not build the interpreter: {said}")
