"""Size limits: no file, function, class or package grows past what a reader can hold in the head."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

FILE_LINES = 400
FUNCTION_LINES = 50
PARAMETERS = 6
PUBLIC_METHODS = 12
MODULES = 14
BANNED = frozenset({"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"})

Function = ast.FunctionDef | ast.AsyncFunctionDef


def finding(where: str, what: str, size: int, limit: int) -> Iterator[str]:
    """Say that something is over its limit, or nothing."""
    if size > limit:
        yield f"{where} {what} is {size}, limit {limit}"


def parameters(function: Function, *, method: bool) -> int:
    """Count what a caller can pass; `self` and `cls` are not passed, `*args` and `**kwargs` are one parameter each."""
    spec = function.args
    count = len(spec.posonlyargs) + len(spec.args) + len(spec.kwonlyargs) + bool(spec.vararg) + bool(spec.kwarg)
    static = any(isinstance(one, ast.Name) and one.id == "staticmethod" for one in function.decorator_list)
    return count - (method and not static)


def check_function(path: Path, function: Function, *, method: bool) -> Iterator[str]:
    """Check the length and the parameters of one function."""
    where = f"{path}:{function.lineno}"
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    yield from finding(where, f"length of function {function.name}", lines, FUNCTION_LINES)
    yield from finding(where, f"parameters of {function.name}", parameters(function, method=method), PARAMETERS)


def check_node(path: Path, node: ast.AST) -> Iterator[str]:
    """Check the functions and classes below a node."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            yield from check_function(path, child, method=isinstance(node, ast.ClassDef))
        if isinstance(child, ast.ClassDef):
            # A set: a property's setter and a method's overloads are one name to a caller.
            public = {one.name for one in child.body if isinstance(one, Function) and not one.name.startswith("_")}
            yield from finding(f"{path}:{child.lineno}", f"public methods of {child.name}", len(public), PUBLIC_METHODS)
        yield from check_node(path, child)


def check_file(path: Path) -> Iterator[str]:
    """Check one module: its name, its length and all it defines."""
    if path.stem in BANNED:
        yield f"{path}:1 module name {path.stem!r} is banned: name the noun"
    text = path.read_text(encoding="utf-8")
    yield from finding(f"{path}:1", "length of file", len(text.splitlines()), FILE_LINES)
    yield from check_node(path, ast.parse(text, str(path)))


def check_packages(root: Path) -> Iterator[str]:
    """Check the number of modules in every package; `__init__` and `__main__` are doors, not modules."""
    for folder in sorted({path.parent for path in root.rglob("*.py")}):
        if folder.name in BANNED:
            yield f"{folder}:1 package name {folder.name!r} is banned: name the noun"
        modules = [path for path in folder.glob("*.py") if not path.stem.startswith("__")]
        yield from finding(f"{folder}:1", "modules in package", len(modules), MODULES)


def check(root: Path) -> Iterator[str]:
    """Check a folder of sources; tests may have any number of modules in a folder."""
    if "tests" not in root.parts:
        yield from check_packages(root)
    for path in sorted(root.rglob("*.py")):
        yield from check_file(path)


def main() -> int:
    """Check the folders named on the command line, else `src` and `tests`."""
    roots = [Path(name) for name in sys.argv[1:] or ("src", "tests")]
    findings = [line for root in roots for line in check(root)]
    print("\n".join(findings) or "sizes: all within limits")
    return bool(findings)


if __name__ == "__main__":
    sys.exit(main())
