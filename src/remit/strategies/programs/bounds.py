"""Bounds: how often a program calls each tool at most, counted without running it.

Calls count once where they stand, times the length of each loop around them, the larger of two branches, and again
wherever a function is called. What cannot be counted, such as `while`, recursion, or a tool that is handed around as a
value, is unbounded. This is cost analysis by abstract interpretation, after Wegbreit (1975, CACM 18(9)).
"""

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf

from remit.core.values import JsonValue, Nanos
from remit.strategies.programs.constants import Constants
from remit.strategies.programs.languages import ALLOWED_DUNDERS, FORBIDDEN, FORBIDDEN_PARTS, REFLECTIVE, STANDARD
from remit.strategies.programs.parsing import parents

_Counts = dict[str, float]
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_MOST = 10**12


def bounds(
    tree: ast.Module, tools: Iterable[str], inputs: Mapping[str, JsonValue] | None = None
) -> dict[str, int | None]:
    """Give how often each tool that a program names is called at most; `None` when nobody can say."""
    known = frozenset(tools)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} & known
    if _opaque(tree):
        return dict.fromkeys(sorted(known), None)
    constants = Constants(tree, inputs=inputs or {}, taken=known, plain=is_plain(tree))
    counts = _Counter(tree, known, constants).program(tree)
    found = {name: counts.get(name, 0) for name in sorted(used)}
    return {name: None if count > _MOST else int(count) for name, count in found.items()}


def cost(calls: Mapping[str, int | None], prices: Mapping[str, Nanos]) -> Nanos | None:
    """Give the most that these calls cost, in nano-dollars; `None` when a priced tool is unbounded."""
    total = 0
    for name, count in calls.items():
        price = prices.get(name, 0)
        if price and count is None:
            return None
        total += price * (count or 0)
    return total


class _Counter:
    """Counts the calls of tools in one program."""

    def __init__(self, tree: ast.Module, tools: frozenset[str], constants: Constants) -> None:
        self._tools, self._constants = tools, constants
        self._functions: dict[str, list[_Function]] = {}
        for node in ast.walk(tree):
            if isinstance(node, _Function):
                self._functions.setdefault(node.name, []).append(node)
        self._named = {name: _loaded(defined) for name, defined in self._functions.items()}
        self._reach = self._reached()
        self._counts: dict[str, _Counts] = {}

    def program(self, tree: ast.Module) -> _Counts:
        """Count all of it."""
        self._count_functions()
        escaped = set(self._escaped(tree))
        return self._block(tree.body) | dict.fromkeys(escaped, inf)

    def _reached(self) -> dict[str, set[str]]:
        """Say which tools each function may call, through whatever other functions."""
        callers: dict[str, set[str]] = {}
        for name, loaded in self._named.items():
            for other in loaded & self._functions.keys():
                callers.setdefault(other, set()).add(name)
        reach: dict[str, set[str]] = {name: set() for name in self._functions}
        for tool in self._tools:
            left = [name for name, loaded in self._named.items() if tool in loaded]
            while left:
                name = left.pop()
                if tool not in reach[name]:
                    reach[name].add(tool)
                    left.extend(callers.get(name, ()))
        return reach

    def _count_functions(self) -> None:
        """Count the functions that call tools, those first that others call; what is left then is recursive."""
        waiting = {
            name: {other for other in self._named[name] & self._functions.keys() if self._reach[other]}
            for name, tools in self._reach.items()
            if tools
        }
        ready = [name for name, others in waiting.items() if not others]
        users: dict[str, list[str]] = {}
        for name, others in waiting.items():
            for other in others:
                users.setdefault(other, []).append(name)
        while ready:
            name = ready.pop()
            self._counts[name] = _most(*(self._block(each.body) for each in self._functions[name]))
            for user in users.get(name, ()):
                waiting[user].discard(name)
                if not waiting[user]:
                    ready.append(user)
        for name, tools in self._reach.items():
            self._counts.setdefault(name, dict.fromkeys(tools, inf))

    def _escaped(self, tree: ast.Module) -> Iterator[str]:
        """Give the tools that may be called from places that no count sees."""
        around = parents(tree)
        for node in ast.walk(tree):
            match node:
                case ast.Name(id=name, ctx=ast.Load()):
                    parent = around[node]
                    if not (isinstance(parent, ast.Call) and parent.func is node):
                        yield from {name} & self._tools
                        yield from self._reach.get(name, ())
                case ast.Lambda(body=body):
                    yield from self._within(_loaded([body]))
                case (
                    ast.FunctionDef(name=name, decorator_list=decorators)
                    | ast.AsyncFunctionDef(name=name, decorator_list=decorators)
                ):
                    if decorators or isinstance(around[node], ast.ClassDef):
                        yield from self._reach[name]
                case ast.ClassDef():
                    # Its methods run by operators and attributes, also those that stand within an `if`.
                    yield from self._within(_loaded(node.body))
                case _:
                    pass

    def _within(self, loaded: set[str]) -> Iterator[str]:
        yield from loaded & self._tools
        for name in loaded & self._functions.keys():
            yield from self._reach[name]

    def _block(self, nodes: Sequence[ast.AST | None]) -> _Counts:
        return _sum(*(self._node(node) for node in nodes if node is not None))

    def _node(self, node: ast.AST) -> _Counts:
        match node:
            case ast.If(test=test, body=body, orelse=orelse):
                return _sum(self._node(test), _most(self._block(body), self._block(orelse)))
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return _sum(self._node(test), _most(self._node(body), self._node(orelse)))
            case ast.For(target=target, iter=values, body=body, orelse=orelse):
                once = _times(self._length(values), self._block([target, *body]))
                return _sum(self._node(values), once, self._block(orelse))
            case ast.AsyncFor() | ast.While():
                return _times(inf, self._block(list(ast.iter_child_nodes(node))))
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self._comprehension(node)
            case _:
                return self._other(node)

    def _other(self, node: ast.AST) -> _Counts:
        match node:
            case ast.Match(subject=subject, cases=cases):
                tests = self._block([part for case in cases for part in (case.pattern, case.guard)])
                return _sum(self._node(subject), tests, _most(*(self._block(case.body) for case in cases)))
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return self._block([*node.decorator_list, node.args, node.returns])
            case ast.Lambda(args=args):
                return self._node(args)
            case ast.Call(func=func):
                inner = self._block(list(ast.iter_child_nodes(node)))
                if not isinstance(func, ast.Name):
                    return inner
                once: _Counts = {func.id: 1} if func.id in self._tools else {}
                return _sum(inner, once, self._counts.get(func.id, {}))
            case _:
                return self._block(list(ast.iter_child_nodes(node)))

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> _Counts:
        total: _Counts = {}
        times = 1.0
        for loop in node.generators:
            total = _sum(total, _times(times, self._node(loop.iter)))
            times = _product(times, inf if loop.is_async else self._length(loop.iter))
            total = _sum(total, _times(times, self._block([loop.target, *loop.ifs])))
        made = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        return _sum(total, _times(times, self._block(made)))

    def _length(self, node: ast.expr) -> float:
        found = self._constants.length(node)
        return inf if found is None else found


def _loaded(nodes: Iterable[ast.AST]) -> set[str]:
    return {inner.id for node in nodes for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def _sum(*parts: _Counts) -> _Counts:
    return {name: sum(part.get(name, 0) for part in parts) for name in _keys(parts)}


def _most(*parts: _Counts) -> _Counts:
    return {name: max(part.get(name, 0) for part in parts) for name in _keys(parts)}


def _times(count: float, part: _Counts) -> _Counts:
    return {name: _product(count, each) for name, each in part.items()}


def _product(left: float, right: float) -> float:
    # Nothing, without bound, is nothing.
    product = left * right if left and right else 0
    return inf if product > _MOST else product


def _keys(parts: Iterable[_Counts]) -> list[str]:
    return list(dict.fromkeys(name for part in parts for name in part))


def _opaque(tree: ast.AST) -> bool:
    """Say whether a program may change what its names mean behind the back of whoever counts."""
    if any(module.split(".")[0] in REFLECTIVE or module.startswith(".") for module, _ in imports(tree)):
        return True
    return any(_changes_names(node) for node in ast.walk(tree))


def _changes_names(node: ast.AST) -> bool:
    match node:
        case ast.Name(id="getattr" | "type", ctx=ast.Store()):
            return True
        case ast.Name(id=name):
            return name in FORBIDDEN or (name.startswith("__") and name not in ALLOWED_DUNDERS)
        case ast.Attribute(attr=attr) | ast.alias(name=attr):
            inner = attr.startswith("__") and attr not in ALLOWED_DUNDERS
            return inner or attr in FORBIDDEN_PARTS or attr == "*"
        case ast.Call(func=ast.Name(id="getattr"), args=args):
            return not plain_attribute(args)
        case ast.Call(func=ast.Name(id="type"), args=args):
            return len(args) != 1
        case _:
            return False


def is_plain(tree: ast.AST) -> bool:
    """Say whether all slices are of the language's own values."""
    foreign = any(module not in STANDARD for module, _ in imports(tree))
    return not foreign and not any(isinstance(node, ast.ClassDef) for node in ast.walk(tree))


def plain_attribute(args: Sequence[ast.expr]) -> bool:
    """Say whether `getattr` gets a name that is written out and is not one of Python's own."""
    name = args[1] if len(args) > 1 else None
    return isinstance(name, ast.Constant) and isinstance(name.value, str) and not name.value.startswith("_")


def imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Give the modules that a program imports, with the line."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((alias.name, node.lineno) for alias in names)
            case ast.ImportFrom(module=module, level=level):
                yield "." * level + (module or ""), node.lineno
            case _:
                pass
