"""Languages: which modules, builtins and syntax programs have, by the terms of their box.

None of this holds a hostile program: the box does. It keeps an honest one from failing halfway.
"""

import ast
import builtins
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from remit.core.programs import SandboxPolicy


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


STANDARD = _words(
    "base64 bisect collections copy csv dataclasses datetime decimal functools hashlib itertools json math random re "
    "typing unicodedata"
)
"""What an interpreter of the subset and CPython both have, without the ways out of a program."""

_FULL_MODULES = STANDARD | _words(
    "__future__ abc array binascii calendar cmath collections.abc contextlib difflib enum fractions heapq html "
    "numbers operator pprint queue statistics string struct textwrap warnings "
    "xml.etree.ElementTree zoneinfo urllib.parse sqlite3"
)

_FILE_MODULES = _words("bz2 glob gzip io lzma os.path pathlib shutil tarfile zipfile zlib")

_SUBSET_BUILTINS = _words(
    "ArithmeticError AssertionError AttributeError BaseException Ellipsis Exception FileExistsError FileNotFoundError "
    "ImportError IndexError KeyError LookupError NameError NotImplemented NotImplementedError OSError OverflowError "
    "PermissionError RecursionError RuntimeError StopIteration TimeoutError TypeError UnicodeDecodeError "
    "UnicodeEncodeError ValueError ZeroDivisionError abs all any bin bool bytes chr complex dict divmod enumerate "
    "filter float format frozenset getattr hasattr hash hex id int isinstance iter len list map max min next object "
    "oct ord pow print range repr reversed round set slice sorted str sum tuple type zip"
)

FORBIDDEN: Mapping[str, str] = {
    **dict.fromkeys(("eval", "exec", "compile"), "write the code itself"),
    **dict.fromkeys(("globals", "locals", "vars", "setattr", "delattr"), "use names, attributes and dicts as they are"),
    **dict.fromkeys(("__import__", "breakpoint", "input", "help", "exit", "quit"), "leave it out"),
}
"""Names that programs do without, and what to do instead."""

ALLOWED_DUNDERS = frozenset({"__name__", "__init__", "__doc__"})
"""Attributes between double underscores that honest programs use."""

FORBIDDEN_PARTS = _words(
    "_getframe _os _sys attrgetter builtins cr_frame f_builtins f_globals gi_frame importlib inspect methodcaller "
    "modules os sys tb_frame"
)
"""Attributes and members of modules through which a program would get at the inside of Python."""

REFLECTIVE = _words(
    "__main__ builtins code codeop concurrent ctypes gc importlib inspect multiprocessing runpy sys threading "
    "traceback types"
)
"""Modules with which a program may change what its own names mean."""

_UNSUPPORTED: Mapping[type[ast.AST], str] = {
    ast.Yield: "there are no generators here: build a list and return it",
    ast.YieldFrom: "there are no generators here: build a list and return it",
    ast.Delete: "there is no `del` here: leave it out, or make a new value without the part",
    ast.TryStar: "there are no exception groups here: use `except`",
}


@dataclass(frozen=True, slots=True)
class Language:
    """What a program may use."""

    modules: frozenset[str]
    packages: frozenset[str]
    """Those of the modules that bring all their parts."""
    builtins: frozenset[str]
    files: bool
    subset: bool


def language(policy: SandboxPolicy) -> Language:
    """Give the language of programs under a policy."""
    subset = policy.language == "subset"
    files = not subset or bool(policy.mounts)
    modules = (STANDARD if subset else _FULL_MODULES) | (_FILE_MODULES if files else _words(""))
    names = _SUBSET_BUILTINS if subset else frozenset(dir(builtins)) | {"__name__"}
    names -= FORBIDDEN.keys()
    names = names | {"open"} if files else names - {"open"}
    packages = frozenset(policy.packages)
    return Language(modules | packages, packages, names, files=files, subset=subset)


def unsupported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Find what the subset lacks, by line."""
    for node in ast.walk(tree):
        why = _UNSUPPORTED.get(type(node), "")
        if isinstance(node, ast.ClassDef) and (node.bases or node.keywords):
            why = "classes cannot inherit here: use a plain class, a dict, or ValueError for what you raise"
        elif isinstance(node, ast.ClassDef) and any(_decorated(inner) for inner in node.body):
            why = "methods cannot be decorated here: use plain methods and functions"
        if why:
            yield getattr(node, "lineno", 0), why


def _decorated(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and bool(node.decorator_list)
