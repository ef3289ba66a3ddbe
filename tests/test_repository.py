"""The repository keeps its own rules, and each check can fail."""

import os
import re
import socket
import subprocess
import sys
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
LAYERS = ("cli", "apps", "runtime", "journal", "models", "tools", "strategies", "policy", "core")


def write(path: Path, text: str) -> None:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def run(folder: Path, *command: str | Path) -> tuple[int, str]:
    """Run a command with the folder's `src` first on the path; its exit code and all it printed."""
    env = os.environ | {"PYTHONPATH": str(folder / "src")}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def check(name: str, folder: Path, *args: str) -> tuple[int, str]:
    """Run one of the repository's checks in a folder."""
    return run(folder, sys.executable, ROOT / "scripts" / f"check_{name}.py", *args)


# Running the tests

ONCE = """
from pathlib import Path
def test_it():
    beside = Path("seen")
    first = not beside.exists()
    beside.touch()
    assert not first
"""
NEVER = "import pytest\n@pytest.mark.parametrize('n', range({}))\ndef test_it(n):\n    assert n < 0\n"


@pytest.mark.parametrize(
    ("text", "code", "again"),
    [("def test_it(): ...", 0, False), (ONCE, 0, True), (NEVER.format(2), 1, True), (NEVER.format(6), 1, False)],
    ids=["good", "in the way", "bad", "bad all over"],
)
def test_few_that_failed_beside_others_are_run_again_alone(
    tmp_path: Path, text: str, code: int, *, again: bool
) -> None:
    write(tmp_path / "pytest.ini", "[pytest]\n")
    write(tmp_path / "test_one.py", text)
    status, output = run(tmp_path, ROOT / "scripts/run_tests.sh", sys.executable, "-n", "0", "-p", "no:randomly")
    assert (status, "failed beside others; now alone" in output) == (code, again), output


# Sizes


def test_small_sources_pass_the_size_check(tmp_path: Path) -> None:
    write(tmp_path / "src/noun.py", "class A:\n    def f(self, a, b, c, d, e, *, g): ...\n")
    write(tmp_path / "tests/test_noun.py", "")
    assert check("sizes", tmp_path) == (0, "sizes: all within limits\n")


@pytest.mark.parametrize(
    ("name", "text", "finding"),
    [
        ("noun.py", "\n" * 401, "src/noun.py:1 length of file is 401, limit 400"),
        ("noun.py", "\ndef f():\n" + "    pass\n" * 50, "src/noun.py:2 length of function f is 51, limit 50"),
        ("noun.py", "async def f(a, b, c, d, e, g, *h): ...", "src/noun.py:1 parameters of f is 7, limit 6"),
        (
            "noun.py",
            "class A:\n @staticmethod\n def f(a, b, c, d, e, g, h): ...",
            "src/noun.py:3 parameters of f is 7, limit 6",
        ),
        (
            "noun.py",
            "class A:\n" + "".join(f"    def f{n}(self): ...\n" for n in range(13)),
            "src/noun.py:1 public methods of A is 13, limit 12",
        ),
        ("utils.py", "", "src/utils.py:1 module name 'utils' is banned: name the noun"),
        ("base/noun.py", "", "src/base:1 package name 'base' is banned: name the noun"),
    ],
)
def test_the_size_check_fails(tmp_path: Path, name: str, text: str, finding: str) -> None:
    write(tmp_path / "src" / name, text)
    assert check("sizes", tmp_path, "src") == (1, finding + "\n")


def test_only_a_package_of_tests_may_have_many_modules(tmp_path: Path) -> None:
    for n in range(15):
        write(tmp_path / f"src/p/m{n}.py", "")
        write(tmp_path / f"tests/test_m{n}.py", "")
    assert check("sizes", tmp_path) == (1, "src/p:1 modules in package is 15, limit 14\n")


# The public face


def test_an_exact_list_of_names_is_public(tmp_path: Path) -> None:
    write(tmp_path / "src/face/noun.py", "A = a = 1")
    write(tmp_path / "src/face/__init__.py", 'from face.noun import A, a\n__all__ = ["A", "a"]\n')
    assert check("public", tmp_path, "face") == (0, "public: face.__all__ is what is public\n")


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("a = 1", "has no __all__"),
        ('a = b = 1\n__all__ = ["b", "a"]', "is not sorted"),
        ('a = 1\n__all__ = ["a", "b"]', "'b', which does not exist"),
        ('a = b = 1\n__all__ = ["a"]', "'b' is public but not in __all__"),
        ('__all__ = [f"n{n:02}" for n in range(26)]', "26 names, limit 25"),
    ],
)
def test_the_public_check_fails(tmp_path: Path, text: str, finding: str) -> None:
    write(tmp_path / "src/face/__init__.py", text)
    code, output = check("public", tmp_path, "face")
    assert code == 1
    assert finding in output


# Docs

GOOD_PAGE = """
```python title="saved.py"
import asyncio
from pathlib import Path

async def two() -> int:
    return 2
```
- In a list, the names of the page are still there:

    ```python
    assert await two() == 2
    assert Path("saved.py").read_text().startswith("import")
    ```
<!-- no-run -->
```python
raise SystemExit("compiled only")
```
```python
import os

os.environ["SAID"] = "it's set"
```
```text
not python (
```
```toml title="in/a/folder.toml"
name = "saved too"
```
```console run
$ remit --help
usage: remit ...
...
  doctor ...
$ export WORD=kept; echo "$SAID"
it's set
$ python -c "print('begun', flush=True); input()" &
begun
```
```python
os.environ["SAID"] = "it's set anew"
```
```console run
$ echo $SAID
it's set anew
$ cat beside.txt \
    in/a/folder.toml; echo "$WORD  in   the shell"
from the folder of the page
name = "saved too"
kept in the shell
$ exit 3 | exit 3  # exit status 3
```
"""


SERVER = """
import socket
import sys
from pathlib import Path

with socket.create_server(("127.0.0.1", 0)) as server:
    Path(sys.argv[1]).write_text(str(server.getsockname()[1]))
    print("ready", flush=True)
    while True:
        server.accept()
"""


def test_a_page_whose_blocks_run_passes(tmp_path: Path) -> None:
    write(tmp_path / "README.md", "# Nothing to run\n")
    write(tmp_path / "docs/how-to/page.md", GOOD_PAGE)
    write(tmp_path / "docs/how-to/page/beside.txt", "from the folder of the page\n")
    assert check("docs", tmp_path) == (0, "docs: every block of 2 pages runs\n")


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("# Hi\n\n```python\nassert await 1\n```\n", "page.md:4 this block failed"),
        ("```python\nx = (\n```\n", "SyntaxError"),
        ("<!-- no-run -->\n\n```python\nx = (\n```\n", "SyntaxError"),
        ("```python\nraise SystemExit(0)\n```\n", "page.md:2 this block failed"),
        ("```python\nx = 1\n```\n~~~python\nassert x == 2\n~~~\n", 'page.md", line 5'),
        ("```console run\n$ remit no-such-command\n```\n", "`remit no-such-command` ended with status 2, not 0"),
        ("```console run\n$ true  # exit status 1\n```\n", "ended with status 0, not 1"),
        ("```console run\n$ no-such-command &\n$ wait $!\n```\n", "`wait $!` ended with status 127"),
        ("```console run\n$ printf 'a b'\na b c\n```\n", "did not print, or not in this order: a b c"),
        ("```console run\n$ printf 'a\\nb'\nb\na\n```\n", "did not print, or not in this order: a"),
        ("```console run\n$ printf 'a\\nb'\na ... b\n```\n", "did not print, or not in this order: a ... b"),
        ("```console run\n$ printf 'a b'; false\na b\n```\n", "ended with status 1, not 0"),
        ("```console run\n$ exit 0\n```\n", "the command ended the shell"),
    ],
)
def test_the_docs_check_fails(tmp_path: Path, text: str, finding: str) -> None:
    write(tmp_path / "docs/page.md", text)
    code, output = check("docs", tmp_path)
    assert code == 1
    assert finding in output


@pytest.mark.parametrize("after", ["true", "false"])
def test_what_a_page_started_ends_with_it(tmp_path: Path, after: str) -> None:
    write(tmp_path / "docs/page/server.py", SERVER)
    port = tmp_path / "port"
    write(tmp_path / "docs/page.md", f"```console run\n$ python server.py {port} &\nready\n$ {after}\n```\n")
    assert check("docs", tmp_path)[0] == (after == "false")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(port.read_text(encoding="utf-8"))))


def test_every_page_is_in_the_site_and_every_entry_has_its_page() -> None:
    entries = set(re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8")))
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert entries == pages


# Layers


def lint_layers(folder: Path, files: dict[str, str]) -> tuple[int, str]:
    """Run the repository's import contracts on a package with every layer and these files."""
    write(folder / "pyproject.toml", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for layer in LAYERS:
        write(folder / "src/remit" / layer / "__init__.py", "")
    for name in ("__init__.py", "__main__.py", "home.py", "testing/__init__.py"):
        write(folder / "src/remit" / name, "")
    for name, text in files.items():
        write(folder / "src/remit" / name, text)
    return run(folder, BIN / "lint-imports", "--no-cache")


def test_imports_that_point_down_pass(tmp_path: Path) -> None:
    files = {"runtime/one.py": "import remit.core", "__main__.py": "import remit.cli", "server/__init__.py": ""}
    code, output = lint_layers(tmp_path, files)
    assert code == 0, output


@pytest.mark.parametrize(
    ("files", "finding"),
    [
        ({"core/one.py": "import remit.runtime"}, "remit.core is not allowed to import remit.runtime"),
        ({"runtime/one.py": "import remit.journal"}, "remit.runtime is not allowed to import remit.journal"),
        ({"core/one.py": "def f():\n    import remit.tools"}, "remit.core is not allowed to import remit.tools"),
        ({"extra/__init__.py": ""}, "extra"),
        ({"policy/one.py": "import socket"}, "remit.policy is not allowed to import socket"),
        ({"strategies/one.py": "import time"}, "remit.strategies is not allowed to import time"),
        (
            {"tools/one.py": "from remit import Agent", "__init__.py": "from remit.home import Agent"},
            "remit.tools is not allowed to import remit.home",
        ),
    ],
)
def test_an_import_that_points_elsewhere_fails(tmp_path: Path, files: dict[str, str], finding: str) -> None:
    code, output = lint_layers(tmp_path, files)
    assert code == 1
    assert finding in output


# What is installed


def installed(name: str, found: dict[str, Distribution]) -> dict[str, Distribution]:
    """Gather a distribution and all that it needs here, without extras."""
    if name not in found:
        found[name] = distribution(name)
        for text in found[name].requires or []:
            need = Requirement(text)
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                installed(re.sub(r"[-_.]+", "-", need.name).lower(), found)
    return found


def test_the_base_install_is_small_and_free() -> None:
    base = installed("remit", {})
    del base["remit"]
    sizes = {
        name: sum(Path(str(file.locate())).stat().st_size for file in one.files or [] if "__pycache__" not in str(file))
        for name, one in base.items()
    }
    assert len(base) <= 25, sorted(base)
    assert sum(sizes.values()) <= 60_000_000, sizes
    for name, one in base.items():
        # A licence is named in any of three fields, depending on the age of the package's build tool.
        fields = ("License-Expression", "License", "Classifier")
        licence = " ".join(value for field in fields for value in one.metadata.get_all(field) or [] if len(value) < 200)
        assert not re.search(r"GPL|MPL|Mozilla|EUPL|CDDL|SSPL|BUSL", licence), (name, licence)


# The guard of conftest.py


@pytest.mark.parametrize("host", ["192.0.2.1", "example.org", "2001:db8::1"])
def test_a_test_cannot_reach_another_machine(host: str, outside: list[str]) -> None:
    with pytest.raises(RuntimeError, match="only reach this machine"):
        socket.create_connection((host, 9))
    assert outside == [host]
    outside.clear()


def test_an_address_that_needs_no_look_up_is_guarded_too(outside: list[str]) -> None:
    with socket.socket() as plug, pytest.raises(RuntimeError, match="only reach this machine"):
        plug.connect(("192.0.2.1", 9))
    outside.clear()


def test_a_test_can_reach_this_machine(outside: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        assert not outside
