"""Constants: what can be known of a program's values without running it, and never more than is so."""

import ast
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from math import inf, prod

from remit.core.values import JsonValue
from remit.strategies.programs.parsing import parents

_LARGEST = 10**12
_NAMES = 4
"""Names that are followed to find out what one of them is."""
_LOOKING_METHODS = frozenset({"copy", "count", "get", "index", "items", "keys", "values"})
_SAME_LENGTH = frozenset({"enumerate", "frozenset", "list", "reversed", "set", "sorted", "tuple"})
_LOOKING_CALLS = _SAME_LENGTH | {
    "all",
    "any",
    "dict",
    "len",
    "max",
    "min",
    "print",
    "range",
    "repr",
    "str",
    "sum",
    "zip",
}
_Comprehension = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp


class UnknownError(ValueError):
    """A value is only known when the program runs."""


def bindings(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Give all names that a program gives a meaning to, in any scope, with the line."""
    for node in ast.walk(tree):
        for name in _bound(node):
            yield name, getattr(node, "lineno", 0)


def _bound(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.alias(name=name, asname=alias):
            yield alias or name.split(".")[0]
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name
        case _:
            pass


class Constants:
    """The values of a program that are the same whenever it runs.

    A name counts when it is assigned once, or is an input, and nothing may change its value in place.
    """

    def __init__(
        self, tree: ast.Module, *, inputs: Mapping[str, JsonValue], taken: Iterable[str], plain: bool = False
    ) -> None:
        """Read a program; `taken` are further names that are no builtins, and `plain` says that no slice is foreign."""
        bound: dict[str, int] = {}
        for name, _ in bindings(tree):
            bound[name] = bound.get(name, 0) + 1
        self._plain = plain
        self._values = {name: _written(value) for name, value in inputs.items() if name not in bound}
        self._foreign = {*bound, *inputs, *taken}
        for node in ast.walk(tree):
            match node:
                case (
                    ast.Assign(targets=[ast.Name(id=name)], value=value)
                    | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
                ) if bound[name] == 1 and name not in inputs:
                    self._values[name] = value
                case _:
                    pass
        self._nested = 0
        self._wholes: dict[str, int | None] = {}
        self._lengths: dict[str, int | None] = {}
        for name in set(self._changed(tree)):
            del self._values[name]

    def builtin(self, node: ast.AST) -> str:
        """Give the name of the builtin that this node is; empty when the program may mean something else."""
        return node.id if isinstance(node, ast.Name) and node.id not in self._foreign else ""

    def fold(self, node: ast.expr, depth: int = 0) -> JsonValue:
        """Give the value of an expression as JSON; raise `UnknownError` when it is not known."""
        match node:
            case ast.Constant(value=None | bool() | int() | float() | str() as value):
                return value
            case ast.Name(id=name) if isinstance(self._values.get(name), ast.Constant):
                return self.fold(self._values[name])
            case ast.List(elts=items) | ast.Tuple(elts=items):
                return [self.fold(item) for item in items]
            case ast.Dict(keys=keys, values=values):
                return {_key(key): self.fold(value) for key, value in zip(keys, values, strict=True)}
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=float() as value)):
                return -value
            case _:
                return self.whole(node)

    def whole(self, node: ast.expr) -> int:
        """Give the whole number that an expression is; raise `UnknownError` when it is not known, or huge."""
        match node:
            case ast.Constant(value=int(value)) if not isinstance(value, bool):
                return value
            case ast.Name(id=name):
                return self._named(name)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.whole(operand)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                result = _OPERATORS[type(op)](self.whole(left), self.whole(right))
                if abs(result) < _LARGEST:
                    return result
            case ast.Call(func=func, args=[item], keywords=[]) if self.builtin(func) == "len":
                meant = self._meant(item)
                found = self.length(meant) if isinstance(meant, ast.List | ast.Tuple | ast.Constant) else None
                if found is not None:
                    return found
            case _:
                pass
        raise UnknownError

    def length(self, node: ast.expr) -> int | None:
        """Say how many items going through a value gives at most; `None` when it is not known."""
        match node:
            case ast.Name(id=name):
                return self._length_named(name)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self._comprehended(node)
            case ast.Subscript(value=value, slice=ast.Slice() as part) if self._plain:
                return self._sliced(value, part)
            case ast.Call():
                return self._called(node)
            case _:
                return _displayed(node)

    def _named(self, name: str) -> int:
        if name not in self._wholes:
            # What is defined by itself is not known; this ends the circle.
            self._wholes[name] = None
            with suppress(UnknownError), self._within(name) as value:
                self._wholes[name] = self.whole(value)
        found = self._wholes[name]
        if found is None:
            raise UnknownError
        return found

    def _length_named(self, name: str) -> int | None:
        if name not in self._lengths:
            self._lengths[name] = None
            with suppress(UnknownError), self._within(name) as value:
                self._lengths[name] = self.length(value)
        return self._lengths[name]

    @contextmanager
    def _within(self, name: str) -> Generator[ast.expr]:
        """Look at the value of a name, by not too many names, for a program may have thousands in a row."""
        if name not in self._values or self._nested >= _NAMES:
            raise UnknownError
        self._nested += 1
        try:
            yield self._values[name]
        finally:
            self._nested -= 1

    def _meant(self, node: ast.expr) -> ast.expr:
        return self._values.get(node.id, node) if isinstance(node, ast.Name) else node

    def _comprehended(self, node: _Comprehension) -> int | None:
        found = [None if loop.is_async else self.length(loop.iter) for loop in node.generators]
        most = inf if None in found else prod(min(each, _LARGEST) for each in found if each is not None)
        return int(most) if most < _LARGEST else None

    def _sliced(self, value: ast.expr, part: ast.Slice) -> int | None:
        known = self.length(value)
        try:
            begin = 0 if part.lower is None else self.whole(part.lower)
            end = -1 if part.upper is None else self.whole(part.upper)
            step = 1 if part.step is None else self.whole(part.step)
        except UnknownError:
            return known
        if min(begin, end) < 0 or step < 1:
            return known
        most = max(0, end - begin)
        return most if known is None else min(known, most)

    def _called(self, node: ast.Call) -> int | None:
        if isinstance(node.func, ast.Attribute):
            meant = self._meant(node.func.value)
            parts = node.func.attr in {"items", "keys", "values"} and not node.args
            return self.length(meant) if parts and isinstance(meant, ast.Dict) else None
        called = self.builtin(node.func)
        if not node.args or any(isinstance(item, ast.Starred) for item in node.args):
            return None
        if called in _SAME_LENGTH:
            return self.length(node.args[0])
        if called == "zip":
            return min((known for item in node.args if (known := self.length(item)) is not None), default=None)
        if called == "range":
            return self._ranged(node.args)
        return None

    def _ranged(self, args: list[ast.expr]) -> int | None:
        try:
            return len(range(*[self.whole(item) for item in args]))
        except (UnknownError, TypeError, ValueError, OverflowError):
            return None

    def _changed(self, tree: ast.AST) -> Iterator[str]:
        """Find the names whose values may change in place: those that are used for more than looking at them."""
        around = parents(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id in self._values and isinstance(node.ctx, ast.Load):
                value = self._values[node.id]
                fixed = isinstance(value, ast.Constant | ast.UnaryOp | ast.BinOp | ast.Tuple)
                ranged = isinstance(value, ast.Call) and self.builtin(value.func) in {"range", "len"}
                if not fixed and not ranged and not self._looks(node, around):
                    yield node.id

    def _looks(self, node: ast.Name, around: Mapping[ast.AST, ast.AST]) -> bool:
        parent = around[node]
        match parent:
            case ast.For(iter=inner) | ast.comprehension(iter=inner) | ast.FormattedValue(value=inner):
                return inner is node
            case ast.Call(func=func):
                return func is not node and self.builtin(func) in _LOOKING_CALLS
            case ast.Subscript(value=inner, ctx=ast.Load()):
                return inner is node
            case ast.Attribute(attr=attr):
                outer = around[parent]
                return attr in _LOOKING_METHODS and isinstance(outer, ast.Call) and outer.func is parent
            case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[inner]):
                return inner is node
            case _:
                return isinstance(parent, ast.Expr)


def _displayed(node: ast.expr) -> int | None:
    match node:
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            return None if any(isinstance(item, ast.Starred) for item in items) else len(items)
        case ast.Dict(keys=keys):
            return None if None in keys else len(keys)
        case ast.Constant(value=str() | bytes() as text):
            return len(text)
        case _:
            return None


def _written(value: JsonValue) -> ast.expr:
    """Write an input as an expression, as far as its length goes."""
    match value:
        case list():
            return ast.List([ast.Constant(...) for _ in value], ast.Load())
        case dict():
            return ast.Dict([ast.Constant(key) for key in value], [ast.Constant(...) for _ in value])
        case _:
            return ast.Constant(value)


def _key(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise UnknownError


_OPERATORS: Mapping[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: lambda left, right: left * right,
}
