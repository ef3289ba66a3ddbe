"""Mutations: small, seeded mistakes in a Python program, as people and models make them.

The kinds follow the operators of mutation testing (Offutt et al., 1996, doi:10.1145/227607.227610).
"""

import ast
import warnings
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import cast

Change = Callable[[], None]
"""Makes one mistake in the tree it was found in."""

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mod,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_KEPT = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal)
"""Statements that are not dropped: what is missing then would be found before the program runs."""

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Loop = ast.For | ast.AsyncFor | ast.While


def mutated_program(text: str, lots: Random) -> str:
    """Make one mistake in a Python program: the result compiles and is another program, its comments are lost.

    The kind of mistake is drawn first, then its place. Raise `SyntaxError` for what is no program.
    """
    tree = ast.parse(text)
    plain = ast.unparse(tree)
    for kind in lots.sample(_KINDS, len(_KINDS)):
        places = len(list(kind(tree)))
        for place in lots.sample(range(places), places):
            wrong = ast.parse(plain)
            list(kind(wrong))[place]()
            changed = ast.unparse(ast.fix_missing_locations(wrong))
            if changed != plain and _compiles(changed):
                return changed
    return _unfinished(plain)


def _compiles(text: str) -> bool:
    with warnings.catch_warnings():
        # Silly code, such as `1 is 1`, is what this module is for.
        warnings.simplefilter("ignore")
        try:
            compile(text, "<mutated>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            return False
    return True


def _unfinished(plain: str) -> str:
    """Leave a program without a place for a mistake unfinished."""
    tree = ast.parse(plain)
    body = next((node.body for node in ast.walk(tree) if isinstance(node, _Function)), tree.body)
    body.append(ast.parse("raise NotImplementedError").body[0])
    return ast.unparse(ast.fix_missing_locations(tree))


# -- kinds of mistakes: each yields a change for every place in the tree, in the same order every time -----------------


def _comparisons(tree: ast.Module) -> Iterator[Change]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            for place, operator in enumerate(node.ops):
                yield _setter(node.ops, place, _COMPARISONS[type(operator)]())


def _operators(tree: ast.Module) -> Iterator[Change]:
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in _OPERATORS:
            yield _attribute(node, "op", _OPERATORS[type(node.op)]())
        elif isinstance(node, ast.BoolOp):
            yield _attribute(node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And())
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield _attribute(node, "operand", ast.UnaryOp(ast.Not(), node.operand))


def _constants(tree: ast.Module) -> Iterator[Change]:
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or id(node) in docstrings:
            continue
        match node.value:
            case bool(value):
                yield _attribute(node, "value", not value)
            case int(value) | float(value):
                yield _attribute(node, "value", value + 1)
                if value > 0:
                    yield _attribute(node, "value", value - 1)
            case str(value):
                yield _attribute(node, "value", value[:-1] if value else " ")
            case _:
                pass


def _off_by_ones(tree: ast.Module) -> Iterator[Change]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="range"), args=[*_, _] as bounds):
                stop = 0 if len(bounds) == 1 else 1
                yield from (_setter(bounds, stop, _shifted(bounds[stop], by)) for by in (1, -1))
            case ast.Slice():
                for name in ("lower", "upper"):
                    bound = cast("ast.expr | None", getattr(node, name))
                    if bound is not None:
                        yield from (_attribute(node, name, _shifted(bound, by)) for by in (1, -1))
            case ast.Subscript(slice=ast.Name() | ast.BinOp() as index):
                yield from (_attribute(node, "slice", _shifted(index, by)) for by in (1, -1))
            case _:
                pass


def _drops(tree: ast.Module) -> Iterator[Change]:
    for body in _bodies(tree):
        for place, statement in enumerate(body):
            documents = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            if not isinstance(statement, _KEPT) and not isinstance(statement, ast.Pass) and not documents:
                yield _setter(body, place, ast.Pass())


def _branches(tree: ast.Module) -> Iterator[Change]:
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and node.orelse:
            yield _swap(node)
        elif isinstance(node, ast.If | ast.While):
            yield _attribute(node, "test", ast.UnaryOp(ast.Not(), node.test))
        elif isinstance(node, ast.IfExp):
            yield _swap(node)


def _variables(tree: ast.Module) -> Iterator[Change]:
    for function in _functions(tree):
        arguments = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
        names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
        known = dict.fromkeys([*arguments, *(node.id for node in names if isinstance(node.ctx, ast.Store))])
        for node in names:
            if isinstance(node.ctx, ast.Load) and node.id in known:
                yield from (_attribute(node, "id", other) for other in known if other != node.id)


def _early_returns(tree: ast.Module) -> Iterator[Change]:
    for function in _functions(tree):
        returns = [node for node in ast.walk(function) if isinstance(node, ast.Return)]
        if not returns:
            continue
        for node in ast.walk(function):
            if isinstance(node, _Loop):
                yield _appender(node.body, ast.Return(returns[-1].value))


_KINDS: Sequence[Callable[[ast.Module], Iterator[Change]]] = (
    _comparisons,
    _operators,
    _constants,
    _off_by_ones,
    _drops,
    _branches,
    _variables,
    _early_returns,
)

# -- changes -----------------------------------------------------------------------------------------------------------


def _functions(tree: ast.Module) -> Iterator[_Function]:
    return (node for node in ast.walk(tree) if isinstance(node, _Function))


def _bodies(tree: ast.Module) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            body: object = getattr(node, name, None)
            if isinstance(body, list):
                yield cast("list[ast.stmt]", body)


def _shifted(bound: ast.expr, by: int) -> ast.expr:
    return ast.BinOp(bound, ast.Add() if by > 0 else ast.Sub(), ast.Constant(1))


def _attribute(node: ast.AST, name: str, value: object) -> Change:
    return lambda: setattr(node, name, value)


def _setter(items: list[ast.cmpop] | list[ast.expr] | list[ast.stmt], place: int, value: ast.AST) -> Change:
    return lambda: cast("list[ast.AST]", items).__setitem__(place, value)


def _appender(body: list[ast.stmt], statement: ast.stmt) -> Change:
    return lambda: body.append(statement)


def _swap(node: ast.If | ast.IfExp) -> Change:
    # The type of a branch is that of the node, so both sides are of one type.
    body, orelse = cast("object", node.body), cast("object", node.orelse)

    def change() -> None:
        setattr(node, "body", orelse)  # noqa: B010 - of two types, which only a plain setattr can express
        setattr(node, "orelse", body)  # noqa: B010

    return change
